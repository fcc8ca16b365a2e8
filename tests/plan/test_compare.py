"""Two revisions of a workflow: what may newly leave, what changed, and whose answers in the cache are stale."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.engine.made_of import inputs_read
from orchestrator.graph.cloud import is_cloud
from orchestrator.graph.open import open_workflow
from orchestrator.money import Price
from orchestrator.plan.compare import Comparison, Side, compare
from orchestrator.plan.overview import overview
from orchestrator.report.diff_words import anew, change, changes, step

BASE = """orch: 1
inputs:
  text: {type: string, label: public, default: hello}
  note: {type: string, label: public, default: more}
  body: {type: string(100), label: private, default: mine}
models: {cloud: "openai:gpt-5-mini"}
agents:
  sorter: {role: You sort., params: {temperature: 0}}
  scrubber: {role: You scrub., params: {temperature: 0}}
steps:
  scrub: {agent: scrubber, prompt: "Scrub {{ inputs.body }}", declassify: {from: private, to: public, by: redact}}
  sort: {agent: sorter, prompt: "Sort {{ inputs.text }}", output: low | high}
  draft:
    agent: sorter
    prompt: "{{ sort }}: {{ scrub }}"
    escalate: {to: cloud, usd: 0.01}
  tail: {value: "{{ draft }} {{ inputs.note }}"}
"""
ESCALATE = "    escalate: {to: cloud, usd: 0.01}\n"


def side(folder: Path, text: str) -> Side:
    (folder / ".git").mkdir(parents=True)
    (folder / "flow.yaml").write_text(text, encoding="utf-8")
    graph = open_workflow(folder / "flow.yaml")
    return Side(graph, overview(graph, None, is_cloud, lambda spec: Price(1.0, 2.0)))


def compared(folder: Path, old: str, new: str) -> Comparison:
    return compare(side(folder / "old", old), side(folder / "new", new), inputs_read)


def test_the_same_file_in_two_places_has_no_difference(tmp_path: Path) -> None:
    """Where a revision was written to is no part of it."""
    found = compared(tmp_path, BASE, BASE)

    assert not found.differs
    assert found.same == 4


def test_a_step_that_escalates_now_newly_leaves(tmp_path: Path) -> None:
    """Which step, where to, and what can be in it, through the steps it reads."""
    found = compared(tmp_path, BASE.replace(ESCALATE, ""), BASE)
    back = compared(tmp_path / "back", BASE, BASE.replace(ESCALATE, ""))

    (news,) = found.news
    assert (news.way.step, news.way.sink, news.way.target) == ("draft", "cloud", "openai:gpt-5-mini")
    assert (news.way.always, news.way.label, news.way.lowered) == (False, "public", ("scrub",))
    assert news.way.reads == ("inputs.body", "inputs.text")
    assert found.before.usd == 0
    assert not back.news
    assert [way.step for way in back.gone] == ["draft"]


@pytest.mark.parametrize(
    ("old", "new", "why", "names"),
    [
        ("Sort {{ inputs.text }}", "Sort {{ inputs.text }} {{ inputs.note }}", "reads", ("inputs.note",)),
        ("openai:gpt-5-mini", "groq:llama-3.1-8b-instant", "elsewhere", ()),
        ("by: redact", "by: approve", "otherwise", ("scrub",)),
        (": {{ scrub }}", "", "", ()),
        ("escalate: {to: cloud, usd: 0.01}", "model: cloud", "always", ()),
        ("to: cloud, usd", 'to: cloud, when: "confidence < 0.9", usd', "rule", ()),
        ("escalate: {to: cloud,", "escalate: {to: cloud, carry: [answer],", "parts", ("answer",)),
    ],
)
def test_more_on_a_way_that_was_there_is_news_as_well(
    tmp_path: Path, old: str, new: str, why: str, names: tuple[str, ...]
) -> None:
    """More in it, another place, another guard, more often; less in it is none."""
    assert old in BASE

    found = compared(tmp_path, BASE, BASE.replace(old, new))

    reasons = {reason: named for one in found.news for reason, named in one.why.items()}
    if why == "always":  # the kind of the way is another one then
        assert "new" in reasons or "always" in reasons
    elif why:
        assert reasons[why] == names  # type: ignore[index]
    else:
        assert reasons == {}


def test_a_rename_is_said_only_where_nothing_else_differs(tmp_path: Path) -> None:
    """A step with another name and another prompt is one that is gone and one that is new."""
    renamed = compared(tmp_path / "1", BASE, BASE.replace("  tail:", "  final:"))
    other = compared(
        tmp_path / "2", BASE, BASE.replace("  tail:", "  final:").replace("{{ draft }} ", "so {{ draft }} ")
    )
    twice = compared(
        tmp_path / "3", BASE, BASE.replace("  tail:", '  a: {value: "{{ draft }} {{ inputs.note }}"}\n  b:')
    )

    assert [(one.what, one.was, one.path) for one in renamed.steps] == [("renamed", "tail", "final")]
    assert [one.what for one in other.steps] == ["added", "removed"]
    assert [one.what for one in twice.steps] == ["added", "added", "removed"]


def test_prompts_roles_and_keys_are_named(tmp_path: Path) -> None:
    """An agent's role counts for each step that uses it."""
    new = BASE.replace("You sort.", "You sort well.").replace("low | high", "low | mid | high")

    found = compared(tmp_path, BASE, new)

    steps = {one.path: one for one in found.steps}
    assert [(t.key, t.after) for t in steps["draft"].texts] == [("role", "You sort well.")]
    assert [key.key for key in steps["sort"].keys] == ["output"]
    assert "scrub" not in steps


def test_what_is_asked_anew_is_what_changed_and_what_reads_it(tmp_path: Path) -> None:
    """Of its own, or after another step; a check and a timeout leave answers as they are."""
    role = compared(tmp_path / "1", BASE, BASE.replace("You scrub.", "You scrub well."))
    calm = compared(
        tmp_path / "2",
        BASE,
        BASE.replace("output: low | high}", "output: low | high, repair: 3, timeout: 9s}"),
    )
    prose = compared(tmp_path / "3", BASE, BASE.replace("orch: 1", "orch: 1\ndescription: another"))

    assert [(one.step, one.why, one.after) for one in role.anew] == [
        ("scrub", ("role",), ()),
        ("draft", (), ("scrub",)),
    ]
    assert calm.anew == ()
    assert prose.anew == ()


@pytest.mark.parametrize(
    ("old", "new", "step"),
    [
        ("Sort {{", "Now sort {{", "sort"),
        ("You sort.", "Sort!", "sort"),
        ("low | high", "low | top", "sort"),
        (
            "role: You sort., params: {temperature: 0}",
            "role: You sort., params: {temperature: 0, top_p: 0.5}",
            "sort",
        ),
        ("{agent: sorter, prompt", "{agent: sorter, samples: 3, pick: scrubber, prompt", "sort"),
        ("label: private", "label: internal", "scrub"),
    ],
)
def test_each_ingredient_of_the_cache_makes_its_step_stale(
    tmp_path: Path, old: str, new: str, step: str
) -> None:
    """Prompt, role, schema, parameters, samples, label."""
    text = BASE.replace("from: private", "from: internal") if "internal" in new else BASE
    base = BASE if text is BASE else text.replace("label: private", "label: internal")
    found = compared(tmp_path, BASE, text.replace(old, new) if base is BASE else base)

    assert step in {one.step for one in found.anew if one.why}


def test_cases_are_compared_by_what_is_in_them(tmp_path: Path) -> None:
    """The file says the same; other worked examples are another prompt."""
    text = BASE.replace("role: You sort.,", "role: You sort., examples: {from: cases.jsonl, k: 1},").replace(
        ESCALATE, ""
    )
    for name, line in (
        ("old", '{"input": "a", "output": "low"}'),
        ("new", '{"input": "b", "output": "low"}'),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "cases.jsonl").write_text(line + "\n", encoding="utf-8")

    found = compared(tmp_path, text, text)

    assert [(one.path, [key.key for key in one.keys]) for one in found.steps] == [
        ("sort", ["cases of examples"]),
        ("draft", ["cases of examples"]),
    ]
    assert found.same == 2
    assert ("sort", ("cases of examples",)) in [(one.step, one.why) for one in found.anew]


@pytest.mark.parametrize(("effects", "leaves"), [("none", False), ("idempotent", True)])
def test_another_function_behind_a_tool_is_another_step(tmp_path: Path, effects: str, leaves: bool) -> None:
    """No line of the file changes. Where the function may send what it is given, that may be newly so."""
    text = BASE.replace(
        "models: {cloud",
        f'tools: {{count: {{python: "t.py:f", clearance: private, effects: {effects}}}}}\nmodels: {{cloud',
    )
    text += '  counted: {tool: count, with: {text: "{{ inputs.body }}"}}\n'
    for name, body in (("old", "return 1"), ("new", "return 2")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "t.py").write_text(f"def f(text: str) -> int:\n    {body}\n", encoding="utf-8")

    found = compared(tmp_path, text, text)

    assert [(one.path, [key.key for key in one.keys]) for one in found.steps] == [
        ("counted", ["code of count"])
    ]
    assert [(one.way.sink, dict(one.why)) for one in found.news] == (
        [("count", {"code": ()})] if leaves else []
    )


def test_a_step_of_another_name_is_not_the_same_with_other_documents(tmp_path: Path) -> None:
    """That its cases changed meanwhile is said beside its name."""
    text = BASE.replace("role: You sort.,", "role: You sort., examples: {from: cases.jsonl, k: 1},").replace(
        ESCALATE, ""
    )
    for name, line in (("old", "a"), ("new", "b")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "cases.jsonl").write_text(f'{{"input": "{line}", "output": "low"}}\n')

    found = compared(
        tmp_path, text, text.replace("  draft:", "  first:").replace("{{ draft }}", "{{ first }}")
    )

    (renamed,) = [one for one in found.steps if one.what == "renamed"]
    assert step(renamed, str) == "draft is first now, the same but for cases of examples"


def test_of_a_map_only_what_changed_in_it_is_shown(tmp_path: Path) -> None:
    """And of a long value the place at which it changed, not the beginning that both have in common."""
    long = "failed or " + " or ".join(f"inputs.text == '{n}'" for n in range(30))
    old = BASE.replace("usd: 0.01}", f'usd: 0.01, when: "{long}"}}')
    new = old.replace("'29'", "'31'").replace(
        "text: {type: string, label: public, default: hello}",
        "text: {type: string, label: public, default: bye}",
    )

    found = compared(tmp_path, old, new)

    assert changes(found.file, str) == ['inputs.text.default: "hello" → "bye"']
    (line,) = changes(next(one for one in found.steps if one.path == "draft").keys, str)
    assert line.startswith("escalate.when: …")
    assert "'29'\" → …" in line
    assert line.endswith("'31'\"")


def test_of_a_long_chain_a_few_steps_are_named(tmp_path: Path) -> None:
    """Each comes after all others: to name them all would be as long as the square of the file."""
    agents = BASE[: BASE.index("steps:")]
    chain = "".join(
        f'  s{n}: {{agent: sorter, prompt: "{{{{ {f"s{n - 1}" if n else "inputs.text"} }}}}"}}\n'
        for n in range(40)
    )
    text = f'{agents}steps:\n{chain}  final: {{agent: scrubber, prompt: "{{{{ s39 }}}}"}}\n'

    found = compared(tmp_path, text, text.replace("You sort.", "You sort well."))

    assert anew(found.anew, str)[-1].endswith("final (after s0, s1, s2 and 37 more)")


def test_the_worst_case_has_a_bound_or_says_why_not(tmp_path: Path) -> None:
    """A budget bounds what lengths do not."""
    free = (
        BASE.replace(", usd: 0.01", "")
        .replace("Sort {{ inputs.text }}", "Sort {{ inputs.text }}")
        .replace(": {{ scrub }}", ": {{ inputs.text }}")
    )
    found = compared(tmp_path, free, free.replace("steps:", "budget: {usd: 0.5}\nsteps:", 1))

    assert found.after.usd is not None
    assert found.after.usd <= 0.5


def test_a_model_that_was_declared_all_along_is_not_new(tmp_path: Path) -> None:
    """Only a step began to use it, or none does any more; one that the file gained or lost is new, or gone."""
    unused = BASE.replace(ESCALATE, "")
    none = unused.replace('models: {cloud: "openai:gpt-5-mini"}\n', "")

    said = [
        [change(one, str).rpartition("} ")[2] for one in compared(tmp_path / name, old, new).models]
        for name, old, new in (
            ("used", unused, BASE),
            ("idle", BASE, unused),
            ("new", none, BASE),
            ("gone", BASE, none),
        )
    ]

    assert said == [["is used now"], ["is not used any more"], ["is new"], ["is gone"]]


def test_a_step_that_asks_another_model_says_so_once(tmp_path: Path) -> None:
    """By its models; what they are stands in the section of models."""
    other = BASE.replace("{agent: sorter, prompt", "{agent: sorter, model: cloud, prompt")

    found = compared(tmp_path, BASE, other)

    assert [[key.key for key in one.keys] for one in found.steps] == [["models"]]
    assert next(one.why for one in found.anew if one.step == "sort") == ("models",)
