"""What `orch bench` measures, by name: specialists and workflows with their cases, read and checked."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.bench.subject import Subject, library_of, with_agent
from orchestrator.cli.bench_cases import refuse_misfits
from orchestrator.errors import UsageError
from orchestrator.policy.cases import read_cases, told
from orchestrator.policy.grade import read_graded

if TYPE_CHECKING:
    from orchestrator.cli.console import Console
    from orchestrator.library import Library
    from orchestrator.policy.grade import Case

CASES = "cases.jsonl"
HINT = 'a case is one line of JSON: {"input": …, "output": …}, or with a grader such as "contains"'


def found_subjects(
    names: Sequence[str], cases: Path | None, label: str | None, console: Console
) -> list[Subject]:
    """The subjects of these names, all specialists that have cases without a name. Raises UsageError, SpecError."""
    from orchestrator.config import find_root

    root = find_root(Path.cwd())
    library = library_of(root)
    wanted = list(dict.fromkeys(names)) or [name for name in library.names() if _has_cases(library, name)]
    if not wanted:
        raise UsageError("no specialist has cases here", hint=f"put a {CASES} beside its agent.yaml")
    found = [_subject(name, root, library, cases, label) for name in wanted]
    for problem in library.diagnostics:
        console.warning(f"{problem.mark.file}:{problem.mark.line}: {problem.message}")
    return found


def _has_cases(library: Library, name: str) -> bool:
    agent = library.agent(name)
    return agent is not None and (agent.base / CASES).is_file()


def _subject(name: str, root: Path, library: Library, cases: Path | None, label: str | None) -> Subject:
    if name in library.names():
        agent = library.agent(name)
        if agent is None:
            found = [problem for problem in library.diagnostics if problem.severity == "error"]
            raise UsageError(
                f"the specialist '{name}' is too broken to be used", hint=found[0].message if found else ""
            )
        own = next(
            (f for f in (file.parent / CASES for file in agent.files) if f.is_file()), agent.base / CASES
        )
        shipped = agent.origin == "shipped" and cases is None
        subject = _with_cases(name, root, cases, own, label or ("public" if shipped else "private"))
        return _checked(subject, cases or own)
    from orchestrator.library import find_workflow, named_workflows

    if name not in named_workflows(Path.cwd()) and not _is_path(name):
        names = [*library.names(), *named_workflows(Path.cwd())]
        near = get_close_matches(name, names, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(names)}"
        raise UsageError(f"there is no specialist or workflow '{name}'", hint=hint)
    path = find_workflow(name, Path.cwd())
    own = path.with_name(CASES)
    return _checked(_with_cases(name, root, cases, own, label or "private", path), cases or own)


def _checked(subject: Subject, file: Path) -> Subject:
    """With the type of its answer, which its cases fit. Raises UsageError, SpecError."""
    whole = with_agent(subject)
    refuse_misfits(whole, file)
    return whole


def _is_path(name: str) -> bool:
    return Path(name).suffix in (".yaml", ".yml") or "/" in name


def _with_cases(
    name: str, root: Path, given: Path | None, own: Path, label: str, path: Path | None = None
) -> Subject:
    file = given or own
    if not file.is_file():
        hint = "name the file with --cases" if given is None else "check the path"
        raise UsageError(f"'{name}' has no cases: {file} is not there", hint=hint)
    held_out = given is not None and own.is_file() and given.resolve() != own.resolve()
    pool = own if held_out else file
    return Subject(
        name,
        root,
        _read(file),
        pool.absolute() if _learnable(pool) else None,
        label=label,
        path=path,
    )


def _read(file: Path) -> tuple[Case, ...]:
    try:
        cases, wrong = read_graded(file.read_bytes())
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}") from None
    if wrong:
        raise UsageError(told(wrong, str(file)), hint=HINT)
    if not cases:
        raise UsageError(f"{file}: there is no case in it", hint=HINT)
    return cases


def _learnable(file: Path) -> bool:
    """Whether every line has an answer to learn from."""
    examples, wrong = read_cases(file.read_bytes())
    return bool(examples) and not wrong


__all__ = ["found_subjects"]
