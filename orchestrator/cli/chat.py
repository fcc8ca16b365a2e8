"""`orch chat`: a conversation at the terminal, each message a run of a workflow; piped, one message per line."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from orchestrator.cli import complete
from orchestrator.cli.chat_words import EXIT, WORDS, message_of, obey, tell_conversation, word_of
from orchestrator.cli.console import Console, is_terminal, the_console
from orchestrator.cli.keys import kept_as_typed
from orchestrator.cli.opening import LOCAL_ONLY, pairs
from orchestrator.errors import OrchError, StoreError

if TYPE_CHECKING:
    from orchestrator.cli.chatting import Chat, Reply
    from orchestrator.config import Config
    from orchestrator.graph.model import Graph

SHIPPED = "assistant"
PROMPT = "> "
TRIAL = "Hello"
STOPPED = 130


@click.command()
@click.argument("workflow", default=SHIPPED, shell_complete=complete.workflows)
@click.option("--conversation", metavar="NAME", help="Go on with the conversation of this name, or begin it.")
@click.option("-i", "--input", "given", multiple=True, metavar="NAME=VALUE", help="A further input.")
@click.option(
    "-m",
    "--model",
    "models",
    multiple=True,
    metavar="NAME=REF",
    help="Use another model, e.g. chat=ollama:llama3.2:3b.",
)
@click.option("--json", "as_json", is_flag=True, help="One line of JSON per message.")
@click.option("--no-cache", is_flag=True, help="Ask the models again, also where an answer is known.")
@click.option(
    "--locked", is_flag=True, help="Refuse to begin when anything is not as `orch lock` wrote it down."
)
@click.option(
    "--local-only", is_flag=True, help=f"{LOCAL_ONLY} The assistant that ships never uses the network."
)
def command(
    workflow: str,
    conversation: str | None,
    given: tuple[str, ...],
    models: tuple[str, ...],
    as_json: bool,
    no_cache: bool,
    locked: bool,
    local_only: bool,
) -> int:
    """Talk with a local assistant, or with WORKFLOW: any that has an input `message`.

    Each message is a run, which `orch runs`, `orch show` and `orch tui` show. What was said is remembered by the name
    of the conversation (`orch memory`). When stdin is no terminal, every line of it is a message or one of the
    commands that `/help` lists, and the answers go to stdout; the exit code is that of the first message without an
    answer.
    """
    from orchestrator.cli.chatting import Chat, default_conversation, refuse_other
    from orchestrator.cli.run import checked_graph
    from orchestrator.cli.wiring import the_store
    from orchestrator.config import Config

    console = the_console()
    if is_terminal(sys.stdin) and is_terminal(console.out):
        click.get_current_context().with_resource(kept_as_typed(sys.stdin))
    replaced = pairs(models, "-m")
    graph = checked_graph(workflow, replaced, console)
    refuse_other(graph, workflow, conversation)
    config = _staying(Config.from_environment(os.environ, Path.cwd()), graph, console, local_only=local_only)
    options: dict[str, Any] = {"cache": not no_cache, "models": replaced}
    options |= {"local_only": True} if config.offline else {}
    options |= {"locked": True} if locked else {}
    named = conversation or default_conversation(graph)
    store = the_store()
    try:
        chat = Chat(store, config, graph, console, pairs(given, "-i"), options, named, streams=not as_json)
        chat.inputs(TRIAL, date.today())  # noqa: DTZ011 - what is missing is said before the first question
        talk = Talk(chat, console, as_json=as_json)
        with chat:
            return talk.by_hand() if is_terminal(sys.stdin) else talk.lines(sys.stdin)
    finally:
        store.close()


def _staying(config: Config, graph: Graph, console: Console, *, local_only: bool) -> Config:
    """What ships stays on this machine, once its weights are there."""
    from orchestrator.cli.needs import fetch_weights
    from orchestrator.library import shipped_workflows

    ships = Path(graph.file).resolve() in {path.resolve() for path in shipped_workflows().values()}
    if ships and not config.offline and not local_only:
        fetch_weights(graph, config, console)
    return config.staying(ships or local_only)


class Talk:
    """What a person types or a pipe brings, one message after the other."""

    def __init__(self, chat: Chat, console: Console, *, as_json: bool) -> None:
        self._chat = chat
        self._console = console
        self._as_json = as_json

    def by_hand(self) -> int:
        """At a terminal, until the person ends it."""
        import readline  # noqa: F401 - lines can be edited; nothing of them is kept in a file

        self._greet()
        while True:
            try:
                line = self._ask()
                if line is None or word_of(line) == EXIT:
                    return 0
                if word_of(line):
                    obey(self._chat, self._console, line)
                elif line.strip() and self._answer(message_of(line)) == STOPPED:
                    return STOPPED
            except KeyboardInterrupt:
                self._console.say("\n/exit or Ctrl-D ends the chat", "dim")

    def lines(self, stream: TextIO) -> int:
        """From a pipe or a file; returns the exit code of the first that failed.

        What begins like a command and is none is a message: there is nobody who could have mistyped it.
        """
        code = 0
        for given in stream.buffer:
            line = given.decode("utf-8", "replace").rstrip()
            word = word_of(line)
            if word == EXIT:
                break
            if word in WORDS:
                obey(self._chat, self._console, line)
                continue
            if not line.strip():
                continue
            this = self._answer(message_of(line).strip())
            if this == STOPPED:
                return this
            code = code or this
        return code

    # ------------------------------------------------------------------------------------------- a message

    def _answer(self, message: str) -> int:
        try:
            reply = self._chat.answer(message)
        except StoreError:
            raise  # without a record there is no next one either
        except OrchError as error:
            self._console.error(error.message, error.hint)
            if self._as_json:
                self._line({"run": None, "status": "failed", "error": error.message})
            return error.exit_code
        if self._as_json:
            self._line(reply.as_data())
        return self._told(reply)

    def _told(self, reply: Reply) -> int:
        """Say what came of it; returns the exit code, STOPPED where the whole chat is to end."""
        from orchestrator.cli.result import as_text
        from orchestrator.cli.waiting import waiting_lines

        result, run = reply.result, reply.run
        match result.status:
            case "done" if not self._as_json:
                text = as_text(reply.value)
                if not (reply.streamed and reply.streamed.strip() == text.strip()):
                    self._console.result(text)
                    self._console.out.flush()
            case "waiting":
                for line in waiting_lines(run, result.asks, result.waits_for, result.unknown):
                    self._console.say(line)
            case "cancelled" | "interrupted":
                self._console.say("stopped", "dim")
                return STOPPED if result.stopped_by == "SIGTERM" or not is_terminal(sys.stdin) else 0
            case "failed" if result.error is not None:
                where = f"step '{result.path}': " if result.path else ""
                self._console.error(f"{where}{result.error.message}", result.error.hint)
                self._console.say(f"see it with: orch show {run}", "dim")
        return result.exit_code

    def _line(self, value: Mapping[str, Any]) -> None:
        self._console.out.write(json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n")
        self._console.out.flush()

    # --------------------------------------------------------------------------------------- at a terminal

    def _ask(self) -> str | None:
        """A line; None when there will be no more. Raises KeyboardInterrupt."""
        try:
            if is_terminal(self._console.out):
                return input(PROMPT)
            self._console.err.write(PROMPT)
            self._console.err.flush()
            return input()
        except EOFError:
            self._console.say()
            return None
        except UnicodeDecodeError:
            self._console.error("this is no text that can be read (UTF-8)")
            return ""

    def _greet(self) -> None:
        from orchestrator.engine.gate import models_needed

        graph, chat = self._chat.graph, self._chat
        name = graph.workflow.name or Path(graph.file).stem
        models = ", ".join(dict.fromkeys(spec.use for spec in models_needed(graph).values()))
        place = " · nothing leaves this machine" if chat.config.offline else ""
        self._console.say(f"{name} on {models}{place}", "dim")
        tell_conversation(chat, self._console)
        self._console.say("/help lists what can be typed besides a message", "dim")
