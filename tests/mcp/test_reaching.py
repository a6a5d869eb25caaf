"""Tools of others that reach people by a number: whoever declares so has the rules of contact hold, and who does not is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from remit.agents.load import load_agent
from remit.app import App
from remit.decisions.contacts import contacts_of
from remit.decisions.ruled import suppress
from remit.errors import SpecError
from remit.graph.identifiers import identifier
from remit.graph.met import met
from remit.outfit import outfit
from remit.settings import Settings
from remit.tools.decorate import tool as decorated
from remit.tools.tool import NOBODY, Reaches, Tool
from remit.tools.unsaid import unsaid
from tests.agents.test_loop import call
from tests.cli.typed import remit
from tests.mcp.conftest import DECLARE
from tests.mcp.test_runs import acted, pinned, run

Desk = Callable[..., Path]
TELLS = {"effect": "egress", "settle": "key", "key": "request_id"}


def declared(**close_account: Any) -> Any:
    return DECLARE | {"close_account": TELLS | close_account}


async def test_who_is_to_be_left_alone_is_not_reached_by_their_number(
    app: App, settings: Settings, desk: Desk, ledger: Path
) -> None:
    reaches = {"whom": "customer", "kind": "customer", "channel": "letter"}
    file = await pinned(desk(declare=declared(reaches=reaches)), settings)
    whom = identifier("customer", "c7")
    profile = (await met(app.store, [whom]))[whom.key]
    await suppress(app.store, profile, "a lawsuit", "olga")
    calls = call("crm_close_account", customer="c7"), call("crm_close_account", customer="c8")
    refused, sent = await acted(app, await run(app, file, *calls))
    assert (refused.status, sent.status) == ("denied", "ok")
    assert "a lawsuit" in refused.result
    assert [line.split()[:2] for line in ledger.read_text().splitlines()] == [["close", "c8"]]
    kept = await contacts_of(app.store)
    assert [(one.channel, one.state) for one in kept] == [("letter", "sent"), ("letter", "refused")]


@pytest.mark.parametrize(
    ("says", "words"),
    [
        ({"reaches": {"whom": "client"}}, r"it reaches whom 'client' names, which is no argument \(it has: customer"),
        ({"reaches": {"whom": "request_id"}}, "which is no argument"),
        ({"reaches": {"whom": "customer", "advertises": "ad"}}, "which is no argument"),
        ({"reaches": {"whom": "customer"}, "effect": "read"}, "effect read reaches nobody: say `effect: egress`"),
    ],
)  # fmt: skip
async def test_a_declaration_that_reaches_nobody_is_refused_and_says_what_there_is(
    settings: Settings, desk: Desk, says: Any, words: str
) -> None:
    file = await pinned(desk(), settings)
    desk(declare=declared(**says))
    with pytest.raises(SpecError, match=words):
        outfit(load_agent(file))


def tool(name: str, effect: Any, *arguments: str, **more: Any) -> Tool:
    async def called(context: Any, args: Any) -> Any:
        return None

    return Tool(name, name, {"properties": {one: {} for one in arguments}}, called, effect, **more)


def test_what_looks_as_if_it_reached_people_and_says_nothing_is_told() -> None:
    silent = [
        tool("crm_notifyCustomer", "destroy", "customerId", "text"),
        tool("crm_send_sms", "egress", "to", "body"),
        tool("crm_create_campaign", "egress", "title"),
        tool("crm_remind", "destroy", "user_ids"),
        tool("crm_send_mail", "destroy", "email", sinks={"email": "email"}),
    ]
    told = list(unsaid(silent))
    assert [words.partition(" ")[0] for words in told] == [one.name for one in silent]
    assert "(customerId), and says nothing of it" in told[0]
    assert "`reaches: {whom: customerId, channel: …}`" in told[0]


def test_what_says_whom_it_reaches_or_that_it_does_not_is_not() -> None:
    said = [
        tool("send_sms", "egress", "to", reaches=Reaches("to", "sms")),
        tool("send_mail", "egress", "to", sinks={"to": "email"}),
        tool("send_money", "egress", "recipient", reaches=NOBODY),
        tool("send_report", "egress", "channel", "text"),
        tool("find_customer", "read", "customer"),
        tool("close_account", "destroy", "customer"),
        tool("list_sent_messages", "read", "user"),
    ]
    assert list(unsaid(said)) == []


def test_whoever_checks_an_agents_file_is_warned(here: Settings, desk: Desk) -> None:
    file = desk(["crm:*", "tests.mcp.test_reaching:notify_customer"])
    asyncio.run(pinned(file, here))
    done = remit("agents", str(file))
    told = " ".join(done.stderr.split())
    assert done.exit_code == 0
    assert "Warning: agent desk: notify_customer looks as if it reached people (customer)" in told
    assert told.count("Warning") == 1


@decorated(effect="egress", integrity="system")
async def notify_customer(customer: int, text: str) -> str:
    """Tell a customer something."""
    return f"{customer} is told: {text}"
