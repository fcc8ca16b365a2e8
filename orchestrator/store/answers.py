"""Questions of runs and their answers: what is open, and answering it from any process.

An answer lies in the inbox until the owner of the run takes it; who answers a run without an owner resumes it then.
"""

from __future__ import annotations

import getpass
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeAlias

from orchestrator.errors import UsageError
from orchestrator.events import AskAnswered, AskOpened, RunWaiting, to_dict
from orchestrator.light import light
from orchestrator.policy.editing import editable
from orchestrator.policy.keep import noted
from orchestrator.store.foreign import refuse_foreign
from orchestrator.store.inbox import done, post, posted, take

if TYPE_CHECKING:
    from orchestrator.store.rows import RunRow
    from orchestrator.store.store import Store

ANSWERS = ("approve", "reject")
"""The kinds of messages in the inbox that answer a question."""
RELEASE, WITHHOLD = "release", "withhold"
"""The choices of `declassify` with `by: approve`."""


@light(frozen=True, slots=True)
class Question:
    """An open question of a run."""

    run: RunRow
    ask: AskOpened


@light(frozen=True, slots=True)
class Answer:
    """What was answered: a choice of the question, or an empty one when it was rejected."""

    ask: AskOpened
    choice: str
    edit: Any = None
    """What was made of the value that may be changed; None when nothing."""


Change: TypeAlias = Callable[[Mapping[str, Any]], Any]
"""Makes of `AskOpened.edit` the changed value, None for none. Raises UsageError."""


def questions(store: Store) -> list[Question]:
    """Every open question of the runs that wait or run, of the newest run first."""
    rows = [*store.runs(status="waiting"), *store.runs(status="running")]
    rows.sort(key=lambda row: row.started, reverse=True)
    return [Question(row, ask) for row in rows for ask in open_asks(store, row.id).values()]


def open_asks(store: Store, run: str) -> dict[str, AskOpened]:
    """The questions of a run by path that are neither answered in its log nor in its inbox."""
    asks: dict[str, AskOpened] = {}
    for _, event in store.of_kinds(run, ("ask.opened", "ask.answered")):
        match event:
            case AskOpened():
                asks[event.path] = event
            case AskAnswered():
                asks.pop(event.path, None)
    return {path: asks[path] for path in unanswered(store, run, asks)}


def unanswered(store: Store, run: str, paths: Iterable[str]) -> list[str]:
    """Which of these questions have no answer in the inbox yet."""
    given = {row.payload.get("path") for row in take(store, run) if row.kind in ANSWERS}
    return [path for path in paths if path not in given]


def is_answered(store: Store, row: RunRow) -> bool:
    """Whether everything a waiting run waits for lies in its inbox, or in its log; its last event names what that is."""
    if row.status != "waiting":
        return False
    last = store.event(row.id, row.events - 1)
    if isinstance(last, AskAnswered):  # who took it up died before its first word
        return not open_asks(store, row.id)
    return isinstance(last, RunWaiting) and not last.reason and not unanswered(store, row.id, last.asks)


def is_rejected(store: Store, run: str) -> bool:
    """Whether somebody rejected a question of the run and the run has not taken that yet."""
    return any(row.kind == "reject" for row in take(store, run))


def is_late(ask: AskOpened, now: float) -> bool:
    """Whether the time to answer has passed: the run takes `then`, or fails, when it goes on."""
    return ask.deadline is not None and now >= ask.deadline


def approve(
    store: Store, run: str, path: str, choice: str | None, by: str, change: Change | None = None
) -> Answer:
    """Answer an open question with one of its choices, by default the first; durable on return.

    An empty `path` means the only one. `change` makes another value of the one that may be changed. Raises UsageError
    for what is not open (any more), for a choice it has not, for the release of a value that the record does not hold,
    and for a change that does not fit.
    """
    ask = _open_ask(store, run, path)
    picked = _picked(ask, choice)
    if picked == RELEASE and is_hidden(ask):
        raise UsageError(
            f"what {ask.path} would release is not in the record, and nobody releases what they have not seen",
            hint=f"answer where it is shown: orch resume {run}; to answer from here, `keep: {{private: full}}` in its file",
        )
    edit = None if change is None else change(_editable(ask))
    answer = {"path": ask.path, "choice": picked, "by": by}
    _post_first(store, run, "approve", ask, answer if edit is None else {**answer, "edit": edit})
    return Answer(ask, picked, edit)


def _editable(ask: AskOpened) -> Mapping[str, Any]:
    if ask.edit is None:
        raise UsageError(
            f"the question {ask.path} has nothing to change", hint="`edit:` in its file says what may be"
        )
    found = editable(ask.edit)
    if found is None:
        raise UsageError(
            f"what {ask.path} lets you change is not in the record",
            hint="answer where it is shown: orch resume; to change it from here, `keep: {private: full}` in its file",
        )
    return found


def is_hidden(ask: AskOpened) -> bool:
    """Whether a person is to let a value leave that only the process of the run knows."""
    return ask.choices == (RELEASE, WITHHOLD) and noted(ask.show) is not None


def reject(store: Store, run: str, path: str, by: str) -> Answer:
    """Refuse to let the run go on: it ends with exit code 3. Raises UsageError for what is not open (any more)."""
    ask = _open_ask(store, run, path)
    _post_first(store, run, "reject", ask, {"path": ask.path, "choice": "", "by": by})
    return Answer(ask, "")


def _post_first(store: Store, run: str, kind: str, ask: AskOpened, answer: dict[str, Any]) -> None:
    """Leave the answer, unless somebody else was faster: of several only the first in the inbox counts."""
    ours = post(store, run, kind, answer)
    given = [
        row
        for row in posted(store, run, ask.at)
        if row.kind in ANSWERS and row.payload.get("path") == ask.path
    ]
    if given and given[0].id != ours:
        done(store, [ours])
        raise UsageError(
            f"the question {ask.path} is already answered: {_given(given[0].payload)}", hint=_see(run)
        )


def login_name() -> str:
    """Who answers."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "somebody"


def _open_ask(store: Store, run: str, path: str) -> AskOpened:
    refuse_foreign(store, run)
    asks = open_asks(store, run)
    if path not in asks and (not asks or path) and (answer := _answer(store, run, path)) is not None:
        where = f"the question {path} is" if path else f"run {run} has no open question any more, it is"
        raise UsageError(f"{where} already answered: {_given(answer)}", hint=_see(run))
    ask = _which(run, path, asks)
    if is_late(ask, time.time()):
        _refuse_late(run, ask)
    return ask


def _answer(store: Store, run: str, path: str) -> Mapping[str, Any] | None:
    """What was answered to a question, in the inbox or the log; with an empty path, the last answer of all."""
    given = [
        *(to_dict(event) for _, event in store.of_kinds(run, ("ask.answered",))),
        *(row.payload for row in take(store, run) if row.kind in ANSWERS),
    ]
    return next((answer for answer in reversed(given) if path in ("", answer.get("path"))), None)


def _given(answer: Mapping[str, Any]) -> str:
    return f"{answer.get('choice') or 'rejected'} (by {answer.get('by')})"


def _see(run: str) -> str:
    return f"see what the run does: orch show {run}"


def _which(run: str, path: str, asks: dict[str, AskOpened]) -> AskOpened:
    if not asks:
        raise UsageError(f"run {run} has no open question", hint=_see(run))
    if path in asks:
        return asks[path]
    if not path and len(asks) == 1:
        return next(iter(asks.values()))
    what = f"run {run} does not ask '{path}'" if path else f"run {run} asks {len(asks)} questions"
    raise UsageError(what, hint="say which: " + ", ".join(f"{run}/{path}" for path in list(asks)[:5]))


def _refuse_late(run: str, ask: AskOpened) -> None:
    assert ask.deadline is not None
    end = datetime.fromtimestamp(ask.deadline)  # noqa: DTZ006 - the user's own clock
    what = f"it takes '{ask.then}'" if ask.then is not None else "it fails"
    raise UsageError(
        f"the question {ask.path} was open until {end:%Y-%m-%d %H:%M:%S}",
        hint=f"{what} when the run goes on: orch resume {run}",
    )


def _picked(ask: AskOpened, choice: str | None) -> str:
    if choice is None:
        return ask.choices[0]
    if choice not in ask.choices:
        raise UsageError(f"'{choice}' is no choice of {ask.path}", hint=f"choices: {', '.join(ask.choices)}")
    return choice
