"""`orch tui --web` in a browser: what a person sees there, keys and clicks, and that nothing comes from elsewhere."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from orchestrator.events import RunFinished, StepFinished, StepStarted
from orchestrator.store.open import open_store
from tests.cli.browser import Browser, Tab, chromium, connected, started
from tests.cli.recorded import AT, DONE, FAILED, WAITING, Shell, record, record_all, shell_in
from tests.cli.serving import LONGEST, Served, served
from tests.tui.hostile import record_hostile

PROGRAM = chromium()
HOSTILE_RUN, LINKED = "1123-0700-bad", "1123-0701-url"
ELEMENTS = "document.querySelectorAll('iframe, a[href^=http], body img, body script, object, embed').length"

pytestmark = pytest.mark.skipif(
    PROGRAM is None, reason="the page was not tried: there is no Chromium here (apt-get install chromium)"
)

Visit = Callable[[Browser], Awaitable[None]]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One browser for all tests of this file."""
    assert PROGRAM is not None
    with started(PROGRAM, tmp_path_factory.mktemp("browser")) as address:
        yield address


@pytest.fixture
def shell(project: Path) -> Iterator[Shell]:
    shell = shell_in(project)
    record_all(shell.store)
    yield shell
    shell.store.close()


@pytest.fixture
def page(shell: Shell, project: Path) -> Iterator[Served]:
    """The list of the recorded runs."""
    with served(project) as found:
        yield found


def visit(browser: str, what: Visit) -> None:
    """Do this in the browser."""

    async def run() -> None:
        async with connected(browser) as found:
            await what(found)

    asyncio.run(run())


def holds(sign: str, text: str) -> bool:
    return sign in text


async def listed(tab: Tab) -> Tab:
    """The same, once it shows the runs, and keys that the list has: the focus is there."""
    await tab.until(lambda text: all(run in text for run in (DONE, FAILED, WAITING, "enter Open")))
    return tab


# ------------------------------------------------------------------------------------------ what a person does


def test_a_key_works_without_a_click_before(browser: str, page: Served) -> None:
    """The page has the focus by itself: down twice and Enter opens the third run, Escape leads back."""

    async def keys(chrome: Browser) -> None:
        tab = await listed(await chrome.open(page.address))
        for key in ("j", "ArrowDown", "Enter"):
            await tab.press(key)
        assert DONE in await tab.until(lambda text: "triage" in text and FAILED not in text)
        await tab.press("Escape")
        await listed(tab)
        assert tab.problems == []

    visit(browser, keys)


def test_a_click_opens_what_stands_under_it(browser: str, page: Served) -> None:
    """The mouse points at the cell that is drawn there: a run of the list, then a tab of the run."""

    async def click(chrome: Browser) -> None:
        tab = await listed(await chrome.open(page.address))
        await tab.click(FAILED)
        await tab.press("Enter")
        await tab.until(lambda text: FAILED in text and "[1 Output]" in text)
        await tab.click("3 Attempts")
        await tab.until(lambda text: "[3 Attempts]" in text)
        assert tab.problems == []

    visit(browser, click)


def test_the_picture_of_the_page_shows_the_screen(browser: str, page: Served) -> None:
    """Text in several colours on a background, and not a page of one colour."""

    async def look(chrome: Browser) -> None:
        tab = await listed(await chrome.open(page.address))
        counts = await tab.colours(await tab.picture())
        assert sum(counts) == 1200 * 720
        assert len(counts) > 50  # letters with soft edges
        assert sum(counts[1:]) > 10_000  # pixels that are no background

    visit(browser, look)


def test_a_narrow_window_drops_columns(browser: str, page: Served) -> None:
    """The screen in the page is laid out anew for the width of the window."""

    async def narrow(chrome: Browser) -> None:
        tab = await listed(await chrome.open(page.address))
        assert "TOKENS" in "\n".join(await tab.rows())
        await tab.resize(330, 420)
        text = await tab.until(lambda text: "WORKFLOW" in text and "TOKENS" not in text)
        assert all(len(row) <= 36 for row in text.splitlines())

    visit(browser, narrow)


def test_a_run_opens_at_once(browser: str, shell: Shell, project: Path) -> None:
    """`--web RUN`, by the beginning of its id: the page shows that run."""

    async def look(chrome: Browser) -> None:
        tab = await chrome.open(server.address)
        await tab.until(lambda text: DONE in text and "triage" in text)

    with served(project, DONE[:10] + "a") as server:
        visit(browser, look)


# ------------------------------------------------------------------------------------------ nothing from elsewhere


def test_everything_comes_from_this_machine_and_below_the_secret(browser: str, page: Served) -> None:
    """Each request of the page goes to the address that was printed; the port alone shows nothing."""

    async def requests(chrome: Browser) -> None:
        tab = await listed(await chrome.open(page.address))
        place = urlsplit(page.address)
        assert any(urlsplit(url).scheme == "ws" for url in tab.requests)
        for url in tab.requests:
            assert urlsplit(url).netloc == place.netloc, url
            assert urlsplit(url).path.startswith(place.path), url
        stranger = await chrome.open(f"http://{place.netloc}/")
        text = await stranger.once("document.body?.innerText ?? ''", lambda text: "404" in text)
        assert DONE not in text

    visit(browser, requests)


def test_what_a_model_wrote_is_text_in_the_page(browser: str, shell: Shell, project: Path) -> None:
    """No element and no script comes of it, and the page keeps its title."""
    record_hostile(shell.store, HOSTILE_RUN)

    async def look(chrome: Browser) -> None:
        tab = await chrome.open(server.address)
        await tab.until(lambda text: HOSTILE_RUN in text and "[1 Output]" in text)
        for key in "12345":
            await tab.press(key)
            await tab.until(partial(holds, f"[{key} "))
        assert await tab.evaluate(ELEMENTS) == 0
        assert await tab.evaluate("document.title") == f"orch {HOSTILE_RUN}"
        assert tab.problems == []
        assert all(url.startswith(("http://127.0.0.1:", "ws://127.0.0.1:")) for url in tab.requests)

    with served(project, HOSTILE_RUN) as server:
        visit(browser, look)


def test_a_click_on_an_address_opens_nothing(browser: str, shell: Shell, project: Path) -> None:
    """An address that a model wrote is text: it selects what stands there, and no page is opened or asked for."""
    said = StepFinished(AT, "letter", "look at http://evil.example/now please", {})
    record(shell.store, LINKED, [StepStarted(AT, "letter", "agent"), said, RunFinished(AT + 1, "x")])

    async def click(chrome: Browser) -> None:
        tab = await chrome.open(server.address)
        await tab.until(lambda text: "http://evil.example/now" in text)
        before = await chrome.targets()
        await tab.click("http://evil.example/now")
        await tab.press("5")
        await tab.until(lambda text: "[5 Raw]" in text)
        assert await chrome.targets() == before
        assert not any("evil" in url for url in tab.requests)
        assert tab.problems == []

    with served(project, LINKED) as server:
        visit(browser, click)


def test_the_page_shows_the_store_that_the_environment_names(
    browser: str, shell: Shell, project: Path
) -> None:
    """What the server was told where runs are kept holds for its screens."""
    elsewhere = open_store(project / "elsewhere.db")
    record_hostile(elsewhere, HOSTILE_RUN)
    elsewhere.close()

    async def look(chrome: Browser) -> None:
        tab = await chrome.open(server.address)
        assert DONE not in await tab.until(lambda text: HOSTILE_RUN in text)

    with served(project, environment={"ORCH_DATABASE_URL": "sqlite:///elsewhere.db"}) as server:
        visit(browser, look)


# ------------------------------------------------------------------------------------------ how screens end


def test_each_tab_is_a_screen_of_its_own(browser: str, page: Served) -> None:
    """Keys in one do nothing in the other; a reload starts anew; a closed tab, and `q`, leave no process behind."""

    async def two(chrome: Browser) -> None:
        one = await listed(await chrome.open(page.address))
        other = await listed(await chrome.open(page.address))
        await other.press("Enter")
        await other.until(lambda text: DONE not in text)
        assert DONE in await one.until(lambda text: FAILED in text)
        before = page.until(2)
        await other.reload()
        await listed(other)
        assert len(page.until(2) - before) == 1
        await other.close()
        page.until(1)
        await one.press("q")
        page.until(0)
        await closed(one)

    visit(browser, two)


def test_ctrl_c_ends_all_pages(browser: str, page: Served) -> None:
    """The server ends with success, its screens with it, and each page says so."""

    async def interrupt(chrome: Browser) -> None:
        tabs = [await listed(await chrome.open(page.address)) for _ in range(2)]
        page.process.send_signal(signal.SIGINT)
        assert page.process.wait(LONGEST) == 0
        for tab in tabs:
            await closed(tab)

    visit(browser, interrupt)


def test_a_screen_that_cannot_start_closes_its_page(browser: str, shell: Shell, project: Path) -> None:
    """The run was deleted since: the page does not stay empty, and the terminal of the server says why."""

    async def look(chrome: Browser) -> None:
        await closed(await chrome.open(server.address))

    with served(project, DONE, silent=True) as server:
        shell.store.delete(DONE)
        visit(browser, look)
        server.process.send_signal(signal.SIGINT)
        said = server.process.communicate(timeout=LONGEST)[0]
    assert f"there is no run '{DONE}'" in said


async def closed(tab: Tab) -> None:
    """Wait until the page says that its screen is closed."""
    shown = "document.body && getComputedStyle(document.querySelector('.closed')).display"
    await tab.once(shown, lambda display: display == "block")
