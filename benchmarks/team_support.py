"""The support team on questions that it has not seen: found, right, grounded, handed over; the plain model beside it.

    python -m benchmarks.team_support              all 50 questions
    python -m benchmarks.team_support --limit 20

A reply is right when it holds the fact: one of the spellings that a question lists, not in the middle of a number. The questions
were written for this while reading the handbook, and nothing was tuned on them. Ten questions are not answered by the
handbook: there the right thing is to hand over.
"""

from __future__ import annotations

import argparse
import random
import re
from collections.abc import Mapping
from typing import Any

from benchmarks.team_runs import DATA, Rows, read_rows, run_example, run_plain, share

EXAMPLE = "10-support-team"
PLAIN = "You are a support agent of a bank. Answer the customer in one sentence.\n\nCustomer: {{ item.text }}"


def holds(row: Mapping[str, Any], text: str) -> bool:
    return any(
        re.search(rf"(?<![\d.,]){re.escape(fact)}(?!\d)", text, re.IGNORECASE) for fact in row["facts"]
    )


def report(rows: Rows) -> None:
    asked = [{"id": row["id"], "text": row["text"]} for row in rows]
    plain = run_plain(PLAIN, asked, {"temperature": 0, "max_tokens": 80, "stop": ["\n"]})
    replies = run_example(EXAMPLE, {"questions": asked})["replies"]
    known = [n for n, row in enumerate(rows) if row["facts"]]
    strange = [n for n, row in enumerate(rows) if not row["facts"]]
    kept = [reply for reply in replies if reply["by"] != "person"]
    found = [any(name.endswith("/" + rows[n]["source"]) for name in replies[n]["files"]) for n in known]
    print("| what | score (95 %) |\n| --- | --- |")
    print(
        f"| one plain prompt: the answer holds the fact | {share([holds(rows[n], plain[n] or '') for n in known])} |"
    )
    print(
        f"| the team: the answer holds the fact | {share([holds(rows[n], replies[n]['text']) for n in known])} |"
    )
    print(
        f"| its model's own draft held it | {share([holds(rows[n], replies[n]['draft']) for n in known])} |"
    )
    print(f"| the document named in the case is among the three passages | {share(found)} |")
    print(f"| a reply cites a passage that it was given | {share([_cited(r) for r in kept])} |")
    print(f"| written by the model, the others quoted | {share([r['by'] == 'model' for r in kept])} |")
    print(
        f"| handed over where the handbook says nothing | {share([replies[n]['by'] == 'person' for n in strange])} |"
    )
    print(f"| handed over although it says it | {share([replies[n]['by'] == 'person' for n in known])} |")


def _cited(reply: Mapping[str, Any]) -> bool:
    return any(reply["text"].endswith(f"[{n}]") for n in range(1, len(reply["files"]) + 1))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--limit", type=int, help="only so many questions, drawn with a fixed seed")
    rows = read_rows(DATA / "team_support_questions.jsonl")
    limit = parser.parse_args().limit
    report(random.Random(1).sample(rows, min(limit, len(rows))) if limit else rows)


if __name__ == "__main__":
    main()
