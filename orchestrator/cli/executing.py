"""Executes a run in this process: store, lease, journal, models, progress, signals, wired together.

`run` and `resume` both end here. Nothing else in the project knows all of these at once.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.cli.asking import TerminalAsker
from orchestrator.cli.comparing import compared
from orchestrator.cli.console import Console, is_terminal
from orchestrator.cli.equipment import Equipment, check_tools
from orchestrator.cli.equipment_knowledge import Lookups, embeds_here, prepare_lookups, refuse_embedders_away
from orchestrator.cli.killing import KillingJournal, KillSwitch
from orchestrator.cli.privacy import Privacy
from orchestrator.cli.progress import Progress, conclude, progress
from orchestrator.cli.settling import Settled, as_event
from orchestrator.config import Config
from orchestrator.engine.preflight import Absent, preflight
from orchestrator.engine.record import recording
from orchestrator.engine.recover import Recovered, recover
from orchestrator.engine.run import Ports, SystemClock
from orchestrator.engine.start import Engine, Result, models_climbed, models_needed
from orchestrator.errors import CredentialsMissing, StoreError
from orchestrator.events import AskAnswered, AttemptFinished, Event, RunResumed, StepFailed, Warned, encode
from orchestrator.graph.model import Graph
from orchestrator.policy.secrets import Masked
from orchestrator.ports import Cache, Model
from orchestrator.providers.registry import open_model
from orchestrator.store.answers import login_name
from orchestrator.store.artifacts import Artifacts, folder_of
from orchestrator.store.fence import journal_of
from orchestrator.store.inbox import done, take
from orchestrator.store.lease import me

if TYPE_CHECKING:
    from orchestrator.cli.locked import Guard
    from orchestrator.money import Price
    from orchestrator.spec.model import ModelSpec
    from orchestrator.store.store import Store

EMBEDDER = "llamacpp:all-minilm-l6-v2"
"""What embeds where nothing else is said."""
POLL = 0.3
"""Seconds between looks into the inbox."""


@dataclass(frozen=True, slots=True)
class Job:
    """One run to execute: created in the store already, its lease held by the caller."""

    run: str
    graph: Graph
    inputs: Mapping[str, Any]
    today: str
    models: Mapping[str, Model]
    """By the names of `models_needed`; closed when the run ends."""
    resumed: bool = False
    forked: bool = False
    """Its record begins with what another run finished."""
    use_cache: bool = True
    as_json: bool = False
    show_events: bool = False
    quiet: bool = False
    offline: bool = False
    """Nothing may leave this machine."""
    limits: Mapping[str, int] = field(default_factory=dict)
    """Limits of the budget that are raised for what is left of the run, as `RunResumed.budget`."""
    settled: tuple[Settled, ...] = ()
    """What a person says about calls of which nobody knew whether they happened."""
    privacy: Privacy = field(default_factory=Privacy)
    """What its texts read of the environment, and what may be shown and written down."""
    data: Path = Path()
    """The user's own data: what tools made goes there when the store is on a server."""
    streamed: tuple[str, ...] = ()
    """Paths of steps whose text goes to stdout as it comes, one at a time."""
    lock: Guard | None = None
    """What the run is compared with, where a lock file stands beside its workflow."""
    goes_on: bool = False
    """Whoever executes it goes on afterwards: Ctrl-C ends the run for good, and never the process."""


@dataclass(frozen=True, slots=True)
class Kit:
    """What a run works with besides its models; several runs of one graph can share it."""

    tools: Equipment
    lookups: Lookups


@asynccontextmanager
async def equipped(job: Job) -> AsyncIterator[Kit]:
    """Tools and knowledge for the graph of a job; they and its models are closed at the end."""
    async with AsyncExitStack() as stack:
        for model in job.models.values():
            stack.push_async_callback(model.close)
        judge = job.lock.judge if job.lock is not None else None
        tools = Equipment(job.graph, os.environ, job.privacy.keys, judge=judge)
        stack.push_async_callback(tools.close)
        lookups = Lookups(job.graph, _config(job), os.environ)
        stack.push_async_callback(lookups.close)
        yield Kit(tools, lookups)


@dataclass(slots=True)
class _Screen:
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

    def begun(self, events: Sequence[tuple[int, Event]]) -> None:
        """What stands in the record when the run begins; of what another run did nothing is told."""
        self.knows = True
        if not self.job.forked:
            self.committed(events)
            return
        for _, event in events:
            self._print(event)

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


def execute(store: Store, job: Job, console: Console) -> tuple[Result, str]:
    """Run to the end. Returns how it ended and what was streamed to stdout already."""
    screen = _Screen(job, console, progress(console, quiet=job.quiet), KillSwitch(os.environ))
    screen.settled = job.settled
    try:
        result = asyncio.run(_execute(store, job, screen))
    finally:
        screen.close()
    if not job.quiet:
        conclude(screen.shown, console, compared(screen.shown.summary, job.graph))
    return result, screen.streamed


async def execute_with(
    store: Store, job: Job, console: Console, kit: Kit, shown: Progress
) -> tuple[Result, str]:
    """The same with tools and models that stay open for the next run."""
    screen = _Screen(job, console, shown, KillSwitch(os.environ))
    screen.settled = job.settled
    try:
        result = await _execute(store, job, screen, kit)
    finally:
        screen.close()
    return result, screen.streamed


async def _execute(store: Store, job: Job, screen: _Screen, kit: Kit | None = None) -> Result:
    resumed = job.resumed
    async with AsyncExitStack() as stack:
        screen.switch.watch(store)
        _go_live(store, job, screen, stack)
        journal = KillingJournal(journal_of(store, job.run, screen.committed), screen.switch)
        stack.callback(journal.close)
        cache = _cache(store, job, stack)
        used = await stack.enter_async_context(equipped(job)) if kit is None else kit
        while True:
            recovered = _look_back(store, job.run, screen, journal, resumed=resumed)
            _listen(job, journal, resumed=resumed)
            await journal.flush()
            engine = _engine(store, job, screen, journal, cache, recovered, used)
            result = job.privacy.told(await _guarded(engine, store, job.run, screen))
            await asyncio.sleep(0)  # the last committed events are on their way to the screen
            if result.status != "waiting" or not _answered_meanwhile(store, job.run, result.asks):
                return _as_kept(store, job.run, result)
            resumed = True


def _as_kept(store: Store, run: str, result: Result) -> Result:
    """Its questions with what the record holds: whoever answers them from another shell has nothing else."""
    from orchestrator.store.answers import open_asks

    kept = open_asks(store, run) if result.asks else {}
    known = {path: ask for path, ask in result.asks.items() if path in kept}
    asks = {path: replace(ask, show=kept[path].show, edit=kept[path].edit) for path, ask in known.items()}
    return replace(result, asks={**result.asks, **asks})


def _listen(job: Job, journal: KillingJournal, *, resumed: bool) -> None:
    """What is not as it was locked stands in the record of the run, where everybody sees it."""
    if job.lock is None:
        return

    def tell(said: str) -> None:
        journal.append(Warned(at=SystemClock().now(), message=job.privacy.secrets.clean(said)))

    job.lock.tell, job.lock.secrets = tell, job.privacy.secrets
    for said in () if resumed else job.lock.found:
        tell(said)


def _config(job: Job) -> Config:
    return Config.from_environment(os.environ, Path.cwd()).staying(job.offline)


def _go_live(store: Store, job: Job, screen: _Screen, stack: AsyncExitStack) -> None:
    from orchestrator.store.live import LiveSender

    sender = LiveSender(store, job.run)
    stack.callback(sender.close)
    screen.live = sender


def open_models(graph: Graph, config: Config, console: Console) -> dict[str, Model]:
    """A model for every name the graph needs; missing weights are fetched, nothing is started yet.

    Tools that cannot be called are found too, and what the steps look up is brought up to date. Raises UsageError,
    CredentialsMissing, ProviderError, SandboxUnavailable, KnowledgeError.
    """
    base = Path(graph.file).resolve().parent
    preflight(graph, price_list, offline=config.offline)
    check_tools(graph, os.environ)
    refuse_embedders_away(graph, offline=config.offline)
    needed, climbed = models_needed(graph), models_climbed(graph)
    fetch_weights(graph, config, console)
    prepare_lookups(graph, config, os.environ, console)
    return {
        name: open_needed(name, spec, config, base, climbed=name in climbed) for name, spec in needed.items()
    }


def open_needed(name: str, spec: ModelSpec, config: Config, base: Path, *, climbed: bool) -> Model:
    """One model; without its key it is absent where only an `escalate` asks it, and the run stays local."""
    try:
        return open_model(name, spec, environ=os.environ, config=config, base=base)
    except CredentialsMissing as error:
        if climbed:
            return Absent(error)
        raise


def check_models(graph: Graph, config: Config, console: Console) -> None:
    """Find out what keeps the models from being opened, and fetch missing weights, for a run somewhere else.

    Raises UsageError, CredentialsMissing, ProviderError.
    """

    async def close() -> None:
        for model in models.values():
            await model.close()

    models = open_models(graph, config, console)
    asyncio.run(close())


def fetch_weights(graph: Graph, config: Config, console: Console) -> None:
    """Bring what is not on this machine yet. Raises UsageError, ProviderError."""
    references = [spec.use for spec in models_needed(graph).values()]
    references += [EMBEDDER] if embeds_here(graph) else []
    base = Path(graph.file).resolve().parent
    if not any(reference.startswith("llamacpp:") for reference in references):
        return
    from orchestrator.cli.download import fetch_missing
    from orchestrator.providers.model_store import ModelStore

    store = ModelStore(config.models, environ=os.environ, offline=config.offline)
    fetch_missing(references, store, base, console)


def _cache(store: Store, job: Job, stack: AsyncExitStack) -> Cache | None:
    if not job.use_cache:
        return None
    from orchestrator.cli.caching import open_cache

    return open_cache(store, stack, offline=job.offline)


def _look_back(
    store: Store, run: str, screen: _Screen, journal: KillingJournal, *, resumed: bool
) -> Recovered:
    """What the log knows of the run so far, with the answers that wait in the inbox turned into events.

    They were given before the run was taken up again, so they stand before that in its log.
    """
    recovered = Recovered()
    if resumed or screen.job.forked:
        recovered = recover(screen.recalled(store.events(run)))
        recovered.started = None  # what the run was given is in the job: a flood of items is held once
    if not resumed:
        screen.begun(list(store.events(run)))
    _take_answers(store, run, journal, recovered)
    if resumed:
        _settle(screen, journal, recovered)
        journal.append(RunResumed(at=SystemClock().now(), owner=me(), budget=screen.job.limits))
        recovered.raised(screen.job.limits)
    return recovered


def _take_answers(store: Store, run: str, journal: KillingJournal, recovered: Recovered) -> None:
    for row in take(store, run):
        answer = _as_answer(row.kind, row.payload, row.at)
        asked = recovered.asked.get(answer.path) if answer is not None else None
        late = asked is not None and asked.deadline is not None and row.at >= asked.deadline
        if answer is not None and asked is not None and not late and answer.path not in recovered.answered:
            journal.append(answer, consumed=[row.id])
            recovered.answered[answer.path] = answer
        else:
            done(store, [row.id])


def _settle(screen: _Screen, journal: KillingJournal, recovered: Recovered) -> None:
    """What a person says about calls, once: it is in the record when the run looks back again, as far as `keep` says."""
    privacy, clock = screen.job.privacy, SystemClock()
    record = recording(journal, screen.job.graph, privacy.secrets, privacy.keep, recovered, clock)
    for said in screen.settled:
        event = as_event(said, recovered, clock.now(), login_name())
        record.append(event)
        recovered.call_finished(event)
    screen.settled = ()


def _as_answer(kind: str, payload: Mapping[str, Any], at: float) -> AskAnswered | None:
    if kind not in ("approve", "reject"):
        return None
    choice = str(payload["choice"]) if kind == "approve" else ""
    return AskAnswered(
        at=at, path=str(payload["path"]), choice=choice, by=str(payload["by"]), edit=payload.get("edit")
    )


def _answered_meanwhile(store: Store, run: str, asks: Collection[str]) -> bool:
    return any(
        row.kind in ("approve", "reject") and row.payload.get("path") in asks for row in take(store, run)
    )


def _engine(
    store: Store,
    job: Job,
    screen: _Screen,
    journal: KillingJournal,
    cache: Cache | None,
    recovered: Recovered,
    kit: Kit,
) -> Engine:
    from orchestrator.store.conversations import StoreConversations

    person = not job.quiet and is_terminal(sys.stdin) and is_terminal(screen.console.err)
    privacy = job.privacy
    screen.mask = privacy.mask(screen.tokens)
    asker = TerminalAsker(screen.console, screen.away, journal.flush) if person else None
    ports = Ports(
        journal=journal,
        cache=cache,
        asker=privacy.asker(asker),
        live=screen.mask or screen.tokens,
        prices=price_list,
        offline=job.offline,
        secrets=privacy.secrets,
        env=privacy.env,
        digest_key=privacy.keep.key,
        tools=screen.switch.tools(kit.tools),
        knowledge=kit.lookups,
        examples=kit.lookups.examples,
        heads=kit.lookups.head,
        conversations=StoreConversations(store, job.run),
        keepsakes=Artifacts(folder_of(store, job.data), privacy.secrets),
        run=job.run,
    )
    return Engine(job.graph, job.inputs, job.models, ports, today=job.today, recovered=recovered)


def price_list(spec: ModelSpec, *, local: bool) -> Price | None:
    """What a model costs; the list is read when the first model off the machine is asked."""
    from orchestrator.pricelist import price_of

    return price_of(spec, local=local)


# ---------------------------------------------------------------------------------------- stopping a run


async def _guarded(engine: Engine, store: Store, run: str, screen: _Screen) -> Result:
    """Execute while listening for Ctrl-C, SIGTERM and `orch cancel`."""
    loop = asyncio.get_running_loop()
    for number, by in ((signal.SIGINT, "Ctrl-C"), (signal.SIGTERM, "SIGTERM")):
        loop.add_signal_handler(number, _stop, engine, screen, by)
    watcher = asyncio.create_task(_watch_inbox(engine, store, run))
    try:
        return await engine.execute()
    finally:
        watcher.cancel()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


def _stop(engine: Engine, screen: _Screen, by: str) -> None:
    """The first time ends the run with everything written; the second time ends the process."""
    if screen.job.goes_on:
        engine.cancel(by)
        return
    if engine.stopping:
        os._exit(130)
    with screen.shown.away():
        screen.console.say("stopping; press Ctrl-C again to end at once")
    engine.cancel(by, cancelled=False)


async def _watch_inbox(engine: Engine, store: Store, run: str) -> None:
    while True:
        await asyncio.sleep(POLL)
        try:
            store.check()
        except (
            StoreError
        ) as error:  # nothing more can be written down: its last event says so with this error
            engine.cancel(error.message, cancelled=False)
            return
        for row in await asyncio.to_thread(take, store, run):
            if row.kind == "cancel":
                done(store, [row.id])
                engine.cancel(str(row.payload.get("by", "orch cancel")))
                return
