"""yaml-language-server, installed by npm once per machine, spoken to over stdio."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Queue
from typing import IO, Any

VERSION = "1.25.0"
PATIENCE = 120.0
"""Seconds to wait for an answer: only a server that hangs is ever waited for so long."""


def installed() -> Path:
    """The server's script; npm fetches it when this machine does not have it yet."""
    home = Path(tempfile.gettempdir()) / f"orch-yaml-language-server-{VERSION}"
    script = home / "node_modules" / "yaml-language-server" / "bin" / "yaml-language-server"
    if not script.exists():
        _install(home)
    return script


def _install(home: Path) -> None:
    """Beside its place first, then all at once: another run may be doing the same."""
    npm = shutil.which("npm")
    assert npm is not None
    fresh = Path(tempfile.mkdtemp(dir=home.parent))
    options = ["--prefix", str(fresh), "--no-audit", "--no-fund", "--ignore-scripts"]
    command = [npm, "install", *options, f"yaml-language-server@{VERSION}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"npm could not install yaml-language-server: {done.stderr[-500:]}"
    try:
        fresh.rename(home)
    except OSError:
        shutil.rmtree(fresh)


class Client:
    """A client of the Language Server Protocol, as small as the tests need it."""

    def __init__(self, process: subprocess.Popen[bytes], root: Path) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._in: IO[bytes] = process.stdin
        self._out: IO[bytes] = process.stdout
        self._answers: Queue[dict[str, Any]] = Queue()
        self._diagnostics: Queue[dict[str, Any]] = Queue()
        self._next = 0
        threading.Thread(target=self._listen, daemon=True).start()
        self.ask("initialize", {"processId": None, "rootUri": root.as_uri(), "capabilities": {}})
        self.tell("initialized", {})

    def open(self, file: Path) -> list[dict[str, Any]]:
        """Open a file; what the server finds wrong with it."""
        document = {
            "uri": file.as_uri(),
            "languageId": "yaml",
            "version": 1,
            "text": file.read_text(encoding="utf-8"),
        }
        self.tell("textDocument/didOpen", {"textDocument": document})
        while True:
            found = self._diagnostics.get(timeout=PATIENCE)
            if found["uri"] == file.as_uri():
                return list(found["diagnostics"])

    def at(self, method: str, file: Path, line: int, character: int) -> Any:
        """Ask something about a place; both numbers begin at 0."""
        position = {"line": line, "character": character}
        return self.ask(
            f"textDocument/{method}", {"textDocument": {"uri": file.as_uri()}, "position": position}
        )

    def ask(self, method: str, params: dict[str, Any]) -> Any:
        self._next += 1
        self._send({"jsonrpc": "2.0", "id": self._next, "method": method, "params": params})
        while True:
            answer = self._answers.get(timeout=PATIENCE)
            if answer["id"] == self._next:
                assert "error" not in answer, answer
                return answer["result"]

    def tell(self, method: str, params: dict[str, Any]) -> None:
        self._send({"jsonrpc": "2.0", "method": method, "params": params})

    def _send(self, message: dict[str, Any]) -> None:
        body = json.dumps(message).encode()
        self._in.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self._in.flush()

    def _listen(self) -> None:
        while header := self._out.readline():
            length = 0
            while header.strip():
                name, _, value = header.decode().partition(":")
                length = int(value) if name.lower() == "content-length" else length
                header = self._out.readline()
            self._take(json.loads(self._out.read(length)))

    def _take(self, message: dict[str, Any]) -> None:
        if message.get("method") == "textDocument/publishDiagnostics":
            self._diagnostics.put(message["params"])
        elif "method" not in message:
            self._answers.put(message)
        elif "id" in message:
            self._send({"jsonrpc": "2.0", "id": message["id"], "result": self._settings(message)})

    def _settings(self, message: dict[str, Any]) -> Any:
        """The server asks for its settings: nothing may be fetched."""
        if message["method"] != "workspace/configuration":
            return None
        yaml = {"schemaStore": {"enable": False}, "completion": True, "hover": True, "validate": True}
        return [yaml if item.get("section") == "yaml" else {} for item in message["params"]["items"]]


@contextmanager
def language_server(root: Path) -> Iterator[Client]:
    """A running server for the files in this directory."""
    node = shutil.which("node")
    assert node is not None
    command = [node, str(installed()), "--stdio"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        try:
            yield Client(process, root)
        finally:
            process.kill()
