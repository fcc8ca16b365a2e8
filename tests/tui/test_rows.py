"""The rows of a tree against a plain recursion over the same tree."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from orch_tui.rows import Place, TreeRows
from orch_tui.trace import FAILED, NOWHERE, Trace
from orchestrator.events import (
    AttemptFinished,
    AttemptStarted,
    Event,
    StepFailed,
    StepFinished,
    StepStarted,
)


def plain_rows(rows: TreeRows, trace: Trace, parent: int = NOWHERE) -> list[Place]:
    """What is visible, by walking everything."""
    found: list[Place] = []
    for span in trace.children(parent):
        found.append((span, NOWHERE))
        if rows.is_open(span):
            tries = len(trace.tries.get(span, ()))
            found += [(span, number) for number in range(tries if tries > 1 else 0)]
            found += plain_rows(rows, trace, span)
    return found


def answered(path: str, attempt: int, outcome: str) -> AttemptFinished:
    return AttemptFinished(
        2.0, path, attempt, "tiny", outcome, "keep", "", "", "", 1, 1, 0, 0.1, None, None  # type: ignore[arg-type]
    )  # fmt: skip


NAMES = st.sampled_from(["a", "b", "a.0", "a.1", "a.1.c", "a.1.c.d", "b~1.x", "b~2.x", "b~2.y.0", "a.2"])
KINDS = st.sampled_from(["start", "try", "answer", "finish", "fail", "fold", "unfold", "hold"])


def event_of(kind: str, path: str) -> Event | None:
    match kind:
        case "start":
            return StepStarted(1.0, path, "agent")
        case "try":
            return AttemptStarted(1.0, path, 1, "tiny", (), 1, True, {})
        case "answer":
            return answered(path, 1, "ok")
        case "finish":
            return StepFinished(2.0, path, None, {})
        case "fail":
            return StepFailed(2.0, path, "check", "no")
        case _:
            return None


@given(st.lists(st.tuples(KINDS, NAMES), max_size=60))
def test_rows_are_those_of_a_walk_over_the_tree_whatever_happens(story: list[tuple[str, str]]) -> None:
    """After every event and every fold, `at` and `row_of` agree with the plain recursion."""
    trace = Trace()
    rows = TreeRows(trace)
    for seq, (kind, path) in enumerate(story):
        event = event_of(kind, path)
        span = trace.take(event, seq) if event is not None else trace.find(path)
        if kind == "hold":
            rows.hold(span)
        elif event is None and span != NOWHERE:
            rows.fold(span, folded=kind == "fold")
        if event is not None:
            rows.touch(span)
        expected = plain_rows(rows, trace)
        assert [rows.at(row) for row in range(len(rows))] == expected
        assert [rows.row_of(*place) for place in expected] == list(range(len(expected)))
        assert rows.window(0, 1000) == expected
        assert rows.window(2, 3) == expected[2:5]


def test_wide_fan_outs_count_like_narrow_ones() -> None:
    """Two thousand items, some with steps inside, some failed."""
    trace = Trace()
    rows = TreeRows(trace)
    rows.touch(trace.take(StepStarted(1.0, "all", "steps", 2000), 0))
    for item in range(2000):
        rows.touch(trace.take(StepStarted(1.0, f"all.{item}", "steps"), 1))
        rows.touch(trace.take(StepStarted(1.0, f"all.{item}.draft", "agent"), 2))
        end = StepFailed if item % 100 == 7 else StepFinished
        last = (f"all.{item}.draft", f"all.{item}")
        for path in last:
            facts: tuple[object, ...] = ("check", "no") if end is StepFailed else (None, {})
            rows.touch(trace.take(end(2.0, path, *facts), 3))  # type: ignore[arg-type]

    expected = plain_rows(rows, trace)

    assert len(rows) == len(expected) == 1 + 2000 + 20
    assert [rows.at(row) for row in range(len(rows))] == expected
    assert rows.row_of(trace.find("all.1907.draft")) == expected.index(
        (trace.find("all.1907.draft"), NOWHERE)
    )


def test_good_branches_fold_when_they_end_and_failed_ones_stay_open() -> None:
    """A finished group is one row; a failed step inside keeps its group open."""
    trace = Trace()
    rows = TreeRows(trace)
    for path in ("good", "good.a", "bad", "bad.a"):
        rows.touch(trace.take(StepStarted(1.0, path, "steps"), 0))
    for path in ("good.a", "good"):
        rows.touch(trace.take(StepFinished(2.0, path, None, {}), 1))
    for path in ("bad.a", "bad"):
        rows.touch(trace.take(StepFailed(2.0, path, "check", "no"), 1))

    shown = [trace.path(rows.at(row)[0]) for row in range(len(rows))]

    assert shown == ["good", "bad", "bad.a"]
    assert trace.status[trace.find("bad.a")] == FAILED


def test_a_filter_keeps_what_fits_and_what_it_is_inside_of() -> None:
    """Words are looked for in path, status and model."""
    trace = Trace()
    for path in ("sort", "answer", "answer.0", "answer.0.draft", "answer.1", "answer.1.draft"):
        trace.take(StepStarted(1.0, path, "steps"), 0)
    trace.take(StepFailed(2.0, "answer.1.draft", "check", "no"), 1)
    rows = TreeRows(trace)

    rows.filter("draft failed")

    assert [trace.path(rows.at(row)[0]) for row in range(len(rows))] == [
        "answer",
        "answer.1",
        "answer.1.draft",
    ]
    assert [rows.matches(row) for row in range(3)] == [False, False, True]


def test_while_filtering_only_what_has_rows_inside_counts_as_open() -> None:
    """Attempts have no rows then, and what is inside has some only where it fits."""
    trace = Trace()
    for path in ("answer", "answer.0", "answer.0.draft"):
        trace.take(StepStarted(1.0, path, "steps"), 0)
    rows = TreeRows(trace)

    rows.filter("answer.0")
    all_fit = [rows.opens(span) for span in range(3)]
    rows.filter("answer")
    rows.filter("nothing")
    rows.filter("  ")

    assert all_fit == [True, True, False]
    assert [rows.opens(span) for span in range(3)] == [rows.is_open(span) for span in range(3)]


def test_a_branch_somebody_looks_into_stays_open_when_it_ends() -> None:
    """And it stays so afterwards; the others fold."""
    trace = Trace()
    rows = TreeRows(trace)
    for path in ("a", "a.x", "b", "b.x"):
        rows.touch(trace.take(StepStarted(1.0, path, "steps"), 0))

    rows.hold(trace.find("a.x"))
    for path in ("a.x", "a", "b.x", "b"):
        rows.touch(trace.take(StepFinished(2.0, path, None, {}), 1))
    rows.hold(NOWHERE)
    rows.touch(trace.find("a"))

    assert [trace.path(span) for span, _ in rows.window(0, 9)] == ["a", "a.x", "b"]


def test_everything_folds_and_what_failed_can_be_revealed() -> None:
    """`reveal` opens the way to a span and nothing else."""
    trace = Trace()
    rows = TreeRows(trace)
    for path in ("a", "a.0", "a.0.x", "a.1", "b"):
        rows.touch(trace.take(StepStarted(1.0, path, "steps"), 0))

    rows.fold_all()
    folded = [trace.path(span) for span, _ in rows.window(0, 9)]
    rows.reveal(trace.find("a.1"))

    assert folded == ["a", "b"]
    assert [trace.path(span) for span, _ in rows.window(0, 9)] == ["a", "a.0", "a.1", "b"]


def test_a_filter_finds_passes_and_merges_as_written_and_as_told() -> None:
    """The tree says `pass 2`, the commands `loop~2`."""
    trace = Trace()
    for path in ("loop", "loop~1.draft", "loop~2.draft", "sum", "sum^1.0"):
        trace.take(StepStarted(1.0, path, "steps"), 0)
    rows = TreeRows(trace)

    found = {}
    for words in ("loop~2", "pass 2", "sum^1", "merge 1.0"):
        rows.filter(words)
        found[words] = [trace.path(span) for span, _ in rows.window(0, 9)]

    assert found["loop~2"] == found["pass 2"] == ["loop", "loop~2", "loop~2.draft"]
    assert found["sum^1"] == found["merge 1.0"] == ["sum", "sum^1.0"]


def test_a_filter_says_what_it_found_and_what_it_hides() -> None:
    """A span that is hidden has the row of the nearest thing that is not."""
    trace = Trace()
    for path in ("a", "a.0", "a.0.draft", "a.1", "b"):
        trace.take(StepStarted(1.0, path, "steps"), 0)
    rows = TreeRows(trace)

    rows.filter("draft")

    assert rows.found == 1
    assert rows.window(1, 5) == [(trace.find("a.0"), NOWHERE), (trace.find("a.0.draft"), NOWHERE)]
    assert rows.window(3, 5) == []
    assert [rows.shows(trace.find(path)) for path in ("a.0", "a.1", "b")] == [True, False, False]
    assert rows.row_of(trace.find("a.1")) == 0
    rows.filter("  ")
    assert not rows.filtered
    assert rows.shows(trace.find("b"))


def test_rows_that_moved_are_told_of() -> None:
    """Whoever remembers what stands in a row looks at `changes`."""
    trace = Trace()
    rows = TreeRows(trace)
    rows.touch(trace.take(StepStarted(1.0, "a", "steps"), 0))
    before = rows.changes
    rows.touch(trace.take(StepStarted(1.0, "a.x", "steps"), 1))
    added = rows.changes
    rows.fold(0, folded=True)

    assert before < added < rows.changes
