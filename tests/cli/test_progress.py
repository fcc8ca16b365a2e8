"""What a person sees while a run goes on."""

from __future__ import annotations

import io
import tracemalloc
from collections.abc import Iterable
from typing import Literal

from orchestrator.cli.console import Console
from orchestrator.cli.progress import LiveProgress, PlainProgress, conclude
from orchestrator.cli.region import Region
from orchestrator.events import (
    AttemptFinished,
    AttemptStarted,
    Event,
    ModelReady,
    RunFinished,
    RunStarted,
    StepFailed,
    StepFinished,
    StepSkipped,
    StepStarted,
    Warned,
)
from orchestrator.report.summary import sentence
from orchestrator.safe import fit, tail, width_of


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True

    def screen(self) -> list[str]:
        """What stands on the screen after the escapes used here were obeyed."""
        rows = [""]
        text = self.getvalue()
        while text:
            if text.startswith("\r\x1b["):
                up, _, text = text[3:].partition("A")
                text = text.removeprefix("\x1b[J")
                rows = [*rows[: len(rows) - 1 - int(up)], ""]
            elif text[0] == "\n":
                rows.append("")
                text = text[1:]
            else:
                rows[-1] += text[0]
                text = text[1:]
        return rows[:-1] if not rows[-1] else rows


class Hand:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def started(steps: int = 2) -> RunStarted:
    return RunStarted(100.0, "r1", "w", "w.yaml", "/p", "", "d", "0", {}, {}, steps)


def answered(
    path: str, at: float, *, tokens: int = 7, decision: Literal["keep", "repair"] = "keep"
) -> AttemptFinished:
    outcome: Literal["ok", "check"] = "ok" if decision == "keep" else "check"
    return AttemptFinished(
        at, path, 1, "small", outcome, decision, "too long", "text", "", 20, tokens, 0, 1.0, 0.1, 9.0
    )


def one_step(path: str, at: float = 100.0) -> list[Event]:
    return [
        StepStarted(at, path, "agent"),
        AttemptStarted(at, path, 1, "small", (), 20, True, {}),
        answered(path, at + 1.0),
        StepFinished(at + 1.0, path, "x", {}),
    ]


def plain(events: Iterable[Event]) -> list[str]:
    err = io.StringIO()
    shown = PlainProgress(Console(io.StringIO(), err))
    for seq, event in enumerate(events):
        shown.feed(seq, event)
    shown.close()
    return err.getvalue().splitlines()


def test_a_finished_step_is_one_line_with_model_seconds_and_tokens() -> None:
    """Without a terminal a run is told in plain lines."""
    lines = plain([started(), *one_step("draft")])

    assert lines == ["✓ draft  small  1.0 s  7 tokens"]


def test_skipped_failed_repaired_and_cached_steps_are_told_with_their_reason() -> None:
    """Nothing that changes the result happens silently."""
    lines = plain(
        [
            started(),
            StepSkipped(100.0, "mail", "when: urgent"),
            StepStarted(100.0, "draft", "agent"),
            answered("draft", 101.0, decision="repair"),
            StepFailed(102.0, "draft", "check", "check failed: short"),
            StepStarted(102.0, "old", "agent"),
            StepFinished(102.0, "old", "x", {}, cached=True),
            Warned(103.0, "slow disk"),
        ]
    )

    assert lines == [
        "– mail  skipped: when: urgent",
        "↻ draft  again: too long",
        "✗ draft  check failed: short",
        "✓ old  cached",
        "warning: slow disk",
    ]


def test_items_of_value_steps_are_not_told() -> None:
    """They cost nothing and say nothing; the fan-out, a single value and one that went wrong have their lines."""
    events: list[Event] = [started(), StepStarted(100.0, "page", "value", 2)]
    for number in range(2):
        events.append(StepStarted(100.0, f"page.{number}", "value"))
        events.append(StepFinished(100.0, f"page.{number}", "x", {}))
    events.append(StepFinished(100.0, "page", None, {"container": "foreach"}))
    events += [StepStarted(100.0, "all", "value"), StepFinished(100.0, "all", "x", {})]
    events += [StepStarted(100.0, "g.0.v", "value"), StepFinished(100.0, "g.0.v", "x", {}, handled="no rows")]

    assert plain(events) == [
        "✓ page  2 items  0.00 s",
        "✓ all  0.00 s",
        "✓ g.0.v  0.00 s  went on after: no rows",
    ]


def test_a_model_off_this_machine_is_said_so_when_it_first_answers() -> None:
    """Where a model runs is visible before anything went to it."""
    lines = plain(
        [
            ModelReady(100.0, "small", "llamacpp:x", True, 2048, 4, "", "", 0.9),
            ModelReady(100.0, "big", "openai:y", False, 8192, 1, "", "https://api.example", 0.0),
        ]
    )

    assert lines == [
        "· small = llamacpp:x ready after 0.90 s, on this machine",
        "· big = openai:y ready, OFF this machine (https://api.example)",
    ]


def fan(items: int, *, failing: int = 0) -> Iterable[Event]:
    yield started(1)
    yield StepStarted(100.0, "sort", "agent", items)
    for n in range(items):
        yield StepStarted(100.0, f"sort.{n}", "agent")
        yield AttemptStarted(100.0, f"sort.{n}", 1, "small", (), 20, True, {})
        yield answered(f"sort.{n}", 101.0)
        if n < failing:
            yield StepFailed(101.0, f"sort.{n}", "invalid", "no JSON", kept=True)
        else:
            yield StepFinished(101.0, f"sort.{n}", "x", {})
    yield StepFinished(160.0, "sort", None, {})


def test_a_small_fan_out_has_a_line_per_item() -> None:
    """Three tickets are three lines and the end of the step."""
    lines = plain(fan(3))

    assert lines == [
        "✓ sort.0  small  1.0 s  7 tokens",
        "✓ sort.1  small  1.0 s  7 tokens",
        "✓ sort.2  small  1.0 s  7 tokens",
        "✓ sort  3 items  1 min 00 s  21 tokens",
    ]


def test_ten_thousand_items_are_a_handful_of_lines_and_little_memory() -> None:
    """Of a large fan-out only failures and the end are told, and nothing is kept per item."""
    tracemalloc.start()

    lines = plain(fan(10_000, failing=30))

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(lines) == 12
    assert lines[10] == "✗ sort.10  no JSON (further failed items are only counted)"
    assert lines[11] == "✓ sort  10,000 items  30 failed  1 min 00 s  70,000 tokens"
    assert peak < 2_000_000


def live(columns: int = 60) -> tuple[LiveProgress, Terminal, Hand]:
    clock, terminal = Hand(), Terminal()
    shown = LiveProgress(
        Console(io.StringIO(), terminal), clock=clock, columns=lambda: columns, ticking=False
    )
    return shown, terminal, clock


def test_a_terminal_shows_what_runs_now_and_the_end_of_what_it_writes() -> None:
    """Steps done, tokens per second, the running step with its model and its live text."""
    shown, terminal, clock = live()
    shown.feed(0, started())
    shown.feed(1, StepStarted(100.0, "draft", "agent"))
    shown.feed(2, AttemptStarted(100.0, "draft", 1, "small", (), 20, True, {}))
    for piece in ("Dear ", "customer,", " thank you"):
        clock.now += 0.5
        shown.tokens("draft", piece)

    screen = terminal.screen()

    assert screen == ["… 0/2 steps · 1.5 s · 3 tok/s", "  draft  small  1.5 s  Dear customer, thank you"]


def test_finished_lines_stay_above_the_live_ones_and_closing_leaves_only_them() -> None:
    """The live region is drawn over again and taken away at the end."""
    shown, terminal, clock = live()
    shown.feed(0, started())
    for seq, event in enumerate(one_step("draft"), 1):
        shown.feed(seq, event)
        clock.now += 1.0
        shown.tokens("draft", "x")

    before = terminal.screen()
    shown.close()

    assert before[0] == "✓ draft  small  1.0 s  7 tokens"
    assert before[1].startswith("… 1/2 steps")
    assert terminal.screen() == ["✓ draft  small  1.0 s  7 tokens"]


def test_drawing_is_limited_to_ten_times_a_second() -> None:
    """A thousand tokens in a moment do not write a thousand screens."""
    shown, terminal, clock = live()
    shown.feed(0, started())
    for _ in range(1000):
        clock.now += 0.0005
        shown.tokens("draft", "x")

    assert terminal.getvalue().count("… 0/2") <= 7


def test_a_fan_out_says_how_much_is_left_once_it_can_know() -> None:
    """The estimate appears only after some items and seconds."""
    shown, terminal, clock = live()
    shown.feed(0, started(1))
    shown.feed(1, StepStarted(100.0, "sort", "agent", 100))
    clock.now = 101.0
    shown.feed(2, StepFinished(101.0, "sort.0", "x", {}))
    early = terminal.screen()
    for n in range(1, 10):
        clock.now += 1.0
        shown.feed(2 + n, StepFinished(clock.now, f"sort.{n}", "x", {}))

    assert early[1] == "  sort  1/100"
    assert terminal.screen()[1] == "  sort  10/100 · about 2 min left"


def test_escape_sequences_of_a_model_are_shown_not_obeyed() -> None:
    """Neither live text nor messages can move the cursor, set a title or break the line count."""
    shown, terminal, clock = live()
    shown.feed(0, started())
    shown.feed(1, StepStarted(100.0, "draft", "agent"))
    clock.now += 1.0
    shown.tokens("draft", "a\x1b]0;owned\x07b\nc\u202ed")
    shown.feed(2, StepFailed(101.0, "draft", "check", "bad \x1b[2J \x9b2J"))

    text = terminal.getvalue()

    assert "\x1b]0" not in text
    assert "\x1b[2J" not in text
    assert "\x9b" not in text
    assert "\u202e" not in text
    assert "a␛]0;owned␇b c<U+202E>d" in text


def test_while_away_nothing_is_drawn() -> None:
    """A question to a person has the terminal for itself."""
    shown, terminal, clock = live()
    shown.feed(0, started())

    with shown.away():
        cleared = terminal.getvalue()
        clock.now += 1.0
        shown.tokens("draft", "x")
        assert terminal.getvalue() == cleared

    assert terminal.screen() == []


def test_a_terminal_made_narrower_is_erased_by_its_wrapped_rows() -> None:
    """Lines drawn for 40 columns take two rows each on 20."""
    width = 40
    terminal = Terminal()
    region = Region(terminal, lambda: width)
    region.draw(["a" * 39, "b" * 10])
    width = 20

    region.clear()

    assert terminal.getvalue().endswith("\r\x1b[3A\x1b[J")


def test_wide_characters_are_measured_in_columns() -> None:
    """Chinese text takes two columns a character, a combining accent none."""
    assert width_of("日本") == 4
    assert width_of("e\u0301") == 1
    assert fit("日本語テキスト", 7) == "日本語…"
    assert tail("abcdef", 4) == "…def"


def test_the_last_line_says_how_the_run_ended_and_what_stayed_here() -> None:
    """Time, steps, tokens, speed, and where the calls went."""
    err = io.StringIO()
    console = Console(io.StringIO(), err)
    shown = PlainProgress(console, quiet=True)
    ready = ModelReady(100.0, "small", "llamacpp:x", True, 2048, 4, "", "", 0.0)
    for seq, event in enumerate([started(1), ready, *one_step("draft"), RunFinished(104.2, "x")]):
        shown.feed(seq, event)

    conclude(shown, console)

    assert err.getvalue() == (
        "done in 4.2 s · 1 step · 27 tokens · 7 tok/s · everything stayed on this machine\n"
    )


def test_merges_and_several_models_have_their_lines_and_count_as_one_step() -> None:
    """`sum^1.0` and `compare@tiny` are parts of `sum` and `compare`."""
    events: list[Event] = [started(2), *one_step("sum^1.0"), *one_step("sum^1.25"), *one_step("compare@tiny")]
    events += [*one_step("sum"), *one_step("compare"), RunFinished(101.0, "x")]
    err = io.StringIO()
    shown = PlainProgress(Console(io.StringIO(), err))
    for seq, event in enumerate(events):
        shown.feed(seq, event)

    assert [line.split()[1] for line in err.getvalue().splitlines()] == [
        "sum^1.0",
        "compare@tiny",
        "sum",
        "compare",
    ]
    assert "· 2 steps ·" in sentence(shown.summary)


def test_steps_inside_a_fan_out_are_done_when_it_is() -> None:
    """The headline counts steps of the file, not their instances."""
    shown, terminal, clock = live()
    events: list[Event] = [started(2), StepStarted(100.0, "all", "steps", 2)]
    for n in range(2):
        events += [
            StepStarted(100.0, f"all.{n}", "steps"),
            *one_step(f"all.{n}.draft"),
            StepFinished(101.0, f"all.{n}", None, {}),
        ]
    for seq, event in enumerate(events):
        shown.feed(seq, event)
    clock.now += 1.0
    shown.tokens("x", "y")
    before = terminal.screen()[-2]
    shown.feed(99, StepFinished(102.0, "all", None, {}))
    clock.now += 1.0
    shown.tokens("x", "y")

    assert before.startswith("… 0/2 steps")
    assert terminal.screen()[-1].startswith("… 2/2 steps")
