"""The peers' own virtual environment: made once for a list of requirements, kept in the user's cache directory.

Never in the environment of orch. A peer that cannot be installed is named with the reason, and the others are measured.

    python -m benchmarks.peers.environment
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import venv
from pathlib import Path

import platformdirs

LIST = Path(__file__).with_name("requirements.txt")


def prepared() -> tuple[Path, dict[str, str]]:
    """Its Python, and why a requirement is missing."""
    folder = _folder()
    facts, python = folder / "missing.json", folder / "bin" / "python"
    if not facts.exists():
        print(f"making the peers' environment in {folder} …", file=sys.stderr)
        venv.create(folder, with_pip=True, clear=True)
        facts.write_text(json.dumps(_install(python)), encoding="utf-8")
    missing = json.loads(facts.read_text(encoding="utf-8"))
    return python, {str(name): str(why) for name, why in missing.items()}


def requirements() -> dict[str, str]:
    """Version by name."""
    lines = (line.partition("#")[0].strip() for line in LIST.read_text(encoding="utf-8").splitlines())
    return dict(line.split("==") for line in lines if line)


def _folder() -> Path:
    given = os.environ.get("ORCH_BENCH_PEERS")
    if given:
        return Path(given)
    key = hashlib.sha256(LIST.read_bytes() + sys.version.encode()).hexdigest()[:12]
    return Path(platformdirs.user_cache_dir("orch-bench")) / f"peers-{key}"


def _install(python: Path) -> dict[str, str]:
    """All at once; one by one when that fails, so that the rest is there."""
    if not _pip(python, "-r", str(LIST)):
        return {}
    tried = {name: _pip(python, f"{name}=={version}") for name, version in requirements().items()}
    return {name: why for name, why in tried.items() if why}


def _pip(python: Path, *what: str) -> str:
    """The last line of what went wrong, if anything."""
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *what]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
    return "" if done.returncode == 0 else (lines or ["pip failed"])[-1].removeprefix("ERROR: ")


if __name__ == "__main__":
    path, absent = prepared()
    print(path, *(f"not installed: {name}: {why}" for name, why in absent.items()), sep="\n")
