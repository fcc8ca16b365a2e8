"""The entry point: finds the command by name, imports only that one, and turns every error into a sentence.

Exit codes: 0 done, 1 run failed, 2 invalid file or usage, 3 rejected by a person, 4 credentials missing,
5 budget, 6 privacy, 7 waiting for a person, 130 interrupted.
"""

from __future__ import annotations

import gc
import os
import sys
import threading
from collections.abc import Sequence
from importlib import import_module
from typing import Any, TextIO

import click

from orchestrator import __version__
from orchestrator.cli.commands import COMMANDS, SECTIONS
from orchestrator.cli.console import Console
from orchestrator.cli.failure import INTERRUPTED, USAGE, report

HELP = """Teams of small, local language models, described in one YAML file.

\b
First steps:
  orch run grammar-fix -i text="she dont like apples"   a workflow that ships
  orch init demo                                 your own first workflow
"""
ANYWHERE = ("--debug", "--no-color")


class Orch(click.Group):
    """Commands come from a table and are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        command = getattr(import_module(f"orchestrator.cli.{entry.module}"), entry.attribute)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            raise click.UsageError(_unknown(args[0]), ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        width = max(map(len, COMMANDS))
        for title, entries in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(width), entry.help) for name, entry in entries.items()])

    def main(  # type: ignore[override] # one signature for both of click's overloads
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,  # noqa: ARG002 - it is orch, however it was started
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> int:
        """Run a command line and exit; with `standalone_mode=False` return the exit code."""
        extra["complete_var"] = complete_var
        stdout = sys.stdout
        code = _flush(self._run(list(sys.argv[1:] if args is None else args), extra), stdout)
        if standalone_mode:
            sys.exit(code)
        return code

    def _run(self, args: list[str], extra: dict[str, Any]) -> int:
        args, flags = _take_flags(args)
        debug = "--debug" in flags or bool(os.environ.get("ORCH_DEBUG"))
        console = Console.standard(color="--no-color" not in flags)
        try:
            outcome = super().main(args, prog_name="orch", standalone_mode=False, obj=console, **extra)
        except click.exceptions.NoArgsIsHelpError as error:
            console.say(error.format_message())
            return USAGE
        except click.ClickException as error:
            return _usage(error, console)
        except click.Abort:
            console.say("interrupted")
            return INTERRUPTED
        except BrokenPipeError:
            return 1
        except BaseException as error:  # noqa: BLE001 - the one place where every error ends
            return report(error, console, debug=debug)
        return outcome if isinstance(outcome, int) else 0


MEANT = {"new": "init", "create": "init", "test": "bench", "check": "validate", "list": "runs", "ls": "runs"}
"""What other programs call a command of this one."""


def _take_flags(args: list[str]) -> tuple[list[str], set[str]]:
    """`--debug` and `--no-color` count wherever they stand, up to a `--`."""
    end = args.index("--") if "--" in args else len(args)
    flags = {arg for arg in args[:end] if arg in ANYWHERE}
    return [arg for arg in args[:end] if arg not in ANYWHERE] + args[end:], flags


def _unknown(name: str) -> str:
    from difflib import get_close_matches

    if name.endswith((".yaml", ".yml")):
        return f"no command {name!r}; to run this file: orch run {name}"
    near = [MEANT[name]] if name in MEANT else get_close_matches(name, COMMANDS, n=1)
    return f"no command {name!r}" + (f"; did you mean {near[0]!r}?" if near else "")


def _usage(error: click.ClickException, console: Console) -> int:
    context = getattr(error, "ctx", None)
    path = context.command_path if context else "orch"
    console.error(error.format_message(), f"{path} --help")
    return error.exit_code


def _flush(code: int, stdout: TextIO) -> int:
    """Write out what is buffered; a reader that went away (`orch runs | head`) is no error worth a word."""
    gone = sys.stdout is not stdout  # click puts another stream there when a write fails that way
    sys.stdout = stdout
    try:
        if not gone:
            stdout.flush()
            return code
    except BrokenPipeError:
        pass
    # what is still buffered must go somewhere, or the interpreter complains when it closes the stream
    os.dup2(os.open(os.devnull, os.O_WRONLY), stdout.fileno())
    return code or 1


@click.command(
    cls=Orch,
    help=HELP,
    context_settings={"help_option_names": ["-h", "--help"]},
    options_metavar="[--debug] [--no-color]",
    subcommand_metavar="COMMAND …",
    epilog="`orch COMMAND --help` says more about a command.",
)
@click.version_option(__version__, prog_name="orch", message="%(prog)s %(version)s")
@click.option("--debug", is_flag=True, expose_value=False, help="Show tracebacks.")
@click.option(
    "--no-color",
    is_flag=True,
    expose_value=False,
    help="No colours; NO_COLOR in the environment does the same.",
)
def cli() -> None:
    """Nothing of its own: `Orch.main` has taken the two flags already, wherever they stood."""


def main() -> int:
    """The installed `orch`: returns the exit code."""
    # building a graph makes many objects and drops few: the collector's default would walk them ten times over
    gc.set_threshold(200_000, 20, 20)
    # no plug-in of another package looks at what we validate, and searching for them costs 15 ms
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    for stream in (sys.stdout, sys.stderr):
        # a terminal without these characters shows escapes instead of failing
        getattr(stream, "reconfigure", lambda **_: None)(errors="backslashreplace")
    return _leave(cli.main(standalone_mode=False))


def _leave(code: int) -> int:
    """End the process at once: taking every object apart first costs more than checking a file.

    With other threads still at work the interpreter waits for them as usual.
    """
    if threading.active_count() > 1:
        return code
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        return code
    os._exit(code)
