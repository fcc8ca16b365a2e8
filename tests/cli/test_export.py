"""`orch runs export` and `orch runs import`: what travels, what stays, and that a foreign file is only data."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator.calling import Artifact
from orchestrator.config import STORE, STORE_FILE
from orchestrator.events import (
    AskAnswered,
    AskOpened,
    CallFinished,
    CallStarted,
    Decided,
    ModelReady,
    Retrieved,
    RunFailed,
    RunFinished,
    StepFailed,
    StepFinished,
    StepSkipped,
    StepStarted,
    Warned,
)
from orchestrator.store.artifacts import Artifacts
from orchestrator.store.journal import StoreJournal
from tests.cli.recorded import (
    AT,
    DONE,
    FAILED,
    WAITING,
    Shell,
    a_done_run,
    answer,
    begun,
    record,
    record_all,
    shell_in,
)

MINE = "1123-0700-xyz"
HIDDEN = "Erika Musterfrau"


@pytest.fixture
def here(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    monkeypatch.chdir(project)
    shell = shell_in(project)
    yield shell
    shell.store.close()


@pytest.fixture
def there(
    tmp_path_factory: pytest.TempPathFactory, here: Shell, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Shell]:
    """Another project; commands are called in it from `go` on."""
    other = tmp_path_factory.mktemp("there")
    (other / "orch.yaml").write_text("orch: 1\n", encoding="utf-8")
    shell = shell_in(other)
    yield shell
    shell.store.close()


def go(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> Shell:
    place = shell.store.place
    assert place is not None
    monkeypatch.chdir(place.parent)
    return shell


def labelled(shell: Shell, label: str, made: tuple[dict[str, Any], ...] = ()) -> None:
    """A run of two steps: `open` is public, `mine` holds a person's name in everything that is told of it."""
    labels = {"inputs.tone": "public", "inputs.body": label, "open": "public", "mine": label}
    start = replace(
        begun(MINE),
        labels=labels,
        inputs={"tone": "warm", "body": HIDDEN},
        file="/home/erika/w.yaml",
        root="/home/erika",
    )
    shell.store.create(MINE, start)
    journal = StoreJournal(shell.store, MINE)
    for event in (
        ModelReady(AT, "tiny", "llamacpp:/home/erika/x.gguf", True, 2048, 4, "sha", "http://erika:1", 0.9),
        StepStarted(AT, "open", "agent"),
        *answer("open", 1, "a public answer"),
        StepFinished(AT + 1, "open", "a public answer", {"error": None}),
        StepStarted(AT, "mine", "agent", 1),
        StepStarted(AT, "mine.0", "agent"),
        *answer("mine.0", 1, HIDDEN),
        Decided(AT, "mine.0", "keep", "when", HIDDEN),
        Retrieved(AT, "mine.0", "knowledge", ("k",), HIDDEN, ({"text": HIDDEN},)),
        CallStarted(AT, "mine.0", 1, "t", {"a": HIDDEN}),
        CallFinished(AT, "mine.0", 1, "t", "ok", {"v": HIDDEN}, 0.1, HIDDEN, made),
        AskOpened(AT, "mine.0", HIDDEN, {"n": HIDDEN}, ("a",), None, None),
        AskAnswered(AT, "mine.0", "a", "erika", HIDDEN),
        StepSkipped(AT, "mine.1", HIDDEN),
        StepFailed(AT, "mine.2", "check", HIDDEN, HIDDEN, True, {"error": HIDDEN, "sources": [HIDDEN]}),
        Warned(AT, HIDDEN, "mine.0"),
        Warned(AT, HIDDEN),
        StepFinished(AT + 1, "mine.0", {"name": HIDDEN}, {"error": HIDDEN}, handled=HIDDEN),
        RunFailed(AT + 2, "", "x", HIDDEN, HIDDEN),
        RunFinished(AT + 2, {"name": HIDDEN}),
    ):
        journal.append(event)
    journal.close()


SAME = [
    ("show", "{run}", "--json"),
    ("logs", "{run}", "--json"),
    ("show", "{run}", "--verify"),
    ("cost", "{run}", "--json"),
    ("show", "{run}", "triage.0", "--json"),
]


def test_an_imported_run_is_what_was_exported(
    here: Shell, there: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every look at it is the same as where it was made; only where it lay stays there."""
    record(here.store, DONE, a_done_run())
    record(here.store, "1123-0659-big", [StepFinished(AT, "a", "x" * 100_000, {})])
    before = [here(*(word.format(run=DONE) for word in words)).stdout for words in SAME]
    big = list(here.store.events("1123-0659-big"))

    here("runs", "export", DONE, "1123-0659-big", "--everything", "--yes", "-o", "both.jsonl")
    file = str(Path("both.jsonl").absolute())
    go(there, monkeypatch)("runs", "import", file)

    for words, said in zip(SAME, before, strict=True):
        assert there(*(word.format(run=DONE) for word in words)).stdout.splitlines() == said.splitlines()
    assert list(there.store.events("1123-0659-big")) == big
    assert there.store.head(DONE).hash == here.store.head(DONE).hash
    assert "done (imported)" in there("runs").stdout
    assert "imported " in there("show", DONE).stdout
    assert {row["imported"]["run"] for row in there.json("runs")} == {"1123-0659-big", DONE}


@pytest.mark.parametrize("label", ["internal", "private", "secret", "nonsense"])
def test_nothing_above_public_is_in_the_file(here: Shell, label: str) -> None:
    """By every event that may hold a value; public ones are whole."""
    labelled(here, label)

    text = here("runs", "export", MINE, "-o", "-").stdout

    assert HIDDEN not in text
    assert "erika" not in text
    assert "a public answer" in text
    assert "not kept; digest" in text
    assert len(text.splitlines()) == 3 + here.store.run(MINE).events


def test_what_a_person_chose_is_as_private_as_the_value_that_it_is(here: Shell) -> None:
    """The choices stand in the file of the workflow; which of them it was does not leave."""
    labelled(here, "private")

    assert here("runs", "export", MINE, "-o", "out.jsonl").exit_code == 0

    lines = map(json.loads, Path("out.jsonl").read_text(encoding="utf-8").splitlines())
    asked = [one for one in lines if one.get("kind") in ("ask.opened", "ask.answered")]
    assert asked[0]["choices"] == ["a"]
    assert asked[1]["choice"].startswith("[private, not kept")


def test_a_record_without_labels_counts_as_private(here: Shell) -> None:
    """Nobody proved anything of it."""
    record(here.store, DONE, a_done_run())

    text = here("runs", "export", DONE, "-o", "-").stdout

    assert "urgency" not in text
    assert "Ticket: help" not in text


def test_everything_asks_and_never_holds_secrets(here: Shell) -> None:
    """Private values yes, those labelled secret no."""
    labelled(here, "secret")

    assert "--yes" in here("runs", "export", MINE, "--everything", code=2).stderr
    assert not list(Path.cwd().glob("*.jsonl"))
    assert HIDDEN not in here("runs", "export", MINE, "--everything", "--yes", "-o", "-").stdout


def test_a_secret_of_the_environment_is_not_told(here: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when it stands in a public answer."""
    monkeypatch.setenv("SOME_TOKEN", "a public answer")
    labelled(here, "private")

    for words in ([], ["--everything", "--yes"]):
        text = here("runs", "export", MINE, "-o", "-", *words).stdout
        assert "a public answer" not in text
        assert "[env.SOME_TOKEN]" in text


def test_labels_travel(here: Shell, there: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was imported with private values leaves without them."""
    labelled(here, "private")
    here("runs", "export", MINE, "--everything", "--yes", "-o", "all.jsonl")
    file = str(Path("all.jsonl").absolute())
    go(there, monkeypatch)("runs", "import", file)

    assert HIDDEN in there("logs", MINE, "--json").stdout
    assert HIDDEN not in there("runs", "export", MINE, "-o", "-").stdout


def test_files_of_tools_travel_where_they_may(
    here: Shell, there: Shell, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of a private step stay."""
    (project / "x.csv").write_text("a,b\n", encoding="utf-8")
    kept = Artifacts(project / STORE / "artifacts")(Artifact("x.csv", "text/csv", project / "x.csv"))
    for number, label in enumerate(("public", "private")):
        run = f"1123-070{number}-abc"
        here.store.create(run, replace(begun(run), labels={"a": label}))
        journal = StoreJournal(here.store, run)
        journal.append(CallFinished(AT, "a", 1, "t", "ok", None, 0.1, artifacts=(dict(kept),)))
        journal.append(RunFinished(AT + 1, None))
        journal.close()
        here("runs", "export", run, "-o", f"{number}.jsonl")

    assert '"artifact"' not in Path("1.jsonl").read_text(encoding="utf-8")
    file = str(Path("0.jsonl").absolute())
    go(there, monkeypatch)("runs", "import", file)
    assert next((there.store.place or Path()).rglob("*.csv")).read_text(encoding="utf-8") == "a,b\n"


def test_importing_twice_changes_nothing(here: Shell, there: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same run is here already, where it was made and where it was brought to."""
    record(here.store, DONE, a_done_run())
    here("runs", "export", DONE)
    file = str(Path(f"{DONE}.run.jsonl").absolute())

    assert "already" in here("runs", "import", file).stderr
    go(there, monkeypatch)
    assert there.json("runs", "import", file) == [{"run": DONE, "of": DONE, "new": True}]
    assert there.json("runs", "import", file) == [{"run": DONE, "of": DONE, "new": False}]
    there("runs", "export", DONE, "-o", "again.jsonl")
    assert "already" in there("runs", "import", "again.jsonl").stderr


def test_another_run_of_the_same_id_is_never_overwritten(
    here: Shell, there: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes in under another id."""
    record(here.store, DONE, a_done_run())
    here("runs", "export", DONE)
    file = str(Path(f"{DONE}.run.jsonl").absolute())
    record(there.store, DONE, a_done_run()[:3])
    before = list(there.store.events(DONE))

    go(there, monkeypatch)
    assert "--as" in there("runs", "import", file, code=2).stderr
    there("runs", "import", file, "--as", "1123-0645-aab")

    assert list(there.store.events(DONE)) == before
    assert there.json("show", "1123-0645-aab")["id"] == "1123-0645-aab"
    assert there.store.verify("1123-0645-aab") == []


def test_a_file_that_is_there_is_not_overwritten(here: Shell) -> None:
    """Nor is half a file left."""
    record(here.store, DONE, a_done_run())
    Path(f"{DONE}.run.jsonl").write_text("mine", encoding="utf-8")

    assert "there already" in here("runs", "export", DONE, code=2).stderr
    assert Path(f"{DONE}.run.jsonl").read_text(encoding="utf-8") == "mine"


def test_a_damaged_run_is_not_exported(here: Shell) -> None:
    """Nobody else could tell."""
    record(here.store, DONE, a_done_run())
    with here.store.writing() as connection:
        connection.exec_driver_sql("UPDATE events SET payload = '[1]' WHERE seq = 3")

    assert "damaged" in here("runs", "export", DONE, code=2).stderr


@pytest.mark.parametrize(
    "words",
    [("resume", WAITING), ("fork", WAITING, "--at", "approve"), ("replay", WAITING), ("approve", WAITING)],
)
def test_an_imported_run_is_not_gone_on_with(
    here: Shell, there: Shell, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    """What it names lies elsewhere, and who wrote it is not known."""
    record_all(here.store)
    here("runs", "export", WAITING)
    file = str(Path(f"{WAITING}.run.jsonl").absolute())
    go(there, monkeypatch)("runs", "import", file)

    assert "was imported" in there(*words, code=2).stderr


def test_a_run_as_spans(here: Shell) -> None:
    """One trace; every span lies in another, has an end, and tells nothing of what was said."""
    labelled(here, "public")
    text = here("runs", "export", MINE, "--format", "otlp-json", "-o", "-").stdout

    spans = json.loads(text)["resourceSpans"][0]["scopeSpans"][0]["spans"]
    ids = {span["spanId"]: span for span in spans}
    chat = next(span for span in spans if span["name"] == "chat tiny")
    about = {one["key"]: next(iter(one["value"].values())) for one in chat["attributes"]}

    assert HIDDEN not in text
    assert {span["traceId"] for span in spans} == {spans[0]["traceId"]}
    assert [span["name"] for span in spans if "parentSpanId" not in span] == ["run support-desk"]
    assert all(span["parentSpanId"] in ids for span in spans if "parentSpanId" in span)
    assert all(int(span["endTimeUnixNano"]) >= int(span["startTimeUnixNano"]) for span in spans)
    assert ids[chat["parentSpanId"]]["name"] == "open"
    assert (about["gen_ai.usage.input_tokens"], about["gen_ai.request.model"]) == ("31", "x.gguf")


# ------------------------------------------------------------------------------------------ foreign files


def resealed(lines: list[bytes]) -> bytes:
    """The file with a digest that fits: anybody can make one."""
    digest = hashlib.sha256(b"".join(lines[1:-1])).hexdigest()
    return b"".join([*lines[:-1], json.dumps({"end": {"sha256": digest}}).encode() + b"\n"])


def with_event(change: Callable[[dict[str, Any]], None], number: int) -> Callable[[list[bytes]], bytes]:
    def changed(lines: list[bytes]) -> bytes:
        event = json.loads(lines[number])
        change(event)
        return resealed([*lines[:number], json.dumps(event).encode() + b"\n", *lines[number + 1 :]])

    return changed


def with_head(**facts: Any) -> Callable[[list[bytes]], bytes]:
    def changed(lines: list[bytes]) -> bytes:
        head = json.loads(lines[1])
        head["run"].update(facts)
        return resealed([lines[0], json.dumps(head).encode() + b"\n", *lines[2:]])

    return changed


BAD: dict[str, Callable[[list[bytes]], bytes]] = {
    "empty": lambda _: b"",
    "binary": lambda _: os.urandom(5000),
    "no lines": lambda _: b"[" * 1_000_000,
    "another format": lambda lines: b'{"orch_export":2}\n' + b"".join(lines[1:]),
    "nothing in it": lambda lines: lines[0],
    "cut": lambda lines: b"".join(lines)[:-30],
    "without its end": lambda lines: b"".join(lines[:-1]),
    "one event less": lambda lines: b"".join([*lines[:4], *lines[5:]]),
    "less, resealed": lambda lines: resealed([*lines[:4], *lines[5:]]),
    "one byte": lambda lines: b"".join(lines).replace(b"low", b"LOW", 1),
    "twice": lambda lines: b"".join([*lines, *lines[1:]]),
    "an id that is a path": with_head(id="../../etc"),
    "an id of another": with_head(id="1123-0645-bbb"),
    "no event": with_head(events=0),
    "many events": with_head(events=10**12),
    "events as text": with_head(events="11"),
    "a kind that is none": with_event(lambda e: e.update(kind="run.exploded"), 4),
    "a deep value": with_event(lambda e: e.update(inputs=json.loads('{"a":' * 300 + "1" + "}" * 300)), 2),
    "a number beyond all": with_event(lambda e: e.update(prompt_tokens=10**30), 7),
    "a huge number": with_event(lambda e: e.update(prompt_tokens=2**60), 7),
    "no time": with_event(lambda e: e.update(at=1e300), 4),
    "not a number": with_event(lambda e: e.update(at=float("nan")), 4),
    "begun twice": lambda lines: resealed([*lines[:3], lines[2], *lines[4:]]),
    "a message without words": with_event(lambda e: e.update(messages=[{"x": 1}]), 6),
    "a file without a name": with_event(
        lambda e: e.update(kind="call.finished", call=1, tool="t", outcome="ok", artifacts=[{}]), 9
    ),
    "a stray file": lambda lines: resealed(
        [*lines[:-1], json.dumps({"artifact": {"sha256": hashlib.sha256(b"x").hexdigest(), "data": "eA=="}}).encode() + b"\n", lines[-1]]
    ),
    "a file that is another": lambda lines: resealed(
        [*lines[:-1], json.dumps({"artifact": {"sha256": "0" * 64, "data": "eA=="}}).encode() + b"\n", lines[-1]]
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    folder = tmp_path_factory.mktemp("made")
    (folder / "orch.yaml").write_text("orch: 1\n", encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        shell = shell_in(folder)
        record(shell.store, DONE, a_done_run())
        shell("runs", "export", DONE, "--everything", "--yes", "-o", "x.jsonl")
        shell.store.close()
    return (folder / "x.jsonl").read_bytes().splitlines(keepends=True)


@pytest.mark.parametrize("kind", BAD)
def test_a_foreign_file_that_is_wrong_writes_nothing(here: Shell, exported: list[bytes], kind: str) -> None:
    """One clear error, with the place where it is."""
    Path("bad.jsonl").write_bytes(BAD[kind](exported))

    said = here("runs", "import", "bad.jsonl", code=2)

    assert "Traceback" not in said.output
    assert "error:" in said.stderr
    assert here.json("runs") == []
    assert not list(Path(STORE).glob("artifacts/*"))


def test_options_of_a_foreign_run_are_taken_by_their_type(here: Shell, exported: list[bytes]) -> None:
    """Others would steer what is said of the run."""
    bad = with_event(
        lambda e: e.update(options={"forked": {"x": 1}, "today": 3, "cache": True, "models": [1]}), 2
    )
    Path("odd.jsonl").write_bytes(bad(exported))
    here("runs", "import", "odd.jsonl")

    assert here.json("show", DONE)["options"] == {"cache": True}
    assert here("show", DONE).exit_code == 0


def test_control_characters_of_a_foreign_run_stay_visible(here: Shell, exported: list[bytes]) -> None:
    """A terminal obeys nothing of it."""
    Path("odd.jsonl").write_bytes(with_event(lambda e: e.update(workflow="\x1b]52;c;x\x07"), 2)(exported))
    here("runs", "import", "odd.jsonl")

    assert "\x1b" not in here("runs").stdout + here("show", DONE).stdout
    assert (Path(STORE) / STORE_FILE).exists()


def test_a_foreign_run_is_exported_from_a_failed_one_too(here: Shell) -> None:
    """Whatever its end was."""
    record_all(here.store)
    here("runs", "export", DONE, FAILED, WAITING, "-o", "all.jsonl")
    here("runs", "rm", DONE, FAILED, WAITING)
    here("runs", "import", "all.jsonl")

    assert sorted(row["status"] for row in here.json("runs")) == ["done", "failed", "waiting"]


def test_how_much_was_left_out_is_said(here: Shell) -> None:
    """And how it comes along; where nothing was left out, nothing is said."""
    labelled(here, "private")

    some = here("runs", "export", MINE, "-o", "some.jsonl").stderr
    every = here("runs", "export", MINE, "--everything", "--yes", "-o", "every.jsonl").stderr

    notes = Path("some.jsonl").read_text(encoding="utf-8").count("not kept; digest")
    assert notes > 0
    assert f"{notes} values above public were left out; --everything takes them along, but no secrets" in some
    assert "left out" not in every
