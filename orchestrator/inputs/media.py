"""Images and PDFs a person names: an image is described and pinned by its hash, a PDF becomes its text."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any

from orchestrator.errors import UsageError
from orchestrator.inputs.files import read_bytes

# What pypdf raises on damaged files is not one tree; these are what its readers let through.
_DAMAGED = (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError, ArithmeticError, OSError, AssertionError)  # fmt: skip


def media_type(data: bytes) -> str | None:
    """The type of an image by its first bytes, whatever its name says; None for what models do not read."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return None


def read_image(path: Path, shown: str) -> dict[str, Any]:
    """`{name, path, media_type, sha256, size}` of an image file. Raises UsageError."""
    data = read_bytes(path, shown)
    kind = media_type(data)
    if kind is None:
        what = "is empty" if not data else "is no image a model can read"
        raise UsageError(f"{shown} {what}", hint="PNG, JPEG, GIF and WebP can be read")
    return {
        "name": path.name,
        "path": str(path.resolve()),
        "media_type": kind,
        "sha256": hashlib.sha256(data).hexdigest(),
        "size": len(data),
    }


def read_pdf(path: Path, shown: str) -> str:
    """The text of a PDF, pages separated by an empty line. Raises UsageError."""
    return "\n\n".join(pdf_pages(read_bytes(path, shown), shown))


def pdf_pages(data: bytes, shown: str) -> tuple[str, ...]:
    """The text of every page of a PDF. Raises UsageError, also when none has any."""
    if b"%PDF-" not in data[:1024]:
        raise UsageError(f"{shown} is no PDF")
    try:
        import pypdf
        from pypdf.errors import PyPdfError
    except ImportError:
        raise UsageError(
            f"reading {shown} needs a library for PDFs that is not installed", hint="pip install 'orch[pdf]'"
        ) from None
    try:
        reader = pypdf.PdfReader(io.BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            raise UsageError(f"{shown} is locked with a password", hint="save a copy without it")
        pages = tuple(page.extract_text().strip() for page in reader.pages)
    except (PyPdfError, *_DAMAGED) as error:
        raise UsageError(f"{shown} is a damaged PDF: {str(error)[:200]}") from None
    if not any(pages):
        raise UsageError(
            f"{shown} holds no text; it is probably a scan", hint="run text recognition over it first"
        )
    return pages
