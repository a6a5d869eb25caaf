from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from ipaddress import ip_address
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remit.knowledge.page import text_of_page
from remit.tools import ToolContext, addresses, http
from remit.tools.call import Outcome, call
from remit.tools.http import SIZE, http_get, http_request

Contexts = Callable[..., ToolContext]
Answer = Callable[[str, dict[str, str], bytes, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(answer: Answer, host: str = "127.0.0.1") -> AsyncIterator[int]:
    """A real server that gives each request to `answer(request line, headers, body, writer)`; its port."""

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            line, *rest = head.split("\r\n")
            headers = {
                key.lower(): value for key, _, value in (part.partition(": ") for part in rest if part)
            }
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            await answer(line, headers, body, writer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(one, host, 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


def reply(body: bytes, kind: str = "text/plain", status: str = "200 OK", **headers: str) -> bytes:
    lines = [
        f"HTTP/1.1 {status}",
        f"content-type: {kind}",
        f"content-length: {len(body)}",
        "connection: close",
    ]
    lines += [f"{key.replace('_', '-')}: {value}" for key, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def echo(line: str, headers: dict[str, str], body: bytes, writer: asyncio.StreamWriter) -> None:
    heard = {"line": line, "headers": headers, "body": body.decode()}
    writer.write(reply(json.dumps(heard).encode(), "application/json"))


async def get(context: ToolContext, url: str, **args: Any) -> Outcome:
    return await call(http_get, context, {"url": url, **args})


async def test_a_page_becomes_its_words(make_context: Contexts) -> None:
    page = (
        b"<html><head><title>Tea &amp; more</title><style>p{}</style></head><body><script>alert('<p>no')</script>"
        b"<h1>Prices</h1><p>Green <b>tea</b>: 3 &lt; 4 <a href='/buy?a=1&amp;b=2'>buy</a></p><!-- hidden -->"
        b"<table><tr><td>a</td><td>b</td></tr></table></body></html>"
    )

    async def answer(line: str, headers: dict[str, str], body: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(reply(page, "text/html; charset=utf-8"))

    async with serving(answer) as port:
        outcome = await get(
            make_context(http_allow=(f"127.0.0.1:{port}",)), f"http://127.0.0.1:{port}/x#part"
        )
    assert outcome.status == "ok", outcome.result
    assert outcome.result["url"] == f"http://127.0.0.1:{port}/x"
    text = outcome.result["text"]
    assert text.startswith("Tea & more")
    assert f"Green tea: 3 < 4 buy [http://127.0.0.1:{port}/buy?a=1&b=2]" in text
    assert "a | b" in text
    assert "alert" not in text
    assert "hidden" not in text


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://localhost:5432/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://127.1/",
        "http://0/",
        "http://0.0.0.0/",
        "http://10.0.0.1/",
        "http://192.168.1.1/",
        "http://172.16.0.1/",
        "http://100.64.0.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://[fe80::1]/",
        "http://[fd00:ec2::254]/",
        "http://[64:ff9b::7f00:1]/",
        "http://[2002:7f00:1::]/",
        "http://224.0.0.1/",
        "http://255.255.255.255/",
        "http://0x7f000001/",
        "http://017700000001/",
        "http://127.0.0.1./",
        "http://LOCALHOST/",
        "http://localhost./",
        "http://127。0。0。1/",
        "http://%6c%6fcalhost/",
        "http://[::127.0.0.1]/",
        "http://[::]/",
        "http://[::ffff:169.254.169.254]/",
        "http://[::ffff:0:127.0.0.1]/",
        "http://[0:0:0:0:0:ffff:0a00:0001]/",
        "http://[fe80::1%25lo]/",
        "http://[fec0::1]/",
        "http://[ff02::1]/",
        "http://[2001:0:7f00:1::1]/",
        "http://[2606:4700::5efe:127.0.0.1]/",
        "http://[3fff::1]/",
        "http://168.63.129.16/metadata",
        "http://192.0.0.192/opc/v2/",
        "http://198.18.0.1/",
        "http://192.88.99.1/",
        "http://127.0.0.1#@example.com/",
        "http://127.0.0.1?@example.com/",
    ],
)
async def test_an_address_that_is_not_public_is_refused(context: ToolContext, url: str) -> None:
    outcome = await get(context, url)
    assert outcome.status == "mend"
    assert "not a public address" in outcome.result or "cannot be found" in outcome.result


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com/",
        "file:///etc/passwd",
        "http://",
        "nothing",
        "http://user:pass@example.com/",
        "http://exa mple.com/",
        "http://example.com:99999/",
        "http://" + "a" * 9000,
        "http://[::1",
        "http://a..b/",
        "javascript:alert(1)",
        "http://0177.0.0.1/",
        "http://１２７.0.0.1/",
        "http://①②⑦.⓪.⓪.①/",
        "http://127.0.0.1:80\\@example.com/",
        "http://example.com@127.0.0.1/",
        "http://a.example/\r\nX-Evil: 1",
        "http://a.example\r\nX-Evil: 1/",
        "http://a.example/\tx",
        "http://a.example:80:81/",
        "http://a.example:0x50/",
        "gopher://127.0.0.1:25/_HELO",
        "unix:///var/run/docker.sock",
        "http+unix://%2Fvar%2Frun%2Fdocker.sock/",
    ],
)
async def test_what_is_no_web_address_is_answered(context: ToolContext, url: str) -> None:
    outcome = await get(context, url)
    assert outcome.status == "mend", outcome
    assert "Traceback" not in outcome.result


async def test_only_listed_hosts_are_reached_where_there_is_a_list(make_context: Contexts) -> None:
    async with serving(echo) as port:
        url = f"http://127.0.0.1:{port}/"
        for allowed in (
            (f"127.0.0.1:{port}",),
            ("127.0.0.1",),
            ("127.0.0.0/8",),
            f"a.example, 127.0.0.1:{port}",
        ):
            assert (await get(make_context(http_allow=allowed), url)).status == "ok"
        for refused in (("127.0.0.1:1",), ("api.example",), ("10.0.0.0/8",), ("*.example", "*"), ("*",)):
            outcome = await get(make_context(http_allow=refused), url)
            assert outcome.status == "mend", refused


async def test_a_redirect_is_followed_only_to_where_one_may_go(make_context: Contexts) -> None:
    reached: list[str] = []

    async def secret(line: str, headers: dict[str, str], body: bytes, writer: asyncio.StreamWriter) -> None:
        reached.append(line)
        writer.write(reply(b"secret"))

    async with serving(secret, "127.0.0.2") as inner:
        targets = {
            "/private": f"http://127.0.0.2:{inner}/",
            "/meta": "http://169.254.169.254/",
            "/file": "file:///etc/passwd",
            "/broken": "http://[::1",
            "/ok": "/done?x=1",
            "/loop": "/loop",
            "/done?x=1": "",
        }

        async def answer(
            line: str, headers: dict[str, str], body: bytes, writer: asyncio.StreamWriter
        ) -> None:
            target = targets[line.split(" ")[1]]
            found = reply(b"moved", status="302 Found", location=target) if target else reply(b"here")
            writer.write(found)

        async with serving(answer) as port:
            context = make_context(http_allow=("127.0.0.1",))
            for path in ("/private", "/meta", "/file"):
                outcome = await get(context, f"http://127.0.0.1:{port}{path}")
                assert outcome.status == "mend", (path, outcome)
            assert (await get(context, f"http://127.0.0.1:{port}/broken")).status == "failed"
            outcome = await get(context, f"http://127.0.0.1:{port}/ok")
            assert (outcome.result["text"], outcome.result["url"][-9:]) == ("here", "/done?x=1")
            assert "more than 5 redirects" in (await get(context, f"http://127.0.0.1:{port}/loop")).result
            args = {"method": "POST", "url": f"http://127.0.0.1:{port}/ok"}
            assert (await call(http_request, context, args)).result["location"] == "/done?x=1"
    assert reached == []


async def test_headers_for_one_site_do_not_follow_to_another(make_context: Contexts) -> None:
    async with serving(echo) as second:

        async def answer(
            line: str, headers: dict[str, str], body: bytes, writer: asyncio.StreamWriter
        ) -> None:
            writer.write(reply(b"", status="301 Moved", location=f"http://127.0.0.1:{second}/"))

        async with serving(answer) as first:
            context = make_context(http_allow=("127.0.0.1",))
            url = f"http://127.0.0.1:{first}/"
            outcome = await get(context, url, headers={"Authorization": "Bearer t", "Accept": "x/y"})
    heard = json.loads(outcome.result["text"])["headers"]
    assert "authorization" not in heard
    assert heard["accept"] == "x/y"


async def test_the_address_that_was_checked_is_the_one_connected_to(
    make_context: Contexts, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    async def resolve(host: str, port: int) -> list[Any]:
        asked.append(host)
        return [ip_address("127.0.0.1" if len(asked) == 1 else "127.0.0.9")]

    monkeypatch.setattr(addresses, "_resolve", resolve)
    async with serving(echo) as port:
        outcome = await get(make_context(http_allow=("rebind.example",)), f"http://rebind.example:{port}/a")
    heard = json.loads(outcome.result["text"])
    assert heard["headers"]["host"] == f"rebind.example:{port}"
    assert asked == ["rebind.example"]


async def test_one_bad_address_of_a_name_refuses_the_name(
    make_context: Contexts, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def resolve(host: str, port: int) -> list[Any]:
        return [ip_address("93.184.216.34"), ip_address("10.0.0.1")]

    monkeypatch.setattr(addresses, "_resolve", resolve)
    assert (
        "10.0.0.1, which is not a public address"
        in (await get(make_context(), "http://mixed.example/")).result
    )
    wild = make_context(http_allow=("*.example",))
    assert "not a public address" in (await get(wild, "http://mixed.example/")).result


async def test_the_environments_proxy_is_not_used(
    make_context: Contexts, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    async with serving(echo) as port:
        context = make_context(http_allow=("127.0.0.1",))
        assert (await get(context, f"http://127.0.0.1:{port}/")).status == "ok"


async def test_a_body_that_never_ends_is_read_up_to_the_limit(make_context: Contexts) -> None:
    sent = 0

    async def answer(line: str, headers: dict[str, str], body: bytes, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 50000000\r\n\r\n")
        while sent < 50_000_000:
            writer.write(b"x" * 100_000)
            sent += 100_000
            await writer.drain()

    context = make_context(http_allow=("127.0.0.1",))
    async with serving(answer) as port:
        outcome = await get(context, f"http://127.0.0.1:{port}/big")
    assert outcome.status == "ok"
    assert "2,000,000 bytes" in outcome.result["truncated"]
    assert len(outcome.result["text"]) == http.SHOWN
    assert (context.root / outcome.result["file"]).stat().st_size == SIZE
    assert sent < 50_000_000


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
async def test_a_packed_bomb_is_unpacked_no_further_than_the_limit(
    make_context: Contexts, coding: str
) -> None:
    import zlib

    bomb = gzip.compress(b"\0" * 100_000_000) if coding == "gzip" else zlib.compress(b"\0" * 100_000_000)

    async def answer(line: str, headers: dict[str, str], body: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(reply(bomb, "application/octet-stream", content_encoding=coding))

    context = make_context(http_allow=("127.0.0.1",))
    async with serving(answer) as port:
        outcome = await get(context, f"http://127.0.0.1:{port}/bomb.bin")
    assert outcome.result["bytes"] == SIZE
    assert outcome.result["truncated"]
    assert outcome.result["file"].endswith(".bin")


async def test_a_bomb_in_a_bomb_and_codings_that_were_not_asked_for_are_refused(
    make_context: Contexts,
) -> None:
    async def answer(line: str, headers: dict[str, str], body: bytes, writer: asyncio.StreamWriter) -> None:
        assert headers["accept-encoding"] == "gzip, deflate"
        coding = line.split(" ")[1][1:].replace("+", ", ")
        writer.write(reply(gzip.compress(gzip.compress(b"\0" * 10_000_000)), content_encoding=coding))

    context = make_context(http_allow=("127.0.0.1",))
    async with serving(answer) as port:
        for coding in ("br", "zstd", "gzip+gzip", "compress", "x" * 5_000):
            outcome = await get(context, f"http://127.0.0.1:{port}/{coding}")
            assert outcome.status == "failed"
            assert "an encoding that was not asked for" in outcome.result
            assert len(outcome.result) < 500


async def test_headers_without_end_and_hints_without_end_are_not_heard_out(
    make_context: Contexts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "SECONDS", 2.0)

    async def answer(line: str, headers: dict[str, str], body: bytes, writer: asyncio.StreamWriter) -> None:
        hints = line.split(" ")[1] == "/hints"
        writer.write(b"" if hints else b"HTTP/1.1 200 OK\r\n")
        for _ in range(200_000):
            writer.write(
                b"HTTP/1.1 103 Early Hints\r\n\r\n" * 10 if hints else b"x-a: " + b"y" * 1_000 + b"\r\n"
            )
            await writer.drain()

    context = make_context(http_allow=("127.0.0.1",))
    async with serving(answer) as port:
        for path in ("headers", "hints"):
            outcome = await get(context, f"http://127.0.0.1:{port}/{path}")
            assert outcome.status == "failed", outcome


async def test_what_a_server_says_its_body_is_makes_it_no_more_than_text_or_a_file(
    make_context: Contexts,
) -> None:
    async def answer(line: str, headers: dict[str, str], body: bytes, writer: asyncio.StreamWriter) -> None:
        kind = {"/a": "text/html", "/b": "application/json", "/c": "../../x; a/../b", "/d": "text/plain"}
        path = line.split(" ")[1]
        writer.write(reply(b"PK\x03\x04\0<script>steal()</script>", kind[path]))

    context = make_context(http_allow=("127.0.0.1",))
    async with serving(answer) as port:
        for path in ("/a", "/b", "/c", "/d"):
            outcome = await get(context, f"http://127.0.0.1:{port}{path}")
            assert outcome.status == "ok"
            assert "\0" not in str(outcome.result)
        assert "steal" not in (await get(context, f"http://127.0.0.1:{port}/a")).result["text"]
    assert all(
        path.parent == context.root / "downloads" for path in context.root.rglob("*") if path.is_file()
    )


async def test_packed_text_is_unpacked_and_a_lie_about_it_is_told(make_context: Contexts) -> None:
    async def answer(line: str, headers: dict[str, str], body: bytes, writer: asyncio.StreamWriter) -> None:
        path = line.split(" ")[1]
        bodies = {
            "/ok": reply(gzip.compress("Käse".encode()), content_encoding="gzip"),
            "/lie": reply(b"not packed", content_encoding="gzip"),
            "/odd": reply(b"??", content_encoding="br"),
            "/charset": reply("Käse".encode("latin-1"), "text/plain; charset=ISO-8859-1"),
            "/nonsense": reply("Käse".encode(), "text/plain; charset=zlib"),
        }
        writer.write(bodies[path])

    context = make_context(http_allow=("127.0.0.1",))
    async with serving(answer) as port:
        at = f"http://127.0.0.1:{port}"
        assert (await get(context, f"{at}/ok")).result["text"] == "Käse"
        assert (await get(context, f"{at}/charset")).result["text"] == "Käse"
        assert (await get(context, f"{at}/nonsense")).result["text"] == "Käse"
        for path in ("/lie", "/odd"):
            outcome = await get(context, f"{at}{path}")
            assert outcome.status == "failed"
            assert outcome.result.startswith("ConnectionError: the body")


async def test_a_server_that_does_not_go_on_fails_in_time(
    make_context: Contexts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "SECONDS", 0.2)
    gone = asyncio.Event()

    async def answer(line: str, headers: dict[str, str], body: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nstart")
        await writer.drain()
        await gone.wait()

    async with serving(answer) as port:
        outcome = await get(
            make_context(http_allow=("127.0.0.1",)), f"http://127.0.0.1:{port}/slow?key=geheim"
        )
        gone.set()
    assert outcome.status == "failed"
    assert "geheim" not in outcome.result
    assert f"http://127.0.0.1:{port}/slow" in outcome.result


async def test_a_refused_connection_and_a_broken_answer_are_told(make_context: Contexts) -> None:
    async def answer(line: str, headers: dict[str, str], body: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SMTP ready\r\n\r\n")

    context = make_context(http_allow=("127.0.0.1",))
    async with serving(answer) as port:
        outcome = await get(context, f"http://127.0.0.1:{port}/")
        assert outcome.result.startswith("ConnectionError")
    assert (await get(context, f"http://127.0.0.1:{port}/")).result.startswith("ConnectionError")


async def test_a_request_sends_its_body_and_an_idempotency_key(make_context: Contexts) -> None:
    context = make_context(http_allow=("127.0.0.1",))
    async with serving(echo) as port:
        url = f"http://127.0.0.1:{port}/orders"
        args = {"method": "POST", "url": url, "body": {"a": "ü"}, "headers": {"X-Shop": "1"}}
        heard = json.loads((await call(http_request, context, args)).result["text"])
        assert heard["line"] == "POST /orders HTTP/1.1"
        assert json.loads(heard["body"]) == {"a": "ü"}
        assert heard["headers"]["content-type"] == "application/json"
        assert heard["headers"]["idempotency-key"] == context.key
        assert heard["headers"]["x-shop"] == "1"
        plain = await call(http_request, context, {"method": "PUT", "url": url, "body": "words"})
        assert json.loads(plain.result["text"])["body"] == "words"


@pytest.mark.parametrize(
    "headers", [{"Host": "x"}, {"Content-Length": "3"}, {"A": "b\r\nC: d"}, {"": "x"}, {"Ä": "x"}]
)
async def test_headers_that_are_the_tools_own_or_broken_are_refused(
    context: ToolContext, headers: dict[str, str]
) -> None:
    outcome = await get(context, "http://93.184.216.34/", headers=headers)
    assert outcome.status == "mend"
    assert outcome.result.startswith("headers:")


@settings(deadline=None)
@given(st.ip_addresses())
def test_no_address_inside_a_private_network_counts_as_public(address: Any) -> None:
    if address.is_private or address.is_loopback or address.is_link_local or address.is_multicast:
        assert not addresses.public(address)
    if address.version == 4 and not addresses.public(address):
        assert not addresses.public(ip_address(f"::ffff:{address}"))
        assert not addresses.public(ip_address(f"64:ff9b::{address}"))


@settings(deadline=None)
@given(
    st.lists(
        st.sampled_from(
            ["<", ">", "<a href='", "'", "<script>", "</SCRIPT>", "<!--", "-->", "&amp;", "x", " "]
        )
    )
)
def test_any_tag_soup_becomes_text(parts: list[str]) -> None:
    assert "<script>" not in text_of_page("".join(parts), "http://a.example/")


@pytest.mark.parametrize(
    "piece",
    [
        "<",
        "<a ",
        "<!--",
        "<script>",
        "<script></script>",
        '<a href="',
        "&",
        "<td>",
        "</",
        "<title",
        "\n",
        "<p>",
    ],
)
def test_a_page_made_to_be_slow_is_read_like_any_other(piece: str) -> None:
    # Work that grows with the square of this would not end in the time that anybody waits for a test.
    assert len(text_of_page(piece * (SIZE // 4 // len(piece)), "http://a.example/")) <= SIZE
