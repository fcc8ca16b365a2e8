"""Text that a terminal or a reader of markup could obey, and a run in which it stands everywhere it can stand."""

from __future__ import annotations

from orchestrator.events import (
    AskOpened,
    AttemptFinished,
    AttemptStarted,
    Event,
    ModelReady,
    RunFailed,
    RunStarted,
    RunWaiting,
    StepFailed,
    StepFinished,
    StepSkipped,
    StepStarted,
    Warned,
)
from orchestrator.store.journal import StoreJournal
from orchestrator.store.store import Store

CANARY = "CANARY"
"""Stands in every sequence, so that it can be told from those the screen writes itself."""
HOSTILE = (
    "\x1b]52;c;Q0FOQVJZ\x07",
    "\x1b]0;CANARY title\x07",
    "\x1b]2;CANARY\x1b\\",
    "\x1b]8;;http://CANARY\x1b\\link\x1b]8;;\x1b\\",
    "\x1b]1337;File=CANARY\x07",
    "\x1b]4;1;rgb:CANARY\x07",
    "\x1b[2J\x1b[H\x1b[31mCANARY\x1b[0m",
    "\x1b[?1049lCANARY\x1b[?25h",
    "\x1b[6n\x1b[cCANARY",
    "\x1bP+qCANARY\x1b\\",
    "\x1b_CANARY\x1b\\",
    "\x1b^CANARY\x1b\\",
    "\x1bXCANARY\x1b\\",
    "\x1bc",
    "\x9b2JCANARY",
    "\x9d52;c;Q0FOQVJZ\x9c",
    "\x90CANARY\x9c",
    "\x9fCANARY\x9c",
    "\u202eCANARY\u202c",
    "\u2066CANARY\u2069\u200f\u061c",
    "[@click=app.quit]x[/]",
    "[@click=app.bell()]CANARY[/]",
    "[red]CANARY[/red]",
    "[/]",
    "[/nothing]",
    "\\[",
    "[[red]",
    "[link=http://CANARY]x[/link]",
    "[",
    "]",
    "[bold",
    "$primary $error-darken-2 ${x} $(touch CANARY) `CANARY`",
    "{{ 7 * 7 }} {% for x in y %} {x} {0} %s %n",
    "\x07\x07CANARY",
    "ab\x08\x08CANARY",
    "visible\rCANARY",
    "a\r\nb\rc\n\n\x0b\x0cCANARY",
    "\ud800CANARY\udfff",
    "zero\u200bwidth\u200c\u200d\u2060\ufeffCANARY",
    "e" + "\u0301" * 300,
    "👩\u200d👩\u200d👧\u200d👦 🏴\U000e0067\U000e0062\U000e007f 漢字 ﷽",
    "\x00CANARY\x00",
    "x" * 10_000,
    "CANARY " * 500,
    "\U000e0041\U000e0042CANARY",
    "\u2028CANARY\u2029",
    "\t\tCANARY\t",
    ":smile: :warning: :CANARY:",
    "",
    " ",
)
"""Alone and in every combination with our own text, these must be shown and never obeyed."""
ALL = " ".join(HOSTILE)
SHORT = ALL[:400]
AT = 1_795_416_300.0
STEPS = tuple(f"s{number}{text[:60]}" for number, text in enumerate(HOSTILE))
"""Names of steps as a store could hold them that somebody else has written. Lone surrogates no store takes."""


def storable(text: str) -> str:
    """As a store takes it: text that is no Unicode comes as its replacement."""
    return text.encode("utf-8", "replace").decode()


def record_hostile(store: Store, run: str, *, ended: bool = False) -> None:
    """Hostile text in the workflow's name, its file and revision, models, prompts, answers, errors, questions."""
    text, name = storable(ALL), storable(SHORT)
    store.create(
        run,
        RunStarted(
            AT,
            run,
            name,
            "/" + name,
            "/",
            storable(HOSTILE[0]),
            "d" * 64,
            name,
            {name: text},
            {name: name},
            9,
        ),
    )
    journal = StoreJournal(store, run)
    for event in _events(text, name, ended=ended):
        journal.append(event)
    journal.close()


def _events(text: str, name: str, *, ended: bool) -> list[Event]:
    events: list[Event] = [
        ModelReady(AT, name, text, False, 2048, 4, name, text, 0.5),
        Warned(AT, text),
        Warned(AT, name, "warned"),
    ]
    for step in STEPS:
        events += _step(storable(step), text, name)
    events += [
        StepStarted(AT + 3, "list", "agent", 2),
        StepStarted(AT + 3, "list.0", "agent"),
        StepFailed(AT + 4, "list.0", name, text, text, kept=True, facts={name: text}),
        StepStarted(AT + 3, "list.1", name),
        StepSkipped(AT + 4, "list.1", text),
        StepFinished(AT + 4, "list", [text, {name: text}], {name: text}, handled=text),
        StepStarted(AT + 5, "ask" + name, "ask"),
        AskOpened(AT + 5, "ask" + name, text, {name: text}, (name, text, "ok"), AT + 9, name),
    ]
    last: Event = RunFailed(AT + 6, name, name, text, text) if ended else RunWaiting(AT + 6, ("ask" + name,))
    return [*events, last]


def _step(path: str, text: str, name: str) -> list[Event]:
    messages = ({"role": name, "content": text}, {"role": "user", "content": text})
    parts = {name: 3, "prompt": 5}
    events: list[Event] = [StepStarted(AT + 1, path, "agent")]
    for attempt in (1, 2):
        events.append(AttemptStarted(AT + 1, path, attempt, name, messages, 9, True, parts, True))
        numbers = (9, 4, 0, 0.5, 0.1, 9.0)
        if attempt == 1:
            events.append(
                AttemptFinished(AT + 2, path, 1, name, "check", "repair", text, text, text, *numbers)
            )
        else:
            events.append(
                AttemptFinished(AT + 2, path, 2, name, "ok", "keep", text, text + "2", text, *numbers)
            )
    return [*events, StepFinished(AT + 2, path, text, {"model": name, name: text, "attempts": 2})]
