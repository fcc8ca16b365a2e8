"""Inputs that are files: texts, tables, images, PDFs, many files; and everything that can be wrong with them."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from orchestrator.errors import UsageError
from tests.inputs.conftest import Read

ROWS = {"id": "int", "from": "string", "body?": "text"}
JSONL = {"type": "file", "format": "jsonl", "rows": ROWS}
CSV = {"type": "file", "format": "csv", "rows": ROWS}
PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 20


def write(path: Path, content: str | bytes) -> None:
    path.write_bytes(content.encode() if isinstance(content, str) else content)


def refused(read: Read, spec: Any, name: str) -> UsageError:
    with pytest.raises(UsageError) as caught:
        read({"x": spec}, x=name)
    return caught.value


# ------------------------------------------------------------------------------------------------- reading


@pytest.mark.parametrize("given", ["a.txt", "@a.txt", "./a.txt"])
def test_a_file_is_named_with_or_without_an_at_sign(read: Read, here: Path, given: str) -> None:
    """A byte order mark is no part of the text."""
    write(here / "a.txt", b"\xef\xbb\xbfHall\xc3\xb6\n")

    assert read({"x": "file"}, x=given) == {"x": "Hallö\n"}


def test_a_default_file_lies_beside_the_workflow(read: Read, here: Path) -> None:
    """Wherever the person stands; a path on the command line is relative to where they stand, and may be anywhere."""
    write(here / "flows" / "a.txt", "beside")
    write(here / "a.txt", "here")
    write(here.parent / "b.txt", "outside")
    spec = {"type": "file", "default": "a.txt"}

    assert read({"x": spec}) == {"x": "beside"}
    assert read({"x": spec}, x="a.txt") == {"x": "here"}
    assert read({"x": spec}, x="../b.txt") == {"x": "outside"}
    assert read({"x": spec}, x=str(here.parent / "b.txt")) == {"x": "outside"}
    assert read({"x": {"type": "file", "default": "../a.txt"}}) == {"x": "here"}


@pytest.mark.parametrize("default", ["../../b.txt", "/etc/hostname", "link.txt"])
def test_a_default_never_leaves_the_project(read: Read, here: Path, default: str) -> None:
    """Neither by dots, nor absolutely, nor through a link."""
    write(here.parent / "b.txt", "outside")
    (here / "flows" / "link.txt").symlink_to(here.parent / "b.txt")

    with pytest.raises(UsageError, match="outside the project") as caught:
        read({"x": {"type": "file", "default": default}})

    assert "give other files with -i" in caught.value.hint


def test_json_is_any_value_or_typed_rows(read: Read, here: Path) -> None:
    """`rows` makes it a list of such maps; undeclared fields are left out."""
    write(here / "a.json", '[{"id": 1, "from": "a", "extra": true}]')

    assert read({"x": {"type": "file", "format": "json"}}, x="a.json")["x"][0]["extra"] is True
    assert read({"x": {**JSONL, "format": "json"}}, x="a.json") == {
        "x": [{"id": 1, "from": "a", "body": None}]
    }


def test_jsonl_is_one_value_per_line(read: Read, here: Path) -> None:
    """Empty lines are passed over; fields come in the declared order."""
    write(here / "a.jsonl", '{"from": "a", "id": 1, "body": "x"}\r\n\n{"id": 2, "from": "b"}')

    found = read({"x": JSONL}, x="a.jsonl")["x"]

    assert found == [{"id": 1, "from": "a", "body": "x"}, {"id": 2, "from": "b", "body": None}]
    assert list(found[0]) == ["id", "from", "body"]
    assert read({"x": {"type": "file", "format": "jsonl"}}, x="a.jsonl")["x"][1] == {"id": 2, "from": "b"}


def test_csv_cells_become_the_declared_types(read: Read, here: Path) -> None:
    """Quotes, line ends in cells, other separators, columns in any order."""
    write(here / "a.csv", 'from,id,more,body\r\n"a, b",1,z,"two\nlines"\r\nc,2,z,\r\n')
    write(here / "b.csv", "id;from\n1;a\n")

    assert read({"x": CSV}, x="a.csv")["x"] == [
        {"id": 1, "from": "a, b", "body": "two\nlines"},
        {"id": 2, "from": "c", "body": None},
    ]
    assert read({"x": CSV}, x="b.csv")["x"] == [{"id": 1, "from": "a", "body": None}]
    assert read({"x": {"type": "file", "format": "csv"}}, x="b.csv")["x"] == [{"id": "1", "from": "a"}]


def test_an_image_is_described_and_pinned(read: Read, here: Path) -> None:
    """By its bytes, not its name; the hash lets the engine notice a change."""
    write(here / "photo.txt", PNG)
    wanted = {
        "name": "photo.txt",
        "path": str((here / "photo.txt").resolve()),
        "media_type": "image/png",
        "sha256": hashlib.sha256(PNG).hexdigest(),
        "size": len(PNG),
    }

    assert read({"x": "image"}, x="photo.txt") == {"x": wanted}
    assert read({"x": {"type": "file", "format": "image"}}, x="photo.txt") == {"x": wanted}


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF89a..", "image/gif"),
        (b"RIFF....WEBPVP8 ", "image/webp"),
        (PNG, "image/png"),
    ],
)
def test_images_are_known_by_their_first_bytes(read: Read, here: Path, data: bytes, kind: str) -> None:
    """The four formats models read."""
    write(here / "a", data)

    assert read({"x": "image"}, x="a")["x"]["media_type"] == kind


def test_a_pdf_becomes_its_text(read: Read, here: Path) -> None:
    """Page after page."""
    write(here / "a.pdf", _pdf("Hello from a page"))

    assert read({"x": {"type": "file", "format": "pdf"}}, x="a.pdf") == {"x": "Hello from a page"}


def _pdf(text: str) -> bytes:
    """The smallest PDF with one line of text; its table of contents is rebuilt by the reader."""
    stream = f"BT /F1 12 Tf 10 10 Td ({text}) Tj ET"
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 200] /Contents 4 0 R "
        "/Resources << /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >> >>",
        f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream",
    ]
    body, offsets = "%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        offsets.append(len(body))
        body += f"{number} 0 obj\n{content}\nendobj\n"
    table = "".join(f"{offset:010d} 00000 n \n" for offset in offsets)
    body += f"xref\n0 5\n0000000000 65535 f \n{table}trailer\n<< /Size 5 /Root 1 0 R >>\nstartxref\n{len(body)}\n%%EOF\n"
    return body.encode("latin-1")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"%PDF-1.4\ngarbage", "is a damaged PDF"),
        (b"no pdf", "is no PDF"),
        (_pdf(""), "holds no text"),
        (_pdf("x")[:200], "a.pdf"),
    ],
)
def test_a_pdf_without_text_says_why(
    read: Read, here: Path, data: bytes, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Damaged, no PDF at all, or a scan."""
    write(here / "a.pdf", data)

    assert words in refused(read, {"type": "file", "format": "pdf"}, "a.pdf").message
    caplog.clear()


def test_a_missing_pdf_library_is_one_sentence(here: Path) -> None:
    """With the command that installs it."""
    write(here / "a.pdf", _pdf("x"))
    code = (
        "import sys; sys.modules['pypdf'] = None\n"
        "from pathlib import Path\n"
        "from orchestrator.errors import UsageError\n"
        "from orchestrator.inputs.media import read_pdf\n"
        "try:\n    read_pdf(Path(sys.argv[1]), 'a.pdf')\n"
        "except UsageError as error:\n    print(error.message, '|', error.hint)\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", code, str(here / "a.pdf")], capture_output=True, text=True, check=True
    )

    assert (
        done.stdout
        == "reading a.pdf needs a library for PDFs that is not installed | pip install 'orch[pdf]'\n"
    )


def test_files_are_all_that_match_in_order(read: Read, here: Path) -> None:
    """Each with its name, path and text; hidden directories are passed over."""
    for name in ("docs/b.md", "docs/deep/a.md", "docs/.git/c.md", "docs/x.txt"):
        (here / name).parent.mkdir(parents=True, exist_ok=True)
        write(here / name, name)

    assert read({"x": "files"}, x="docs/**/*.md") == {
        "x": [
            {"name": "b.md", "path": "docs/b.md", "text": "docs/b.md"},
            {"name": "a.md", "path": "docs/deep/a.md", "text": "docs/deep/a.md"},
        ]
    }


@pytest.mark.parametrize(
    "spec", [{"type": "file"}, CSV, {"type": "image"}, {"type": "file", "format": "pdf"}]
)
def test_a_default_that_is_a_pipe_is_not_waited_for(read: Read, here: Path, spec: dict[str, Any]) -> None:
    """Nobody may ever write to it, and a repository may hold one or a link to it."""
    os.mkfifo(here / "pipe")
    (here / "flows" / "a.txt").symlink_to(here / "pipe")

    with pytest.raises(UsageError, match=r"a\.txt is no regular file"):
        read({"x": {**spec, "default": "a.txt"}})


def test_a_pipe_that_a_person_names_is_read(read: Read) -> None:
    """As the shell makes one of `-i x=<(command)`."""
    reading, writing = os.pipe()
    os.write(writing, b"from a command")
    os.close(writing)

    assert read({"x": {"type": "file"}}, x=f"/dev/fd/{reading}") == {"x": "from a command"}
    os.close(reading)


def test_files_of_a_workflow_stay_in_the_project(read: Read, here: Path) -> None:
    """The pattern stands in the file, so its matches lie beneath the root."""
    write(here.parent / "out.md", "x")
    write(here / "flows" / "in.md", "y")

    assert read({"x": {"type": "files", "default": "*.md"}})["x"][0]["path"] == "in.md"
    with pytest.raises(UsageError, match="outside the project"):
        read({"x": {"type": "files", "default": "../../*.md"}})
    assert read({"x": "files"}, x="../*.md")["x"][0]["text"] == "x"


def test_no_match_is_a_mistake_unless_none_is_allowed(read: Read) -> None:
    """An unquoted pattern is expanded by the shell; the hint says so."""
    assert "no file matches *.md" in refused(read, "files", "*.md").message
    assert read({"x": {"type": "files", "missing": "empty"}}, x="*.md") == {"x": []}


@pytest.mark.parametrize(
    ("spec", "empty"),
    [({"type": "file"}, ""), (JSONL, []), (CSV, []), ({**JSONL, "format": "json"}, []), ({"type": "file", "format": "json"}, None), ({"type": "image"}, None), ({"type": "files"}, [])],
)  # fmt: skip
def test_missing_empty_allows_no_file_at_all(read: Read, here: Path, spec: Any, empty: Any) -> None:
    """Not given, not there or without content: the same nothing."""
    allowed = {**spec, "missing": "empty"}
    write(here / "e", " \n")

    assert read({"x": allowed}) == {"x": empty}
    assert read({"x": allowed}, x="nowhere") == {"x": empty}
    if spec["type"] == "file":
        assert read({"x": allowed}, x="e") == {"x": empty}


# ------------------------------------------------------------------------------------------------ mistakes


@pytest.mark.parametrize(
    ("content", "words", "hint"),
    [
        (b"", "a.txt is empty", "missing: empty"),
        (b" \n\t", "a.txt is empty", ""),
        (b"ok\nhall\xf6", "a.txt:2: byte 0xF6 (position 7) is no UTF-8; the file is probably Windows-1252", "iconv -f WINDOWS-1252"),
        ("abc".encode("utf-16"), "a.txt is UTF-16, UTF-8 is needed", "iconv -f UTF-16"),
        ("abc".encode("utf-32"), "a.txt is UTF-32, UTF-8 is needed", "iconv -f UTF-32"),
        (b"ab\x00cd", "a.txt is a binary file (byte 0 at position 2)", ""),
        (PNG, "a.txt is an image, text is needed", "type: image"),
        (b"%PDF-1.7 ...", "a.txt is a PDF, text is needed", "format: pdf"),
        (b"PK\x03\x04....", "a.txt is a zip archive or office document", "export it"),
    ],
)  # fmt: skip
def test_what_is_no_text_says_what_it_is(
    read: Read, here: Path, content: bytes, words: str, hint: str
) -> None:
    """The byte, its place and the likely encoding; or the kind of file."""
    write(here / "a.txt", content)

    error = refused(read, "file", "a.txt")

    assert words in error.message
    assert hint in error.hint


def test_a_path_that_is_no_file_says_so(read: Read, here: Path) -> None:
    """Not there, a directory, no path at all, endless."""
    write(here / "tickets.jsonl", "{}")

    assert refused(read, "file", "ticket.jsonl").hint == "did you mean tickets.jsonl?"
    assert "no directory" in refused(read, "file", "no/where.txt").hint
    assert "flows is a directory" in refused(read, "file", "flows").message
    assert "is no path" in refused(read, "file", "a\0b").message
    assert "is larger than 100 MB" in refused(read, "file", "/dev/zero").message
    assert "cannot be read: file name too long" in refused(read, "file", "x" * 5000).message


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_locked_file_says_so(read: Read, here: Path) -> None:
    """Permission is the system's word for it."""
    write(here / "a.txt", "x")
    (here / "a.txt").chmod(0)

    assert "permission denied" in refused(read, "file", "a.txt").message


def test_every_bad_line_is_named(read: Read, here: Path) -> None:
    """File and line, in the order of the file, the first ten and the number of the rest."""
    write(
        here / "a.jsonl",
        '{"id": "x", "from": "a"}\n{oops\n[1]\n{"id": 1}\n{"id": 1, "from": "a"}\n{"id": 1, "id": 2}\nNaN\n',
    )

    message = refused(read, JSONL, "a.jsonl").message

    assert message.splitlines() == [
        "input 'x': a.jsonl has 6 mistakes:",
        "  a.jsonl:1: id: 'x' is no whole number",
        "  a.jsonl:2:2: no JSON: expecting property name enclosed in double quotes",
        "  a.jsonl:3: [1] is no map with the fields id, from, body",
        "  a.jsonl:4: from is missing",
        "  a.jsonl:6: the key 'id' stands there more than once",
        "  a.jsonl:7: NaN is no JSON number",
    ]
    write(here / "a.jsonl", "x\n" * 500)
    assert "… and 490 more" in refused(read, JSONL, "a.jsonl").message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("id,form\n1,a\n", "a.csv:1: there is no column 'from'; the columns are id, form"),
        ("id,id,from\n", "a.csv:1: the column 'id' stands there more than once"),
        ("id,from\nx,a\n", "a.csv:2: column 'id': 'x' is no whole number"),
        ("id,from\n,a\n", "a.csv:2: column 'id' is empty"),
        ("id,from\n1,a,b\n", "a.csv:2: 3 cells, the header has 2"),
        ('id,from\n1,"a\n', "a.csv:2: no CSV"),
        ('id,from\n1,"a"b\n', "a.csv:2: no CSV"),
    ],
)
def test_a_wrong_cell_is_named_by_line_and_column(read: Read, here: Path, text: str, words: str) -> None:
    """As a person would look it up."""
    write(here / "a.csv", text)

    assert words in refused(read, CSV, "a.csv").message


@pytest.mark.parametrize(
    ("text", "words", "hint"),
    [
        ('{"a": 1\n "b": 2}', "a.json:2:2: no JSON: expecting ',' delimiter", ""),
        ('\n\n{"a" 1}', "a.json:3:6: no JSON", ""),
        ('{"a": 1}\n{"a": 2}', "a.json:2:1: no JSON: extra data", "format: jsonl"),
        ("[" * 100_000, "nested too deeply", ""),
        ('{"a": ' + "9" * 5000 + "}", "a number that is too long", ""),
        ('{"id": 1}', "a.json holds no list of rows", "list of objects"),
    ],
)
def test_broken_json_is_marked(read: Read, here: Path, text: str, words: str, hint: str) -> None:
    """Line and column of the file."""
    write(here / "a.json", text)

    error = refused(read, {**JSONL, "format": "json"}, "a.json")

    assert words in error.message
    assert hint in error.hint


@pytest.mark.parametrize(
    ("data", "words"),
    [(b"", "is empty"), (b"BM......", "is no image a model can read"), (b"text", "is no image")],
)
def test_what_is_no_image_is_refused(read: Read, here: Path, data: bytes, words: str) -> None:
    """With the formats that work."""
    write(here / "a.png", data)

    error = refused(read, "image", "a.png")

    assert words in error.message
    assert error.hint == "PNG, JPEG, GIF and WebP can be read"


def test_a_path_in_an_input_file_must_be_text(read: Read, here: Path) -> None:
    """A number is no path."""
    write(here / "in.yaml", "x: 3\n")

    with pytest.raises(UsageError, match="a path is needed"):
        read({"x": "file"}, input_file=here / "in.yaml")


def test_many_rows_are_read_once_and_share_their_names(read: Read, here: Path) -> None:
    """A hundred thousand rows are a list of plain maps whose keys are the same strings, not copies."""
    write(here / "a.jsonl", "\n".join(json.dumps({"id": n, "from": "a", "x": "y"}) for n in range(100_000)))

    rows = read({"x": JSONL}, x="a.jsonl")["x"]

    assert len(rows) == 100_000
    assert rows[-1] == {"id": 99_999, "from": "a", "body": None}
    assert next(iter(rows[0])) is next(iter(rows[-1]))


# --------------------------------------------------------------------------------------------- one file, one label


OPEN = {"type": "file", "label": "public"}
OWN = {"type": "file"}


@pytest.mark.parametrize("other", ["d.txt", "./d.txt", "@d.txt", "flows/../d.txt", "soft.txt", "hard.txt"])
def test_one_file_is_not_read_under_two_labels(read: Read, here: Path, other: str) -> None:
    """Whatever it is called."""
    write(here / "d.txt", "words")
    (here / "soft.txt").symlink_to(here / "d.txt")
    (here / "hard.txt").hardlink_to(here / "d.txt")

    with pytest.raises(UsageError, match=r"'a' \(public\) and 'b' \(private\) read the same file") as caught:
        read({"a": OPEN, "b": OWN}, a="d.txt", b=other)

    assert "the higher label" in caught.value.hint


def test_a_pattern_and_a_text_read_from_a_file_count_as_well(read: Read, here: Path) -> None:
    """Of a pattern, every file that it matches."""
    write(here / "d.txt", "words")
    several = {"type": "files"}
    text = {"type": "text"}

    for spec, name in ((several, "*.txt"), (text, "@d.txt")):
        with pytest.raises(UsageError, match="read the same file"):
            read({"a": OPEN, "b": spec}, a="d.txt", b=name)


def test_two_files_or_one_label_are_no_matter(read: Read, here: Path) -> None:
    """Also where a text only looks like the name of the file."""
    write(here / "d.txt", "words")
    write(here / "e.txt", "words")

    assert read({"a": OPEN, "b": OWN}, a="d.txt", b="e.txt") == {"a": "words", "b": "words"}
    assert read({"a": OWN, "b": OWN}, a="d.txt", b="d.txt") == {"a": "words", "b": "words"}
    assert read({"a": OPEN, "b": "string"}, a="d.txt", b="d.txt") == {"a": "words", "b": "d.txt"}
