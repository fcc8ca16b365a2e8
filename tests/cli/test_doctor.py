"""`orch doctor`: what it finds, with servers and homes of the test's own."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner

from orchestrator.cli.checkup import checkup
from orchestrator.cli.checkup_models import fits
from orchestrator.cli.checkup_servers import Server
from orchestrator.cli.finding import Finding
from orchestrator.cli.main import cli
from orchestrator.config import STORE_FILE, Config
from orchestrator.providers.catalog import find
from orchestrator.store.open import open_store


@contextmanager
def answering(body: bytes) -> Iterator[str]:
    """A server on loopback that answers everything with this."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Tests are quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def found(tmp_path: Path, *servers: Server, **environ: str) -> list[Finding]:
    settings = {"PATH": os.environ["PATH"], "ORCH_HOME": str(tmp_path / "home"), **environ}
    return checkup(Config.from_environment(settings, tmp_path), settings, servers)


def text(findings: list[Finding]) -> str:
    return "\n".join(f"{f.level}: {f.text} -> {f.hint}" for f in findings)


def test_a_fresh_machine_is_told_what_to_fetch(tmp_path: Path) -> None:
    """That is no problem: the first run fetches it."""
    findings = found(tmp_path)

    assert "note: no model is on this machine yet -> orch models pull smollm2-135m" in text(findings)
    assert "xllamacpp" in text(findings)
    assert "physical cores" in text(findings)


def test_offline_without_a_model_is_a_problem(tmp_path: Path) -> None:
    """Nothing could run."""
    findings = found(tmp_path, ORCH_OFFLINE="1")

    assert "problem: no model is on this machine yet" in text(findings)
    assert "ORCH_OFFLINE is set" in text(findings)


def test_a_server_that_answers_is_shown_with_its_models_and_its_trap(tmp_path: Path) -> None:
    """Ollama's default context is one of the known traps."""
    with answering(b'{"models": [{"name": "llama3.2:3b"}]}') as url:
        findings = found(tmp_path, Server("Ollama", url, "/api/tags", "ollama:NAME"))

    assert f"Ollama answers at {url}: llama3.2:3b" in text(findings)
    assert "4096 tokens" in text(findings)


@pytest.mark.parametrize("body", [b"<html>hello", b"[1]", b'{"data": 7}', b"\xff\xfe", b"[" * 5000])
def test_something_else_on_the_port_is_not_taken_for_a_model_server(tmp_path: Path, body: bytes) -> None:
    """Port 8080 is everybody's."""
    with answering(body) as url:
        findings = found(tmp_path, Server("llama-server", url, "/v1/models", "llama-server:NAME"))

    assert "not running: llama-server" in text(findings)


def test_the_names_a_server_gives_are_shown_not_obeyed(tmp_path: Path) -> None:
    """No answer can write control characters to the terminal through the JSON either."""
    with answering(b'{"data": [{"id": "\\u001b]0;evil\\u0007"}, 5, {"id": null}]}') as url:
        findings = found(tmp_path, Server("vLLM", url, "/v1/models", "vllm:NAME"))

    assert "vLLM answers" in text(findings)


def test_an_ollama_off_this_machine_and_proxies_are_said(tmp_path: Path) -> None:
    """What leaves the machine should surprise nobody."""
    findings = found(tmp_path, OLLAMA_HOST="10.0.0.3:11434", HTTPS_PROXY="http://proxy:3128")

    assert "warning: OLLAMA_HOST points off this machine" in text(findings)
    assert "HTTPS_PROXY set" in text(findings)
    assert "proxy:3128" not in text(findings)


def test_an_ollama_on_this_machine_is_no_warning(tmp_path: Path) -> None:
    """Neither its address nor the one a server binds to."""
    assert "OLLAMA_HOST" not in text(found(tmp_path, OLLAMA_HOST="127.0.0.1:11434"))
    assert "OLLAMA_HOST" not in text(found(tmp_path, OLLAMA_HOST="0.0.0.0"))


def test_what_fits_depends_on_the_free_memory() -> None:
    """A 7B model does not fit into one gigabyte; the default model does."""
    mistral, tiny = find("mistral-7b"), find("smollm2-135m")

    assert mistral is not None
    assert tiny is not None
    assert not fits(mistral, 1 << 30)
    assert fits(tiny, 4 << 30)


def test_the_command_prints_topics_and_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 0 when nothing keeps orch from running a model, 1 when something does."""
    monkeypatch.setenv("ORCH_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)

    plain = CliRunner().invoke(cli, ["doctor"])
    monkeypatch.setenv("ORCH_OFFLINE", "1")
    broken = CliRunner().invoke(cli, ["doctor", "--json"])

    assert plain.exit_code == 0
    assert "Inference engine\n" in plain.stdout
    assert "\x1b" not in plain.stdout
    assert broken.exit_code == 1
    assert json.loads(broken.stdout)["ok"] is False


def test_the_users_settings_are_named_and_checked(tmp_path: Path) -> None:
    """Where the file would be, that it is there, or the place of its first mistake."""
    path = tmp_path / "home" / "config.yaml"

    missing = text(found(tmp_path))
    path.parent.mkdir(exist_ok=True)
    path.write_text("tui: {mouse: false}\n", encoding="utf-8")
    right = text(found(tmp_path))
    path.write_text("tui: {mice: false}\n", encoding="utf-8")
    wrong = text(found(tmp_path))

    assert f"note: {path} is not there" in missing
    assert f"ok: in {path}" in right
    assert f"warning: {path}:1:7: there is no key 'mice'" in wrong


def test_a_store_that_is_damaged_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is looked through, not only found: here a page that lists and prunings never read."""
    file = tmp_path / "home" / "store" / STORE_FILE
    file.parent.mkdir(parents=True)
    store = open_store(file)
    with store.reading() as connection:
        page = connection.exec_driver_sql(
            "SELECT rootpage FROM sqlite_master WHERE name = 'cache'"
        ).scalar_one()
        size = connection.exec_driver_sql("PRAGMA page_size").scalar_one()
    store.close()
    config = Config.from_environment({"ORCH_HOME": str(tmp_path / "home")}, tmp_path)
    assert [one.level for one in checkup(config, {}, ()) if one.topic == "Runs"] == ["ok"]

    with file.open("r+b") as opened:
        opened.seek((page - 1) * size)
        opened.write(b"\xff" * size)

    (found,) = [one for one in checkup(config, {}, ()) if one.topic == "Runs"]
    assert found.level == "problem"
    assert "is damaged" in found.text
