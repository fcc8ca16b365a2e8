"""The environment that a program of the user gets: its own settings, none of the keys that orch itself works with."""

from __future__ import annotations

from collections.abc import Collection, Mapping

_SERVER = ("HOME", "LOGNAME", "PATH", "SHELL", "TERM", "USER", "LANG", "TZ", "TMPDIR", "VIRTUAL_ENV", "SSL_CERT_FILE", "SSL_CERT_DIR")  # fmt: skip
_SERVER_PREFIXES = ("LC_", "XDG_")


def without_keys(environ: Mapping[str, str], withheld: Collection[str] = ()) -> dict[str, str]:
    """For code of the project, trusted as its file is. `withheld` names variables that models have their keys from."""
    return {
        name: value
        for name, value in environ.items()
        if not name.endswith("_API_KEY") and not name.startswith("ORCH_") and name not in withheld
    }


def bare(environ: Mapping[str, str]) -> dict[str, str]:
    """For a server that somebody else wrote: where things lie, and nothing that could be a secret."""
    return {
        name: value for name, value in environ.items() if name in _SERVER or name.startswith(_SERVER_PREFIXES)
    }
