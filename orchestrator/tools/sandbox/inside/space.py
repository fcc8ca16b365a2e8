"""A file system and a network of its own: Linux namespaces with an empty root, read-only views, and a small scratch."""

from __future__ import annotations

import os

from orchestrator.tools.sandbox.inside.kernel import LIBC, checked, drop_capabilities, mount, syscall
from orchestrator.tools.sandbox.inside.numbers import CAPSET, PIVOT_ROOT, number

FILES, HOSTNAME, MESSAGES, USERS, NETWORK = 0x20000, 0x04000000, 0x08000000, 0x10000000, 0x40000000
READ_ONLY, NO_SETUID, NO_DEVICES, NO_EXEC, REMOUNT, BIND, RECURSIVE, PRIVATE = (
    1,
    2,
    4,
    8,
    32,
    4096,
    16384,
    1 << 18,
)

TYPE_CHECKING = False  # of our own: importing typing takes longer than everything else here
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
DETACH = 2
KEPT = NO_SETUID | NO_DEVICES | NO_EXEC | 1024 | 2048 | (1 << 12)
"""Flags of a mount that a user namespace must not take away: with them, its access-time flags."""
STAGE = "/tmp"  # noqa: S108 - a directory every Linux has; hidden only within our own namespace
OLD = "/.old"
SCRATCH = "/scratch"


def enter(readable: Sequence[str], devices: Sequence[str], owner: int, size: int, inodes: int) -> None:
    """Leave the file system for one that holds `readable`, `devices` and an empty `/scratch` of `size` bytes.

    Capabilities of a user namespace are given up at the end; those of root remain for the change of user.
    Raises OSError where the kernel or its security modules refuse.
    """
    root = os.geteuid() == 0
    os.umask(0o022)
    _unshare(root)
    mount(None, "/", None, RECURSIVE | PRIVATE)
    sources = [(path, os.path.realpath(path)) for path in (*readable, *devices) if os.path.exists(path)]
    mount("tmpfs", STAGE, "tmpfs", NO_SETUID | NO_DEVICES, "size=1m,mode=0755")
    os.mkdir(STAGE + OLD)
    syscall("pivot_root", number(PIVOT_ROOT), os.fsencode(STAGE), os.fsencode(STAGE + OLD))
    os.chdir("/")
    for target, source in outermost(sources):
        _show(OLD + source, target)
    os.mkdir(SCRATCH)
    options = f"size={size},nr_inodes={inodes},mode=0700,uid={owner},gid={owner}"
    mount("tmpfs", SCRATCH, "tmpfs", NO_SETUID | NO_DEVICES, options if root else _mine(options, owner))
    if not os.path.exists("/tmp"):  # noqa: S108 - the interpreter itself may be somewhere beneath it
        os.symlink(SCRATCH + "/tmp", "/tmp")  # noqa: S108
    checked(int(LIBC.umount2(os.fsencode(OLD), DETACH)), "umount")
    os.rmdir(OLD)
    mount(None, "/", None, REMOUNT | BIND | READ_ONLY | NO_SETUID | NO_DEVICES)
    if not root:
        drop_capabilities(number(CAPSET))


def outermost(sources: Sequence[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Without what lies beneath another one of them, outer ones first."""
    done: list[str] = []
    for target, source in sorted(sources):
        if not any(target == one or target.startswith(one + "/") for one in done):
            done.append(target)
            yield target, source


def _unshare(root: bool) -> None:
    user, group = os.geteuid(), os.getegid()
    flags = FILES | NETWORK | MESSAGES | HOSTNAME | (0 if root else USERS)
    checked(int(LIBC.unshare(flags)), "unshare")
    if not root:
        _write("/proc/self/uid_map", f"{user} {user} 1")
        _write("/proc/self/setgroups", "deny")
        _write("/proc/self/gid_map", f"{group} {group} 1")
    name = b"sandbox"
    checked(int(LIBC.sethostname(name, len(name))), "sethostname")


def _mine(options: str, owner: int) -> str:
    """The only group of a user namespace is the one it was made with."""
    return options.replace(f"gid={owner}", f"gid={os.getegid()}")


def _show(source: str, target: str) -> None:
    """A read-only view of a directory or file (a device stays writable)."""
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o444))
    mount(source, target, None, BIND | RECURSIVE)
    if target.startswith("/dev/"):
        return
    kept = os.statvfs(target).f_flag & KEPT
    mount(None, target, None, REMOUNT | BIND | READ_ONLY | NO_SETUID | NO_DEVICES | _flags(kept))


def _flags(seen: int) -> int:
    """Mount flags from those statvfs(3) tells; only relatime has another number there."""
    relatime = (1 << 12, 1 << 21)
    return seen & ~relatime[0] | (relatime[1] if seen & relatime[0] else 0)


def _write(path: str, text: str) -> None:
    at = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(at, text.encode())
    finally:
        os.close(at)
