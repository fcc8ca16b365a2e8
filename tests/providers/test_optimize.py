"""Forms of the same weights: how they are written, kept, used, undone and chosen; and a llama-server in the engine's place."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import struct
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy
import pytest
from click.testing import CliRunner

from orchestrator.bench.forms import LEAST, Tried, chosen, gained, lines, same
from orchestrator.cli.main import cli
from orchestrator.errors import ProviderError
from orchestrator.providers.catalog import Entry
from orchestrator.providers.engine_served import found_server, seen, version_of
from orchestrator.providers.ggml import KINDS, Ggml
from orchestrator.providers.gguf import NotGGUF, read_header, read_layout
from orchestrator.providers.host import Launch
from orchestrator.providers.hosts import Hosts
from orchestrator.providers.lineage import Form, Lineage, make
from orchestrator.providers.llamacpp import engine_of
from orchestrator.providers.model_store import ModelStore, Weights
from orchestrator.providers.pace import Pace
from orchestrator.providers.requantize import FORMS, kinds_of, requantize
from orchestrator.report.score import Measured, Row

NAME = "qwen3-0.6b"
ROW, ROWS = 64, 8


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value)) + value.encode()


def entry(key: str, kind: int, value: bytes) -> bytes:
    return text(key) + struct.pack("<I", kind) + value


def gguf(path: Path, kind: str = "Q4_1") -> numpy.ndarray[Any, Any]:
    """A tiny file with one matrix of this kind and one norm; returns the numbers of the matrix."""
    ggml = Ggml()
    numbers = numpy.random.default_rng(7).normal(size=ROW * ROWS).astype(numpy.float32)
    stored = ggml.stored(KINDS[kind], numbers, ROW)
    norm = numpy.ones(ROW, dtype=numpy.float32).tobytes()
    entries = entry("general.architecture", 8, text("llama")) + entry(
        "general.file_type", 4, struct.pack("<I", 3)
    )
    matrix = text("blk.0.attn_q.weight") + struct.pack("<IQQIQ", 2, ROW, ROWS, KINDS[kind], 0)
    beside = -(-len(stored) // 32) * 32
    vector = text("blk.0.attn_norm.weight") + struct.pack("<IQIQ", 1, ROW, KINDS["F32"], beside)
    head = b"GGUF" + struct.pack("<IQQ", 3, 2, 2) + entries + matrix + vector
    head += bytes(-len(head) % 32)
    path.write_bytes(head + stored.ljust(beside, b"\0") + norm)
    return ggml.numbers(KINDS[kind], stored, ROW * ROWS)


def numbers_of(path: Path, index: int) -> numpy.ndarray[Any, Any]:
    layout, ggml = read_layout(path), Ggml()
    tensor = layout.tensors[index]
    start = layout.data + tensor.offset
    stored = path.read_bytes()[start : start + ggml.size(tensor.kind, tensor.elements)]
    return ggml.numbers(tensor.kind, stored, tensor.elements)


# -------------------------------------------------------------------------------------------------- writing


def test_another_form_holds_nearly_the_same_numbers(tmp_path: Path) -> None:
    """Eight bits lose next to nothing of four; what is no matrix is taken over as it is."""
    before = gguf(tmp_path / "a.gguf")

    requantize(tmp_path / "a.gguf", tmp_path / "b.gguf", FORMS["Q8_0"], lambda done: None)

    after = numbers_of(tmp_path / "b.gguf", 0)
    assert kinds_of(tmp_path / "b.gguf") == "Q8_0"
    assert numpy.abs(after - before).max() <= numpy.abs(before).max() / 200
    assert numpy.array_equal(numbers_of(tmp_path / "b.gguf", 1), numpy.ones(ROW, dtype=numpy.float32))
    assert read_header(tmp_path / "b.gguf") == read_header(tmp_path / "a.gguf")


def test_the_quantiser_writes_what_the_format_says(tmp_path: Path) -> None:
    """Q8_0 is a 16-bit scale and 32 signed bytes: the largest number of a block becomes 127."""
    numbers = numpy.linspace(-1, 1, 32, dtype=numpy.float32)

    stored = Ggml().stored(KINDS["Q8_0"], numbers, 32)

    (scale,) = struct.unpack("<e", stored[:2])
    whole = numpy.frombuffer(stored[2:], dtype=numpy.int8)
    assert scale == pytest.approx(1 / 127, rel=1e-3)
    assert whole.tolist() == numpy.round(numbers * 127).astype(int).tolist()


def test_rows_that_hold_no_whole_blocks_get_a_kind_that_does(tmp_path: Path) -> None:
    """Blocks of K-quants are 256 numbers; rows of 64 cannot have them."""
    gguf(tmp_path / "a.gguf")

    requantize(tmp_path / "a.gguf", tmp_path / "b.gguf", FORMS["Q4_K"], lambda done: None)

    assert kinds_of(tmp_path / "b.gguf") == "Q5_0"


@pytest.mark.parametrize("left", [10, 60, 200, 400])
def test_a_file_that_is_cut_off_is_refused(tmp_path: Path, left: int) -> None:
    """Wherever it ends: never a crash, never half a form."""
    gguf(tmp_path / "a.gguf")
    (tmp_path / "cut.gguf").write_bytes((tmp_path / "a.gguf").read_bytes()[:left])

    with pytest.raises(NotGGUF):
        requantize(tmp_path / "cut.gguf", tmp_path / "b.gguf", FORMS["Q8_0"], lambda done: None)


def test_a_form_is_made_whole_or_not_at_all(tmp_path: Path) -> None:
    """The child tells how far it is; what it cannot turn leaves no file."""
    gguf(tmp_path / "a.gguf")
    heard: list[int] = []

    form = make(tmp_path / "a.gguf", "0" * 64, "Q8_0", tmp_path / "b.gguf", heard.append)
    (tmp_path / "c.gguf").write_bytes((tmp_path / "a.gguf").read_bytes()[:400])
    with pytest.raises(ProviderError, match="cannot be turned"):
        make(tmp_path / "c.gguf", "0" * 64, "Q8_0", tmp_path / "d.gguf", heard.append)

    assert heard
    assert (form.form, form.origin) == ("Q8_0", "Q4_1")
    assert form.sha256 == hashlib.sha256((tmp_path / "b.gguf").read_bytes()).hexdigest()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.gguf", "b.gguf", "c.gguf"]


def test_stopping_in_the_middle_leaves_nothing(tmp_path: Path) -> None:
    """Ctrl-C while a form is made."""
    gguf(tmp_path / "a.gguf")

    def interrupted(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make(tmp_path / "a.gguf", "0" * 64, "Q8_0", tmp_path / "b.gguf", interrupted)

    assert [path.name for path in tmp_path.iterdir()] == ["a.gguf"]


# -------------------------------------------------------------------------------------------------- keeping


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model store with one model in it, and a form of it that is in use."""
    gguf(tmp_path / "weights.gguf")

    def bring(_source: Any, folder: Path, *_: Any) -> Path:
        path = folder / "model.gguf"
        path.write_bytes((tmp_path / "weights.gguf").read_bytes())
        return path

    store = ModelStore(tmp_path / "home" / "models", environ=os.environ, fetch=bring)
    weights = store.pull(NAME)
    made = make(weights.path, weights.sha256, "Q8_0", tmp_path / "home" / "fresh.gguf", lambda done: None)
    store.lineage.keep(replace(made, figures={"gained": "twice as fast"}), tmp_path / "home" / "fresh.gguf")
    monkeypatch.setenv("ORCH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ORCH_OFFLINE", "1")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


def store_of(home: Path) -> ModelStore:
    return ModelStore(home / "models", environ=os.environ, offline=True)


def orch(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(cli, ["models", *words])
    return done.exit_code, done.output


def test_a_name_means_the_form_that_was_chosen(home: Path) -> None:
    """By name and by path, with its own digest, so that no answer of the original counts as one of it."""
    store = store_of(home)

    by_name, by_path = store.open(NAME, home), store.open("../weights.gguf", home)

    assert kinds_of(by_name.path) == kinds_of(by_path.path) == "Q8_0"
    assert by_name.sha256 == by_path.sha256 != store.original(NAME, home).sha256
    assert by_name.made is not None
    assert by_name.made.parent == store.original(NAME, home).sha256
    assert store.lineage.made_into(by_name.sha256) == by_name.made


def test_a_damaged_form_is_not_used(home: Path) -> None:
    """The original is, while it is there."""
    store = store_of(home)
    path = store.open(NAME, home).path
    path.write_bytes(b"GGUF and something else")

    assert store.open(NAME, home) == store.original(NAME, home)


def test_what_is_measured_is_not_measured_twice(home: Path) -> None:
    """A second call says what the first one found."""
    code, said = orch("optimize", NAME)

    assert code == 0
    assert "measured already" in said
    assert f"{NAME}: twice as fast" in said


def test_undo_goes_back(home: Path) -> None:
    """The form is removed; a second undo says the same and fails at nothing."""
    blob = store_of(home).open(NAME, home).path

    code, said = orch("optimize", NAME, "--undo")

    assert (code, blob.exists()) == (0, False)
    assert "Q8_0 is removed, Q4_1 is used again" in said
    assert kinds_of(store_of(home).open(NAME, home).path) == "Q4_1"
    assert orch("optimize", NAME, "--undo")[0] == 0


def test_the_original_can_be_dropped_and_the_form_stays(home: Path) -> None:
    """It is told, and without a network it cannot be undone: nothing is lost then."""
    store = store_of(home)
    original = store.original(NAME, home).path

    assert orch("optimize", NAME, "--drop")[0] == 0
    code, _ = orch("optimize", NAME, "--undo")

    assert not original.exists()
    assert kinds_of(store.open(NAME, home).path) == "Q8_0"
    assert "the original was removed" in orch("show", NAME)[1]
    assert code != 0


def test_list_and_show_tell_of_it(home: Path) -> None:
    """With what it was made of, by what, and what it gained."""
    listed, shown = orch("ls", "--installed")[1], orch("show", NAME)[1]
    data = json.loads(orch("show", NAME, "--json")[1])

    form = store_of(home).lineage.of(data["sha256"])
    assert form is not None
    assert form.bytes != data["bytes"]
    assert "as Q8_0" in listed
    assert json.loads(orch("ls", "--installed", "--json")[1])[0]["form_bytes"] == form.bytes
    assert "used in place of Q4_1" in shown
    assert "twice as fast" in shown
    assert data["lineage"]["parent"] == data["sha256"]
    assert data["lineage"]["form"] == "Q8_0"


def test_removing_a_model_removes_its_form(home: Path) -> None:
    """Both files, and the record."""
    assert orch("rm", NAME)[0] == 0

    assert list((home / "models" / "blobs").iterdir()) == []
    assert list((home / "models" / "forms").iterdir()) == []


def test_a_record_of_somebody_elses_is_no_record(home: Path) -> None:
    """A digest is a digest, never a path."""
    lineage = Lineage(home / "models")
    (record,) = (home / "models" / "forms").iterdir()
    found = json.loads(record.read_text(encoding="utf-8"))
    record.write_text(json.dumps(found | {"sha256": "../../etc/passwd"}), encoding="utf-8")

    assert lineage.of(found["parent"]) is None


@pytest.mark.parametrize("words", [("nosuchmodel",), ("all-minilm-l6-v2.gguf",), (NAME, "--undo", "--drop")])
def test_what_cannot_be_optimised_is_told(home: Path, words: tuple[str, ...]) -> None:
    """As a mistake of the command line."""
    assert orch("optimize", *words)[0] == 2


# -------------------------------------------------------------------------------------------------- choosing


def tried(form: str, prompt: float, answer: float, answers: str) -> Tried:
    """`answers` has a letter for every case; capitals are right."""
    measured = tuple(
        Measured(line, 0, valid=True, right=letter.isupper(), seconds=1.0, answer=letter)
        for line, letter in enumerate(answers)
    )
    row = Row("triage", "examples", form, len(measured), measured)
    return Tried(form, "engine", form, 100 << 20, Pace(prompt, answer, 200 << 20), (row,) if answers else ())


ORIGINAL = tried("Q4_1", 200, 50, "ABCDEFGHIj" * 2)


def test_the_fastest_that_answers_the_same_wins() -> None:
    """A faster one that answers otherwise does not, nor one that nobody asked."""
    good = tried("Q8_0", 400, 55, "ABCDEFGHIj" * 2)
    other = tried("Q4_0", 500, 60, "ABCDEFXXXX" * 2)
    silent = tried("Q4_K", 900, 90, "")

    assert chosen([ORIGINAL, good, other, silent]) is good
    assert chosen([ORIGINAL, good, other], 0.5) is other
    assert same(ORIGINAL, other) == (12, 20)


def test_a_form_that_answers_worse_loses() -> None:
    """As many answers may be the same, and the others wrong."""
    worse = tried("Q8_0", 400, 55, "ABCDEFGHij" * 2)

    assert chosen([ORIGINAL, worse]) is ORIGINAL


def test_what_gains_nothing_is_not_kept() -> None:
    """Within what a second measurement would change."""
    equal = tried("Q8_0", 204, 51, "ABCDEFGHIj" * 2)

    winner = chosen([ORIGINAL, equal])

    assert winner is ORIGINAL
    assert gained([ORIGINAL, equal], winner).startswith("Q4_1 stays")


def test_one_line_tells_gain_and_loss() -> None:
    """Speed, memory, disk, answers, score."""
    good = tried("Q8_0", 400, 55, "ABCDEFGHIk" * 2)

    line = gained([ORIGINAL, good], good)

    assert "reads prompts 2.00 times and writes 1.10 times as fast as Q4_1" in line
    assert "18 of 20 answers are the same, right are 90.0 % (were 90.0 %)" in line
    assert lines([ORIGINAL, tried("Q4_0", 1, 1, "")])[1][-3:] == ("–", "–", "–")


# -------------------------------------------------------------------------------------------------- the page

PAGE = (Path(__file__).parents[2] / "docs" / "models.md").read_text(encoding="utf-8")


def test_the_page_speaks_of_what_there_is() -> None:
    """Its options are those of the commands, its limits and names those of the code."""
    from orchestrator.cli import models_forms, models_trial

    options = {
        option
        for command in (models_forms.optimize, models_forms.compare)
        for parameter in command.params
        for option in parameter.opts
    }

    ours = re.sub(r"serve: \[.*?\]", "", PAGE)

    assert set(re.findall(r"(?<![-\w])--[a-z][a-z-]+", ours)) <= options
    assert all(f"`{name}`" in PAGE for name in FORMS)
    calls = models_trial.CASES * len(models_trial.SPECIALISTS)
    assert f"asked at most {calls} times" in PAGE
    assert f"at most {models_trial.CASES} cases each" in PAGE
    assert f"in at least {LEAST:.0%}".replace("%", " %") in PAGE
    assert (models_forms.CASES, models_forms.AGREEMENT) == (models_trial.CASES, LEAST)


# -------------------------------------------------------------------------------------------- a llama-server

SERVER = """#!{python}
import json, os, sys
from http.server import BaseHTTPRequestHandler, HTTPServer

if "--version" in sys.argv:
    sys.exit(print("version: 4711 (abcdef)", file=sys.stderr))
if "broken" in sys.argv[sys.argv.index("--alias") + 1]:
    sys.exit(3)

class Answer(BaseHTTPRequestHandler):
    def do_GET(self):
        known = self.headers.get("Authorization") == "Bearer " + os.environ["LLAMA_API_KEY"]
        self.send_response(200 if known or self.path == "/health" else 401)
        self.end_headers()
        self.wfile.write(json.dumps({{"pid": os.getpid(), "argv": sys.argv}}).encode())

    def log_message(self, *_):
        pass

HTTPServer(("127.0.0.1", int(sys.argv[sys.argv.index("--port") + 1])), Answer).serve_forever()
"""


@pytest.fixture
def server(tmp_path: Path) -> Path:
    """A stand-in for llama-server."""
    path = tmp_path / "bin" / "llama-server"
    path.parent.mkdir()
    path.write_text(SERVER.format(python=sys.executable), encoding="utf-8")
    path.chmod(0o755)
    return path


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[Hosts]:
    found = Hosts(tmp_path / "hosts", environ=os.environ)
    yield found
    for host in found.running():
        found.stop(host.identity)


def launch(server: Path, name: str = "m") -> Launch:
    return Launch(
        name, "weights.gguf", "0" * 64, 512, 2, 1 << 20, engine="llama-server 4711", server=str(server)
    )


def test_it_is_found_on_the_path_and_asked_for_its_version(server: Path) -> None:
    """And only there."""
    assert found_server({"PATH": str(server.parent)}) == str(server)
    assert found_server({"PATH": "/nowhere"}) == ""
    assert version_of(str(server)) == "llama-server 4711"
    assert version_of("/nowhere/llama-server") == ""


def test_a_host_serves_through_it_behind_its_key_and_ends_it(server: Path, hosts: Hosts) -> None:
    """The key is on no command line, and no server is left behind."""
    import httpx

    lease = hosts.acquire(launch(server))
    state = lease.state
    refused = httpx.get(f"{state.url}/props", trust_env=False)
    answer = httpx.get(
        f"{state.url}/props", headers={"Authorization": f"Bearer {state.key}"}, trust_env=False
    ).json()
    lease.release()
    hosts.stop(launch(server).identity)

    assert refused.status_code == 401
    assert state.key not in " ".join(answer["argv"])
    assert answer["argv"][9:13] == ["--ctx-size", "1024", "--parallel", "2"]
    assert not Path(f"/proc/{answer['pid']}").exists()


def test_one_that_does_not_start_is_told(server: Path, hosts: Hosts) -> None:
    """As any model that cannot be loaded."""
    with pytest.raises(ProviderError, match="llama-server ended with 3"):
        hosts.acquire(launch(server, "broken"))


def test_it_is_used_only_as_long_as_it_is_the_one_that_was_measured(home: Path, server: Path) -> None:
    """Another build at the same path has to be measured first."""
    store = store_of(home)
    made = store.open(NAME, home).made
    assert isinstance(made, Form)
    served = replace(
        made, engine=str(server), engine_version="llama-server 4711", engine_seen=seen(str(server))
    )
    store.lineage.keep(served)

    before = engine_of(store.open(NAME, home))
    server.write_text("another build", encoding="utf-8")
    after = engine_of(store.open(NAME, home))

    assert before == ("llama-server 4711", str(server))
    assert after[0].startswith("xllamacpp")
    assert after[1] == ""


# ------------------------------------------------------------------------------------------- the first pull


class Turning(ModelStore):
    """A store whose catalogue names a form for the model."""

    def known(self, name: str) -> Entry:
        return replace(super().known(name), form="Q8_0")


def bringing(file: Path) -> Any:
    """A fetch that brings a copy of this file."""

    def bring(_source: Any, folder: Path, *_: Any) -> Path:
        path = folder / "model.gguf"
        path.write_bytes(file.read_bytes())
        return path

    return bring


def pulled(tmp_path: Path, machine: str, monkeypatch: pytest.MonkeyPatch) -> tuple[ModelStore, Weights]:
    monkeypatch.setattr(platform, "machine", lambda: machine)
    store = Turning(
        tmp_path / "models", environ=os.environ, offline=False, fetch=bringing(tmp_path / "a.gguf")
    )
    return store, store.pull(NAME)


def test_the_first_pull_turns_weights_into_the_form_of_the_catalogue(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From then on the name means that form; the original stays, and nothing is left of the making."""
    gguf(tmp_path / "a.gguf")

    store, weights = pulled(tmp_path, "x86_64", monkeypatch)

    opened = store.open(NAME, tmp_path)
    assert opened.made is not None
    assert (opened.made.form, opened.made.origin, opened.made.parent) == ("Q8_0", "Q4_1", weights.sha256)
    assert kinds_of(opened.path) == "Q8_0"
    assert weights.path.exists()
    assert [path.name for path in (tmp_path / "models" / "fetching").iterdir()] == [f"{NAME}.lock"]


def test_where_no_form_is_known_to_be_faster_the_weights_stay_as_they_came(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other processors were not measured."""
    gguf(tmp_path / "a.gguf")

    store, weights = pulled(tmp_path, "arm64", monkeypatch)

    assert store.open(NAME, tmp_path) == weights


def test_weights_that_cannot_be_turned_are_used_as_they_came(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pull is no worse for it."""
    (tmp_path / "a.gguf").write_bytes(b"weights of another kind")

    store, weights = pulled(tmp_path, "x86_64", monkeypatch)

    assert store.open(NAME, tmp_path) == weights


def test_a_pull_that_is_stopped_while_it_turns_has_the_weights_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are complete by then, and used as they came."""
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    gguf(tmp_path / "a.gguf")
    store = Turning(
        tmp_path / "models", environ=os.environ, offline=False, fetch=bringing(tmp_path / "a.gguf")
    )

    def stopping(what: str, done: int, total: int) -> None:
        if what.startswith("turning"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.pull(NAME, stopping)

    assert kinds_of(store.open(NAME, tmp_path).path) == "Q4_1"
    assert [path.name for path in (tmp_path / "models" / "fetching").iterdir()] == [f"{NAME}.lock"]
    (tmp_path / "models" / "fetching" / NAME).mkdir()  # as a kill would leave it
    store.pull(NAME)
    assert not (tmp_path / "models" / "fetching" / NAME).exists()


def test_who_went_back_to_the_original_keeps_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pull that finds the weights here turns nothing."""
    gguf(tmp_path / "a.gguf")
    store, weights = pulled(tmp_path, "x86_64", monkeypatch)

    store.lineage.forget(weights.sha256)

    assert store.pull(NAME) == weights
    assert store.open(NAME, tmp_path) == weights
