"""Makes a picture of a real terminal: `python docs/picture.py docs/demo.svg 100 46 make demo`.

Runs the command in tmux, waits for it to end, and writes what stands on the screen as SVG, without outside fonts.
"""

from __future__ import annotations

import io
import re
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.text import Text

FONTS = re.compile(r"@font-face\s*{.*?}", re.DOTALL)


def screen(command: str, columns: int, rows: int) -> str:
    """What stands on the screen when the command has ended, with its colours."""
    with tempfile.TemporaryDirectory() as folder:
        socket, done = f"{folder}/tmux", Path(folder) / "done"
        script = f"clear; {command}; touch {shlex.quote(str(done))}; sleep 60"
        tmux = ["tmux", "-S", socket]
        size = ["-x", str(columns), "-y", str(rows)]
        subprocess.run([*tmux, "new-session", "-d", *size, "bash", "-c", script], check=True)
        while not done.exists():
            time.sleep(0.2)
        time.sleep(0.3)
        shown = subprocess.run(
            [*tmux, "capture-pane", "-e", "-p"], check=True, capture_output=True, text=True
        ).stdout
        subprocess.run([*tmux, "kill-server"], check=True)
    return shown.rstrip("\n")


def main(target: str, columns: str, rows: str, *command: str) -> None:
    typed = shlex.join(command)
    lines = Text.assemble((f"$ {typed}\n", "bold"), Text.from_ansi(screen(typed, int(columns), int(rows))))
    console = Console(record=True, width=int(columns), file=io.StringIO())
    console.print(lines, soft_wrap=True)
    picture = FONTS.sub("", console.export_svg(title=typed))
    Path(target).write_text(picture, encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
