"""Finds specialists and workflows: in the file, the project, beside the workflow, and what ships with orch.

The only module that knows where shipped data lies.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from orchestrator.errors import UsageError
from orchestrator.labels import above, join
from orchestrator.light import light
from orchestrator.regular import real
from orchestrator.spec.places import find_root, nearest_file, neighbours

if TYPE_CHECKING:
    from orchestrator.spec.diagnostics import Diagnostic, Mark
    from orchestrator.spec.load import Document, LoadedProject
    from orchestrator.spec.marks import Marks, Part
    from orchestrator.spec.model import AgentSpec

Origin: TypeAlias = Literal["file", "project", "shipped"]
AGENT_FILE, PROMPT_FILE = "agent.yaml", "prompt.j2"


@light(frozen=True, slots=True)
class Written:
    """Where a key of an agent was written: the file's marks and the path of the key in it."""

    marks: Marks
    path: tuple[Part, ...]

    def mark(self, *rest: Part) -> Mark:
        return self.marks.at(*self.path, *rest)

    def inside(self, offset: int, width: int = 1) -> Mark:
        """A place inside the text under this key."""
        return self.marks.inside(self.path, offset, width)


@light(frozen=True, slots=True)
class Agent:
    """A specialist, merged along `uses`. `base` is the directory its relative paths mean.

    `files` are all it consists of, for the digest; `written` says where each key of `spec` stands.
    """

    name: str
    spec: AgentSpec
    base: Path
    origin: Origin
    files: tuple[Path, ...] = ()
    written: Mapping[str, Written] = field(default_factory=dict)


@light(frozen=True, slots=True)
class _Found:
    """An agent as one place defines it, before its `uses` is merged in."""

    name: str
    spec: AgentSpec
    base: Path
    origin: Origin
    level: int
    files: tuple[Path, ...]
    written: Mapping[str, Written]


class Library:
    """The specialists that one workflow can use, read when they are asked for.

    Searched in this order: the file's `agents:`, the project file's, `agents/` beside the workflow, the
    project's `agents/`, shipped. An agent that `uses` its own name means the next one in that order.
    """

    def __init__(
        self, document: Document, project: LoadedProject | None = None, *, shipped: Path | None = None
    ) -> None:
        self._document = document
        self._project = project
        self._shipped = shipped or shipped_agents()
        self._folders = self._find_folders()
        self._diagnostics: dict[Diagnostic, None] = {}
        self._read: dict[tuple[int, str], _Found | None] = {}
        self._agents: dict[str, Agent | None] = {}

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """What is wrong with the agents that were asked for so far, in their own files."""
        return tuple(self._diagnostics)

    def agent(self, name: str) -> Agent | None:
        """The agent of this name; None when there is none, or its file is too broken to be used."""
        if name not in self._agents:
            self._agents[name] = self._merged(name)
        return self._agents[name]

    def names(self) -> tuple[str, ...]:
        """Every agent that can be used, sorted."""
        own = set(self._document.workflow.agents)
        if self._project:
            own |= set(self._project.project.agents)
        return tuple(sorted(own.union(*(agents_in(folder) for folder, _ in self._folders))))

    def broken(self, name: str) -> bool:
        """Whether there is such an agent, but its definition had to be refused."""
        broken = self._document.broken | (self._project.broken if self._project else frozenset())
        return name in broken or (name in self.names() and self.agent(name) is None)

    def unused(self, names: Iterable[str]) -> tuple[str, ...]:
        """The file's own agents that are neither among `names` nor used by one that is."""
        agents = self._document.workflow.agents
        used: set[str] = set()
        for name in names:
            current: str | None = name
            while current is not None and current in agents and current not in used:
                used.add(current)
                current = agents[current].uses
        return tuple(name for name in agents if name not in used)

    # ------------------------------------------------------------------------------------------- merging

    def _merged(self, name: str) -> Agent | None:
        chain: list[_Found] = []
        wanted, level = name, 0
        while True:
            found = self._find(wanted, level)
            if found is None:
                self._missing(wanted, chain)
                return None
            if any((found.level, found.name) == (link.level, link.name) for link in chain):
                self._cycle(found, chain)
                return None
            chain.append(found)
            if found.spec.uses is None:
                self._check_labels(chain)
                return _merge(name, chain)
            wanted = found.spec.uses
            level = found.level + (wanted == found.name)

    def _check_labels(self, chain: list[_Found]) -> None:
        """What an agent brings along is no less private for the agent that uses it."""
        for place, found in enumerate(chain):
            label = found.spec.label
            below = [other for other in chain[place + 1 :] if other.spec.label is not None]
            if label is None or not below or not above(below[0].spec.label or label, label):
                continue
            message = f"agent {found.name!r} is labelled {label}, but {below[0].name!r}, which it uses, is "
            hint = "`label` only raises; take it out, or label the other one lower if that is right"
            self._say("ORCH702", f"{message}{below[0].spec.label}", found, "label", hint)

    def _missing(self, name: str, chain: list[_Found]) -> None:
        if not chain or any(d.severity == "error" and f"/{name}/" in d.mark.file for d in self._diagnostics):
            return
        user = chain[-1]
        near = get_close_matches(name, [other for other in self.names() if other != user.name], n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(self.names())}"
        self._say("ORCH161", f"agent {user.name!r} uses {name!r}, which does not exist", user, "uses", hint)

    def _cycle(self, found: _Found, chain: list[_Found]) -> None:
        names = [link.name for link in chain]
        start = names.index(found.name)
        cycle = " -> ".join([*names[start:], found.name])
        self._say(
            "ORCH160", f"agents use each other in a circle: {cycle}", chain[-1], "uses", "remove one `uses:`"
        )

    def _say(self, code: str, message: str, agent: _Found, key: str, hint: str) -> None:
        written = agent.written[key]
        self._diagnostics[written.marks.diagnostic(code, message, written.mark(), hint)] = None

    # ------------------------------------------------------------------------------------------- finding

    def _find(self, name: str, level: int) -> _Found | None:
        for number in range(level, 2 + len(self._folders)):
            if (number, name) not in self._read:
                self._read[number, name] = self._at(number, name)
            if found := self._read[number, name]:
                return found
            if number >= 2 and name in agents_in(self._folders[number - 2][0]):
                return None  # it is there, but broken: another one of its name must not stand in
        return None

    def _at(self, level: int, name: str) -> _Found | None:
        if level == 0:
            document = self._document
            spec = document.workflow.agents.get(name)
            return self._inline(name, spec, document.marks, document.path, "file", level) if spec else None
        if level == 1:
            project = self._project
            spec = project.project.agents.get(name) if project else None
            if project is None or spec is None:
                return None
            return self._inline(name, spec, project.marks, project.path, "project", level)
        folder, origin = self._folders[level - 2]
        return self._folder(name, folder / name, origin, level) if name in agents_in(folder) else None

    def _inline(
        self, name: str, spec: AgentSpec, marks: Marks, path: Path, origin: Origin, level: int
    ) -> _Found:
        written = {key: Written(marks, ("agents", name, key)) for key in spec.model_fields_set}
        return _Found(name, spec, path.parent, origin, level, (), written)

    def _folder(self, name: str, folder: Path, origin: Origin, level: int) -> _Found | None:
        from orchestrator.spec.load import read_agent, read_text
        from orchestrator.spec.marks import Marks
        from orchestrator.spec.paths import stray_paths

        path = folder / AGENT_FILE
        file = self._shown(path)
        if self._strays(path, origin):
            return None
        text = read_text(path, file)
        if not isinstance(text, str):
            self._diagnostics[text] = None
            return None
        reading = read_agent(text, file)
        self._diagnostics.update(dict.fromkeys(reading.diagnostics))
        if reading.value is None:
            return None
        spec = reading.value
        home = folder if origin == "shipped" else self._document.root
        self._diagnostics.update(dict.fromkeys(stray_paths(spec, reading.marks, folder, home)))
        written = {key: Written(reading.marks, (key,)) for key in spec.model_fields_set}
        prompt = folder / PROMPT_FILE
        files = [path]
        if spec.role is None and os.path.lexists(prompt):
            if self._strays(prompt, origin):
                return None
            role = read_text(prompt, self._shown(prompt))
            if not isinstance(role, str):
                self._diagnostics[role] = None
                return None
            spec = spec.model_copy(update={"role": role.rstrip("\n")})
            written["role"] = Written(Marks(self._shown(prompt), role), ())
            files.append(prompt)
        return _Found(name, spec, folder, origin, level, tuple(files), written)

    def _strays(self, path: Path, origin: Origin) -> bool:
        """Report a file of the project that does not really lie in it, links followed."""
        from orchestrator.spec.marks import Marks

        if origin == "shipped" or real(path).is_relative_to(real(self._document.root)):
            return False
        file = self._shown(path)
        place = Marks(file, "")
        hint = "copy it into the project"
        problem = place.diagnostic("ORCH162", f"{file} lies outside the project", place.at(), hint)
        self._diagnostics[problem] = None
        return True

    def _find_folders(self) -> tuple[tuple[Path, Origin], ...]:
        beside, project = self._document.path.parent / "agents", self._document.root / "agents"
        shipped: tuple[Path, Origin] = (self._shipped, "shipped")
        own = dict.fromkeys((beside, project))
        return (*((folder, "project") for folder in own if folder != self._shipped), shipped)

    def _shown(self, path: Path) -> str:
        """A path as the user would write it: from the directory the workflow was named from."""
        named = Path(self._document.file)
        if not named.is_absolute():
            start = self._document.path
            for part in reversed(named.parts):
                if part != start.name:
                    return str(path)
                start = start.parent
            if path.is_relative_to(start):
                return str(path.relative_to(start))
        return str(path)


def _merge(name: str, chain: list[_Found]) -> Agent:
    """The agent that the chain of `uses` describes: key by key, the user's own keys win."""
    spec = chain[-1].spec
    written = dict(chain[-1].written)
    files = list(chain[-1].files)
    for found in reversed(chain[:-1]):
        below = chain[chain.index(found) + 1]
        spec = _rebased(spec, below.base)
        own = {key: getattr(found.spec, key) for key in found.spec.model_fields_set if key != "uses"}
        if found.spec.role is not None:
            own["role"] = found.spec.role
        if spec.label is not None and found.spec.label is not None:
            own["label"] = join((spec.label, found.spec.label))
        spec = spec.model_copy(update=own)
        written.update(found.written)
        files.extend(found.files)
    first = chain[0]
    return Agent(name, spec, first.base, first.origin, tuple(dict.fromkeys(files)), written)


def _rebased(spec: AgentSpec, base: Path) -> AgentSpec:
    """The spec with its relative paths made absolute: whoever uses it stands elsewhere."""
    from orchestrator.spec.types import Schema

    changed: dict[str, object] = {}
    for key in ("examples", "head"):
        part = getattr(spec, key)
        if part is not None:
            changed[key] = part.model_copy(update={"from_": str(base / part.from_)})
    if isinstance(spec.output, Schema):
        changed["output"] = Schema(str(base / spec.output.path), spec.output.schema)
    return spec.model_copy(update=changed) if changed else spec


def agents_in(folder: Path) -> tuple[str, ...]:
    """The agents of an `agents/` directory: each is a folder with an agent.yaml."""
    try:
        return tuple(sorted(entry.name for entry in folder.iterdir() if (entry / AGENT_FILE).is_file()))
    except OSError:
        return ()


# --------------------------------------------------------------------------------------------- what ships


def shipped_agents() -> Path:
    """The directory of the specialists that ship with orch."""
    return _shipped("agents")


def shipped_workflows() -> dict[str, Path]:
    """The workflows that ship with orch, by name."""
    return dict(workflows_in(_shipped("workflows")))


def workflows_in(folder: Path) -> Iterator[tuple[str, Path]]:
    """Name and file of each workflow in a directory: `<name>.yaml`, or `<name>/workflow.yaml`."""
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        return
    for entry in entries:
        if entry.suffix in (".yaml", ".yml") and entry.is_file():
            yield entry.stem, entry
        elif (entry / "workflow.yaml").is_file():
            yield entry.name, entry / "workflow.yaml"


def find_workflow(name_or_path: str, cwd: Path) -> Path:
    """The file of a workflow: a path, or the name of one of the project or shipped. Raises UsageError."""
    path = cwd / Path(name_or_path).expanduser()
    looks_like_path = path.suffix in (".yaml", ".yml") or "/" in name_or_path or path.exists()
    if looks_like_path:
        if not path.exists():
            raise not_found(path, name_or_path)
        return path
    named = named_workflows(cwd)
    if name_or_path in named:
        return named[name_or_path]
    near = get_close_matches(name_or_path, [*named, *neighbours(path)], n=1)
    hint = f"did you mean {near[0]}?" if near else f"name a file, or one of {', '.join(named) or 'none'}"
    raise UsageError(f"there is no workflow {name_or_path!r}", hint=hint)


def named_workflows(cwd: Path) -> dict[str, Path]:
    """Every workflow that can be run by name from this directory; the project's own win over shipped ones."""
    return {**shipped_workflows(), **dict(workflows_in(find_root(cwd) / "workflows"))}


def not_found(path: Path, file: str) -> UsageError:
    """The error for a workflow file that is not there, with the nearest name that is."""
    if near := nearest_file(path):
        return UsageError(f"{file} does not exist", hint=f"did you mean {Path(file).parent / near}?")
    shipped = shipped_workflows()
    same = get_close_matches(path.stem, shipped, n=1)
    if same:
        return UsageError(f"{file} does not exist", hint=f"did you mean the shipped workflow {same[0]}?")
    hint = f"workflows that can be run by name: {', '.join(shipped)}" if shipped else "check the path"
    return UsageError(f"{file} does not exist", hint=hint)


def _shipped(what: str) -> Path:
    """In an installed package the data lies inside it, in a working copy beside it."""
    package = Path(__file__).resolve().parent
    inside = package / what
    return inside if inside.is_dir() else package.parent / what
