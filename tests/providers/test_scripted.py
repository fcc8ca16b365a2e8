"""Scripted answers, from code and from files."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from orchestrator.errors import ProviderError, UsageError
from orchestrator.messages import Completion, Message, Request
from orchestrator.providers.script import open_script
from orchestrator.providers.scripted import Reply, ScriptedModel
from orchestrator.spec.model import ModelSpec


def _ask(model: ScriptedModel, *texts: str, logprobs: bool = False) -> list[Completion]:
    async def act() -> list[Completion]:
        return [
            await model.generate(Request((Message("user", text),), 9, logprobs=logprobs), lambda _: None)
            for text in texts
        ]

    return asyncio.run(act())


def _file(tmp_path: Path, text: str) -> ScriptedModel:
    (tmp_path / "answers.yaml").write_text(text, encoding="utf-8")
    spec = ModelSpec(use="scripted:answers.yaml", context=300)
    return open_script("small", "answers.yaml", spec, tmp_path)


def test_every_form_of_a_script_answers() -> None:
    """A function, a coroutine, a list, a map, one text, a value."""

    async def later(request: Request) -> str:
        await asyncio.sleep(0)
        return request.messages[-1].content.upper()

    assert _ask(ScriptedModel(lambda r: r.messages[-1].content[::-1]), "abc")[0].text == "cba"
    assert _ask(ScriptedModel(later), "abc")[0].text == "ABC"
    assert [c.text for c in _ask(ScriptedModel(["a", Reply(text="b")]), "1", "2")] == ["a", "b"]
    assert _ask(ScriptedModel({"bill": "invoice", "": "else"}), "the bill", "x")[1].text == "else"
    assert _ask(ScriptedModel("always"), "1", "2")[1].text == "always"
    assert json.loads(_ask(ScriptedModel([{"a": 1}]), "1")[0].text) == {"a": 1}


def test_what_it_was_asked_is_kept() -> None:
    """For a test to look at."""
    model = ScriptedModel("x")

    _ask(model, "one", "two")

    assert [request.messages[-1].content for request in model.requests] == ["one", "two"]


def test_a_script_without_an_answer_says_so() -> None:
    """And what it was asked."""
    with pytest.raises(ProviderError, match="no answer left") as error:
        _ask(ScriptedModel([]), "the question")
    assert "the question" in error.value.hint

    with pytest.raises(ProviderError, match="no answer in the script"):
        _ask(ScriptedModel({"a": "b"}), "xyz")


def test_a_file_answers_by_match_and_in_order(tmp_path: Path) -> None:
    """Entries that match answer as often as they do; the others once each."""
    model = _file(
        tmp_path,
        """
- {match: invoice, value: {topic: billing}}
- {regex: '^Hel+o', text: greeting}
- plain text
- {chunks: [a, b], finish: length, thinking: hm, delay: 1ms}
""",
    )

    answers = _ask(model, "an invoice", "Hellllo", "x", "my invoice", "y")

    assert [a.text for a in answers] == [
        '{"topic": "billing"}',
        "greeting",
        "plain text",
        '{"topic": "billing"}',
        "ab",
    ]
    assert answers[-1].finish == "length"
    assert answers[-1].thinking == "hm"


def test_a_file_can_fail_and_be_unsure(tmp_path: Path) -> None:
    """Faults by kind, log-probabilities when asked for."""
    model = _file(
        tmp_path, "- {text: a b, logprobs: [[a, -0.5], [b, 0]]}\n- {fault: rate_limited, message: busy}\n"
    )

    sure = _ask(model, "1", logprobs=True)[0]
    assert sure.logprobs is not None
    assert sure.logprobs[0].logprob == -0.5
    with pytest.raises(ProviderError, match="busy") as error:
        _ask(model, "2")
    assert error.value.kind == "rate_limited"


def test_the_file_is_the_models_identity(tmp_path: Path) -> None:
    """A changed script is another model for the cache; the context is the file's."""
    first = asyncio.run(_file(tmp_path, "- a").prepare())
    second = asyncio.run(_file(tmp_path, "- b").prepare())

    assert first.digest != second.digest
    assert first.context == 300
    assert first.local


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("- {txt: a}", "answer 1: txt"),
        ("- a\n- {text: a, value: 1}", "answer 2"),
        ("a: b", "is a list"),
        ("- {regex: '('}\n", "answer 1"),
        ("- {text: a, regex: '('}\n", "regex"),
        ("- [", "answers.yaml:1"),
        ("- {fault: nonsense}", "fault"),
        ("- {delay: 3, text: a}", "duration"),
    ],
)
def test_a_wrong_file_is_told_with_its_place(tmp_path: Path, text: str, says: str) -> None:
    """One sentence, no traceback."""
    with pytest.raises(UsageError, match=says):
        _file(tmp_path, text)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """With what to write."""
    with pytest.raises(UsageError, match=r"none\.yaml") as error:
        open_script("small", "none.yaml", ModelSpec(use="scripted:none.yaml"), tmp_path)

    assert error.value.hint


def test_a_scripted_fault_may_come_in_mid_stream() -> None:
    """The pieces before it are shown."""
    pieces: list[str] = []

    async def act() -> Any:
        model = ScriptedModel([Reply(chunks=("a", "b"), fault="protocol")])
        return await model.generate(Request((Message("user", "x"),), 9), pieces.append)

    with pytest.raises(ProviderError):
        asyncio.run(act())
    assert pieces == ["a", "b"]
