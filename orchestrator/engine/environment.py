"""What a run takes from the environment: the variables its texts name, all of them there before the first step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from orchestrator.errors import CredentialsMissing
from orchestrator.graph.model import Graph, all_nodes


def environment(graph: Graph, environ: Mapping[str, str]) -> dict[str, str]:
    """The values of every `env.NAME` in a file and its subworkflows. Raises CredentialsMissing.

    Only these reach a template: nothing of the environment is there that the file does not name.
    """
    found: dict[str, str] = {}
    for file, name, needed in _named(graph):
        if name in environ:
            found[name] = environ[name]
        elif needed:
            raise CredentialsMissing(
                f"{file} reads env.{name}, but the environment holds no {name}",
                hint=f"export {name}=…, or write a value for when it is not there: env.{name} | default('')",
            )
    return found


def _named(graph: Graph) -> Iterator[tuple[str, str, bool]]:
    yield from ((graph.file, name, needed) for name, needed in graph.env.items())
    for node in all_nodes(graph.scope):
        if node.child is not None:
            yield from _named(node.child)
