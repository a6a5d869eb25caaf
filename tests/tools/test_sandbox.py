"""What a hostile program tries, on every sandbox that works here. Each attempt really runs."""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import platform
import shutil
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from remit.agents.reading import SHELLS
from remit.errors import Mend
from remit.tools import ToolContext, sandbox, seccomp
from remit.tools.call import Outcome, call
from remit.tools.sandbox import Sandbox, find_bwrap, find_sandbox, run_python, run_shell
from remit.tools.shell import shell_run

LANDLOCK = platform.system() == "Linux" and ctypes.CDLL(None).syscall(444, None, 0, 1) > 0
# Root's programs run as another user in namespaces, who may not come to an interpreter below /root.
WAYS = [
    *([Sandbox("landlock")] if LANDLOCK else []),
    *([Sandbox("bubblewrap", outer)] if os.geteuid() != 0 and (outer := find_bwrap()) else []),
]


@pytest.fixture(params=WAYS, ids=lambda way: way.name)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """Each of the sandboxes that work here, as the one in force."""
    monkeypatch.setattr(sandbox, "find_sandbox", lambda: request.param)
    return request.param


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "run"


async def python(code: str, **inputs: Any) -> Any:
    """The value of the code's last expression; an AssertionError with what went wrong in it."""
    done = await run_python(code, inputs)
    assert not done.error, done.error
    return done.value


async def refused(code: str) -> str:
    """What the code ran into. It must not get through."""
    done = await run_python(code, {})
    assert done.error, f"got through with {done.value!r}: {code}"
    return done.error


def test_a_sandbox_works_wherever_the_kernel_allows_one() -> None:
    if LANDLOCK and platform.machine() in seccomp.ARCHITECTURES:
        assert find_sandbox() is not None
        assert WAYS
    elif find_sandbox() is None:
        pytest.skip("this kernel has no Landlock, and bubblewrap does not work here")


@pytest.mark.parametrize(
    "path",
    [
        "/etc/shadow",
        "/etc/passwd",
        "/proc/1/environ",
        "/proc/self/environ",
        "/dev/mem",
        "/dev/kmsg",
        "/sys/kernel",
    ],
)
async def test_no_file_of_the_host_can_be_read(way: Sandbox, path: str) -> None:
    said = await refused(
        f"import os\nos.listdir({path!r}) if os.path.isdir({path!r}) else open({path!r}, 'rb').read(9)"
    )
    assert "Error" in said


async def test_no_file_of_the_user_can_be_read_or_listed(
    way: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = tmp_path / ".ssh"
    keys.mkdir()
    (keys / "id_ed25519").write_text("hidden")
    for folder in (tmp_path, keys):
        folder.chmod(0o755)
    (keys / "id_ed25519").chmod(0o644)
    home = Path.home() / ".ssh"
    for code in (
        f"open('{keys}/id_ed25519').read()",
        f"import os\nos.listdir('{keys}')",
        f"import os\nos.open('{keys}', os.O_RDONLY)",
        f"import os\nos.link('{keys}/id_ed25519', 'mine')",
        f"import os\nos.rename('{keys}/id_ed25519', 'mine')",
        f"import os\nos.symlink('{keys}', 'mine')\nos.listdir('mine')",
        f"import os\nos.listdir('{home}')",
        f"import os\nos.chdir('{keys}')\nopen('id_ed25519').read()",
        f"open('../../..{keys}/id_ed25519').read()",
        f"import os\nos.execv('{keys}/id_ed25519', ['x'])",
    ):
        assert "hidden" not in await refused(code)
    assert (keys / "id_ed25519").read_text() == "hidden"


async def test_nothing_outside_its_folder_can_be_changed(way: Sandbox, tmp_path: Path, place: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    kept = outside / "kept.txt"
    kept.write_text("as it was")
    for path, mode in (
        (tmp_path, 0o777),
        (outside, 0o777),
        (kept, 0o666),
    ):  # nothing but the walls holds them
        path.chmod(mode)
    before = kept.stat()
    for command in (
        f"echo no > {kept}",
        f"echo no >> {kept}",
        f"rm {kept}",
        f"mv {kept} .",
        f"ln {kept} here",
        "echo x > a && ln a b",
        f"touch {outside}/new",
        f"mkdir {outside}/new",
        f"chmod 600 {kept}",
        f"touch -d 2001-01-01 {kept}",
        f"truncate -s 0 {kept}",
        f"ln -s {kept} link && echo no > link",
        f"mkfifo pipe || mknod device c 1 3 || false; cp {outside}/kept.txt mine",
        "touch /usr/new || touch /tmp/remit-new || touch /dev/shm/remit-new",
        "mount -t tmpfs none /usr",
    ):
        ended = await run_shell(command, place)
        assert ended.status != 0, (command, ended)
    code = f"import os\nos.close(os.open({str(kept)!r}, os.O_RDONLY | os.O_TRUNC))"
    await refused(code)
    after = kept.stat()
    assert kept.read_text() == "as it was"
    assert (after.st_mode, after.st_mtime, after.st_nlink) == (before.st_mode, before.st_mtime, 1)
    assert sorted(path.name for path in outside.iterdir()) == ["kept.txt"]
    assert [path for path in place.iterdir() if not path.is_file()] == []


async def test_a_link_that_leads_out_of_the_folder_leads_nowhere(
    way: Sandbox, tmp_path: Path, place: Path
) -> None:
    place.mkdir()
    secret = tmp_path / "secret"
    secret.write_text("hidden")
    for path, mode in ((tmp_path, 0o755), (secret, 0o644)):
        path.chmod(mode)
    (place / "link").symlink_to(secret)
    (place / "up").symlink_to("..")
    for command in ("cat link", "cat up/secret", "ls up", "echo x > link"):
        ended = await run_shell(command, place)
        assert ended.status != 0
        assert b"hidden" not in ended.out
    assert secret.read_text() == "hidden"


async def test_no_secret_is_in_its_environment(
    way: Sandbox, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REMIT_DATABASE_URL", "postgresql://remit:hidden@localhost/remit")
    monkeypatch.setenv("OPENAI_API_KEY", "hidden")
    assert set(await python("import os\ndict(os.environ)")) <= {
        "PATH",
        "LANG",
        "LC_CTYPE",
        "HOME",
        "TMPDIR",
        "PWD",
    }
    ended = await run_shell("env; cat /proc/*/environ", place)
    assert b"hidden" not in ended.out


async def test_it_is_given_no_open_file_of_ours(way: Sandbox) -> None:
    with closing(socket.socket()) as ours:
        os.set_inheritable(ours.fileno(), True)
        code = "import os\nopen_ = []\nfor n in range(3, 64):\n    try:\n        os.fstat(n)\n        open_.append(n)\n    except OSError: pass\nopen_"
        assert await python(code) == []


async def test_the_network_and_every_socket_are_closed_to_it(way: Sandbox, tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    with (
        closing(socket.create_server(("127.0.0.1", 0))) as loopback,
        closing(socket.socket(socket.AF_UNIX)) as named,
        closing(socket.socket(socket.AF_UNIX)) as abstract,
        closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as letters,
    ):
        named.bind(str(tmp_path / "s"))
        named.listen()
        letters.bind(str(tmp_path / "d"))
        abstract.bind(f"\0remit-{os.getpid()}")
        abstract.listen()
        for path in ("s", "d"):
            (tmp_path / path).chmod(0o777)
        port = loopback.getsockname()[1]
        for code in (
            f"socket.create_connection(('127.0.0.1', {port}), 2)",
            "socket.create_connection(('127.0.0.1', 5432), 2)",
            f"socket.socket(socket.AF_UNIX).connect('{tmp_path}/s')",
            f"socket.socket(socket.AF_UNIX).connect(chr(0) + 'remit-{os.getpid()}')",
            f"socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b'x', '{tmp_path}/d')",
            f"a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)\na.sendto(b'x', '{tmp_path}/d')",
            "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', 53))",
            "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)",
            "socket.socket(socket.AF_INET, socket.SOCK_RAW)",
            "socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)",
            "socket.socket(socket.AF_ALG, socket.SOCK_SEQPACKET)",
            "socket.create_server(('127.0.0.1', 0))",
            "socket.getaddrinfo('localhost', 80, socket.AF_INET)\nsocket.create_connection(('localhost', 80))",
        ):
            await refused(f"import socket\n{code}")
        for heard in (loopback, named, abstract, letters):
            heard.setblocking(False)
            with pytest.raises(BlockingIOError):
                heard.recv(1) if heard is letters else heard.accept()


async def test_it_can_talk_to_itself(way: Sandbox) -> None:
    code = "import asyncio\nasync def f():\n    await asyncio.sleep(0)\n    return 7\nasyncio.run(f())"
    assert await python(code) == 7


@pytest.mark.parametrize(
    "number",
    [
        ("ptrace", 101, 117),
        ("process_vm_readv", 310, 270),
        ("mount", 165, 40),
        ("unshare", 272, 97),
        ("setns", 308, 268),
        ("keyctl", 250, 219),
        ("add_key", 248, 217),
        ("bpf", 321, 280),
        ("io_uring_setup", 425, 425),
        ("userfaultfd", 323, 282),
        ("perf_event_open", 298, 241),
        ("open_by_handle_at", 304, 265),
        ("init_module", 175, 105),
        ("kexec_load", 246, 104),
        ("pidfd_open", 434, 434),
        ("pidfd_getfd", 438, 438),
        ("memfd_create", 319, 279),
        ("clone3", 435, 435),
        ("setuid", 105, 146),
        ("personality", 135, 92),
        ("shmget", 29, 194),
        ("fanotify_init", 300, 262),
        ("inotify_init1", 294, 26),
        ("no such call", 9999, 9999),
    ],
    ids=lambda one: one[0],
)
async def test_a_system_call_that_computing_does_not_need_is_not_there(
    way: Sandbox, number: tuple[str, int, int]
) -> None:
    which = number[1] if platform.machine() == "x86_64" else number[2]
    code = f"import ctypes\nc = ctypes.CDLL(None, use_errno=True)\nr = c.syscall({which}, 0, 0, 0, 0, 0)\n[r, ctypes.get_errno()]"
    result, error = await python(code)
    assert result == -1
    assert error in (1, 38), f"errno {error}: the call was made"


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the second set of numbers is x86_64's")
async def test_the_second_set_of_numbers_ends_the_program(way: Sandbox) -> None:
    with pytest.raises(Mend, match="ended its own process"):
        await run_python("import ctypes\nctypes.CDLL(None).syscall(0x40000000 + 41, 1, 1, 0)", {})


async def test_no_namespace_can_be_made_to_become_root_in(way: Sandbox, place: Path) -> None:
    clone = 56 if platform.machine() == "x86_64" else 220
    code = f"import ctypes\nc = ctypes.CDLL(None, use_errno=True)\nassert c.syscall({clone}, 0x10000011, 0, 0, 0, 0) == -1\nctypes.get_errno()"
    assert await python(code) == 1
    assert (await run_shell("unshare -Ur id", place)).status != 0


async def test_other_processes_are_neither_signalled_nor_read(way: Sandbox, place: Path) -> None:
    victim = await asyncio.create_subprocess_exec(sys.executable, "-c", "import time; time.sleep(60)")
    try:
        for code in (
            f"import os\nos.kill({victim.pid}, 9)",
            # Signal 0 only asks whether one might: a broken wall should fail this test, not end your session.
            f"import os\nos.kill({os.getpid()}, 0)",
            f"import os\nos.killpg({os.getpgrp()}, 0)",
            "import os\nos.kill(os.getppid(), 9)",
            f"open('/proc/{victim.pid}/mem', 'rb')",
            f"open('/proc/{victim.pid}/cmdline').read()",
            f"import resource\nresource.prlimit({victim.pid}, resource.RLIMIT_NOFILE, (0, 0))",
            f"import fcntl\nfcntl.fcntl(0, fcntl.F_SETOWN, {victim.pid})",
            f"import os\nos.sched_setaffinity({victim.pid}, {{0}})",
            f"import os\nos.setpriority(os.PRIO_PROCESS, {victim.pid}, 19)",
        ):
            if way.name == "bubblewrap" and "getppid" in code:
                continue  # the namespace's own first process: the program ends itself with it
            await refused(code)
        await run_shell(f"kill -9 {victim.pid}", place)
        assert victim.returncode is None
        assert Path(f"/proc/{victim.pid}/stat").read_text().rpartition(")")[2].split()[0] in "SR"
    finally:
        victim.kill()
        await victim.wait()


async def test_nothing_is_left_of_it_when_it_ends(way: Sandbox, place: Path) -> None:
    mark = f"{os.getpid()}.{time.monotonic_ns() % 1_000_000}"
    ended = await run_shell(
        f"sleep {mark} & (setsid sleep {mark} &) ; (nohup sleep {mark} >/dev/null 2>&1 &) ; trap '' TERM HUP; "
        f"sh -c 'sleep {mark} & sleep {mark} &' ; echo begun",
        place,
    )
    assert ended.out == b"begun\n"
    assert not _running(mark)


async def test_it_ends_when_nobody_waits_for_it_any_more(way: Sandbox, place: Path) -> None:
    held = _pipe(place)
    task = asyncio.create_task(run_shell(HOLDS, place))
    pipe = await asyncio.to_thread(held.open, "rb", 0)
    assert await asyncio.to_thread(pipe.read, 2) == b"x\n"
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(pipe.read) == b""  # nobody has it open any more
    pipe.close()


async def test_it_ends_when_whoever_called_it_is_killed(way: Sandbox, place: Path) -> None:
    held = _pipe(place)
    source = (
        "import asyncio\nfrom pathlib import Path\nfrom remit.tools import sandbox\n"
        f"sandbox.find_sandbox = lambda: sandbox.Sandbox({way.name!r}, {way.outer!r})\n"
        f"asyncio.run(sandbox.run_shell({HOLDS!r}, Path({str(place)!r})))\n"
    )
    caller = await asyncio.create_subprocess_exec(sys.executable, "-c", source)
    pipe = await asyncio.to_thread(held.open, "rb", 0)
    assert await asyncio.to_thread(pipe.read, 2) == b"x\n"
    caller.kill()
    await caller.wait()
    async with asyncio.timeout(20):
        assert await asyncio.to_thread(pipe.read) == b""
    pipe.close()


HOLDS = "exec 3> held; echo x >&3; trap '' TERM HUP; sleep 28 & (sleep 28 &) ; sleep 28"


def _pipe(place: Path) -> Path:
    """A FIFO in the folder: its end is the end of all that had it open."""
    place.mkdir()
    os.mkfifo(place / "held")
    (place / "held").chmod(0o666)
    return place / "held"


def _running(mark: str) -> list[str]:
    """The processes whose command line holds this."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            words = Path(f"/proc/{name}/cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if words[:1] == [b"sleep"] and mark.encode() in words:
            found.append(name)
    return found


async def test_a_fork_bomb_ends_with_its_time(
    way: Sandbox, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox, "SECONDS", 2.0)
    ended = await run_shell("f() { f | f & f; }; f; sleep 5", place)
    assert ended.stopped or ended.status != 0
    await refused("import os\nos.fork()")
    await refused("import threading\nthreading.Thread(target=print).start()")
    assert (await run_shell("echo well", place)).out == b"well\n"


async def test_no_more_processes_than_the_limit(way: Sandbox, place: Path) -> None:
    ended = await run_shell("i=0; while [ $i -lt 200 ]; do sleep 20 & i=$((i + 1)); done; echo all", place)
    assert b"all" not in ended.out
    assert b"fork" in ended.err


async def test_memory_is_bounded_for_one_process_and_for_all_together(
    way: Sandbox, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "MemoryError" in await refused("x = bytearray(2_000_000_000)")
    monkeypatch.setattr(sandbox, "MEMORY", 300_000_000)
    many = "for i in 1 2 3 4 5 6; do head -c 90000000 /dev/zero | tail -c 90000000 | sleep 25 & done; wait"
    ended = await run_shell(many, place)
    assert "memory" in ended.stopped


async def test_time_is_bounded(way: Sandbox, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "SECONDS", 0.5)
    for command in ("while :; do :; done", "sleep 60", "trap '' TERM INT HUP; while :; do sleep 1; done"):
        assert "took longer" in (await run_shell(command, place)).stopped
    with pytest.raises(Mend, match=r"took longer than 0\.5 s"):
        await run_python("while True: pass", {})


async def test_output_is_bounded(way: Sandbox, place: Path, context: ToolContext) -> None:
    ended = await run_shell("yes", place)
    assert "output" in ended.stopped
    assert len(ended.out) == sandbox.OUTPUT
    ended = await run_shell("yes >&2", place)
    assert len(ended.err) == sandbox.OUTPUT
    with pytest.raises(Mend, match="output"):
        await run_python("import sys\nwhile True: sys.__stdout__.write('x' * 100000)", {})
    outcome = await call(shell_run, context, {"command": "seq 100000"})
    assert len(outcome.result["output"]) == 20_000
    assert "first 20,000" in outcome.result["truncated"]


async def test_room_on_the_disk_is_bounded(
    way: Sandbox, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox.folder, "MAX_FOLDER", 5_000_000)
    monkeypatch.setattr(sandbox.folder, "MAX_FILES", 500)
    large = "i=0; while :; do head -c 1000000 /dev/zero > big.$i; i=$((i + 1)); done"
    assert "filled its folder" in (await run_shell(large, place)).stopped
    shutil.rmtree(place)
    many = "i=0; while :; do : > many.$i; mkdir d.$i; i=$((i + 1)); done"
    assert "filled its folder" in (await run_shell(many, place)).stopped
    monkeypatch.setattr(sandbox.folder, "MAX_FILE", 100_000)
    shutil.rmtree(place)
    ended = await run_shell("head -c 1000000 /dev/zero > big", place)
    assert (place / "big").stat().st_size <= 100_000
    assert ended.status != 0


async def test_a_crash_leaves_no_dump(way: Sandbox, place: Path) -> None:
    ended = await run_shell("ulimit -c unlimited; ulimit -c; kill -SEGV $$", place)
    assert ended.status in (-signal.SIGSEGV, 128 + signal.SIGSEGV)
    assert list(place.iterdir()) == []
    assert b"unlimited" not in ended.out


async def test_a_program_that_runs_as_root_does_not_here(way: Sandbox, place: Path) -> None:
    for program in ("su root -c id", "mount", "passwd -S root", "ping -c 1 127.0.0.1"):
        ended = await run_shell(program, place)
        assert b"uid=0" not in ended.out
        assert ended.status != 0


async def test_what_it_leaves_runs_as_nobody_and_belongs_to_us(way: Sandbox, place: Path) -> None:
    await run_shell("cp /bin/sh mine; chmod 6755 mine; mkdir d; echo x > d/y", place)
    for path in (place / "mine", place / "d" / "y", place / "d", place):
        assert path.stat().st_uid == os.geteuid()
    assert (place / "mine").stat().st_mode & 0o6000 == 0
    assert (await run_shell("cat d/y; echo z > d/y; ./mine -c 'echo ran'", place)).out.startswith(b"x\n")
    assert (place / "d" / "y").read_text() == "z\n"


async def test_devices_are_those_that_do_nothing(way: Sandbox, place: Path) -> None:
    assert (
        await run_shell("echo x > /dev/null && head -c 4 /dev/urandom | wc -c", place)
    ).out.strip() == b"4"
    for device in (
        "/dev/kvm",
        "/dev/fuse",
        "/dev/mem",
        "/dev/vda",
        "/dev/sda",
        "/dev/ptmx",
        "/dev/tty",
        "/dev/log",
    ):
        ended = await run_shell(f"cat < {device} > /dev/null || echo x > {device}", place)
        assert ended.status != 0 or (device == "/dev/ptmx" and way.name == "bubblewrap"), device


async def test_scratch_space_is_gone_afterwards(way: Sandbox) -> None:
    where = await python("import os\nopen('x', 'w').write('y')\nos.getcwd()")
    assert await python("import os\nos.listdir('.')") == []
    assert way.name == "bubblewrap" or not os.path.exists(where)


async def test_without_a_wall_nothing_runs(
    tmp_path: Path, way: Sandbox, monkeypatch: pytest.MonkeyPatch, context: ToolContext
) -> None:
    ends = tmp_path / "ends.py"
    ends.write_text("import sys\nsys.exit(3)\n")
    broken: list[Callable[[], None]] = [
        lambda: monkeypatch.setattr(sandbox.seccomp, "filter_for", lambda *_: b"\0" * 8),
        lambda: monkeypatch.setattr(sandbox, "_script", lambda: ends),
        lambda: monkeypatch.setattr(sandbox, "find_sandbox", lambda: None),
    ]
    for breaks in broken:
        with monkeypatch.context():
            breaks()
            outcome: Outcome = await call(shell_run, context, {"command": "echo ran > ran; echo ran"})
        assert outcome.status == "mend", outcome
        assert "sandbox" in outcome.result
        assert not (context.root / "ran").exists()


def _pretend(abi: int, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on this kernel has an older Landlock."""
    source = sandbox._script().read_text()
    older = source.replace("abi = _LIBC.syscall(_RULESET, None, 0, 1)", f"abi = {abi}")
    assert older != source
    (folder / "walls.py").write_text(older)
    monkeypatch.setattr(sandbox, "_script", lambda: folder / "walls.py")
    monkeypatch.setattr(sandbox, "_landlock", lambda: abi)


async def test_a_kernel_without_landlock_is_no_place_for_code(
    way: Sandbox, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _pretend(0, place.parent, monkeypatch)
    if way.outer:  # namespaces hold by themselves
        assert (await run_shell("echo ran; cat /etc/passwd", place)).out == b"ran\n"
    else:
        with pytest.raises(Mend, match="this kernel has no Landlock"):
            await run_shell("echo ran > ran", place)
        assert not (place / "ran").exists()


@pytest.mark.parametrize("abi", [1, 2, 3, 4, 5, 6])
async def test_an_older_kernel_holds_the_same(
    way: Sandbox, abi: int, tmp_path: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _pretend(abi, tmp_path, monkeypatch)
    kept = tmp_path / "kept"
    kept.write_text("as it was")
    tmp_path.chmod(0o777)
    kept.chmod(0o666)
    ended = await run_shell(
        f"echo x > {kept}; truncate -s 0 {kept}; cat {kept}; kill -0 {os.getpid()} && echo no; echo y > z; cat z",
        place,
    )
    assert ended.out == b"y\n"
    assert kept.read_text() == "as it was"
    await refused(f"import os\nos.open({str(kept)!r}, os.O_RDONLY | os.O_TRUNC)")
    await refused(f"import os\nos.truncate({str(kept)!r}, 0)")
    await refused("import socket\nsocket.socket()")


@pytest.mark.parametrize("machine", sorted(seccomp.ARCHITECTURES))
def test_a_filter_names_every_call_once_and_ends_in_no(machine: str) -> None:
    tables = (seccomp._ALLOWED, seccomp._REFUSED, seccomp._CONDITIONAL, seccomp._UNSUPPORTED)
    listed = [number for table in tables for number in seccomp.numbers(table[machine]).values()]
    assert len(listed) == len(set(listed))
    program = seccomp.filter_for(machine, seccomp.Trust(True, True, True))
    assert len(program) % 8 == 0
    assert len(program) // 8 < 4096
    assert program[-4:] == (0x00050000 | 38).to_bytes(4, sys.byteorder)


def test_the_numbers_of_the_filters_are_the_kernels() -> None:
    headers = {
        "x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
        "aarch64": Path("/usr/include/asm-generic/unistd.h"),
    }
    if not any(header.exists() for header in headers.values()):
        pytest.skip("the kernel's headers are not installed")
    for machine, header in headers.items():
        if not header.exists():
            continue
        known = {}
        for line in header.read_text().splitlines():
            words = line.replace("__NR3264_fstatat", "__NR_newfstatat").replace("__NR3264_", "__NR_").split()
            if (
                len(words) >= 3
                and words[0] == "#define"
                and words[1].startswith("__NR_")
                and words[2].isdigit()
            ):
                known[words[1].removeprefix("__NR_")] = int(words[2])
        for table in (seccomp._ALLOWED, seccomp._REFUSED, seccomp._CONDITIONAL, seccomp._UNSUPPORTED):
            for name, number in seccomp.numbers(table[machine]).items():
                assert known.get(name, number) == number, (machine, name)
        assert len(known) > 200


async def test_the_tool_says_how_a_command_ended(context: ToolContext) -> None:
    if find_sandbox() is None:
        pytest.skip("there is no sandbox here")
    outcome = await call(shell_run, context, {"command": "echo one; echo two >&2; exit 3"})
    assert outcome.result == {"status": 3, "output": "one\n", "errors": "two\n"}
    for wrong in ("  ", "x" * 20_001, "a\0b"):
        assert (await call(shell_run, context, {"command": wrong})).status == "mend"
    assert json.dumps(shell_run.schema)
    assert shell_run.integrity == "untrusted"
    assert shell_run.name in SHELLS  # whose results are as confidential as all files together


async def test_the_doctor_says_which_sandbox_is_in_force_and_what_it_lacks(
    way: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await sandbox.try_sandbox() == (way, "; ".join(way.missing))
    assert "seccomp only" in "; ".join(sandbox._missing(1))
    assert sandbox._missing(7) == ()
    if not way.outer:
        _pretend(0, tmp_path, monkeypatch)
        found, why = await sandbox.try_sandbox()
        assert found is None
        assert "no Landlock" in why
