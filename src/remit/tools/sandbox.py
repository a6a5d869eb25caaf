"""CPython inside bubblewrap: namespaces of its own for everything, the system read-only, nothing of the host's
data, no network, bounded time and memory, no further processes."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from remit.errors import Mend
from remit.tools.thread import in_thread

Json = Any
SECONDS = 30.0
MEMORY = 1_000_000_000  # bytes of address space
OUTPUT = 2_000_000  # bytes that are read of what it writes

# Runs inside. Reads {"code", "inputs"} from stdin; writes one line of JSON to the descriptor that stdout was.
_INSIDE = """
import ast, contextlib, io, json, os, resource, sys
seconds, memory = int(sys.argv[1]), int(sys.argv[2])
for kind, most in ((resource.RLIMIT_CPU, seconds), (resource.RLIMIT_AS, memory), (resource.RLIMIT_FSIZE, 20000000),
                   (resource.RLIMIT_CORE, 0), (resource.RLIMIT_NOFILE, 64), (resource.RLIMIT_NPROC, 1)):
    resource.setrlimit(kind, (most, most))
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
class Done:
    """What a program came to; `error` is empty where it ended well."""

    value: Json
    printed: str
    error: str


@cache
def find_bwrap() -> str | None:
    """The bubblewrap that works here, or None: it may be there and still not be allowed to make namespaces, or be
    too old (before 0.8) to have all the walls. None for root."""
    found = shutil.which("bwrap")
    # Root's processes are not counted, so that nothing would stop a fork bomb.
    if found is None or os.geteuid() == 0:
        return None
    try:
        tried = subprocess.run(
            [*_command(found), _python(), "-I", "-S", "-c", ""], capture_output=True, timeout=20
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return found if tried.returncode == 0 else None


def _python() -> str:
    """The interpreter itself, not a virtual environment's link to it: what is installed there stays outside."""
    return os.path.realpath(sys.executable)


def _command(bwrap: str) -> list[str]:
    """bwrap with all its walls. Only the system's libraries and the interpreter are there to be read, and only
    /tmp to be written, up to 100 MB."""
    walls = [
        "--unshare-all",
        "--unshare-user",
        "--disable-userns",
        "--die-with-parent",
        "--new-session",
        "--clearenv",
    ]
    walls += ["--cap-drop", "ALL", "--uid", "65534", "--gid", "65534", "--hostname", "sandbox"]
    walls += ["--proc", "/proc", "--dev", "/dev", "--size", "100000000", "--tmpfs", "/tmp"]
    for place in dict.fromkeys(["/usr", "/lib", "/lib64", "/bin", "/etc/ld.so.cache", sys.base_prefix]):
        if Path(place).is_symlink():
            walls += ["--symlink", os.readlink(place), place]
        else:
            walls += ["--ro-bind-try", place, place]
    return [bwrap, *walls, "--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/tmp", "--"]


async def run_python(code: str, inputs: Mapping[str, Json]) -> Done:
    """Run `code` in the sandbox. Raises Mend where there is none, or the program had to be stopped."""
    bwrap = find_bwrap()
    if bwrap is None:
        raise Mend("there is no sandbox for a whole Python on this machine; use python_run")
    inside = [_python(), "-I", "-S", "-c", _INSIDE, str(math.ceil(SECONDS)), str(MEMORY)]
    given = json.dumps({"code": code, "inputs": inputs}).encode()
    answer = await in_thread(lambda: _run([*_command(bwrap), *inside], given))
    try:
        told = json.loads(answer)
        return Done(told["value"], str(told["printed"]), str(told["error"]))
    except (ValueError, KeyError, TypeError) as error:
        raise Mend("the code ended its own process, or used too much time or memory") from error


def _run(command: list[str], given: bytes) -> bytes:
    """What the program wrote. Files, not pipes: a program that goes on writing can neither block nor be lost."""
    with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as answer:
        source.write(given)
        source.seek(0)
        try:
            # Killing bwrap takes what is inside along: --die-with-parent.
            subprocess.run(
                command, stdin=source, stdout=answer, stderr=subprocess.DEVNULL, timeout=SECONDS, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise Mend(f"the code took longer than {SECONDS:g} s and was stopped") from error
        answer.seek(0)
        told = answer.read(OUTPUT + 1)
    if len(told) > OUTPUT:
        raise Mend("the code returned more than can be taken; return less")
    return told
