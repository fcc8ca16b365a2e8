"""A headless Chromium for tests, driven over its own debugging protocol, and the terminal in a page of it.

No driver is installed for it: the websocket client is aiohttp's, which the served page needs anyhow. It knows the page
that `orch tui --web` serves (an xterm.js terminal) and nothing of what is shown there.
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import time
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
COUNT = """(async () => { const image = new Image(); image.src = "data:image/png;base64,PICTURE"; await image.decode();
  const area = new OffscreenCanvas(image.width, image.height).getContext("2d"); area.drawImage(image, 0, 0);
  const pixels = new Uint32Array(area.getImageData(0, 0, image.width, image.height).data.buffer), counts = new Map();
  for (const pixel of pixels) counts.set(pixel, (counts.get(pixel) ?? 0) + 1);
  return [...counts.values()].sort((one, other) => other - one); })()"""
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
        answer = await self.send("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    async def rows(self) -> list[str]:
        """What the terminal shows, a string for each row; none before the page has made it."""
        shown: list[str] = await self.evaluate(READ)
        return shown

    async def until(self, fits: Callable[[str], object]) -> str:
        """The screen, as soon as it fits."""
        return "\n".join(await self.once(READ, lambda rows: fits("\n".join(rows))))

    async def once(self, script: str, fits: Callable[[Any], object]) -> Any:
        """What the script gives, as soon as it fits."""
        value, clock = None, asyncio.get_running_loop().time
        end = clock() + LONGEST
        while clock() < end:
            value = await self.evaluate(script)
            if fits(value):
                return value
            await asyncio.sleep(0.05)
        raise AssertionError(f"it never fitted: {value}\n{self.problems}")

    async def press(self, key: str) -> None:
        """A key as the keyboard gives it: a letter, or a name of KEYS."""
        words = KEYS.get(key) or {"key": key, "text": key, "windowsVirtualKeyCode": ord(key.upper())}
        await self.send("Input.dispatchKeyEvent", type="keyDown", **words)
        await self.send("Input.dispatchKeyEvent", type="keyUp", **{**words, "text": ""})

    async def click(self, text: str) -> None:
        """A click of the mouse on this text, in the middle of the first row that has it."""
        rows = await self.rows()
        row = next(y for y, shown in enumerate(rows) if text in shown)
        column = rows[row].index(text) + len(text) // 2
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

    async def picture(self) -> str:
        """A PNG of the page, in base64."""
        data: str = (await self.send("Page.captureScreenshot"))["data"]
        return data

    async def colours(self, picture: str) -> list[int]:
        """How many pixels each colour of a picture has, the most frequent first."""
        counts: list[int] = await self.evaluate(COUNT.replace("PICTURE", picture))
        return counts

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

    async def targets(self) -> set[str]:
        """All pages that are open."""
        infos = (await self.send("Target.getTargets"))["targetInfos"]
        return {info["targetId"] for info in infos if info["type"] == "page"}

    async def close(self) -> None:
        """Close the tabs that are still open."""
        open_now = await self.targets()
        for tab in self._tabs.values():
            if tab.target in open_now:
                await tab.close()

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
def started(program: str, folder: Path) -> Iterator[str]:
    """Chromium without a window, with a profile of its own in the folder; the address that drives it."""
    words = [program, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
    words += ["--remote-debugging-port=0", f"--user-data-dir={folder}", "--no-first-run", "--mute-audio"]
    words += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    quiet = subprocess.DEVNULL
    with subprocess.Popen([*words, "about:blank"], stdin=quiet, stdout=quiet, stderr=quiet) as process:
        try:
            yield _address(folder / "DevToolsActivePort", process)
        finally:
            process.terminate()


@asynccontextmanager
async def connected(address: str) -> AsyncIterator[Browser]:
    """The browser at this address; what is opened meanwhile is closed afterwards."""
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(address, max_msg_size=0) as socket,
    ):
        found = Browser(socket)
        hearing = asyncio.create_task(found.hear())
        try:
            yield found
            await found.close()
        finally:
            hearing.cancel()


def _address(file: Path, process: subprocess.Popen[bytes]) -> str:
    """Where the browser listens: it writes the port and a path into a file of its profile."""
    end = time.monotonic() + LONGEST
    while time.monotonic() < end and process.poll() is None:
        lines = file.read_text(encoding="utf-8").split() if file.exists() else []
        if len(lines) == 2:
            return f"ws://127.0.0.1:{lines[0]}{lines[1]}"
        time.sleep(0.05)
    raise AssertionError(f"the browser did not start (exit code {process.poll()})")
