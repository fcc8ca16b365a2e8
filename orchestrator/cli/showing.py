"""Where committed events and live tokens of a run go while it goes on: the progress, stdout, who watches from elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator.cli.killing import KillSwitch
from orchestrator.events import AttemptFinished, Event, StepFailed, encode

if TYPE_CHECKING:
    from orchestrator.cli.console import Console
    from orchestrator.cli.job import Job
    from orchestrator.cli.progress import Progress
    from orchestrator.cli.settling import Settled
    from orchestrator.policy.secrets import Masked


@dataclass(slots=True)
class Screen:
    """Where committed events and live tokens go while the run goes on.

    While somebody else has the terminal (a question, a streamed answer) events are held back.
    """

    job: Job
    console: Console
    shown: Progress
    switch: KillSwitch
    live: Any = None
    streamed: str = ""
    writing: str = ""
    """Path of the step whose text is on stdout now."""
    stream: ExitStack | None = None
    held: list[tuple[int, Event]] | None = None
    settled: tuple[Settled, ...] = ()
    knows: bool = False
    """Whether the progress has what stands in the record so far."""
    mask: Masked | None = None
    """Stands in front of `tokens` where secrets may be among them."""

    def recalled(self, events: Iterable[tuple[int, Event]]) -> Iterator[Event]:
        """What happened before this process went on with the run, read once for the screen and for the engine.

        When a run goes on that this process had begun, the screen knows it already.
        """
        for pair in events:
            if not self.knows:
                self.shown.recall((pair,))
            yield pair[1]
        self.knows = True

    def begun(self, events: Iterable[tuple[int, Event]]) -> None:
        """What stands in the record when the run begins; of what another run did nothing is told."""
        self.knows = True
        for seq, event in events:
            if self.job.forked:
                self._print(event)
            else:
                self.committed(((seq, event),))

    def committed(self, events: Sequence[tuple[int, Event]]) -> None:
        for seq, event in events:
            self._print(event)
            if isinstance(event, AttemptFinished | StepFailed) and event.path in self.job.streamed:
                self.end_stream(event.path)
            if self.held is None:
                self.shown.feed(seq, event)
            else:
                self.held.append((seq, event))
        self.switch.after(len(events))

    def _print(self, event: Event) -> None:
        if self.job.show_events:
            self.console.out.write(encode(event) + "\n")
            self.console.out.flush()

    def tokens(self, path: str, text: str) -> None:
        if path in self.job.streamed and self.writing in ("", path):
            self._piece(path, text)
        else:
            self.shown.tokens(path, text)
        if self.live is not None:
            self.live(path, text)

    @contextmanager
    def away(self) -> Iterator[None]:
        """The terminal belongs to somebody else."""
        with self.shown.away():
            self.held = []
            try:
                yield
            finally:
                held, self.held = self.held or [], None
        for seq, event in held:
            self.shown.feed(seq, event)

    def _piece(self, path: str, text: str) -> None:
        if not text:
            return
        if self.stream is None:
            self.stream, self.streamed, self.writing = ExitStack(), "", path
            self.stream.enter_context(self.away())
        self.console.piece(text)
        self.streamed += text

    def end_stream(self, path: str) -> None:
        """The answer of a step is complete: it ends its line, and the progress comes back."""
        if self.mask is not None:
            self.mask.end(path)
        if self.stream is not None and self.writing == path:
            self.console.piece("" if self.streamed.endswith("\n") else "\n")
            stream, self.stream, self.writing = self.stream, None, ""
            stream.close()

    def close(self) -> None:
        """Nothing more comes."""
        for path in self.job.streamed:
            self.end_stream(path)
        self.shown.close()


__all__ = ["Screen"]
