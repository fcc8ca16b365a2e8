"""`orch tui --web`: the screen in a browser of this machine. One process of the screen for each open page.

It listens on the loopback address only, under a path that nobody can guess, and answers only to names of this machine,
so that no other site can reach it through the browser. The page needs nothing from outside. It knows nothing of runs.
"""

from __future__ import annotations

import asyncio
import html
import os
import secrets
import shlex
import signal
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import psutil
from aiohttp import web
from aiohttp.web_runner import GracefulExit
from textual_serve.app_service import AppService
from textual_serve.server import Server, to_int

from orchestrator.errors import UsageError

HOST = "127.0.0.1"
PATIENCE = 1.0
"""Seconds that the screens have to end by themselves, and their pages to say goodbye."""
SIZE = {"width": 80, "height": 24}
"""Cells of a page that does not say how many it has."""
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self' ws://{host}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{title}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="static/css/xterm.css">
<style>
@font-face {{ font-family: "Roboto Mono"; src: url("static/fonts/RobotoMono-VariableFont_wght.ttf"); font-weight: 100 700; }}
@font-face {{ font-family: "Roboto Mono"; font-style: italic; font-weight: 100 700;
  src: url("static/fonts/RobotoMono-Italic-VariableFont_wght.ttf"); }}
body {{ background: #121212; color: #e0e0e0; font-family: "Roboto Mono", monospace; }}
.closed {{ display: none; position: absolute; inset: 0; z-index: 10; background: #121212; text-align: center;
  padding-top: 40vh; }}
.closed a {{ color: inherit; }}
body.-closed .closed {{ display: block; }}
</style>
<script src="quiet.js"></script>
<script src="static/js/textual.js"></script>
</head>
<body>
<div class="closed"><p>The screen is closed; runs go on. <a href="">Open it again</a></p>
<p>If it closed by itself, the terminal that serves it says why.</p></div>
<div id="terminal" class="textual-terminal" data-session-websocket-url="{socket}" data-font-size="{size}"></div>
</body>
</html>
"""

QUIET = """window.open = () => null;
new MutationObserver((_, watch) => {
  if (!document.body?.classList.contains("-first-byte")) return;
  watch.disconnect();
  document.querySelector(".xterm-helper-textarea").focus();
}).observe(document, {subtree: true, attributeFilter: ["class"]});
"""
"""An address in what a model wrote is text here too: a click on it opens nothing. The terminal gets the focus when the
screen has drawn something: earlier its page has nobody to tell, and the screen would stay as one that nobody looks at."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def serve(command: Sequence[str], title: str, port: int, say: Callable[[str], None]) -> int:
    """Serve the screen that `command` opens until Ctrl-C. Raises UsageError when the port is taken."""
    listening = bound(port)
    with listening:
        server = Pages(command, title, listening.getsockname()[1])
        say(f"the screen is at {server.address}\nCtrl-C ends it; runs go on")
        web.run_app(
            server.application(), sock=listening, print=None, access_log=None, shutdown_timeout=PATIENCE
        )
    return 0


def bound(port: int) -> socket.socket:
    """A socket of the loopback address; port 0 is any that is free."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((HOST, port))
        listening.listen()  # whoever reads the address may come before the server is ready, and waits then
    except OSError as error:
        listening.close()
        raise UsageError(
            f"cannot listen on {HOST}:{port}: {os.strerror(error.errno or 0)}",
            hint="leave --port out to have a free one chosen",
        ) from error
    return listening


async def end_children() -> None:
    """Ask the screens to end, then end them. Runs started from a screen are children of others, and go on.

    It looks whether they are gone and never waits for them itself: the loop that started them collects them.
    """
    clock = asyncio.get_running_loop().time
    until = clock() + PATIENCE
    for child in psutil.Process().children():
        child.terminate()
    while (left := psutil.Process().children()) and clock() < until:  # noqa: ASYNC110 (no event says it)
        await asyncio.sleep(0.05)
    for child in left:
        child.kill()


def refusal(headers: Mapping[str, str], port: int) -> str:
    """Why a request is not answered; empty when it comes from a page of this server on this machine."""
    host = headers.get("Host", "")
    if host not in (f"{HOST}:{port}", f"localhost:{port}"):
        return f"open http://{HOST}:{port} with the path that orch printed"
    origin = headers.get("Origin")
    return "" if origin in (None, f"http://{host}") else "the request came from another site"


def _leave() -> None:
    raise GracefulExit


def _closing(websocket: web.WebSocketResponse) -> Callable[[], Awaitable[None]]:
    async def close() -> None:
        await websocket.close()

    return close


async def handle_quiet(_: web.Request) -> web.Response:
    return web.Response(text=QUIET, content_type="text/javascript")


class Service(AppService):
    """The process behind one page. When it ends, however it ends, its page is closed."""

    async def run(self) -> None:
        await super().run()
        await self.remote_close()


class Pages(Server):
    """The page, its files and its websocket, all below a secret path."""

    def __init__(self, command: Sequence[str], title: str, port: int) -> None:
        # exec: the shell that starts it becomes the screen, so that ending the child ends the screen
        super().__init__("exec " + shlex.join(command), host=HOST, port=port, title=title)
        self._secret = secrets.token_urlsafe(16)

    @property
    def address(self) -> str:
        return f"http://{HOST}:{self.port}/{self._secret}/"

    def application(self) -> web.Application:
        app = web.Application(middlewares=[self._guard()])
        below = f"/{self._secret}"
        app.router.add_get(f"{below}/", self.handle_index)
        app.router.add_get(f"{below}/ws", self.handle_websocket)
        app.router.add_get(f"{below}/quiet.js", handle_quiet)
        app.router.add_static(f"{below}/static", self.statics_path)
        app.on_startup.append(self.on_startup)
        app.on_shutdown.append(self.on_shutdown)
        return app

    def _guard(self) -> Any:
        @web.middleware
        async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
            if why := refusal(request.headers, self.port):
                return web.Response(status=403, text=why + "\n")
            return await handler(request)

        return guard

    async def handle_index(self, request: web.Request) -> web.Response:
        """The page. The names in it are relative, so it works under each name of this machine."""
        size = request.query.get("fontsize", "")
        text = PAGE.format(
            title=html.escape(self.title),
            socket=html.escape(f"ws://{request.host}{request.path}ws"),
            size=size if size.isascii() and size.isdigit() else "16",
        )
        headers = {
            "Content-Security-Policy": POLICY.format(host=request.host),
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-store",
        }
        return web.Response(text=text, content_type="text/html", headers=headers)

    async def handle_websocket(self, request: web.Request) -> web.WebSocketResponse:
        """A screen of its own for each page, until one of the two ends."""
        websocket = web.WebSocketResponse(heartbeat=15, timeout=PATIENCE)
        await websocket.prepare(request)
        service = Service(
            self.command,
            write_bytes=websocket.send_bytes,
            write_str=websocket.send_str,
            close=_closing(websocket),
            download_manager=self.download_manager,
        )
        await service.start(*(to_int(request.query.get(name, ""), size) for name, size in SIZE.items()))
        try:
            await self._process_messages(websocket, service)
        finally:
            await service.stop()
        return websocket

    async def on_startup(self, app: web.Application) -> None:  # noqa: ARG002 (aiohttp hands it over)
        """A closed terminal ends the pages as Ctrl-C does, unless whoever started it wants it to stay."""
        if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, _leave)

    async def on_shutdown(self, app: web.Application) -> None:  # noqa: ARG002 (aiohttp hands it over)
        """A screen that ends closes its page, which then says so."""
        await end_children()
