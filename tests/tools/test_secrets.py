from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.tools.test_http import echo, reply, serving

from remit.errors import Mend, ToolFault, UserError
from remit.tools import ToolContext, tool
from remit.tools.call import call
from remit.tools.http import http_get, http_request
from remit.tools.secrets import Resources, Secrets, references

CANARY = "ca+na/ry=7Q\"x&'ü"
Contexts = Callable[..., ToolContext]


def secrets(*named: str, **values: str) -> Secrets:
    """Secrets that the spec names as `secret:`, and others."""
    kept = {name: value.encode() for name, value in values.items()}
    return Secrets(
        frozenset([*(f"secret:{name}" for name in values), *named]),
        kept,
        lambda name, sealed: sealed.decode(),
    )


def test_a_reference_is_a_word_and_nothing_else_is() -> None:
    assert references("secret:A") == ["secret:A"]
    assert references("Bearer secret:A.b-c") == ["secret:A.b-c"]
    assert references("env:HOME file:/etc/key") == ["env:HOME", "file:/etc/key"]
    assert references("https://a.example/secret:A") == []
    assert references("mysecret:A secrets:") == []


def test_only_what_the_spec_names_can_be_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTHER_KEY", "another-value")
    mine = secrets(A="value-of-a")
    assert mine.open("secret:A") == "value-of-a"
    for reference in ("env:OTHER_KEY", "secret:B", "file:/etc/passwd"):
        with pytest.raises(UserError, match="not among what this agent's spec names"):
            mine.open(reference)


def test_what_is_missing_is_said_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOT_THERE", raising=False)
    absent = tmp_path / "none"
    mine = secrets("secret:GONE", "env:NOT_THERE", f"file:{absent}")
    with pytest.raises(UserError, match="remit secrets set GONE"):
        mine.open("secret:GONE")
    with pytest.raises(UserError, match="NOT_THERE is not set"):
        mine.open("env:NOT_THERE")
    with pytest.raises(UserError, match="cannot be read"):
        mine.open(f"file:{absent}")


def test_a_file_is_read_without_its_line_end_and_a_short_one_is_refused(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("long-enough\n")
    (tmp_path / "pin").write_text("1234\n")
    mine = secrets(f"file:{tmp_path}/key", f"file:{tmp_path}/pin")
    assert mine.open(f"file:{tmp_path}/key") == "long-enough"
    assert mine.hide("it is long-enough") == "it is [secret key]"
    with pytest.raises(UserError, match="too few to be hidden"):
        mine.open(f"file:{tmp_path}/pin")


@pytest.mark.parametrize(
    "said",
    [
        CANARY,
        base64.b64encode(CANARY.encode()).decode(),
        base64.urlsafe_b64encode(CANARY.encode()).decode().rstrip("="),
        base64.b64encode(b"u:" + CANARY.encode() + b"!").decode(),
        base64.b64encode(b"u" + CANARY.encode()).decode(),
        quote(CANARY, safe=""),
        quote(CANARY),
        json.dumps(CANARY),
        CANARY.encode().hex(),
        repr(CANARY),
    ],
)
def test_a_value_is_hidden_however_it_is_echoed(said: str) -> None:
    mine = secrets(KEY=CANARY)
    core = said[4:-4]
    for value in (said, {"a": [said]}, {said: 1}, f"before {said} after", said.encode()):
        hidden = mine.hide(value)
        shown = hidden.decode() if isinstance(hidden, bytes) else json.dumps(hidden, ensure_ascii=False)
        assert "[secret KEY]" in shown
        assert core not in shown


def test_what_is_no_secret_comes_through_as_it_is() -> None:
    value = {"a": [1, 2.5, None, True, "text"], "b": {"c": "ü"}}
    assert secrets(KEY=CANARY).hide(value) is value


def test_a_number_that_is_a_secret_is_hidden() -> None:
    assert secrets(PIN="82736455").hide({"pin": 82736455, "n": 5}) == {"pin": "[secret PIN]", "n": 5}


def test_of_a_setting_only_an_address_with_a_password_is_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP", "postgresql://me:top-secret@db.example/shop")
    monkeypatch.setenv("SITE", "http://shop.example")
    mine = replace(secrets("env:SHOP", "env:SITE"), perhaps=frozenset({"env:SHOP", "env:SITE"}))
    assert mine.hide("http://shop.example said top-secret") == "http://shop.example said [secret SHOP]"


@given(
    value=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=6, max_size=40),
    before=st.text(max_size=5),
    after=st.text(max_size=5),
)
def test_whatever_the_value_it_is_not_in_what_was_hidden(value: str, before: str, after: str) -> None:
    mine = secrets(K=value)
    hidden = mine.hide([before + value + after, {"k": base64.b64encode(value.encode()).decode()}])
    left = hidden[0].replace("[secret K]", "")
    assert value not in left or value in (before + after)
    assert base64.b64encode(value.encode()).decode() not in json.dumps(hidden)


def test_the_beginning_of_a_value_at_a_cut_is_cut_too() -> None:
    mine = secrets(KEY="abcdefghij")
    assert mine.trim(b"text abcdefghi") == b"text "
    assert mine.trim(b"text abcde") == b"text "
    assert mine.trim(b"text") == b"text"


def test_a_resource_is_opened_by_who_asks_for_it() -> None:
    opened: list[str] = []

    def unseal(name: str, sealed: bytes) -> str:
        opened.append(name)
        return sealed.decode()

    mine = Secrets(frozenset({"secret:DB"}), {"DB": b"sqlite:///x.db"}, unseal)
    given = Resources({"shop": "secret:DB", "http_allow": ("a.example",)}, mine)
    assert len(given) == 2
    assert given["http_allow"] == ("a.example",)
    assert opened == []
    assert given["shop"] == "sqlite:///x.db"
    assert opened == ["DB"]
    assert "sqlite" not in repr(mine)


@tool(effect="read")
async def tell(context: ToolContext, how: str) -> Any:
    """Say the key in some way."""
    assert context.secrets is not None
    value = context.secrets.open("secret:KEY")
    if how == "mend":
        raise Mend(f"use {value}")
    if how == "fail":
        raise RuntimeError(f"401 for {value}")
    if how == "fault":
        raise ToolFault(f"wrong: {value}")
    if how == "long":
        return value * 100_000
    return {"key": value}


async def test_no_outcome_of_a_tool_has_the_value_nor_has_the_log(
    context: ToolContext, caplog: pytest.LogCaptureFixture
) -> None:
    mine = replace(context, secrets=secrets(KEY=CANARY))
    for how, status in (("ok", "ok"), ("mend", "mend"), ("fail", "failed"), ("long", "ok")):
        outcome = await call(tell, mine, {"how": how})
        assert outcome.status == status
        assert "[secret KEY]" in json.dumps(outcome.result)
        assert CANARY[:8] not in json.dumps(outcome.result)
    with pytest.raises(ToolFault, match="secret KEY"):
        await call(tell, mine, {"how": "fault"})
    assert "401 for [secret KEY]" in caplog.text
    assert CANARY not in caplog.text
    kept = [path.read_text() for path in mine.root.rglob("*") if path.is_file()]
    assert kept
    assert not any(CANARY in text for text in kept)


async def test_a_header_goes_to_its_origin_only_and_the_echo_is_hidden(make_context: Contexts) -> None:
    async with serving(echo) as port, serving(echo) as other:
        crm = {"http": f"http://127.0.0.1:{port}", "headers": {"Authorization": "Bearer secret:KEY"}}
        mine = replace(
            make_context(http_allow=("127.0.0.1",)),
            secrets=secrets(KEY="canary-0815"),
            connections={"crm": crm},
        )
        outcome = await call(http_get, mine, {"url": f"http://127.0.0.1:{port}/me"})
        assert '"authorization": "Bearer [secret KEY]"' in outcome.result["text"]
        elsewhere = await call(http_get, mine, {"url": f"http://127.0.0.1:{other}/me"})
        assert "authorization" not in elsewhere.result["text"]


async def test_a_redirect_to_another_site_does_not_take_the_header_along(make_context: Contexts) -> None:
    async with serving(echo) as other:

        async def away(line: str, headers: dict[str, str], body: bytes, writer: Any) -> None:
            writer.write(reply(b"", status="302 Found", location=f"http://127.0.0.1:{other}/"))

        async with serving(away) as port:
            crm = {"http": f"http://127.0.0.1:{port}", "headers": {"x-api-key": "secret:KEY"}}
            mine = replace(
                make_context(http_allow=("127.0.0.1",)),
                secrets=secrets(KEY="canary-0815"),
                connections={"crm": crm},
            )
            outcome = await call(http_get, mine, {"url": f"http://127.0.0.1:{port}/"})
    assert outcome.result["url"] == f"http://127.0.0.1:{other}/"
    assert "x-api-key" not in outcome.result["text"]
    assert "secret" not in outcome.result["text"]


async def test_a_reference_that_the_model_writes_is_a_word_like_any(make_context: Contexts) -> None:
    async with serving(echo) as port:
        mine = replace(make_context(http_allow=("127.0.0.1",)), secrets=secrets(KEY="canary-0815"))
        args = {
            "method": "POST",
            "url": f"http://127.0.0.1:{port}/secret:KEY",
            "headers": {"authorization": "Bearer secret:KEY"},
            "body": "secret:KEY",
        }
        outcome = await call(http_request, mine, args)
    assert json.loads(outcome.result["text"])["headers"]["authorization"] == "Bearer secret:KEY"


async def test_a_body_that_becomes_a_file_is_without_the_value(make_context: Contexts) -> None:
    async def answer(line: str, headers: dict[str, str], body: bytes, writer: Any) -> None:
        writer.write(reply(b"\0\1" + headers["x-key"].encode() + b"\2", "application/octet-stream"))

    async with serving(answer) as port:
        crm = {"http": f"http://127.0.0.1:{port}", "headers": {"x-key": "secret:KEY"}}
        mine = replace(
            make_context(http_allow=("127.0.0.1",)),
            secrets=secrets(KEY="canary-0815"),
            connections={"crm": crm},
        )
        outcome = await call(http_get, mine, {"url": f"http://127.0.0.1:{port}/f.bin"})
    assert (mine.root / outcome.result["file"]).read_bytes() == b"\0\1[secret KEY]\2"
