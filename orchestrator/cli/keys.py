"""Keys that are typed while nobody reads: they wait as they were typed, until somebody does. Knows no chat."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

LOCAL = 3
"""Where the local modes stand among the attributes of a terminal."""


@contextmanager
def kept_as_typed(stream: TextIO) -> Iterator[None]:
    """While it lasts, the terminal of `stream` makes no lines of its own; whoever reads one edits it (readline).

    Else a Ctrl-D that is typed while an answer comes is no key any more when the reader looks: a terminal that makes
    lines takes it for the end of one, and gives the reader, which takes over keys one by one, a zero for it. Ctrl-C
    stays what it is. Between two readers nothing is switched, so no key falls in between.
    """
    import termios

    terminal = stream.fileno()
    before = termios.tcgetattr(terminal)
    during = termios.tcgetattr(terminal)
    during[LOCAL] &= ~termios.ICANON
    termios.tcsetattr(terminal, termios.TCSADRAIN, during)
    try:
        yield
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)
