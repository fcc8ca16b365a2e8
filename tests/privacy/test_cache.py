"""The cache has labels too: an answer serves steps of its own label, and what is not kept is not cached."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from orchestrator.policy.secrets import Secrets
from tests.privacy.harness import play


class MemoryCache(dict[str, Any]):
    """Everything that was put in."""

    def put(self, key: str, value: Any) -> None:
        self[key] = value


def asked(root: Path, cache: MemoryCache, text: str, **more: Any) -> int:
    """How many calls the step takes."""
    inputs = {"x": "hello"}
    return len(play(root, text, lambda _: "answer", inputs=inputs, cache=cache, **more).requests)


def step(label: str, keep: str = "") -> str:
    return f"""
    {keep}
    inputs: {{x: {{type: text, label: {label}}}}}
    steps: {{a: {{agent: writer, prompt: "{{{{ inputs.x }}}}"}}}}
    """


def test_an_answer_serves_the_same_request_of_the_same_label(tmp_path: Path) -> None:
    """That is what it is for."""
    cache = MemoryCache()

    assert [asked(tmp_path, cache, step("private")) for _ in range(2)] == [1, 0]


def test_an_answer_to_private_data_is_no_answer_of_a_public_step(tmp_path: Path) -> None:
    """Although the request is the same to the letter: the proof before the run knows nothing of it."""
    cache = MemoryCache()

    assert asked(tmp_path, cache, step("private")) == 1
    assert asked(tmp_path, cache, step("public")) == 1


def test_an_answer_whose_label_rose_is_asked_for_anew(tmp_path: Path) -> None:
    """The entry of the time when it was public stays what it was."""
    cache = MemoryCache()

    assert asked(tmp_path, cache, step("public")) == 1
    assert asked(tmp_path, cache, step("private")) == 1
    assert asked(tmp_path, cache, step("public")) == 0


def test_what_the_record_does_not_keep_is_not_cached_either(tmp_path: Path) -> None:
    """The cache lies on the same disk."""
    cache = MemoryCache()

    assert [asked(tmp_path, cache, step("private", "keep: {private: hash}")) for _ in range(2)] == [1, 1]
    assert cache == {}


def test_an_answer_that_holds_a_secret_is_not_cached(tmp_path: Path) -> None:
    """Whatever its label says."""
    cache = MemoryCache()

    asked(tmp_path, cache, step("public"), secrets=Secrets.of({"KEY": "answer"}))

    assert cache == {}
