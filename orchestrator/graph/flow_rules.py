"""The rules by which labels pass from one value to the next, by name. All of them hold, always.

Only tests switch one off, to see that without it something private would get out.
"""

from __future__ import annotations

from collections.abc import Mapping

RULES: Mapping[str, str] = {
    "template": "a text has the label of every name it mentions, all branches included",
    "role": "an agent's role, with its label, is part of every request",
    "examples": "worked examples, and which of them were chosen, are part of the request",
    "knowledge": "retrieved passages, and the query that chose them, are part of the request",
    "memory": "the last turns of a conversation are part of the request",
    "tool-results": "what a tool returns has the label of its arguments and of what it reads",
    "items": "the items of a reduce are the list and the answers so far",
    "pick": "who chooses among samples reads them, and decides which is the value",
    "head": "a classifier's answer has the label of what it was trained on",
    "when": "a value that only exists when something holds has the label of that condition",
    "foreach": "a value per item has the label of the list it was made for",
    "index": "the number of an item has the label of the list",
    "until": "the last pass of a loop has the label of what ended it",
    "last": "the pass before is a value like any other",
    "else": "what stands in for the last pass is a value like any other",
    "on-error": "whether a step failed has the label of all it was asked",
    "needs": "a skip is passed on",
    "nulls": "what is null because something it reads is null has the label of that",
    "facts": "facts about a step have the label of its whole request and scope",
    "checks": "which answer is accepted has the label of what the checks read",
    "repair": "what a repair sends has the label of the answer and of what the checks read",
    "escalate": "which model answered has the label of what decided it",
    "carry": "an answer that an escalation carries along has the labels of all that made it",
    "label": "a step's own label raises its value",
    "ask": "a person's choice has the label of what the person was shown",
    "subworkflow": "what a workflow returns has the labels of its outputs",
    "env": "the environment is secret",
}
"""What each rule says."""

ALL_RULES = frozenset(RULES)
