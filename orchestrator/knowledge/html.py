"""The text of a web page, line by line, with its headings; scripts, styles and other invisible things left out."""

from __future__ import annotations

import re
from html.parser import HTMLParser

_UNSEEN = frozenset(("script", "style", "template", "noscript", "svg", "iframe", "object"))
_BLOCKS = frozenset((
    "p", "div", "section", "article", "header", "footer", "main", "aside", "nav", "ul", "ol", "li", "dl",
    "dt", "dd", "table", "tr", "thead", "tbody", "blockquote", "pre", "form", "figure", "figcaption", "br",
    "hr", "h1", "h2", "h3", "h4", "h5", "h6", "title", "body", "html", "address", "details", "summary",
))  # fmt: skip
_OPENS = re.compile(rf"<!--|<({'|'.join(sorted(_UNSEEN))})\b[^<>]{{0,2000}}>", re.IGNORECASE)
_CLOSES = {
    "": re.compile("-->"),
    **{name: re.compile(rf"</{name}\s{{0,9}}>", re.IGNORECASE) for name in _UNSEEN},
}
_NO_TAG = re.compile(r"<(?![^<>]{0,2000}>)")
_CELLS = frozenset(("td", "th"))
_LEVELS = {f"h{level}": level for level in range(1, 7)}


def read_html(text: str) -> list[tuple[int, int, str]]:
    """Line number, level of the heading (0 for text) and words of every block, in order. Any text will do."""
    reader = _Reader()
    reader.feed(_tamed(text))
    reader.close()
    return reader.ended()


def _tamed(text: str) -> str:
    """The page without what is not seen, and every `<` that begins no tag as a sign; lines stay where they are.

    The parser itself takes time that grows with the square of what stands open.
    """
    kept, at, never = [], 0, set()
    for found in _OPENS.finditer(text):
        name = (found[1] or "").lower()
        if found.start() < at or name in never:
            continue
        closes = _CLOSES[name].search(text, found.end())
        if closes is None:
            never.add(name)
            continue
        kept.append(text[at : found.start()])
        kept.append("\n" * text.count("\n", found.start(), closes.end()) or " ")
        at = closes.end()
    kept.append(text[at:])
    return _NO_TAG.sub("&lt;", "".join(kept))


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._blocks: list[tuple[int, int, str]] = []
        self._words: list[str] = []
        self._line = 1
        self._level = 0
        self._unseen: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        if tag in _UNSEEN:
            self._unseen.append(tag)
        if tag in _BLOCKS:
            self._end_block()
            self._level = _LEVELS.get(tag, 0)
        elif tag in _CELLS and self._words:
            self._words.append(" | ")

    def handle_endtag(self, tag: str) -> None:
        if tag in self._unseen:
            del self._unseen[self._unseen.index(tag) :]
        if tag in _BLOCKS:
            self._end_block()

    def handle_data(self, data: str) -> None:
        if self._unseen or not data:
            return
        if not self._words:
            skipped = len(data) - len(data.lstrip())
            self._line = self.getpos()[0] + data.count("\n", 0, skipped)
        self._words.append(data)

    def ended(self) -> list[tuple[int, int, str]]:
        self._end_block()
        return self._blocks

    def _end_block(self) -> None:
        words = " ".join("".join(self._words).split())
        if words:
            self._blocks.append((self._line, self._level, words))
        self._words = []
        self._level = 0
