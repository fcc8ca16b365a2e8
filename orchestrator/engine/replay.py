"""A recorded run once more, without any model, tool or network: every request rendered anew and compared with the
recorded one, every answer taken from the record, every decision taken anew.

It writes nothing. What the record does not hold is not compared, and said so.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from orchestrator.engine.compare import Comparing, Comparison, Difference, ending, texts
from orchestrator.engine.frame import Frame
from orchestrator.engine.gate import stated
from orchestrator.engine.instance import Verb
from orchestrator.engine.line import Line
from orchestrator.engine.played import (
    NotDescribed,
    NotRecorded,
    PlayedHead,
    PlayedKnowledge,
    PlayedLedger,
    PlayedMemory,
    PlayedModel,
    PlayedTools,
    Reader,
    characters_of,
    examples_for,
    price_in,
    token_counts,
)
from orchestrator.engine.recover import Done, Recovered
from orchestrator.engine.run import Blocked, Outcome, Ports, Run
from orchestrator.engine.start import VERBS, Engine, Result, entering, models_needed
from orchestrator.engine.trail import WITHHELD, Record, Trail, facts_of
from orchestrator.errors import StepError
from orchestrator.events import (
    StepFailed,
)
from orchestrator.graph.model import Graph, Node
from orchestrator.ports import Model, Prices, Reply, Tool

ASKS = ("agent", "tool")


@dataclass(frozen=True, slots=True)
class Given:
    """What a replay needs besides the record: the file as it is now, and how tools and cases are described now."""

    graph: Graph
    inputs: Mapping[str, Any]
    today: str
    env: Mapping[str, str]
    """What stands in the record in the place of each variable."""
    opened: Callable[[str, str], Awaitable[Tool | None]]
    cases: Reader
    prices: Prices = stated
    """Of models that the run never reached."""


@dataclass(slots=True)
class Replay:
    """One replay of one record."""

    record: Record
    given: Given
    journal: Comparing = field(init=False)

    def __post_init__(self) -> None:
        self.journal = Comparing(self.record)

    async def run(self) -> Comparison:
        """Everything that is not as it was."""
        result = await self._played()
        found = self.journal.found
        complete = result.status in ("done", "failed")
        for path in self.journal.missing(complete=complete):
            ended = self.record.at(path).ended
            assert ended is not None
            found.note(path, "how it ended", ending(ended), None)
        for trail in self.record.trails.values() if complete else ():
            self._unasked(trail)
        return found

    def _unasked(self, trail: Trail) -> None:
        """Requests that are not made any more, of an instance that runs all the same."""
        if trail.path not in self.journal.seen or trail.path in self.journal.found.left_out:
            return
        for asked in trail.asked:
            if not asked.used and asked.ended is not None:
                self.journal.found.note(
                    trail.path, f"request {asked.began.attempt}", texts(asked.began), None
                )

    async def _played(self) -> Result:
        given = self.given
        ports = Ports(
            journal=self.journal,
            asker=self._reply,
            prices=price_in(self.record, self.given.prices),
            env=given.env,
            conversations=PlayedMemory(),
        )
        engine = Engine(
            _unlimited(given.graph),
            given.inputs,
            self._models(),
            ports,
            today=given.today,
            recovered=self._recovered(),
            enter=entering({name: self._verb(name, verb) for name, verb in VERBS.items()}),
        )
        return await engine.execute()

    def _models(self) -> dict[str, Model]:
        needed, found = models_needed(self.given.graph), dict[str, Model]()
        for name, spec in needed.items():
            counts = token_counts(self.record, name)
            ready = self.record.models.get(name)
            found[name] = PlayedModel(
                name, spec, ready, self._down(name), self.journal.answer, counts, characters_of(counts)
            )
        return found

    def _down(self, name: str) -> str:
        """Why a model was not reached in the recorded run."""
        faults = (
            one.reason
            for trail in self.record.trails.values()
            for one in trail.decided
            if one.rule == "fault" and one.to == name
        )
        return next(faults, "")

    def _recovered(self) -> Recovered:
        """What is not asked anew: answers whose requests are not on record, and everything that was looked up."""
        known = Recovered()
        for path, trail in self.record.trails.items():
            why = trail.not_comparable()
            if why:
                self.journal.found.left_out[path] = why
            if why and trail.finished is not None and "kept" not in trail.finished.facts:
                known.done[path] = Done(trail.finished.value, facts_of(trail.finished))
                self.journal.seen.add(path)
            for looked in trail.looked:
                if looked.source != "examples":
                    (known.recalled if looked.source == "memory" else known.retrieved)[path] = looked.found
        return known

    async def _reply(
        self, path: str, question: str, show: Any, choices: Sequence[str], edit: Any = None
    ) -> Reply | None:
        """What a person said to the question at this path, whatever it asks now."""
        del question, show, choices, edit
        trail = self.record.at(path)
        if trail.answered is not None:
            return Reply(trail.answered.choice, trail.answered.edit)
        if isinstance(trail.ended, StepFailed):
            raise StepError("timeout", trail.ended.message)
        return None

    # ------------------------------------------------------------------------------------------- one instance

    def _verb(self, name: str, verb: Verb) -> Verb:
        if name in ASKS:
            return self._asking(verb)
        return self._waiting(verb) if name in ("steps", "workflow") else self._timed(verb)

    def _asking(self, verb: Verb) -> Verb:
        """An agent or a tool: what it asks is answered by its own part of the record."""

        async def played(run: Run, node: Node, frame: Frame, path: str) -> Outcome:
            trail = self.record.at(path)
            if any(self._is_lost(one) for one in self.record.with_parts(path)):
                self.journal.found.left_out[path] = WITHHELD
                return self._as_recorded(trail)
            try:
                outcome = await verb(self._alone(run, trail), node, frame, path)
            except NotDescribed as missing:
                self.journal.found.left_out[path] = str(missing)
                return self._as_recorded(trail)
            except NotRecorded:
                return self._as_recorded(trail)
            return _with_facts(outcome, trail)

        return played

    def _is_lost(self, trail: Trail) -> bool:
        """Whether its answers are not on record, nor its value."""
        return trail.path in self.journal.found.left_out and trail.path not in self.journal.seen

    def _alone(self, run: Run, trail: Trail) -> Run:
        trails = list(self.record.with_parts(trail.path))
        ports = replace(
            run.ports,
            tools=PlayedTools(self.given.opened, self.record, trail),
            knowledge=lambda file, name: PlayedKnowledge(trails),  # noqa: ARG005 - the shape of Retrievers
            heads=lambda file: PlayedHead(trail),  # noqa: ARG005 - the shape of Ports.heads
            examples=examples_for(self.given.cases, trails),
        )
        ledger = PlayedLedger(refuses=lambda: self._refused(trail, trails))
        return replace(run, ports=ports, ledger=ledger, line=Line(ledger))

    def _refused(self, trail: Trail, trails: list[Trail]) -> str:
        """Why the call that is about to be made was not allowed by the budget of the recorded run."""
        for one in trails:
            said = self.journal.next_decision(one.path)
            if said is not None and (said.choice, said.rule) == ("stay", "budget"):
                return said.reason
        over = isinstance(trail.ended, StepFailed) and trail.ended.error_kind == "budget"
        if over and not any(one.left for one in trails) and isinstance(trail.ended, StepFailed):
            return trail.ended.message
        return ""

    def _as_recorded(self, trail: Trail) -> Outcome:
        """It asks for what the record does not hold: it goes on with the value that it had. Raises Blocked."""
        done = trail.finished
        if done is None or "kept" in done.facts:
            raise Blocked
        return Outcome(done.value, facts_of(done), handled=done.handled)

    def _waiting(self, verb: Verb) -> Verb:
        """A group: that its time ran out is in the record, and does not happen again."""

        async def played(run: Run, node: Node, frame: Frame, path: str) -> Outcome:
            try:
                return await verb(run, node, frame, path)
            except Blocked:
                failed = self.record.at(path).ended
                if isinstance(failed, StepFailed) and failed.error_kind == "timeout":
                    raise StepError("timeout", failed.message) from None
                raise

        return played

    def _timed(self, verb: Verb) -> Verb:
        async def played(run: Run, node: Node, frame: Frame, path: str) -> Outcome:
            return _with_facts(await verb(run, node, frame, path), self.record.at(path), only="seconds")

        return played


def _with_facts(outcome: Outcome, trail: Trail, only: str = "") -> Outcome:
    """What texts may read of how long it took and what it cost is what it was."""
    done = trail.finished
    if done is None:
        return outcome
    facts = facts_of(done)
    kept = facts if not only else {name: facts[name] for name in (only,) if name in facts}
    return replace(outcome, facts={**outcome.facts, **kept})


def _unlimited(graph: Graph) -> Graph:
    """Without limits: what they decided is in the record."""
    return replace(graph, workflow=graph.workflow.model_copy(update={"budget": None}))


async def replay(record: Record, given: Given) -> Comparison:
    """Run a record again. Raises UsageError for a file that cannot be run at all."""
    return await Replay(record, given).run()


__all__ = ["Comparison", "Difference", "Given", "replay"]
