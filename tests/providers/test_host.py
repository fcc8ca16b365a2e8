"""Model hosts: shared, kept, found after a crash, ended when idle, refused when memory is short."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import psutil
import pytest

from orchestrator.errors import ProviderError
from orchestrator.providers.files import FileLock, is_locked, sha256_of, write_atomic
from orchestrator.providers.host import Launch, State, decode_launch, decode_state, encode
from orchestrator.providers.hosts import GivenUp, Hosts
from orchestrator.providers.machine import cores, memory_available, memory_total
from tests.providers.embedded import Embedded, embedded

__all__ = ["embedded"]

real_model = pytest.mark.real_model
LAUNCH = Launch(
    name="m", weights="/nowhere/m.gguf", sha256="0" * 64, context=512, slots=2, bytes=1000, kv_bytes=10
)


def until(true: Callable[[], bool], seconds: float = 60.0) -> bool:
    """Wait for another process; how long it takes does not matter to the test."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[Hosts]:
    """Hosts of this test alone, stopped at its end."""
    own = Hosts(tmp_path / "hosts", environ=os.environ)
    yield own
    for host in own.running():
        own.stop(host.identity)


# ------------------------------------------------------------------------------------------- without a model


def test_identity_is_what_answers_depend_on() -> None:
    """Names and keeping times do not split hosts; weights, shape and engine do."""
    same = replace(LAUNCH, name="other", keep=1.0, weights="/elsewhere")
    others: list[dict[str, Any]] = [
        {"sha256": "1" * 64},
        {"context": 1024},
        {"slots": 1},
        {"threads": 3},
        {"engine": "x 2"},
    ]

    assert same.identity == LAUNCH.identity
    assert len({replace(LAUNCH, **other).identity for other in others} | {LAUNCH.identity}) == 6


def test_launch_and_state_survive_writing() -> None:
    """What a host writes another process reads; anything else is refused."""
    state = State(1, "http://127.0.0.1:1", "secret", 2, 3.0, LAUNCH)

    assert decode_state(encode(state)) == state
    assert decode_launch(encode(LAUNCH)) == LAUNCH
    for wrong in ("[]", "{}", "null", '{"pid": 1}'):
        with pytest.raises(ValueError):
            decode_state(wrong)


def test_the_key_is_in_no_repr() -> None:
    """What may end in a log or a traceback does not show it."""
    assert "secret" not in repr(State(1, "http://127.0.0.1:1", "secret", 2, 3.0, LAUNCH))


def test_memory_counts_weights_and_all_slots() -> None:
    """Twice the slots take twice the keys and values."""
    more = replace(LAUNCH, slots=4)

    assert more.memory - LAUNCH.memory == 10 * 512 * 2


def test_a_model_that_does_not_fit_is_refused_with_the_numbers(tmp_path: Path) -> None:
    """No process is started for it."""
    launch = replace(LAUNCH, bytes=3 << 30, kv_bytes=1 << 20)
    hosts = Hosts(tmp_path / "hosts", environ=os.environ, available=lambda: 2 << 30)

    with pytest.raises(
        ProviderError, match=r"needs about \d+ MB \(3072 MB of weights.*2048 MB are free"
    ) as caught:
        hosts.acquire(launch)

    assert not caught.value.retryable
    assert hosts.running() == []


def test_weights_that_the_engine_cannot_read_are_one_clear_error(hosts: Hosts, tmp_path: Path) -> None:
    """The host says why and ends; its log is named, nothing reaches the terminal."""
    (tmp_path / "bad.gguf").write_bytes(b"GGUF nonsense")
    launch = replace(LAUNCH, weights=str(tmp_path / "bad.gguf"))

    with pytest.raises(ProviderError, match="could not be loaded") as caught:
        hosts.acquire(launch)

    assert caught.value.kind == "crashed"
    assert str(tmp_path / "hosts") in caught.value.hint
    assert hosts.running() == []


def test_a_folder_that_others_can_write_is_refused(tmp_path: Path) -> None:
    """Somebody else could put a host of theirs there and read every prompt."""
    root = tmp_path / "hosts"
    root.mkdir()
    root.chmod(0o777)

    with pytest.raises(ProviderError, match="can be written by others"):
        Hosts(root, environ=os.environ).acquire(LAUNCH)


def test_a_stale_state_is_no_host(tmp_path: Path) -> None:
    """A state file without the lock behind it is what a killed host left."""
    folder = tmp_path / "hosts" / LAUNCH.identity
    folder.mkdir(parents=True)
    (folder / "state").write_text(encode(State(1, "http://127.0.0.1:1", "k", 1, 0.0, LAUNCH)))
    (folder / "lock").touch()

    hosts = Hosts(tmp_path / "hosts", environ=os.environ)

    assert hosts.running() == []
    assert hosts.stop(LAUNCH.identity) is False


def test_a_lock_dies_with_its_owner(tmp_path: Path) -> None:
    """kill -9 frees it, without anybody cleaning up."""
    path = tmp_path / "lock"
    code = (
        "import sys, time; from pathlib import Path; from orchestrator.providers.files import FileLock; "
        "lock = FileLock(Path(sys.argv[1])); print(lock.take(), flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        owner.stdout.readline()
        held = is_locked(path)
        owner.kill()

    assert held
    assert not is_locked(path)


def test_a_shared_lock_keeps_the_exclusive_one_out(tmp_path: Path) -> None:
    """Clients share a lease; the host may end only when it gets it alone."""
    one, two, host = (FileLock(tmp_path / "lease") for _ in range(3))

    assert one.take(shared=True)
    assert two.take(shared=True)
    assert not host.take()
    one.release()
    assert not host.take()
    two.release()
    assert host.take()
    host.release()


def test_an_atomic_write_is_for_the_owner_only(tmp_path: Path) -> None:
    """The key of a host is nobody else's business."""
    write_atomic(tmp_path / "state", "secret")

    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["state"]


def test_digest_of_a_file(tmp_path: Path) -> None:
    """The usual sha256, and progress to the last byte."""
    (tmp_path / "f").write_bytes(b"abc")
    seen: list[int] = []

    assert sha256_of(tmp_path / "f", seen.append).startswith("ba7816bf")
    assert seen == [3]


def test_a_container_bounds_memory_and_cores(tmp_path: Path) -> None:
    """What the kernel would kill us for is not free; page cache is."""
    (tmp_path / "memory.max").write_text("1000000\n")
    (tmp_path / "memory.current").write_text("900000\n")
    (tmp_path / "memory.stat").write_text("anon 5\ninactive_file 300000\n")
    (tmp_path / "cpu.max").write_text("100000 100000\n")

    assert memory_available(tmp_path) == 400_000
    assert memory_total(tmp_path) == 1_000_000
    assert cores(tmp_path) == 1


# ---------------------------------------------------------------------------------------------- with a model


@real_model
def test_clients_of_one_launch_share_a_host(embedded: Embedded) -> None:
    """It answers only with its key, on loopback, and tells nobody else what it is."""
    launch = embedded.launch()

    one, two = embedded.hosts.acquire(launch), embedded.hosts.acquire(launch)
    bare = httpx2.get(f"{one.state.url}/props", trust_env=False)
    keyed = httpx2.get(
        f"{one.state.url}/props", headers={"Authorization": f"Bearer {one.state.key}"}, trust_env=False
    )
    one.release()
    two.release()

    assert one.state == two.state
    assert one.state.url.startswith("http://127.0.0.1:")
    assert bare.status_code == 401
    assert keyed.json()["total_slots"] == 2
    state = embedded.hosts.root / launch.identity / "state"
    assert state.stat().st_mode & 0o777 == 0o600


@real_model
def test_a_race_of_starts_makes_one_host(hosts: Hosts, embedded: Embedded) -> None:
    """Four at once: one starts it, the others wait for it."""
    launch, pids = embedded.launch(context=256), []

    def one() -> None:
        lease = hosts.acquire(launch)
        pids.append(lease.state.pid)
        lease.release()

    threads = [threading.Thread(target=one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)

    assert len(pids) == 4
    assert len(set(pids)) == 1


@real_model
def test_a_host_ends_when_nobody_needs_it(hosts: Hosts, embedded: Embedded) -> None:
    """Not while a lease is held, soon after the last one, and it leaves no state behind."""
    launch = embedded.launch(context=256, keep=0.0)
    lease = hosts.acquire(launch)
    pid = lease.state.pid

    used = hosts.running()
    lease.release()

    assert [host.used for host in used] == [True]
    assert until(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    assert not (hosts.root / launch.identity / "state").exists()


@real_model
def test_a_client_that_is_killed_frees_its_host(hosts: Hosts, embedded: Embedded) -> None:
    """Nobody has to clean up after kill -9 for the memory to come back."""
    launch = embedded.launch(context=256, keep=0.0)
    code = (
        "import os, sys, time; from pathlib import Path; from orchestrator.providers.hosts import Hosts; "
        "from orchestrator.providers.host import decode_launch; "
        "lease = Hosts(Path(sys.argv[1]), environ=os.environ).acquire(decode_launch(sys.argv[2])); "
        "print(lease.state.pid, flush=True); time.sleep(600)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(hosts.root), encode(launch)], stdout=subprocess.PIPE
    ) as client:
        assert client.stdout is not None
        client.stdout.readline()
        used = [host.used for host in hosts.running()]
        client.kill()

    assert used == [True]
    assert until(lambda: hosts.running() == [])


@real_model
def test_a_killed_host_is_noticed_and_the_next_call_starts_another(hosts: Hosts, embedded: Embedded) -> None:
    """The lock is free the moment the process is gone."""
    launch = embedded.launch(context=256)
    lease = hosts.acquire(launch)

    os.kill(lease.state.pid, signal.SIGKILL)
    gone = until(lambda: not lease.alive)
    lease.release()
    fresh = hosts.acquire(launch)
    fresh.release()

    assert gone
    assert fresh.state.pid != lease.state.pid


@real_model
def test_stop_ends_a_host_in_use(hosts: Hosts, embedded: Embedded) -> None:
    """The user's word counts more than a lease."""
    launch = embedded.launch(context=256)
    lease = hosts.acquire(launch)

    stopped = hosts.stop(launch.identity)

    assert stopped
    assert not lease.alive
    assert hosts.running() == []
    lease.release()


@real_model
def test_an_idle_host_makes_room_for_another_model(tmp_path: Path, embedded: Embedded) -> None:
    """Memory that nobody uses is taken back before a start is refused."""
    room = {"free": 8 << 30}
    hosts = Hosts(tmp_path / "hosts", environ=os.environ, available=lambda: room["free"])
    hosts.acquire(embedded.launch(context=256)).release()

    room["free"] = 1 << 20
    with pytest.raises(ProviderError, match="not enough memory"):
        hosts.acquire(embedded.launch(context=300))

    assert hosts.running() == []


@real_model
def test_nobody_waits_for_a_host_that_is_not_wanted_any_more(hosts: Hosts, embedded: Embedded) -> None:
    """A cancelled run does not sit through the loading of a large model."""
    with pytest.raises(GivenUp):
        hosts.acquire(embedded.launch(context=256), lambda: True)
