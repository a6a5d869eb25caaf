"""The library's flows: what they say holds together, they are added once, and the first of them goes from a visit to a mail and a call."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from remit import library
from remit.acting.begin import look
from remit.acting.mind import mind
from remit.app import App
from remit.decisions.kept import list_playbooks, put
from remit.decisions.log import decisions_of
from remit.decisions.stage import DONE, SHADOWED, Shown
from remit.errors import UserError
from remit.flows import Flow, add, flow_of, flows
from remit.graph.behaviours import behaviours_of
from remit.graph.ingest import take
from remit.graph.intents import list_intents
from remit.graph.people import profile_of
from remit.journal.index import list_asks
from remit.store.store import Store
from remit.testing import ScriptedModel
from tests.channels.conftest import app, connect, host
from tests.channels.servers import Host
from tests.decisions.town import rows

__all__ = ["app", "host"]
Json = Any
EVERY = pytest.mark.parametrize("name", flows())
SHOWN = Shown(shadowed=SHADOWED, done=DONE, closed=DONE)
NOON = datetime.now(UTC).replace(hour=12, minute=0)


@EVERY
def test_what_a_flow_asks_of_people_is_what_it_infers_and_what_it_does_can_be_done(name: str) -> None:
    flow = flow_of(name)
    book = flow.book
    inferred = {one.intent for one in flow.told.behaviours} | set(flow.told.intents)
    assert {one.partition("=")[2] for one in book.whom if one.startswith("intent=")} <= inferred
    assert book.whom
    assert book.at_once or book.rounds
    assert any(one.does == "nothing" for one in book.actions)
    assert 0 < book.holdout < 0.2
    for one in book.actions:
        if one.does in ("send", "offer"):
            assert one.what in book.templates
        if one.does == "start":
            assert one.what in library.agents()
    assert all(pattern.outcome is not None for pattern in flow.told.behaviours)


@EVERY
async def test_a_flow_is_added_once_and_does_nothing_until_somebody_says_so(name: str, store: Store) -> None:
    flow = flow_of(name)
    made = await add(store, flow, "ann")
    assert (made.playbook.stage, made.playbook.version) == ("shadow", 1)
    assert made.behaviours == len(flow.told.behaviours)
    assert made.examples == sum(map(len, flow.told.intents.values()))
    again = await add(store, flow, "bob")
    assert (again.examples, again.behaviours, again.playbook.version) == (0, 0, 1)
    assert {one.pattern.intent for one in await behaviours_of(store)} == {
        one.intent for one in flow.told.behaviours
    }
    assert {one.name for one in await list_intents(store)} == set(flow.told.intents)
    assert list(await list_playbooks(store)) == [name]


def test_a_flow_sends_by_the_connection_that_is_named() -> None:
    flow = flow_of("coming-back").by({"email": "shop"})
    assert flow.book.through == {"email": "shop"}
    assert flow.text.count("desk") == 0
    with pytest.raises(UserError, match="sends nothing by 'sms'"):
        flow.by({"sms": "twilio"})


async def nobody(run: UUID) -> None: ...


def event(who: str, days: float, kind: str = "page_view", **more: Json) -> dict[str, Json]:
    at = (NOON - timedelta(days=days)).isoformat()
    where = {"at": at, "kind": kind, "channel": "web", "email": f"{who}@a.example", "verified": ["email"]}
    return {"id": f"{who} {days} {kind} {json.dumps(more)}"} | where | more


def prices(who: str, days: float) -> dict[str, Json]:
    return event(who, days, properties={"url": "https://shop.example/pricing"})


async def heard(app: App, *events: dict[str, Json]) -> None:
    assert (await take(app.store, list(enumerate(events, 1)), "web")).set_aside == ()


def back(who: str) -> list[dict[str, Json]]:
    """Silent for more than half a year, then the prices three times, and a question."""
    asks = event(who, 1, "message", channel="email", direction="in", text="How do we begin?")
    yes = [
        event(who, 300, "consent_given", properties={"purpose": "marketing", "channel": one})
        for one in ("email", "phone")
    ]
    return [*yes, event(who, 290), prices(who, 3), prices(who, 2), prices(who, 1.5), asks]


async def acting(app: App, flow: Flow) -> None:
    made = await add(app.store, flow, "ann")
    ramp = await put(app.store, made.playbook, "ramp", "ann", SHOWN, 0.5)
    await put(app.store, ramp, "live", "ann", SHOWN)


async def test_who_comes_back_after_half_a_year_is_written_to_or_called_and_followed_up(
    app: App, host: Host
) -> None:
    await connect(app, host, unsubscribe="https://shop.example/leave?who={address}")
    app.models["auto"] = ScriptedModel([], by_turn=True)  # which nobody asks: what it would write waits here
    await acting(app, flow_of("coming-back"))
    returning = [f"r{number}" for number in range(24)]
    for who in returning:
        await heard(app, *back(who))
    await heard(app, *(prices("busy", days) for days in (40, 20, 3, 2, 1)), event("busy", 1, "message"))
    await heard(app, event("idle", 290), prices("idle", 1))
    await mind(app.store, "coming-back", NOON)
    people = {await profile_of(app.store, f"{who}@a.example"): who for who in (*returning, "busy", "idle")}
    decided = await decisions_of(app.store, list(people), limit=100)
    assert sorted(people[one.person] for one in decided) == sorted(returning)  # each once, and nobody else
    await mind(app.store, "coming-back", NOON)
    assert len(await decisions_of(app.store, list(people), limit=100)) == len(returning)
    chosen = Counter(one.action for one in decided if not one.holdout)
    assert chosen["helping-mail"]
    assert chosen["sales-call"]
    assert all(one.action == "nothing" for one in decided if one.holdout)

    while await look(app, nobody):
        pass
    begun = "select a.run, d.action from decision_acts a join decisions d on d.id = a.decision where a.state = 'begun'"
    runs = dict(await rows(app.store, begun))
    assert Counter(runs.values()) == +Counter({name: chosen[name] for name in chosen if name != "nothing"})
    for run, action in runs.items():
        if action != "personal-mail":
            await app.advance(run)
    assert len(host.taken) == chosen["helping-mail"]
    assert len(await list_asks(app.store, 100)) == chosen["sales-call"]

    later = datetime.now(UTC) + timedelta(hours=49)
    while await look(app, nobody, later):
        pass
    after = [one for one in await decisions_of(app.store, list(people), limit=100) if one.after is not None]
    assert {one.action for one in after} == {"sales-call"}
    assert len(after) >= chosen["helping-mail"]
