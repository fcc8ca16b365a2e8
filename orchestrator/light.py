"""Values that nothing changes, and of which every step makes many: frozen for the type checker, plain when made.

A frozen dataclass sets each of its fields by a call, and takes three times as long to make as a plain one: for the
events and messages of one step that was a tenth of all that the step costs. `@light` stands before those only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataclasses import dataclass as light
else:
    from dataclasses import dataclass

    def light(*, frozen, slots):  # noqa: ANN001, ANN201 - the type checker reads the other branch
        """A dataclass with the equality and the hash of a frozen one."""
        return dataclass(slots=slots, unsafe_hash=frozen)


__all__ = ["light"]
