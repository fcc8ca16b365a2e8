"""The open questions of runs: read without reading everything again, as rows and words, and answered. Knows no widget.

Everything that touches the store blocks and is called from a thread.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from orch_tui.columns import Column, layout
from orch_tui.runs_table import moment
from orch_tui.text import Piece, Row
from orchestrator.errors import OrchError, StoreError, UsageError
from orchestrator.events import AskAnswered, AskOpened
from orchestrator.policy.editing import editable
from orchestrator.report import words
from orchestrator.store import answers
from orchestrator.store.answers import Question
from orchestrator.store.lease import owner_alive

if TYPE_CHECKING:
    from orch_tui.dialogs import Paragraph
    from orch_tui.ports import World
    from orchestrator.store.rows import RunRow
    from orchestrator.store.store import Store

RUNS = 200
"""Runs whose questions are read; of more the newest."""
SHOWN = 50_000
"""Characters of what a question is about; the rest is in `orch show RUN STEP`."""
RESUMED = "run {} is resumed"
KINDS = ("ask.opened", "ask.answered")

COLUMNS = (
    Column("run", "RUN", 14),
    Column("workflow", "WORKFLOW", 14),
    Column("path", "STEP", 16),
    Column("question", "QUESTION", 20, up_to=120),
    Column("since", "ASKED", 12),
    Column("until", "OPEN UNTIL", 12),
)
DROPS = ("workflow", "until", "since", "run", "path")


def open_questions(store: Store) -> int:
    """How many questions wait for a person now. Blocks; raises OrchError."""
    return len(QuestionsReader(store).read())


class QuestionsReader:
    """The open questions, of the newest run first; of one run only when it is given. Raises OrchError."""

    def __init__(self, store: Store, run: str | None = None) -> None:
        self.more = 0
        """Runs that were not looked at, because there are so many."""
        self.trouble: StoreError | None = None
        """Why the questions of some run cannot be read; those of the others can."""
        self._store = store
        self._run = run
        self._known: dict[str, tuple[int, dict[str, AskOpened]]] = {}
        """Of each run how far its log was read, and what is asked there."""

    def read(self) -> list[Question]:
        rows = self._rows()
        self.more = max(0, len(rows) - RUNS)
        self.trouble = None
        found: list[Question] = []
        for row in rows[:RUNS]:
            try:
                found += [Question(row, ask) for ask in self._open(row)]
            except UsageError:
                pass  # deleted a moment ago
            except StoreError as error:
                self.trouble = error
        return found

    def _rows(self) -> list[RunRow]:
        if self._run is not None:
            row = self._store.run(self._run)
            return [row] if row.status in ("waiting", "running") else []
        rows = [*self._store.runs(status="waiting"), *self._store.runs(status="running")]
        return sorted(rows, key=lambda row: row.started, reverse=True)

    def _open(self, row: RunRow) -> list[AskOpened]:
        seen, asks = self._known.get(row.id, (-1, {}))
        if row.events - 1 > seen:
            for _, event in self._store.of_kinds(row.id, KINDS, seen):
                match event:
                    case AskOpened():
                        asks[event.path] = event
                    case AskAnswered():
                        asks.pop(event.path, None)
            self._known[row.id] = row.events - 1, asks
        return [asks[path] for path in answers.unanswered(self._store, row.id, asks)] if asks else []


class QuestionRows:
    """A source of a listing."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self.questions: list[Question] = []

    def __len__(self) -> int:
        return len(self.questions)

    def at(self, index: int) -> Question | None:
        return self.questions[index] if 0 <= index < len(self.questions) else None

    def place(self, run: str, path: str = "") -> int | None:
        """Where a question stands, or the first one of a run."""
        of_run = [n for n, one in enumerate(self.questions) if one.run.id == run]
        return next((n for n in of_run if path in ("", self.questions[n].ask.path)), None)

    def header(self, width: int) -> Row:
        return layout(COLUMNS, DROPS, width).header()

    def row(self, index: int, width: int) -> Row:
        run, ask = self.questions[index].run, self.questions[index].ask
        now = self._now()
        late = answers.is_late(ask, now)
        until: Piece = ("too late", "bad") if late else (_clock(ask.deadline, now) or "–", "dim")
        return layout(COLUMNS, DROPS, width).row(
            {
                "run": ((run.id, "key"),),
                "workflow": ((run.workflow, ""),),
                "path": ((ask.path, "bold"),),
                "question": (("? ", "ask"), (ask.question, "")),
                "since": ((moment(ask.at, now), "dim"),),
                "until": (until,),
            }
        )


def heading(question: Question, now: float) -> list[Paragraph]:
    """Who asks what, since when and until when."""
    run, ask = question.run, question.ask
    revision = f"@{run.revision}" if run.revision else ""
    return [
        (ask.question, "bold"),
        (f"run {run.id} · {run.workflow}{revision} · step {ask.path}", "dim"),
        (f"asked {moment(ask.at, now)}; {deadline(ask, now)}", "bad" if answers.is_late(ask, now) else "dim"),
        (f"answers: {' / '.join(ask.choices)}", "key"),
        ("a value in it may be changed first" if editable(ask.edit) is not None else "", "key"),
    ]


def about(question: Question) -> list[Paragraph]:
    """What it is about, to be read before one answers."""
    ask, edit = question.ask, editable(question.ask.edit)
    shown = [] if ask.show is None else [ask.show]
    if edit is not None and edit["value"] not in shown:
        shown.append(edit["value"])
    return [paragraph for value in shown for paragraph in _shown(question, text_of(value))]


def _shown(question: Question, text: str) -> list[Paragraph]:
    rest = len(text) - SHOWN
    cut = f"… {rest:,} more characters: orch show {question.run.id} {question.ask.path}" if rest > 0 else ""
    return [(" ", ""), (text[:SHOWN], "data"), (cut, "dim")]


def deadline(ask: AskOpened, now: float) -> str:
    """Until when it can be answered, and what happens then."""
    if ask.deadline is None:
        return "it waits until somebody answers"
    then = f"the run takes '{ask.then}'" if ask.then is not None else "the step fails"
    clock = _clock(ask.deadline, now)
    if answers.is_late(ask, now):
        return f"it was open until {clock}: {then} when the run goes on"
    return f"open until {clock} ({words.about(ask.deadline - now)} left), then {then}"


def _clock(at: float | None, now: float) -> str:
    """The time of day, with the day when it is not today."""
    if at is None:
        return ""
    then = time.localtime(at)
    return time.strftime("%H:%M:%S" if then[:3] == time.localtime(now)[:3] else "%d %b %H:%M", then)


def text_of(show: Any) -> str:
    """What a question is about as a person reads it: text as it is, everything else as JSON."""
    return show if isinstance(show, str) else json.dumps(show, ensure_ascii=False, indent=2)


class Answered(NamedTuple):
    """What happens now, in a sentence; `alive` when the owner of the run goes on by itself, `resumed` when a process
    that goes on was started."""

    sentence: str
    alive: bool
    resumed: bool = False


def answer(world: World, question: Question, choice: str | None, change: Any = None) -> Answered:
    """Answer it with a choice, or reject it with None. A run nobody executes is resumed when nothing is open any more.

    `change` is what a person made of the value they may change, None for nothing.

    Raises OrchError for what is too late or was answered meanwhile.
    """
    run, path = question.run.id, question.ask.path
    by = world.user or answers.login_name()
    if choice is None:
        answers.reject(world.store, run, path, by)
        done = f"{path} is rejected: the run ends with exit code 3"
    else:
        answers.approve(world.store, run, path, choice, by, None if change is None else lambda _: change)
        done = f"{path} is answered: {choice}" + ("" if change is None else ", with the changed value")
    if owner_alive(world.store, run):
        return Answered(f"{done}; run {run} goes on by itself", True)
    rest = len(answers.open_asks(world.store, run))
    if rest and choice is not None:
        return Answered(f"{done}; run {run} waits for {words.count(rest, 'more answer')}", False)
    going_on = resume(world, run)
    return Answered(f"{done}; {going_on}", False, going_on == RESUMED.format(run))


def resume(world: World, run: str) -> str:
    """Go on with an answered run in a process of its own; a sentence also when that fails, since it is answered."""
    try:
        world.start(["resume", run])
    except OrchError as error:
        return f"it could not be resumed ({error.message}); go on with: orch resume {run}"
    return RESUMED.format(run)


def stranded(store: Store, run: str) -> bool | None:
    """Whether an answer came just as the owner gave up waiting, so that nobody goes on; None while the owner lives."""
    if owner_alive(store, run):
        return None
    try:
        return answers.is_answered(store, store.run(run))
    except UsageError:  # deleted meanwhile
        return False
