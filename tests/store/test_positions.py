"""The four events of every step are placed as every other kind is, only faster."""

from __future__ import annotations

from dataclasses import MISSING, fields
from types import NoneType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.events import AttemptFinished, AttemptStarted, Event, StepFinished, StepStarted
from orchestrator.store.positions import USUAL_FACTS, placed, ways
from orchestrator.store.shapes import by_class

OF_A_STEP = (StepStarted, AttemptStarted, AttemptFinished, StepFinished)
OF_A_TYPE: dict[type, Any] = {bool: True, int: 3, float: 0.5, str: "x", NoneType: None}
SAID = {"role": "user", "content": "hi"}
USUAL = dict(zip(USUAL_FACTS, ("tiny", 3, 1, 0.5, None), strict=True))
OF_A_NAME: dict[str, list[Any]] = {
    "messages": [
        (),
        (SAID,),
        (SAID, SAID),
        ({"content": "hi", "role": "user"},),
        ({**SAID, "name": "n"}, SAID),
    ],
    "facts": [{}, USUAL, {**USUAL, "error": "e"}, {**USUAL, "kept": "hash"}, dict(reversed(USUAL.items()))],
    "value": [None, "x", {"line": "x"}, []],
    "parts": [{}, {"prompt": 12}],
}


def values_of(cls: type) -> dict[str, st.SearchStrategy[Any]]:
    """Of each field its default and one value of each of its types, also of fields that are new."""
    shape = by_class()[cls]
    found: dict[str, st.SearchStrategy[Any]] = {"at": st.just(1.5), "path": st.sampled_from(["a", "a.1"])}
    for name, allowed in zip(shape.names, shape.allowed, strict=True):
        known = next(field for field in fields(cls) if field.name == name)
        default = [] if known.default is MISSING else [known.default] * 4
        found[name] = st.sampled_from(OF_A_NAME.get(name) or [*default, *(OF_A_TYPE[one] for one in allowed)])
    return found


@pytest.mark.parametrize("cls", OF_A_STEP, ids=lambda cls: str(cls.__name__))
def test_what_is_written_field_by_field_says_the_same(cls: type) -> None:
    """Whatever stands in the fields: one that is added to an event is not forgotten."""

    @settings(max_examples=200, deadline=None)
    @given(st.builds(cls, **values_of(cls)))
    def same(event: Event) -> None:
        *columns, values = ways()[cls](event)

        *usual_columns, usual_values = placed(event)

        assert [*columns, list(values)] == [*usual_columns, list(usual_values)]

    same()


def test_every_kind_has_a_way() -> None:
    """And only those of a step have one of their own."""
    assert {cls for cls, way in ways().items() if way is not placed} == set(OF_A_STEP)
    assert set(ways()) == set(by_class())
