"""What can be said to a chat besides messages: `/new`, `/runs`, `/help`, `/exit`, typed or in a pipe."""

from __future__ import annotations

import time
from collections.abc import Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.cli.chatting import Chat
    from orchestrator.cli.console import Console

EXIT = "/exit"
WORDS: Mapping[str, str] = {
    "/new": "begin another conversation; /new NAME names it, or goes back to it",
    "/runs": "the runs of this chat, to see what was done: orch show RUN",
    "/help": "this list",
    EXIT: "end; so does Ctrl-D. Ctrl-C stops an answer",
}
TWICE = "//"
LISTED = 20
"""Runs that `/runs` shows."""


def word_of(line: str) -> str:
    """The command that a line begins with; empty for a message. It may not be one that there is."""
    if not line.startswith("/") or line.startswith(TWICE):
        return ""
    return line.split(maxsplit=1)[0]


def message_of(line: str) -> str:
    """What is said with a line that is no command: `//etc` is a message that begins with `/etc`."""
    return line[1:] if line.startswith(TWICE) else line


def obey(chat: Chat, console: Console, line: str) -> None:
    """Do what a line says that begins with a command."""
    word, _, rest = line.strip().partition(" ")
    match word:
        case "/new":
            _begin(chat, console, rest.strip())
        case "/help":
            for name, text in WORDS.items():
                console.say(f"  {name:<6}  {text}")
            console.say("  //…     a message that begins with /…")
        case "/runs":
            _list(chat, console)
        case _:
            near = get_close_matches(word, WORDS, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there is {', '.join(WORDS)}"
            console.error(f"there is no {word}", f"{hint} (a message that begins so: /{word})")


def tell_conversation(chat: Chat, console: Console) -> None:
    """Which conversation goes on, where there is one."""
    from orchestrator.report.words import count

    if not chat.conversation:
        return
    turns = chat.turns()
    before = f", which has {count(turns, 'turn')} already" if turns else ""
    console.say(f"conversation '{chat.conversation}'{before}", "dim")


def _begin(chat: Chat, console: Console, name: str) -> None:
    if not chat.conversation:
        console.error("this workflow has no input 'conversation': nothing is remembered anyway")
        return
    chat.conversation = name or time.strftime("%Y-%m-%d %H:%M:%S")
    tell_conversation(chat, console)


def _list(chat: Chat, console: Console) -> None:
    for run in chat.runs[-LISTED:]:
        console.say(f"  {run}  {chat.store.run(run).status}")
    if not chat.runs:
        console.say("no run yet: ask something")


__all__ = ["EXIT", "WORDS", "message_of", "obey", "tell_conversation", "word_of"]
