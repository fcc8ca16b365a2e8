"""Runs functions of one Python file for `functions.py`, one call after the other, until its channel closes.

Started as a script, and imports nothing of the project: it starts fast and leaves every name to the user's own code.
A frame is a letter, the length in four bytes, and the content: `c` a call, `r` what came of it, `o` what was printed.
"""

from __future__ import annotations

import io
import json
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from types import ModuleType, TracebackType
from typing import Any

GRACE = 1.0
"""Seconds in which the process may end by itself once nobody needs it."""


def main(channel: int, file: str) -> None:
    """Serve calls. What the user's code started is ended by `lifeline.py`, the parent of this process."""
    os.set_inheritable(channel, False)
    lock = threading.Lock()

    def send(letter: bytes, content: bytes) -> None:
        with lock:
            _write(channel, letter + len(content).to_bytes(4, "big") + content)

    sys.stdout = sys.stderr = io.TextIOWrapper(
        io.BufferedWriter(_Printed(send), 8192), "utf-8", "replace", line_buffering=True
    )
    folder = file.rpartition(os.sep)[0]
    sys.path.insert(0, folder)
    calls: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(channel, calls), daemon=True).start()
    module: ModuleType | None = None
    while (content := calls.get()) is not None:
        request = json.loads(content)
        try:
            module = module or _load(file)
            answer = {"value": _plain(_call(module, request))}
            text = json.dumps(answer, ensure_ascii=False, allow_nan=False)
        except BaseException as error:  # noqa: BLE001 - whatever the user's code raises is told to the caller
            text = json.dumps(_fault(error, folder))
        sys.stdout.flush()
        send(b"r", text.encode("utf-8", "replace"))


def _listen(channel: int, calls: queue.SimpleQueue[bytes | None]) -> None:
    """Take calls in. When the channel closes, nobody waits any more, not even for the call that runs now."""
    while True:
        head = _read(channel, 5)
        content = _read(channel, int.from_bytes(head[1:], "big")) if head else b""
        if not content:
            break
        calls.put(content)
    calls.put(None)
    time.sleep(GRACE)
    os.kill(os.getpid(), signal.SIGKILL)


def _read(channel: int, size: int) -> bytes:
    """Exactly so many bytes; none at the end."""
    content = b""
    while len(content) < size:
        try:
            part = os.read(channel, size - len(content))
        except OSError:
            return b""
        if not part:
            return b""
        content += part
    return content


def _write(channel: int, content: bytes) -> None:
    while content:
        content = content[os.write(channel, content) :]


class _Printed(io.RawIOBase):
    """What the user's code prints, on its way to whoever follows the run."""

    def __init__(self, send: Callable[[bytes, bytes], None]) -> None:
        self._send = send

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return 1

    def write(self, content: Any) -> int:
        data = bytes(content)
        self._send(b"o", data)
        return len(data)


def _load(file: str) -> ModuleType:
    """The user's file as a module, known by its name as if it had been imported."""
    from importlib.util import module_from_spec, spec_from_file_location

    stem = file.rpartition(os.sep)[2].removesuffix(".py")
    name = stem if stem not in sys.modules and stem not in sys.stdlib_module_names else f"project_{stem}"
    spec = spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} is no Python file")
    module = module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _call(module: ModuleType, request: Mapping[str, Any]) -> Any:
    function = getattr(module, request["function"])
    arguments = _made(function, request["arguments"], request["made"])
    first = [arguments.pop(name) for name in request["first"] if name in arguments]
    value = function(*first, **arguments)
    if hasattr(value, "__await__"):
        import asyncio

        return asyncio.run(_awaited(value))
    return value


async def _awaited(value: Any) -> Any:
    return await value


def _made(function: Any, arguments: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """The arguments with what Python makes of plain data: a date, a dataclass, a pydantic model."""
    if not any(name in arguments for name in names):
        return arguments
    from typing import get_type_hints

    from pydantic import TypeAdapter, ValidationError

    hints = get_type_hints(function, include_extras=True)
    made = dict(arguments)
    for name in names:
        if name in arguments and name in hints:
            try:
                made[name] = TypeAdapter(hints[name]).validate_python(arguments[name])
            except ValidationError as error:
                first = error.errors()[0]
                where = ".".join(str(part) for part in (name, *first["loc"]))
                raise _NotPlain(f"'{where}': {first['msg']}") from None
    return made


class _NotPlain(Exception):
    """A value cannot cross between plain data and Python."""


def _plain(value: Any) -> Any:
    """The value as JSON can hold it."""
    try:
        return json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError, RecursionError):
        from pydantic_core import to_jsonable_python

    try:
        plain = to_jsonable_python(value, fallback=_numbers)
        json.dumps(plain, allow_nan=False)
    except Exception as error:  # noqa: BLE001 - fields are read by the user's own code
        kind = f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
        raise _NotPlain(f"it returned what is no plain data ({kind}): {error}") from None
    return plain


def _numbers(value: Any) -> Any:
    """Arrays and scalars of numpy, which have no other way to become plain."""
    if type(value).__module__.partition(".")[0] == "numpy" and hasattr(value, "tolist"):
        return value.tolist()
    if hasattr(value, "to_dict"):
        raise TypeError("return it with .to_dict('records')")
    raise TypeError(f"no {type(value).__name__} stands in JSON")


def _fault(error: BaseException, folder: str) -> dict[str, str]:
    """What went wrong, and where in the user's own code."""
    if isinstance(error, _NotPlain):
        return {"error": str(error), "place": "", "trace": ""}
    import traceback

    last = traceback.format_exception_only(error)[-1].strip()
    own = error.__traceback__
    while own is not None and own.tb_frame.f_code.co_filename == __file__:
        own = own.tb_next
    trace = "".join(traceback.format_exception(type(error), error, own, limit=-20))
    return {"error": last, "place": _place(error, folder), "trace": trace}


def _place(error: BaseException, folder: str) -> str:
    if isinstance(error, SyntaxError) and error.filename:
        return _relative(error.filename, error.lineno or 0, folder)
    place = ""
    trace: TracebackType | None = error.__traceback__
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if file.startswith(folder + os.sep) and "site-packages" not in file:
            place = _relative(file, trace.tb_lineno, folder)
        trace = trace.tb_next
    return place


def _relative(file: str, line: int, folder: str) -> str:
    return f"{file.removeprefix(folder + os.sep)}:{line}"


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
