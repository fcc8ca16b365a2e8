"""How the teams are measured: a workflow runs once over a held-out file, through `orch run`, in a folder of its own."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
DATA = Path(__file__).parent / "data"
Rows = list[dict[str, Any]]


def read_rows(file: Path, limit: int | None = None) -> Rows:
    lines = file.read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines[:limit]]


def run_example(name: str, rows: Mapping[str, Rows], **values: str) -> Any:
    """The outputs of `examples/NAME/workflow.yaml` with other rows for its files."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / name
        shutil.copytree(ROOT / "examples" / name, place)
        return _run(place / "workflow.yaml", rows, values)


def run_file(workflow: Mapping[str, Any], beside: str, rows: Mapping[str, Rows]) -> Any:
    """The outputs of another workflow in a copy of an example's folder: it may use what lies there."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / beside
        shutil.copytree(ROOT / "examples" / beside, place)
        file = place / "other.yaml"
        file.write_text(json.dumps(workflow), encoding="utf-8")
        return _run(file, rows, {})


def run_plain(prompt: str, rows: Rows, params: Mapping[str, Any]) -> list[str]:
    """One plain prompt for each row to the default model: no examples, no sources, no repair."""
    step = {
        "foreach": "inputs.rows",
        "agent": "plain",
        "prompt": prompt,
        "params": dict(params),
        "repair": 0,
        "on_error": {"value": ""},
    }
    workflow = {
        "orch": 1,
        "inputs": {"rows": {"type": "file", "format": "jsonl"}},
        "agents": {"plain": {"description": "Nothing but a model."}},
        "steps": {"reply": step},
        "outputs": {"replies": "{{ reply }}"},
    }
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "plain.yaml"
        file.write_text(json.dumps(workflow), encoding="utf-8")
        return list(_run(file, {"rows": rows}, {})["replies"])


def _run(file: Path, rows: Mapping[str, Rows], values: Mapping[str, str]) -> Any:
    (file.parent / "orch.yaml").write_text("orch: 1\n", encoding="utf-8")
    words = [f"{name}={value}" for name, value in values.items()]
    for name, lines in rows.items():
        data = file.parent / f"{name}.held-out.jsonl"
        data.write_text("".join(json.dumps(row) + "\n" for row in lines), encoding="utf-8")
        words.append(f"{name}={data.name}")
    inputs = [word for value in words for word in ("-i", value)]
    done = subprocess.run(
        [sys.executable, "-m", "orchestrator", "run", file.name, *inputs, "--json", "--quiet"],
        capture_output=True,
        text=True,
        cwd=file.parent,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout)


def share(right: Sequence[bool]) -> str:
    """So many of so many, with Wilson's interval at 95 %."""
    count, total = sum(right), len(right)
    if not total:
        return "none"
    z, rate = 1.96, count / total
    middle = rate + z * z / (2 * total)
    width = z * math.sqrt(rate * (1 - rate) / total + z * z / (4 * total**2))
    low, high = ((middle + sign * width) / (1 + z * z / total) for sign in (-1, 1))
    return f"{count} of {total} ({rate:.0%}; {low:.0%} to {high:.0%})"
