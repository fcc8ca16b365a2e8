"""`declassify` at run time: what must be true of a value before it counts as less private. In doubt it does not.

redact      no detector finds anything in it, and nothing that stands in private inputs
aggregate   it holds figures only, and each list it was made of has at least `min_group` entries
approve     a person has seen it and said so
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestrator.engine.frame import Frame
from orchestrator.engine.group import PRIVATE, smallest_group
from orchestrator.engine.run import Blocked, Outcome, Rejected, Run
from orchestrator.errors import StepError
from orchestrator.events import AskAnswered, AskOpened
from orchestrator.graph.model import Graph, Node
from orchestrator.labels import Label, above
from orchestrator.policy.detect import Names, fields_of, found_in, has_email, texts_of
from orchestrator.policy.disguised import Disguised
from orchestrator.policy.keep import Keep, noted
from orchestrator.policy.secrets import Secrets
from orchestrator.spec.model import AgentStep, Declassify, ToolStep

RELEASE, WITHHOLD = "release", "withhold"
TERMINAL = "terminal"
"""Who answers where the run is: whoever sees the value itself, also one that the record does not hold."""


def declassify_of(node: Node) -> Declassify | None:
    step = node.step
    return step.declassify if isinstance(step, (AgentStep, ToolStep)) else None


def shown_before(run: Run, node: Node, path: str) -> Outcome | None:
    """The value that a person was shown in an earlier process: that one is released or not, not another answer."""
    how = declassify_of(node)
    asked = run.recovered.asked.get(path) if how is not None and how.by == "approve" else None
    if asked is None or noted(asked.show) is not None or _redacts(run.ports.secrets, asked.show):
        return None
    return Outcome(asked.show, {})


async def lowered(run: Run, node: Node, frame: Frame, path: str, value: Any) -> None:
    """Return when this value may count as what `declassify.to` says. Raises StepError 'privacy', or Blocked."""
    how = declassify_of(node)
    if how is None or value is None:
        return
    match how.by:
        case "redact":
            _redacted(run, node, frame, how, value)
        case "aggregate":
            _aggregated(run, node, frame, how, value)
        case "approve":
            await _approved(run, node, path, how, value)


def _refused(node: Node, how: Declassify, why: str, hint: str) -> StepError:
    return StepError("privacy", f"the value of '{node.name}' stays {how.from_}: {why}", hint=hint)


# --------------------------------------------------------------------------------------------------- redact


def _redacted(run: Run, node: Node, frame: Frame, how: Declassify, value: Any) -> None:
    fields = list(texts_of(value, keys=False))
    whole = " ".join(fields)  # what is split over two fields is one thing all the same
    texts = [*texts_of(value), whole]
    kinds = dict.fromkeys(kind for text in texts for kind in found_in(text))
    if has_email("".join(fields)):
        kinds["an e-mail address"] = None
    known = run.known.names(how.to), _names_here(run, frame, how.to)
    if any(names.in_text(text) for names in known for text in texts):
        kinds["a name or another short text of an input"] = None
    secrets = run.ports.secrets
    if secrets.found(texts) is not None or Disguised.of(secrets).is_in([*texts, "".join(texts_of(value))]):
        kinds["a secret of the environment"] = None
    if kinds:
        hint = "say in the prompt what to leave out, or what happens then with `on_error`"
        raise _refused(node, how, f"it holds {', '.join(kinds)}", hint)


def _names_here(run: Run, frame: Frame, to: Label) -> Names:
    """Those in the inputs of a subworkflow, which are not those of the run."""
    if run.graph is run.known.graph:
        return Names(())
    return Names(_private(run.graph, frame.lookup("inputs"), to))


@dataclass(slots=True)
class Known:
    """What stands in the inputs of a run, looked through once per label."""

    graph: Graph
    inputs: Mapping[str, Any]
    _names: dict[Label, Names] = field(default_factory=dict)

    def names(self, to: Label) -> Names:
        """The short texts of every input above this label."""
        if to not in self._names:
            self._names[to] = Names(_private(self.graph, self.inputs, to))
        return self._names[to]


def _private(graph: Graph, inputs: Mapping[str, Any], to: Label) -> Iterator[tuple[str, str]]:
    specs = graph.workflow.inputs
    for name, value in inputs.items():
        label = specs[name].label if name in specs else None
        if above(label or PRIVATE, to):
            yield from fields_of(value, name)


def _redacts(secrets: Secrets, value: Any) -> bool:
    """Whether a value holds the name that stands for a secret in the record: it is not what it was."""
    return any(instead in text for _, instead in secrets.spellings for text in texts_of(value))


# ------------------------------------------------------------------------------------------------ aggregate


def _aggregated(run: Run, node: Node, frame: Frame, how: Declassify, value: Any) -> None:
    wrong = next(_not_figures(value, ""), None)
    if wrong is not None:
        hint = "only int, number and bool come out of `by: aggregate`: give the step such an `output`"
        raise _refused(node, how, f"{wrong} is no figure", hint)
    group, of = smallest_group(run.graph, node, frame, how.to)
    if group < (how.min_group or 1):
        why = f"it stands for {of}, and min_group is {how.min_group}"
        raise _refused(
            node, how, why, "make figures of more entries only, or say what happens then with `on_error`"
        )


def _not_figures(value: Any, at: str) -> Iterator[str]:
    match value:
        case bool() | int() | float() | None:
            return
        case Mapping():
            for key, inner in value.items():
                yield from _not_figures(inner, f"{at}.{key}" if at else str(key))
        case list() | tuple():
            yield f"'{at}' (a list)" if at else "a list"  # as long as its group, one entry for each
        case _:
            yield f"'{at}'" if at else "a text"


# -------------------------------------------------------------------------------------------------- approve


async def _approved(run: Run, node: Node, path: str, how: Declassify, value: Any) -> None:
    """Ask a person who sees exactly what would leave; an answer counts for the very value it was given to."""
    before, answer = run.recovered.asked.get(path), run.recovered.answered.get(path)
    same = before is not None and _is_same(run, before.show, value)
    if answer is None or not same or (answer.by != TERMINAL and before and noted(before.show) is not None):
        answer = await _ask(run, path, how, value, before if same else None)
    if not answer.choice:
        raise Rejected(path, answer.by)
    if answer.choice != RELEASE:
        raise _refused(node, how, f"{answer.by} withheld it", "say what happens then with `on_error`")


def _is_same(run: Run, shown: Any, value: Any) -> bool:
    note = noted(shown)
    if note is None:
        return bool(shown == value)
    return note[1] == Keep(key=run.ports.digest_key).digest(value)


async def _ask(run: Run, path: str, how: Declassify, value: Any, before: AskOpened | None) -> AskAnswered:
    opened = before
    if opened is None:
        question = f"May this leave as {how.to}? It is {how.from_}."
        opened = AskOpened(run.now(), path, question, value, (RELEASE, WITHHOLD), None, None)
        run.emit(opened)
    run.asking[path] = opened
    if run.ports.asker is None:
        raise Blocked
    reply = await run.ports.asker(path, opened.question, value, opened.choices)  # the record may not hold it
    if reply is None:
        raise Blocked
    del run.asking[path]
    answer = AskAnswered(at=run.now(), path=path, choice=reply.choice, by=TERMINAL)
    run.emit(answer)
    return answer


__all__ = ["Known", "declassify_of", "lowered", "shown_before"]
