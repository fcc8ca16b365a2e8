"""Whether `confidence` says anything: the embedded model sorts real questions, and is it surer where it is right?

    python -m benchmarks.confidence FOLDER          with clinc150/train_val.json.gz and clinc150/domains.json
    python -m benchmarks.confidence FOLDER --cost   only what log-probabilities cost

Every answer is made once, with many alternatives per token; that fewer are listed is played afterwards.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
import os
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean, median

import psutil

from orchestrator.config import Config
from orchestrator.messages import Completion, Message, Request
from orchestrator.policy.confidence import confidence
from orchestrator.policy.validate import Valid, read_answer
from orchestrator.providers import chat
from orchestrator.providers.catalog import DEFAULT
from orchestrator.providers.hosts import Hosts
from orchestrator.providers.llamacpp import LlamaCpp
from orchestrator.spec.model import ModelSpec
from orchestrator.spec.schema import json_schema
from orchestrator.spec.types import Bool, Enum, Field, MapOf, Str, Type
from orchestrator.spec.words import describe

CASES = 240
SHOWN = 2
"""Examples of each domain in a prompt that has some."""
MANY = 500
LISTED = (5, 20, 100, MANY)
REPEATS = 7
DRAWS = 1000


@dataclass(frozen=True, slots=True)
class Task:
    """One way to sort a question: what is asked for, how it is asked, and the right answer by domain."""

    name: str
    output: Type
    ask: str
    right: dict[str, object]
    domains: tuple[str, ...]
    shown: int = 0


@dataclass(frozen=True, slots=True)
class Told:
    """One answer: whether it was right, and what came with it."""

    right: bool
    completion: Completion


def tasks() -> tuple[Task, ...]:
    three = ("travel", "work", "kitchen_and_dining")
    names: dict[str, object] = {"travel": "travel", "work": "work", "kitchen_and_dining": "food"}
    kinds = Enum(("travel", "work", "food"))
    both = MapOf((Field("about", kinds), Field("why", Str(60))))
    sort, bank = "Which is it about: travel, work or food?", "Is it about a bank account?"
    return (
        Task("one of three (enum)", kinds, sort, names, three),
        Task("one of three (enum), with examples", kinds, sort, names, three, SHOWN),
        Task(
            "yes or no (bool), with examples", Bool(), bank, {"banking": True}, ("banking", "travel"), SHOWN
        ),
        Task("enum beside a text (map), with examples", both, sort, names, three, SHOWN),
        Task("text (one word), with examples", Str(20), sort, names, three, SHOWN),
    )


def questions(folder: Path, domains: Sequence[str], each: int, split: str = "val") -> list[tuple[str, str]]:
    """Texts with their domains, as many of each, always the same ones."""
    groups = json.loads((folder / "domains.json").read_text(encoding="utf-8"))
    rows = json.loads(gzip.decompress((folder / "train_val.json.gz").read_bytes()))[split]
    by_intent = {intent: domain for domain, intents in groups.items() for intent in intents}
    draw, found = random.Random(7), []
    for domain in domains:
        texts = [text for text, intent in rows if by_intent.get(intent) == domain]
        found += [(text, domain) for text in draw.sample(texts, each)]
    draw.shuffle(found)
    return found


# ------------------------------------------------------------------------------------------------- asking


def opened(context: int = 1024) -> LlamaCpp:
    spec = ModelSpec.model_validate({"use": f"llamacpp:{DEFAULT}", "context": context, "keep": "60s"})
    config = Config.from_environment(os.environ, Path.cwd())
    return LlamaCpp("tiny", spec, config=config, environ=os.environ, base=config.cwd)


def request(task: Task, text: str, shown: Sequence[tuple[str, str]]) -> Request:
    """As the engine asks, with examples where the task has some."""
    shape = f"Answer with JSON only: {describe(task.output)}"
    messages = [Message("system", f"You sort questions.\n\n{shape}")]
    for example, domain in shown:
        value = task.right.get(domain, False)
        answer = {"about": value, "why": "It says so."} if isinstance(task.output, MapOf) else value
        messages += [Message("user", f"{example}\n\n{task.ask}"), Message("assistant", json.dumps(answer))]
    messages.append(Message("user", f"{text}\n\n{task.ask}"))
    schema = json_schema(task.output)
    return Request(tuple(messages), 60, schema=schema, params={"temperature": 0}, logprobs=True)


async def ask_all(task: Task, folder: Path, count: int) -> list[Told]:
    model, limit = opened(), asyncio.Semaphore(4)
    shown = questions(folder, task.domains, task.shown, "train")

    async def one(text: str, domain: str) -> Told:
        async with limit:
            completion = await model.generate(request(task, text, shown), lambda _: None)
        read = read_answer(completion.text, task.output)
        value = read.value if isinstance(read, Valid) else None
        told = value["about"] if isinstance(value, dict) else value
        return Told(told == task.right.get(domain, False), completion)

    try:
        await model.prepare()
        rows = questions(folder, task.domains, count // len(task.domains))
        return list(await asyncio.gather(*(one(*row) for row in rows)))
    finally:
        await model.close()


# ----------------------------------------------------------------------------------------------- figures


def listed(completion: Completion, count: int) -> Completion:
    """As if the server had listed only so many alternatives."""
    assert completion.logprobs is not None
    return replace(completion, logprobs=tuple(replace(t, top=t.top[:count]) for t in completion.logprobs))


def auroc(right: Sequence[float], wrong: Sequence[float]) -> float:
    """How often a right answer is surer than a wrong one; 0.5 is chance."""
    pairs = len(right) * len(wrong)
    return sum((r > w) + 0.5 * (r == w) for r in right for w in wrong) / pairs if pairs else float("nan")


def interval(rows: Sequence[tuple[float, bool]]) -> tuple[float, float]:
    """The middle 95 % over samples with replacement."""
    draw, found = random.Random(1), []
    for _ in range(DRAWS):
        again = draw.choices(rows, k=len(rows))
        found.append(auroc([s for s, ok in again if ok], [s for s, ok in again if not ok]))
    found = sorted(value for value in found if value == value)
    return found[len(found) // 40], found[-len(found) // 40 - 1]


def report(task: Task, told: Sequence[Told]) -> None:
    print(f"\n### {task.name}: {mean(t.right for t in told):.0%} of {len(told)} right\n")
    print("| alternatives per token | mean | AUROC | 95 % | right in fifths, from least to most sure |")
    print("| --- | --- | --- | --- | --- |")
    for count in LISTED:
        rows = [(confidence(listed(t.completion, count), task.output) or 0.0, t.right) for t in told]
        low, high = interval(rows)
        area = auroc([s for s, ok in rows if ok], [s for s, ok in rows if not ok])
        average = mean(sure for sure, _ in rows)
        print(f"| {count} | {average:.2f} | {area:.3f} | {low:.3f}–{high:.3f} | {fifths(rows)} |")


def fifths(rows: Sequence[tuple[float, bool]]) -> str:
    ordered = sorted(rows, key=lambda row: row[0])
    size = len(ordered) / 5
    parts = [ordered[round(i * size) : round((i + 1) * size)] for i in range(5)]
    return ", ".join(f"{mean(ok for _, ok in part):.0%}" for part in parts)


async def cost() -> None:
    """CPU seconds of the model host per token with and without, in alternation; the ratio is taken within a pair.

    Time on the clock would be that of everything else on the machine too.
    """
    model = opened(context=1088)  # a host that nobody else uses
    plain = Request((Message("user", "Write about a river."),), 64, params={"temperature": 0})
    print(
        "\n| alternatives per token | CPU per token, of that without | lowest–highest |\n| --- | --- | --- |"
    )
    try:
        info = await model.prepare()
        hosts = Hosts(Config.from_environment(os.environ, Path.cwd()).runtime / "hosts", environ=os.environ)
        pid = next(
            host.state.pid for host in hosts.running() if host.state and host.state.url == info.endpoint
        )
        process = psutil.Process(pid)
        await spent(model, process, plain)
        for count in LISTED:
            ratios = []
            for _ in range(REPEATS):
                without = await spent(model, process, plain)
                chat.TOP_LOGPROBS = count
                ratios.append(await spent(model, process, replace(plain, logprobs=True)) / without)
            print(f"| {count} | {median(ratios):.2f} | {min(ratios):.2f}–{max(ratios):.2f} |", flush=True)
    finally:
        await model.close()


async def spent(model: LlamaCpp, process: psutil.Process, asked: Request) -> float:
    """CPU seconds of the host per generated token."""
    before = process.cpu_times()
    completion = await model.generate(asked, lambda _: None)
    after = process.cpu_times()
    used = after.user + after.system - before.user - before.system
    return used / completion.usage.completion


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.confidence", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cases", type=int, default=CASES)
    parser.add_argument("--cost", action="store_true")
    arguments = parser.parse_args()
    if not arguments.cost:
        chat.TOP_LOGPROBS = MANY
        for task in tasks():
            report(task, asyncio.run(ask_all(task, arguments.folder, arguments.cases)))
    asyncio.run(cost())


if __name__ == "__main__":
    main()
