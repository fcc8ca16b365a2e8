"""A peer in a process of its own, asked over its standard input; killed when it takes longer than it may."""

from __future__ import annotations

import json
import os
import resource
import select
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 60.0
"""Seconds for a run: what takes longer is said, not waited for."""


class TooSlow(Exception):
    """Took longer than a run may."""


class Absent(Exception):
    """The peer is not there, or failed; the message is the last line that it said."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Microseconds for a step."""

    cpu: float
    wall: float


class Worker:
    """Answers one question at a time. A context manager: leaves no process behind."""

    def __init__(self, python: Path, name: str) -> None:
        self.works: list[str] = []
        self._process = subprocess.Popen(
            _command(python, name),
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def __enter__(self) -> Self:
        try:
            self.works = self._read(PATIENCE)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ask(self, work: str, steps: int) -> Cost:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"work": work, "steps": steps}).encode() + b"\n")
        self._process.stdin.flush()
        found = self._read(PATIENCE)
        return Cost(found["cpu"], found["wall"])

    def close(self, patience: float = 10.0) -> None:
        """Lets it tidy up, for so long."""
        if self._process.poll() is None:
            try:
                self._process.communicate(timeout=patience)  # the end of its input
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.communicate()

    def _read(self, patience: float) -> Any:
        assert self._process.stdout is not None
        if not select.select([self._process.stdout], [], [], patience)[0]:
            raise TooSlow
        line = self._process.stdout.readline()
        if not line:
            raise Absent(_last(self._process.communicate()[1]))
        return json.loads(line)


def start(python: Path, name: str) -> Cost:
    """Milliseconds of a process that imports the peer and runs one step."""
    before, began = _children(), time.perf_counter()
    done = subprocess.run([*_command(python, name), "--once"], cwd=ROOT, capture_output=True, check=False)
    took = time.perf_counter() - began
    if done.returncode:
        raise Absent(_last(done.stderr))
    return Cost((_children() - before) * 1e3, took * 1e3)


def _command(python: Path, name: str) -> list[str]:
    return [os.fspath(python), "-m", "benchmarks.peers.serve", name]


def _children() -> float:
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def _last(error: bytes) -> str:
    lines = error.decode(errors="replace").strip().splitlines()
    return lines[-1][:200] if lines else "it ended"
