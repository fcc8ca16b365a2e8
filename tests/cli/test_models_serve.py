"""`orch models serve`: an embedded model for other programs, and as a stand-in for a cloud."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from orchestrator.cli.main import cli
from orchestrator.providers.registry import _found

ROOT = Path(__file__).parents[2]
SERVE = (sys.executable, "-m", "orchestrator", "models", "serve", "smollm2-135m", "--port", "0")


@contextmanager
def served(*more: str, **environ: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Its address, and its process, which is ended behind."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1", **environ}
    with subprocess.Popen([*SERVE, *more], stderr=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stderr is not None
            said = next(line for line in process.stderr if "answers at" in line)
            found = re.search(r"http://\S+", said)
            assert found is not None
            yield found[0], process
        finally:
            process.terminate()


def ask(url: str, key: str = "") -> dict[str, object]:
    body = {"model": "stand-in", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 4}
    request = urllib.request.Request(
        f"{url}/chat/completions",
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json", "Authorization": f"Bearer {key}"},
    )
    with urllib.request.urlopen(request, timeout=120) as answer:
        found: dict[str, object] = json.load(answer)
    return found


@pytest.mark.real_model
def test_it_answers_under_the_chosen_name_until_it_is_told_to_end() -> None:
    """OpenAI's API on loopback; Ctrl-C is a good end."""
    with served("--as", "stand-in") as (url, process):
        answer = ask(url)
        process.send_signal(signal.SIGINT)
        code = process.wait(60)

    assert url.startswith("http://127.0.0.1:")
    assert answer["model"] == "stand-in"
    assert code == 0


@pytest.mark.real_model
def test_with_a_key_only_who_has_it_is_answered() -> None:
    """The key comes from the environment."""
    with served("--key", "env.STAND_IN_KEY", STAND_IN_KEY="open-sesame") as (url, _):
        with pytest.raises(urllib.error.HTTPError) as refused:
            ask(url, "guessed")
        refused.value.close()
        answer = ask(url, "open-sesame")

    assert refused.value.code == 401
    assert answer["choices"]


@pytest.mark.real_model
def test_a_taken_port_is_named() -> None:
    """And what to do about it."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]

        done = CliRunner().invoke(cli, ["models", "serve", "smollm2-135m", "--port", str(port)])

    assert done.exit_code == 2
    assert f"port {port} of this machine cannot be used" in done.stderr
    assert "--port" in done.stderr


def test_a_key_on_the_command_line_is_refused() -> None:
    """It would stand in the list of processes; and it is not repeated."""
    done = CliRunner().invoke(cli, ["models", "serve", "smollm2-135m", "--key", "sk-12345"])

    assert done.exit_code == 2
    assert "sk-12345" not in done.stderr


def test_a_key_that_is_not_set_is_named() -> None:
    """Before anything is loaded."""
    done = CliRunner().invoke(cli, ["models", "serve", "smollm2-135m", "--key", "env.STAND_IN_KEY"])

    assert done.exit_code == 4
    assert "STAND_IN_KEY" in done.stderr


def test_orch_in_serve_is_this_orch() -> None:
    """A file that starts its stand-in with `orch` needs no path."""
    assert _found(("orch", "models")) == (sys.executable, "-m", "orchestrator", "models")
    assert _found(("vllm", "serve")) == ("vllm", "serve")
