"""Python functions of a project as tools: what crosses, what goes wrong, and that no process is left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from orchestrator.calling import CallContext
from orchestrator.errors import ToolError
from orchestrator.spec.types import MapOf
from orchestrator.spec.words import describe
from orchestrator.tools.functions import MOST, SHOWN, Functions

CODE = '''
import enum, os, subprocess, sys, time
from dataclasses import dataclass
from datetime import date
from typing import Literal, NotRequired, TypedDict

import helper
from pydantic import BaseModel


class Mood(enum.StrEnum):
    good = "good"
    bad = "bad"


@dataclass
class Ticket:
    text: str
    day: date
    urgent: bool = False


class Answer(BaseModel):
    mood: Mood
    tickets: list[Ticket]


class Loose(TypedDict):
    a: int
    b: NotRequired[str]


def score(text: str, *, top: int | None = 3) -> int:
    """Scores a text,
    roughly.

    The rest is for people.
    """
    print("scoring", text)
    return helper.twice(len(text)) + (top or 0)


def typed(ticket: Ticket, moods: list[Mood], how: Literal["a", "b"] = "a") -> Answer:
    return Answer(mood=moods[0], tickets=[ticket])


def loose(given: "Loose") -> "Loose":
    return given


def first(a: int, /, b: int = 2) -> list[int]:
    return [a, b]


async def later(days: int) -> date:
    import asyncio
    await asyncio.sleep(0)
    return date(2026, 1, days)


def echo(value): return value
def pid() -> int: return os.getpid()
def environment() -> dict: return dict(os.environ)
def where() -> str: return os.getcwd()
def lies() -> int: return "three"
def many(): yield 1; yield 2
def foreign(): return object()
def nested(): return {"a": [float("nan")]}
def fails(): return helper.boom()
def leaves(): sys.exit("enough")
def dies(): os.write(2, b"last words\\n"); os._exit(3)
def crashes(): os.kill(os.getpid(), 11)
def interrupted(file: str):
    import signal
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    open(file, "w").close()
    os.kill(os.getpid(), signal.SIGINT)
def floods(): print("x" * 1_000_000)
def large(size: int) -> str: return "x" * size
def asks(): return input()


def loud():
    print("grüße")
    subprocess.run(["echo", "from outside"])
    print("err", file=sys.stderr)


def hangs(file: str):
    child = subprocess.Popen(["sleep", "1000"])
    with open(file, "w") as out:
        out.write(f"{os.getpid()} {child.pid}")
    time.sleep(1000)


def escapes(file: str, then: str) -> int:
    child = subprocess.Popen(["sleep", "1000"], start_new_session=True)
    if not (other := os.fork()):
        os.setsid()
        if not os.fork():
            os.execvp("sleep", ["sleep", "1000"])
        time.sleep(1000)
    with open(file, "w") as out:
        out.write(f"{child.pid} {other}")
    if then == "die":
        os._exit(3)
    if then == "hang":
        time.sleep(1000)
    return child.pid
'''
HELPER = """
def twice(number): return 2 * number


def boom():
    raise ValueError("no way")
"""

Call = Callable[..., Awaitable[Any]]


@pytest.fixture
def base(tmp_path: Path) -> Path:
    (tmp_path / "tools.py").write_text(CODE, encoding="utf-8")
    (tmp_path / "helper.py").write_text(HELPER, encoding="utf-8")
    return tmp_path


def run(base: Path, body: Callable[[Call], Awaitable[None]], environ: dict[str, str] | None = None) -> None:
    """Run a test with one set of functions; no process of theirs is there afterwards."""

    async def whole() -> None:
        functions = Functions(os.environ if environ is None else environ)

        async def call(
            name: str, *, seconds: float = 60.0, said: list[str] | None = None, **arguments: Any
        ) -> Any:
            tool = functions.tool(name, f"tools.py:{name}", base, base)
            told = [] if said is None else said
            return (await tool.call(arguments, CallContext("run/step", base, seconds, told.append))).value

        try:
            await body(call)
        finally:
            await functions.close()
            await functions.close()

    before = set(psutil.Process().children())  # those of other tests
    asyncio.run(whole())
    left = set(psutil.Process().children()) - before
    assert [one for one in left if one.status() != psutil.STATUS_ZOMBIE] == []


async def refusal(awaitable: Awaitable[Any]) -> ToolError:
    with pytest.raises(ToolError) as caught:
        await awaitable
    return caught.value


def is_gone(pid: int) -> bool:
    """Whether a process ends, within a minute."""
    for _ in range(600):
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.1)
    return False


def test_the_signature_is_read_and_nothing_is_executed(tmp_path: Path) -> None:
    """Types, optional arguments and the purpose come from the syntax tree."""
    (tmp_path / "tools.py").write_text("raise SystemExit\n" + CODE, encoding="utf-8")
    functions = Functions({})

    def shape(name: str) -> tuple[str, str]:
        signature = functions.tool(name, f"tools.py:{name}", tmp_path, tmp_path).signature
        return describe(signature.arguments), describe(signature.result)

    signature = functions.tool("rate", "tools.py:score", tmp_path, tmp_path, "none").signature
    assert (signature.name, signature.description, signature.effects) == (
        "rate",
        "Scores a text, roughly.",
        "none",
    )
    assert [field.optional for field in signature.arguments.fields] == [False, True]
    ticket = "{text: text, day: date, urgent%s: bool}"
    assert shape("typed") == (
        f"{{ticket: {ticket % '?'}, moods: [good | bad], how?: a | b}}",
        f"{{mood: good | bad, tickets: [{ticket % ''}]}}",
    )
    assert shape("loose") == ("{given: {a: int, b?: text}}", "{a: int, b?: text}")
    assert shape("later") == ("{days: int}", "date")
    assert functions.tool("pid", "tools.py:pid", tmp_path, tmp_path).signature.arguments == MapOf(())


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("tools.py", "write file.py:function"),
        ("../tools.py:f", "no function of the project"),
        ("tool.py:f", "tool.py: no such file"),
        ("tools.py:scor", "did you mean 'score'?"),
        ("broken.py:f", "no valid Python"),
    ],
)
def test_a_reference_that_leads_nowhere_is_an_error(base: Path, reference: str, said: str) -> None:
    """It says what is there instead."""
    (base / "broken.py").write_text("def f(:", encoding="utf-8")

    with pytest.raises(ToolError) as caught:
        Functions({}).tool("x", reference, base, base)

    assert said in f"{caught.value.message} {caught.value.hint}"


def test_a_function_is_called_with_plain_data_and_gives_plain_data(base: Path) -> None:
    """Its helper beside it is found; dates, enums, dataclasses and models are made, and made plain again."""

    async def body(call: Call) -> None:
        assert await call("score", text="abc") == 9
        assert await call("score", text="abc", top=None) == 6
        ticket = {"text": "Hi", "day": "2026-01-02"}
        answer = await call("typed", ticket=ticket, moods=["bad"])
        assert answer == {"mood": "bad", "tickets": [{**ticket, "urgent": False}]}
        assert await call("loose", given={"a": 1}) == {"a": 1}
        assert await call("first", a=1) == [1, 2]
        assert await call("later", days=5) == "2026-01-05"
        assert await call("echo", value={"ü": [1, 2.5, None, True]}) == {"ü": [1, 2.5, None, True]}
        assert await call("many") == [1, 2]
        assert await call("where") == str(base)

    run(base, body)


def test_what_does_not_fit_is_an_error_that_says_why(base: Path) -> None:
    """Arguments before the call, results after it."""

    async def body(call: Call) -> None:
        assert (await refusal(call("score", text=3))).message == "score: text: 3 is no text"
        assert "txt is not asked for" in (await refusal(call("score", text="", txt=""))).message
        assert (
            "ticket.day" in (await refusal(call("typed", ticket={"text": "", "day": "x"}, moods=[]))).message
        )
        wrong = await refusal(call("lies"))
        assert "'three' is no whole number" in wrong.message
        assert wrong.unsure, "it was called, whatever it says"
        assert "no plain data (object)" in (await refusal(call("foreign"))).message
        assert "no plain data (dict)" in (await refusal(call("nested"))).message
        assert "more than 16 MB" in (await refusal(call("large", size=MOST + 1))).message
        assert len(await call("large", size=1_000_000)) == 1_000_000

    run(base, body)


def test_an_exception_is_told_with_its_line_in_the_users_file(base: Path) -> None:
    """The last line of it is the message; the whole of it is progress."""

    async def body(call: Call) -> None:
        said: list[str] = []
        error = await refusal(call("fails", said=said))
        assert (error.message, error.unsure) == ("fails: helper.py:6: ValueError: no way", False)
        assert "helper.py" in "".join(said)
        assert "function_child" not in "".join(said)
        assert "SystemExit: enough" in (await refusal(call("leaves"))).message
        assert "EOFError" in (await refusal(call("asks"))).message

    run(base, body)


def test_a_file_that_cannot_be_loaded_is_told_and_can_be_corrected(base: Path) -> None:
    """The next call tries again."""

    async def body(call: Call) -> None:
        (base / "helper.py").write_text("import nothing_like_this", encoding="utf-8")
        assert "helper.py:1: ModuleNotFoundError" in (await refusal(call("score", text=""))).message
        (base / "helper.py").write_text("def twice(:", encoding="utf-8")
        assert "helper.py:1: SyntaxError" in (await refusal(call("score", text=""))).message
        (base / "helper.py").write_text(HELPER, encoding="utf-8")
        assert await call("score", text="a") == 5

    run(base, body)


def test_what_is_printed_is_progress(base: Path) -> None:
    """Also by programs that it starts; never part of the result, and not without end."""

    async def body(call: Call) -> None:
        said: list[str] = []
        assert await call("loud", said=said) is None
        assert "".join(said).replace("from outside\n", "") == "grüße\nerr\n"
        flood: list[str] = []
        await call("floods", said=flood)
        assert SHOWN <= len("".join(flood)) <= SHOWN + 100
        assert "more is not shown" in flood[-1]

    run(base, body)


def test_a_process_is_used_again_until_it_ends(base: Path) -> None:
    """A crash costs only its own call."""

    async def body(call: Call) -> None:
        pid = await call("pid")
        assert await call("pid") == pid
        assert (await refusal(call("fails"))).message
        assert await call("pid") == pid

        died = await refusal(call("dies"))
        assert died.message == "dies: its process ended with 3; last words"
        assert died.unsure
        again = await call("pid")
        assert again != pid
        assert "killed by SIGSEGV" in (await refusal(call("crashes"))).message
        assert await call("pid") != again

    run(base, body)


def test_a_ctrl_c_that_ends_the_process_of_a_function_is_no_fault_of_it(base: Path) -> None:
    """The same Ctrl-C ends the call a moment later; only where none comes, the function has failed."""

    async def body(call: Call) -> None:
        alone = await refusal(call("interrupted", file=str(base / "first")))
        assert "killed by SIGINT" in alone.message

        both = asyncio.ensure_future(call("interrupted", file=str(base / "second")))
        while not (base / "second").exists():
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.3)
        assert not both.done()
        both.cancel()
        with pytest.raises(asyncio.CancelledError):
            await both

    run(base, body)


def test_calls_side_by_side_have_processes_of_their_own(base: Path) -> None:
    """One that is cancelled takes nobody along."""

    async def body(call: Call) -> None:
        hanging = asyncio.ensure_future(call("hangs", file=str(base / "pids")))
        while not (base / "pids").exists() or not (base / "pids").read_text(encoding="utf-8"):
            assert not hanging.done()
            await asyncio.sleep(0.01)
        assert await asyncio.gather(*(call("score", text="x" * n) for n in range(6))) == [3, 5, 7, 9, 11, 13]
        hanging.cancel()
        with pytest.raises(asyncio.CancelledError):
            await hanging
        assert all(is_gone(int(pid)) for pid in (base / "pids").read_text(encoding="utf-8").split())

    run(base, body)


def test_what_takes_too_long_is_ended_with_all_it_started(base: Path) -> None:
    """From outside, as a group."""

    async def body(call: Call) -> None:
        pids: list[str] = []
        for seconds in (1.5, 15, 150):  # a slow machine has not started everything by then
            error = await refusal(call("hangs", file=str(base / "pids"), seconds=seconds))
            assert (error.message, error.unsure) == (f"hangs took longer than {seconds:g} s", True)
            pids = (base / "pids").read_text(encoding="utf-8").split() if (base / "pids").exists() else []
            if len(pids) == 2:
                break
        assert len(pids) == 2
        assert all(is_gone(int(pid)) for pid in pids)

    run(base, body)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere only the group is known")
def test_sessions_of_their_own_do_not_outlive_their_call(base: Path) -> None:
    """After a hang, after a crash, and at the end of the run, when the call itself went well."""
    file = base / "pids"
    seen: dict[str, list[int]] = {}

    async def body(call: Call) -> None:
        for then in ("hang", "die", "return"):
            for seconds in (1.5, 15, 150) if then == "hang" else (150,):
                file.unlink(missing_ok=True)
                calling = call("escapes", file=str(file), then=then, seconds=seconds)
                if then == "return":
                    await calling
                else:
                    message = (await refusal(calling)).message
                    assert ("took longer" if then == "hang" else "ended with 3") in message
                seen[then] = (
                    [int(pid) for pid in file.read_text(encoding="utf-8").split()] if file.exists() else []
                )
                if seen[then]:
                    break
        assert all(psutil.pid_exists(pid) for pid in seen["return"])

    run(base, body)

    assert [len(pids) for pids in seen.values()] == [2, 2, 2]
    assert all(is_gone(pid) for pids in seen.values() for pid in pids)


def test_keys_of_models_are_not_in_the_environment(base: Path) -> None:
    """Everything else of the user's is."""
    given = {"PATH": os.environ["PATH"], "MY_OPENAI_API_KEY": "1", "ORCH_DATABASE_URL": "2", "MINE": "3"}

    async def body(call: Call) -> None:
        seen = await call("environment")
        assert {name: seen[name] for name in given if name in seen} == {"PATH": given["PATH"], "MINE": "3"}

    run(base, body, given)


def test_a_killed_run_leaves_no_process(base: Path) -> None:
    """The system closes the channel, and the process ends itself and its group."""
    script = f"""
        import asyncio, os
        from pathlib import Path
        from orchestrator.calling import CallContext
        from orchestrator.tools.functions import Functions
        base = Path({str(base)!r})
        tool = Functions(os.environ).tool("hangs", "tools.py:hangs", base, base)
        asyncio.run(tool.call({{"file": str(base / "pids")}}, CallContext("run/step", base, 600.0)))
    """
    with subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)]) as process:
        while not (base / "pids").exists() or not (base / "pids").read_text(encoding="utf-8"):
            assert process.poll() is None
            time.sleep(0.05)
        os.kill(process.pid, signal.SIGKILL)

    assert all(is_gone(int(pid)) for pid in (base / "pids").read_text(encoding="utf-8").split())
