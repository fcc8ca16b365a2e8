"""Label trees: how private each part of a value is, and where that comes from. Pure values; knows no step and no file.

A `Why` is the source of a label; None is public and needs no reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import reduce
from typing import TypeAlias

from orchestrator.labels import LOWEST, Label, Part, Source, rank
from orchestrator.light import light

Why: TypeAlias = Source | None


@light(frozen=True, slots=True)
class Tag:
    """The labels of one value, shaped as far as the value's shape is known.

    `floor` holds for everything in it and for whether it is null. `shape` is the label of a list's length and of
    which element stands where, beyond the floor. `fields` are those of a map, `item` is what the elements of a list
    share, `items` are positions that are known one by one. `total` is the highest of all that.
    """

    floor: Why = None
    total: Why = None
    shape: Why = None
    fields: Mapping[str, Tag] | None = None
    item: Tag | None = None
    items: tuple[Tag, ...] | None = None
    size: int = 1
    """Labels in it, each counted where it stands."""

    @property
    def outer(self) -> Why:
        """Label of its length, and of how often something happens that happens once per element."""
        return higher(self.floor, self.shape)


PUBLIC = Tag()
LARGEST = 2_000
"""Labels of a value that are told apart; beyond, all of it has the highest."""


def higher(left: Why, right: Why) -> Why:
    """The source of the higher label; the left one where both are as high."""
    if left is None:
        return right
    if right is None or right.label is left.label or rank(right.label) <= rank(left.label):
        return left
    return right


def highest(whys: Iterable[Why]) -> Why:
    """The first source of the highest label among them."""
    found: Why = None
    for why in whys:
        if why is not None and (found is None or rank(why.label) > rank(found.label)):
            found = why
    return found


def label_of(why: Why) -> Label:
    return LOWEST if why is None else why.label


_NOTHING = Part(LOWEST)


def part(why: Why) -> Part:
    return _NOTHING if why is None else Part(why.label, why)


def named(name: str, why: Why) -> Why:
    """The same label under a new name, which it got from the old one."""
    return None if why is None else Source(name, why.label, why)


def origin(name: str, label: Label) -> Why:
    """Where a label begins."""
    return None if label == LOWEST else Source(name, label)


# ------------------------------------------------------------------------------------------------- making


def leaf(why: Why) -> Tag:
    return PUBLIC if why is None else Tag(why, why)


def mapped(fields: Mapping[str, Tag]) -> Tag:
    size = 1 + sum(tag.size for tag in fields.values())
    total = highest(tag.total for tag in fields.values())
    return leaf(total) if size > LARGEST else Tag(None, total, fields=fields, size=size)


def listed(item: Tag, shape: Why = None) -> Tag:
    """A list whose elements share labels."""
    return Tag(None, higher(shape, item.total), shape, item=item, size=1 + item.size)


def row(items: Iterable[Tag], shape: Why = None) -> Tag:
    """A list with one label tree per position."""
    parts = tuple(items)
    size = 1 + sum(tag.size for tag in parts)
    total = highest((shape, *(tag.total for tag in parts)))
    return leaf(total) if size > LARGEST else Tag(None, total, shape, items=parts, size=size)


def raised(tag: Tag, why: Why) -> Tag:
    """The same value where nothing of it is below this label."""
    if why is None or (tag.floor is not None and rank(tag.floor.label) >= rank(why.label)):
        return tag
    return Tag(why, higher(tag.total, why), tag.shape, tag.fields, tag.item, tag.items, tag.size)


def merged(left: Tag, right: Tag) -> Tag:
    """Labels that hold whichever of the two values it is."""
    if left is right:
        return left
    if _flat(left):
        return raised(right, left.total)
    if _flat(right):
        return raised(left, right.total)
    floor = higher(left.floor, right.floor)
    if left.fields is not None and right.fields is not None:
        return raised(mapped(_merged_fields(left.fields, right.fields)), floor)
    if left.fields is not None or right.fields is not None:
        return leaf(higher(left.total, right.total))
    shape = higher(left.shape, right.shape)
    if left.items is not None and right.items is not None and len(left.items) == len(right.items):
        return raised(row(map(merged, left.items, right.items), shape), floor)
    return raised(listed(merged(_element(left), _element(right)), shape), floor)


def _merged_fields(left: Mapping[str, Tag], right: Mapping[str, Tag]) -> dict[str, Tag]:
    both = {**left, **right}
    return {
        name: merged(left[name], right[name]) if name in left and name in right else both[name]
        for name in both
    }


def _flat(tag: Tag) -> bool:
    return tag.fields is None and tag.item is None and tag.items is None


# ------------------------------------------------------------------------------------------------ reading


def field(tag: Tag, name: str) -> Tag:
    """The labels of one field; of everything where nobody knows the fields."""
    if tag.fields is not None and name in tag.fields:
        return raised(tag.fields[name], tag.floor)
    return leaf(_within(tag.total, f".{name}"))


def element(tag: Tag) -> Tag:
    """What any element of a list is labelled, without that it is there at all (`outer`)."""
    if tag.item is None and tag.items is None:
        return leaf(_within(tag.total, "[]"))
    return raised(_element(tag), tag.floor)


def _element(tag: Tag) -> Tag:
    if tag.items is not None:
        return reduce(merged, tag.items, PUBLIC) if tag.items else PUBLIC
    return tag.item if tag.item is not None else leaf(tag.total)


def position(tag: Tag, number: int) -> Tag:
    """The element at this place of a list."""
    if tag.items is not None and -len(tag.items) <= number < len(tag.items):
        return raised(raised(tag.items[number], tag.shape), tag.floor)
    return raised(element(tag), tag.shape)


def _within(why: Why, place: str) -> Why:
    """`inputs.tickets` becomes `inputs.tickets[].body` on the way to a field: only where the label begins."""
    if why is None or why.via is not None:
        return why
    return Source(f"{why.name}{place}", why.label)


def same(left: Tag, right: Tag) -> bool:
    """Whether two trees have the same labels, wherever these come from."""
    if left is right:
        return True
    if any(label_of(a) != label_of(b) for a, b in zip(_marks(left), _marks(right), strict=True)):
        return False
    if (left.fields is None) != (right.fields is None) or (left.item is None) != (right.item is None):
        return False
    if left.fields is not None and right.fields is not None:
        if left.fields.keys() != right.fields.keys():
            return False
        if not all(same(tag, right.fields[name]) for name, tag in left.fields.items()):
            return False
    if left.item is not None and right.item is not None and not same(left.item, right.item):
        return False
    a, b = left.items or (), right.items or ()
    return len(a) == len(b) and all(map(same, a, b))


def _marks(tag: Tag) -> tuple[Why, Why, Why]:
    return tag.floor, tag.total, tag.shape


def retold(tag: Tag, name: Callable[[Source], Why]) -> Tag:
    """The same labels with other reasons, for readers who do not know the names of the old ones."""

    def other(why: Why) -> Why:
        return None if why is None else name(why)

    fields = None if tag.fields is None else {key: retold(part, name) for key, part in tag.fields.items()}
    item = None if tag.item is None else retold(tag.item, name)
    items = None if tag.items is None else tuple(retold(part, name) for part in tag.items)
    return Tag(other(tag.floor), other(tag.total), other(tag.shape), fields, item, items, tag.size)
