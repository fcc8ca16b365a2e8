"""What a filter, a function or a test is: its name, arguments and result, for the checker and for running it."""

from __future__ import annotations

from collections.abc import Callable
from inspect import Parameter, Signature, signature
from typing import Any, Literal

from orchestrator.errors import StepError
from orchestrator.light import light
from orchestrator.render.access import TEXT_SHIFT, Frame, capped, kind_of

Takes = Literal["any", "text", "list", "number", "map"]
Returns = Literal["string", "strings", "int", "number", "bool", "list", "same", "item", "any"]


class Misuse(Exception):
    """A filter or function was given what it cannot take; the message says what. Never leaves this package."""


@light(frozen=True, slots=True)
class Description:
    """A filter, function or test for the checker and the reference.

    `returns`: `same` is the type of the input, `item` an element of the list put in, `strings` a list of
    strings. `null_safe`: a null or missing link before it is no error.
    """

    name: str
    summary: str
    takes: Takes
    returns: Returns
    null_safe: bool
    arguments: tuple[str, ...]
    """Names of the arguments in order; `…` stands for any number."""
    required: int
    run: Callable[..., Any]

    def accepts(self, positional: int, named: frozenset[str]) -> bool:
        """Whether a call with so many positional and these named arguments fits."""
        try:
            _without_input(self.run).bind(*range(positional), **dict.fromkeys(named))
        except TypeError:
            return False
        return True


def _without_input(run: Callable[..., Any]) -> Signature:
    found = signature(run)
    return found.replace(parameters=list(found.parameters.values())[2:])


def describe(
    name: str,
    run: Callable[..., Any],
    *,
    takes: Takes = "any",
    returns: Returns = "any",
    null_safe: bool = False,
) -> Description:
    """What a function `run(frame, value, *arguments)` is, read from its signature and docstring."""
    parameters = _without_input(run).parameters.values()
    names = tuple("…" if p.kind is Parameter.VAR_POSITIONAL else p.name for p in parameters)
    required = sum(
        p.default is Parameter.empty and p.kind is not Parameter.VAR_POSITIONAL for p in parameters
    )
    return Description(name, (run.__doc__ or "").strip(), takes, returns, null_safe, names, required, run)


def apply(frame: Frame, found: Description, value: Any, args: list[Any], named: dict[str, Any]) -> Any:
    """Run a filter, function or test. Raises StepError as it is, and Misuse for everything else it may raise."""
    frame.burn(1 + (len(value) >> TEXT_SHIFT if isinstance(value, str) else 0))
    try:
        result = found.run(frame, value, *args, **named)
    except (StepError, Misuse):
        raise
    except (
        TypeError,
        ValueError,
        ArithmeticError,
        LookupError,
        AttributeError,
        RecursionError,
        MemoryError,
    ) as error:
        raise Misuse(f"cannot work on {kind_of(value)}: {error}") from None
    return capped(frame.read(result), found.name) if isinstance(result, str) else result
