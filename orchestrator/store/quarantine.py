"""Runs whose record was found damaged: marked until somebody finds it whole again. Nothing else of a run is touched.

A record whose end is missing (`highwater.py`) needs no mark: what is missing is written down already.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from sqlalchemy import select

from orchestrator.errors import StoreError
from orchestrator.store import highwater
from orchestrator.store.tables import Meta, table

if TYPE_CHECKING:
    from orchestrator.store.store import Store

META = table(Meta)
PREFIX = "damaged:"
LOOKED_THROUGH = 20_000
"""Events of a run that is looked through whenever somebody reads it: under 0.2 s."""


def verified(store: Store, run: str) -> list[str]:
    """`Store.verify`, and the run is marked, or not any more. A file that cannot be written stays as it is."""
    return noted(store, run, store.verify(run))


def noted(store: Store, run: str, problems: list[str]) -> list[str]:
    """These are the problems of its record: the run is marked, or not any more. With them what is missing at its end."""
    with contextlib.suppress(StoreError):
        _mark(store, run, problems[0] if problems else "")
    missing = highwater.missing(store, run)
    return [*problems, missing] if missing else problems


def checked(store: Store, run: str) -> str:
    """What is wrong with the record first of all, or nothing; of a long run only what was found earlier."""
    if store.run(run).events > LOOKED_THROUGH:
        return damaged(store).get(run, "")
    return next(iter(verified(store, run)), "")


def damaged(store: Store) -> dict[str, str]:
    """The runs that are marked or of which something is missing, and what was found first."""
    query = select(META.c.key, META.c.value).where(META.c.key.like(PREFIX + "%"))
    with store.reading() as connection:
        found = {str(key).removeprefix(PREFIX): str(value) for key, value in connection.execute(query)}
    return {**highwater.lost(store), **found}


def lift(store: Store, run: str) -> None:
    """The run is gone."""
    _mark(store, run, "")


def _mark(store: Store, run: str, problem: str) -> None:
    key = PREFIX + run
    with store.reading() as connection:
        known = connection.execute(select(META.c.value).where(META.c.key == key)).scalar()
    if (known or "") == problem:
        return
    with store.writing() as connection:
        connection.execute(META.delete().where(META.c.key == key))
        if problem:
            connection.execute(META.insert().values(key=key, value=problem))
