"""The gate in front of the socket: whether a request may go to this endpoint. The proof before the run says the same.

It judges the endpoint that was reached, not the name in the file; what is not known is refused. Pure: sends nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import urlsplit

from orchestrator.errors import PrivacyError, StepError
from orchestrator.events import Decided
from orchestrator.labels import HIGHEST, Flow, Label, Part, above, rank
from orchestrator.light import light
from orchestrator.policy.clearance import clearance_of
from orchestrator.policy.secrets import NONE, Secrets

if TYPE_CHECKING:
    from orchestrator.calling import Signature
    from orchestrator.engine.run import Run
    from orchestrator.messages import Message, ModelInfo
    from orchestrator.spec.model import ModelSpec


@light(frozen=True, slots=True)
class Refusal:
    """Why a request stays here: which part of it is too private for which model.

    `path` is where the value of the part comes from, as the user would write it; empty when nobody worked it out.
    """

    part: str
    label: Label
    sink: str
    endpoint: str
    clearance: Label
    path: tuple[str, ...] = ()
    secret: str = ""
    """What stands for the secret value that the request holds, `[env.NAME]`."""

    def sentence(self, step: str) -> str:
        """For a person: `'expert' may not send its prompt to 'cloud': …`."""
        at = f" at {self.endpoint}" if self.endpoint else ""
        begin = f"'{step}' may not send its {self.part.replace('_', ' ')} to '{self.sink}'{at}"
        if self.secret:
            return f"{begin}: it holds the value of {self.secret.strip('[]')}, and a secret stays on this machine"
        where = f" ({' → '.join(self.path)})" if self.path else ""
        return f"{begin}: it is {self.label}{where}, and '{self.sink}' may see {self.clearance}"

    @property
    def hint(self) -> str:
        if self.secret:
            return "take the secret out of what the step reads, or use a local model"
        return (
            f"use a local model, lower the label with `declassify`, or raise `clearance` of '{self.sink}' "
            f"to {self.label}"
        )

    def error(self, step: str) -> PrivacyError:
        """The end of a step that has nowhere else to go."""
        return PrivacyError(self.sentence(step), hint=self.hint)


def leaves(spec: ModelSpec, info: ModelInfo) -> bool:
    """Whether what this model reads leaves the machine: by its word, the file's, and the address that was reached."""
    return not info.local or spec.where == "cloud" or not _here(info.endpoint)


def refusal(
    flow: Flow | None,
    parts: Iterable[str],
    spec: ModelSpec,
    info: ModelInfo,
    *,
    messages: Sequence[Message] = (),
    secrets: Secrets = NONE,
) -> Refusal | None:
    """Why a request of these parts may not go to this model; None when it may.

    A request without labels, or with a part that the proof before the run does not know, is refused. With `messages`
    the texts themselves are searched for secret values, whatever their labels say.
    """
    local = not leaves(spec, info)
    clearance = clearance_of(spec, local)
    if local and clearance == HIGHEST:
        return None
    names = [*parts, *(["images"] if any(message.images for message in messages) else [])]
    bad = _worst(flow, names)
    if bad is not None and above(bad[1].label, clearance):
        name, part = bad
        path = part.source.path() if part.source is not None else ()
        return Refusal(name, part.label, info.name, info.endpoint, clearance, path)
    held = secrets.found(message.content for message in messages) if secrets else None
    if held is not None:
        return Refusal("request", HIGHEST, info.name, info.endpoint, clearance, secret=held)
    return None


def tool_refusal(
    flow: Flow | None,
    parts: Sequence[str] | None,
    signature: Signature,
    clearance: Label,
    arguments: Mapping[str, Any],
    secrets: Secrets = NONE,
) -> Refusal | None:
    """Why these arguments may not go to a tool that may see so much; None when they may.

    `parts` are those they are made of; None is the whole request and everything that tools gave before.
    """
    names = (
        [n for n in flow.parts if n not in ("answer", "errors")] if flow and parts is None else parts or ()
    )
    bad = _worst(flow, names)
    name = signature.name
    if bad is not None and above(bad[1].label, clearance):
        part, why = bad
        path = why.source.path() if why.source is not None else ()
        return Refusal(part, why.label, name, "", clearance, path)
    if not secrets or not above(HIGHEST, clearance):
        return None
    held = secrets.found([json.dumps(arguments, ensure_ascii=False)])
    if held is not None:
        return Refusal("arguments", HIGHEST, name, "", clearance, secret=held)
    return None


def turn_away(run: Run, path: str, why: Refusal, to: str, clearance: str = "") -> NoReturn:
    """Write down that something may not go to `to`, and raise StepError. `clearance` where the refusal states none."""
    reason = why.sentence(path)
    run.emit(
        Decided(
            at=run.now(),
            path=path,
            choice="refuse",
            rule="privacy",
            reason=reason,
            to=to,
            label=why.label,
            clearance=clearance or why.clearance,
        )
    )
    raise StepError("privacy", reason, hint=why.hint)


def _worst(flow: Flow | None, parts: Sequence[str]) -> tuple[str, Part] | None:
    """The most private part; what nobody worked out is the most private of all, and no name means every part."""
    if flow is None:
        return "request", Part(HIGHEST)
    found = [(name, flow.parts.get(name, Part(HIGHEST))) for name in parts or flow.parts]
    return max(found, key=lambda pair: rank(pair[1].label), default=None)


def _here(endpoint: str) -> bool:
    """Whether an address that a provider reached is this machine; a model without one runs in this process."""
    if not endpoint:
        return True
    import ipaddress

    try:
        host = urlsplit(endpoint if "://" in endpoint else f"//{endpoint}").hostname or ""
        if host == "localhost" or host.endswith(".localhost"):
            return True  # the transport refuses to connect where this name leads elsewhere
        address = ipaddress.ip_address(host.split("%", maxsplit=1)[0])
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback


__all__ = ["Refusal", "leaves", "refusal", "tool_refusal"]
