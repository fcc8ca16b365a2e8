"""What the tabs show of a whole run: its outputs, or why there are none, and where its prompts are. Knows no store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from orch_tui.prices import Comparing, Elsewhere, against, comparing
from orch_tui.tabs.decisions import counted
from orch_tui.tabs.output import value
from orch_tui.tabs.page import Page, table
from orch_tui.tabs.raw import raw
from orch_tui.tabs.span import Numbered, Span
from orch_tui.text import Piece
from orch_tui.trace import Trace
from orchestrator.events import RunFailed
from orchestrator.money import shown
from orchestrator.report import words
from orchestrator.report.cost import Line, kept_local
from orchestrator.report.summary import sentence, whereabouts

LISTED = 50
"""Steps that are listed."""


@dataclass(frozen=True, slots=True)
class Use:
    """One step of the file: what it took from models."""

    step: str
    models: str
    calls: int
    tokens: int


@dataclass(frozen=True, slots=True)
class Whole:
    """A run at one moment. `asked` are the paths of open questions, `lost` what failed or was caught, with why."""

    run: str
    status: str
    outputs: Any = None
    error: RunFailed | None = None
    asked: tuple[str, ...] = ()
    lost: tuple[tuple[str, str, str], ...] = ()
    warnings: tuple[str, ...] = ()
    uses: tuple[Use, ...] = ()
    told: str = ""
    where: str = ""
    events: tuple[Numbered, ...] = ()
    waits_for: str = ""
    """A larger budget, in words."""
    choices: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """How often what was decided by which rule."""
    total: Line = field(default_factory=Line)
    kept: tuple[int, int] = (0, 0)
    """Answers that were given on this machine, and all."""
    comparing: Comparing | None = None
    other: Elsewhere | None = None
    made_of: tuple[str, str, int] = ("", "", 0)
    """The run that it began with, from where on it ran anew, and how many steps were taken over."""

    @property
    def command(self) -> str:
        """What prints it."""
        return f"orch show {self.run}"


def whole(trace: Trace, run: str, status: str) -> Whole:
    """The run as the trace has it; `events` are to be read."""
    state, summary = trace.state, trace.summary
    lost = [*trace.failed, *trace.caught][:LISTED]
    uses = (
        Use(row.step, ", ".join(row.models), row.use.calls, row.use.prompt_tokens + row.use.completion_tokens)
        for row in summary.steps.values()
        if row.use.calls
    )
    return Whole(
        run,
        status,
        state.outputs,
        state.error if status in ("failed", "rejected") else None,
        tuple(state.asks) if status in ("running", "waiting") else (),
        tuple((trace.path(span), trace.status_of(span), trace.notes.get(span, "")) for span in lost),
        tuple(state.warnings),
        tuple(uses),
        sentence(summary),
        whereabouts(summary),
        waits_for=trace.waits_for if status == "waiting" else "",
        choices=dict(trace.decided),
        total=summary.spending.total(),
        kept=kept_local(summary.spending.lines.values()),
        comparing=comparing(state, summary),
        made_of=(trace.made_of, trace.made_at, len(trace.taken)),
    )


def outputs(run: Whole, width: int) -> Page:
    """The outputs as any other value; for a run without any, how it stands and what a person can do."""
    page = Page(width)
    if run.status == "done":
        if run.outputs is None:
            page.say("the run has no outputs", "dim")
        else:
            value(page, run.outputs, f"{run.command} --json")
    elif run.error is not None:
        _failed(page, run, run.error)
    else:
        _unfinished(page, run)
    for warning in run.warnings:
        page.gap()
        page.add((("warning: ", "warn"),), ((warning, ""),))
    return page


def _failed(page: Page, run: Whole, error: RunFailed) -> None:
    page.add(((f"✗ {error.error_kind}: ", "bad"),), ((error.message, ""),))
    if error.path:
        page.add((("  in the step: ", "dim"),), ((error.path, "bold"),))
    if error.hint:
        page.add((("  what to do: ", "dim"),), ((error.hint, ""),))
    page.say(f"  it ended with exit code {error.exit_code}, without outputs", "dim")
    _lost(page, run)


def _unfinished(page: Page, run: Whole) -> None:
    if run.asked:
        page.say("it waits for an answer to:", "ask")
        for path in run.asked[:LISTED]:
            page.add((("? ", "ask"),), ((path, ""),))
        return
    if run.waits_for:
        page.add((("? ", "ask"),), (("it waits for a larger budget: ", "ask"), (run.waits_for, "")))
        page.say(
            f"go on with: orch resume {run.run} --budget-usd … (or --budget-tokens, --budget-cloud-calls)"
        )
        return
    if run.status == "running":
        page.say("the outputs come when the run ends", "dim")
        return
    page.say(f"the run is {run.status}: it has no outputs", "warn")
    if run.status in ("interrupted", "cancelled", "waiting"):
        page.say(f"go on with: orch resume {run.run}", "dim")


def _lost(page: Page, run: Whole) -> None:
    """What went wrong on the way, also when the run went on."""
    if not run.lost:
        return
    page.head("What failed or was caught")
    body: list[list[Piece]] = [
        [(path, ""), (status, "bad" if status == "failed" else "warn"), (note, "dim")]
        for path, status, note in run.lost
    ]
    table(page, ("", "", ""), body, right=set())


def calls(run: Whole, width: int) -> Page:
    """Which steps called a model: there are the prompts and the attempts."""
    page = Page(width)
    if not run.uses:
        page.say("no step has called a model", "dim")
        return page
    page.say("the prompts and attempts are in the steps; these called a model:", "dim")
    page.gap()
    body: list[list[Piece]] = [
        [
            (use.step, "bold"),
            (words.number(use.calls), ""),
            (words.number(use.tokens), ""),
            (use.models, "dim"),
        ]
        for use in run.uses[:LISTED]
    ]
    table(page, ("step", "calls", "tokens", "model"), body, right={1, 2})
    return page


def decided(run: Whole, width: int) -> Page:
    """How the run stands, what it came to, and what failed on the way."""
    page = Page(width)
    _made_of(page, *run.made_of)
    for text in (run.told, run.where if run.where not in run.told else ""):
        if text:
            page.add((("• ", "dim"),), ((text, ""),))
    if run.error is not None:
        step = f" in {run.error.path}" if run.error.path else ""
        page.add((("• ", "dim"),), ((f"It failed{step}: {run.error.message}", "bad"),))
    for text in counted(run.choices):
        page.add((("• ", "dim"),), ((text, ""),))
    _spent(page, run)
    _lost(page, run)
    return page


def _made_of(page: Page, run: str, at: str, taken: int) -> None:
    """Where it is from, when it did not begin with nothing."""
    if not run:
        return
    anew = f", and ran anew from {at} on" if at else ""
    page.add((("• ", "dim"),), ((f"It began with what run {run} had finished{anew}.", ""),))
    page.add(
        (("• ", "dim"),),
        ((f"{words.count(taken, 'value')} taken over: not asked, called or paid again.", ""),),
    )


def _spent(page: Page, run: Whole) -> None:
    """What it cost, what stayed here, and what one model of the cloud would have taken for it."""
    here, every = run.kept
    if not every:
        return
    kept = f"{words.number(here)} of {words.count(every, 'answer')} came from this machine"
    said = against(run.total, run.other) or (f"{shown(run.total.cost)} spent" if run.total.cost else "")
    page.add((("• ", "dim"),), ((f"{kept}; {said}" if said else kept, ""),))


def recorded(run: Whole, width: int) -> Page:
    """The events of the run as a whole."""
    return raw(Span(run=run.run, path="", verb="run", events=run.events), width)


def with_events(run: Whole, events: list[Numbered], last: int) -> Whole:
    """With its own events up to this one."""
    return replace(run, events=tuple(one for one in events if one[0] <= last))
