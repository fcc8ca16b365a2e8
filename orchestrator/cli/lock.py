"""`orch lock`: write down what a workflow is made of, or say what of it is not as it was written down."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli import complete
from orchestrator.cli.console import Console, the_console
from orchestrator.errors import UsageError

if TYPE_CHECKING:
    from orchestrator.config import Config
    from orchestrator.graph.model import Graph
    from orchestrator.lock.differ import Difference
    from orchestrator.lock.file import Lock

STAMPS = "lock-stamps.json"


@dataclass(frozen=True, slots=True)
class Found:
    """What a workflow is made of now, against its lock. `unasked`: what nobody could tell, and why."""

    content: Mapping[str, Any]
    changed: tuple[Difference, ...]
    unasked: tuple[tuple[str, str], ...]


@click.command()
@click.argument("workflows", nargs=-1, required=True, metavar="WORKFLOW…", shell_complete=complete.workflows)
@click.option(
    "--check", is_flag=True, help="Write nothing; exit code 1 when something is not as it was locked."
)
@click.option(
    "--offline", is_flag=True, help="Ask no server: what only they can tell stays as it was locked."
)
@click.option("--json", "as_json", is_flag=True, help="Print what changed as JSON.")
def command(workflows: tuple[str, ...], check: bool, offline: bool, as_json: bool) -> int:
    """Write `NAME.lock.yaml` beside each WORKFLOW: digests of its models, tools, documents, examples and agents."""
    from orchestrator.cli.opening import opened
    from orchestrator.config import Config

    console = the_console()
    config = Config.from_environment(os.environ, Path.cwd())
    codes, told = [], []
    for workflow in workflows:
        graph = opened(workflow, console)
        code, said = _one(
            graph, config, console, check=check, offline=offline or config.offline, quiet=as_json
        )
        codes.append(code)
        told.append(said)
    if as_json:
        console.json(told)
    return max(codes)


def _one(
    graph: Graph, config: Config, console: Console, *, check: bool, offline: bool, quiet: bool
) -> tuple[int, dict[str, Any]]:
    from orchestrator.lock.file import path_of, read_lock

    path = path_of(Path(graph.file).resolve())
    lock = read_lock(path)
    if check and lock is None:
        raise UsageError(f"there is no {path.name}", hint=f"write it: orch lock {graph.file}")
    found = look(graph, config, lock, servers=not offline)
    written = not check and _write(graph, path, lock, found, offline=offline)
    if not quiet:
        _tell(console, path, found, first=lock is None, check=check)
    unsure = bool(found.unasked) and not offline
    said = {
        "file": path.name,
        "changed": [one.line for one in found.changed],
        "unasked": dict(found.unasked),
        "written": written,
    }
    return (1 if check and (found.changed or unsure) else 0), said


def look(
    graph: Graph,
    config: Config,
    lock: Lock | None,
    *,
    servers: bool,
    passed: Collection[str] = (),
    near: bool = False,
) -> Found:
    """What a workflow is made of, against its lock. `servers`: they are asked too; `near`: those of models here are.

    `passed` are models that do not count.
    """
    from orchestrator.cli.lock_files import file_sections
    from orchestrator.cli.lock_servers import Asker, ask
    from orchestrator.cli.privacy import secrets_of
    from orchestrator.lock.differ import differences
    from orchestrator.lock.stamps import Stamps
    from orchestrator.policy.secrets import NONE

    old = lock.content if lock is not None else {}
    stamps = Stamps(config.cache / STAMPS)
    secrets = secrets_of(graph, os.environ) if servers else NONE
    asker = Asker(graph, config, os.environ, old, secrets)
    content = {**file_sections(graph, stamps), **ask(asker, servers=servers, models=servers or near)}
    stamps.save()
    for name in passed:
        content["models"][name] = asker.kept("models").get(name)
    content = {section: part for section, part in content.items() if part}
    return Found(content, differences(old, content), tuple(asker.unasked))


def _write(graph: Graph, path: Path, lock: Lock | None, found: Found, *, offline: bool) -> bool:
    """Whether the file had to be written. Raises UsageError where nobody could tell, and nothing was locked before; and for what ships with orch."""
    from orchestrator.library import shipped_workflows
    from orchestrator.lock.file import Lock, replace_file, written

    if Path(graph.file).resolve() in {file.resolve() for file in shipped_workflows().values()}:
        raise UsageError(
            f"{Path(graph.file).name} ships with orch, and changes with its version",
            hint="copy the file into your project, and lock it there",
        )
    missing = next((one for one in found.unasked if not _is_known(found.content, one[0])), None)
    if missing is not None:
        what, why = missing
        how = "lock it once without --offline" if offline else "make it answer, then lock again"
        raise UsageError(f"{what} cannot be locked: {why}", hint=how)
    text = written(Path(graph.file).name, Lock(found.content, _measured(path)))
    anew = lock is None or bool(found.changed)
    if anew:
        replace_file(path, text)
    return anew


def _measured(path: Path) -> str:
    from orchestrator.lock.file import measured_in

    return measured_in(path.read_text(encoding="utf-8")) if path.is_file() else ""


def _is_known(content: Mapping[str, Any], what: str) -> bool:
    section, _, name = what.partition(".")
    entry = content.get(section, {}).get(name)
    return entry is not None and (section != "models" or "weights" in entry or "answers" in entry)


def _tell(console: Console, path: Path, found: Found, *, first: bool, check: bool) -> None:
    from orchestrator.safe import safe

    for one in () if first else found.changed:
        console.view(f"  {safe(one.line)}")
    for what, why in found.unasked:
        console.say(safe(f"not asked: {what} ({why}); it stays as it was locked"))
    if first:
        facts = ", ".join(f"{section} {len(part)}" for section, part in sorted(found.content.items()))
        console.view(f"{path.name}: written ({facts or 'nothing to pin'})")
    elif found.changed:
        count = f"{len(found.changed)} difference{'s' if len(found.changed) > 1 else ''}"
        console.view(f"{path.name}: {count}{'' if check else ', written'}")
    else:
        console.view(f"{path.name}: nothing changed")


__all__ = ["Found", "command", "look"]
