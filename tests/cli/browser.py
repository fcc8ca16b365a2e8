"""A headless Chromium for tests, driven over its own debugging protocol, and the terminal in a page of it.

No driver is installed for it: the websocket client is aiohttp's, which the served page needs anyhow. It knows the page
that `orch tui --web` serves (an xterm.js terminal) and nothing of what is shown there.
"""

from __future__ import annotations

import asyncio
import base64
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
LONGEST = 60.0
"""Seconds until something that has to come counts as missing."""
HOOK = """Object.defineProperty(Object.prototype, "terminal", {configurable: true, set(value) {
  Object.defineProperty(this, "terminal", {value, writable: true, configurable: true, enumerable: true});
  if (value?.buffer && !window.shown) window.shown = value;
}});"""
"""Keeps the terminal that the page makes; the page itself has no name for it."""
READ = """(() => { const of = window.shown?.buffer.active; if (!of) return [];
  return Array.from({length: window.shown.rows}, (_, y) => of.getLine(of.viewportY + y)?.translateToString(true, 0, window.shown.cols) ?? "");
})()"""
PLACE = """(() => { const box = document.querySelector(".xterm-screen").getBoundingClientRect();
  return [box.left, box.top, box.width / window.shown.cols, box.height / window.shown.rows]; })()"""
KEYS = {
    "Enter": {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13, "text": "\r"},
    "Escape": {"key": "Escape", "code": "Escape", "windowsVirtualKeyCode": 27},
    "ArrowDown": {"key": "ArrowDown", "code": "ArrowDown", "windowsVirtualKeyCode": 40},
}


def chromium() -> str | None:
    """The program, None when this machine has none."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


@dataclass
class Tab:
    """One page of the browser."""

    target: str
    session: str
    browser: Browser
    requests: list[str] = field(default_factory=list)
    """The address of each request and each websocket of the page."""
    problems: list[str] = field(default_factory=list)
    """What the page wrote as an error: exceptions of scripts, and whatever its policy refused."""

    async def send(self, method: str, **words: Any) -> dict[str, Any]:
        return await self.browser.send(method, self.session, **words)

    async def evaluate(self, script: str) -> Any:
        answer = await self.send("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    async def rows(self) -> list[str]:
        """What the terminal shows, a string for each row; none before the page has made it."""
        shown: list[str] = await self.evaluate(READ)
        return shown

    async def until(self, fits: Callable[[str], object]) -> str:
        """The screen, as soon as it fits."""
        text, clock = "", asyncio.get_running_loop().time
        end = clock() + LONGEST
        while clock() < end:
            text = "\n".join(await self.rows())
            if fits(text):
                return text
            await asyncio.sleep(0.05)
        raise AssertionError(f"the screen never fitted:\n{text}\n{self.problems}")

    async def press(self, key: str) -> None:
        """A key as the keyboard gives it: a letter, or a name of KEYS."""
        words = KEYS.get(key) or {"key": key, "text": key, "windowsVirtualKeyCode": ord(key.upper())}
        await self.send("Input.dispatchKeyEvent", type="keyDown", **words)
        await self.send("Input.dispatchKeyEvent", type="keyUp", **{**words, "text": ""})

    async def click(self, row: int, column: int) -> None:
        """A click of the mouse on a cell of the terminal."""
        left, top, width, height = await self.evaluate(PLACE)
        place = {"x": left + (column + 0.5) * width, "y": top + (row + 0.5) * height}
        await self.send("Input.dispatchMouseEvent", type="mouseMoved", **place)
        for kind in ("mousePressed", "mouseReleased"):
            await self.send("Input.dispatchMouseEvent", type=kind, button="left", clickCount=1, **place)

    async def resize(self, width: int, height: int) -> None:
        """The window, in pixels."""
        await self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    async def picture(self) -> bytes:
        """A PNG of the page."""
        return base64.b64decode((await self.send("Page.captureScreenshot"))["data"])

    async def reload(self) -> None:
        await self.send("Page.reload")

    async def close(self) -> None:
        await self.browser.send("Target.closeTarget", targetId=self.target)

    def hear(self, method: str, words: dict[str, Any]) -> None:
        match method:
            case "Network.requestWillBeSent":
                self.requests.append(words["request"]["url"])
            case "Network.webSocketCreated":
                self.requests.append(words["url"])
            case "Runtime.exceptionThrown":
                self.problems.append(str(words["exceptionDetails"]))
            case "Log.entryAdded" if words["entry"]["level"] == "error":
                self.problems.append(words["entry"]["text"])


class Browser:
    """A running Chromium; its tabs share one connection."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._last = 0
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._tabs: dict[str, Tab] = {}

    async def send(self, method: str, session: str = "", **words: Any) -> dict[str, Any]:
        """Ask for something and wait for its answer."""
        self._last += 1
        answer = self._answers[self._last] = asyncio.get_running_loop().create_future()
        where = {"sessionId": session} if session else {}
        await self._socket.send_json({"id": self._last, "method": method, "params": words, **where})
        return await asyncio.wait_for(answer, LONGEST)

    async def open(self, address: str, width: int = 1200, height: int = 720) -> Tab:
        """A new tab, in front, on this address."""
        target = (await self.send("Target.createTarget", url="about:blank"))["targetId"]
        attached = await self.send("Target.attachToTarget", targetId=target, flatten=True)
        tab = self._tabs[attached["sessionId"]] = Tab(target, attached["sessionId"], self)
        for domain in ("Page", "Network", "Runtime", "Log"):
            await tab.send(f"{domain}.enable")
        await tab.send("Page.addScriptToEvaluateOnNewDocument", source=HOOK)
        await tab.resize(width, height)
        await tab.send("Page.navigate", url=address)
        return tab

    async def hear(self) -> None:
        """Hand what the browser says to those who wait for it, until it says no more."""
        async for message in self._socket:
            said = message.json()
            if "id" in said:
                answer = self._answers.pop(said["id"])
                if "error" in said:
                    answer.set_exception(AssertionError(said["error"]))
                elif not answer.cancelled():
                    answer.set_result(said["result"])
            elif tab := self._tabs.get(said.get("sessionId", "")):
                tab.hear(said["method"], said["params"])


@contextmanager
def started(program: str, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Chromium without a window, with a profile of its own in the folder."""
    words = [program, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
    words += ["--remote-debugging-port=0", f"--user-data-dir={folder}", "--no-first-run", "--mute-audio"]
    words += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    quiet = subprocess.DEVNULL
    with subprocess.Popen([*words, "about:blank"], stdin=quiet, stdout=quiet, stderr=quiet) as process:
        try:
            yield process
        finally:
            process.terminate()


@asynccontextmanager
async def browser(program: str, folder: Path) -> AsyncIterator[Browser]:
    """A browser for one test; it and all its tabs are gone afterwards."""
    with started(program, folder) as process:
        port, path = await _place(folder / "DevToolsActivePort", process)
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"ws://127.0.0.1:{port}{path}", max_msg_size=0) as socket,
        ):
            found = Browser(socket)
            hearing = asyncio.create_task(found.hear())
            try:
                yield found
            finally:
                hearing.cancel()


async def _place(file: Path, process: subprocess.Popen[bytes]) -> tuple[str, str]:
    """Where the browser listens: it writes the port and a path into a file of its profile."""
    clock = asyncio.get_running_loop().time
    end = clock() + LONGEST
    while clock() < end and process.poll() is None:
        lines = file.read_text(encoding="utf-8").split() if file.exists() else []
        if len(lines) == 2:
            return lines[0], lines[1]
        await asyncio.sleep(0.05)
    raise AssertionError(f"the browser did not start (exit code {process.poll()})")
