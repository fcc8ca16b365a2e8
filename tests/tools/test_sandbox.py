"""The sandbox from outside: what comes back, what is kept, how it ends, and that it refuses when in doubt."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator.errors import SandboxUnavailable
from orchestrator.tools.sandbox.ground import Ground, own_ground
from orchestrator.tools.sandbox.limits import Limits
from orchestrator.tools.sandbox.sandbox import Job, Outcome, Sandbox

Run = Callable[..., Outcome]
PATIENCE = 30.0


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs code as main.py; what it makes comes to the test's own folder."""

    def go(code: str, *, stdin: str = "", limits: Limits | None = None, **files: str) -> Outcome:
        job = Job({**files, "main.py": code}, ("main.py",), stdin=stdin)
        return asyncio.run(Sandbox(limits).run(job, tmp_path))

    return go


def test_output_exit_and_value_come_back(run: Run) -> None:
    """The value is that of the last expression."""
    outcome = run("import sys\nprint('out')\nprint('err', file=sys.stderr)\n[1, 'two', None]")

    assert (outcome.exit, outcome.stdout, outcome.stderr) == (0, "out\n", "err\n")
    assert outcome.value == [1, "two", None]


@pytest.mark.parametrize(
    ("code", "value"),
    [
        ("{'a': [1, 2.5, True], 'b': {'c': 'ü\\n\"'}}", {"a": [1, 2.5, True], "b": {"c": 'ü\n"'}}),
        ("(1, 2)", [1, 2]),
        ("import numpy\nnumpy.arange(3) * 0.5", [0.0, 0.5, 1.0]),
        ("import numpy\nnumpy.int64(7)", 7),
        ("1e300 * 1e10", None),
        ("{1: 2}", None),
        ("object()", None),
        ("[float('nan')]", None),
        ("a = 1", None),
        ("x = []\nx.append(x)\nx", None),
        ("'x' * 10_000_000", None),
        ("10 ** 5000", None),
        ("", None),
        ("'\\ud800'", None),
    ],
)
def test_a_value_is_plain_data_or_nothing(run: Run, code: str, value: Any) -> None:
    """Whatever is not plain data, or too much of it, is no value; the program still ends well."""
    outcome = run(code)

    assert (outcome.exit, outcome.value) == (0, value), outcome.stderr


def test_the_code_can_forge_its_value_and_nothing_more(run: Run) -> None:
    """It says only what it could say anyway; what is no JSON, or nested without end, is no value."""
    find = (
        "import os, stat\ndef socket(n):\n    try: return stat.S_ISSOCK(os.fstat(n).st_mode)\n"
        "    except OSError: return False\nat = next(filter(socket, range(3, 99)))\n"
    )

    assert run(find + "os.write(at, b'{\"exit\": 5}')\nNone").value == {"exit": 5}
    assert run(find + "os.write(at, b'[' * 100000)\nNone").value is None
    assert run(find + "os.write(at, b'refused x' + bytes(9))\nNone").value is None


def test_half_a_character_in_code_is_the_codes_fault(run: Run) -> None:
    """A model can produce one."""
    outcome = run("print('\ud800')")

    assert outcome.exit == 1
    assert "Error" in outcome.stderr


def test_a_traceback_shows_the_code_and_nothing_of_ours(run: Run) -> None:
    """A model repairs its own lines."""
    outcome = run("def f(x):\n    return 1 / x\nf(0)")

    assert outcome.exit == 1
    assert "main.py" in outcome.stderr
    assert "return 1 / x" in outcome.stderr
    assert "ZeroDivisionError" in outcome.stderr
    assert "orchestrator" not in outcome.stderr


def test_a_syntax_error_names_the_line(run: Run) -> None:
    """Nothing ran."""
    outcome = run("print('no')\ndef f(:\n")

    assert (outcome.exit, outcome.stdout) == (1, "")
    assert "line 2" in outcome.stderr


@pytest.mark.parametrize(("code", "number"), [("raise SystemExit(3)", 3), ("import os; os._exit(9)", 9)])
def test_the_programs_own_exit_code_comes_back(run: Run, code: str, number: int) -> None:
    """Also past the interpreter's end."""
    assert run(code).exit == number


def test_main_is_main_and_stdin_is_read(run: Run) -> None:
    """Programs are written for being started."""
    outcome = run("if __name__ == '__main__':\n    print(input()[::-1], input())", stdin="abc\nd\n")

    assert outcome.stdout == "cba d\n"


def test_files_it_made_come_out_with_their_types(run: Run, tmp_path: Path) -> None:
    """Those given come out only when they were changed."""
    code = (
        "import os, csv\nos.makedirs('a/b')\nopen('a/b/x.png', 'wb').write(b'png')\n"
        "open('changed.csv', 'a').write('2')\nimport helper\nopen('t.json', 'w').write('{}')\n0"
    )
    outcome = run(code, **{"changed.csv": "1", "same.csv": "1", "helper.py": "print('helps')"})

    made = {(one.name, one.media_type): one.path.read_bytes() for one in outcome.files}
    assert made == {
        ("a/b/x.png", "image/png"): b"png",
        ("changed.csv", "text/csv"): b"12",
        ("t.json", "application/json"): b"{}",
    }
    assert all(one.path.is_relative_to(tmp_path) for one in outcome.files)
    assert outcome.stdout == "helps\n"


def test_links_and_odd_names_do_not_come_out(run: Run, tmp_path: Path) -> None:
    """A link would show a file of this machine as the program's own."""
    code = "import os\nos.symlink('/etc/passwd', 'l')\nos.symlink('/etc', 'd')\nopen('a\\n\\x1b[2J', 'w')\nopen('ok', 'w')"
    outcome = run(code)

    assert [one.name for one in outcome.files] == ["ok"]
    assert [path.name for path in tmp_path.iterdir()] == ["ok"]


def test_what_takes_too_long_is_killed_and_says_so(run: Run) -> None:
    """As a result, for a model to see; what it had printed and made is kept."""
    began = time.monotonic()
    outcome = run(
        "import time\nprint('begun', flush=True)\nopen('f', 'w').write('x')\ntime.sleep(600)",
        limits=Limits(seconds=2),
    )

    assert outcome.exit == 124
    assert outcome.stdout == "begun\n"
    assert outcome.stderr == "stopped: still running after 2 s\n"
    assert time.monotonic() - began < PATIENCE


def test_too_much_output_ends_it(run: Run) -> None:
    """The beginning is kept."""
    outcome = run("while True: print('x' * 99)", limits=Limits(output=1000))

    assert (len(outcome.stdout), outcome.exit) == (1000, 137)
    assert "stopped: more than 1000 bytes of output" in outcome.stderr


def test_memory_has_an_end(run: Run) -> None:
    """The program sees it as MemoryError."""
    assert "MemoryError" in run("x = bytearray(2 << 30)", limits=Limits(memory=256 << 20)).stderr


def test_too_many_files_are_cut_and_it_counts_as_stopped(run: Run) -> None:
    """Files must not go missing without a word."""
    outcome = run("for n in range(30): open(f'f{n:02}', 'w')", limits=Limits(files=10))

    assert outcome.exit != 0
    assert len(outcome.files) <= 10


def test_threads_work_and_have_an_end(run: Run) -> None:
    """Libraries start some."""
    code = "from concurrent.futures import ThreadPoolExecutor as P\nwith P(4) as p: print(sum(p.map(abs, range(9))))"

    assert run(code).stdout == "36\n"


@pytest.mark.parametrize(
    "code",
    [
        "import asyncio\nasync def f(): return 5\nprint(asyncio.run(f()))",
        "import sqlite3\nprint(sqlite3.connect('d.db').execute('select 5').fetchone()[0])",
        "import tempfile\nf = tempfile.NamedTemporaryFile('w+')\nf.write('5')\nf.seek(0)\nprint(f.read())",
        "import shutil\nopen('a', 'w').write('5')\nshutil.copy('a', 'b')\nprint(open('b').read())",
        "import decimal, random, re, json, datetime, zoneinfo, uuid, hashlib, ssl\nprint(5)",
        "import os\nopen(os.devnull, 'w').write('x')\nprint(5 + len(open(os.devnull).read()))",
        "from dataclasses import dataclass\n@dataclass\nclass A:\n    x: int = 5\nprint(A().x)",
        "import unittest\nclass T(unittest.TestCase):\n    def test(self): pass\nunittest.main(exit=False)\nprint(5)",
    ],
)
def test_ordinary_programs_work(run: Run, code: str) -> None:
    """A sandbox that nothing works in is no sandbox."""
    outcome = run(code)

    assert (outcome.exit, outcome.stdout) == (0, "5\n"), outcome.stderr


def test_pandas_and_plots_work_when_they_are_installed(run: Run) -> None:
    """A plot is an artifact."""
    pytest.importorskip("pandas")
    pytest.importorskip("matplotlib")
    code = "import pandas, matplotlib.pyplot as p\npandas.Series([1, 2]).plot()\np.savefig('p.png')"

    assert [one.media_type for one in run(code).files] == ["image/png"]


def test_secrets_of_the_environment_are_not_there(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of ours is handed on."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")

    outcome = run("import os\nprint(dict(os.environ))")

    assert "PATH" in outcome.stdout
    assert "secret" not in outcome.stdout


def test_output_is_told_while_it_comes(tmp_path: Path) -> None:
    """A long program shows that it works."""
    heard: list[str] = []
    job = Job({"main.py": "print('ü')\nprint('b')"}, ("main.py",))

    asyncio.run(Sandbox().run(job, tmp_path, progress=heard.append))

    assert "".join(heard) == "ü\nb\n"


def test_many_run_at_once_without_seeing_each_other(tmp_path: Path) -> None:
    """Each has a scratch and a value of its own."""

    async def all_of_them() -> list[Outcome]:
        sandbox = Sandbox()
        works = []
        for n in range(6):
            (tmp_path / str(n)).mkdir()
            job = Job({"main.py": f"import os\nopen('f{n}', 'w')\nsorted(os.listdir())"}, ("main.py",))
            works.append(sandbox.run(job, tmp_path / str(n)))
        return await asyncio.gather(*works)

    outcomes = asyncio.run(all_of_them())

    assert [one.value for one in outcomes] == [[f"f{n}", "main.py"] for n in range(6)]


def children() -> set[int]:
    """The processes this one has started and that are still there."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == os.getpid() and fields[0] != "Z":
            found.add(int(path.parent.name))
    return found


def test_cancelling_kills_it(tmp_path: Path) -> None:
    """Nobody is left behind."""
    before = children()
    begun = asyncio.Event()

    async def cancelled() -> None:
        job = Job({"main.py": "print('on', flush=True)\nwhile True: pass"}, ("main.py",))
        task = asyncio.create_task(Sandbox().run(job, tmp_path, progress=lambda _: begun.set()))
        await asyncio.wait_for(begun.wait(), PATIENCE)
        assert children() - before
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())

    assert not children() - before


def test_descriptors_are_given_back(run: Run) -> None:
    """A long run calls thousands of tools."""
    run("1")
    before = len(list(Path("/proc/self/fd").iterdir()))

    for _ in range(3):
        run("1")

    assert len(list(Path("/proc/self/fd").iterdir())) <= before


def test_a_python_beneath_tmp_works(tmp_path: Path) -> None:
    """The way into the new root goes by /tmp, and hides nothing that is shown."""
    ground = own_ground()
    (tmp_path / "site-packages").mkdir()
    (tmp_path / "site-packages" / "mine.py").write_text("x = 5")
    more = str(tmp_path / "site-packages")
    wider = Ground(ground.python, (*ground.readable, more), (*ground.packages, more))
    (tmp_path / "keep").mkdir()

    outcome = asyncio.run(
        Sandbox(ground=wider).run(Job({"main.py": "import mine\nmine.x"}, ("main.py",)), tmp_path / "keep")
    )

    assert outcome.value == 5, outcome.stderr


def refused(sandbox: Sandbox, tmp_path: Path) -> str:
    job = Job({"main.py": "open('ran', 'w')\nprint('ran')"}, ("main.py",))
    works: Awaitable[Outcome] = sandbox.run(job, tmp_path)
    with pytest.raises(SandboxUnavailable) as caught:
        asyncio.run(asyncio.wait_for(works, PATIENCE))
    assert not list(tmp_path.iterdir())
    return f"{caught.value.message} -> {caught.value.hint}"


def test_elsewhere_than_on_linux_it_refuses_and_says_what_to_do(tmp_path: Path) -> None:
    """There is no kernel that would hold it."""
    said = refused(Sandbox(platform="darwin"), tmp_path)

    assert "needs Linux, this is darwin" in said
    assert "container" in said


@pytest.mark.parametrize("python", ["/nonexistent/python", "/bin/true", "/bin/false", "/bin/cat"])
def test_a_child_that_does_not_say_it_is_locked_in_is_refused(tmp_path: Path, python: str) -> None:
    """Also when it ends well, or hangs on its input."""
    ground = Ground(python, own_ground().readable, ())

    assert "sandbox" in refused(Sandbox(Limits(seconds=5), ground), tmp_path)


def test_a_child_that_cannot_read_its_python_is_refused(tmp_path: Path) -> None:
    """Before it ran anything."""
    ground = Ground(sys.executable, (str(tmp_path / "nothing"),), ())

    assert "cannot be read" in refused(Sandbox(ground=ground), tmp_path)


def test_a_child_that_is_too_slow_to_lock_itself_in_is_refused(tmp_path: Path) -> None:
    """Time is up before the code began, so nothing is claimed about the code."""
    assert "still running after" in refused(Sandbox(Limits(seconds=0.001)), tmp_path)
