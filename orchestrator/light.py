"""Values that nothing changes, and of which every step makes many: frozen for the type checker, plain when made.

A frozen dataclass sets each of its fields by a call, and takes three times as long to make as a plain one: for the
events and messages of one step that was a tenth of all that the step costs. To make the class itself takes four times as
long, since six functions are compiled for it: that is a tenth of what a command takes to start. Here one is compiled,
and the others are the same for all. Types, which each step compares and hashes, stay usual ones: that is slower here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataclasses import dataclass as light
else:
    from dataclasses import dataclass, fields
    from operator import attrgetter

    def light(*, frozen, slots):  # noqa: ANN001, ANN201 - the type checker reads the other branch
        """A dataclass with the equality, the hash and the looks of a frozen one."""

        def made(cls):  # noqa: ANN001, ANN202
            own = set(vars(cls))
            new = dataclass(slots=slots, eq=False, repr=False)(cls)
            values = _values([f.name for f in fields(new) if f.compare])
            for name, function in _methods(values, frozen).items():
                if name not in own:
                    setattr(new, name, function)
            return new

        return made

    def _values(names):  # noqa: ANN001, ANN202
        """What gives the value of the only field, or all values as a tuple."""
        return attrgetter(*names) if names else lambda _: ()

    def _methods(values, frozen):  # noqa: ANN001, ANN202
        def __eq__(self, other):  # noqa: ANN001, ANN202, N807
            if other.__class__ is not self.__class__:
                return NotImplemented
            return other is self or values(self) == values(other)

        def __hash__(self):  # noqa: ANN001, ANN202, N807
            return hash(values(self))

        return {"__eq__": __eq__, "__hash__": __hash__ if frozen else None, "__repr__": _repr}

    def _repr(self):  # noqa: ANN001, ANN202
        shown = ", ".join(f"{f.name}={getattr(self, f.name)!r}" for f in fields(self) if f.repr)
        return f"{self.__class__.__qualname__}({shown})"


__all__ = ["light"]
