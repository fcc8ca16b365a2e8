"""Files of worked examples that steps learn from: where they lie, and whether a step can learn from each line.

A file that is not there is only warned of: it may be made before the run, which refuses to begin without it.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from orchestrator.graph.setting import Setting
from orchestrator.graph.texts import Path as Place
from orchestrator.library import Agent, Written, shipped_agents
from orchestrator.policy.cases import LARGEST, Wrong, misfits, read_cases, told
from orchestrator.regular import read_regular, real
from orchestrator.spec.model import AgentStep
from orchestrator.spec.types import Type, Unknown

UNUSABLE = "ORCH611"
UNUSED = "ORCH612"
LEARNING = {"examples": "examples", "head": "cases of the head"}
"""Keys of an agent that name a file of cases, and what they are for."""
HINT = 'a worked example is one line of JSON: {"input": …, "output": …}'


def placed(setting: Setting, step: AgentStep, agent: Agent) -> Agent:
    """The agent with the absolute path of the files it learns from; a step's own are relative to its file."""
    changed = {}
    for key in ("examples", "head"):
        part = getattr(agent.spec, key)
        if part is not None:
            own = getattr(step, key) is not None
            base = setting.document.path.parent if own else agent.base
            changed[key] = part.model_copy(update={"from_": str(real(base / part.from_))})
    return replace(agent, spec=agent.spec.model_copy(update=changed)) if changed else agent


def checked_examples(
    setting: Setting, step: AgentStep, agent: Agent, at: Place, output: Type | None
) -> Agent:
    """The agent as this step can use it, with a diagnostic for cases that it, or its head, cannot learn from.

    Cases that ship with an agent are left out where a step gives the agent another output.
    """
    if isinstance(output, Unknown):
        return agent
    for key, what in LEARNING.items():
        agent = _checked(setting, step, agent, at, output, key, what)
    return agent


def _checked(
    setting: Setting, step: AgentStep, agent: Agent, at: Place, output: Type | None, key: str, what: str
) -> Agent:
    part = getattr(agent.spec, key)
    if part is None:
        return agent
    file, own = Path(part.from_), getattr(step, key) is not None
    written = agent.written.get(key) or Written(setting.marks, at)
    if own:
        written = Written(setting.marks, (*at, key))
    shipped = file.is_relative_to(shipped_agents().resolve())
    if not shipped and not file.is_relative_to(setting.document.root.resolve()):
        return agent  # said already: ORCH162
    wrong = _wrong(setting, file, output)
    if wrong is None:
        _say(setting, written, f"{file.name} is not there yet", HINT, warns=True)
        return agent
    if wrong and shipped and step.output is not None:
        message = (
            f"the {what} of '{agent.name}' are left out: they have another output than step '{step_name(at)}'"
        )
        hint = "give the step its own, or leave its `output` out"
        setting.report.key(setting.marks, (*at, "output"), UNUSED, message, hint)
        return replace(agent, spec=agent.spec.model_copy(update={key: None}))
    if wrong:
        _say(setting, written, f"no {what} for step '{step_name(at)}': {told(wrong, file.name)}", HINT)
    return agent


def step_name(at: Place) -> str:
    """Of the step at this place."""
    return ".".join(str(part) for part in at if part != "steps")


def _wrong(setting: Setting, file: Path, output: Type | None) -> tuple[Wrong, ...] | None:
    """What is wrong with lines of a file; None when there is no such file. Its content belongs to the workflow."""
    data = setting.included.get(str(file))
    if data is None:
        try:
            data = read_regular(file, LARGEST)
        except FileNotFoundError:
            return None
        except OSError as error:
            return (Wrong(0, f"it cannot be read: {error.strerror}"),)
        setting.included[str(file)] = data
    examples, wrong = read_cases(data)
    if not examples and not wrong:
        return (Wrong(0, "there is no example in it"),)
    return (*wrong, *misfits(examples, output))


def _say(setting: Setting, written: Written, message: str, hint: str, *, warns: bool = False) -> None:
    mark = written.mark("from") if written.marks.has(*written.path, "from") else written.mark()
    code = UNUSED if warns else UNUSABLE
    setting.report.add(written.marks, mark, code, message, hint)


__all__ = ["UNUSABLE", "UNUSED", "checked_examples", "placed"]
