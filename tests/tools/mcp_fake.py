"""A server that misbehaves, for the tests of MCP: `mcp_fake.py METHOD WHAT` does WHAT when METHOD is asked."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

TOOL = {"name": "send", "inputSchema": {"type": "object", "properties": {"to": {"type": "string"}}}}
RESULTS: dict[str, dict[str, Any]] = {
    "initialize": {
        "protocolVersion": "2025-06-18",
        "capabilities": {"tools": {}},
        "serverInfo": {"name": "fake", "version": "1"},
    },
    "tools/list": {"tools": [TOOL]},
    "tools/call": {"content": [{"type": "text", "text": "sent"}]},
}


def misbehave(what: str) -> None:
    match what:
        case "hang":
            time.sleep(1000)
        case "die":
            sys.stderr.write("no such\x1b[31m mailbox\n")
            sys.stderr.flush()
            os._exit(3)
        case "huge":
            sys.stdout.write("x" * (17 << 20) + "\n")
        case "endless":
            for _ in range(1 << 20):
                sys.stdout.write("x" * (1 << 16))
        case "noise":
            sys.stdout.write("Starting up ...\n{}\n[1]\n")
            sys.stderr.write("warning: " + "y" * 5_000_000 + "\n")
        case "escape":
            child = subprocess.Popen(["sleep", "1000"], start_new_session=True)
            Path(sys.argv[3]).write_text(str(child.pid), encoding="utf-8")
            if len(sys.argv) > 4:
                os._exit(3)
        case "pages":
            pass


def main(method: str, what: str) -> None:
    if len(sys.argv) > 3:
        Path(sys.argv[3]).write_text(str(os.getpid()), encoding="utf-8")
    if what == "stay":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if method == "start":
        misbehave(what)
    while line := sys.stdin.readline():
        request = json.loads(line)
        asked = request.get("method", "")
        if asked == method:
            misbehave(what)
        answer: dict[str, Any] = {"result": RESULTS.get(asked, {})}
        if asked == method and what == "pages":
            tool = {**TOOL, "name": f"tool{request['id']}"}
            answer = {"result": {"tools": [tool], "nextCursor": "again"}}
        if asked == method and what == "refuse":
            answer = {"error": {"code": -32602, "message": "no mailbox"}}
        if asked == method and what == "nonsense":
            answer = {"result": {"content": "sent"}}
        if asked == method and what == "nan":
            answer = {"result": {"content": [], "structuredContent": {"a": [float("nan")]}}}
        if asked == method and what == "circle":
            schema = {"$ref": "#/$defs/A", "$defs": {"A": {"$ref": "#/$defs/A"}}}
            answer = {"result": {"tools": [{**TOOL, "outputSchema": schema}]}}
        if asked == method and what == "deep":
            deep = "[" * 100_000 + "]" * 100_000
            sys.stdout.write(
                f'{{"jsonrpc": "2.0", "id": {request["id"]}, "result": {{"content": {deep}}}}}\n'
            )
            sys.stdout.flush()
        elif "id" in request:
            sys.stdout.write(json.dumps({"jsonrpc": "2.0", "id": request["id"], **answer}) + "\n")
            sys.stdout.flush()
    if what == "stay":
        time.sleep(1000)


main(sys.argv[1], sys.argv[2])
