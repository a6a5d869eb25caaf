"""Where code that a model wrote runs: behind walls that the kernel holds, or not at all.

Two ways, one interface. `bubblewrap`, where it works: namespaces of its own for everything, in which only the system
and the interpreter can be seen. `landlock`, anywhere else on Linux 5.13 and later, without root and without installing
anything. Both then put up the same walls (walls.py): Landlock for files, seccomp for system calls (seccomp.py), limits on time,
memory, processes, open files and room on the disk, an empty environment, no network, one folder to write in.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ctypes
import json
import math
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from remit.errors import Mend, UserError
from remit.tools import folder, seccomp, walls

Json = Any
SECONDS = 30.0  # of time, and of computing for each process
MEMORY = 1_000_000_000  # bytes of address space of a process, and in memory of all together
OUTPUT = 2_000_000  # bytes that a program may write to each of its outputs
PROCESSES = 64
SCRATCH = (100_000_000, 1_000)  # bytes and files of a folder that is gone afterwards
GRACE = 15.0  # seconds for starting and for cleaning up
_SYSTEM = ("/usr", "/lib", "/lib64", "/bin", "/sbin", "/etc/ld.so.cache", "/etc/alternatives")
_DEVICES = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom")
_NAMES = (
    *(
        "/etc/resolv.conf",
        "/etc/hosts",
        "/etc/nsswitch.conf",
        "/etc/gai.conf",
        "/etc/services",
        "/etc/protocols",
    ),
    *("/etc/ssl", "/etc/pki", "/etc/ca-certificates", "/run/systemd/resolve"),
)  # by which hosts are found, and known
_INSIDE = "/walls.py"  # where bubblewrap puts our part of the walls
_STOPPED = {
    "time": "took longer than {seconds:g} s",
    "memory": "used more than {memory:,} bytes of memory",
    "output": "wrote more than {output:,} bytes of output",
    "room": "filled its folder",
}

# Runs inside. Reads {"code", "inputs"} from stdin; writes one line of JSON to the descriptor that stdout was.
_PYTHON = """
import ast, io, json, os, sys
given = json.load(sys.stdin)
out, sys.stdout = sys.stdout, io.StringIO()
answer = {"value": None, "error": ""}
space = {"__name__": "__main__", **given["inputs"]}
try:
    tree = ast.parse(given["code"], "<code>")
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "<code>", "exec"), space)
    if last is not None:
        value = eval(compile(ast.Expression(last.value), "<code>", "eval"), space)
        try:
            json.dumps(value)
            answer["value"] = value
        except (TypeError, ValueError):
            answer["value"] = repr(value)
except BaseException as error:
    line = getattr(error, "lineno", None)
    place = error.__traceback__
    while place is not None:
        if place.tb_frame.f_code.co_filename == "<code>":
            line = place.tb_lineno
        place = place.tb_next
    answer["error"] = f"{type(error).__name__}: {error}" + (f"\\nat line {line}" if line else "")
answer["printed"] = sys.stdout.getvalue()[:100000]
out.write(json.dumps(answer))
out.flush()
os._exit(0)
"""


@dataclass(frozen=True, slots=True)
class Sandbox:
    """The walls of this machine. `outer`: the command that puts up what comes before walls.py."""

    name: Literal["bubblewrap", "landlock"]
    outer: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()  # what this kernel cannot do, and what holds in its place


@dataclass(frozen=True, slots=True)
class Done:
    """What a Python program came to; `error` is empty where it ended well."""

    value: Json
    printed: str
    error: str


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended: its exit status (negative: the signal), why it was stopped (empty: it was not), and what it
    had written."""

    status: int
    stopped: str
    out: bytes
    err: bytes


@cache
def find_sandbox() -> Sandbox | None:
    """The best that works here, or None: then nothing of this kind runs."""
    if platform.system() != "Linux" or platform.machine() not in seccomp.ARCHITECTURES or not _filters():
        return None
    abi = _landlock()
    # Root's folders are often closed to everyone else, and so to the user that root's programs run as in namespaces.
    if os.geteuid() != 0 and (outer := find_bwrap()):
        return Sandbox(
            "bubblewrap", outer, _missing(abi) if abi else ("Landlock: namespaces alone hold files",)
        )
    return Sandbox("landlock", (), _missing(abi)) if abi else None


async def try_sandbox() -> tuple[Sandbox | None, str]:
    """The sandbox in force, and why there is none or what it cannot do, after having run a program in it."""
    found = find_sandbox()
    if found is None:
        return None, _why_not()
    try:
        ended = await run(["/bin/sh", "-c", "exit 7"], processes=False, room=SCRATCH)
    except Mend as error:
        return None, str(error)
    if ended.status != 7:
        return None, f"a program that should end with status 7 ended with {ended.status}: {ended.err[:200]!r}"
    return found, "; ".join(found.missing)


def _why_not() -> str:
    if platform.system() != "Linux":
        return f"{platform.system()} has none"
    if platform.machine() not in seccomp.ARCHITECTURES:
        return f"the numbers of the system calls of {platform.machine()} are not known"
    if not _filters():
        return "the kernel takes no filters of system calls (seccomp)"
    return "the kernel has no Landlock, and bubblewrap is not there or may not make namespaces"


def _landlock() -> int:
    """The version of Landlock's interface, 0 where there is none."""
    return max(0, int(ctypes.CDLL(None).syscall(444, None, 0, 1)))


def _filters() -> bool:
    """Whether the kernel takes filters of system calls: PR_GET_SECCOMP is refused where it has none."""
    return int(ctypes.CDLL(None).prctl(21, 0, 0, 0, 0)) >= 0


def _missing(abi: int) -> tuple[str, ...]:
    said = (
        (2, "files cannot be moved from one folder to another (Landlock ABI 2)"),
        (3, "truncating is refused by seccomp only (Landlock ABI 3)"),
        (4, "the network is refused by seccomp only (Landlock ABI 4)"),
        (6, "signals reach only the program's own group, by seccomp (Landlock ABI 6)"),
    )
    return tuple(told for since, told in said if abi < since)


@cache
def find_bwrap() -> tuple[str, ...] | None:
    """bubblewrap with all its walls, or None: it may be there and still not be allowed to make namespaces, or be too
    old (before 0.8)."""
    found = shutil.which("bwrap")
    if found is None:
        return None
    trial = [part.replace("FOLDER", "/usr").replace("WALLS", str(_script())) for part in _bwrap(found)]
    try:
        tried = subprocess.run([*trial, _python(), "-I", "-S", "-c", ""], capture_output=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return _bwrap(found) if tried.returncode == 0 else None


def _python() -> str:
    """The interpreter itself, not a virtual environment's link to it: what is installed there stays outside."""
    return os.path.realpath(sys.executable)


def _visible() -> list[str]:
    return list(dict.fromkeys([*_SYSTEM, sys.base_prefix]))


def _bwrap(program: str, reads: Sequence[str] = (), network: bool = False) -> tuple[str, ...]:
    """Only the system's libraries, the interpreter and `reads` are there to be read, and only the one folder to be written."""
    command = [program, "--unshare-all", "--unshare-user", "--disable-userns", "--die-with-parent"]
    command += ["--new-session", "--clearenv", "--cap-drop", "ALL", "--hostname", "sandbox"]
    command += ["--uid", "65534", "--gid", "65534", "--proc", "/proc", "--dev", "/dev"]
    command += ["--share-net"] if network else []
    for place in [*_visible(), *reads]:
        if Path(place).is_symlink():
            command += ["--symlink", os.readlink(place), place]
        else:
            command += ["--ro-bind-try", place, place]
    command += ["--ro-bind", "WALLS", _INSIDE]
    command += ["--bind", "FOLDER", walls.INSIDE, "--remount-ro", "/dev", "--remount-ro", "/"]
    return (*command, "--chdir", walls.INSIDE, "--")


async def run_python(code: str, inputs: Mapping[str, Json]) -> Done:
    """Run `code` in the sandbox, in a folder that is gone afterwards. Raises Mend where there is none, or the program had
    to be stopped."""
    command = [_python(), "-I", "-S", "-c", _PYTHON]
    ended = await run(
        command, stdin=json.dumps({"code": code, "inputs": inputs}), processes=False, room=SCRATCH
    )
    if ended.stopped:
        raise Mend(f"the code {ended.stopped} and was stopped; make it do less")
    try:
        told = json.loads(ended.out)
        return Done(told["value"], str(told["printed"]), str(told["error"]))
    except (ValueError, KeyError, TypeError) as error:
        raise Mend("the code ended its own process, or used too much time or memory") from error


async def run_shell(command: str, place: Path) -> Ended:
    """Run a command of /bin/sh in the folder `place`, the only one where it may write. Raises Mend where there is no
    sandbox."""
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    room = (folder.MAX_FOLDER, folder.MAX_FILES)
    return await run(["/bin/sh", "-c", command], place=place, processes=True, room=room)


async def run(
    command: Sequence[str],
    *,
    stdin: str = "",
    place: Path | None = None,
    processes: bool,
    room: tuple[int, int],
    sandbox: Sandbox | None = None,
) -> Ended:
    """Run a program behind the walls of `sandbox`, or of the best there is. Raises Mend where there is none, or a wall
    cannot be put up."""
    sandbox = sandbox or find_sandbox()
    if sandbox is None:
        raise Mend("there is no sandbox on this machine; `remit doctor` says why")
    plan = _plan(sandbox, command, {}, str(place or ""), processes=processes)
    plan |= {
        "stdin": stdin,
        "room": room,
        "seconds": SECONDS,
        "memory": MEMORY,
        "output": OUTPUT,
        "limits": {
            "cpu": math.ceil(SECONDS),
            "memory": MEMORY,
            "data": None,
            "file": min(room[0], folder.MAX_FILE),
            "open": 64,
            "processes": PROCESSES,
        },
    }
    report = await _supervised([*_walls("supervise")], json.dumps(plan).encode() + b"\n")
    err = base64.b64decode(report["err"])
    if report["status"] == walls.BROKEN and err.startswith(b"no walls: "):
        raise Mend(f"there is no sandbox on this machine: {err.decode(errors='replace')[:500]}")
    why = _STOPPED.get(report["stopped"], "").format(seconds=SECONDS, memory=MEMORY, output=OUTPUT)
    return Ended(report["status"], why, base64.b64decode(report["out"]), err)


def serving(
    command: Sequence[str], env: Mapping[str, str], place: Path, reads: Sequence[str], network: bool
) -> tuple[list[str], bytes]:
    """What starts a program that goes on for long behind the walls, and what it must be told first on its input: with this
    environment, `place` to write in, `reads` to be read beside the system, and the network or none. Raises UserError where there
    is no sandbox."""
    if (sandbox := find_sandbox()) is None:
        raise UserError(f"there is no sandbox on this machine, as {_why_not()}; `remit doctor` tells more")
    reads = [*reads, *(_NAMES if network else ())]
    plan = _plan(sandbox, command, env, str(place), processes=True, serves=True, network=network)
    plan["reads"] += reads
    plan["limits"] = {
        "cpu": None,
        "memory": None,
        "data": 2 * MEMORY,
        "file": folder.MAX_FILE,
        "open": 1024,
        "processes": 256,
    }
    if sandbox.outer:
        outer = [part.replace("WALLS", str(_script())) for part in _bwrap(sandbox.outer[0], reads, network)]
        plan["outer"] = [*outer, _python(), "-I", "-S", _INSIDE, "serve", "inside"]
    told = json.dumps(plan).encode() + b"\n"
    return _walls("serve"), told * (2 if sandbox.outer else 1)


def _walls(what: str) -> list[str]:
    return [_python(), "-I", "-S", str(_script()), what]


def _plan(
    sandbox: Sandbox,
    command: Sequence[str],
    env: Mapping[str, str],
    place: str,
    *,
    processes: bool,
    serves: bool = False,
    network: bool = False,
) -> dict[str, Any]:
    """What walls.py must know of any program."""
    apart = bool(sandbox.outer) or os.geteuid() == 0  # in namespaces, or as a user who owns nothing here
    trust = seccomp.Trust(
        processes, signals=apart or _landlock() >= 6, modes=apart, network=network, links=serves
    )
    outer = [part.replace("WALLS", str(_script())) for part in sandbox.outer]
    return {
        "argv": list(command),
        "env": {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", **env},
        "folder": os.path.realpath(place) if place else "",
        "reads": _visible(),
        "devices": _DEVICES,
        "outer": [*outer, _python(), "-I", "-S", _INSIDE, "enter"] if outer else [],
        "inside": False,
        "serves": serves,
        "network": network,
        "filter": base64.b64encode(seccomp.filter_for(platform.machine(), trust)).decode(),
    }


def _script() -> Path:
    return Path(walls.__file__)


async def _supervised(command: Sequence[str], plan: bytes) -> dict[str, Any]:
    """The report of walls.py. Its standard input stays open as long as somebody waits: its end ends the program."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={},
        cwd="/",
        start_new_session=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        process.stdin.write(plan)
        await process.stdin.drain()
        async with asyncio.timeout(SECONDS + GRACE):
            answer, complaint = await asyncio.gather(process.stdout.read(), process.stderr.read())
            await process.wait()
    except (TimeoutError, ConnectionError) as error:
        raise Mend("the sandbox did not answer") from error
    finally:
        process.stdin.close()
        if process.returncode is None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(GRACE):
                    await asyncio.shield(process.wait())
    try:
        report: dict[str, Any] = json.loads(answer)
        return report
    except ValueError as error:
        raise Mend(f"the sandbox failed: {complaint.decode(errors='replace')[-500:]}") from error
