"""What each step of a file is made of: a digest by which a later run knows which steps are not what they were, and the
inputs it reads. Documents, cases and the code of tools are not looked at, only what the file says of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from jinja2 import nodes as jinja

from orchestrator.graph.delegates import delegate_name
from orchestrator.graph.model import Graph, Node, all_nodes, tools_of
from orchestrator.graph.texts import texts_of
from orchestrator.render import parse
from orchestrator.spec.model import AgentStep, ToolStep

DIGITS = 8
"""Of a digest in hexadecimal: enough to tell the versions of one step apart."""
_NOT_MADE_OF = {"steps", "description"}
_AGENT = {"repair", "overflow"}
_TOOL = {"retry"}


def made_of(graph: Graph) -> dict[str, str]:
    """A digest of every step by its path, those in groups included; a subworkflow counts as a whole."""
    return {node.path: _digest(graph, node) for node in all_nodes(graph.scope)}


def _digest(graph: Graph, node: Node) -> str:
    text = "\n".join(_parts(graph, node))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:DIGITS]


def _parts(graph: Graph, node: Node) -> Iterator[str]:
    step = node.step
    yield node.verb
    yield step.model_dump_json(exclude=_NOT_MADE_OF, warnings=False)
    if isinstance(step, AgentStep | ToolStep):
        theirs = _AGENT if isinstance(step, AgentStep) else _TOOL
        yield graph.workflow.defaults.model_dump_json(include=theirs)
        for one in (node, *_delegates(graph, node)):
            yield from _of_agent(graph, one)
    if node.child is not None:
        yield node.child.digest


def _of_agent(graph: Graph, node: Node) -> Iterator[str]:
    for name in (*node.models, *node.ladder):
        yield f"{name} {graph.models[name].model_dump_json(warnings=False)}"
    for name in tools_of(node):
        declared = graph.tools.get(name) or graph.tools.get(name.rpartition(".")[0])
        yield name if declared is None else f"{name} {declared.spec.model_dump_json(warnings=False)}"
    if node.agent is None:
        return
    spec = node.agent.spec
    yield spec.model_dump_json(exclude=_NOT_MADE_OF, warnings=False)
    for name in spec.knowledge or ():
        known = graph.knowledge.get(name)
        yield name if known is None else f"{name} {known.spec.model_dump_json(warnings=False)}"


def _delegates(graph: Graph, node: Node) -> Iterator[Node]:
    """The agents that a step calls as tools or as a judge, and those that these call in turn; each once."""
    tools = {name: declared.spec for name, declared in graph.tools.items()}
    waiting, seen = [node], set[str]()
    while waiting:
        one = waiting.pop()
        names = [delegate_name(tools, name) for name in tools_of(one)]
        if isinstance(one.step, AgentStep):
            names.append(one.step.pick)
        for name in names:
            if name is not None and name in graph.delegates and name not in seen:
                seen.add(name)
                waiting.append(graph.delegates[name])
                yield graph.delegates[name]


# ------------------------------------------------------------------------------------------------- inputs


def inputs_read(graph: Graph, node: Node) -> frozenset[str]:
    """The inputs of its file that a step itself reads: not the steps inside it."""
    found: set[str] = set()
    for one in (node, *_delegates(graph, node)):
        found |= _named(graph, one)
        if any(name.startswith("sql.") for name in tools_of(one)) and isinstance(one.step, AgentStep):
            found |= {name for name, spec in graph.workflow.inputs.items() if spec.type == "file"}
    return frozenset(found)


def _named(graph: Graph, node: Node) -> set[str]:
    found: set[str] = set()
    for key, program in node.programs.items():
        if "inputs" not in program.names:
            continue
        kind = "expression" if program.kind == "expression" else "template"
        sources = [program.source] if program.kind != "value" else _leaves(node, key)
        for source in sources:
            names = _chained(source, kind)
            found |= set(graph.workflow.inputs) if names is None else names
    return found


def _leaves(node: Node, key: str) -> list[str]:
    return [leaf for text in texts_of(node.step, ()) if text.key == key for _, leaf in text.leaves()]


def _chained(source: str, kind: str) -> set[str] | None:
    """`a` of every `inputs.a` in a text; None where the inputs are read as a whole."""
    tree = parse(source, "expression" if kind == "expression" else "template")
    found, direct = set[str](), 0
    for node in tree.find_all((jinja.Getattr, jinja.Getitem)):
        if (name := _field(node)) is not None:
            direct += 1
            found.add(name)
    named = sum(node.name == "inputs" for node in tree.find_all(jinja.Name))
    return found if named == direct else None


def _field(node: jinja.Node) -> str | None:
    """`a` of `inputs.a` and `inputs['a']`."""
    match node:
        case jinja.Getattr(node=jinja.Name(name="inputs"), attr=str() as name):
            return name
        case jinja.Getitem(node=jinja.Name(name="inputs"), arg=jinja.Const(value=str() as name)):
            return name
        case _:
            return None


__all__ = ["inputs_read", "made_of"]
