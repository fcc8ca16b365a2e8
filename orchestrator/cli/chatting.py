"""Answers the messages of one chat, each by a run of the workflow; models and tools stay open between them.

Knows no terminal but the console it is given.
"""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from orchestrator.cli.beginning import begin, is_plain, streamed_steps
from orchestrator.cli.console import Console, is_terminal
from orchestrator.cli.executing import Kit, equipped, execute_with
from orchestrator.cli.job import Job, Shown, job_of
from orchestrator.cli.locked import guard_of
from orchestrator.cli.needs import open_models
from orchestrator.cli.privacy import privacy_of
from orchestrator.cli.region import Region
from orchestrator.errors import UsageError
from orchestrator.events import Event, StepStarted, Warned
from orchestrator.graph.model import asking_nodes
from orchestrator.inputs.read import Raw, read_inputs
from orchestrator.render.program import compile_template
from orchestrator.report.summary import Summary
from orchestrator.safe import safe
from orchestrator.spec.types import Str
from orchestrator.store.lease import Lease

if TYPE_CHECKING:
    from types import TracebackType

    from orchestrator.cli.locked import Guard
    from orchestrator.cli.past import Past
    from orchestrator.cli.privacy import Privacy
    from orchestrator.config import Config
    from orchestrator.engine.start import Result
    from orchestrator.graph.model import Graph
    from orchestrator.ports import Model
    from orchestrator.store.store import Store

MESSAGE, CONVERSATION = "message", "conversation"
"""The inputs of a workflow to chat with."""
FIRST = "main"
"""A conversation that nobody has named."""
NO_CHAT = (
    "declare `message: text` under `inputs:`, and `conversation: {type: string, default: main}` for a memory"
)

ANSWER = "answer"
"""Of several outputs the one that is said."""
AS_IT_IS = re.compile(r"\s*\{\{\s*(coalesce\()?[\w\s,]+\)?\s*\}\}\s*")
"""An output that is the text of one step, or of the first that has one."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of one message. `streamed` has been written to stdout already."""

    run: str
    result: Result
    streamed: str

    @property
    def value(self) -> Any:
        """The output `answer`, or the only one, or all of them."""
        outputs = self.result.outputs
        if not isinstance(outputs, Mapping):
            return outputs
        if len(outputs) == 1:
            return next(iter(outputs.values()))
        return outputs.get(ANSWER, outputs)

    def as_data(self) -> dict[str, Any]:
        """For a line of JSON."""
        result = self.result
        data = {"run": self.run, "status": result.status}
        if result.status == "done":
            data["answer"] = self.value
        elif result.error is not None:
            data["error"] = result.error.message
        return data


@dataclass(slots=True)
class Chat:
    """A context manager: inside it messages are answered."""

    store: Store
    config: Config
    graph: Graph
    console: Console
    given: Mapping[str, str]
    """Further inputs, as texts of `-i`."""
    options: Mapping[str, Any]
    """What a run that goes on has to know again."""
    conversation: str = ""
    streams: bool = True
    runs: list[str] = field(default_factory=list)
    """Of this chat, in their order."""
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    _runner: asyncio.Runner = field(default_factory=asyncio.Runner)
    _models: Mapping[str, Model] = field(default_factory=dict)
    _kit: Kit | None = None
    _guard: Guard | None = None

    def __enter__(self) -> Self:
        """Raises OrchError for what keeps every message from being answered."""
        strict, replaced = bool(self.options.get("locked")), tuple(self.options.get("models") or ())
        self._guard = guard_of(self.graph, self.config, strict=strict, replaced=replaced)
        self._models = open_models(self.graph, self.config, self.console)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._runner.run(self._stack.aclose())
        finally:
            self._runner.close()

    def turns(self) -> int:
        """How many the agents of this workflow remember of the conversation."""
        from orchestrator.store.conversations import conversations

        agents = {node.agent.name for node in asking_nodes(self.graph) if node.agent is not None}
        known = (one for one in conversations(self.store) if one.key == self.conversation)
        return max((one.turns for one in known if one.agent in agents), default=0)

    def inputs(self, message: str, today: date) -> dict[str, Any]:
        """Of the run that answers a message. Raises UsageError."""
        said = {CONVERSATION: Raw(self.conversation)} if self.conversation else {}
        return read_inputs(
            self.graph.workflow.inputs,
            {**self.given, **said, MESSAGE: Raw(message)},
            root=Path(self.graph.root),
            cwd=Path.cwd(),
            base=Path(self.graph.file).resolve().parent,
            today=today,
        )

    def answer(self, message: str) -> Reply:
        """Run the workflow for one message, to its end or until Ctrl-C. Raises OrchError."""
        today = date.today()  # noqa: DTZ011 - the user's own calendar
        options = {**self.options, "today": today.isoformat()}
        inputs = self.inputs(message, today)
        privacy = privacy_of(self.graph, self.config, os.environ)
        run = self.store.fresh_id(time.time())
        with Lease.acquire(self.store, run):
            past = begin(self.store, self.graph, run, inputs, options, privacy)
            self.runs.append(run)
            result, streamed = self._runner.run(self._execute(self._job(past, inputs, privacy)))
        return Reply(run, result, streamed)

    async def _execute(self, job: Job) -> tuple[Result, str]:
        if self._kit is None:
            self._kit = await self._stack.enter_async_context(equipped(job))
        return await execute_with(self.store, job, self.console, self._kit, self._whisper())

    def _whisper(self) -> Whisper:
        """What is not as it was locked stands in the record of each run, and is said with the first."""
        said = self._guard.found if self._guard is not None and len(self.runs) > 1 else ()
        return Whisper(self.console, said)

    def _job(self, past: Past, inputs: Mapping[str, Any], privacy: Privacy) -> Job:
        shown = Shown(quiet=not is_terminal(self.console.err))
        streamed = spoken(self.graph) if self.streams else ()
        return job_of(
            past,
            self.graph,
            inputs,
            self._models,
            self.config,
            privacy,
            shown,
            streamed=streamed,
            lock=self._guard,
            goes_on=True,
        )


class Whisper:
    """Implements `Progress`: what is at work, on a terminal, until its text comes; and warnings."""

    def __init__(self, console: Console, said: Collection[str] = ()) -> None:
        self._console = console
        self._said = said
        self._region = Region(console.err) if is_terminal(console.err) else None
        self._summary = Summary()
        self._silent = False

    @property
    def summary(self) -> Summary:
        return self._summary

    def feed(self, seq: int, event: Event) -> None:  # noqa: ARG002 - the protocol's
        self._summary.add(event)
        match event:
            case Warned() if event.message not in self._said:
                self._clear()
                self._console.warning(event.message)
            case StepStarted() if self._region is not None and not self._silent:
                self._region.draw([f"… {safe(event.path)}"])

    def recall(self, events: Iterable[tuple[int, Event]]) -> None:
        """No run of a chat is a resumed one."""

    def tokens(self, path: str, text: str) -> None:
        """Only what goes to stdout is shown while it is written."""

    @contextmanager
    def away(self) -> Iterator[None]:
        """What is told of steps once the answer is being written comes too late to be of interest."""
        self._silent = True
        self._clear()
        yield

    def close(self) -> None:
        self._clear()

    def _clear(self) -> None:
        if self._region is not None:
            self._region.clear()


def spoken(graph: Graph) -> tuple[str, ...]:
    """The steps whose text is an answer as it is: whichever of them runs is written out while it comes."""
    if graph.outputs is None:
        return streamed_steps(graph)
    outputs = graph.workflow.outputs
    told = next(iter(outputs.values())) if len(outputs) == 1 else outputs.get(ANSWER)
    if not isinstance(told, str) or not AS_IT_IS.fullmatch(told):
        return ()
    named = compile_template(told).names
    return tuple(node.path for node in graph.scope.nodes if node.path in named and is_plain(node))


__all__ = ["ANSWER", "Chat", "Reply", "spoken"]


def refuse_other(graph: Graph, workflow: str, conversation: str | None) -> None:
    """Raise UsageError for a workflow that no message can be handed to."""
    inputs = graph.workflow.inputs
    if MESSAGE not in inputs:
        raise UsageError(
            f"'{workflow}' is no workflow to chat with: it has no input '{MESSAGE}'", hint=NO_CHAT
        )
    if not isinstance(inputs[MESSAGE].type, Str):
        raise UsageError(
            f"'{workflow}' is no workflow to chat with: its input '{MESSAGE}' is no text", hint=NO_CHAT
        )
    if conversation is not None and CONVERSATION not in inputs:
        raise UsageError(
            f"'{workflow}' has no input '{CONVERSATION}', so there is nothing to name", hint=NO_CHAT
        )


def default_conversation(graph: Graph) -> str:
    """What the file says; empty where it knows no conversations."""
    spec = graph.workflow.inputs.get(CONVERSATION)
    if spec is None:
        return ""
    return str(spec.default) if spec.default is not None else FIRST
