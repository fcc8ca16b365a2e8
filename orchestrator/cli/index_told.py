"""What `orch index` prints: reports, files, passages, for people and as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.cli.console import Console
from orchestrator.cli.indexes import Place, existing, open_index
from orchestrator.cli.indexing import Watch

if TYPE_CHECKING:
    from orchestrator.knowledge.search import Found
    from orchestrator.knowledge.update import Report

SHOWN = 10
"""Skipped files that are named."""


def tell(name: str, report: Report, console: Console) -> None:
    parts = [
        f"{len(files)} {word}"
        for word, files in (("new", report.added), ("changed", report.changed), ("gone", report.removed))
        if files
    ]
    parts.append(f"{report.unchanged} unchanged")
    rate = f", {report.passages / report.seconds:.0f} passages/s" if report.passages else ""
    how = "taken over" if report.taken else "embedded"
    console.say(
        f"index {name}: {', '.join(parts)}; {report.passages} passages {how} in {report.seconds:.1f} s{rate}"
    )
    Watch("index", name, console).left_out(report, SHOWN, f": orch index ls {name}")


def as_map(name: str, report: Report) -> dict[str, Any]:
    return {
        "name": name,
        "added": report.added,
        "changed": report.changed,
        "removed": report.removed,
        "unchanged": report.unchanged,
        "skipped": report.skipped,
        "passages": report.passages,
        "seconds": round(report.seconds, 3),
        "embedding_seconds": round(report.embedding, 3),
    }


def list_files(place: Place, name: str, console: Console, *, as_json: bool) -> None:
    index = open_index(existing(place, name))
    try:
        files = [file for file in index.files() if file.done]
        skipped = index.skipped()
    finally:
        index.close()
    if as_json:
        rows: list[dict[str, Any]] = [{"file": file.name, "passages": file.passages} for file in files]
        return console.json([*rows, *({"file": one, "left_out": why} for one, (_, why) in skipped.items())])
    return console.table(
        ("FILE", "PASSAGES"),
        [
            *((file.name, f"{file.passages:,}") for file in files),
            *((one, f"left out: {why}") for one, (_, why) in skipped.items()),
        ],
    )


def described(path: Path) -> dict[str, Any]:
    index = open_index(path)
    try:
        size, (ref, digest), skipped = index.size(), index.built_with(), index.skipped()
    finally:
        index.close()
    return {
        "name": path.stem,
        "files": size.files,
        "passages": size.passages,
        "bytes": size.bytes,
        "embedder": ref,
        "digest": digest,
        "skipped": len(skipped),
    }


def found_map(one: Found) -> dict[str, Any]:
    return {**one.passage.as_map(), "cosine": one.cosine, "bm25": one.bm25}


def shown(number: int, one: Found) -> str:
    passage = one.passage
    first, last = passage.lines
    facts = [f"score {passage.score:.2f}"]
    facts += [] if one.cosine is None else [f"meaning {one.cosine:.2f}"]
    facts += [] if one.bm25 is None else [f"words {one.bm25:.1f}"]
    heading = f"  {passage.heading}" if passage.heading else ""
    body = "\n".join(f"    {line}" for line in passage.text.splitlines())
    lines = f":{first}-{last}" if first else ""
    return f"[{number}] {passage.file}{lines}{heading}  ({', '.join(facts)})\n{body}"
