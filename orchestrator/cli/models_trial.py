"""Tries forms of a model: a model store and hosts of their own beside the real ones, in which each stands in once.

    <models>/trying/lock        held by whoever tries; what a killed one left is removed by the next
    <models>/trying/<pid>/      the forms while they are made and measured

Nothing of it is used by anybody else, and nothing of it stays: the winner is moved out by whoever decides.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from orchestrator.bench.forms import Tried, may_win
from orchestrator.cli.download import Download, fetch_missing
from orchestrator.cli.machine import memory_of
from orchestrator.cli.needs import EMBEDDER
from orchestrator.errors import ProviderError, UsageError
from orchestrator.providers.endpoint import launch_of
from orchestrator.providers.engine_served import found_server, seen, version_of
from orchestrator.providers.files import FileLock
from orchestrator.providers.host import Launch, State, engine_version
from orchestrator.providers.hosts import Hosts
from orchestrator.providers.lineage import Form, Lineage, make
from orchestrator.providers.model_store import Weights, is_path
from orchestrator.providers.pace import Pace, paces
from orchestrator.providers.requantize import FORMS, kinds_of
from orchestrator.report import words

if TYPE_CHECKING:
    from orchestrator.bench.subject import Subject
    from orchestrator.cli.console import Console
    from orchestrator.config import Config
    from orchestrator.providers.model_store import ModelStore
    from orchestrator.report.score import Measured, Row

SPECIALISTS = ("triage", "router", "judge", "extractor", "errand")
"""Those whose answers are constrained and short: the same or not the same."""
CASES = 12
EXAMPLES = 4


@dataclass(frozen=True, slots=True)
class Wanted:
    """`fast` asks only forms that may win. `cases` is for each specialist."""

    cases: int = CASES
    fast: bool = False


@dataclass(slots=True)
class Trial:
    """Use as a context manager. `model` is how a person names it, `weights` its original."""

    model: str
    weights: Weights
    store: ModelStore
    config: Config
    console: Console
    folder: Path = field(init=False)
    _lock: FileLock = field(init=False)

    def __enter__(self) -> Trial:
        place = self.store.root / "trying"
        place.mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(place / "lock")
        if not self._lock.take():
            raise UsageError("another process is trying forms of a model", hint="wait until it is done")
        for left in place.iterdir():
            if left.is_dir():
                shutil.rmtree(left, ignore_errors=True)
        self.folder = place / str(os.getpid())
        self.folder.mkdir(mode=0o700)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        hosts = self._hosts()
        for host in hosts.running():
            hosts.stop(host.identity)
        shutil.rmtree(self.folder, ignore_errors=True)
        self._lock.release()

    # --------------------------------------------------------------------------------------------- measuring

    def run(self, wanted: Wanted) -> list[tuple[Tried, Form]]:
        """Make every form, and measure it on every engine; the original first. Raises ProviderError."""
        self._foretell(wanted)
        forms = self._made()
        launches = {self._key(form): self._launch(form) for form in forms}
        self.console.say(f"{self.model}: measuring how fast {len(forms)} forms are here …")
        pace = paces(launches, self._hosts(), _memory, told=lambda _: None)
        tried = [self._tried(form, pace[self._key(form)]) for form in forms]
        fetch_missing([EMBEDDER], self.store, Path.cwd(), self.console)
        self._furnish()
        asked = [one for one in tried if one is tried[0] or not wanted.fast or may_win(tried[0], one)]
        found = []
        for one, form in zip(tried, forms, strict=True):
            turn = f"{asked.index(one) + 1} of {len(asked)}" if one in asked else ""
            rows = self._answers(form, wanted.cases, turn) if turn else ()
            found.append((replace(one, rows=rows), form))
        return found

    def _foretell(self, wanted: Wanted) -> None:
        """What it comes to, before anything is made."""
        which = "the original and each form that is faster are" if wanted.fast else "each form is"
        calls, subjects = len(SPECIALISTS) * wanted.cases, len(SPECIALISTS)
        each = f"{subjects} specialists, at most {words.count(wanted.cases, 'case')} each"
        self.console.say(f"{self.model}: {which} asked at most {calls:,} times ({each})")

    def path(self, form: Form) -> Path:
        """The file of a form while it is tried."""
        return self.folder / f"{form.form}.gguf" if form.form else self.weights.path

    def _made(self) -> list[Form]:
        origin = kinds_of(self.weights.path)
        here = Form(self.weights.sha256, self.weights.sha256, self.weights.bytes, "", origin, "as it came")
        forms, seen_before = [here], {here.sha256}
        for name in FORMS:
            with Download(self.model, self.console) as progress:
                told = _Told(progress, name, self.weights.bytes)
                made = make(self.weights.path, self.weights.sha256, name, self.folder / f"{name}.gguf", told)
            if made.sha256 not in seen_before:
                seen_before.add(made.sha256)
                forms.append(made)
        return [one for form in forms for one in (form, *self._served(form))]

    def _served(self, form: Form) -> list[Form]:
        """The same form on the `llama-server` of this machine, where there is one that can compute it."""
        server = found_server(os.environ)
        version = version_of(server) if server else ""
        if not version:
            return []
        served = replace(form, engine=server, engine_version=version, engine_seen=seen(server))
        try:
            paces({"": self._launch(served)}, self._hosts(), _memory, rounds=1, told=lambda _: None)
        except ProviderError as error:
            said = f"{form.form or form.origin} on {version} is left out: {error.message}"
            self.console.say(f"{self.model}: {said}")
            return []
        return [served]

    def _key(self, form: Form) -> str:
        return f"{form.sha256} {form.engine}"

    def _launch(self, form: Form) -> Launch:
        weights = replace(self.weights, path=self.path(form), sha256=form.sha256, bytes=form.bytes)
        launch = launch_of(weights, weights.name, None)
        return replace(launch, server=form.engine, engine=form.engine_version or launch.engine)

    def _tried(self, form: Form, pace: Pace) -> Tried:
        name = form.form or form.origin
        return Tried(name, form.engine_version or engine_version(), form.sha256, form.bytes, pace)

    def _hosts(self) -> Hosts:
        return Hosts(self.folder / "run" / "hosts", environ=os.environ)

    # ---------------------------------------------------------------------------------------------- answers

    def _furnish(self) -> None:
        """A model store in which the names and files of the real one can be seen."""
        models = self.folder / "models"
        for part in ("blobs", "names", "forms"):
            (models / part).mkdir(parents=True)
        for part in ("blobs", "names"):
            for file in (self.store.root / part).glob("*"):
                (models / part / file.name).symlink_to(file.resolve())

    def _stand_in(self, form: Form) -> None:
        lineage = Lineage(self.folder / "models")
        blob = lineage.path(form)
        if not blob.exists():
            blob.symlink_to(self.path(form).resolve())
        lineage.keep(form)

    def _answers(self, form: Form, cases: int, turn: str) -> tuple[Row, ...]:
        from orchestrator.cli.bench_subjects import found_subjects

        self._stand_in(form)
        title = f"{form.form or form.origin}{' on llama-server' if form.engine else ''}"
        self.console.say(f"{self.model}: {title} ({turn}) answers …")
        subjects = found_subjects(SPECIALISTS, None, None, self.console)
        return tuple(self._row(subject, title, cases) for subject in subjects)

    def _row(self, subject: Subject, title: str, cases: int) -> Row:
        from orchestrator.cli import bench
        from orchestrator.cli.bench_asking import measured_row
        from orchestrator.report.score import Row

        asked = bench.Wanted(limit=cases, k=EXAMPLES)
        config = replace(self.config, data=self.folder, runtime=self.folder / "run")
        planned = bench.Bench(asked, config, self.console).planned(subject)
        found: list[Measured] = []
        watch = bench.Watch(self.console, f"{title} {subject.name}", len(planned), found)
        try:
            measured_row(subject, "examples", self._reference(), planned, watch, asked, config, self.console)
        finally:
            watch.end()
        right = sum(one.right for one in found)
        self.console.say(f"  {title}  {subject.name}: {words.count(len(found), 'answer')}, {right} right")
        return Row(subject.name, "examples", title, len(planned), tuple(found))

    def _reference(self) -> str:
        own = is_path(self.model) and self.store.get(self.model) is None
        return f"llamacpp:{self.weights.path if own else self.model}"


@dataclass(slots=True)
class _Told:
    progress: Download
    form: str
    total: int

    def __call__(self, done: int) -> None:
        self.progress(f"turning into {self.form}", done, self.total)


def _memory(state: State) -> int:
    return memory_of(state.pid) or 0
