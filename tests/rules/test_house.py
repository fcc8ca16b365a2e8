"""The rules of the house: who may import whom, how large a module may be, what start-up may load."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import grimp
import pytest
from importlinter.cli import lint_imports

ROOT = Path(__file__).parents[2]
PACKAGES = (ROOT / "orchestrator", ROOT / "tui" / "orch_tui")
HEAVY = ("textual", "openai", "ollama", "sqlmodel", "sqlalchemy", "xllamacpp", "networkx", "httpx", "httpx2")
MOST_LINES = 600


def modules() -> Iterator[Path]:
    for package in PACKAGES:
        yield from package.rglob("*.py")


def test_imports_only_go_down(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every contract in .importlinter is kept; `lint-imports` in the project's root shows which is not."""
    monkeypatch.chdir(ROOT)

    assert lint_imports(config_filename=".importlinter", no_cache=True) == 0


def test_no_module_imports_itself_by_way_of_others() -> None:
    """No cycles, so that every module can be read on its own."""
    graph = grimp.build_graph("orchestrator", exclude_type_checking_imports=True, cache_dir=None)

    cycles = [
        (name, other)
        for name in graph.modules
        for other in graph.find_modules_directly_imported_by(name)
        if name in graph.find_upstream_modules(other)
    ]

    assert cycles == []


def test_no_module_is_longer_than_six_hundred_lines() -> None:
    """A module is one idea. The tables of error codes are prose, and may be as long as they need."""
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in modules()}

    assert [str(path) for path, n in lengths.items() if n > MOST_LINES and path.name != "codes.py"] == []


def test_every_module_says_in_its_first_line_what_it_is() -> None:
    """A docstring stands at the top of every module with code in it."""
    silent = [
        str(path)
        for path in modules()
        if (text := path.read_text(encoding="utf-8").strip()) and not text.startswith(('"""', 'r"""'))
    ]

    assert silent == []


@pytest.mark.parametrize(
    "module",
    [
        "orchestrator.engine.start",
        "orchestrator.graph.model",
        "orchestrator.plan.bounds",
        "orchestrator.state",
    ],
)
def test_the_core_imports_without_screens_servers_and_databases(module: str) -> None:
    """The engine runs where nothing of that is installed, and starts without loading it."""
    loaded = _loaded_by(f"import {module}")

    assert not loaded & set(HEAVY)


def test_help_loads_only_the_command_line() -> None:
    """`orch --help` imports no command, no pydantic, no jinja2, no YAML."""
    loaded = _loaded_by("from orchestrator.cli.main import cli; cli.main(['--help'], standalone_mode=False)")

    assert not loaded & {*HEAVY, "pydantic", "jinja2", "yaml", "rich", "asyncio"}


def _loaded_by(code: str) -> set[str]:
    """Top-level names of the modules that a fresh process has after this code."""
    script = (
        f"import sys, json, io\nreal, sys.stdout = sys.stdout, io.StringIO()\n{code}\n"
        "real.write(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return set(json.loads(done.stdout))
