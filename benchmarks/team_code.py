"""The code team on problems of HumanEval that it has not seen: how many pass their tests, the plain model beside it.

    python -m benchmarks.team_code              30 problems
    python -m benchmarks.team_code --limit 10

Both answers become a program in the same way and run in the sandbox against the hidden tests. The team writes with worked
examples of the shipped `code`, tries the examples of the description (`>>>`), and draws up to two warmer drafts when they fail.
"""

from __future__ import annotations

import argparse
import random

from benchmarks.team_runs import DATA, Rows, read_rows, run_example, run_file, run_plain, share

EXAMPLE = "11-code-team"
PLAIN = "Write the Python function `{{ item.entry_point }}`. Only code.\n\n{{ item.prompt | trim }}"

CHECK = {
    "orch": 1,
    "inputs": {"problems": {"type": "file", "format": "jsonl"}},
    "tools": {"program": {"python": "program.py:program", "effects": "none"}},
    "steps": {
        "tried": {
            "foreach": "inputs.problems",
            "as": "problem",
            "steps": {
                "code": {
                    "tool": "program",
                    "with": {
                        "prompt": "{{ problem.prompt }}",
                        "answer": "{{ problem.answer }}",
                        "name": "{{ problem.entry_point }}",
                    },
                },
                "ran": {
                    "tool": "python",
                    "with": {"code": "{{ code }}\n{{ problem.tests }}\ncheck({{ problem.entry_point }})\n"},
                    "timeout": "20s",
                },
                "right": {"value": "{{ ran.exit == 0 }}"},
            },
        }
    },
    "outputs": {"passed": "{{ tried | map(attribute='right') | list }}"},
}
"""Makes a program of each answer and runs it against the hidden tests."""


def report(rows: Rows) -> None:
    asked = [
        {
            "id": row["task_id"],
            "prompt": row["prompt"],
            "entry_point": row["entry_point"],
            "tests": row["test"],
        }
        for row in rows
    ]
    drafts = run_plain(PLAIN, asked, {"temperature": 0, "max_tokens": 200, "stop": ["\n```"]})
    team = run_example(EXAMPLE, {"problems": asked}, explain="false")["results"]
    plain = _passed(asked, [draft or "" for draft in drafts])
    print("| what | passes the hidden tests (95 %) |\n| --- | --- |")
    print(f"| one plain prompt | {share(plain)} |")
    print(f"| the team | {share([result['passed'] for result in team])} |")
    print(f"| drafts whose own examples pass | {share([result['examples_passed'] for result in team])} |")


def _passed(asked: Rows, answers: list[str]) -> list[bool]:
    """Whether each answer passes the hidden tests, in the sandbox."""
    tried = [{**row, "answer": answer} for row, answer in zip(asked, answers, strict=True)]
    return list(run_file(CHECK, EXAMPLE, {"problems": tried})["passed"])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--limit", type=int, help="only so many problems, drawn with a fixed seed")
    rows = read_rows(DATA / "team_code_humaneval.jsonl")
    limit = parser.parse_args().limit
    report(random.Random(1).sample(rows, min(limit, len(rows))) if limit else rows)


if __name__ == "__main__":
    main()
