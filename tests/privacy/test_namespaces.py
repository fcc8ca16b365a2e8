"""What leaves this machine, seen from outside: network namespaces, and every connect() of every process."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.privacy.namespaces import AWAY, PORT, alone, beside_elsewhere, why_not
from tests.providers.embedded import Embedded, embedded

__all__ = ["embedded"]

ORCH = [sys.executable, "-P", "-m", "orchestrator"]
WHY_NOT = why_not()
WHY_NO_TRACE = why_not("strace")
namespaces = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)
traced = pytest.mark.skipif(bool(WHY_NO_TRACE), reason=WHY_NO_TRACE)

HYBRID = """
orch: 1
models:
  small: {use: "llamacpp:smollm2-135m", context: 1024, keep: 1s}
  cloud: {use: "openai:gpt-5-mini", key: env.CLOUD_KEY, price: {input: 1, output: 1}}
inputs: {mail: {type: text, label: public}}
steps:
  sum:
    agent: creative
    model: small
    prompt: "Is this good or bad? {{ inputs.mail }}"
    output: good | bad
    escalate: {to: cloud, when: "true"}
"""


def environment(embedded: Embedded, root: Path, **more: str) -> dict[str, str]:
    """The user's own weights, and everything else in a folder of the test's own."""
    data = root / "data"
    (data / "orch").mkdir(parents=True)
    (data / "orch" / "models").symlink_to(embedded.config.models)
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(root),
        "XDG_DATA_HOME": str(data),
        "XDG_CACHE_HOME": str(root / "cache"),
        "XDG_CONFIG_HOME": str(root / "config"),
        "XDG_RUNTIME_DIR": str(root / "run"),
        **more,
    }


def project(root: Path, text: str) -> None:
    (root / "orch.yaml").write_text("orch: 1\n", encoding="utf-8")
    (root / "w.yaml").write_text(text, encoding="utf-8")


@pytest.mark.real_model
@namespaces
@pytest.mark.parametrize("how", ["--local-only", "ORCH_OFFLINE"])
def test_without_any_network_a_local_run_works_and_stays_local(
    how: str, embedded: Embedded, tmp_path: Path
) -> None:
    """The real model, and a step that would always climb: it keeps its local answer and says why."""
    project(tmp_path, HYBRID)
    flag = ["--local-only"] if how == "--local-only" else []
    env = environment(embedded, tmp_path, **({} if flag else {"ORCH_OFFLINE": "1"}))

    done = subprocess.run(
        alone(*ORCH, "run", "w.yaml", "--events", "-i", "mail=hello", *flag),
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [event["model"] for event in events if event["kind"] == "attempt.started"] == ["small"]
    assert [event["rule"] for event in events if event.get("choice") == "stay"] == ["offline"]


@pytest.mark.real_model
@traced
def test_no_process_of_a_local_run_connects_to_anything_but_this_machine(
    embedded: Embedded, tmp_path: Path
) -> None:
    """Of orch, the model host and whatever they start: each connect and each datagram, seen by the kernel."""
    project(tmp_path, HYBRID)
    log = tmp_path / "trace"
    env = environment(embedded, tmp_path, CLOUD_KEY="sk-none")
    trace = ["strace", "-f", "-qq", "-e", "trace=connect,sendto,sendmsg,sendmmsg", "-o", str(log)]

    done = subprocess.run(
        [*trace, *ORCH, "run", "w.yaml", "--local-only", "-i", "mail=hello"],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    reached = [line for line in lines if "connect(" in line]
    assert any('inet_addr("127.0.0.1")' in line for line in reached), "the trace saw the model being asked"
    assert [line for line in lines if away(line)] == []


def away(line: str) -> bool:
    """Whether a system call names an address that is not on this machine."""
    four = re.findall(r'inet_addr\("([^"]+)"\)', line)
    six = re.findall(r'inet_pton\(AF_INET6, "([^"]+)"', line)
    return any(not text.startswith("127.") for text in four) or any(text != "::1" for text in six)


def test_the_trace_knows_an_address_elsewhere() -> None:
    """Else the test above could not fail."""
    assert away(
        '9 connect(5, {sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr("203.0.113.7")}, 16) = 0'
    )
    assert away('9 connect(5, {sa_family=AF_INET6, inet_pton(AF_INET6, "2001:db8::1", &sin6_addr)}, 28) = 0')
    assert not away('9 connect(5, {sa_family=AF_INET, sin_addr=inet_addr("127.0.0.1")}, 16) = 0')


LYING = """
orch: 1
models: {{local: {{use: "{use}", url: "{url}"{more}}}}}
inputs: {{mail: {{type: text, label: {label}}}}}
steps: {{sum: {{agent: creative, model: local, prompt: "Sum up: {{{{ inputs.mail }}}}"}}}}
"""


def lying(use: str, host: str, label: str = "private", more: str = "") -> str:
    return LYING.format(use=use, url=f"http://{host}:{PORT}", label=label, more=more)


@namespaces
def test_a_model_that_is_called_local_and_lies_elsewhere_gets_nothing_private(tmp_path: Path) -> None:
    """A machine at a documentation address listens: what does it get?"""
    project(tmp_path, "orch: 1\nsteps: {a: {value: '1'}}\n")
    files = {
        # names that /etc/hosts leads elsewhere, although they sound local
        "localhost": lying("lmstudio:m", "localhost"),
        "ollama": lying("ollama:m", "localhost"),
        "subdomain": lying("vllm:m", "model.localhost"),
        "name": lying("lmstudio:m", "local"),
        "claims": lying("lmstudio:m", "local", more=", where: local"),
        "number": lying("lmstudio:m", AWAY),
        # the same way out works for what may go: the test would see the rest
        "public": lying("openai:m", "local", label="public"),
    }
    for name, text in files.items():
        (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
    commands = {name: [*ORCH, "run", f"{name}.yaml", "-i", "mail=CANARY-5521"] for name in files}
    hosts = f"{AWAY} localhost\n{AWAY} model.localhost\n{AWAY} local\n"

    seen = beside_elsewhere(tmp_path, commands, hosts)

    assert any("CANARY-5521" in text for text in seen["public"]["sent"])
    for name in ("localhost", "ollama", "subdomain"):
        assert seen[name]["code"] == 6, seen[name]["said"]
        assert f"leads to {AWAY}" in seen[name]["said"]
        assert seen[name]["sent"] == []
    for name in ("name", "claims", "number"):
        assert seen[name]["code"] == 2, seen[name]["said"]
        assert seen[name]["sent"] == []
