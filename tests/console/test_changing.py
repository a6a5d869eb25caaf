"""A call is changed in the inbox: a field for each argument, what is wrong at its field, and all that was typed kept."""

from __future__ import annotations

import html
import re

import httpx
import pytest

from remit.app import App
from remit.gate.approval import seal
from remit.journal.events import Amended
from remit.tools.schema import taken, typed, unfit
from tests.agents import world
from tests.agents.test_loop import call
from tests.console.conftest import SignIn
from tests.console.test_inbox import EVIL, SAFE, ask, press, queued, replies, words

LONG = "Dear Ann,\nthe order is on its way.\n" + "It will be there soon. " * 6
SEND = call("send", to="x@y.example", text=LONG)


def field(page: str, name: str) -> str:
    """The markup of one field."""
    return re.search(
        rf'<(?:input|select|textarea) id="[^"]*" name="arg:{name}".*?(?=<p class="was)', page, re.S
    )[0]  # type: ignore[index]


async def test_a_field_for_each_argument_is_of_the_kind_that_its_tool_takes(
    app: App, browser: httpx.AsyncClient
) -> None:
    await ask(app, SEND, call("charge", amount=40), call("cancel", order="W1", reason="not needed"))
    page = (await browser.get("/inbox")).text
    assert field(page, "to").startswith("<input")
    assert 'value="x@y.example"' in field(page, "to")
    assert field(page, "text").startswith("<textarea")
    assert html.unescape(field(page, "text")).count("\n" + LONG) == 1
    assert 'inputmode="decimal"' in field(page, "amount")
    options = re.findall(r"<option( selected)?>([^<]*)", field(page, "reason"))
    assert options == [("", "mistake"), (" selected", "not needed")]


async def test_exactly_what_was_changed_is_approved_and_a_form_sent_as_it_was_changes_nothing(
    app: App, browser: httpx.AsyncClient
) -> None:
    run = await ask(app, SEND)
    as_sent = {"arg:text": LONG.replace("\n", "\r\n")}  # as a browser breaks lines
    done = await press(browser, run, path="/change", **{"arg:to": "bo@y.example", **as_sent, "text": "to bo"})
    assert (done.status_code, "You changed and approved it: to bo" in words(done)) == (200, True)
    assert await queued(app) == [f"run:{run}"]
    (amended,) = [e.body for e in await app.journal.read(run) if isinstance(e.body, Amended)]
    assert (amended.by, amended.args) == ("ann", {"to": "bo@y.example"})
    await app.advance(run)
    assert [what for what, _ in world.done] == ["send bo@y.example"]

    other = await ask(app, SEND)
    done = await press(browser, other, path="/change", **{"arg:to": "x@y.example", **as_sent})
    assert "You approved it" in words(done)
    assert not any(isinstance(e.body, Amended) for e in await app.journal.read(other))


@pytest.mark.parametrize("fragment", [True, False])
async def test_what_does_not_fit_is_said_at_its_field_and_what_was_typed_is_kept(
    app: App, browser: httpx.AsyncClient, fragment: bool
) -> None:
    run = await ask(app, call("charge", amount=40))
    if fragment:
        page = await press(browser, run, path="/change", **{"arg:amount": "forty"})
    else:
        data = {"arg:amount": "forty", "seen": seal((await app.state(run)).waits["a1.1"])}
        page = await browser.post(f"/inbox/{run}/a1.1/change", data=data)
    assert page.status_code == 409
    assert 'value="forty"' in field(page.text, "amount")
    assert 'aria-invalid="true"' in field(page.text, "amount")
    assert "must be a whole number, not forty" in field(page.text, "amount")
    assert "It was 40" in words(page)
    assert '<details class="act" open>' in page.text
    assert (await replies(app, run), await queued(app)) == ([], [])


async def test_a_denied_change_says_what_would_allow_it_and_nothing_was_decided(
    app: App, browser: httpx.AsyncClient
) -> None:
    run = await ask(app, call("charge", amount=40), ask="args.amount <= 100")
    page = await press(browser, run, path="/change", **{"arg:amount": "101"})
    said = words(page)
    assert "Nothing was decided: as changed it is denied, and waits as it was" in said
    assert "To be allowed: " in said
    assert 'value="101"' in field(page.text, "amount")
    assert (await replies(app, run), list((await app.state(run)).waits)) == ([], ["a1.1"])


async def test_what_was_changed_before_is_shown_with_who_did_it_and_what_the_agent_had(
    app: App, browser: httpx.AsyncClient, browser_of: SignIn
) -> None:
    run = await ask(app, SEND, persons=2, goal="write to a customer")
    bo = await browser_of("bo")
    done = await press(bo, run, path="/change", **{"arg:to": "eve@y.example", "arg:text": LONG})
    assert "Your change and your yes to it are recorded; it is not enough alone" in words(done)
    said = words(await browser.get("/inbox"))
    assert "bo wrote it; the agent had x@y.example" in said
    assert "✓ bo said yes" in said
    assert "the word of a person who was asked about the call" in said


async def test_what_strangers_wrote_stays_text_in_the_fields_and_comes_back_as_it_was(
    app: App, browser: httpx.AsyncClient
) -> None:
    run = await ask(app, call("send", to="x@y.example", text=EVIL))
    page = await browser.get("/inbox")
    assert "<script>alert" not in page.text
    assert "\u202e" not in page.text
    assert SAFE in field(page.text, "text")
    back = html.unescape(SAFE)  # as the field has it
    again = await press(browser, run, path="/change", **{"arg:text": back, "arg:to": f'"><b>{EVIL}'})
    assert "<script>alert" not in again.text
    assert "\u202e" not in again.text
    change = [e.body for e in await app.journal.read(run) if isinstance(e.body, Amended)]
    assert all("text" not in one.args for one in change)


async def test_who_only_looks_on_or_is_not_asked_gets_no_form_and_changes_nothing(
    app: App, browser_of: SignIn
) -> None:
    run = await ask(app, call("charge", amount=40), by="carol")
    bo = await browser_of("bo")
    page = await bo.get("/inbox")
    assert "Change…" not in page.text
    data = {"arg:amount": "20", "seen": seal((await app.state(run)).waits["a1.1"])}
    refused = await bo.post(f"/inbox/{run}/a1.1/change", data=data, headers={"HX-Request": "true"})
    assert (refused.status_code, "bo may not decide that" in words(refused)) == (409, True)
    assert not any(isinstance(e.body, Amended) for e in await app.journal.read(run))


SCHEMA = {
    "type": "object",
    "required": ["amount"],
    "properties": {
        "amount": {"type": "integer", "minimum": 1},
        "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "fast": {"type": "boolean"},
        "size": {"enum": ["s", "m", 3]},
        "of": {"$ref": "#/$defs/Of"},
        "to": {"type": "array", "items": {"type": "string"}},
        "share": {"type": ["number", "null"]},
        "any": {},
    },
    "$defs": {"Of": {"type": "string", "enum": ["a", "b"]}},
}


def test_what_is_typed_is_read_by_what_the_argument_takes() -> None:
    kinds = {name: taken(SCHEMA, name).kind for name in SCHEMA["properties"]}  # type: ignore[attr-defined]
    assert kinds == {
        "amount": "integer", "note": "text", "fast": "switch", "size": "choice", "of": "choice",
        "to": "json", "share": "number", "any": "json",
    }  # fmt: skip
    for name, text, value in (
        ("amount", "20", 20), ("amount", "", ""), ("amount", "NaN", "NaN"), ("note", "20", "20"), ("note", "", ""),
        ("fast", "true", True), ("fast", "", None), ("size", "3", 3), ("size", "s", "s"), ("size", "xl", "xl"),
        ("to", '["a"]', ["a"]), ("share", "", None), ("share", "0.5", 0.5), ("any", "x", "x"),
    ):  # fmt: skip
        assert typed(SCHEMA, name, text) == value, (name, text)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("amount", 0, "must be at least 1, not 0"),
        ("amount", "", "must be a whole number, not "),
        ("size", "xl", "must be one of s, m, 3, not xl"),
        ("of", "c", "must be one of a, b, not c"),
        ("to", ["a", 7], "[1] must be text, not 7"),
        ("fast", "yes", "must be true or false, not yes"),
        ("share", "half", "must be a number or nothing, not half"),
    ],
)
def test_what_is_wrong_with_a_value_is_said_in_plain_words(name: str, value: object, said: str) -> None:
    assert unfit(SCHEMA, {name: value}) == {name: said}
    assert unfit(SCHEMA, {"amount": 5, "of": "a", "note": None, "any": {"x": [1]}}) == {}
