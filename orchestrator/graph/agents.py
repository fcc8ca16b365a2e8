"""Who does an agent step: the specialist it names, overridden by the step and filled from the defaults, and its models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from orchestrator.graph.cloud import PROVIDERS, is_cloud, may_say_local, on_loopback, provider_of, sees_images
from orchestrator.graph.plain import check_stops
from orchestrator.graph.say import choice, near
from orchestrator.graph.setting import EMBEDDED, Setting, merged_params
from orchestrator.graph.texts import Path
from orchestrator.library import Agent, Written
from orchestrator.spec.model import AgentSpec, AgentStep

if TYPE_CHECKING:
    from orchestrator.spec.diagnostics import Mark

MANY_TOOLS = 6
OVERRIDES = tuple(key for key in AgentSpec.model_fields if key not in ("uses", "description", "takes"))
"""Keys of an agent that a step may say itself."""


def find_agent(setting: Setting, name: str, path: Path) -> Agent | None:
    """The specialist of this name, or a diagnostic at the place that names it."""
    agent = setting.library.agent(name)
    setting.use("agents", name)
    if agent is None and not setting.library.broken(name):
        names = setting.library.names()
        hint = near(name, names) or f"there are {choice(names)}"
        setting.report.at(setting.marks, path, "ORCH601", f"there is no agent '{name}'", hint)
    return agent


def effective(setting: Setting, step: AgentStep, at: Path) -> Agent | None:
    """The agent as this step uses it."""
    agent = find_agent(setting, step.agent, (*at, "agent"))
    if agent is None:
        return None
    check_agent(setting, agent)
    for index, name in enumerate(step.tools or ()):
        check_tool(setting, name, Written(setting.marks, (*at, "tools")), index)
    _few_tools(setting, f"step '{at[-1]}'", step.tools or (), Written(setting.marks, (*at, "tools")))
    for index, name in enumerate(step.knowledge or ()):
        check_knowledge(setting, name, Written(setting.marks, (*at, "knowledge")), index)
    check_stops(setting, setting.marks, (*at, "params"), step.params)
    own: dict[str, Any] = {key: getattr(step, key) for key in OVERRIDES if getattr(step, key) is not None}
    params = merged_params(own.get("params"), merged_params(agent.spec.params, setting.defaults.params))
    if params is not None:
        own["params"] = params
    if not own:
        return agent
    written = {
        **agent.written,
        **{key: Written(setting.marks, (*at, key)) for key in own if key in step.model_fields_set},
    }
    return replace(agent, spec=agent.spec.model_copy(update=own), written=written)


def check_agent(setting: Setting, agent: Agent) -> None:
    """What an agent itself names: its model, tools and knowledge; and the agents that are its tools."""
    if agent.name in setting.checked:
        return
    setting.checked.add(agent.name)
    spec = agent.spec
    if "params" in agent.written:
        written = agent.written["params"]
        check_stops(setting, written.marks, written.path, spec.params)
    if spec.model is not None and "model" in agent.written:
        written = agent.written["model"]
        if known_model(setting, spec.model, written.mark(), written):
            _stays_here(setting, spec.model, f"agent '{agent.name}'", written.mark(), written)
    for index, name in enumerate(spec.tools or ()):
        check_tool(setting, name, agent.written.get("tools"), index)
    _few_tools(setting, f"agent '{agent.name}'", spec.tools or (), agent.written.get("tools"))
    for index, name in enumerate(spec.knowledge or ()):
        check_knowledge(setting, name, agent.written.get("knowledge"), index)


def _few_tools(setting: Setting, who: str, tools: Sequence[str], written: Written | None) -> None:
    """A small model chooses wrongly among many."""
    if len(tools) <= MANY_TOOLS or written is None:
        return
    message = f"{who} has {len(tools)} tools; small models choose well among {MANY_TOOLS} at most"
    hint = "give each specialist the few it needs, and let the graph decide who is asked"
    setting.report.add(written.marks, written.mark(), "ORCH613", message, hint)


def _stays_here(setting: Setting, name: str, who: str, mark: Mark, written: Written) -> None:
    """Only a step may say that something leaves the machine."""
    model = setting.models[name]
    if provider_of(model) not in PROVIDERS or not is_cloud(model):
        return
    hint = f"name it in a step: its own `model:`, or `escalate: {{to: {name}}}`"
    if provider_of(model) == "ollama" and on_loopback(model) and model.where is None:
        hint = f"what Ollama's `-cloud` models read leaves the machine; use one without `-cloud`, or {hint}"
    elif may_say_local(model):
        hint = "if its server runs the weights on this machine, say so: `where: local`"
    message = f"{who} uses '{name}', which is a cloud model"
    setting.report.add(written.marks, mark, "ORCH605", message, hint)


def check_default_model(setting: Setting) -> None:
    """`defaults.model`, of the workflow or the project."""
    for defaults, marks in _defaults(setting):
        if defaults.model is None:
            continue
        written = Written(marks, ("defaults", "model"))
        if known_model(setting, defaults.model, written.mark(), written):
            _stays_here(setting, defaults.model, "a default", written.mark(), written)


def _defaults(setting: Setting) -> list[Any]:
    found: list[Any] = [(setting.document.workflow.defaults, setting.marks)]
    if setting.project is not None:
        found.append((setting.project.project.defaults, setting.project.marks))
    return found


def known_model(setting: Setting, name: str, mark: Mark, written: Written) -> bool:
    setting.use("models", name)
    if name in setting.models:
        return True
    if not setting.broken(name):
        names = list(setting.models)
        hint = near(name, names) or f"there are {choice(names)}; declare others under `models:`"
        setting.report.add(written.marks, mark, "ORCH602", f"there is no model '{name}'", hint)
    return False


def models_of(setting: Setting, step: AgentStep, agent: Agent | None, at: Path) -> tuple[str, ...]:
    """Names of the models a step calls; those that do not exist are reported and left out."""
    if step.models is not None:
        found = []
        for index, name in enumerate(step.models):
            written = Written(setting.marks, (*at, "models", index))
            if known_model(setting, name, written.mark(), written):
                found.append(name)
        return tuple(found)
    if step.model is not None:
        written = Written(setting.marks, (*at, "model"))
        return (step.model,) if known_model(setting, step.model, written.mark(), written) else ()
    name = (agent.spec.model if agent is not None else None) or setting.defaults.model or EMBEDDED
    return (name,) if name in setting.models else ()


def check_images(setting: Setting, names: tuple[str, ...], path: Path) -> None:
    for name in names:
        if sees_images(setting.models[name]) is False:
            setting.report.key(
                setting.marks, path, "ORCH606", f"model '{name}' ({setting.models[name].use}) does not see images",
                "name a model that does",
            )  # fmt: skip


# ---------------------------------------------------------------------------------------- tools, knowledge

BUILT_IN = (
    "python", "sql.query", "sql.schema", "sql.explain", "search", "files.read", "files.write", "files.append",
    "files.list", "chart",
)  # fmt: skip


def check_tool(setting: Setting, name: str, written: Written | None, *rest: int | str) -> bool:
    """Whether there is such a tool; a diagnostic at the place that names it when there is none."""
    setting.use("tools", name)
    if name == "search":
        for known in setting.knowledge:  # which of them, only the call knows
            setting.use("knowledge", known)
    place = written or Written(setting.marks, ())
    if name.startswith("agent:"):
        delegate = name.removeprefix("agent:")
        setting.use("agents", delegate)
        agent = setting.library.agent(delegate)
        if agent is not None:
            check_agent(setting, agent)
        if agent is not None or setting.library.broken(delegate):
            return True
        hint = near(delegate, setting.library.names()) or f"there are {choice(setting.library.names())}"
        setting.report.add(place.marks, place.mark(*rest), "ORCH601", f"there is no agent '{delegate}'", hint)
        return False
    declared = setting.tools.get(name)
    if declared is not None and declared.agent is not None:
        check_delegate(setting, declared.agent)
    server = setting.tools.get(name.rpartition(".")[0]) if declared is None else declared
    if server is not None and server.mcp is not None:
        from orchestrator.graph.servers import check_listed

        setting.use("tools", name if declared is not None else name.rpartition(".")[0])
        check_listed(setting, name, place, *rest)
        return True
    if declared is not None or name in BUILT_IN or setting.broken(name):
        return True
    names = [*setting.tools, *BUILT_IN]
    hint = near(name, names) or f"there are {choice(names)}"
    setting.report.add(place.marks, place.mark(*rest), "ORCH603", f"there is no tool '{name}'", hint)
    return False


def check_delegate(setting: Setting, name: str) -> None:
    """An agent that another one hands things to stays on this machine too."""
    agent = setting.library.agent(name)
    if agent is not None:
        check_agent(setting, agent)


def check_knowledge(setting: Setting, name: str, written: Written | None, *rest: int | str) -> None:
    setting.use("knowledge", name)
    if name in setting.knowledge or setting.broken(name):
        return
    place = written or Written(setting.marks, ())
    names = list(setting.knowledge)
    hint = near(name, names) or (f"there is {choice(names)}" if names else "declare it under `knowledge:`")
    setting.report.add(place.marks, place.mark(*rest), "ORCH604", f"there is no knowledge '{name}'", hint)
