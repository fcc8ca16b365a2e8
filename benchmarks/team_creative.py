"""What the workflow `campaign` makes of held-out briefs: limits kept, and how different its drafts are.

    python -m benchmarks.team_creative              20 briefs, as a Markdown table
    python -m benchmarks.team_creative --limit 4    the first four of them

Beside it stands the same model asked once, in one plain prompt that names the same limits.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

from orchestrator.library import shipped_workflows

BRIEFS = Path(__file__).parent / "data" / "team_creative_briefs.jsonl"
PLAIN = (
    "Write an advertisement for {{ item.product }} in one sentence. {{ item.brief }} "
    "Use the words: {{ item.must | join(', ') }}. Do not use: {{ item.avoid | join(', ') }}. "
    "At most {{ item.words }} words."
)
Broken = Callable[[str, str, list[str], list[str], int], list[str]]
NAMES = ("product", "brief", "must", "avoid", "words")


def ask(briefs: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The plain answers and the results of the workflow, in the order of the briefs; None where there is none."""
    fields = {
        "product": "string",
        "brief": "string(1500)",
        "must": "[string]",
        "avoid": "[string]",
        "words": "int",
    }
    each = {"foreach": "inputs.briefs", "on_item_error": "keep"}
    plain = {"agent": "plain", "prompt": PLAIN, "cache": False, "repair": 0}
    call = {"workflow": "campaign", "with": {name: f"{{{{ item.{name} }}}}" for name in NAMES}}
    workflow = {
        "orch": 1,
        "inputs": {"briefs": {"type": "file", "format": "jsonl", "rows": fields}},
        "agents": {"plain": {"description": "Asked once.", "params": {"temperature": 0, "max_tokens": 120}}},
        "steps": {"plain": each | plain, "made": each | call},
        "outputs": {"plain": "{{ plain }}", "made": "{{ made }}"},
    }
    with tempfile.TemporaryDirectory() as folder:
        file, data = Path(folder) / "measure.yaml", Path(folder) / "briefs.jsonl"
        file.write_text(json.dumps(workflow), encoding="utf-8")
        data.write_text("".join(json.dumps(brief) + "\n" for brief in briefs), encoding="utf-8")
        command = [sys.executable, "-m", "orchestrator", "run", str(file), "-i", f"briefs={data}", "--json"]
        done = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    found: Mapping[str, Any] = json.loads(done.stdout)
    return found


def limits() -> Broken:
    """The judge of limits that the workflow itself has."""
    path = shipped_workflows()["campaign"].with_suffix(".py")
    spec = importlib.util.spec_from_file_location("campaign", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    broken: Broken = module.broken
    return broken


def row(name: str, texts: Sequence[str | None], briefs: Sequence[Mapping[str, Any]], broken: Broken) -> str:
    """A line of the table: texts that keep every limit, and the share of required words that are used."""
    kept, used, wanted = 0, 0, 0
    for text, brief in zip(texts, briefs, strict=True):
        wrong = broken(text or "", brief["product"], brief["must"], brief["avoid"], brief["words"])
        kept += not wrong
        wanted += len(brief["must"])
        used += len(brief["must"]) - sum("is missing" in one for one in wrong)
    return f"| {name} | {kept} of {len(texts)} | {used} of {wanted} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--limit", type=int, help="only the first so many briefs")
    parser.add_argument("--show", action="store_true", help="every text")
    wanted = parser.parse_args()
    lines = BRIEFS.read_text(encoding="utf-8").splitlines()[: wanted.limit]
    briefs = [json.loads(line) for line in lines]
    found, broken = ask(briefs), limits()
    made = [one or {} for one in found["made"]]
    drafts = [one.get("drafts", {}) for one in made]
    print("| text | all limits kept | required words used |\n| --- | ---: | ---: |")
    print(row("one plain prompt", found["plain"], briefs, broken))
    for letter in "ABC":
        print(row(f"draft {letter}", [one.get(letter) for one in drafts], briefs, broken))
    print(row("polished by the model", [one.get("polished") for one in made], briefs, broken))
    print(row("mended", [one.get("text") for one in made], briefs, broken))
    varied = [one["variety"] for one in made if one]
    if varied:
        figures = (f"{name} {mean(one[name] for one in varied):.2f}" for name in varied[0])
        print(f"\nvariety of the three drafts, mean: {', '.join(figures)}")
    if wanted.show:
        print(json.dumps(found, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
