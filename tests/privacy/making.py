"""Makes workflow files over everything the language executes, as text. Knows which of its names are probably public.

What it believes only decides what it likes to send to a cloud; whether that may go is for the proof to say.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.privacy.cabinet import TOOLS
from tests.privacy.canaries import INPUTS, REDACTOR

SHAPE = {"a": "string(200)", "b": "string(200)", "kind": "red | blue", "n": "int(0..9)", "ok": "bool"}
KINDS = {"a": "text", "b": "text", "kind": "enum", "n": "int", "ok": "bool"}
MODELS = {
    "tiny": "ollama:llama3.2:1b",
    "small": "ollama:llama3.2:3b",
    "odd": "ollama:qwen3:1b",
    "cloud": {"use": "openai:gpt-5-mini", "clearance": "public"},
    "cloud2": {"use": "openai:gpt-5", "clearance": "public"},
}
AGENTS = {
    "plain": {"role": "You write short answers.", "model": "tiny"},
    "coder": {"role": "You write in code.", "model": "small"},
    "mirror": {"role": "You write backwards.", "model": "odd"},
    "keeper": {"role": "Our margin is qqmarginqqcanaryqq.", "label": "internal", "model": "tiny"},
    "redactor": {"role": REDACTOR, "model": "tiny"},
}
CASES = "cases.jsonl"
KNOWLEDGE = {
    "handbook": {"from": "docs/*.md"},
    "site": {"from": "site/*.md", "label": "public"},
    "away": {"from": "site/*.md", "label": "public", "embed": "openai:text-embedding-3-small"},
}
"""Documents of the project; what is public; and what is public, but embedded off this machine."""
ROLE_CANARY = "qqmarginqqcanaryqq"
CHILD = """\
orch: 1
models: {tiny: "ollama:llama3.2:1b", cloud: {use: "openai:gpt-5-mini", "clearance": "public"}}
agents:
  plain: {role: You write short answers., model: tiny}
  redactor: {role: REDACTOR, model: tiny}
inputs:
  text: text
  open: {type: text, label: public}
  flag: {type: bool, default: true}
steps:
  inside: {agent: plain, prompt: "Read {{ inputs.text }}", on_error: {value: "no {{ answer | default('') }}"}}
  away: {agent: plain, model: cloud, prompt: "Say {{ inputs.open }}", on_error: continue}
  bits: {when: inputs.flag, value: {public: "{{ inputs.open | length }}", private: "{{ inputs.text | length }}"}}
  scrub:
    agent: redactor
    prompt: "{{ inputs.text }}"
    declassify: {from: private, to: public, by: redact}
    on_error: {value: failed}
outputs:
  inside: "{{ inside }}"
  away: "{{ coalesce(away, 'none') }}"
  scrubbed: "{{ scrub }}"
  open: "{{ inputs.open }}"
  maybe: "{{ coalesce(bits.public, 'none') }}"
  facts: "{{ steps.inside.attempts }}"
""".replace("REDACTOR", REDACTOR)


@dataclass(frozen=True)
class Name:
    """An expression that a step may use. `low`: probably public. `null`: it may be null."""

    text: str
    kind: str
    low: bool
    null: bool = False

    @property
    def safe(self) -> str:
        """The same, never null."""
        instead = {"map": "{}", "int": "0", "bool": "false", "list": "[]", "rows": "[]"}.get(
            self.kind, "'none'"
        )
        return f"coalesce({self.text}, {instead})" if self.null else self.text

    @property
    def step(self) -> bool:
        return self.text.isidentifier()


SOURCES = (
    Name("inputs.open", "text", low=True),
    Name("inputs.opens", "list", low=True),
    Name("inputs.shown", "bool", low=True),
    Name("inputs.amount", "int", low=True),
    Name("inputs.items_open", "rows", low=True),
    Name("today", "text", low=True),
    Name("inputs.note", "text", low=False),
    Name("inputs.notes", "list", low=False),
    Name("inputs.threes", "list", low=False),
    Name("inputs.flag", "bool", low=False),
    Name("inputs.number", "int", low=False),
    Name("inputs.tickets", "tickets", low=False),
    Name("inputs.inner", "text", low=False),
    Name("inputs.key", "text", low=False),
    Name("env.TOKEN", "text", low=False),
)
TEXTS = ("text", "enum", "int", "any")
LISTS = ("list", "rows", "tickets")


@dataclass
class Maker:
    """One file while it is made. `careful`: how often a name that goes to a cloud is one that is probably public."""

    rnd: Random
    careful: float = 0.94
    names: list[Name] = field(default_factory=lambda: list(SOURCES))
    steps: dict[str, Any] = field(default_factory=dict)
    read: list[Name] = field(default_factory=list)
    count: int = 0
    depth: int = 0

    # ------------------------------------------------------------------------------------------ choosing

    def some(self, kinds: Sequence[str], *, low: bool = False) -> Name:
        """A name of these kinds; `low` asks for a public one, most of the time."""
        fitting = [name for name in self.names if name.kind in kinds]
        public = [name for name in fitting if name.low]
        if low and self.rnd.random() < self.careful:
            fitting = public or fitting
        recent = fitting[-4:] if self.rnd.random() < 0.5 else fitting
        found = self.rnd.choice(recent)
        self.read.append(found)
        return found

    def chance(self, share: float) -> bool:
        return self.rnd.random() < share

    @contextmanager
    def reading(self) -> Iterator[list[Name]]:
        """Everything that is read inside."""
        before, self.read = self.read, []
        yield self.read
        before += self.read
        self.read = before

    def name(self) -> str:
        self.count += 1
        return f"s{self.count}"

    # ------------------------------------------------------------------------------------------ texts

    def condition(self, *, low: bool = False) -> str:
        name = self.some(("bool", "map", *TEXTS, *LISTS), low=low)
        text = name.safe
        match name.kind:
            case "bool":
                return self.rnd.choice((text, f"not {text}"))
            case "int":
                return f"{text} > {self.rnd.randint(0, 9)}"
            case "enum":
                return f"{text} == 'red'"
            case "any" | "map":
                return f"({text} | json | length) > {self.rnd.choice((9, 20, 30))}"
            case "text":
                return f"{text} | length > {self.rnd.choice((9, 20, 30))}"
            case _:
                return f"{text} | length > {self.rnd.randint(0, 3)}"

    def expression(self, *, low: bool = False) -> str:
        """A text or a number."""
        match self.rnd.randint(0, 9):
            case 0:
                other = self.some(TEXTS, low=low)
                return f"({self.some(TEXTS, low=low).safe}) if {self.condition(low=low)} else ({other.safe})"
            case 1:
                return f"{self.some(('text',), low=low).safe} | length"
            case 2:
                return f"{self.some(LISTS, low=low).safe} | length"
            case 3:
                return f"{self.some(('list',), low=low).safe} | join(' ')"
            case 4:
                return f"{self.some(('list',), low=low).safe} | first | default('none')"
            case 5:
                return f"{self.some(('text',), low=low).safe} | upper"
            case 6:
                key = {"rows": "word", "tickets": "body"}
                name = self.some(("rows", "tickets"), low=low)
                return f"{name.safe} | map(attribute='{key[name.kind]}') | join(' ')"
            case 7:
                return f"{self.some(TEXTS, low=low).safe} ~ {self.some(TEXTS, low=low).safe}"
            case _:
                return self.some(TEXTS, low=low).safe

    def text(self, *, low: bool = False) -> str:
        """A prompt of one to three parts."""
        parts = []
        for _ in range(self.rnd.randint(1, 2)):
            match self.rnd.randint(0, 5):
                case 0:
                    yes = self.expression(low=low) if self.chance(0.3) else "'yes'"
                    parts.append(f"{{% if {self.condition(low=low)} %}}{{{{ {yes} }}}}{{% endif %}}")
                case 1:
                    name = self.some(LISTS, low=low)
                    shown = "" if self.chance(0.5) or name.kind != "list" else "{{ one }}"
                    parts.append(f"{{% for one in {name.safe} %}}-{shown}{{% endfor %}}")
                case 2:
                    parts.append("Go on.")
                case 3:
                    parts.append(f"{{% set held = {self.expression(low=low)} %}}{{{{ held }}}}")
                case _:
                    parts.append(f"{{{{ {self.expression(low=low)} }}}}")
        return f"{self.rnd.choice(('Say', 'Tell me', 'Write'))} {' '.join(parts)}"

    def bare(self, *, low: bool = False) -> tuple[str, bool]:
        """A prompt that is null when one of its names is, and whether it can be."""
        null = [name for name in self.names if name.null and name.step and name.kind in TEXTS]
        if null and self.chance(0.3):
            name = self.rnd.choice(null)
            self.read.append(name)
            return f"{self.text(low=low)} {{{{ {name.text} }}}}", True
        return self.text(low=low), False

    # ------------------------------------------------------------------------------------------ steps

    def add(self) -> None:
        """One more step."""
        makers: list[Callable[[str, dict[str, Any]], list[Name]]] = [
            self._local, self._local, self._cloud, self._cloud, self._cloud, self._escalating, self._escalating,
            self._value, self._value, self._declassifying, self._ask, self._call, self._reduce, self._both,
            self._tool, self._tool, self._tool, self._tool,
        ]  # fmt: skip
        if self.depth < 2:
            makers += [self._group, self._loop, self._each, self._each, self._per_item, self._per_item]
        name, step = self.name(), dict[str, Any]()
        with self.reading() as read:
            made = self.rnd.choice(makers)(name, step)
            high = self._decided(name, step)
        self.steps[name] = step
        low = not high
        null = "when" in step or "needs" in step
        if "on_error" not in step and "foreach" not in step and self.chance(0.2):
            step["on_error"], null = "continue", True
            low &= all(one.low for one in read)
        self.names += [Name(n.text, n.kind, n.low and low, n.null or null) for n in made]
        self._facts(name, step, low=all(one.low for one in read))

    def _decided(self, name: str, step: dict[str, Any]) -> bool:
        """`when`, `needs`, `label`: whether one of them raises the value."""
        high = False
        if self.chance(0.12) and "foreach" not in step:
            with self.reading() as read:
                step["when"] = self.condition(low=self.chance(0.7))
            high |= any(not one.low for one in read)
        steps = [one for one in self.names if one.step and one.text[0] == "s" and one.text[1:].isdigit()]
        if self.chance(0.08) and steps:
            needed = self.rnd.choice(steps)
            step["needs"] = [needed.text]
            high |= not needed.low
        if self.chance(0.04):
            step["label"] = "secret"
            high = True
        return high

    def _facts(self, name: str, step: Mapping[str, Any], *, low: bool) -> None:
        if self.chance(0.5) and "foreach" not in step and not {"when", "needs"} & set(step):
            fact, kind = self.rnd.choice(
                (("tokens", "int"), ("attempts", "int"), ("model", "text"), ("error", "text"))
            )
            if "agent" in step and "models" not in step:
                self.names.append(Name(f"steps.{name}.{fact}", kind, low, null=True))
            elif "repeat" in step:
                self.names.append(Name(f"steps.{name}.passes", "int", low, null=True))
            elif "steps" in step:
                inside = [
                    one for one, what in step["steps"].items() if "agent" in what and "foreach" not in what
                ]
                found = [one for one in inside if "models" not in step["steps"][one]]
                self.names += [Name(f"steps.{name}.{one}.{fact}", kind, low, null=True) for one in found]

    def _agent(self, step: dict[str, Any], *, cloud: bool, name: str) -> list[Name]:
        with self.reading() as read:
            prompt, null = self.bare(low=cloud)
            step |= {
                "agent": "plain" if cloud else self.rnd.choice(("plain", "coder", "mirror", "keeper")),
                "prompt": prompt,
            }
            if cloud and self.chance(0.03):
                step["agent"] = "keeper"
            if self.chance(0.15):
                step["role"] = f"You know {self.text(low=cloud)}"
            if self.chance(0.2):
                yes = self.condition(low=cloud)
                answer = self.rnd.choice(("output is not none", "1 == 1", "1 == 2"))
                step["check"] = {"must be right": f"({yes}) or {answer}"}
            if self.chance(0.2):
                step["repair"] = self.rnd.randint(0, 2)
        low = all(one.low for one in read) and step["agent"] != "keeper"
        shape = self.chance(0.5)
        if shape:
            step["output"] = SHAPE
        if self.chance(0.2):
            low = self._brings(step, careful=cloud, shape=shape) and low
        if self.chance(0.45 if cloud else 0.6):
            step["on_error"] = "continue"
            null = True
        elif not shape:
            value = self.rnd.choice(("failed", "{{ error.kind }}", "{{ answer | default('no') }}"))
            step["on_error"] = {"value": value}
        if shape:
            return [Name(f"{name}.{key}", kind, low, null) for key, kind in KINDS.items()]
        return [Name(name, "text", low, null)]

    def _brings(self, step: dict[str, Any], *, careful: bool, shape: bool) -> bool:
        """What a step looks up or remembers beside its prompt; whether all of it is probably public."""
        public: list[dict[str, Any]] = [{"knowledge": ["site"]}, {"knowledge": ["away"]}]
        private: list[dict[str, Any]] = [{"knowledge": ["handbook"]}, {"memory": {"key": "me"}}]
        if not shape:  # the worked examples are texts, and only texts are chosen among by a judge
            private += [{"examples": {"from": CASES, "k": 2}}, {"samples": 2, "pick": "keeper"}]
            public.append({"samples": 2, "pick": "plain"})
        low = self.chance(self.careful if careful else 0.3)
        step |= self.rnd.choice(public if low else private)
        if "knowledge" in step and self.chance(0.3):
            with self.reading() as read:
                step["search"] = self.text(low=careful)
            low = low and all(one.low for one in read)
        return low

    def _local(self, name: str, step: dict[str, Any]) -> list[Name]:
        return self._agent(step, cloud=False, name=name)

    def _cloud(self, name: str, step: dict[str, Any]) -> list[Name]:
        made = self._agent(step, cloud=True, name=name)
        step["model"] = self.rnd.choice(("cloud", "cloud", "cloud2"))
        return made

    def _escalating(self, name: str, step: dict[str, Any]) -> list[Name]:
        with self.reading() as read:
            made = self._agent(step, cloud=True, name=name)
            step["escalate"] = {
                "to": self.rnd.choice(("cloud", ["small", "cloud"], ["cloud2", "cloud"], "small"))
            }
            rule = step["escalate"]
            if self.chance(0.7):
                rule["when"] = self.rnd.choice(
                    (
                        "true",
                        "invalid",
                        "failed",
                        "attempts > 1",
                        "prompt_tokens > 20",
                        self.condition(low=True),
                    )
                )
            if self.chance(0.3):
                rule["before"] = self.rnd.choice(
                    ("true", "prompt_tokens > 20", self.condition(low=self.chance(0.7)))
                )
            if self.chance(0.3):
                rule["carry"] = self.rnd.choice((["answer"], ["errors"], ["answer", "errors"]))
        low = all(one.low for one in read) and step["agent"] != "keeper"
        return [Name(one.text, one.kind, low, one.null) for one in made]

    def _both(self, name: str, step: dict[str, Any]) -> list[Name]:
        """Several models, one value of each."""
        with self.reading() as read:
            models = self.rnd.choice((["tiny", "small"], ["tiny", "cloud"], ["cloud", "cloud2"]))
            step |= {"agent": "plain", "models": models, "prompt": self.text(low="cloud" in models[-1])}
            step["on_error"] = "continue"
        low = all(one.low for one in read)
        return [Name(f"{name}.{model}", "text", low, null=True) for model in models]

    def _value(self, name: str, step: dict[str, Any]) -> list[Name]:
        match self.rnd.randint(0, 4):
            case 0:
                with self.reading() as one:
                    a = self.expression(low=self.chance(0.5))
                with self.reading() as two:
                    b = self.condition(low=self.chance(0.5))
                step["value"] = {"a": f"{{{{ {a} }}}}", "c": {"b": f"{{{{ {b} }}}}"}, "d": "x"}
                return [
                    Name(f"{name}.a", "any", all(n.low for n in one)),
                    Name(f"{name}.c.b", "bool", all(n.low for n in two)),
                    Name(f"{name}.d", "text", low=True),
                    Name(f"{name} | json", "any", all(n.low for n in (*one, *two))),
                    Name(f"{name}.c", "map", all(n.low for n in two)),
                ]
            case 1:
                with self.reading() as read:
                    step["value"] = f"so: {{{{ {self.expression(low=self.chance(0.5))} }}}}"
                return [Name(name, "text", all(n.low for n in read))]
            case 2:
                with self.reading() as read:
                    step["value"] = f"{{{{ {self.condition(low=self.chance(0.5))} }}}}"
                return [Name(name, "bool", all(n.low for n in read))]
            case 3:
                with self.reading() as read:
                    left = self.some(("text", "enum"), low=self.chance(0.5)).safe
                    right = self.some(("text", "enum"), low=self.chance(0.5)).safe
                    step["value"] = f"{{{{ [{left}, {right}] }}}}"
                return [Name(name, "list", all(n.low for n in read))]
            case _:
                with self.reading() as read:
                    source = self.some(("list",), low=self.chance(0.5)).safe
                    step["value"] = (
                        f"{{{{ {source} {self.rnd.choice(('| present', '| sort', '| unique | list', '[:1]'))} }}}}"
                    )
                return [Name(name, "list", all(n.low for n in read))]

    def _declassifying(self, name: str, step: dict[str, Any]) -> list[Name]:
        """Only its answer comes down."""
        fail: Any = {
            "on_error": self.rnd.choice(("continue", {"value": "failed"}, {"value": "{{ answer }}"}))
        }
        step |= {"agent": "redactor", "prompt": self.text()}
        step["declassify"] = {"from": self.rnd.choice(("private", "secret")), "to": "public", "by": "redact"}
        if self.chance(0.3):
            step |= fail
            return [Name(name, "text", low=False, null=step["on_error"] == "continue")]
        if self.chance(0.3):
            step |= {"output": {"n": "int(0..9)", "ok": "bool"}}
            step["declassify"] |= {"by": "aggregate", "min_group": 1}
            return [Name(f"{name}.n", "int", low=True), Name(f"{name}.ok", "bool", low=True)]
        return [Name(name, "text", low=True)]

    def _ask(self, name: str, step: dict[str, Any]) -> list[Name]:
        with self.reading() as read:
            step |= {"ask": f"Is it right? {self.text(low=True)}", "choices": ["red", "blue"]}
            if self.chance(0.7):
                step["show"] = f"{{{{ {self.expression(low=self.chance(0.5))} }}}}"
        return [Name(name, "enum", all(n.low for n in read))]

    def _call(self, name: str, step: dict[str, Any]) -> list[Name]:
        with self.reading():
            step |= {"workflow": "child.yaml", "with": {"text": self.text(low=self.chance(0.4))}}
            step["with"]["open"] = self.text(low=True)
            if self.chance(0.4):
                step["with"]["flag"] = f"{{{{ {self.condition()} }}}}"
        step["allow_declassify"] = ["scrub"]
        low = {"inside": False, "away": True, "scrubbed": False, "open": True, "maybe": False, "facts": False}
        return [Name(f"{name}.{key}", "any", is_low) for key, is_low in low.items()]

    def _tool(self, name: str, step: dict[str, Any]) -> list[Name]:
        """A tool: what it reads is private, what it computes is as private as what it is given."""
        tool = self.rnd.choice(
            ("files.read", "sql.query", "python", "score", "site.look", "agent:coder", "agent:keeper")
        )
        step["tool"] = tool
        made, reads = [Name(name, "text", low=True)], False
        with self.reading() as read:
            match tool:
                case "files.read":
                    step["with"], reads = {"path": f"notes/{self.text(low=self.chance(0.5))}"}, True
                case "sql.query":
                    rows = self.some(("rows", "tickets"), low=self.chance(0.5)).safe
                    step["with"], reads = (
                        {"tables": {"t": f"{{{{ {rows} }}}}"}, "sql": "select x from t"},
                        True,
                    )
                    made = [Name(f"{name}.rows", "list", low=True), Name(f"{name} | json", "any", low=True)]
                    made[0] = Name(f"({name}.rows | map(attribute='x') | list)", "list", low=True)
                case "python":
                    step["with"] = {"code": "1 + 1", "stdin": self.text(low=self.chance(0.6))}
                    made = [Name(f"{name}.stdout", "text", low=True), Name(f"{name}.exit", "int", low=True)]
                case "score" | "site.look":
                    step["with"] = {"text": self.text(low=tool == "site.look" or self.chance(0.6))}
                    reads = tool == "site.look"
                    made = [Name(f"{name} | json", "any", low=True)]
                case _:
                    step["with"] = {"prompt": self.text(low=self.chance(0.6))}
            if self.chance(0.2):
                step["check"] = {
                    "must be right": f"({self.condition(low=self.chance(0.6))}) or output is not none"
                }
        low = not reads and tool != "agent:keeper" and all(one.low for one in read)
        null = self.chance(0.5)
        if null:
            step["on_error"] = "continue"
        elif self.chance(0.5) and made[0].text == name:
            step["on_error"] = {"value": "{{ error.message }}"}
        return [Name(one.text, one.kind, low, null) for one in made]

    def _reduce(self, name: str, step: dict[str, Any]) -> list[Name]:
        with self.reading() as read:
            cloud = self.chance(0.5)
            step |= {"agent": "plain", "reduce": self.some(("list",), low=cloud).safe, "by": 2}
            step["prompt"] = "Sum up {{ items | join(' and ') }}"
            step["model"] = "cloud" if cloud else "small"
            step["on_error"] = "continue"
        return [Name(name, "text", all(n.low for n in read), null=True)]

    # ------------------------------------------------------------------------------------------ containers

    def _each(self, name: str, step: dict[str, Any]) -> list[Name]:
        """The same step for every item, or for every pair."""
        cloud = self.chance(0.6)
        inner = []
        with self.reading() as over:
            one = self.some(LISTS, low=cloud)
            if one.kind == "list" and self.chance(0.3):
                other = self.some(("list",), low=cloud)
                step |= {"foreach": f"zip({one.safe}, {other.safe})", "as": ["left", "right"]}
                inner = [Name("left", "text", one.low), Name("right", "text", other.low)]
            else:
                step["foreach"] = one.safe
                keys = {"rows": ("word",), "tickets": ("body", "from")}.get(one.kind, ("",))
                inner = [Name(f"item.{key}" if key else "item", "text", one.low) for key in keys]
        inner.append(Name("index", "int", all(n.low for n in over)))
        self.names += inner
        with self.reading() as read:
            made = self._agent(step, cloud=cloud, name=name)
            if cloud:
                step["model"] = "cloud"
            if self.chance(0.2):
                step["when"] = self.condition(low=cloud)
        self.names = [n for n in self.names if n not in inner]
        if step.pop("on_error", None) is not None or self.chance(0.5):
            step["on_item_error"] = "keep"
        low = all(n.low for n in (*over, *read)) and step["agent"] != "keeper"
        if made[0].text == name:
            return [Name(f"({name} | present | list)", "list", low)]
        return [Name(f"({name} | present | map(attribute='a') | list)", "list", low)]

    def _inner(self, outer: list[Name]) -> tuple[dict[str, Any], list[Name]]:
        """A few steps inside, and what of them is seen from outside by its own name."""
        before, self.steps = self.steps, {}
        self.depth += 1
        for _ in range(self.rnd.randint(1, 3)):
            self.add()
        self.depth -= 1
        inside, self.steps = self.steps, before
        made = [n for n in self.names if n not in outer and n.text.partition(".")[0] in inside]
        return inside, made

    def _per_item(self, name: str, step: dict[str, Any]) -> list[Name]:
        """A group for every item, or for every pair: its value holds the item too."""
        outer = list(self.names)
        with self.reading() as over:
            one, other = self.some(LISTS, low=self.chance(0.6)), self.some(("list",), low=self.chance(0.6))
        item, number = f"i{self.count}", Name("index", "int", one.low and other.low)
        if one.kind == "list" and self.chance(0.5):
            step |= {"foreach": f"zip({one.safe}, {other.safe})", "as": [item, f"j{item}"]}
            inner = [Name(item, "text", one.low), Name(f"j{item}", "text", other.low)]
        else:
            step |= {"foreach": one.safe, "as": item}
            keys = {"rows": ("word",), "tickets": ("body", "from")}.get(one.kind, ("",))
            inner = [Name(f"{item}.{key}" if key else item, "text", one.low) for key in keys]
        if self.depth == 0:
            inner.append(number)
        self.names += inner
        with self.reading():
            if self.chance(0.2):
                step["when"] = self.condition(low=self.chance(0.5))
            step["steps"], made = self._inner(list(self.names))
        self.names = outer
        if self.chance(0.5):
            step["on_item_error"] = "keep"
        low = all(n.low for n in over) and "when" not in step and "on_item_error" not in step
        parts = [
            n
            for n in (*made, *inner)
            if n.kind in ("text", "any") and n.text != "index" and not (n.null and "." in n.text)
        ]
        return [
            Name(f"({name} | present | map(attribute='{n.text}') | present | list)", "list", n.low and low)
            for n in parts
            if "|" not in n.text and not n.text.startswith("steps.")
        ]

    def _group(self, name: str, step: dict[str, Any]) -> list[Name]:
        outer = list(self.names)
        with self.reading():
            step["steps"], made = self._inner(outer)
        self.names = outer
        return [Name(f"{name}.{n.text}", n.kind, n.low, n.null) for n in made]

    def _loop(self, name: str, step: dict[str, Any]) -> list[Name]:
        """`last` is the pass before: null at first."""
        outer = list(self.names)
        guess = self.chance(0.7)
        self.names = [n for n in outer if not n.text.startswith("last.")]
        self.names.append(Name(f"last.s{self.count + 1}", "any", guess, null=True))
        with self.reading():
            inside, made = self._inner(list(self.names))
        with self.reading() as ends:
            until = self.condition(low=self.chance(0.7))
        first = next(iter(inside))
        instead: Any = "keep"
        if (
            self.chance(0.5)
            and list(inside) == [first]
            and str(inside[first].get("value")).startswith("so: ")
        ):
            instead = {first: f"{{{{ {self.some(('text',), low=self.chance(0.7)).safe} }}}}"}
        step |= {"repeat": {"until": until, "max": self.rnd.randint(1, 3), "else": instead}, "steps": inside}
        self.names = outer
        low = all(n.low for n in ends)
        return [Name(f"{name}.{n.text}", n.kind, n.low and low and guess, n.null) for n in made]


def head(maker: Maker) -> dict[str, Any]:
    rnd = maker.rnd
    file: dict[str, Any] = {"orch": 1, "inputs": INPUTS, "models": MODELS, "agents": AGENTS}
    file |= {"tools": TOOLS, "knowledge": KNOWLEDGE}
    if rnd.random() < 0.3:
        file["defaults"] = {"repair": rnd.randint(0, 2)}
    if rnd.random() < 0.2:
        file["models"] = MODELS | {
            "odd": {"use": MODELS["odd"], "clearance": rnd.choice(("internal", "private"))}
        }
    if rnd.random() < 0.5:
        file["keep"] = {"internal": "hash", "private": rnd.choice(("hash", "none"))}
    return file


def workflow(seeds: Sequence[int], careful: float = 0.94) -> tuple[str, list[Name]]:
    """A file of as many steps as there are seeds, each made of its own, and the names that may be read in it."""
    maker = Maker(Random(seeds[0]), careful)
    file = head(maker)
    for seed in seeds[1:]:
        maker.rnd = Random(seed)
        maker.add()
    return written(file, maker.steps), [
        name for name in maker.names if name.text.partition(".")[0] != "inputs"
    ]


def written(file: Mapping[str, Any], steps: Mapping[str, Any]) -> str:
    """The file as text: every top-level key and every step on a line of its own."""
    lines = [f'"{key}": {json.dumps(value, ensure_ascii=False)}' for key, value in file.items()]
    lines.append('"steps":')
    lines += [f'  "{name}": {json.dumps(step, ensure_ascii=False)}' for name, step in steps.items()]
    return "\n".join(lines) + "\n"


def probe(text: str, number: int, name: Name) -> str:
    """The file with one more step that sends this to the cloud."""
    if name.kind in ("list", "rows", "tickets"):
        shown = f"{{{{ {name.safe} | length }}}}"
    else:
        shown = f"{{{{ {name.safe} }}}}"
    step = {"agent": "plain", "model": "cloud", "prompt": f"Look at {shown}", "on_error": "continue"}
    return f'{text}  "probe{number}": {json.dumps(step)}\n'
