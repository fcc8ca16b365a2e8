"""The inbox: every question that runs ask a person, what it is about, and the keys that answer it."""

from __future__ import annotations

import asyncio
import os
import time
from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual import events, work
from textual.app import ComposeResult, SuspendNotSupported
from textual.binding import BindingType
from textual.screen import Screen

from orch_tui.changing import edited
from orch_tui.dialogs import Choose, Confirm, Paragraph, paragraphs, told
from orch_tui.doing import with_patience
from orch_tui.footer import KeyBar
from orch_tui.listing import Listing, Rows
from orch_tui.pane import Lines
from orch_tui.questions import (
    QuestionRows,
    QuestionsReader,
    about,
    answer,
    deadline,
    heading,
    resume,
    stranded,
    text_of,
)
from orch_tui.settings import bindings
from orch_tui.table import TableList
from orch_tui.text import Piece, Row
from orch_tui.viewless import VIEWS, Viewless
from orch_tui.watching import Watch
from orchestrator.errors import OrchError, UsageError
from orchestrator.policy.editing import editable
from orchestrator.report import words
from orchestrator.store.answers import is_late
from orchestrator.store.lease import owner_alive

if TYPE_CHECKING:
    from orch_tui.app import Screens
    from orch_tui.ports import World
    from orchestrator.events import AskOpened
    from orchestrator.store.answers import Question

LOOK = 1.0
"""Seconds between looks at the store."""
REST = 10
"""At least so many times as long as a look took nothing is read."""


class ApprovalsScreen(Viewless, Screen[None]):
    """Questions above, below in full the one under the cursor. `run` narrows to one run, `at` begins at one."""

    CSS = """
    ApprovalsScreen #questions { max-height: 40%; }
    ApprovalsScreen #about { height: 1fr; padding: 0 1; border-top: hkey $panel; }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings(
        "approve",
        "reject",
        "change",
        "other_pane",
        "back",
        "copy_command",
        "approvals",
        *VIEWS,
        shown=("approve", "reject", "change", "other_pane", "back"),
    )

    def __init__(self, world: World, run: str | None = None, *, at: str = "") -> None:
        super().__init__()
        self.world = world
        self.rows = QuestionRows(world.now)
        self.trouble = ""
        self._reader = QuestionsReader(world.store, run)
        self._run = run
        self._at = at
        self._read = False
        self._watched = Watch(LOOK, rest=REST)
        self._answered: set[str] = set()
        """Runs answered here while their owner lived."""
        self._idle: frozenset[str] = frozenset()
        """The keys that are not told at the bottom."""
        self._about: tuple[AskOpened, int, list[Row]] | None = None
        """What the question under the cursor is about, wrapped to a width."""

    def compose(self) -> ComposeResult:
        yield Lines(id="totals")
        yield Lines(id="header")
        yield TableList(self.rows, id="questions")
        yield Listing(Rows(), cursor_shown=False, id="about")
        yield KeyBar()

    def on_mount(self) -> None:
        self.query_one("#questions").focus()
        self._watch()

    def on_screen_resume(self) -> None:
        self._watched.wake()

    def on_resize(self, event: events.Resize) -> None:
        self._draw(event.size.width)

    # -- reading

    @work(exclusive=True)
    async def _watch(self) -> None:
        await self._watched.go_on(self._look, lambda: self.is_current)

    async def _look(self) -> None:
        try:
            questions = await asyncio.to_thread(self._reader.read)
            self.trouble = told(self._reader.trouble) if self._reader.trouble is not None else ""
            self._read = True
            await self._go_on()
        except UsageError as error:  # the run it is about was deleted: nobody can be asked
            questions, self.trouble = [], told(error)
        except OrchError as error:
            questions, self.trouble = self.rows.questions, told(error)
        if not self.query("#totals"):
            return  # it was left meanwhile
        self._take(questions)
        self._draw(self.size.width)
        self._tell_keys()

    async def _go_on(self) -> None:
        """The owner of a run may have given up waiting in the very moment of the answer."""
        for run in list(self._answered):
            left = await asyncio.to_thread(stranded, self.world.store, run)
            if left is not None:
                self._answered.discard(run)
            if left:
                self.notify(await asyncio.to_thread(resume, self.world, run), markup=False)

    @property
    def idle_keys(self) -> frozenset[str]:
        """What does nothing without a question, or to this one: at the bottom it has no place now."""
        question = self.question if self.rows.questions else None
        if question is None:
            return frozenset({"approve", "reject", "change", "other_pane"})
        return frozenset() if editable(question.ask.edit) is not None else frozenset({"change"})

    def _tell_keys(self) -> None:
        if self._idle != self.idle_keys:
            self._idle = self.idle_keys
            self.refresh_bindings()

    def _take(self, questions: list[Question]) -> None:
        """The cursor stays on its question."""
        listing, before = self.query_one("#questions", Listing), self.question
        self.rows.questions = questions
        place = self.rows.place(before.run.id, before.ask.path) if before is not None else None
        if self._at and questions:
            place, self._at = self.rows.place(self._at), ""
        listing.redraw()
        if place is not None:
            listing.move_to(place)

    # -- drawing

    @property
    def question(self) -> Question | None:
        """The question under the cursor."""
        return self.rows.at(self.query_one("#questions", Listing).cursor)

    def _draw(self, width: int) -> None:
        self.query_one("#totals", Lines).show(self._totals())
        self.query_one("#header", Lines).show(self.rows.header(width - 1))
        listing = self.query_one("#questions", Listing)
        if listing.styles.height is None or listing.styles.height.value != len(self.rows):
            listing.styles.height = len(self.rows)
        listing.redraw()
        self.query_one("#header").display = listing.display = bool(self.rows.questions)
        self._draw_about(width)

    def _totals(self) -> tuple[Piece, ...]:
        where = f" in run {self._run}" if self._run is not None else ""
        pieces: list[Piece] = [(words.count(len(self.rows), "open question") + where, "bold")]
        if self._reader.more:
            pieces.append((f" · {self._reader.more:,} older runs are not shown", "warn"))
        if self.trouble:
            pieces.append((f"  ✗ {self.trouble}", "bad"))
        return tuple(pieces)

    def _draw_about(self, width: int) -> None:
        """What it is about is wrapped once: it may be long, and only the times above it change."""
        question, inner = self.question, max(10, width - 3)
        shown = self.query_one("#about", Listing)
        if question is None:
            shown.source = Rows(paragraphs(self._why_nothing(), inner))
        else:
            if self._about is None or self._about[:2] != (question.ask, inner):
                self._about = question.ask, inner, paragraphs(about(question), inner)
            shown.source = Rows([*paragraphs(heading(question, self.world.now()), inner), *self._about[2]])
        shown.can_focus = question is not None
        shown.redraw()

    def _why_nothing(self) -> list[Paragraph]:
        """What stands in place of an empty list."""
        if self.trouble:
            return [(self.trouble, "bad"), ("It is tried again every second.", "dim")]
        if not self._read:
            return [("Reading the questions…", "dim")]
        others = "Any shell may answer them too: orch approve RUN"
        return [
            ("Nobody is asked anything.", "bold"),
            ("Questions of `ask` steps appear here by themselves.", ""),
            (others, "dim"),
        ]

    def on_listing_moved(self, message: Listing.Moved) -> None:
        if message.listing.id == "questions":
            self._draw_about(self.size.width)
            self.query_one("#about", Listing).scroll_home(animate=False)
            self._tell_keys()

    # -- keys

    def on_listing_chosen(self, message: Listing.Chosen) -> None:
        if message.listing.id == "questions":
            self.action_approve()

    @work
    async def action_approve(self) -> None:
        question = self.question
        if question is None or await self._too_late(question):
            return
        await self._choose(question)

    @work
    async def action_change(self) -> None:
        question = self.question
        if question is None or await self._too_late(question):
            return
        edit = editable(question.ask.edit)
        if edit is None:
            self.notify(f"{question.ask.path} has nothing to change", markup=False)
            return
        try:
            with self.app.suspend():
                change = edited(edit, os.environ)
        except SuspendNotSupported:
            command = f"orch approve {question.run.id}/{question.ask.path} --edit"
            self.notify(f"an editor needs a terminal of its own: {command}", severity="error", markup=False)
        except OrchError as error:
            self.notify(told(error), severity="error", markup=False)
        else:
            await self._choose(question, change)

    async def _choose(self, question: Question, change: Any = None) -> None:
        details = "" if change is None else f"With:\n\n{text_of(change)}"
        index = await self.app.push_screen_wait(Choose(question.ask.question, question.ask.choices, details))
        if index is not None:
            self._begin(question, question.ask.choices[index], change)

    @work
    async def action_reject(self) -> None:
        question = self.question
        if question is None or await self._too_late(question):
            return
        details = f"{question.ask.question}\n\nThe run {question.run.id} ends with exit code 3."
        if await self.app.push_screen_wait(Confirm(f"Reject {question.ask.path}?", details, "Reject")):
            self._begin(question, None)

    async def _too_late(self, question: Question) -> bool:
        """A question past its time takes no answer; what can be done is to go on with the run."""
        now, run = self.world.now(), question.run.id
        if not is_late(question.ask, now):
            return False
        sentence = deadline(question.ask, now)
        if await asyncio.to_thread(owner_alive, self.world.store, run):
            self.notify(f"It is too late to answer {question.ask.path}: {sentence}.", markup=False)
        elif await self.app.push_screen_wait(
            Confirm("Too late to answer", sentence, f"Go on with run {run}")
        ):
            self.notify(await asyncio.to_thread(resume, self.world, run), markup=False)
        return True

    def _begin(self, question: Question, choice: str | None, change: Any = None) -> None:
        """The app waits for it, not the screen: whoever leaves that is told all the same."""
        app = cast("Screens", self.app)
        app.run_worker(self._answer(app, question, choice, change), group="answer")

    async def _answer(self, app: Screens, question: Question, choice: str | None, change: Any) -> None:
        run = question.run.id
        app.resumed[run] = (
            time.monotonic()
        )  # the answer lies there before the process that takes it up has begun
        try:
            work = asyncio.to_thread(answer, self.world, question, choice, change)
            done = await with_patience(app, work, f"answering {question.ask.path}…")
            app.notify(done.sentence)
            if done.alive:
                self._answered.add(run)
            if not done.resumed:
                app.resumed.pop(run, None)
        except OrchError as error:
            app.resumed.pop(run, None)
            app.notify(told(error), severity="error")
        self._watched.wake()

    def action_copy_command(self) -> None:
        from orch_tui.copying import Copied, command_for

        question = self.question
        if question is not None:
            text = command_for(question.run.id, question.ask.path)
            self.app.copy_to_clipboard(text)
            self.notify(f"{Copied(text, 'the command that shows it').sentence}: {text}", markup=False)

    def action_other_pane(self) -> None:
        self.focus_next()

    def action_approvals(self) -> None:
        """They are here."""

    def action_back(self) -> None:
        self.dismiss()
