"""Starts a program behind walls, and sees to its end. A program of its own, run by a bare `python -I -S`: it imports nothing but
the standard library, and shares no memory with what called it.

`supervise` reads one line of JSON, the plan (sandbox.py writes it), starts the program, and writes one line, the report.
It ends the program when its time, memory, output or room on the disk is used up, when whoever called it is gone (its
standard input ends), and when the program's first process ends: nothing stays behind. That holds because what is inside can
leave neither its process group nor its session.

`serve` becomes a program that goes on for long: the plan is the first line of what it reads, and whoever started it, and hears
it, sees to its end.

`enter` puts up the walls in a process and then becomes the program. What cannot be put up ends it with exit status 125:
there is no way on without walls.
"""

from __future__ import annotations

import base64
import contextlib
import ctypes
import json
import os
import resource
import selectors
import shutil
import signal
import stat
import struct
import sys
import tempfile
import time
from typing import Any, NoReturn

Plan = dict[str, Any]
INSIDE = "/work"  # where an outer wall puts the folder
BROKEN = 125  # exit status where a wall could not be put up
_LIBC = ctypes.CDLL(None, use_errno=True)
_PDEATHSIG, _KEEPCAPS, _SECCOMP, _SUBREAPER, _NO_NEW_PRIVS, _AMBIENT = 1, 8, 22, 36, 38, 47
_RULESET, _RULE, _RESTRICT = 444, 445, 446  # the numbers of Landlock's calls on every architecture
# Landlock's rights over files. Nothing is executed where one may write; no link, socket, FIFO or device is made there.
_EXECUTE, _WRITE, _READ, _LIST, _REMOVE, _MAKE = 0x1, 0x2, 0x4, 0x8, 0x10 | 0x20, 0x80 | 0x100
_MOVE, _TRUNCATE, _DEVICE_CONTROL = 0x2000, 0x4000, 0x8000  # since ABI 2, 3 and 5
_LOOK = _EXECUTE | _READ | _LIST
_WORK = _READ | _LIST | _WRITE | _REMOVE | _MAKE | _MOVE | _TRUNCATE
_SERVE = _WORK | _EXECUTE | 0x1000  # and links: nobody else looks into it
_OF_FILES = _EXECUTE | _WRITE | _READ | _TRUNCATE | _DEVICE_CONTROL
_SEARCH = 1 << 2  # CAP_DAC_READ_SEARCH


def supervise() -> None:
    plan: Plan = json.loads(sys.stdin.buffer.readline())
    _prctl(_SUBREAPER, 1)
    with contextlib.ExitStack() as stack:
        if not plan["folder"]:  # a place of its own that is gone afterwards
            plan["folder"] = tempfile.mkdtemp(prefix="remit-")
            stack.callback(shutil.rmtree, plan["folder"], True)
        stack.callback(_take_back, plan["folder"])
        _house(plan, _user())
        report = _run(plan)
    sys.stdout.write(json.dumps(report) + "\n")
    sys.stdout.flush()
    os._exit(0)


def serve(inside: bool) -> NoReturn:
    """`inside` an outer wall, which started this again: there the plan comes once more."""
    try:
        plan: Plan = json.loads(_line())
        if inside:
            plan |= {"outer": [], "inside": True, "user": 0, "folder": INSIDE}
        else:
            owner = os.stat(plan["folder"]).st_uid  # whose it was the last time
            _house(plan, (owner if os.geteuid() == 0 else 0) or _user())
            plan["limits"]["processes"] = _processes_for(plan)
        os.chdir(plan["folder"])
        _behind(plan, [])
    except (OSError, ValueError) as error:
        _broken(str(error))


def _line() -> bytes:
    """The first line of what is to be read; the rest is left to the program."""
    found = b""
    while not found.endswith(b"\n") and (mark := os.read(0, 1)):
        found += mark
    return found


def _house(plan: Plan, user: int) -> None:
    """Who the program is, and the folder that is its own."""
    plan["user"] = user
    places = [plan["argv"][0], plan["folder"], *plan["reads"]]
    plan["search"] = bool(user) and not all(_open_to_all(place) for place in places)
    if user:
        _give(plan["folder"], user)


def _user() -> int:
    """Whom the program runs as: ourselves (0), or, for root, somebody whom there is no second of, as long as this
    process lives. So root's processes are counted, and are nobody else's."""
    if os.geteuid() != 0:
        return 0
    user = 0x70000000 + os.getpid()
    with open("/proc/self/uid_map") as file:
        known = any(int(first) <= user < int(first) + int(many) for first, _, many in map(str.split, file))
    return user if known else 65_534


def _open_to_all(place: str) -> bool:
    """Whether whoever is not root can come to this place."""
    while place != "/":
        place = os.path.dirname(place)
        if not os.stat(place).st_mode & 0o001:
            return False
    return True


def _run(plan: Plan) -> dict[str, Any]:
    source = _written(plan["stdin"].encode())
    (out, inner_out), (err, inner_err) = os.pipe(), os.pipe()
    plan["limits"]["processes"] = _processes_for(plan)
    child = os.fork()
    if child == 0:
        _become(plan, source, inner_out, inner_err)
    for descriptor in (source, inner_out, inner_err):
        os.close(descriptor)
    heard: dict[int, bytearray] = {out: bytearray(), err: bytearray()}
    stopped = _watch(plan, child, heard)
    status = _end(child)
    if not stopped and _room(plan["folder"], plan["room"]):  # filled since the last look
        stopped = "room"
    for pipe in heard:  # what was still in the pipes
        _take(pipe, heard[pipe], plan["output"])
    return {
        "status": os.waitstatus_to_exitcode(status),
        "stopped": stopped,
        "out": base64.b64encode(bytes(heard[out][: plan["output"]])).decode(),
        "err": base64.b64encode(bytes(heard[err][: plan["output"]])).decode(),
    }


def _written(data: bytes) -> int:
    """A file without a name, to be read from its start: unlike a pipe it takes all of it before anybody reads."""
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.seek(0)
        return os.dup(file.fileno())


def _watch(plan: Plan, child: int, heard: dict[int, bytearray]) -> str:
    """Until the first process ends or must be ended; why it must, or nothing."""
    ends = time.monotonic() + plan["seconds"]
    look = time.monotonic() + 0.2
    with selectors.DefaultSelector() as selector:
        ended = os.pidfd_open(child)
        for descriptor in (ended, 0, *heard):
            os.set_blocking(descriptor, False)
            selector.register(descriptor, selectors.EVENT_READ)
        while True:
            now = time.monotonic()
            if now >= ends:
                return "time"
            if now >= look:
                if why := _too_much(plan):
                    return why
                look = time.monotonic() + max(0.2, 5 * (time.monotonic() - now))  # at most a fifth of a core
            for key, _ in selector.select(max(0.0, min(ends, look) - time.monotonic())):
                if key.fd == ended:
                    return ""
                if key.fd == 0:
                    if not os.read(0, 1000):
                        return "gone"
                elif not _take(key.fd, heard[key.fd], plan["output"]):
                    selector.unregister(key.fd)
                elif len(heard[key.fd]) > plan["output"]:
                    return "output"


def _take(pipe: int, into: bytearray, most: int) -> bool:
    """Read what is there; what is over `most` bytes is dropped, but for one that says so. False at its end."""
    for _ in range(64):
        try:
            data = os.read(pipe, 65_536)
        except BlockingIOError:
            return True
        if not data:
            return False
        into += data[: max(0, most + 1 - len(into))]
    return True


def _end(child: int) -> int:
    """End all that is left, and wait until none is. The status of the first process."""
    # It is not waited for before, so that its number can be nobody else's. Twice, as it may only now become a leader.
    for _ in range(2):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    with contextlib.suppress(ChildProcessError):
        while True:  # orphans come to us
            os.waitpid(-1, 0)
    return status


def _too_much(plan: Plan) -> str:
    """Of memory by all its processes together, or of room in its folder."""
    if _memory() > plan["memory"]:
        return "memory"
    return "room" if _room(plan["folder"], plan["room"]) else ""


def _memory() -> int:
    """Bytes in memory of all processes below this one."""
    parents: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError), open(f"/proc/{name}/stat", "rb") as file:
                parent = int(file.read().rpartition(b")")[2].split()[1])
                parents.setdefault(parent, []).append(int(name))
    total, left = 0, list(parents.get(os.getpid(), ()))
    while left:
        process = left.pop()
        left += parents.get(process, ())
        with contextlib.suppress(OSError), open(f"/proc/{process}/statm", "rb") as file:
            total += int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")
    return total


def _room(folder: str, most: list[int]) -> bool:
    """Whether the folder holds more than so many bytes, or so many things."""
    size = count = 0
    left = [folder]
    while left:
        with contextlib.suppress(OSError), os.scandir(left.pop()) as entries:
            for entry in entries:
                count += 1
                with contextlib.suppress(OSError):
                    size += entry.stat(follow_symlinks=False).st_size
                    if entry.is_dir(follow_symlinks=False):
                        left.append(entry.path)
        if size > most[0] or count > most[1]:
            return True
    return False


def _give(folder: str, user: int) -> None:
    """The folder and all in it to `user`. Not a file with a second name: that may be one from elsewhere."""
    for _, _, names, inside in os.fwalk(folder, follow_symlinks=False):
        os.fchown(inside, user, user)
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                info = os.stat(name, dir_fd=inside, follow_symlinks=False)
                if stat.S_ISREG(info.st_mode) and info.st_nlink == 1:
                    os.chown(name, user, user, dir_fd=inside, follow_symlinks=False)


def _take_back(folder: str) -> None:
    """The folder and all in it to us, and no file that runs as its owner. Nothing of the program lives any more."""
    for _, _, names, inside in os.fwalk(folder, follow_symlinks=False):
        if os.geteuid() == 0:
            os.fchown(inside, 0, 0)
        for name in names:
            info = os.stat(name, dir_fd=inside, follow_symlinks=False)
            if os.geteuid() == 0 and info.st_uid != 0:
                os.chown(name, 0, 0, dir_fd=inside, follow_symlinks=False)
            if stat.S_ISREG(info.st_mode) and info.st_mode & 0o6000:
                os.chmod(name, stat.S_IMODE(info.st_mode) & 0o777, dir_fd=inside)


def _processes_for(plan: Plan) -> int:
    """The limit counts all of a user's threads: what others of ours run is added to what the program may have."""
    wanted: int = plan["limits"]["processes"]
    if (
        plan["user"] not in (0, 65_534) or plan["outer"]
    ):  # nobody else is counted: no one else is this user, or in there
        return wanted
    mine = 0
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError):
                if os.stat(f"/proc/{name}").st_uid == (plan["user"] or os.getuid()):
                    mine += len(os.listdir(f"/proc/{name}/task"))
    return wanted + mine


def _become(plan: Plan, source: int, out: int, err: int) -> NoReturn:
    """In the new process: either the program, or the outer wall, which starts this again inside."""
    try:
        os.setsid()
        os.chdir(plan["folder"])
        for number, descriptor in enumerate((source, out, err)):
            os.dup2(descriptor, number)
        os.closerange(3, 65_536)
        inside = {**plan, "outer": [], "inside": True, "user": 0, "folder": INSIDE, "stdin": ""}
        _behind(plan, [json.dumps(inside)])
    except (OSError, ValueError) as error:
        _broken(str(error))


def _behind(plan: Plan, told: list[str]) -> NoReturn:
    """Become the program, or the outer wall, where there is one; what starts this again inside is told that."""
    if plan["outer"]:
        if plan["user"]:
            _other_user(plan["user"], search=False)
        _die_with_parent()
        outer = [part.replace("FOLDER", plan["folder"]) for part in plan["outer"]]
        os.execve(outer[0], [*outer, *told], {})
    enter(plan)


def enter(plan: Plan) -> NoReturn:
    """Put up every wall, and become the program."""
    try:
        os.umask(0o077)
        rules = _landlock(plan)  # the paths are opened as whoever we are now
        if plan["user"]:
            _other_user(plan["user"], plan["search"])
        limits = plan["limits"]
        for kind, most in (
            (resource.RLIMIT_CPU, limits["cpu"]),
            (resource.RLIMIT_AS, limits["memory"]),
            (resource.RLIMIT_DATA, limits["data"]),
            (resource.RLIMIT_FSIZE, limits["file"]),
            (resource.RLIMIT_CORE, 1),  # 0 would still start a program that takes the dump; 1 does not
            (resource.RLIMIT_NOFILE, limits["open"]),
            (resource.RLIMIT_NPROC, limits["processes"]),
            (resource.RLIMIT_MEMLOCK, 0),
            (resource.RLIMIT_MSGQUEUE, 0),
        ):
            if most is not None:
                resource.setrlimit(kind, (most, most))
        if not plan["inside"]:
            _die_with_parent()
        _prctl(_NO_NEW_PRIVS, 1)
        if rules >= 0:
            _call(_RESTRICT, rules, 0)
            os.close(rules)
        _filter(base64.b64decode(plan["filter"]))
        os.execve(
            plan["argv"][0], plan["argv"], plan["env"] | {"HOME": plan["folder"], "TMPDIR": plan["folder"]}
        )
    except (OSError, ValueError) as error:
        _broken(str(error))


def _broken(why: str) -> NoReturn:
    os.write(2, f"no walls: {why}".encode())
    os._exit(BROKEN)


def _landlock(plan: Plan) -> int:
    """The rules for files, none for the network, and signals and abstract sockets kept inside, as far as this kernel's
    Landlock goes. -1 where there is none and an outer wall stands already."""
    abi = _LIBC.syscall(_RULESET, None, 0, 1)
    if abi < 1:
        if plan["inside"]:
            return -1
        raise OSError("this kernel has no Landlock")
    rights = _rights(abi)
    attributes = struct.pack(
        "=QQQ", rights, 3 if abi >= 4 and not plan["network"] else 0, 3 if abi >= 6 else 0
    )
    attributes = attributes[: 8 if abi < 4 else 16 if abi < 6 else 24]
    rules = _call(_RULESET, attributes, len(attributes), 0)
    granted = [(place, _LOOK) for place in plan["reads"]]
    granted += [(place, _READ | _WRITE) for place in plan["devices"]]
    granted.append((plan["folder"], _SERVE if plan["serves"] else _WORK))
    for place, wanted in granted:
        with contextlib.suppress(FileNotFoundError):
            descriptor = os.open(place, os.O_PATH | os.O_CLOEXEC)
            is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
            allowed = wanted & rights & (-1 if is_folder else _OF_FILES)
            _call(_RULE, rules, 1, struct.pack("=Qi", allowed, descriptor), 0)
            os.close(descriptor)
    return rules


def _rights(abi: int) -> int:
    """All that this Landlock can refuse: what is not handled is not refused."""
    return (1 << (13 if abi < 2 else 14 if abi < 3 else 15 if abi < 5 else 16)) - 1


def _other_user(user: int, search: bool) -> None:
    """Become a user whom nobody else is, without capabilities; with `search`, but for looking into folders that only
    root may enter (Landlock still says which)."""
    os.setgroups([])
    os.setresgid(user, user, user)
    if search:
        _prctl(_KEEPCAPS, 1)
    os.setresuid(user, user, user)
    if search:
        header = struct.pack("=Ii", 0x20080522, 0)
        _capset(header, struct.pack("=6I", _SEARCH, _SEARCH, _SEARCH, 0, 0, 0))
        _prctl(_AMBIENT, 2, 2)  # raise CAP_DAC_READ_SEARCH, which is number 2


def _capset(header: bytes, data: bytes) -> None:
    if _LIBC.capset(header, data) != 0:
        raise OSError(ctypes.get_errno(), "capabilities cannot be dropped")


def _die_with_parent() -> None:
    parent = os.getppid()
    _prctl(_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(BROKEN)


def _filter(program: bytes) -> None:
    steps = ctypes.create_string_buffer(program, len(program))
    described = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(steps))
    if _LIBC.prctl(_SECCOMP, 2, described, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "the kernel does not take the filter of system calls")


def _prctl(what: int, value: int, more: int = 0) -> None:
    if (
        _LIBC.prctl(what, ctypes.c_ulong(value), ctypes.c_ulong(more), ctypes.c_ulong(0), ctypes.c_ulong(0))
        != 0
    ):
        raise OSError(ctypes.get_errno(), f"prctl {what}: {os.strerror(ctypes.get_errno())}")


def _call(number: int, *args: Any) -> int:
    result = int(_LIBC.syscall(ctypes.c_long(number), *args))
    if result < 0:
        raise OSError(ctypes.get_errno(), f"landlock ({number}): {os.strerror(ctypes.get_errno())}")
    return result


if __name__ == "__main__":
    if sys.argv[1] == "supervise":
        supervise()
    elif sys.argv[1] == "serve":
        serve(inside=sys.argv[2:] == ["inside"])
    else:
        enter(json.loads(sys.argv[2]))
