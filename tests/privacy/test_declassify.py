"""`declassify` at run time: the value passes its checker, or the step fails and nothing counts as less private."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from orchestrator.engine.recover import Recovered, recover
from orchestrator.events import AskAnswered, AskOpened, AttemptStarted, StepFailed
from orchestrator.policy.secrets import Secrets
from orchestrator.ports import Reply
from tests.engine.harness import Played
from tests.privacy.harness import play

REDACT = """
inputs: {mail: text, name: string}
steps:
  scrub:
    agent: writer
    prompt: "Take out who it is: {{ inputs.mail }}"
    declassify: {from: private, to: public, by: redact}
"""
INPUTS = {"mail": "Anna Schmidt, anna@example.com, wants a new printer", "name": "Anna Schmidt"}


def scrubbed(root: Path, answer: Any, text: str = REDACT, **more: Any) -> Played:
    return play(root, text, lambda _: answer, inputs=INPUTS, **more)


def why(played: Played) -> str:
    failed = played.of(StepFailed)
    assert failed, played.result
    assert failed[0].error_kind == "privacy"
    return failed[0].message


# --------------------------------------------------------------------------------------------------- redact


def test_an_answer_in_which_nothing_is_found_passes(tmp_path: Path) -> None:
    """It is the value of the step, unchanged."""
    assert scrubbed(tmp_path, "Somebody wants a new printer").outputs == "Somebody wants a new printer"


@pytest.mark.parametrize(
    ("answer", "what"),
    [
        ("write to anna@example.com", "an e-mail address"),
        ("call +49 30 1234567", "a phone number"),
        ("pay to DE89 3704 0044 0532 0130 00", "an IBAN"),
        ("card 4111 1111 1111 1111", "a card number"),
        ("Anna wants a printer", "a name"),
        ("ask SCHMIDT", "a name"),
        ("the key is s3cret-key", "a secret of the environment"),
    ],
)
def test_an_answer_in_which_something_is_left_fails_the_step(tmp_path: Path, answer: str, what: str) -> None:
    """The message says what kind of thing, and not which."""
    played = scrubbed(tmp_path, answer, secrets=Secrets.of({"KEY": "s3cret-key"}))

    assert f"it holds {what}" in why(played)
    assert answer.split()[-1] not in why(played)
    assert played.result.status == "failed"


def test_every_field_of_an_answer_is_looked_at(tmp_path: Path) -> None:
    """Also what is split over two of them, and a number."""
    text = REDACT.replace("declassify:", "output: {a: text, b: text, n: number}\n    declassify:")

    assert "an e-mail address" in why(scrubbed(tmp_path, '{"a": "x", "b": "anna@example.com", "n": 1}', text))
    assert "a card number" in why(scrubbed(tmp_path, '{"a": "x", "b": "y", "n": 4111111111111111}', text))
    assert "a card number" in why(scrubbed(tmp_path, '{"a": "4111 1111", "b": "1111 1111", "n": 1}', text))
    assert scrubbed(tmp_path, '{"a": "x", "b": "y", "n": 3}', text).result.status == "done"


def test_an_address_that_is_split_over_two_fields_is_one(tmp_path: Path) -> None:
    """Each half alone is nothing."""
    text = REDACT.replace("declassify:", "output: {a: text, b: text}\n    declassify:")

    assert "an e-mail address" in why(scrubbed(tmp_path, '{"a": "jane@exam", "b": "ple.com"}', text))
    assert "a phone number" in why(scrubbed(tmp_path, '{"a": "0151 12", "b": "345678"}', text))


KEY = "S3cret-Käy_0042"


@pytest.mark.parametrize(
    "answer",
    [
        "s3CRET-kÄy_0042",
        "S3cret Käy 0042",
        "S 3 c r e t - K ä y _ 0 0 4 2",
        "S3cret\u200b-Kä\u00ady_0042",
        "Ｓ３cret-Käy_００４２",
        KEY[::-1],
        "2400_YÄK-TERC3S",
        base64.b64encode(KEY.encode()).decode(),
        base64.b64encode(b"a" + KEY.encode()).decode(),
        base64.b64encode(b"ab" + KEY.encode() + b"c").decode(),
        base64.urlsafe_b64encode(KEY.encode()).decode().rstrip("="),
        KEY.encode().hex(),
    ],
)
def test_a_secret_is_found_in_other_writing(tmp_path: Path, answer: str) -> None:
    """Case, width, what is not seen, joints, backwards, base64 and hex do not hide it."""
    played = scrubbed(tmp_path, f"It is {answer}, they say", secrets=Secrets.of({"KEY": KEY}))

    assert "a secret of the environment" in why(played)


def test_a_secret_that_is_split_over_fields_is_found(tmp_path: Path) -> None:
    """In the order of the fields, with nothing between them."""
    text = REDACT.replace("declassify:", "output: {a: text, b: text}\n    declassify:")
    secrets = Secrets.of({"KEY": KEY})
    fine = '{"a": "secret", "b": "key, 42"}'

    assert "a secret" in why(scrubbed(tmp_path, '{"a": "S3cre", "b": "t-Käy_0042"}', text, secrets=secrets))
    assert scrubbed(tmp_path, fine, text, secrets=secrets).result.status == "done"


def test_an_input_that_may_go_there_is_no_name_to_look_for(tmp_path: Path) -> None:
    """Only what is above the label that the value gets."""
    text = REDACT.replace("name: string", "name: {type: string, label: public}")

    assert scrubbed(tmp_path, "Anna wants a printer", text).result.status == "done"


def test_names_in_rows_are_known_too(tmp_path: Path) -> None:
    """Every short text of a list of tickets, for each item."""
    text = """
    inputs: {tickets: {type: [{from: string, body: text}]}}
    steps:
      each:
        foreach: inputs.tickets
        agent: writer
        prompt: "{{ item.body }}"
        on_item_error: keep
        declassify: {from: private, to: public, by: redact}
    """
    tickets = [{"from": "Ann Lee", "body": "one"}, {"from": "Bob Ray", "body": "two"}]

    played = play(
        tmp_path,
        text,
        lambda request: "as Bob said" if request.messages[-1].content == "one" else "fine",
        inputs={"tickets": tickets},
    )

    assert played.outputs == [None, "fine"]


def test_on_error_says_what_happens_instead(tmp_path: Path) -> None:
    """What the file writes out is nobody's; what is made of the answer has to pass as well."""
    literal = REDACT + "    on_error: {value: withheld}\n"
    leaking = REDACT + "    check: {'must be short': \"false\"}\n    on_error: {value: '{{ answer }}'}\n"

    assert scrubbed(tmp_path, "Anna", literal).outputs == "withheld"
    assert "a name" in why(scrubbed(tmp_path, "Anna", leaking))
    assert scrubbed(tmp_path, "nobody", leaking).outputs == "nobody"


def test_names_of_a_subworkflows_own_inputs_are_known(tmp_path: Path) -> None:
    """It may be given what the run's inputs do not hold as it is."""
    (tmp_path / "inner.yaml").write_text(
        "orch: 1\nmodels: {tiny: 'scripted:none'}\nagents: {writer: {model: tiny}}\ninputs: {name: string}\n"
        "steps:\n  x:\n    agent: writer\n    prompt: 'Hello {{ inputs.name }}'\n"
        "    declassify: {from: private, to: public, by: redact}\n",
        encoding="utf-8",
    )
    text = """
    inputs: {first: string, last: string}
    steps:
      sub:
        workflow: inner.yaml
        with: {name: "{{ inputs.first }}{{ inputs.last }}"}
        allow_declassify: [x]
    """

    played = play(tmp_path, text, lambda _: "as Annalee said", inputs={"first": "Anna", "last": "lee"})

    assert "a name" in why(played)


# ------------------------------------------------------------------------------------------------ aggregate


COUNT = """
inputs: {tickets: "[text]", note: string, top: {type: int, label: public}}
steps:
  count:
    agent: writer
    prompt: "How many are urgent? PROMPT"
    output: {urgent: int, share: number, any: bool}
    declassify: {from: private, to: public, by: aggregate, min_group: 5}
"""


def counted(root: Path, prompt: str, tickets: Sequence[str | None], inputs: Any = None) -> Played:
    given = {"tickets": list(tickets), "note": "Ann", "top": 3, **(inputs or {})}
    answer = '{"urgent": 2, "share": 0.4, "any": true}'
    return play(root, COUNT.replace("PROMPT", prompt), lambda _: answer, inputs=given)


@pytest.mark.parametrize(
    "prompt",
    [
        "{{ inputs.tickets }}",
        "{% for t in inputs.tickets %}{{ t }}{% endfor %}",
        "{{ inputs.tickets | length }} of at most {{ inputs.top }} on {{ today }}",
    ],
)
def test_figures_of_a_large_group_come_out_and_of_a_small_one_do_not(tmp_path: Path, prompt: str) -> None:
    """Five are enough where `min_group` is five, four are not."""
    assert counted(tmp_path, prompt, ["x"] * 5).result.status == "done"
    assert "4 entries of inputs.tickets, and min_group is 5" in why(counted(tmp_path, prompt, ["x"] * 4))


@pytest.mark.parametrize(
    "prompt",
    ["{{ inputs.note }}", "{{ inputs.tickets }} {{ inputs.note }}", "{{ inputs.tickets[0] }}", "nothing"],
)
def test_what_is_read_beside_a_list_stands_for_one(tmp_path: Path, prompt: str) -> None:
    """A figure about one private value is no figure of a group; the entries of one list are never fewer."""
    played = counted(tmp_path, prompt, ["x"] * 9 if prompt != "{{ inputs.tickets[0] }}" else ["x"] * 4)

    assert "min_group is 5" in why(played)


def test_the_smallest_list_counts_and_missing_entries_do_not(tmp_path: Path) -> None:
    """A failed item is nobody."""
    text = """
    inputs: {tickets: "[text]"}
    steps:
      each: {foreach: inputs.tickets, agent: writer, prompt: "{{ item }}", output: int, on_item_error: keep}
      sum:
        agent: writer
        prompt: "{{ each }}"
        output: int
        declassify: {from: private, to: public, by: aggregate, min_group: 3}
    """

    def answer(request: Any) -> str:
        return "no number" if "bad" in request.messages[0].content + request.messages[1].content else "1"

    few = play(tmp_path, text, answer, inputs={"tickets": ["a", "b", "bad"]})
    enough = play(tmp_path, text, answer, inputs={"tickets": ["a", "b", "c", "bad"]})

    assert "2 entries of each" in few.of(StepFailed)[-1].message
    assert enough.outputs == 1


FROM_STEP = """
inputs: {tickets: "[text]", note: text}
steps:
MADE
  count:
    agent: writer
    prompt: "{{ l }}"
    output: int
    declassify: {from: private, to: public, by: aggregate, min_group: 5}
outputs: {count: "{{ count }}"}
"""


def made(root: Path, step: str) -> Played:
    lines = step if step.startswith("  ") else f"  l: {step}"
    inputs = {"tickets": [f"ticket {n}" for n in range(7)], "note": "a long note"}
    return play(root, FROM_STEP.replace("MADE", lines), lambda _: "3", inputs=inputs)


@pytest.mark.parametrize(
    "step",
    [
        '{value: "{{ inputs.note | list }}"}',
        '{value: "{{ inputs.tickets[0] | list }}"}',
        '{value: "{{ inputs.tickets | first | list }}"}',
        '{value: "{{ inputs.tickets[:1] | join | list }}"}',
        "{value: \"{{ inputs.tickets | select('eq', 'ticket 1') | join | list }}\"}",
        '{value: "{{ [inputs.note, inputs.note, inputs.note, inputs.note, inputs.note] }}"}',
        '{value: ["{{ inputs.note }}", "{{ inputs.note }}", a, b, c]}',
        '{value: {deep: "{{ inputs.note | list }}"}}',
        '{value: "{{ inputs.tickets[:4] }}"}',
        "{value: \"{{ inputs.tickets | select('eq', 'ticket 1') | list }}\"}",
        '{foreach: [1, 2, 3, 4, 5], value: "{{ inputs.note }}"}',
        '{foreach: "range(5)", value: "{{ inputs.note }}"}',
        '{foreach: inputs.note | list, value: "{{ item }}"}',
        '{foreach: [1, 2, 3, 4, 5], as: n, steps: {x: {value: "{{ inputs.note }} {{ n }}"}}}',
        '  a: {value: "{{ inputs.note | list }}"}\n  l: {value: "{{ a | sort }}"}',
    ],
)
def test_pieces_of_one_value_are_no_group(tmp_path: Path, step: str) -> None:
    """However many there are: what they were made of counts."""
    assert "min_group is 5" in why(made(tmp_path, step))


@pytest.mark.parametrize(
    "step",
    [
        '{value: "{{ inputs.tickets }}"}',
        '{value: "{{ inputs.tickets | sort | list }}"}',
        '{value: "{{ inputs.tickets[:5] }}"}',
        "{value: \"{{ inputs.tickets | reject('eq', 'ticket 1') | list }}\"}",
        '{foreach: inputs.tickets, value: "{{ item }}!"}',
        '{foreach: inputs.tickets, as: t, steps: {x: {value: "{{ t }}"}}}',
        '  a: {value: "{{ inputs.tickets }}"}\n  l: {foreach: a, value: "{{ item }}"}',
    ],
)
def test_a_group_that_steps_of_the_file_passed_on_is_one(tmp_path: Path, step: str) -> None:
    """Sorted, made of each entry, or filtered with enough of them left."""
    assert made(tmp_path, step).outputs == {"count": 3}


# -------------------------------------------------------------------------------------------------- approve


APPROVE = REDACT.replace("by: redact", "by: approve") + '  send: {value: "{{ scrub }}!"}\n'


def test_a_person_sees_exactly_what_would_leave(tmp_path: Path) -> None:
    """And releases it."""
    seen: list[Any] = []

    async def person(path: str, question: str, show: Any, choices: Sequence[str], edit: Any = None) -> Reply:
        seen.append((path, question, show, choices))
        return Reply("release")

    played = scrubbed(tmp_path, "Anna's text", APPROVE, asker=person)

    assert played.outputs == "Anna's text!"
    question = "May this leave as public? It is private."
    assert seen == [("scrub", question, "Anna's text", ("release", "withhold"))]


def test_a_person_may_withhold_it(tmp_path: Path) -> None:
    """Then the step fails."""

    async def person(*_: Any) -> Reply:
        return Reply("withhold")

    assert "withheld it" in why(scrubbed(tmp_path, "Anna's text", APPROVE, asker=person))


def test_a_rejection_ends_the_run(tmp_path: Path) -> None:
    """As it does for every question."""
    first = scrubbed(tmp_path, "Anna's text", APPROVE)
    recovered = recover([*first.events, AskAnswered(at=1.0, path="scrub", choice="", by="ann")])

    assert scrubbed(tmp_path, "x", APPROVE, recovered=recovered).result.exit_code == 3


def answered(played: Played, choice: str, by: str = "ann") -> Recovered:
    return recover([*played.events, AskAnswered(at=1.0, path="scrub", choice=choice, by=by)])


def test_the_run_waits_and_releases_the_very_value_that_was_shown(tmp_path: Path) -> None:
    """The model is not asked again: it might say something else."""
    first = scrubbed(tmp_path, "the shown one", APPROVE)
    assert first.result.status == "waiting"

    second = scrubbed(tmp_path, "another one", APPROVE, recovered=answered(first, "release"))

    assert second.outputs == "the shown one!"
    assert second.of(AttemptStarted) == []


def test_where_the_record_does_not_hold_it_an_answer_counts_for_the_same_value_only(tmp_path: Path) -> None:
    """By its digest; another value is asked for again."""
    text = "keep: {private: hash}\n" + APPROVE
    first = scrubbed(tmp_path, "the shown one", text)

    seen = answered(first, "release", by="terminal")
    same = scrubbed(tmp_path, "the shown one", text, recovered=seen)
    other = scrubbed(tmp_path, "another one", text, recovered=answered(first, "release", by="terminal"))

    assert same.outputs == "the shown one!"
    assert other.result.status == "waiting"
    assert len(other.of(AskOpened)) == 1


def test_who_saw_only_a_digest_releases_nothing(tmp_path: Path) -> None:
    """The question is asked again where the value is, and shows it."""
    text = "keep: {private: hash}\n" + APPROVE
    first = scrubbed(tmp_path, "the shown one", text)
    seen: list[Any] = []

    async def person(
        _path: str, _question: str, show: Any, _choices: Sequence[str], edit: Any = None
    ) -> Reply:
        seen.append(show)
        return Reply("release")

    from_afar = scrubbed(tmp_path, "the shown one", text, recovered=answered(first, "release"))
    at_hand = scrubbed(tmp_path, "the shown one", text, recovered=answered(first, "release"), asker=person)

    assert from_afar.result.status == "waiting"
    assert (seen, at_hand.outputs) == (["the shown one"], "the shown one!")
