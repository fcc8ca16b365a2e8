"""Executes a run in this process: store, lease, journal, models, progress, signals, wired together.

`run` and `resume` both end here. Nothing else in the project knows all of these at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.cli.asking import TerminalAsker
from orchestrator.cli.comparing import compared
from orchestrator.cli.console import Console, is_terminal
from orchestrator.cli.equipment import Equipment
from orchestrator.cli.equipment_knowledge import Lookups
from orchestrator.cli.job import Job
from orchestrator.cli.killing import KillingJournal, KillSwitch
from orchestrator.cli.needs import price_list
from orchestrator.cli.progress import Progress, conclude, progress
from orchestrator.cli.settling import as_event
from orchestrator.cli.showing import Screen
from orchestrator.config import Config
from orchestrator.engine.record import recording
from orchestrator.engine.recover import Recovered, recover
from orchestrator.engine.run import Ports, SystemClock
from orchestrator.engine.start import Engine, Result
from orchestrator.errors import StoreError
from orchestrator.events import AskAnswered, RunResumed, Warned
from orchestrator.ports import Cache
from orchestrator.store.answers import login_name
from orchestrator.store.artifacts import Artifacts, folder_of
from orchestrator.store.fence import journal_of
from orchestrator.store.inbox import DAMAGED, done, take
from orchestrator.store.lease import me
from orchestrator.trimming import give_back

if TYPE_CHECKING:
    from orchestrator.cli.past import Past
    from orchestrator.store.store import Store

POLL = 0.15
"""Seconds between looks into the inbox."""
UNREADABLE = "a message to this run cannot be read any more and was passed over: if you answered a question, answer again"


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
        config = Config.from_environment(os.environ, Path.cwd()).staying(job.offline)
        lookups = Lookups(job.graph, config, os.environ)
        stack.push_async_callback(lookups.close)
        yield Kit(tools, lookups)


def execute(store: Store, job: Job, console: Console) -> tuple[Result, str]:
    """Run to the end. Returns how it ended and what was streamed to stdout already."""
    give_back()
    story = job.past.story if job.past is not None else None
    shown = progress(console, quiet=job.quiet, story=story)
    screen = Screen(job, console, shown, KillSwitch(os.environ), settled=job.settled, knows=story is not None)
    try:
        result = asyncio.run(_execute(store, job, screen))
    finally:
        screen.close()
    if not job.quiet:
        cache = Config.from_environment(os.environ, Path.cwd()).cache
        conclude(screen.shown, console, compared(screen.shown.summary, job.graph, cache))
    return result, screen.streamed


async def execute_with(
    store: Store, job: Job, console: Console, kit: Kit, shown: Progress
) -> tuple[Result, str]:
    """The same with tools and models that stay open for the next run."""
    screen = Screen(job, console, shown, KillSwitch(os.environ), settled=job.settled)
    try:
        result = await _execute(store, job, screen, kit)
    finally:
        screen.close()
    return result, screen.streamed


async def _execute(store: Store, job: Job, screen: Screen, kit: Kit | None = None) -> Result:
    resumed, past = job.resumed, job.past
    async with AsyncExitStack() as stack:
        screen.switch.watch(store)
        _go_live(store, job, screen, stack)
        journal = KillingJournal(journal_of(store, job.run, screen.committed), screen.switch)
        stack.callback(journal.close)
        cache = _cache(store, job, stack)
        used = await stack.enter_async_context(equipped(job)) if kit is None else kit
        while True:
            recovered = _look_back(store, past, screen, journal, resumed=resumed)
            aloud = screen.console if job.quiet and kit is None else None
            _listen(job, journal, aloud, resumed=resumed)
            await journal.flush()
            engine = _engine(store, job, screen, journal, cache, recovered, used)
            result = job.privacy.told(await _guarded(engine, store, job.run, screen))
            await asyncio.sleep(0)  # the last committed events are on their way to the screen
            if result.status != "waiting" or not _answered_meanwhile(store, job.run, result.asks):
                return _as_kept(store, job.run, result)
            resumed, past = True, None  # it knows more by now


def _as_kept(store: Store, run: str, result: Result) -> Result:
    """Its questions with what the record holds: whoever answers them from another shell has nothing else."""
    from orchestrator.store.answers import open_asks

    kept = open_asks(store, run) if result.asks else {}
    known = {path: ask for path, ask in result.asks.items() if path in kept}
    asks = {path: replace(ask, show=kept[path].show, edit=kept[path].edit) for path, ask in known.items()}
    return replace(result, asks={**result.asks, **asks})


def _listen(job: Job, journal: KillingJournal, aloud: Console | None, *, resumed: bool) -> None:
    """What is not as it was locked stands in the record of the run, where everybody sees it; `aloud` where no progress is."""
    if job.lock is None:
        return

    def tell(said: str) -> None:
        message = job.privacy.secrets.clean(said)
        journal.append(Warned(at=SystemClock().now(), message=message))
        if aloud is not None:
            aloud.warning(message)

    job.lock.tell, job.lock.secrets = tell, job.privacy.secrets
    for said in () if resumed else job.lock.found:
        tell(said)


def _go_live(store: Store, job: Job, screen: Screen, stack: AsyncExitStack) -> None:
    from orchestrator.store.live import LiveSender

    sender = LiveSender(store, job.run)
    stack.callback(sender.close)
    screen.live = sender


def _cache(store: Store, job: Job, stack: AsyncExitStack) -> Cache | None:
    if not job.use_cache:
        return None
    from orchestrator.cli.caching import open_cache

    return open_cache(store, stack, offline=job.offline)


def _look_back(
    store: Store, past: Past | None, screen: Screen, journal: KillingJournal, *, resumed: bool
) -> Recovered:
    """What the log knows of the run so far, with the answers that wait in the inbox turned into events.

    They were given before the run was taken up again, so they stand before that in its log.
    """
    job, recovered = screen.job, Recovered()
    if resumed or job.forked:
        recovered = past.recovered if past is not None else recover(screen.recalled(store.events(job.run)))
        recovered.started = None  # what the run was given is in the job: a flood of items is held once
    if not resumed:
        _begin(store, past, screen)
    _take_answers(store, job.run, journal, recovered)
    if resumed:
        _settle(screen, journal, recovered)
        journal.append(RunResumed(at=SystemClock().now(), owner=me(), budget=job.limits))
        recovered.raised(job.limits)
    return recovered


def _begin(store: Store, past: Past | None, screen: Screen) -> None:
    """Tell what stands in the record already. As the store gives it where its very words are printed."""
    job = screen.job
    if past is None or job.show_events:
        screen.begun(store.events(job.run))
    elif not job.forked:
        screen.begun([(0, past.started)])


def _take_answers(store: Store, run: str, journal: KillingJournal, recovered: Recovered) -> None:
    for row in take(store, run):
        answer = _as_answer(row.kind, row.payload, row.at)
        asked = recovered.asked.get(answer.path) if answer is not None else None
        late = asked is not None and asked.deadline is not None and row.at >= asked.deadline
        if answer is not None and asked is not None and not late and answer.path not in recovered.answered:
            journal.append(answer, consumed=[row.id])
            recovered.answered[answer.path] = answer
        elif row.kind == DAMAGED:
            journal.append(Warned(at=SystemClock().now(), message=UNREADABLE), consumed=[row.id])
        else:
            done(store, [row.id])


def _settle(screen: Screen, journal: KillingJournal, recovered: Recovered) -> None:
    """What a person says about calls, once: it is in the record when the run looks back again, as far as `keep` says."""
    privacy, clock = screen.job.privacy, SystemClock()
    record = recording(journal, screen.job.graph, privacy.secrets, privacy.keep, recovered, clock)
    for said in screen.settled:
        event = as_event(said, recovered, clock.now(), login_name())
        record.append(event)
        recovered.call_finished(event)
    screen.settled = ()


def _as_answer(kind: str, payload: Mapping[str, Any], at: float) -> AskAnswered | None:
    path, choice, by = (payload.get(name) for name in ("path", "choice", "by"))
    if kind not in ("approve", "reject") or not (isinstance(path, str) and isinstance(by, str)):
        return None
    if kind == "approve" and not (isinstance(choice, str) and choice):  # without one it would be a refusal
        return None
    return AskAnswered(
        at=at, path=path, choice=str(choice) if kind == "approve" else "", by=by, edit=payload.get("edit")
    )


def _answered_meanwhile(store: Store, run: str, asks: Collection[str]) -> bool:
    return any(
        row.kind in ("approve", "reject") and row.payload.get("path") in asks for row in take(store, run)
    )


def _engine(
    store: Store,
    job: Job,
    screen: Screen,
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


# ---------------------------------------------------------------------------------------- stopping a run


async def _guarded(engine: Engine, store: Store, run: str, screen: Screen) -> Result:
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


def _stop(engine: Engine, screen: Screen, by: str) -> None:
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
        with contextlib.suppress(StoreError):  # of a look that failed; the next one may not
            for row in await asyncio.to_thread(take, store, run):
                if row.kind == "cancel":
                    engine.cancel(str(row.payload.get("by", "orch cancel")))
                    done(store, [row.id])
                    return


__all__ = ["Job", "Kit", "equipped", "execute", "execute_with"]
