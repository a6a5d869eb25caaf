"""How fast a mailbox, a number or a Slack sends, over all agents and workers, and a provider that takes no more for now."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from remit.agents import turns
from remit.agents.spec import Agent
from remit.app import App, open_app
from remit.channels.rates import senders_of
from remit.connections.kept import connection_of, linked_of, set_connection
from remit.connections.pace import paces_of
from remit.errors import UserError
from remit.journal.events import Intended, Person, Slept
from remit.journal.state import State
from remit.rate import parse_rate
from remit.settings import Settings
from remit.testing import ScriptedModel
from remit.tools.linked import seconds_of
from tests.agents.test_loop import call, finish
from tests.channels.conftest import app as mail_app
from tests.channels.conftest import host
from tests.channels.servers import Host
from tests.channels.test_reach import MAY, mail
from tests.channels.test_sms import ANN, LINE, app, result, run, twilio
from tests.channels.test_tools import run as run_mail
from tests.channels.twilio_server import ACCOUNT, OURS, Twilio

__all__ = ["app", "host", "mail_app", "twilio"]
SEND = {"to": ANN, "text": "W1 is on its way"}


async def pace(app: App, twilio: Twilio, rate: str) -> None:
    line = {
        "account": ACCOUNT,
        "token": "secret:TWILIO",
        "number": OURS,
        "api": f"http://127.0.0.1:{twilio.port}",
    }
    await set_connection(app.store, "line", linked_of("line", {"twilio": line, "rate": rate}), "ann")


async def said(app: App, name: str = "line") -> str:
    return "; ".join(
        one.words
        for one in await paces_of(app.root.store, app.store.workspace, await connection_of(app.store, name))
    )


async def on(app: App, state: State) -> State:
    """As if the time that it sleeps for had come."""
    assert state.run is not None
    async with app.store.pool.connection() as connection:
        await connection.execute(
            "update slots set due = due - interval '1 hour' where run = %s", (state.run,)
        )
        await connection.execute(
            "update rates set rests_until = rests_until - interval '1 hour', due = due - interval '1 hour'"
        )
    await app.wake(state.run, "timer", lambda call: True)
    return await app.advance(state.run)


async def test_two_agents_together_keep_to_the_rate_of_their_number_and_who_waits_holds_nothing(
    app: App, twilio: Twilio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "MOMENT", 0.01)
    await pace(app, twilio, "1/m, 100/d")
    assert result(await run(app, call("sms_send", **SEND)))["sent"]
    waits = await run(app, call("sms_send", **SEND))
    assert (waits.status, len(twilio.sent)) == ("waiting", 1)
    assert waits.run not in app.leases.held
    slept = waits.calls["1.1"].slept
    assert slept is not None
    assert slept.limit == f"sender:default/sms {OURS} 1/m"
    assert "no more than 1/m" in slept.why
    assert (await said(app)).startswith(f"sms {OURS}: 1/m, 100/d; 1 wait, the last until")


async def test_a_provider_that_takes_no_more_rests_its_number_for_everybody_and_the_message_goes_afterwards(
    app: App, twilio: Twilio
) -> None:
    twilio.busy = True
    first = await run(app, call("sms_send", **SEND))
    second = await run(app, call("sms_send", **SEND))
    assert (first.status, second.status, twilio.asked) == ("waiting", "waiting", 0)
    why = "Twilio takes no more for now"
    told = [one.calls["1.1"].slept for one in (first, second)]
    assert [why in one.why for one in told if one is not None] == [True, True]
    assert second.calls["1.1"].begun is None, "it was not even tried"
    assert "rests until" in await said(app)
    assert why in await said(app)
    twilio.busy = False
    done = await on(app, first)
    assert (result(done)["sent"], len(twilio.sent)) == (True, 1)
    assert first.run is not None
    bodies = [event.body for event in await app.journal.read(first.run)]
    assert [type(one) for one in bodies if isinstance(one, Intended | Slept)] == [Intended, Slept, Intended]


async def test_what_a_person_has_approved_goes_after_the_rest_without_being_asked_about_again(
    app: App, twilio: Twilio
) -> None:
    spec = {"name": "desk", "reflect": False, "rules": [{"tool": "sms_send", "ask": "true"}], **LINE}
    agent = Agent.model_validate(spec | {"remit": {"autonomy": "act", "destinations": ["127.0.0.1"]}})
    model = ScriptedModel([call("sms_send", **SEND), finish()], by_turn=True)
    state = await app.advance(await app.start(agent, "Tell them", person=Person(id="ann"), model=model))
    assert state.run is not None
    assert state.waits
    twilio.busy = True
    await app.answer(state.run, "approve", "olga")
    state = await app.advance(state.run)
    assert (state.status, state.waits) == ("waiting", {})
    twilio.busy = False
    state = await on(app, state)
    assert (len(twilio.sent), state.calls["1.1"].approved_by) == (1, "olga")


async def test_a_mail_server_that_says_no_for_now_is_asked_again_and_one_that_says_no_is_not(
    mail_app: App, host: Host
) -> None:
    host.refuses = "450 4.7.1 too many messages, slow down"
    state = await run_mail(mail_app, mail(), spec=MAY)
    assert (state.status, host.taken) == ("waiting", [])
    assert "the mail server takes none for now: 450 4.7.1 too many" in await said(mail_app, "desk")
    host.refuses = ""
    await on(mail_app, state)
    assert len(host.taken) == 1
    host.refuses = "554 5.7.1 not from you"
    state = await run_mail(mail_app, mail(), spec=MAY)
    assert (state.status, "refuses it: 554" in result(state)) == ("cannot verify", True)


def test_what_a_connection_does_not_say_is_as_its_provider_has_it() -> None:
    gmail = {"mail": {"address": "Us <US@shop.example>", "smtp": "smtps://smtp.gmail.com"}, "rate": None}
    assert senders_of(gmail) == {"mail": ("mail us@shop.example", ("2000/d",))}
    assert senders_of(gmail | {"rate": ["5/m"]})["mail"][1] == ("5/m",)
    assert senders_of({"twilio": {"number": OURS, "whatsapp": OURS}, "rate": []}) == {
        "sms": (f"sms {OURS}", ("1000/s",)),
        "whatsapp": (f"whatsapp {OURS}", ("1000/s",)),
    }


@pytest.fixture
async def other(settings: Settings) -> AsyncIterator[App]:
    async with open_app(settings) as opened:
        yield opened


async def test_turns_of_several_rates_are_taken_together_and_in_order_also_after_a_rest(
    app: App, other: App
) -> None:
    rates = {"a": parse_rate("20/m"), "b": parse_rate("1/m")}
    runs = [uuid4() for _ in range(4)]

    async def ask(at: App, run: UUID) -> float:
        return (await at.turns.turns(run, "1.1", rates)).seconds

    waits = [await ask((app, other)[n % 2], one) for n, one in enumerate(runs)]
    assert waits[0] == 0
    assert [round(one / 60) for one in waits[1:]] == [1, 2, 3], "by the slower of both"
    assert 59 < await ask(other, runs[1]) <= 60, "the same turn, and not another"
    await app.turns.rest(runs[0], "1.1", rates, 100, "it is full")
    await other.turns.rest(
        runs[3], "1.1", rates, 90, "it is full"
    )  # told twice of the same: it is not added up
    paused = [await other.turns.turns(one, "1.1", rates) for one in runs]
    assert [round(one.seconds / 10) for one in paused] == [10, 16, 22, 28]
    assert {one.why for one in paused} == {"it is full"}


def test_a_rate_that_is_none_or_is_of_what_sends_nothing_is_refused() -> None:
    with pytest.raises(UserError, match="rate"):
        linked_of("desk", {"http": "https://crm.example", "rate": "1/s"})
    with pytest.raises(UserError, match="is no rate"):
        linked_of("desk", {"mail": {"address": "a@b.example", "smtp": "smtps://b.example"}, "rate": "often"})


def test_what_a_provider_says_of_when_is_seconds_or_a_date() -> None:
    at = (datetime.now(UTC) + timedelta(seconds=90)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    assert [seconds_of("7", 60), seconds_of("soon", 60), seconds_of(None, 60)] == [7, 60, 60]
    assert 80 < seconds_of(at, 60) <= 90
