"""`orch models serve`: an embedded model for other programs, at an OpenAI-compatible address on this machine."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from types import FrameType

import click

from orchestrator.cli.console import the_console
from orchestrator.cli.download import Download
from orchestrator.errors import CredentialsMissing, UsageError

PORT = 8089


@click.command(name="serve")
@click.argument("model", metavar="NAME")
@click.option("--port", type=click.IntRange(0, 65535), default=PORT, show_default=True, help="0 takes any.")
@click.option("--as", "name", default="", metavar="NAME", help="The name clients ask for it by.")
@click.option("--key", default="", metavar="env.NAME", help="The variable whose value clients must send.")
@click.option("--context", type=click.IntRange(min=256), help="Tokens of context for one request.")
def command(model: str, *, port: int, name: str, key: str, context: int | None) -> None:
    """Serve a local model to other programs until Ctrl-C, on this machine only.

    The address speaks OpenAI's API. Without --key every program of this machine may use it.
    """
    from orchestrator.config import Config
    from orchestrator.providers.endpoint import launch_of, serving
    from orchestrator.providers.model_store import ModelStore

    console, secret = the_console(), _key(key)
    config = Config.from_environment(os.environ, Path.cwd())
    store = ModelStore(config.models, environ=os.environ, offline=config.offline)
    with Download(model, console) as progress:
        weights = store.open(model, Path.cwd(), progress)
    with serving(launch_of(weights, name or weights.name, context), port=port, key=secret) as url:
        console.say(f"{name or weights.name} answers at {url} (Ctrl-C ends it)")
        _until_told()


def _key(stated: str) -> str:
    """The value of the variable a key is read from; a secret never stands on a command line."""
    if not stated:
        return ""
    variable = stated.removeprefix("env.")
    if variable == stated:
        raise UsageError(
            "--key takes the name of a variable, not a key", hint="export KEY=…, and write --key env.KEY"
        )
    if not (value := os.environ.get(variable, "").strip()):
        raise CredentialsMissing(f"the environment holds no {variable}", hint=f"export {variable}=…")
    return value


def _until_told() -> None:
    """Return on Ctrl-C, or when somebody ends this process politely."""
    told = threading.Event()

    def tell(_number: int, _frame: FrameType | None) -> None:
        told.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, tell)
    told.wait()
