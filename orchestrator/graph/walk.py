"""Going along a dotted name: every field checked, every null on the way noticed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jinja2 import nodes

from orchestrator.graph.kinds import UNKNOWN, Perhaps, base, is_null, nullable, present, view
from orchestrator.graph.names import Sort, inside_of
from orchestrator.graph.narrow import Chain
from orchestrator.graph.say import listing, near
from orchestrator.spec.model import Step
from orchestrator.spec.types import ListOf, MapOf, Nullable, Str, Type, Unknown

if TYPE_CHECKING:
    from orchestrator.graph.infer import Reading


def field_names(kind: Type) -> list[str]:
    return [field.name for field in kind.fields] if isinstance(kind, MapOf) else []


def links_of(node: nodes.Expr) -> tuple[list[nodes.Expr], nodes.Expr]:
    """The fields after the root, in order, and the root."""
    links: list[nodes.Expr] = []
    while True:
        match node:
            case nodes.Getattr() | nodes.Getitem(arg=nodes.Const(value=str())):
                links.append(node)
                node = node.node
            case _:
                return links[::-1], node


def name_of(link: nodes.Expr) -> str:
    match link:
        case nodes.Getattr():
            return link.attr
        case nodes.Getitem(arg=nodes.Const(value=str(name))):
            return name
        case _:
            return ""


@dataclass(slots=True)
class Walk:
    """Going along a dotted name. `stepwise` while what was read so far is a step or a loop variable."""

    reading: Reading
    chain: Chain
    inside: Mapping[str, Step] | None
    kind: Type
    stepwise: bool
    sort: Sort

    def along(self, links: list[nodes.Expr], shown: str, *, safe: bool, quiet: bool) -> Type:
        maybe = False
        for link in links:
            name = name_of(link)
            if isinstance(self.kind, Nullable):
                opened = self._open(link, shown, safe)
                maybe = maybe or opened
            self.kind = self._field(link, name, shown)
            self.stepwise = self.stepwise and self.inside is not None and name in self.inside
            self.inside = inside_of(self.inside[name]) if self.stepwise and self.inside else None
            if self.chain:
                self.chain = (*self.chain, name)
            shown = f"{shown}.{name}"
        if isinstance(self.kind, Nullable):
            self._end(quiet)
        return nullable(self.kind) if maybe else self.kind

    def _has_value(self) -> bool:
        reading, chain = self.reading, self.chain
        if chain[:1] == ("steps",):
            chain = chain[1:]  # facts are there when the step is
        return chain in reading.known or (bool(chain) and chain[0] in reading.handled)

    def _open(self, link: nodes.Expr, shown: str, safe: bool) -> bool:
        """Go on through what may be null. True when the result may be null because of it."""
        soft = isinstance(self.kind, Perhaps)
        self.kind = present(self.kind)
        if self._has_value():
            return False
        if safe:
            return True
        if self.reading.passes and self.stepwise:
            self.reading.nulls.append(self.chain)
            return False
        if soft:
            return False
        if self.sort == "last" and len(self.chain) == 1:
            message, code = "last is null in the first pass", "ORCH402"
        else:
            message, code = f"{shown} can be null here", "ORCH401"
        self.reading.say(
            link, code, f"{message}, so .{name_of(link)} cannot be read", handle(shown, name_of(link))
        )
        return False

    def _end(self, quiet: bool) -> None:
        """The value itself may be null."""
        if self._has_value():
            self.kind = present(self.kind)
        elif self.reading.passes and self.stepwise and not quiet:
            self.reading.nulls.append(self.chain)
            self.kind = present(self.kind)
        elif isinstance(self.kind, Perhaps):
            self.kind = present(self.kind)

    def _field(self, link: nodes.Expr, name: str, shown: str) -> Type:
        holder = view(self.kind)
        match holder:
            case Unknown():
                return UNKNOWN
            case MapOf():
                found = holder.field(name)
                if found is not None:
                    return nullable(found.type) if found.optional else found.type
                self._no_field(link, name, shown, holder)
            case ListOf():
                hint = f"take one item ({shown}[0]) or all of them ({shown} | map(attribute='{name}'))"
                self.reading.say(link, "ORCH303", f"{shown} is a list and has no field '{name}'", hint)
            case _:
                word = base(holder)
                if word and not is_null(holder):
                    hint = "only a typed `output:` has fields" if isinstance(holder, Str) else ""
                    self.reading.say(link, "ORCH303", f"{shown} is {word} and has no field '{name}'", hint)
        return UNKNOWN

    def _no_field(self, link: nodes.Expr, name: str, shown: str, holder: MapOf) -> None:
        names = [field.name for field in holder.fields]
        hint = near(name, names) or (f"it has {listing(holder)}" if names else "")
        match self.sort:
            case "inputs" if self.chain == ("inputs",):
                hint = hint or "declare it under `inputs:`"
                self.reading.say(link, "ORCH204", f"there is no input '{name}'", hint)
            case "steps":
                self.reading.say(
                    link, "ORCH205", f"there is no fact '{name}' about {'.'.join(self.chain[1:])}", hint
                )
            case _:
                self.reading.say(link, "ORCH202", f"{shown} has no field '{name}'", hint)


def handle(shown: str, name: str = "") -> str:
    whole = f"{shown}.{name}" if name else shown
    return f"say what happens then: coalesce({whole}, …), {whole} | default(…), a condition on {shown}, or a `when:`"
