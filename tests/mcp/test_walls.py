"""A server that is started by a command has what its connection says that it needs, and nothing else of this machine."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from pydantic import ValidationError

from remit.agents.spec import Connection
from remit.errors import UserError
from remit.tools import sandbox
from remit.tools.mcp.needs import Needs, command_of, read_by
from remit.tools.mcp.session import Sessions, Where
from remit.tools.mcp.stdio import environment
from remit.tools.sandbox import find_sandbox, serving

pytestmark = pytest.mark.skipif(find_sandbox() is None, reason="no sandbox works here")
Desk = Callable[..., Path]
# Tries each line that it hears, and says what came of it
TRIES = """
import json, os, socket, subprocess, sys
for line in sys.stdin:
    try:
        print(json.dumps(eval(line)), flush=True)
    except Exception as error:
        print(json.dumps(type(error).__name__), flush=True)
"""


class Server:
    """One behind walls."""

    def __init__(self, place: Path, needs: Needs, **env: str) -> None:
        script = place.parent / "tries.py"
        script.write_text(TRIES)
        told = environment(env)
        command = command_of(f"python {script}", told["PATH"])
        walled, plan = serving(command, told, place, read_by(command, needs), needs.network)
        self.process = subprocess.Popen(
            walled, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={}, cwd="/", start_new_session=True
        )
        assert self.process.stdin is not None
        self.process.stdin.write(plan)

    def tries(self, line: str) -> Any:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []
    place = tmp_path / "own"
    place.mkdir()

    def start(needs: Needs = Needs(), **env: str) -> Server:  # noqa: B008
        servers.append(Server(place, needs, **env))
        return servers[-1]

    yield start
    for one in servers:
        one.process.kill()
        one.process.communicate()


def test_it_writes_and_runs_what_is_in_its_own_folder_and_reads_and_writes_nothing_else(
    started: Callable[..., Server], tmp_path: Path
) -> None:
    (tmp_path / "secret.txt").write_text("of somebody else")
    server = started()
    assert server.tries("os.getcwd() == os.path.realpath(os.environ['HOME'])") is True
    assert server.tries("open('own.txt', 'w').write('mine')") == 4
    assert server.tries("os.symlink('own.txt', 'again.txt') or open('again.txt').read()") == "mine"
    assert server.tries("open('run.sh', 'w').write('#!/bin/sh\\necho ran')") > 0
    assert (
        server.tries("os.chmod('run.sh', 0o700) or subprocess.check_output('./run.sh').decode()") == "ran\n"
    )
    for path in (
        tmp_path / "secret.txt",
        "/etc/passwd",
        "/proc/1/environ",
        Path.home() / ".bashrc",
        __file__,
    ):
        assert server.tries(f"open({str(path)!r}).read()") in ("PermissionError", "FileNotFoundError"), path
    assert server.tries(f"open({str(tmp_path / 'new.txt')!r}, 'w').write('x')") == "PermissionError"
    assert server.tries("os.symlink('/etc/passwd', 'way') or open('way').read()") == "PermissionError"
    assert server.tries("os.kill(1, 0)") in ("PermissionError", "ProcessLookupError")
    assert not (tmp_path / "new.txt").exists()


def test_what_its_connection_says_it_reads_it_reads_and_does_not_change(
    started: Callable[..., Server], tmp_path: Path
) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "prices.csv").write_text("1,2")
    server = started(Needs(read=(str(tmp_path / "shared"),)))
    path = str(tmp_path / "shared" / "prices.csv")
    assert server.tries(f"open({path!r}).read()") == "1,2"
    assert server.tries(f"open({path!r}, 'a').write('3')") == "PermissionError"


@pytest.mark.parametrize("network", [False, True])
def test_the_network_is_off_unless_its_connection_says_otherwise(
    started: Callable[..., Server], network: bool, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        server = started(Needs(network=network))
        came = server.tries(f"socket.create_connection(('127.0.0.1', {port})) and 'connected'")
        assert came == ("connected" if network else "PermissionError")
    with socket.socket(socket.AF_UNIX) as inner:
        inner.bind(str(tmp_path / "own" / "door"))
        inner.listen()
        to_us = "socket.socket(socket.AF_UNIX).connect('door')"
        assert server.tries(to_us) == "PermissionError"


def test_its_environment_is_what_its_connection_names(
    started: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REMIT_SECRET_KEY", "ours")
    monkeypatch.setenv("OPENAI_API_KEY", "ours")
    names = set(started(CRM_KEY="theirs").tries("sorted(os.environ)"))
    assert {"CRM_KEY", "PATH", "HOME"} <= names
    assert names <= {"CRM_KEY", "PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "LC_CTYPE", "TZ"}


def test_nothing_of_its_environment_is_in_the_list_of_processes(started: Callable[..., Server]) -> None:
    server = started(CRM_KEY="a secret")
    assert server.tries("1") == 1
    assert b"a secret" not in Path(f"/proc/{server.process.pid}/cmdline").read_bytes()


def test_it_ends_with_all_that_it_started_when_its_group_is_told_to(started: Callable[..., Server]) -> None:
    server = started()
    assert server.tries("subprocess.Popen(['sleep', '1000']).pid") > 0
    os.killpg(server.process.pid, 9)
    assert server.process.stdout is not None
    assert server.process.stdout.read() == b""  # nobody holds its end any more


async def test_a_server_that_its_walls_break_says_what_it_may_do_and_where_more_is_said(
    tmp_path: Path,
) -> None:
    (tmp_path / "part.py").write_text("")
    script = tmp_path / "server.py"
    script.write_text("import part")
    sessions = Sessions()
    where = Where("crm", f"{sys.executable} {script}")
    with pytest.raises(ConnectionRefusedError) as refused:
        async with sessions.use(uuid4(), where, None) as session:
            await session.tools()
    await sessions.close()
    said = str(refused.value)
    assert "No module named 'part'" in said
    assert (
        "runs behind walls: network off, reads its program alone, writes a folder that is gone afterwards"
        in said
    )
    assert "under `needs`" in said


async def test_without_a_sandbox_no_server_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "find_sandbox", lambda: None)
    sessions = Sessions()
    with pytest.raises(UserError, match="is not started: there is no sandbox on this machine"):
        async with sessions.use(uuid4(), Where("crm", sys.executable), None) as session:
            await session.tools()
    await sessions.close()


def test_needs_are_for_what_is_started_by_a_command() -> None:
    with pytest.raises(ValidationError, match="env and needs for what is started by a command"):
        Connection(mcp="https://crm.example/mcp", needs={"network": True})  # type: ignore[arg-type]
    assert str(
        Connection(mcp="crm", needs={"network": True, "read": ["/srv"], "folder": "/srv/own"}).needs
    ) == (  # type: ignore[arg-type]
        "network on, reads /srv beside its program, writes /srv/own"
    )
