"""MCP tools before the run: their names, arguments and results come from the lock file beside the workflow."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.graph.model import all_nodes
from orchestrator.lock.file import Lock, written
from tests.graph.workshop import check, graph_of

HEAD = """\
orch: 1
tools:
  mail: {mcp: {command: [mail-server]}, clearance: private}
  post.send: {mcp: {url: "http://127.0.0.1:9/mcp"}, clearance: private}
"""
SEND = {
    "description": "Sends.",
    "input": {
        "type": "object",
        "properties": {"to": {"type": "string"}, "copies": {"type": "integer"}},
        "required": ["to"],
    },
    "output": {"type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"]},
}
SERVERS = {
    "mail-server": {"tools": {"send": SEND, "list-all": {"input": {"type": "object"}}}},
    "http://127.0.0.1:9/mcp": {"tools": {"post": SEND}},
}


def lock(root: Path, name: str = "workflow.lock.yaml") -> None:
    (root / name).write_text(written("workflow.yaml", Lock({"servers": SERVERS})), encoding="utf-8")


def said(root: Path, steps: str) -> str:
    """What is wrong, but for entries that no step uses."""
    found = check(root, f"{HEAD}steps:\n  {steps}\n").diagnostics
    return "\n".join(f"{one.message} {one.hint}" for one in found if one.code != "ORCH520")


@pytest.mark.parametrize(
    ("steps", "wrong"),
    [
        ('a: {tool: mail.send, with: {to: me}}\n  b: {value: "{{ a.id + 1 }}"}', ""),
        ('a: {tool: mail.send, with: {to: me}}\n  b: {value: "{{ a.idd }}"}', "did you mean 'id'?"),
        ("a: {tool: mail.send, with: {too: me, to: me}}", "mail.send takes no 'too'"),
        ("a: {tool: mail.send}", "mail.send needs to"),
        ("a: {tool: mail.send, with: {to: me, copies: two}}", "mail.send: "),
        ("a: {tool: mail.list_all}", ""),
        ("a: {tool: mail.sendd, with: {to: me}}", "its server has no tool 'sendd', as the lock file has it"),
        ("a: {tool: post.send, with: {to: me}}", ""),  # its only tool is meant
        ("a: {tool: post.send, with: {t: me, to: me}}", "post.send takes no 't'"),
    ],
)
def test_what_the_lock_lists_is_checked(tmp_path: Path, steps: str, wrong: str) -> None:
    """A wrong name is a line and a column before anything is asked; without a lock nothing is known of it."""
    assert said(tmp_path, steps) == ""

    lock(tmp_path)
    found = said(tmp_path, steps)

    assert wrong in found
    assert bool(found) == bool(wrong)


def test_the_tools_of_an_agent_are_those_that_its_server_listed(tmp_path: Path) -> None:
    """Also where nothing is called by the file itself."""
    lock(tmp_path)

    wrong = said(tmp_path, 'a: {agent: creative, prompt: "Send it.", tools: [mail.sent]}')

    assert "mail.sent: its server has no tool 'sent'" in wrong
    assert said(tmp_path, 'a: {agent: creative, prompt: "Send it.", tools: [mail.send]}') == ""


def test_a_workflow_that_is_called_is_checked_by_the_lock_of_its_caller(tmp_path: Path) -> None:
    """One lock beside the file that is run is enough."""
    lock(tmp_path)
    inner = f"{HEAD}steps:\n  a: {{tool: mail.send, with: {{too: me, to: me}}}}\n"
    (tmp_path / "inner.yaml").write_text(inner, encoding="utf-8")

    found = check(tmp_path, "orch: 1\nsteps:\n  a: {workflow: inner.yaml}\n").diagnostics

    assert [one.message for one in found if one.code == "ORCH315"] == ["mail.send takes no 'too'"]


def test_a_lock_that_cannot_be_read_is_a_warning(tmp_path: Path) -> None:
    """It is repaired by hand, or written anew; the file itself is right."""
    (tmp_path / "workflow.lock.yaml").write_text("orch: 1\n<<<<<<< a\n")

    found = check(tmp_path, f"{HEAD}steps:\n  a: {{tool: mail.send, with: {{any: thing}}}}\n").diagnostics

    assert [(one.code, one.severity) for one in found if one.code == "ORCH542"] == [("ORCH542", "warning")]
    assert "the marks of a merge" in found[0].message


@pytest.mark.parametrize(
    ("server", "why"),
    [
        ("{command: []}", "has an empty `command`"),
        ('{url: "http://127.0.0.1:9", env: {A: b}}', "is at an address, and gets no `env`"),
        ("{command: [x], key: env.TOKEN}", "is started here, and gets no `key`"),
    ],
)
def test_a_server_is_reached_in_one_way(tmp_path: Path, server: str, why: str) -> None:
    """And gets what that way can carry."""
    text = f"orch: 1\ntools: {{m.send: {{mcp: {server}}}}}\nsteps:\n  a: {{tool: m.send}}\n"

    found = [one for one in check(tmp_path, text).diagnostics if one.severity == "error"]

    assert [(one.code, one.mark.line) for one in found] == [("ORCH614", 2)]
    assert why in found[0].message


def test_locking_does_not_make_another_workflow_of_it(tmp_path: Path) -> None:
    """A run that began before goes on after `orch lock`: its digest is that of the files it executes."""
    text = f"{HEAD}steps:\n  a: {{tool: mail.send, with: {{to: me}}}}\n"
    before = graph_of(tmp_path, text)
    lock(tmp_path)
    after = graph_of(tmp_path, text)

    assert before.digest == after.digest
    assert [str(node.value_type) for node in all_nodes(after.scope)] != [
        str(node.value_type) for node in all_nodes(before.scope)
    ]
