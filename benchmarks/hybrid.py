"""What escalation buys: share kept local, cost and accuracy of policies on 240 requests of real people, in six topics.

    python -m benchmarks.hybrid            the table of docs/hybrid.md
    python -m benchmarks.hybrid --gate     what the privacy gate costs per call

The small model is the embedded one. The cloud is a script that knows the right answers (an oracle: no real cloud can
be better, so its rows are upper bounds), or one that is wrong about every tenth request. Each row is a real run of a
workflow; only random escalation is computed, from the answers of the others.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from statistics import mean, median
from typing import Any

from benchmarks.chain import Forgetful
from benchmarks.chain import workflow as chain
from benchmarks.engine import ANSWER, _cpu
from benchmarks.table import Row, as_markdown, figure
from orchestrator.engine.run import Ports
from orchestrator.engine.start import Engine, models_needed
from orchestrator.graph.open import open_workflow
from orchestrator.providers.scripted import ScriptedModel

CASES = Path(__file__).parent / "data" / "requests.jsonl"
TOPICS = ("balance", "recipe", "timer", "traffic", "translate", "weather")
THRESHOLDS = (0.4, 0.6, 0.8, 0.9)
PRICE = {"input": 0.25, "output": 2.0}
"""USD per million tokens: gpt-5-mini in the price list of the day this was measured."""
WRONG = 0.1
DRAWS = 2000
ROLE = """Name the topic of a request.

Request: how much money is in my savings account
"balance"

Request: how do i make pancakes
"recipe"

Request: count down five minutes
"timer"

Request: is the highway to boston jammed
"traffic"

Request: say good morning in italian
"translate"

Request: will it rain tomorrow in london
"weather"
"""
"""Worked examples of our own; none of them is a case."""


@dataclass(frozen=True, slots=True)
class Case:
    text: str
    topic: str


@dataclass(frozen=True, slots=True)
class Ran:
    """One policy: who answered what, and what it cost in nano-dollars."""

    answers: tuple[str, ...]
    climbed: tuple[bool, ...]
    spent: int

    @property
    def kept(self) -> float:
        return 1 - mean(self.climbed)


def read_cases() -> list[Case]:
    return [Case(**json.loads(line)) for line in CASES.read_text(encoding="utf-8").splitlines()]


def wilson(right: float, of: int, z: float = 1.96) -> tuple[float, float]:
    """The 95 % interval of a share, by Wilson's score (1927)."""
    share = right / of
    middle = (share + z * z / (2 * of)) / (1 + z * z / of)
    half = z * sqrt(share * (1 - share) / of + z * z / (4 * of * of)) / (1 + z * z / of)
    return middle - half, middle + half


def noisy(cases: Sequence[Case], wrong: float) -> list[str]:
    """The answers of a cloud that is wrong about a share of the requests, always the same ones."""
    dice = random.Random(7)
    missed = set(dice.sample(range(len(cases)), round(wrong * len(cases))))
    return [
        dice.choice([topic for topic in TOPICS if topic != case.topic]) if n in missed else case.topic
        for n, case in enumerate(cases)
    ]


# ------------------------------------------------------------------------------------------------- running


def run_policy(cases: Sequence[Case], cloud: Sequence[str], rule: Mapping[str, str] | None) -> Ran:
    """All cases under one `escalate`; None stays local."""
    step: dict[str, Any] = {
        "foreach": "inputs.cases",
        "agent": "sorter",
        "prompt": "Request: {{ item.text }}",
        "output": " | ".join(TOPICS),
    }
    if rule is not None:
        step["escalate"] = {"to": "cloud", **rule}
    facts = {name: f"{{{{ steps.sort | map(attribute='{name}') | list }}}}" for name in ("escalated", "usd")}
    file = {
        "orch": 1,
        "inputs": {
            "cases": {"type": "file", "format": "jsonl", "rows": {"text": "string(400)"}, "label": "public"}
        },
        "models": {
            "small": {"use": "llamacpp:smollm2-135m", "context": 1024},
            "cloud": {"use": "scripted:cloud.yaml", "where": "cloud", "price": PRICE},
        },
        "agents": {"sorter": {"model": "small", "role": ROLE, "params": {"temperature": 0}}},
        "steps": {"sort": step},
        "outputs": {"answers": "{{ sort }}", **facts},
    }
    with tempfile.TemporaryDirectory() as folder:
        return _run(Path(folder), file, cases, cloud)


def _run(folder: Path, file: Mapping[str, Any], cases: Sequence[Case], cloud: Sequence[str]) -> Ran:
    script = [
        {"match": f"Request: {case.text}", "value": answer}
        for case, answer in sorted(zip(cases, cloud, strict=True), key=lambda pair: -len(pair[0].text))
    ]
    # every policy has a cloud of its own: an answer that another one paid for would be free in the cache
    script.append({"match": json.dumps(file["steps"]["sort"].get("escalate")), "value": TOPICS[0]})
    (folder / "cloud.yaml").write_text(json.dumps(script), encoding="utf-8")
    (folder / "measure.yaml").write_text(json.dumps(file), encoding="utf-8")
    rows = "".join(json.dumps({"text": case.text}) + "\n" for case in cases)
    (folder / "cases.jsonl").write_text(rows, encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "orchestrator",
        "run",
        "measure.yaml",
        "-i",
        "cases=cases.jsonl",
        "--json",
    ]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    found = json.loads(done.stdout)
    spent = round(sum(usd or 0 for usd in found["usd"]) * 1e9)
    return Ran(tuple(found["answers"]), tuple(bool(one) for one in found["escalated"]), spent)


# --------------------------------------------------------------------------------------------------- table


@dataclass(frozen=True, slots=True)
class Line:
    policy: str
    kept: float
    cost: float
    accuracy: str
    note: str = ""

    @property
    def text(self) -> str:
        return f"| {self.policy} | {self.kept:.0%} | {self.cost:.0%} | {self.accuracy} | {self.note} |"


def measure() -> list[Line]:
    """Every row; the small model is asked once, its answers are reused from the cache after that."""
    cases = read_cases()
    oracle = [case.topic for case in cases]
    everything = run_policy(cases, oracle, {"before": "true"})
    small = run_policy(cases, oracle, None)
    lines = [
        _line("local only", small, cases, everything),
        _line("cloud only", everything, cases, everything),
    ]
    for threshold in THRESHOLDS:
        ran = run_policy(cases, oracle, {"when": f"failed or confidence < {threshold}"})
        luck = by_chance(cases, small.answers, oracle, sum(ran.climbed))
        lines.append(_line(f"`confidence < {threshold}`", ran, cases, everything, f"random: {luck}"))
    worse = noisy(cases, WRONG)
    lines.append(
        _line("cloud only, 10 % wrong", run_policy(cases, worse, {"before": "true"}), cases, everything)
    )
    for threshold in THRESHOLDS:
        ran = run_policy(cases, worse, {"when": f"failed or confidence < {threshold}"})
        luck = by_chance(cases, small.answers, worse, sum(ran.climbed))
        name = f"`confidence < {threshold}`, cloud 10 % wrong"
        lines.append(_line(name, ran, cases, everything, f"random: {luck}"))
    return lines


def _line(name: str, ran: Ran, cases: Sequence[Case], everything: Ran, note: str = "") -> Line:
    right = sum(answer == case.topic for answer, case in zip(ran.answers, cases, strict=True))
    low, high = wilson(right, len(cases))
    accuracy = f"{right / len(cases):.1%} ({low:.1%}–{high:.1%})"
    return Line(name, ran.kept, ran.spent / everything.spent, accuracy, note)


def by_chance(cases: Sequence[Case], small: Sequence[str], cloud: Sequence[str], climbs: int) -> str:
    """Mean accuracy, and the middle 95 %, when as many requests go up, but any."""
    dice, shares = random.Random(11), []
    for _ in range(DRAWS):
        up = set(dice.sample(range(len(cases)), climbs))
        answers = (cloud[n] if n in up else small[n] for n in range(len(cases)))
        shares.append(mean(a == case.topic for a, case in zip(answers, cases, strict=True)))
    shares.sort()
    low, high = shares[round(0.025 * DRAWS)], shares[round(0.975 * DRAWS) - 1]
    return f"{mean(shares):.1%} ({low:.1%}–{high:.1%})"


# -------------------------------------------------------------------------------------------------- the gate


def gate(steps: int = 1000, repeats: int = 7) -> list[Row]:
    """CPU per step of a chain: asked on this machine, and asked of a model that the gate guards."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "chain.yaml"
        text = chain(steps).replace("{text: string}", "{text: {type: string, label: public}}")
        file.write_text(text, encoding="utf-8")
        graph = open_workflow(file)
        open_: list[float] = []
        guarded: list[float] = []
        for _ in range(repeats):
            for where, found in ((True, open_), (False, guarded)):
                found.append(_cpu(lambda where=where: asyncio.run(_chain(graph, local=where)), steps))
    difference = [g - o for g, o in zip(guarded, open_, strict=True)]
    ratio = [g / o for g, o in zip(guarded, open_, strict=True)]
    return [
        figure("a step, model on this machine", open_, "µs CPU"),
        figure("a step, model behind the gate", guarded, "µs CPU"),
        figure("the gate", difference, "µs CPU per call"),
        figure("ratio", ratio, "x"),
        Row("median of the differences", f"{median(difference):.3g} µs"),
    ]


async def _chain(graph: Any, *, local: bool) -> None:
    models = {n: ScriptedModel(lambda _: ANSWER, name=n, local=local) for n in models_needed(graph)}
    engine = Engine(graph, {"text": "once"}, models, Ports(journal=Forgetful()), today="2026-01-31")
    result = await engine.execute()
    assert result.status == "done", result


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--gate", action="store_true", help="only what the gate costs")
    if parser.parse_args().gate:
        print(as_markdown(gate()))
        return
    print("| policy | kept local | cost | accuracy (95 %) | random escalation of as many |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for line in measure():
        print(line.text, flush=True)


if __name__ == "__main__":
    main()
