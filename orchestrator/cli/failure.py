"""What a person sees when something went wrong, and the exit code. Decides nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from orchestrator.errors import OrchError

if TYPE_CHECKING:
    from orchestrator.cli.console import Console

INTERRUPTED = 130
USAGE = 2
SHOWN = 5


def leaves(error: BaseException) -> Iterator[BaseException]:
    """The errors in a group, however deeply nested, in order."""
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from leaves(inner)
    else:
        yield error


def report(error: BaseException, console: Console, *, debug: bool = False) -> int:
    """Print what went wrong and return the exit code."""
    errors = list(leaves(error))
    if debug:
        _traceback(error, console)
    for kind in (KeyboardInterrupt, SystemExit):
        if stop := next((e for e in errors if isinstance(e, kind)), None):
            return _stopped(stop, console)
    errors = [_starved(e) or e for e in errors]
    defects = [e for e in errors if not isinstance(e, OrchError | OSError)]
    known = [e for e in errors if isinstance(e, OrchError | OSError)]
    if defects:
        return _defect(defects[0], console, debug=debug)
    return _known(known, console)


def _stopped(error: BaseException, console: Console) -> int:
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    console.say("interrupted")
    return INTERRUPTED


def _starved(error: BaseException) -> OrchError | None:
    """What this machine would not give; it is no defect."""
    if isinstance(error, MemoryError):
        what = "no memory is left for orch itself"
    elif isinstance(error, RuntimeError) and "start new thread" in str(error):
        what = "no more threads can be started: memory or processes are limited here"
    else:
        return None
    return OrchError(
        what, hint="end other programs, or raise the limit (ulimit -v, ulimit -u, the container's)"
    )


def _known(errors: list[OrchError | OSError], console: Console) -> int:
    shown: dict[tuple[str, str], OrchError | OSError] = {}
    for error in errors:
        shown.setdefault(_words(error), error)
    for number, ((message, hint), error) in enumerate(shown.items()):
        if number == SHOWN:
            console.say(f"… and {len(shown) - SHOWN} more")
            break
        if not _diagnostics(error, console):
            console.error(message, hint)
    first = errors[0]
    return first.exit_code if isinstance(first, OrchError) else 1


def _words(error: OrchError | OSError) -> tuple[str, str]:
    if isinstance(error, OrchError):
        return error.message, error.hint
    what = error.strerror or str(error) or type(error).__name__
    return (f"{error.filename}: {what}" if error.filename else what), ""


def _diagnostics(error: BaseException, console: Console) -> bool:
    """A wrong file is shown with all its places. False when the error is another one."""
    from orchestrator.spec.diagnostics import SpecError

    if not isinstance(error, SpecError):
        return False
    from orchestrator.cli.validate import summary
    from orchestrator.spec.format import as_text

    console.err.write(as_text(error.diagnostics, color=console.color_err) + "\n")
    console.say(summary(error.diagnostics))
    return True


def _defect(error: BaseException, console: Console, *, debug: bool) -> int:
    first = str(error).strip().partition("\n")[0]
    detail = f"{type(error).__name__}: {first}" if first else type(error).__name__
    hint = "please report the traceback above" if debug else "`orch --debug …` shows the traceback to report"
    console.error(f"this is a defect in orch ({detail})", hint)
    return 1


def _traceback(error: BaseException, console: Console) -> None:
    import traceback

    console.say("".join(traceback.format_exception(error)).rstrip())
