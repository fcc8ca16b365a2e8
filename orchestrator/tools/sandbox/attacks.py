"""What code could try, as programs. Each prints `held` for what was refused and `BROKE` for what worked.

They are bounded themselves, so that a broken sandbox shows without harm: nothing is deleted, filled or killed for good.
VICTIM is a folder everybody may write, SOCKET a Unix socket and PORT a TCP port that listen, PARENT the process outside.
"""

from __future__ import annotations

from collections.abc import Mapping

PRELUDE = """
import ctypes, os, sys
LIBC = ctypes.CDLL(None, use_errno=True)
def attempt(what, act):
    try:
        got = act()
    except BaseException as error:
        print("held", what, type(error).__name__, flush=True)
    else:
        print("BROKE", what, str(got)[:80], flush=True)
def call(what, number, *arguments):
    if number is None:
        return
    given = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    if LIBC.syscall(ctypes.c_long(number), *given) == -1:
        print("held", what, os.strerror(ctypes.get_errno()), flush=True)
    else:
        print("BROKE", what, flush=True)
ARM = os.uname().machine not in ("x86_64", "amd64")
"""

READ_HOME = """
for place in (HOME, CWD, VICTIM, "/home", "/root", "/"):
    attempt("list " + place, lambda: os.listdir(place))
attempt("read the victim", lambda: open(VICTIM + "/victim.txt").read())
attempt("up from here", lambda: os.listdir("../.."))
"""

READ_SYSTEM = """
for place in ("/etc/shadow", "/etc/passwd", "/etc/hostname", "/var/log", "/sys", "/boot"):
    attempt(place, lambda: os.listdir(place) if os.path.isdir(place) else open(place).read())
"""

READ_PROCESSES = """
for place in ("/proc", "/proc/self/environ", "/proc/self/mem", "/proc/1/environ", f"/proc/{PARENT}/environ",
              f"/proc/{PARENT}/mem", f"/proc/{PARENT}/root", "/proc/net/tcp", "/proc/cpuinfo"):
    attempt(place, lambda: os.listdir(place) if os.path.isdir(place) else open(place, "rb").read(1) + b"!")
call("process_vm_readv", 270 if ARM else 310, PARENT, 0, 0, 0, 0, 0)
"""

READ_ENVIRONMENT = """
KNOWN = {"PATH", "LANG", "TZ", "MPLBACKEND", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "HOME",
         "TMPDIR", "MPLCONFIGDIR", "LC_CTYPE"}
more = sorted(set(os.environ) - KNOWN)
print("BROKE" if more else "held", "environment", more)
environ = ctypes.POINTER(ctypes.c_char_p).in_dll(LIBC, "environ")
names, at = [], 0
while environ[at]:
    names.append(environ[at].split(b"=")[0].decode())
    at += 1
print("BROKE" if set(names) - KNOWN else "held", "environment of the C library")
"""

OPEN_DESCRIPTORS = """
import stat
for at in range(3, 256):
    try:
        seen = os.fstat(at)
    except OSError:
        continue
    own = stat.S_ISSOCK(seen.st_mode) or os.path.exists("main.py") and os.path.samestat(seen, os.stat("main.py"))
    print("held" if own else "BROKE", "descriptor", at, oct(seen.st_mode))
print("held", "all seen")
"""

TCP = """
import socket
attempt("connect", lambda: socket.create_connection(("127.0.0.1", PORT), 1))
def listen():
    one = socket.socket()
    one.bind(("127.0.0.1", 0))
    return one
attempt("listen", listen)
import _socket
attempt("IPv6", lambda: _socket.socket(_socket.AF_INET6, _socket.SOCK_STREAM))
call("socket", 198 if ARM else 41, 2, 1, 0)
"""

UDP = """
import socket
attempt("datagram", lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", PORT)))
attempt("raw", lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1))
attempt("netlink", lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW))
attempt("packet", lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW))
attempt("name", lambda: (socket.gethostbyname("localhost."), socket.socket(2, 2)))
"""

UNIX = """
import socket
def connect():
    one = socket.socket(socket.AF_UNIX)
    one.connect(SOCKET)
    return "connected"
attempt("Unix socket", connect)
attempt("datagram pair", lambda: socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM))
left, right = socket.socketpair()
attempt("send elsewhere", lambda: left.sendto(b"x", SOCKET))
attempt("abstract name", lambda: left.connect(b"\\0orch"))
"""

FORK = """
import subprocess
def child():
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    return pid
attempt("fork", child)
attempt("forkpty", lambda: os.forkpty() or os._exit(0))
attempt("subprocess", lambda: subprocess.run([sys.executable, "-c", ""]))
attempt("spawn", lambda: os.posix_spawn("/bin/true", ["true"], {}))
call("clone", 220 if ARM else 56, 17, 0, 0, 0, 0) if not os.getenv("ORCH_CONTROL") else None
call("clone3", 435, 0, 0)
"""

FORK_BOMB = """
made = 0
for _ in range(40):
    try:
        pid = os.fork()
    except OSError:
        continue
    if pid == 0:
        os._exit(0)
    made += 1
print("BROKE" if made else "held", made, "children")
"""

DAEMON = """
def leave():
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            open(VICTIM + "/daemon", "w").close()
        os._exit(0)
attempt("daemon", leave)
attempt("own session", os.setsid)
attempt("other group", lambda: os.setpgid(0, PARENT))
"""

THREAD_BOMB = """
import threading
threading.stack_size(65536)
stop, made = threading.Event(), 0
try:
    for _ in range(300):
        threading.Thread(target=stop.wait, daemon=True).start()
        made += 1
except (RuntimeError, MemoryError):
    pass
stop.set()
print("BROKE" if made >= 300 else "held", made, "threads", flush=True)
os._exit(0)
"""

MEMORY_BOMB = """
import mmap
held, step = [], 32 << 20
def fill():
    for _ in range(32):
        held.append(bytearray(step))
    return "1 GB"
attempt("memory", fill)
held.clear()
def shared():
    for _ in range(32):
        held.append(mmap.mmap(-1, step))
attempt("shared memory", shared)
held.clear()
attempt("memory file", lambda: os.memfd_create("x"))
"""

DISK_FILL = """
def one():
    with open("big", "wb") as file:
        for _ in range(64):
            file.write(bytes(1 << 20))
            file.flush()
    return "64 MB"
attempt("one file", one)
def many():
    for n in range(64):
        with open(f"part{n}", "wb") as file:
            file.write(bytes(1 << 20))
    import time; time.sleep(1)
    return "64 MB"
attempt("many files", many)
"""

MANY_FILES = """
def many():
    for n in range(3000):
        open(f"f{n}", "wb").close()
    import time; time.sleep(1)
    return "3000 files"
attempt("many files", many)
"""

DEEP_FOLDERS = """
def nest():
    for _ in range(3000):
        os.mkdir("d")
        os.chdir("d")
    import time; time.sleep(1)
    return "3000 folders"
attempt("folders in folders", nest)
"""

ENDLESS_OUTPUT = """
import time
end = time.monotonic() + 20
while time.monotonic() < end:
    os.write(1, b"x" * 65536)
print("BROKE")
"""

SLEEP = """
import time
time.sleep(60)
print("BROKE still there")
"""

BUSY = """
import signal
for number in range(1, 65):
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
import time
end = time.monotonic() + 60
while time.monotonic() < end:
    pass
print("BROKE still there")
"""

STOP_ITSELF = """
import signal
os.kill(os.getpid(), signal.SIGSTOP)
import time
time.sleep(60)
print("BROKE still there")
"""

PTRACE = """
number = 117 if ARM else 101
call("trace me", number, 0, 0, 0, 0) if not os.getenv("ORCH_CONTROL") else None
call("attach to the parent", number, 16, PARENT, 0, 0) if not os.getenv("ORCH_CONTROL") else None
call("seize itself", number, 0x4206, PARENT, 0, 0)
call("compare", 272 if ARM else 312, os.getpid(), PARENT, 0, 0, 0)
"""

KILL_PARENT = """
import fcntl, signal
for who in (PARENT, 1, -1, 0, os.getppid()):
    attempt(f"kill {who}", lambda: os.kill(who, 0))
attempt("continue the parent", lambda: os.kill(PARENT, signal.SIGCONT))
attempt("group", lambda: os.killpg(os.getpgid(PARENT), 0))
attempt("pidfd", lambda: os.pidfd_open(PARENT))
attempt("owner of a pipe", lambda: fcntl.fcntl(os.pipe()[0], 8, PARENT))
call("tkill", 130 if ARM else 200, PARENT, 0)
call("tgkill", 131 if ARM else 234, PARENT, PARENT, 0)
attempt("priority", lambda: os.setpriority(os.PRIO_PROCESS, PARENT, os.getpriority(os.PRIO_PROCESS, PARENT)))
import resource
attempt("its limits", lambda: resource.prlimit(PARENT, resource.RLIMIT_NOFILE))
"""

WRITE_OUTSIDE = """
def write(path):
    with open(path, "w") as file:
        file.write("x")
    return path
for folder in (VICTIM, HOME, CWD, "/", "/dev/shm", "/var/tmp", "/run", "/etc", os.path.dirname(os.__file__), "..", "../.."):
    path = folder + "/orch-probe"
    if folder == ".." and not os.getenv("ORCH_CONTROL"):
        continue
    attempt("write to " + folder, lambda: write(path))
attempt("append to the victim", lambda: open(VICTIM + "/victim.txt", "a"))
attempt("move the victim", lambda: os.rename(VICTIM + "/victim.txt", VICTIM + "/moved"))
attempt("remove the victim", lambda: os.remove(VICTIM + "/victim.txt"))
attempt("make a folder", lambda: os.mkdir(VICTIM + "/folder"))
"""

CHANGE_OUTSIDE = """
path = VICTIM + "/victim.txt"
def tried(act):
    try:
        act()
    except OSError as error:
        print("held", type(error).__name__)
    else:
        print("held", "(or only pretended: the parent looks)")
tried(lambda: os.chmod(path, 0o700))
tried(lambda: os.utime(path, (1, 1)))
tried(lambda: os.truncate(path, 0))
tried(lambda: os.open(path, os.O_RDONLY | os.O_TRUNC))
tried(lambda: os.setxattr(path, "user.orch", b"x"))
tried(lambda: os.chown(path, os.getuid(), -1))
"""

LINK_OUT = """
def through():
    os.symlink(VICTIM + "/victim.txt", "link")
    return open("link").read()
attempt("read through a link", through)
attempt("write through a link", lambda: open("link", "w"))
def folder():
    os.symlink("/etc", "folder")
    return os.listdir("folder")
attempt("list through a link", folder)
attempt("hard link", lambda: os.link(VICTIM + "/victim.txt", "hard"))
attempt("fifo", lambda: os.mkfifo("pipe"))
attempt("device", lambda: os.mknod("device", 0o020666, os.makedev(1, 1)))
os.makedirs("a/b", exist_ok=True)
os.symlink("../../..", "a/b/up")
try:
    os.rename("../work", "../elsewhere")
    os.symlink(VICTIM, "../work")
except OSError:
    pass
print("held links remain for the parent to refuse")
"""

SYSTEM_CALLS = """
CALLS = {"io_uring_setup": (425, 425), "bpf": (321, 280), "keyctl": (250, 219), "add_key": (248, 217),
         "mount": (165, 40), "umount2": (166, 39), "fsopen": (430, 430), "open_tree": (428, 428),
         "userfaultfd": (323, 282), "unshare": (272, 97), "setns": (308, 268), "perf_event_open": (298, 241),
         "open_by_handle_at": (304, 265), "name_to_handle_at": (303, 264), "memfd_create": (319, 279),
         "shmget": (29, 194), "msgget": (68, 186), "semget": (64, 190), "mq_open": (240, 180), "chroot": (161, 51),
         "pivot_root": (155, 41), "personality": (135, 92), "init_module": (175, 105), "kexec_load": (246, 104),
         "swapon": (167, 224), "reboot": (169, 142), "quotactl": (179, 60), "syslog": (103, 116),
         "fanotify_init": (300, 262), "inotify_init1": (294, 26), "pidfd_getfd": (438, 438),
         "landlock_create_ruleset": (444, 444), "seccomp": (317, 277), "memfd_secret": (447, 447),
         "process_madvise": (440, 440), "clock_settime": (227, 112), "sethostname": (170, 161), "acct": (163, 89),
         "vmsplice": (278, 75), "modify_ldt": (154, None), "iopl": (172, None), "setuid": (105, 146)}
for name, numbers in CALLS.items():
    call(name, numbers[ARM], 0, 0, 0, 0, 0, 0)
call("parent death signal off", 167 if ARM else 157, 1, 0, 0, 0, 0)
call("dumpable", 167 if ARM else 157, 4, 1, 0, 0, 0)
"""

OTHER_TABLE = """
print("held", "so far", flush=True)
result = LIBC.syscall(ctypes.c_long(0x40000000 + 39))
print("BROKE" if result > 0 else "held", "x32", result, flush=True)
"""

OLD_TABLE = """
import mmap
if ARM:
    print("held: no such table here")
else:
    print("held", "so far", flush=True)
    page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(b"\\x53\\xb8\\x14\\x00\\x00\\x00\\xcd\\x80\\x5b\\xc3")
    at = ctypes.addressof(ctypes.c_char.from_buffer(page))
    result = ctypes.CFUNCTYPE(ctypes.c_int)(at)()
    print("BROKE" if result > 0 else "held", "32-bit calls", result, flush=True)
"""

EXEC = """
for program in ("/bin/sh", "/usr/bin/su", "/usr/bin/sudo", "/usr/bin/mount", sys.executable):
    attempt("exec " + program, lambda: os.execv(program, [program, "-c", "exit"]))
def own():
    with open("run.sh", "w") as file:
        file.write("#!/bin/sh\\necho BROKE\\n")
    os.chmod("run.sh", 0o755)
    os.execv("run.sh", ["run.sh"])
attempt("exec of its own file", own)
attempt("root again", lambda: os.setuid(0))
call("execveat", 281 if ARM else 322, -100, 0, 0, 0, 0)
"""

SHARED_MEMORY = """
from multiprocessing import shared_memory
attempt("shared memory", lambda: shared_memory.SharedMemory("orch-probe", create=True, size=4096))
attempt("file in /dev/shm", lambda: open("/dev/shm/orch-probe", "w"))
call("SysV", 194 if ARM else 29, 0x6F726368, 4096, 0o1666)
"""

RAISE_LIMITS = """
import resource
for name in ("RLIMIT_AS", "RLIMIT_CPU", "RLIMIT_FSIZE", "RLIMIT_NOFILE", "RLIMIT_NPROC", "RLIMIT_CORE"):
    kind = getattr(resource, name)
    attempt(name, lambda: resource.setrlimit(kind, (1 << 40, 1 << 40)))
"""

TERMINAL = """
import fcntl
attempt("/dev/tty", lambda: open("/dev/tty"))
for at in (0, 1, 2):
    attempt(f"type into {at}", lambda: fcntl.ioctl(at, 0x5412, b"x"))
    attempt(f"paste into {at}", lambda: fcntl.ioctl(at, 0x541C, b"\\x03"))
"""

FORGED_REPORT = """
import _socket, stat
for at in range(3, 64):
    try:
        mode = os.fstat(at).st_mode
    except OSError:
        continue
    if stat.S_ISSOCK(mode):
        end = _socket.socket(fileno=at)
        end.settimeout(5)
        try:
            end.sendall(b'[' * 100000)
            end.sendall(b'{"forged": true}' * 200000)
        except OSError:
            pass
        end.detach()
print("held: said a lot", flush=True)
"""

ATTACKS: Mapping[str, str] = {
    "read the home and project folders": READ_HOME,
    "read /etc/shadow and the system": READ_SYSTEM,
    "read other processes": READ_PROCESSES,
    "read secrets in the environment": READ_ENVIRONMENT,
    "use inherited descriptors": OPEN_DESCRIPTORS,
    "network: TCP": TCP,
    "network: UDP, raw, names": UDP,
    "network: Unix sockets": UNIX,
    "fork and start programs": FORK,
    "fork bomb": FORK_BOMB,
    "leave as a daemon": DAEMON,
    "thread bomb": THREAD_BOMB,
    "memory bomb": MEMORY_BOMB,
    "fill the disk": DISK_FILL,
    "use up inodes": MANY_FILES,
    "nest folders": DEEP_FOLDERS,
    "endless output": ENDLESS_OUTPUT,
    "sleep forever": SLEEP,
    "run forever, ignoring signals": BUSY,
    "stop itself (SIGSTOP)": STOP_ITSELF,
    "ptrace": PTRACE,
    "kill or signal the parent": KILL_PARENT,
    "write outside the scratch": WRITE_OUTSIDE,
    "change modes, times, lengths outside": CHANGE_OUTSIDE,
    "links out of the scratch": LINK_OUT,
    "rare system calls": SYSTEM_CALLS,
    "system calls by the x32 table": OTHER_TABLE,
    "system calls by the 32-bit table": OLD_TABLE,
    "exec of setuid programs": EXEC,
    "leave things in shared memory": SHARED_MEMORY,
    "raise its own limits": RAISE_LIMITS,
    "type into the terminal": TERMINAL,
    "forge the report": FORGED_REPORT,
}

MAY_DIE = frozenset({"system calls by the x32 table", "system calls by the 32-bit table"})
"""Attacks the kernel may answer by ending the process."""

STOPPED: Mapping[str, int] = {
    "endless output": 137,
    "sleep forever": 124,
    "run forever, ignoring signals": 124,
    "stop itself (SIGSTOP)": 124,
}
"""Attacks that must be ended from outside, and the exit code that says so."""

PATIENT = frozenset({"sleep forever", "run forever, ignoring signals", "stop itself (SIGSTOP)"})
"""Attacks whose time is cut short: they would only wait."""
