"""The pure tier: a small Python of its own (pydantic-monty), without files, packages, or anything outside of it.

Works on every system. Knows no numpy and no classes of the standard library beyond a few modules.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any, Literal

from orchestrator.errors import SandboxUnavailable
from orchestrator.tools.sandbox.limits import Limits
from orchestrator.tools.sandbox.sandbox import TIMED_OUT, Outcome

INSTALL = "pip install 'orch[pure]'"
NO_MEMORY = 137
GRACE = 2.0
"""Seconds for starting the worker, and for it to notice that its time ran out."""


class _Output:
    """Takes what is printed, up to a limit."""

    def __init__(self, most: int, progress: Callable[[str], None]) -> None:
        self._left = most
        self._progress = progress
        self.parts: dict[str, list[str]] = {"stdout": [], "stderr": []}
        self.full = False

    def __call__(self, stream: Literal["stdout", "stderr"], text: str) -> None:
        kept = text[: self._left]
        self._left -= len(kept)
        self.full = self.full or len(kept) < len(text)
        self.parts[stream].append(kept)
        if stream == "stdout":
            self._progress(kept)


async def run_pure(code: str, limits: Limits, seconds: float, progress: Callable[[str], None]) -> Outcome:
    """Run code in a worker of its own. Raises SandboxUnavailable when the package is missing or does not start."""
    try:
        import pydantic_monty as monty
    except ImportError as error:
        raise SandboxUnavailable("the pure tier needs the package pydantic-monty", hint=INSTALL) from error
    output = _Output(limits.output, progress)
    try:
        async with asyncio.timeout(seconds + GRACE):
            value = await _feed(code, limits, seconds, output)
    except monty.MontyError as error:
        return _failed(error, output)
    except TimeoutError:
        return _outcome(TIMED_OUT, output, f"stopped: still running after {seconds:g} s")
    except (OSError, RuntimeError) as error:
        raise SandboxUnavailable(f"the pure tier does not start: {error}", hint=INSTALL) from error
    return _outcome(0, output, "", _plain(value, limits.value))


async def _feed(code: str, limits: Limits, seconds: float, output: _Output) -> Any:
    import pydantic_monty as monty

    allowed: monty.ResourceLimits = {
        "max_feed_duration_secs": seconds,
        "max_memory": limits.memory,
        "max_recursion_depth": 500,
    }
    async with (
        monty.AsyncMonty(max_processes=1, request_timeout=seconds + GRACE) as pool,
        pool.checkout(script_name="main.py", limits=allowed) as session,
    ):
        return await session.feed_run(code, print_callback=output)


def _failed(error: Exception, output: _Output) -> Outcome:
    shown = getattr(error, "display", None)
    text = shown() if callable(shown) else f"{type(error).__name__}: {error}"
    cause = getattr(error, "exception", None)
    inner = cause() if callable(cause) else error
    if isinstance(inner, TimeoutError):
        return _outcome(TIMED_OUT, output, text)
    return _outcome(NO_MEMORY if isinstance(inner, MemoryError) else 1, output, text)


def _outcome(code: int, output: _Output, error: str, value: Any = None) -> Outcome:
    err = "".join(output.parts["stderr"]) + (error + "\n" if error else "")
    if output.full:
        err += "stopped: more output than is kept\n"
    return Outcome(
        code, "".join(output.parts["stdout"]), err, value, layers="an interpreter without a system"
    )


def _plain(value: Any, most: int) -> Any:
    """Plain data as JSON knows it, or None."""
    if not _is_plain(value, 100):
        return None
    try:
        text = json.dumps(value, allow_nan=False)
    except (ValueError, RecursionError):
        return None
    return json.loads(text) if len(text) <= most else None


def _is_plain(value: Any, depth: int) -> bool:
    if value is None or isinstance(value, (bool, int, float, str)):
        return True
    if depth and isinstance(value, (list, tuple)):
        return all(_is_plain(one, depth - 1) for one in value)
    if depth and isinstance(value, Mapping):
        return all(isinstance(key, str) and _is_plain(one, depth - 1) for key, one in value.items())
    return False
