"""The right side of a run: which span and tab it shows, what stays, what grows, what is copied."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.style import Style
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from orch_tui.detail import DetailPanel
from orch_tui.detail_bar import NAMES, headline, tab_at, tab_row
from orch_tui.feed import Feed, News
from orch_tui.find import FindBar
from orch_tui.pane import Lines
from orch_tui.scroller import Scroller
from orch_tui.text import plain, width_of
from orch_tui.trace import NOWHERE
from orch_tui.view import Followed
from orchestrator.events import AttemptStarted, Event, RunInterrupted, StepFinished, StepStarted
from orchestrator.store.journal import StoreJournal
from orchestrator.store.lease import Lease
from orchestrator.store.store import Store
from tests.cli.recorded import AT, begun
from tests.tui.host import harmless, screen, shown, until
from tests.tui.recorded import HOSTILE, MANY, VARIED, store_in, world


class Panel(App[None]):
    """The detail of a run, fed as its screen feeds it."""

    def __init__(self, store: Store, run: str = VARIED) -> None:
        super().__init__()
        self.shown = Followed(world(store), Feed(store, run))
        self.panel = DetailPanel(self.shown)

    def compose(self) -> ComposeResult:
        yield self.panel

    def on_mount(self) -> None:
        self.shown.feed.start()
        self.set_interval(0.02, self.tick)
        self.scroller.focus()

    def on_unmount(self) -> None:
        self.shown.feed.close()

    def tick(self) -> None:
        self.panel.flush(self.shown.feed.take())

    @property
    def scroller(self) -> Scroller:
        return self.panel.query_one(Scroller)

    @property
    def body(self) -> str:
        return shown(self.scroller)

    @property
    def head(self) -> str:
        return "\n".join(shown(lines) for lines in self.panel.query(Lines))

    def span(self, path: str) -> int:
        return self.shown.trace.find(path)

    def show(self, path: str, attempt: int = NOWHERE) -> None:
        self.panel.show(self.span(path), attempt)

    def write(self, path: str, text: str) -> None:
        """As if its model had written this now."""
        self.shown.feed.live[path] = text
        self.panel.flush(News(written={path}))


async def ready(app: Panel, pilot: Pilot[None], path: str, says: str) -> None:
    """The span is shown, with these words."""
    await until(pilot, lambda: app.shown.feed.caught_up and app.span(path) != NOWHERE)
    app.show(path)
    await until(pilot, lambda: says in app.body)


def store(folder: Path) -> Store:
    return store_in(folder)


class Open:
    """A run that somebody executes: the test."""

    def __init__(self, store: Store) -> None:
        self.run = "1123-0700-eee"
        self.lease = Lease.acquire(store, self.run)
        store.create(self.run, begun(self.run))
        self.journal = StoreJournal(store, self.run)

    def say(self, *events: Event) -> None:
        for event in events:
            self.journal.append(event)

    def __enter__(self) -> Open:
        return self

    def __exit__(self, *_: object) -> None:
        self.journal.close()
        self.lease.release()


WRITING = (
    StepStarted(AT, "letter", "agent"),
    AttemptStarted(AT, "letter", 1, "tiny", ({"role": "user", "content": "Write."},), 9, True, {}),
)


async def test_the_keys_choose_tabs_which_are_marked_without_colour(tmp_path: Path) -> None:
    """Digits, brackets forward and back, around the end."""
    app = Panel(store(tmp_path))
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(app, pilot, "letter", "Dear Ann")

        for key, tab, words in (
            ("2", "[2 Prompt]", "You answer letters."),
            ("3", "[3 Attempts]", "↻ Attempt 1"),
            ("4", "[4 Why]", "this machine"),
            ("5", "[5 Raw]", "step.started"),
            ("right_square_bracket", "[1 Output]", "Dear Ann"),
            ("left_square_bracket", "[5 Raw]", "step.started"),
            ("1", "[1 Output]", "Dear Ann"),
        ):
            await pilot.press(key)
            await until(pilot, lambda tab=tab, words=words: tab in app.head and words in app.body)  # type: ignore[misc]


async def test_a_click_on_its_name_chooses_a_tab(tmp_path: Path) -> None:
    """The mouse works too."""
    app = Panel(store(tmp_path))
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(app, pilot, "letter", "Dear Ann")

        await pilot.click(app.panel, offset=(14, 0))

        await until(pilot, lambda: "[2 Prompt]" in app.head and "You answer letters." in app.body)


async def test_the_lines_above_say_what_the_span_is_and_what_it_took(tmp_path: Path) -> None:
    """Status, model and where it runs, seconds, tokens, speed."""
    app = Panel(store(tmp_path))
    async with app.run_test(size=(100, 24)) as pilot:
        await ready(app, pilot, "typed", "urgency")

        await until(pilot, lambda: "tok/s" in app.head)

        assert "✓ typed\ndone · far ☁ cloud · 1.0 s · 50 in, 12 out · 15 tok/s" in app.head


async def test_the_tab_and_the_place_in_it_stay_from_span_to_span(tmp_path: Path) -> None:
    """Who compares spans does not begin at the top each time."""
    app = Panel(store(tmp_path))
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(app, pilot, "letter", "Dear Ann")
        await pilot.press("5")
        await until(pilot, lambda: "step.started" in app.body)
        await pilot.press("j", "j", "j")
        await until(pilot, lambda: app.scroller.scroll_offset.y == 3)

        app.show("typed")
        await until(pilot, lambda: '"path": "typed"' in app.body)

        assert "[5 Raw]" in app.head
        assert app.scroller.scroll_offset.y == 3


async def test_only_the_span_where_the_cursor_rests_is_shown(tmp_path: Path) -> None:
    """Going down a long list shows the last one, whatever was read on the way."""
    app = Panel(store(tmp_path))
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(app, pilot, "letter", "Dear Ann")

        for item in range(50):
            app.show(f"many.{item}")
            if item % 10 == 0:
                await pilot.pause(0.07)

        await until(pilot, lambda: '"number": 49' in app.body)
        assert "many.49" in app.head


async def test_the_row_of_an_attempt_shows_that_attempt(tmp_path: Path) -> None:
    """Its answer, and which it is."""
    app = Panel(store(tmp_path))
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(app, pilot, "letter", "Dear Ann")

        app.show("letter", 1)

        await until(pilot, lambda: "we are very sorry." in app.body)
        assert "letter attempt 2" in app.head


async def test_a_chosen_attempt_is_brought_in_sight_among_the_others(tmp_path: Path) -> None:
    """The tab of attempts begins at the one whose row is chosen."""
    app = Panel(store(tmp_path))
    async with app.run_test(size=(80, 12)) as pilot:
        await ready(app, pilot, "letter", "Dear Ann")
        await pilot.press("3")
        await until(pilot, lambda: "Attempt 1" in app.body)

        app.show("letter", 1)

        await until(pilot, lambda: app.body.startswith("↻ ▸ Attempt 2"))


async def test_a_run_that_stops_leaves_no_text_that_seems_to_grow(tmp_path: Path) -> None:
    """What was under way says that it was cut off."""
    with Open(runs := store(tmp_path)) as open_run:
        open_run.say(*WRITING)
        app = Panel(runs, open_run.run)
        async with app.run_test(size=(80, 12)) as pilot:
            await ready(app, pilot, "letter", "nothing is written yet")
            app.write("letter", "Dear")
            await until(pilot, lambda: "Dear▌" in app.body)

            open_run.say(RunInterrupted(AT + 2, "ann"))

            await until(pilot, lambda: "it was under way when the run stopped" in app.body)


async def test_d_goes_to_the_differences_and_back_to_whole_answers(tmp_path: Path) -> None:
    """The first time it goes to the attempts."""
    app = Panel(store(tmp_path))
    async with app.run_test(size=(80, 50)) as pilot:
        await ready(app, pilot, "letter", "Dear Ann")

        await pilot.press("d")
        await until(pilot, lambda: "1 the attempt before" in screen(app))
        await pilot.press("1")
        await until(pilot, lambda: "[- very-]" in app.body)
        await pilot.press("d")
        await until(pilot, lambda: "1 nothing: whole answers" in screen(app))
        await pilot.press("1")
        await until(pilot, lambda: "we are very sorry." in app.body and "[- very-]" not in app.body)


async def test_what_is_written_now_is_followed_to_its_end(tmp_path: Path) -> None:
    """Until the person scrolls up; again when they go to the end."""
    with Open(runs := store(tmp_path)) as open_run:
        open_run.say(*WRITING)
        app = Panel(runs, open_run.run)
        async with app.run_test(size=(40, 12)) as pilot:
            await ready(app, pilot, "letter", "nothing is written yet")
            text = "\n".join(f"line {number}" for number in range(50))

            app.write("letter", text)
            await until(pilot, lambda: "line 49▌" in app.body)
            await pilot.press("ctrl+u")
            await until(pilot, lambda: "line 49" not in app.body)
            app.write("letter", text + "\nmore")
            await pilot.pause()
            stayed = "more" not in app.body
            await pilot.press("G")
            app.write("letter", text + "\nmore\nlast")

            assert stayed
            await until(pilot, lambda: "last▌" in app.body)
            assert app.panel.text == text + "\nmore\nlast"


async def test_json_grows_laid_out_and_the_value_takes_its_place(tmp_path: Path) -> None:
    """While it is written it is closed as far as it goes."""
    with Open(runs := store(tmp_path)) as open_run:
        open_run.say(WRITING[0])
        app = Panel(runs, open_run.run)
        async with app.run_test(size=(60, 20)) as pilot:
            await ready(app, pilot, "letter", "nothing is written yet")
            open_run.say(WRITING[1])
            await until(pilot, lambda: bool(app.shown.trace.tries))

            app.write("letter", '{"urgency": "lo')
            await until(pilot, lambda: '{\n  "urgency": "lo▌\n}' in app.body)
            open_run.say(StepFinished(AT + 1, "letter", {"urgency": "low"}, {}))

            await until(pilot, lambda: '{\n  "urgency": "low"\n}' in app.body)
            assert "✓ letter" in app.head


async def test_what_runs_is_kept_up_to_date(tmp_path: Path) -> None:
    """A prompt that goes out now appears in its tab without a key."""
    with Open(runs := store(tmp_path)) as open_run:
        open_run.say(WRITING[0])
        app = Panel(runs, open_run.run)
        async with app.run_test(size=(60, 20)) as pilot:
            await ready(app, pilot, "letter", "nothing is written yet")
            await pilot.press("2")
            await until(pilot, lambda: "no prompt went to a model yet" in app.body)

            open_run.say(WRITING[1])

            await until(pilot, lambda: "Write." in app.body)


async def test_a_run_deleted_under_it_is_a_sentence(tmp_path: Path) -> None:
    """No traceback, and what to do."""
    runs = store(tmp_path)
    app = Panel(runs)
    async with app.run_test(size=(80, 20)) as pilot:
        await ready(app, pilot, "letter", "Dear Ann")

        runs.delete(VARIED)
        app.show("typed")

        await until(pilot, lambda: f"there is no run '{VARIED}'" in app.body)


async def test_slash_finds_words_in_the_text_and_n_goes_on(tmp_path: Path) -> None:
    """Escape takes the search away."""
    app = Panel(store(tmp_path))
    async with app.run_test(size=(80, 14)) as pilot:
        await ready(app, pilot, "many", "status")

        await pilot.press("slash", *"number", "enter")
        first = app.scroller.cursor
        await pilot.press("n", "n")
        third = app.scroller.cursor
        await pilot.press("N")

        assert (first, third, app.scroller.cursor) == (1, 3, 2)
        assert app.scroller.needle == "number"
        await pilot.press("escape")
        await until(pilot, lambda: app.scroller.needle == "" and not app.panel.query_one(FindBar).is_open)


async def test_a_word_that_is_nowhere_is_said_to_be_nowhere(tmp_path: Path) -> None:
    """Also when it looks like markup."""
    app = Panel(store(tmp_path))
    async with app.run_test(size=(80, 14)) as pilot:
        await ready(app, pilot, "letter", "Dear Ann")

        await pilot.press("slash", "left_square_bracket", "slash", "right_square_bracket")

        await until(pilot, lambda: "nothing found" in str(app.panel.query_one(".found").render()))


@pytest.mark.parametrize("size", [(80, 24), (30, 8), (200, 60)])
async def test_hostile_text_is_harmless_on_the_screen(tmp_path: Path, size: tuple[int, int]) -> None:
    """In every tab, in every size: no control character, no link, no action."""
    app = Panel(store(tmp_path))
    async with app.run_test(size=size) as pilot:
        await ready(app, pilot, "hostile", "red")

        for key in "12345":
            await pilot.press(key)
            await until(pilot, lambda key=key: f"[{key} " in app.head and bool(app.body.strip()))  # type: ignore[misc]
            text = (app.body + app.head).replace("\u200b", "").replace("\u200d", "")
            assert harmless(text)
            assert not any("@click" in str(style.meta) or style.link for style in styles(app))


def styles(app: Panel) -> list[Style]:
    rows = [app.scroller.render_line(y) for y in range(app.scroller.size.height)]
    return [segment.style for row in rows for segment in row if segment.style is not None]


async def test_a_resized_panel_wraps_anew(tmp_path: Path) -> None:
    """Nothing is cut when there are fewer columns."""
    app = Panel(store(tmp_path))
    async with app.run_test(size=(120, 24)) as pilot:
        await ready(app, pilot, "typed", "urgency")
        await pilot.press("4")
        await until(pilot, lambda: "the prompt left this machine, named by the step itself." in app.body)

        await pilot.resize_terminal(50, 24)

        await until(pilot, lambda: "by the step\n" in app.body and "…" not in app.body)


async def test_what_a_tab_shows_can_be_copied(tmp_path: Path) -> None:
    """The value itself, not its looks; nothing before anything is shown."""
    app = Panel(store(tmp_path))
    async with app.run_test(size=(80, 24)) as pilot:
        before = app.panel.text
        await ready(app, pilot, "letter", "Dear Ann")

        assert before == ""
        assert app.panel.text.startswith("# Reply\n\nDear **Ann**")
        app.show("hostile")
        await until(pilot, lambda: "red" in app.body)
        assert app.panel.text.startswith("␛[31mred")


async def test_a_wide_fan_out_is_listed_and_bounded(tmp_path: Path) -> None:
    """The first two hundred, and how many more."""
    app = Panel(store(tmp_path))
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(app, pilot, "many", '{"number": 0}')

        await pilot.press("G")

        await until(pilot, lambda: f"{MANY - 200} more" in app.body)


def test_tabs_lose_their_names_where_there_is_no_room() -> None:
    """All but the chosen one; a column belongs to the tab that is drawn there."""
    wide, narrow = tab_row(2, 80), tab_row(2, 30)

    assert plain(wide) == " 1 Output  2 Prompt [3 Attempts] 4 Why  5 Raw "
    assert plain(narrow) == " 1  2 [3 Attempts] 4  5 "
    assert [tab_at(wide, column) for column in (0, 10, 22, 35, 42, 60)] == [0, 1, 2, 3, 4, None]
    assert len(wide) == len(narrow) == len(NAMES)


@pytest.mark.parametrize("width", [20, 80])
def test_a_long_hostile_path_fits_the_line(width: int) -> None:
    """Its end stays in sight."""
    from orch_tui.trace import Trace

    trace = Trace()
    path = "".join(HOSTILE).replace(".", "") * 5 + "-end"
    span = trace.take(StepStarted(AT, path, "value"), 0)

    first, second = headline(trace, span, NOWHERE, AT + 1, width, "")

    assert width_of(first) <= width
    assert plain(first).endswith("-end")
    assert plain(second) == "running · 1.0 s"


def test_a_pass_is_called_as_in_the_tree_with_its_path_beside_it() -> None:
    """The path is what commands take; where there is no room the words stay."""
    from orch_tui.trace import Trace

    trace = Trace()
    span = trace.take(StepStarted(AT, "polish~2.draft", "value"), 0)

    wide, _ = headline(trace, span, NOWHERE, AT, 80, "")
    narrow, _ = headline(trace, span, NOWHERE, AT, 30, "")

    assert plain(wide) == "● polish › pass 2 › draft  polish~2.draft"
    assert plain(narrow) == "● polish › pass 2 › draft"
