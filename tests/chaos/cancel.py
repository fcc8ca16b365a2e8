"""A run on a terminal that is told to stop at some moment: Ctrl-C there, or `orch cancel` from elsewhere.

Its model takes its time, and its tools are processes that start processes. Afterwards none of them may be there.
"""

from __future__ import annotations

import json
import os
import pty
import random
import re
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.request import Request, urlopen

import psutil

from orchestrator.config import Config
from orchestrator.providers.hosts import Hosts
from orchestrator.store.open import open_store

WORKFLOW = """
orch: 1
models: {tiny: "scripted:answers.yaml"}
agents: {writer: {model: tiny}}
tools: {nap: {python: "tools.py:nap", effects: none}}
steps:
  each:
    foreach: [1, 2, 3, 4]
    steps:
      draft: {agent: writer, prompt: "draft {{ item }}", on_error: {value: cut off}}
      rest: {tool: nap, with: {mark: "MARK", after: "{{ draft }}"}}
  end: {value: "{{ each | map(attribute='rest') | join(' ') }}"}
"""
EMBEDDED = '{use: "llamacpp:smollm2-135m", context: 768, params: {temperature: 0, max_tokens: 100}}'
"""A model whose host computes long answers, in place of the one that takes its time from a file."""
ANSWERS = "- {match: draft, chunks: [on, ce, ' ', upon], delay: 100ms}\n"
TOOLS = '''
import subprocess, pathlib

def nap(mark: str, after: str) -> str:
    """Sleeps in a process of its own."""
    if not pathlib.Path("FOLDER/awake").exists():
        subprocess.run(["sleep", mark], check=False)
    return after
'''
START = """
import fcntl, os, signal, sys, termios
signal.signal(signal.SIGINT, signal.SIG_DFL)  # whoever was started in the background inherits that it is ignored
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.write(1, b"ready")
os.execv(sys.executable, sys.argv[1:])
"""
"""Makes the terminal the one whose Ctrl-C is heard, and becomes the command."""
LONGEST = 60.0
"""Seconds after which a command is given up; nothing depends on them."""
PATIENCE = 5.0
"""Seconds in which a host notices that nobody waits for its answer."""


@dataclass
class Stopped:
    """How a command ended: seconds from the word to the end, what it wrote, what it left behind."""

    seconds: float
    code: int
    said: str
    orphans: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    status: str = ""
    resumed: int | None = None
    starting: float = 0.0
    """Seconds of these that `orch cancel` itself took, most of them to start."""

    @property
    def is_wrong(self) -> bool:
        """Something is left, damaged, cannot be gone on with, or ended in a traceback."""
        ended = (
            self.code != -9
            and self.status in ("", "interrupted", "cancelled", "done")
            and self.resumed in (None, 0)
        )
        return bool(self.orphans or self.problems or "Traceback" in self.said or not ended)


def prepare(folder: Path, number: int, *, embedded: bool = False) -> str:
    """The files of one trial; returns the mark by which its processes are known."""
    workflow = WORKFLOW.replace('"scripted:answers.yaml"', EMBEDDED) if embedded else WORKFLOW
    mark = f"{random.SystemRandom().randrange(10**7, 10**8)}.{number}"
    (folder / "orch.yaml").write_text("orch: 1\n", encoding="utf-8")
    (folder / "workflow.yaml").write_text(workflow.replace("MARK", mark), encoding="utf-8")
    (folder / "answers.yaml").write_text(ANSWERS, encoding="utf-8")
    (folder / "tools.py").write_text(TOOLS.replace("FOLDER", str(folder)), encoding="utf-8")
    return mark


def stop_at(folder: Path, mark: str, moment: float, how: str, *, begun: bool = False) -> Stopped:
    """Start a run, wait so many seconds, say the word, look at what is left, and go on with the run.

    The seconds count from the start of the process, or when the run has `begun` from then on: a busy machine takes its time.
    """
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", START, sys.executable, "-m", "orchestrator", "run", "workflow.yaml"],
        cwd=folder, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
        env={**os.environ, "TERM": "xterm-256color"},
    )  # fmt: skip
    os.close(theirs)
    said = _read(ours, LONGEST, "ready")
    said += _read(ours, LONGEST, "steps") if begun else ""
    said += _read(ours, moment)
    family = _family(process.pid)
    began = said_at = time.monotonic()
    if how == "ctrl-c":
        os.write(ours, b"\x03")
    else:
        began, said_at = _ask_to_cancel(folder, process), time.monotonic()
    said += _read(ours, LONGEST)
    code = _code(process)
    stopped = Stopped(time.monotonic() - began, code, said, starting=said_at - began)
    os.close(ours)
    stopped.orphans = _left(family, mark)
    _look(folder, stopped)
    return stopped


def _code(process: subprocess.Popen[bytes]) -> int:
    """How it ended; -9 when it had to be killed."""
    try:
        return process.wait(1.0)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def _ask_to_cancel(folder: Path, process: subprocess.Popen[bytes]) -> float:
    """Until there is a run that can be asked, or none any more; when the one began that was heard."""
    while process.poll() is None:
        began = time.monotonic()
        words = [*_orch(), "cancel", "last"]
        if not subprocess.run(words, cwd=folder, capture_output=True, check=False).returncode:
            return began
    return time.monotonic()


def _orch() -> list[str]:
    return [sys.executable, "-m", "orchestrator"]


def _look(folder: Path, stopped: Stopped) -> None:
    """What the record says, and whether the run can be brought to its end."""
    database = folder / ".orch" / "store.db"
    store = open_store(database) if database.exists() else None
    runs = store.runs() if store is not None else []
    if store is not None and runs:
        stopped.status, stopped.problems = runs[0].status, store.verify(runs[0].id)
    if store is not None:
        store.close()
    if stopped.status in ("interrupted", "cancelled"):
        (folder / "awake").touch()
        done = subprocess.run([*_orch(), "resume", "last"], cwd=folder, capture_output=True, check=False)
        stopped.resumed = done.returncode


def _read(screen: int, seconds: float, until: str = "\0") -> str:
    """What is written in so many seconds, until that is written, or until nobody writes any more."""
    text, end = "", time.monotonic() + seconds
    while until not in text and (rest := end - time.monotonic()) > 0:
        try:
            if select.select([screen], [], [], rest)[0]:
                data = os.read(screen, 65536)
                if not data:
                    break
                text += data.decode(errors="replace")
        except OSError:  # the other side is closed
            break
    return text


def _family(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _left(family: list[psutil.Process], mark: str) -> list[str]:
    """Processes of the run that are still there; those that are dying get a moment."""
    _, alive = psutil.wait_procs(family, timeout=1.0)
    left = [f"{one.pid} {one.name()}" for one in alive if one.is_running() and one.status() != "zombie"]
    marked = re.compile(re.escape(mark))
    for one in psutil.process_iter(["cmdline", "name"]):
        words = " ".join(one.info["cmdline"] or ())
        if one.info["name"] == "sleep" and marked.search(words):
            left.append(f"{one.pid} {words}")
    return left


# ------------------------------------------------------------------------------------------------- the host


@contextmanager
def own_home() -> Iterator[Hosts]:
    """A home for trials, with the user's weights; hosts that were started in it end with it."""
    weights = Config.from_environment(os.environ, Path.cwd()).models
    with tempfile.TemporaryDirectory(prefix="chaos-") as home:
        (Path(home) / "models").symlink_to(weights)
        os.environ["ORCH_HOME"] = home
        hosts = Hosts(Path(home) / "run" / "hosts", environ=os.environ)
        yield hosts
        for host in hosts.running():
            hosts.stop(host.identity)


def still_computing(hosts: Hosts) -> list[str]:
    """Hosts that go on with an answer that nobody waits for."""
    end = time.monotonic() + PATIENCE
    while (busy := list(_busy(hosts))) and time.monotonic() < end:
        time.sleep(0.1)
    return busy


def _busy(hosts: Hosts) -> Iterator[str]:
    for host in hosts.running():
        if host.state is not None:
            key = {"Authorization": f"Bearer {host.state.key}"}
            with urlopen(Request(f"{host.state.url}/slots", headers=key), timeout=LONGEST) as answer:
                slots = json.load(answer)
            yield from (f"slot {slot['id']} of {host.identity}" for slot in slots if slot["is_processing"])
