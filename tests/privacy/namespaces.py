"""Network namespaces of the test's own: one without any network, and one with a machine "elsewhere" at 203.0.113.7.

Run as a program inside a fresh namespace it builds the second kind and then does what it is told.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path
from typing import Any

HERE, AWAY, PORT = "203.0.113.1", "203.0.113.7", 8080
LISTEN = """
import json, re, socket, sys

def whole(data):
    head, end, body = data.partition(b"\\r\\n\\r\\n")
    length = re.search(rb"(?i)content-length: (\\d+)", head)
    return bool(end) and len(body) >= (int(length[1]) if length else 0)

server = socket.create_server(("203.0.113.7", 8080))
log = open(sys.argv[1], "a", buffering=1)
log.write(json.dumps("listening") + "\\n")
while True:
    connection, _ = server.accept()
    connection.settimeout(5.0)
    data = b""
    try:
        while not whole(data):
            more = connection.recv(1_000_000)
            if not more:
                break
            data += more
    except OSError:
        pass
    log.write(json.dumps(data.decode("utf-8", "replace")) + "\\n")
    body = b'{"object": "list", "data": [{"id": "m"}]}'
    head = f"HTTP/1.1 200 OK\\r\\nContent-Type: application/json\\r\\nConnection: close\\r\\nContent-Length: {len(body)}"
    connection.sendall(head.encode() + b"\\r\\n\\r\\n" + body)
    connection.close()
"""


def why_not(*programs: str) -> str:
    """Why no namespaces can be made here; empty when they can."""
    missing = [name for name in ("unshare", "ip", *programs) if shutil.which(name) is None]
    if missing:
        return f"there is no {', '.join(missing)}"
    tried = subprocess.run(
        [
            "unshare",
            "-n",
            "-m",
            "sh",
            "-c",
            "ip link set lo up && ip link add veth0 type veth peer name veth1",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    return f"namespaces are not permitted here: {tried.stderr.strip()}" if tried.returncode else ""


def alone(*command: str) -> list[str]:
    """The command line that runs a command where there is nothing but loopback."""
    return ["unshare", "-n", "sh", "-c", 'ip link set lo up && exec "$@"', "sh", *command]


def beside_elsewhere(root: Path, commands: dict[str, list[str]], hosts: str) -> dict[str, Any]:
    """Run commands beside a machine elsewhere: exit code and words of each, and what that machine was sent meanwhile.

    `hosts` is /etc/hosts as they see it.
    """
    task = {"commands": commands, "hosts": hosts, "root": str(root)}
    done = subprocess.run(
        ["unshare", "-n", "-m", sys.executable, __file__],
        input=json.dumps(task),
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


# ------------------------------------------------------------------------------- inside the fresh namespace


def _main(task: dict[str, Any]) -> dict[str, Any]:
    hosts = Path(tempfile.mkdtemp()) / "hosts"
    hosts.write_text(task["hosts"], encoding="utf-8")
    log = hosts.with_name("log")
    _call("mount", "--make-rprivate", "/")
    _call("mount", "--bind", str(hosts), "/etc/hosts")
    _call("ip", "link", "set", "lo", "up")
    away = subprocess.Popen(["unshare", "-n", "sleep", "300"])
    try:
        _until(lambda: _network(away.pid) != _network(os.getpid()))
        _call("ip", "link", "add", "veth0", "type", "veth", "peer", "name", "veth1")
        _call("ip", "link", "set", "veth1", "netns", str(away.pid))
        _call("ip", "addr", "add", f"{HERE}/24", "dev", "veth0")
        _call("ip", "link", "set", "veth0", "up")
        inside = ("nsenter", "-t", str(away.pid), "-n")
        _call(*inside, "ip", "addr", "add", f"{AWAY}/24", "dev", "veth1")
        _call(*inside, "ip", "link", "set", "veth1", "up")
        server = subprocess.Popen([*inside, sys.executable, "-c", textwrap.dedent(LISTEN), str(log)])
        try:
            _until(log.exists)
            _until(lambda: "listening" in log.read_text())
            return {name: _watched(command, log, task["root"]) for name, command in task["commands"].items()}
        finally:
            server.kill()
            server.wait()
    finally:
        away.kill()
        away.wait()


def _watched(command: list[str], log: Path, root: str) -> dict[str, Any]:
    before = len(log.read_text().splitlines())
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=120, check=False)
    time.sleep(0.1)  # what was sent last is still being written down
    sent = [json.loads(line) for line in log.read_text().splitlines()[before:]]
    return {"code": done.returncode, "said": done.stdout + done.stderr, "sent": sent}


def _network(pid: int) -> str:
    try:
        return str(Path(f"/proc/{pid}/ns/net").readlink())
    except OSError:
        return ""


def _until(true: Any) -> None:
    for _ in range(500):
        if true():
            return
        time.sleep(0.02)
    raise TimeoutError("the namespace was not ready")


def _call(*command: str) -> None:
    subprocess.run(command, check=True, stdout=sys.stderr)


if __name__ == "__main__":
    json.dump(_main(json.load(sys.stdin)), sys.stdout)
