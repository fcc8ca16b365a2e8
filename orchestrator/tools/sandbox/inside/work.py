"""Runs the code in the process that is locked in already, and reports the value of its last expression.

From here on nothing is trusted: whatever this process says may come from the code.
"""

from __future__ import annotations

import _ast
import _socket
import os
import sys
from _json import encode_basestring_ascii

TYPE_CHECKING = False  # of our own: importing typing takes longer than everything else here
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any

ONLY_TREE = 0x400
"""Flag of compile(): the syntax tree (ast.PyCF_ONLY_AST)."""
DEEPEST = 100
MAIN = "main.py"


def work(job: dict[str, Any], report: _socket.socket) -> None:
    """Write the files, run the code or the command, report the value; then the interpreter ends as usual."""
    work_at = os.getcwd()
    sys.path[:] = [work_at, *(p for p in sys.path[1:] if p not in job["packages"]), *job["packages"]]
    sys.argv[:] = job["argv"]
    aside = job["scratch"] + "/tmp"  # noqa: S108 - beneath its own scratch
    os.environ.update(HOME=aside, TMPDIR=aside, MPLCONFIGDIR=aside)
    try:
        _write(job["files"])
        value = _run(job)
    except SystemExit:
        raise
    except BaseException as error:  # noqa: BLE001 - whatever the code raises is its result
        trace = _own_part(error.__traceback__)
        sys.excepthook(type(error), error.with_traceback(trace), trace)
        _end(1)
    sys.stdout.flush()
    if value is not None:
        _report(value, report, job["limits"]["value"])


def _end(code: int) -> None:
    """As the interpreter itself does when the main program fails: exit handlers still run."""
    raise SystemExit(code)


def _run(job: dict[str, Any]) -> Any:
    main = type(sys)("__main__")
    main.__dict__["__builtins__"] = __builtins__
    if job["module"]:
        import runpy

        runpy.run_module(job["module"], run_name="__main__", alter_sys=True)
        return None
    sys.modules["__main__"] = main
    main.__file__ = job["argv"][0]
    with open(job["argv"][0], encoding="utf-8") as file:
        text = file.read()
    tree = compile(text, job["argv"][0], "exec", ONLY_TREE, dont_inherit=True)
    assert isinstance(tree, _ast.Module)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], _ast.Expr) else None
    exec(compile(tree, job["argv"][0], "exec", dont_inherit=True), main.__dict__)  # noqa: S102 - it is locked in
    if not isinstance(last, _ast.Expr):
        return None
    return eval(  # noqa: S307 - as above
        compile(_ast.Expression(last.value), job["argv"][0], "eval", dont_inherit=True), main.__dict__
    )


def _write(files: dict[str, str]) -> None:
    for name, text in files.items():
        above = os.path.dirname(name)
        if above:
            os.makedirs(above, exist_ok=True)
        with open(name, "w", encoding="utf-8", errors="surrogatepass", newline="") as file:
            file.write(text)


def _own_part(trace: TracebackType | None) -> TracebackType | None:
    """The traceback without our own frames."""
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    return trace


def _report(value: Any, report: _socket.socket, most: int) -> None:
    try:
        text = _json_text(value, DEEPEST).encode()
    except (TypeError, ValueError):
        return
    if len(text) <= most:
        report.sendall(text)


def _json_text(value: Any, depth: int) -> str:
    """Text, numbers, lists and maps as JSON; arrays and series are lists. TypeError or ValueError for anything else.

    Importing json would take as long as starting the interpreter.
    """
    if value is None or value is True or value is False:
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return encode_basestring_ascii(value)
    if isinstance(value, int):
        return int.__repr__(value)
    if depth == 0:
        raise ValueError("too deep")
    if isinstance(value, float):
        if value - value != 0:
            raise ValueError("not a number")
        return float.__repr__(value)
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(_json_text(one, depth - 1) for one in value) + "]"
    if isinstance(value, dict):
        return "{" + ",".join(_pair(key, one, depth - 1) for key, one in value.items()) + "}"
    listed = getattr(value, "tolist", None)
    if not callable(listed):
        raise TypeError(type(value).__name__)
    return _json_text(listed(), depth - 1)


def _pair(key: Any, value: Any, depth: int) -> str:
    if not isinstance(key, str):
        raise TypeError("a key that is not text")
    return encode_basestring_ascii(key) + ":" + _json_text(value, depth)
