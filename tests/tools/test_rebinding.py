"""HTTP tools against a name server that lies: real packets, in a network of their own that holds nothing else.

The child of this test makes itself namespaces, in which a public address and port 53 are its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

CHILD = r"""
import asyncio, ctypes, fcntl, json, os, socket, struct, sys, tempfile, threading, uuid
from pathlib import Path

LIBC = ctypes.CDLL(None, use_errno=True)
user, group = os.getuid(), os.getgid()
if LIBC.unshare(0x10000000 | 0x00020000 | 0x40000000) != 0:  # user, mounts, network
    sys.exit(77)
try:
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"0 {user} 1")
    Path("/proc/self/gid_map").write_text(f"0 {group} 1")
except OSError:
    sys.exit(77)

def address(name, ip):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        where = struct.pack("16sH2s4s8s", name, socket.AF_INET, b"", socket.inet_aton(ip), b"")
        fcntl.ioctl(s, 0x8916, where)  # SIOCSIFADDR
        fcntl.ioctl(s, 0x8914, struct.pack("16sH14s", name, 0x1 | 0x40, b""))  # SIOCSIFFLAGS: up, running

address(b"lo", "127.0.0.1")
address(b"lo:1", "93.184.216.34")
with tempfile.NamedTemporaryFile("w", suffix=".conf") as servers, tempfile.NamedTemporaryFile("w") as order:
    servers.write("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
    order.write("hosts: files dns\n")
    servers.flush(), order.flush()
    LIBC.mount(b"none", b"/", None, 0x4000 | 0x40000, None)
    for mine, theirs in ((servers.name, "/etc/resolv.conf"), (order.name, "/etc/nsswitch.conf")):
        if LIBC.mount(mine.encode(), os.path.realpath(theirs).encode(), None, 0x1000, None) != 0:
            sys.exit(77)

    asked = []
    answers = json.loads(sys.argv[1])  # host: what the first question is answered, what the second, …

    def serve_names():
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.bind(("127.0.0.1", 53))
        ready.set()
        while True:
            question, whom = s.recvfrom(512)
            labels, at = [], 12
            while question[at]:
                labels.append(question[at + 1 : at + 1 + question[at]].decode())
                at += 1 + question[at]
            kind = struct.unpack("!H", question[at + 1 : at + 3])[0]
            name = ".".join(labels).lower()
            found = b""
            if kind == 1 and name in answers:
                asked.append(name)
                ips = answers[name][min(asked.count(name), len(answers[name])) - 1]
                for ip in ips:
                    found += b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 0, 4) + socket.inet_aton(ip)  # lives 0 s
            count = len(found) // 16
            code = 0x8180 if name in answers else 0x8183
            s.sendto(question[:2] + struct.pack("!HHHHH", code, 1, count, 0, 0) + question[12 : at + 5] + found, whom)

    ready = threading.Event()
    threading.Thread(target=serve_names, daemon=True).start()
    ready.wait()

    async def main():
        from remit.tools import ToolContext
        from remit.tools.call import call
        from remit.tools.http import http_get

        reached = []

        def site(name, target=""):
            async def one(reader, writer):
                line = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[0]
                reached.append([name, line])
                status = f"302 Found\r\nlocation: {target}" if target else "200 OK"
                writer.write(f"HTTP/1.1 {status}\r\ncontent-type: text/plain\r\nconnection: close\r\n\r\n{name}".encode())
                await writer.drain()
                writer.close()
            return one

        target = sys.argv[3]
        servers = [
            await asyncio.start_server(site("public", target), "93.184.216.34", 80),
            await asyncio.start_server(site("secret"), "127.0.0.1", 80),
        ]
        context = ToolContext(uuid.uuid4(), "c", "k", Path(tempfile.mkdtemp()), {}, {}, {"http_allow": tuple(json.loads(sys.argv[4]))})
        outcome = await call(http_get, context, {"url": sys.argv[2]})
        print(json.dumps({"status": outcome.status, "result": outcome.result, "reached": reached, "asked": asked}))

    asyncio.run(main())
"""
PUBLIC, INSIDE = "93.184.216.34", "127.0.0.1"


def play(
    answers: dict[str, list[list[str]]], url: str, redirect: str = "", allow: tuple[str, ...] = ()
) -> dict[str, Any]:
    """What http_get came to, which sites were reached, which names were asked for."""
    command = [sys.executable, "-c", CHILD, json.dumps(answers), url, redirect, json.dumps(allow)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    if done.returncode == 77:
        pytest.skip("namespaces are not allowed here")
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def test_a_name_is_asked_for_once_and_what_was_checked_is_reached() -> None:
    told = play({"rebind.example": [[PUBLIC], [INSIDE]]}, "http://rebind.example/a")
    assert told["result"]["text"] == "public"
    assert told["asked"] == ["rebind.example"]
    assert told["reached"] == [["public", "GET /a HTTP/1.1"]]


@pytest.mark.parametrize(
    "answers",
    [[[INSIDE]], [[PUBLIC, INSIDE]], [["169.254.169.254"]], [["0.0.0.0"]], [["10.0.0.1"]], [["100.64.0.1"]]],
)
def test_a_name_that_leads_inside_is_refused(answers: list[list[str]]) -> None:
    told = play({"evil.example": answers}, "http://evil.example/")
    assert told["status"] == "mend"
    assert "not a public address" in told["result"]
    assert told["reached"] == []


def test_a_redirect_to_the_same_site_is_checked_again() -> None:
    told = play({"a.example": [[PUBLIC], [INSIDE]]}, "http://a.example/", "http://www.a.example/in")
    assert told["status"] == "mend"
    assert [name for name, _ in told["reached"]] == ["public"]
    told = play(
        {"a.example": [[PUBLIC]], "www.a.example": [[INSIDE]]}, "http://a.example/", "http://www.a.example/in"
    )
    assert "not a public address" in told["result"]
    assert [name for name, _ in told["reached"]] == ["public"]


def test_a_redirect_to_another_site_is_told_and_not_followed() -> None:
    answers = {"a.example": [[PUBLIC]], "b.example": [[PUBLIC]]}
    told = play(answers, "http://a.example/?secret=1", "http://b.example/?secret=1")
    assert told["status"] == "ok"
    assert told["result"]["location"] == "http://b.example/?secret=1"
    assert told["asked"] == ["a.example"]
    told = play(answers, "http://a.example/", "http://b.example/", ("*",))
    assert told["asked"] == ["a.example"]


def test_a_redirect_to_a_site_that_the_owner_named_is_followed() -> None:
    answers = {"a.example": [[PUBLIC]], "b.example": [[PUBLIC]]}
    told = play(answers, "http://a.example/", "http://b.example/", ("*.example",))
    assert told["asked"][:2] == ["a.example", "b.example"]
