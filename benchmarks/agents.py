"""What the shipped specialists make of their own cases, on the default model: valid and right answers.

    python -m benchmarks.agents                       all of them, as a Markdown table
    python -m benchmarks.agents judge --show          one of them, with every answer
    python -m benchmarks.agents judge --prompt x.j2   the same cases under another wording of its prompt

Every case runs through `orch run`, like any other workflow: grammar, validation and repair included. `orch bench` measures
the same on any machine and model; this is for trying wordings.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.library import shipped_agents
from orchestrator.policy.grade import Case, read_graded, right

CONTEXT = 2048
"""Enough for every case; a model host with another context is one that no other run shares."""


@dataclass(frozen=True, slots=True)
class Score:
    agent: str
    cases: int
    valid: int
    right: int
    seconds: float


def cases_in(folder: Path) -> list[Case]:
    cases, wrong = read_graded((folder / "cases.jsonl").read_bytes())
    if wrong:
        raise SystemExit(f"{folder.name}: line {wrong[0].line}: {wrong[0].message}")
    return list(cases)


def ask_all(agent: str, cases: Sequence[Case], prompt: str | None = None) -> list[Any]:
    """Answers of one specialist, in the order of the cases; None where no valid one came."""
    step: dict[str, Any] = {
        "foreach": "inputs.cases",
        "agent": agent,
        "model": "measured",
        "prompt": "{{ item.input }}",
        "on_item_error": "keep",
        "cache": False,
    }
    if prompt is not None:
        step["role"] = prompt
    rows = {"type": "file", "format": "jsonl", "rows": {"input": "string(4000)"}}
    workflow = {
        "orch": 1,
        "inputs": {"cases": rows},
        "models": {"measured": {"use": "llamacpp:smollm2-135m", "context": CONTEXT}},
        "steps": {"reply": step},
        "outputs": {"answers": "{{ reply }}"},
    }
    with tempfile.TemporaryDirectory() as folder:
        file, data = Path(folder) / "measure.yaml", Path(folder) / "cases.jsonl"
        file.write_text(json.dumps(workflow), encoding="utf-8")
        data.write_text("".join(json.dumps({"input": case.input}) + "\n" for case in cases), encoding="utf-8")
        return list(_run(file, data)["answers"])


def _run(file: Path, data: Path) -> Any:
    command = [sys.executable, "-m", "orchestrator", "run", str(file), "-i", f"cases={data}", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=file.parent, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout)


def measure(agent: str, folder: Path, prompt: str | None = None, show: bool = False) -> Score:
    cases = cases_in(folder)
    start = time.perf_counter()
    answers = ask_all(agent, cases, prompt)
    seconds = time.perf_counter() - start
    pairs = list(zip(cases, answers, strict=True))
    if show:
        for case, answer in pairs:
            print(f"{'ok ' if right(case, answer) else 'no '} {case.input!r}\n    -> {answer!r}")
    valid = sum(answer is not None for answer in answers)
    return Score(agent, len(cases), valid, sum(right(case, answer) for case, answer in pairs), seconds)


def main() -> None:
    shipped = {path.parent.name: path.parent for path in shipped_agents().glob("*/agent.yaml")}
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("agents", nargs="*", help=f"of {', '.join(sorted(shipped))}")
    parser.add_argument("--prompt", type=Path, help="another wording of the prompt")
    parser.add_argument("--show", action="store_true", help="every answer")
    wanted = parser.parse_args()
    prompt = wanted.prompt.read_text(encoding="utf-8") if wanted.prompt else None
    print("| specialist | cases | valid | right | seconds |\n| --- | ---: | ---: | ---: | ---: |")
    for agent in wanted.agents or sorted(shipped):
        score = measure(agent, shipped[agent], prompt, wanted.show)
        print(
            f"| {score.agent} | {score.cases} | {score.valid} | {score.right} | {score.seconds:.1f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
