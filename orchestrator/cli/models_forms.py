"""`orch models optimize` and `orch models compare`: the fastest form of the same weights on this machine."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli.console import Console, the_console
from orchestrator.cli.download import Download, megabytes
from orchestrator.errors import ProviderError, UsageError

if TYPE_CHECKING:
    from orchestrator.bench.forms import Tried
    from orchestrator.cli.models_trial import Trial
    from orchestrator.config import Config
    from orchestrator.providers.lineage import Form
    from orchestrator.providers.model_store import ModelStore, Weights

CASES = 12
AGREEMENT = 0.9

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
how_many = click.option(
    "--cases", type=click.IntRange(1, 1000), default=CASES, show_default=True,
    help="Cases of each of five specialists whose answers are compared.",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Subject:
    """The model of one call."""

    model: str
    weights: Weights
    store: ModelStore
    config: Config
    console: Console


def _models(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Names of the models that are here, for the shell."""
    from orchestrator.config import Config
    from orchestrator.providers.model_store import ModelStore

    config = Config.from_environment(os.environ, Path.cwd())
    store = ModelStore(config.models, environ=os.environ, offline=True)
    return [one.name for one in store.installed() if one.name.startswith(incomplete)]


@click.command()
@click.argument("model", metavar="NAME", shell_complete=_models)
@how_many
@click.option(
    "--agreement", type=click.FloatRange(0, 1), default=AGREEMENT, show_default=True,
    help="Share of answers that must be those of the original.",
)  # fmt: skip
@click.option("--again", is_flag=True, help="Measure anew what is optimised already.")
@click.option("--undo", is_flag=True, help="Go back to the original.")
@click.option("--drop", is_flag=True, help="Remove the original when another form stands in for it.")
@as_json
def optimize(
    model: str, *, cases: int, agreement: float, again: bool, undo: bool, drop: bool, as_json: bool
) -> None:
    """Find the form of a model's weights that is fastest on this machine, and use it from now on.

    Every form is made, its speed measured in turns with the others, and its answers compared with the original's. The
    fastest that answers as the original does is kept; `orch models show NAME` says how it was made.
    """
    if undo and (again or drop):
        raise UsageError("--undo goes alone")
    subject = _subject(model)
    if undo:
        return _undo(subject, as_json=as_json)
    before = subject.store.lineage.of(subject.weights.sha256)
    if before is not None and before.figures and not again:
        return _done(subject, before, drop=drop, as_json=as_json)
    return _optimize(subject, cases, agreement, drop=drop, as_json=as_json)


@click.command()
@click.argument("model", metavar="NAME", shell_complete=_models)
@how_many
@click.option("--svg", type=click.Path(path_type=Path), metavar="FILE", help="Write a picture of the scores.")
@as_json
def compare(model: str, *, cases: int, svg: Path | None, as_json: bool) -> None:
    """Compare the forms of a model's weights: size, memory, speed, and how they answer. Keeps nothing."""
    from orchestrator.bench.forms import as_data
    from orchestrator.cli.bench import refuse_unwritable
    from orchestrator.cli.models_trial import Wanted

    refuse_unwritable(svg)
    subject = _subject(model)
    with _trial(subject) as trial:
        found = [one for one, _ in trial.run(Wanted(cases))]
    if as_json:
        subject.console.json({"model": subject.weights.name, "forms": as_data(found)})
    else:
        _print(found, subject.console)
    if svg is not None:
        _draw(found, svg, subject.console)


# ------------------------------------------------------------------------------------------------ optimising


def _optimize(subject: Subject, cases: int, agreement: float, *, drop: bool, as_json: bool) -> None:
    from orchestrator.bench.forms import as_data, chosen, gained
    from orchestrator.cli.models_trial import Wanted

    with _trial(subject) as trial:
        found = trial.run(Wanted(cases, fast=True))
        tried = [one for one, _ in found]
        winner = chosen(tried, agreement)
        form = next(form for one, form in found if one is winner)
        line = gained(tried, winner)
        kept = replace(form, figures={"gained": line, "forms": as_data(tried)})
        subject.store.lineage.keep(kept, trial.path(form) if form.form else None)
    if not as_json:
        _print(tried, subject.console)
    _told(subject, kept, line, drop=drop, as_json=as_json)


def _done(subject: Subject, before: Form, *, drop: bool, as_json: bool) -> None:
    line = str(before.figures.get("gained") or f"{before.form} is used in place of {before.origin}")
    subject.console.say(f"{subject.weights.name} was measured already (--again measures anew)")
    _told(subject, before, line, drop=drop, as_json=as_json)


def _told(subject: Subject, form: Form, line: str, *, drop: bool, as_json: bool) -> None:
    if drop and form.form and not form.dropped:
        freed = subject.store.drop_original(subject.weights)
        subject.console.say(f"the original is removed, {megabytes(freed)} free again")
    if as_json:
        return subject.console.json({"model": subject.weights.name, "gained": line, **lineage(form)})
    return subject.console.result(f"{subject.weights.name}: {line}")


def _undo(subject: Subject, *, as_json: bool) -> None:
    store, weights = subject.store, subject.weights
    form = store.lineage.of(weights.sha256)
    if form is not None and not weights.path.exists():
        with Download(weights.name, subject.console) as progress:
            store.pull(weights.name, progress)
    store.lineage.forget(weights.sha256)
    if as_json:
        return subject.console.json({"model": weights.name, "undone": form is not None})
    done = (
        f"{form.form} is removed, {form.origin} is used again"
        if form and form.form
        else "the original is in use"
    )
    return subject.console.result(f"{weights.name}: {done}")


# ---------------------------------------------------------------------------------------------------- parts


def lineage(form: Form) -> dict[str, Any]:
    """How weights were made, for programs."""
    return {
        "form": form.form or form.origin,
        "sha256": form.sha256,
        "parent": form.parent,
        "made_of": form.origin,
        "made_by": form.how,
        "engine": form.engine_version,
        "original_removed": form.dropped,
        "figures": dict(form.figures),
    }


def lineage_words(form: Form) -> list[tuple[str, str]]:
    """The same, in lines for people."""
    if not form.form:
        return [("form", f"{form.origin}, as it came"), ("measured", str(form.figures.get("gained", "")))]
    found = [
        ("form", f"{form.form}, {megabytes(form.bytes)}, used in place of {form.origin}"),
        ("form sha256", form.sha256),
        ("made of", f"{form.origin} {form.parent}{' (removed)' if form.dropped else ''}"),
        ("made by", form.how),
        ("engine", form.engine_version),
        ("measured", str(form.figures.get("gained", ""))),
    ]
    return [(key, value) for key, value in found if value]


def _subject(model: str) -> Subject:
    """Fetches what is not here. Raises UsageError for a model that cannot be turned, ProviderError."""
    from orchestrator.config import Config
    from orchestrator.providers.model_store import ModelStore

    console = the_console()
    config = Config.from_environment(os.environ, Path.cwd())
    model = model.removeprefix("llamacpp:")
    store = ModelStore(config.models, environ=os.environ, offline=config.offline)
    here = store.get(model)
    if here is None or not _stands_in(store, here):
        try:
            with Download(model, console) as progress:
                here = store.original(model, Path.cwd(), progress)
        except ProviderError as error:
            if error.kind == "not_found":
                raise UsageError(error.message, hint=error.hint) from None
            raise
    _refuse_embedder(here)
    return Subject(model, here, store, config, console)


def _stands_in(store: ModelStore, weights: Weights) -> bool:
    """Whether another form is used and the original is gone: then nothing is fetched only to say so."""
    form = store.lineage.of(weights.sha256)
    return form is not None and form.dropped and store.in_form(weights) is not None


def _refuse_embedder(weights: Weights) -> None:
    from orchestrator.providers.catalog import find
    from orchestrator.providers.gguf import NotGGUF, read_header

    entry = find(weights.name)
    if not weights.path.exists():
        return
    try:
        embeds = (entry is not None and entry.embedding) or read_header(weights.path).embedding
    except (NotGGUF, OSError) as error:
        raise UsageError(f"'{weights.name}' is no model file that can be used: {error}") from None
    if embeds:
        raise UsageError(f"'{weights.name}' embeds text: only models that answer have other forms")


def _trial(subject: Subject) -> Trial:
    from orchestrator.cli.models_trial import Trial

    weights = subject.weights
    if not weights.path.exists():  # measured anew, and the original was removed
        with Download(weights.name, subject.console) as progress:
            weights = subject.store.pull(weights.name, progress)
    return Trial(subject.model, weights, subject.store, subject.config, subject.console)


def _print(tried: Sequence[Tried], console: Console) -> None:
    from orchestrator.bench.forms import HEADER, lines

    console.table(HEADER, lines(tried))


def _draw(tried: Sequence[Tried], path: Path, console: Console) -> None:
    from orchestrator.report.score import Table
    from orchestrator.report.score_picture import svg

    rows = sorted((row for one in tried for row in one.rows), key=lambda row: row.subject)
    try:
        path.write_text(svg(Table(tuple(rows))), encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from None
    console.say(f"written: {path}")


__all__ = ["compare", "lineage", "lineage_words", "optimize"]
