"""How far a run is, and how long it will still take: from the items of its fan-outs and the steps that ended."""

from __future__ import annotations

from statistics import median_low

from orch_tui.trace import CACHED, CAUGHT, DONE, FAILED, NOWHERE, RUNNING, SKIPPED, STOPPED, Trace

FEW = 64
"""Children of a group that are looked at for fan-outs inside it."""
BASIS = 2
"""Items that must have ended before they say how long the others take."""


def remaining(trace: Trace, now: float) -> float | None:
    """Seconds, roughly: the rest of the slowest fan-out under way, and the steps of the file that have not begun.

    A step that has not begun is taken to last as long as those that ended usually did; what a lone step that runs
    still needs nobody knows.
    """
    fans = [rest for rest in (_fan_rest(trace, span, now) for span in _fans(trace)) if rest is not None]
    ended = [span for span in trace.roots if trace.status[span] in (DONE, FAILED, CAUGHT)]
    if not fans and not ended:
        return None
    spent = sum(trace.seconds(span, now) for span in ended)
    later = _not_begun(trace) * _usual(trace, ended, now) if ended else 0.0
    return (max(fans) if fans else _last_rest(trace, now, spent / len(ended))) + later


def items_ended(trace: Trace) -> tuple[int, int]:
    """Of the outermost fan-outs under way: items that are over, and all of them."""
    fans = _fans(trace)
    over = sum(trace.counted(span, DONE, CACHED, SKIPPED, FAILED, CAUGHT) for span in fans)
    return over, sum(trace.items[span] for span in fans)


def _usual(trace: Trace, ended: list[int], now: float) -> float:
    """What a step takes: on average, unless that comes from few long ones, as a list of values and a model's work on it."""
    seconds = [trace.seconds(span, now) for span in ended]
    return min(sum(seconds) / max(1, steps_ended(trace)), median_low(seconds))


def steps_ended(trace: Trace) -> int:
    """Steps of the file that are over; one inside a fan-out or a loop is when that is."""
    return sum(_ended(trace, step.split(".")) for step in trace.summary.steps)


def _ended(trace: Trace, names: list[str]) -> bool:
    span = NOWHERE
    for depth, name in enumerate(names):
        children = trace.children(span)
        if span != NOWHERE and (span in trace.items or not children or trace.names[children[0]][0] == "~"):
            return False
        wanted = f".{name}" if depth else name
        span = next((child for child in children if trace.names[child] == wanted), NOWHERE)
        if span == NOWHERE:
            return False
        if not trace.live(span) and trace.status[span] != STOPPED:
            return True
    return False


def _not_begun(trace: Trace) -> int:
    return max(0, trace.state.steps - len(trace.summary.steps))


def _last_rest(trace: Trace, now: float, usual: float) -> float:
    """Of the steps that run now, taken to last as long as those that ended."""
    running = [span for span in trace.roots if trace.status[span] == RUNNING]
    return max((max(0.0, usual - trace.seconds(span, now)) for span in running), default=0.0)


def _fans(trace: Trace, parent: int = NOWHERE) -> list[int]:
    """The outermost fan-outs under way."""
    found: list[int] = []
    children = trace.children(parent)
    for span in children if len(children) <= FEW else ():
        if trace.status[span] == RUNNING:
            found += [span] if span in trace.items else _fans(trace, span)
    return found


def _fan_rest(trace: Trace, span: int, now: float) -> float | None:
    worked = trace.counted(span, DONE, FAILED, CAUGHT)
    left = trace.items[span] - worked - trace.counted(span, CACHED, SKIPPED)
    if worked < BASIS:
        return None
    return trace.seconds(span, now) * max(0, left) / worked
