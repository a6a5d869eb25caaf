"""Whom the tools of others reach: shown where they are read and pinned, and said there by a person."""

from __future__ import annotations

import html
import re
from typing import Any

import httpx
import pytest

from remit.agents.load import parse_agent
from remit.agents.spec import Connection
from remit.app import App
from remit.connections.kept import Linked, connection_of, resolved, set_connection
from remit.connections.reaching import NOBODY, reaching, told
from remit.errors import UserError
from remit.outfit import outfit
from remit.tools.mcp.definition import Declaration, Definition, Reached, Server
from remit.tools.openapi.operation import Operation
from remit.tools.tool import Reaches
from tests.console.conftest import SignIn
from tests.console.test_connections import add
from tests.console.test_inbox import words
from tests.mcp.conftest import site  # noqa: F401

SERVER = Server(name="crm", version="1.0")
LOOKS = "It looks as if it reached people (customer_id), and nobody has said whom"


def definition(name: str, method: Any = None, **arguments: str) -> Definition:
    properties = {argument: {"type": kind} for argument, kind in arguments.items()}
    operation = Operation(method=method, path="/x", places={}) if method else None
    return Definition(name=name, input={"type": "object", "properties": properties}, operation=operation)


NOTIFY = definition("notify_customer", customer_id="string", text="string", urgent="boolean")
CLOSE = definition("close_account", customer="string")


async def kept(app: App, **declare: Any) -> None:
    pinned = {one.name: one for one in (NOTIFY, CLOSE)}
    crm = Connection(mcp="https://crm.example/mcp", server=SERVER, pinned=pinned, declare=declare)
    await set_connection(app.store, "crm", Linked(connection=crm), "ann")


async def test_tools_that_may_be_used_say_whom_they_reach_and_which_of_them_nobody_has_spoken_of(
    app: App, browser: httpx.AsyncClient
) -> None:
    await kept(app)
    said = words(await browser.get("/connections/crm"))
    assert said.count(LOOKS) == 1
    assert "1 tool looks as if reaching people" in words(await browser.get("/connections"))
    by_sms = {"effect": "egress", "reaches": {"whom": "customer_id", "kind": "customer", "channel": "sms"}}
    await kept(app, notify_customer=by_sms, close_account={"reaches": "nobody"})
    said = words(await browser.get("/connections/crm"))
    assert "reaches whom customer_id names, a number of customer, by sms, for service" in said
    assert "close_account changes something there; reaches nobody" in said
    assert LOOKS not in said
    assert "looks as if" not in words(await browser.get("/connections"))


async def test_who_pins_a_tool_says_whom_it_reaches_and_it_holds_for_every_agent(
    app: App,
    browser: httpx.AsyncClient,
    browser_of: SignIn,
    site: str,  # noqa: F811
) -> None:
    await add(browser, site)
    page = html.unescape((await browser.post("/connections/crm/try")).text)
    shas = dict(re.findall(r'name="tool:(\w+)" value="(\w+)"', page))
    assert re.findall(r'value="(whom:\w+)"', page).count("whom:request_id") == 1
    form = {"tool:close_account": shas["close_account"], "effect:close_account": "destroy"}
    reach = {
        "reach:close_account": "whom:customer",
        "channel:close_account": "letter",
        "kind:close_account": "customer",
    }
    said = {
        f"{part}:close_account": value for part, value in (("purpose", "marketing"), ("kind", "A Customer"))
    }
    refused = await browser.post("/connections/crm/pin", data=form | reach | said)
    assert refused.status_code == 409
    assert "close_account: say which number of theirs" in words(refused)
    kept_as_typed = html.unescape(refused.text)
    for typed in (
        f'name="tool:close_account" value="{shas["close_account"]}" checked',
        '<option value="whom:customer" selected>',
        'name="channel:close_account" value="letter"',
        'name="kind:close_account" value="A Customer"',
        "<option>marketing</option><option>service</option>",
    ):
        assert typed in kept_as_typed
    assert kept_as_typed.count(" checked") == 1
    viewer = await browser_of("vera", "viewer")
    assert (await viewer.post("/connections/crm/pin", data=form | reach)).status_code == 403
    whole = form | reach | {"purpose:close_account": "marketing"}
    assert (await browser.post("/connections/crm/pin", data=whole)).status_code == 303
    agent = parse_agent("name: desk\ntools: ['crm:*']\nconnections: {crm: {use: crm}}\n")
    tools = outfit(await resolved(agent, app.store)).tools
    assert tools["crm_close_account"].reaching == (Reaches("customer", "letter", "marketing", "customer"),)
    page = html.unescape((await browser.post("/connections/crm/try")).text)
    assert '<option value="whom:customer" selected>' in page
    del whole["reach:close_account"]
    await browser.post("/connections/crm/pin", data=whole | {"effect:close_account": "egress"})
    says = (await connection_of(app.store, "crm")).linked.connection.declare["close_account"]
    assert (says.effect, says.reaches and says.reaches != "nobody" and says.reaches.channel) == (
        "egress",
        "letter",
    )


async def test_a_secret_that_cannot_be_kept_is_told_beside_the_connections(
    app: App, browser: httpx.AsyncClient
) -> None:
    await kept(app)
    page = await browser.post("/secrets", data={"name": "no name", "value": "x"})
    assert page.status_code == 422
    assert "notify" not in words(page)
    assert "crm" in words(page)


def test_what_only_gets_is_not_taken_to_reach_anybody_and_what_posts_is() -> None:
    arguments = {"customer_id": "string", "text": "string"}
    gets, posts = (
        reaching("crm", definition("notifications_of_customer", method, **arguments), SERVER, None)
        for method in ("GET", "POST")
    )
    assert (gets.effect, gets.looks) == ("egress", "")
    assert (posts.effect, "(customer_id)" in posts.looks) == ("destroy", True)


def test_arguments_that_hold_no_name_are_not_offered_as_whom_it_reaches() -> None:
    shown = reaching("crm", NOTIFY, SERVER, None)
    assert shown.arguments == ("customer_id", "text")
    assert (shown.choice, shown.words) == ("", "")


def test_more_than_a_form_can_say_stays_as_it_is() -> None:
    both = Reached(whom=("customer_id", "text"), channel="sms", advertises="urgent")
    says = Declaration(effect="egress", reaches=both)
    shown = reaching("crm", NOTIFY, SERVER, says)
    assert (
        shown.words
        == "reaches whom customer_id and text names, by sms, for service, marketing where urgent is true"
    )
    assert told(NOTIFY, {"reach:notify_customer": shown.choice}, says) == both
    assert told(NOTIFY, {}, says) == both
    assert told(NOTIFY, {"reach:notify_customer": NOBODY}, says) == "nobody"
    assert told(NOTIFY, {"reach:notify_customer": ""}, says) is None


def test_whoever_has_an_address_in_a_sink_is_reached_though_nobody_says_so() -> None:
    says = Declaration(effect="egress", sinks={"text": "email"})
    assert reaching("crm", NOTIFY, SERVER, says).words == "reaches whom text names, by email, for service"


def test_a_declaration_that_speaks_of_what_a_tool_has_not_is_told_where_it_is_read() -> None:
    gone = Declaration(effect="egress", reaches=Reached(whom="client"))
    assert (
        "it reaches whom 'client' names, which is no argument" in reaching("crm", NOTIFY, SERVER, gone).looks
    )


@pytest.mark.parametrize(
    ("choice", "fields", "effect", "wrong"),
    [
        ("whom:client", {"channel": "sms", "purpose": "service"}, "egress", "has no argument 'client'"),
        ("whom:customer_id", {"channel": " ", "purpose": "service"}, "egress", "say by which channel"),
        ("whom:customer_id", {"channel": "sms", "purpose": ""}, "egress", "say what for"),
        ("whom:customer_id", {"channel": "sms", "kind": "No 7", "purpose": "service"}, "egress", "which number of theirs"),
        ("whom:customer_id", {"channel": "sms", "purpose": "service"}, "read", "reaches nobody"),
    ],
)  # fmt: skip
def test_what_a_form_says_wrongly_is_told_with_the_tools_name(
    choice: str, fields: dict[str, str], effect: Any, wrong: str
) -> None:
    given = {"reach:notify_customer": choice} | {
        f"{part}:notify_customer": one for part, one in fields.items()
    }
    with pytest.raises(UserError, match=f"notify_customer: .*{wrong}"):
        told(NOTIFY, given, Declaration(effect=effect))
