"""Real processes of `orch run` and `orch resume`, killed by the clock and not at a boundary; now and then two resume at once.

What they said on their standard output (`--events`) was acknowledged; what their tool did stands in a file.
"""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.events import RunFinished, encode
from orchestrator.store.open import open_store
from tests.chaos.trial import repeated

ITEMS, EVERY = 1000, 20
WORKFLOW = f"""
orch: 1
models: {{tiny: "scripted:answers.yaml"}}
agents: {{writer: {{model: tiny}}}}
tools: {{send: {{python: "tools.py:send", effects: once}}}}
steps:
  each:
    foreach: range({ITEMS})
    steps:
      draft: {{agent: writer, prompt: "draft {{{{ item }}}}"}}
      sent: {{tool: send, when: item % {EVERY} == 0, with: {{number: "{{{{ item }}}}"}}}}
  end: {{value: "{{{{ each | length }}}}"}}
"""
TOOLS = '''
import os

def send(number: int) -> str:
    """Counts."""
    file = os.open("FOLDER/effects", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(file, f"{number}\\n".encode())
    os.fdatasync(file)
    os.close(file)
    return f"sent {number}"
'''
ORCH = [sys.executable, "-m", "orchestrator"]
UNKNOWN = 7
LIVES = 60
_NUMBER = re.compile(r"\d+")


@dataclass
class Wall:
    """What happened in trials, and what must be 0."""

    runs: int = 0
    processes: int = 0
    kills: int = 0
    pairs: int = 0
    settled: int = 0
    effects: int = 0
    acknowledged: int = 0
    defects: list[str] = field(default_factory=list)

    def told(self) -> str:
        return (
            f"killed by the clock: {self.runs:,} runs of {ITEMS:,} items, {self.processes:,} processes, "
            f"{self.kills:,} kills, {self.pairs:,} times two resumed at once, {self.settled:,} calls settled, "
            f"{self.effects:,} effects, {self.acknowledged:,} events acknowledged, {len(self.defects):,} defects"
        )


@dataclass
class Trial:
    """One run in a folder of its own."""

    name: str
    folder: Path
    chance: random.Random
    wall: Wall
    said: set[str] = field(default_factory=set)

    def run(self) -> None:
        self._write()
        code = self._live(
            [*ORCH, "run", "workflow.yaml", "--no-cache", "--events"], self.chance.uniform(0.3, 2.5)
        )
        deaths = self.chance.randint(0, 3)
        for life in range(LIVES):
            if (
                code == 0 or self._status() == "done"
            ):  # it may be killed when all is done and it has not said so
                code = 0
                break
            words = [*ORCH, "resume", "last", "--events", *(self._settled() if code == UNKNOWN else ())]
            if not self._status():
                words = [*ORCH, "run", "workflow.yaml", "--no-cache", "--events"]
            elif code != UNKNOWN and self.chance.random() < 0.2:
                code = self._pair(words)
                continue
            code = self._live(words, self.chance.uniform(0.3, 2.0) if life < deaths else None)
        self._check(code)

    def _write(self) -> None:
        (self.folder / "orch.yaml").write_text("orch: 1\n", encoding="utf-8")
        (self.folder / "workflow.yaml").write_text(WORKFLOW, encoding="utf-8")
        (self.folder / "answers.yaml").write_text("- {match: draft, text: d}\n", encoding="utf-8")
        (self.folder / "tools.py").write_text(TOOLS.replace("FOLDER", str(self.folder)), encoding="utf-8")

    def _start(self, words: Sequence[str]) -> tuple[subprocess.Popen[bytes], Path]:
        self.wall.processes += 1
        said = self.folder / f"said.{self.wall.processes}"
        with said.open("wb") as out, (self.folder / "errors").open("ab") as err:
            return subprocess.Popen(words, cwd=self.folder, stdout=out, stderr=err), said

    def _live(self, words: Sequence[str], seconds: float | None) -> int:
        process, said = self._start(words)
        try:
            code = process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            self.wall.kills += 1
            code = process.wait()
        self._hear(said)
        return code

    def _pair(self, words: Sequence[str]) -> int:
        """Two at once: at most one of them may have anything to say that the other has not."""
        self.wall.pairs += 1
        both = [self._start(words) for _ in range(2)]
        codes = [process.wait() for process, _ in both]
        for _, said in both:
            self._hear(said)
        return UNKNOWN if UNKNOWN in codes else min(codes)

    def _hear(self, said: Path) -> None:
        """Whole lines only: the last one may have been cut."""
        text = said.read_text(encoding="utf-8")
        self.said.update(text[: text.rfind("\n") + 1].splitlines())
        said.unlink()

    def _status(self) -> str:
        """Of the run; nothing when it was killed before there was one."""
        database = self.folder / ".orch" / "store.db"
        if not database.exists():
            return ""
        store = open_store(database)
        try:
            return next((run.status for run in store.runs()), "")
        finally:
            store.close()

    def _settled(self) -> Iterator[str]:
        """What a person finds out about each call of which nobody knows."""
        words = [*ORCH, "resume", "last", "--json", "-q"]
        told = subprocess.run(words, cwd=self.folder, capture_output=True, text=True, check=False)
        made = self._effects()
        for path in json.loads(told.stdout)["unknown"] if told.returncode == UNKNOWN else ():
            self.wall.settled += 1
            number = _NUMBER.findall(path)[0]
            if made[number]:
                yield from ("--done", path, "--value", json.dumps(f"sent {number}"))
            else:
                yield from ("--rerun", path)

    def _effects(self) -> Counter[str]:
        file = self.folder / "effects"
        return Counter(file.read_text(encoding="utf-8").split() if file.exists() else ())

    # -- afterwards

    def _check(self, code: int) -> None:
        wall, made = self.wall, self._effects()
        wall.runs += 1
        wall.effects += made.total()
        wall.acknowledged += len(self.said)
        if code:
            errors = (self.folder / "errors").read_text(encoding="utf-8")[-500:]
            wall.defects.append(f"{self.name}: ended with {code}: {errors}")
        wanted = Counter(str(number) for number in range(0, ITEMS, EVERY))
        if made != wanted:
            wall.defects.append(f"{self.name}: effects {made - wanted} too many, {wanted - made} too few")
        wall.defects += [f"{self.name}: {problem}" for problem in self._problems()]

    def _problems(self) -> Iterator[str]:
        store = open_store(self.folder / ".orch" / "store.db")
        try:
            run = store.find("last")
            yield from store.verify(run)
            log = [event for _, event in store.events(run)]
        finally:
            store.close()
        yield from (f"{path} ran again" for path in repeated(log))
        if not isinstance(log[-1], RunFinished):
            yield f"the last event is {log[-1]}"
        lost = self.said - {encode(event) for event in log}
        yield from (f"acknowledged and lost: {line[:200]}" for line in lost)


def trials(count: int, root: Path) -> Wall:
    """So many runs, one after the other."""
    wall = Wall()
    for number in range(count):
        folder = root / str(number)
        folder.mkdir()
        Trial(f"trial {number}", folder, random.Random(number), wall).run()
    return wall
