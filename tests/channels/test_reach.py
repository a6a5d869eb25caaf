"""Nobody is reached past the rules of contact: by whichever tool, whoever approved, and whatever was true a while ago."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest

from remit.app import App
from remit.decisions.action import Cap, Quiet, Rules
from remit.decisions.contacts import Wanted, contacts_of, reserve
from remit.decisions.ruled import set_rules, suppress
from remit.errors import ToolFault
from remit.graph.identifiers import identifier
from remit.graph.ingest import take
from remit.graph.met import met
from remit.graph.people import find, timeline
from remit.journal.events import Intended, Judged, Slept
from remit.journal.state import State
from remit.tools import NOBODY, Reaches, tool
from remit.tools.registry import installed
from remit.why import explain
from tests.agents.test_loop import call
from tests.channels.conftest import connect
from tests.channels.servers import Host, letter
from tests.channels.test_tools import result, run

MAY = {"rules": [{"tool": "mail_send", "allow": "true"}, {"tool": "mail_reply", "allow": "true"}]}
ALWAYS = (Quiet(start=time(0), end=time(23)), Quiet(start=time(22), end=time(1)))
LEAVE = "https://shop.example/leave?who={address}"


def mail(*to: str, **more: Any) -> Any:
    return call("mail_send", to=list(to or ["ann@a.example"]), subject="Hi", text="Hello", **more)


async def says(app: App, kind: str, address: str = "ann@a.example", **more: Any) -> None:
    row = {
        "id": f"{kind} {datetime.now(UTC)}",
        "at": datetime.now(UTC).isoformat(),
        "kind": kind,
        "email": address,
        "channel": "email",
    }
    assert (await take(app.store, [(1, row | more)], "test")).set_aside == ()


async def made(app: App, address: str = "ann@a.example") -> list[tuple[str, str]]:
    person = await find(app.store, address)
    return [(one.purpose, one.state) for one in await contacts_of(app.store, person.ids)]


async def test_what_is_sent_is_a_contact_and_a_part_of_the_persons_history(app: App, host: Host) -> None:
    state = await run(app, mail(), spec=MAY)
    assert result(state)["sent"]
    assert await made(app) == [("service", "sent")]
    (told,) = await timeline(app.store, await find(app.store, "ann@a.example"))
    assert (told.direction, told.kind, told.channel, told.subject, told.body) == (
        "out",
        "message",
        "email",
        "Hi",
        "Hello",
    )
    assert told.conversation == result(state)["id"]
    assert told.properties is not None
    assert told.properties["run"] == str(state.run)


async def test_a_refusal_is_read_by_the_model_and_stands_in_the_journal_with_its_rule(
    app: App, host: Host
) -> None:
    await connect(app, host, unsubscribe=LEAVE)
    state = await run(app, mail(marketing=True), spec=MAY)
    assert "ann@a.example: never said yes to marketing by email (consent)" in result(state)
    judged = state.calls["1.1"].judged
    assert judged is not None
    assert (judged.decision, judged.rule) == ("deny", "contact: consent")
    assert state.calls["1.1"].intended is None
    assert host.sent == []
    assert await made(app) == [("marketing", "refused")]
    assert "contact: consent" in str(explain(await app.journal.read(state.run), "1.1"))


async def test_who_said_yes_gets_marketing_that_says_how_to_leave(app: App, host: Host) -> None:
    await says(app, "consent_given", properties={"purpose": "marketing"})
    state = await run(app, mail(marketing=True), spec=MAY)
    assert "how to unsubscribe" in result(state)
    assert await made(app) == [("marketing", "failed")]
    await connect(app, host, unsubscribe=LEAVE)
    await run(app, mail(marketing=True), spec=MAY)
    assert [one["List-Unsubscribe"] for one in host.sent] == [f"<{LEAVE.format(address='ann%40a.example')}>"]


async def test_one_reader_who_may_not_be_reached_holds_the_whole_mail_back(app: App, host: Host) -> None:
    await says(app, "complained", "bo@b.example")
    state = await run(app, mail("ann@a.example", bcc=["bo@b.example"]), spec=MAY)
    assert "bo@b.example: said no to service by email" in result(state)
    assert host.taken == []


async def test_nobody_is_asked_to_approve_what_no_approval_lifts(app: App, host: Host) -> None:
    ask = {"rules": [{"tool": "mail_send", "ask": "true"}]}
    await connect(app, host, unsubscribe=LEAVE)
    state = await run(app, mail(marketing=True), spec=ask)
    assert not state.waits
    assert "never said yes" in result(state)


async def test_a_yes_counts_for_nothing_once_the_person_has_said_no(app: App, host: Host) -> None:
    state = await run(app, mail(), spec={"rules": [{"tool": "mail_send", "ask": "true"}]})
    (asked,) = state.waits.values()
    await says(app, "complained")
    await app.answer(state.run, "approve", "ann", ask=asked.ask_id)
    after = await app.advance(state.run)
    assert "said no to service by email" in result(after)
    assert host.sent == []


async def test_a_cap_is_that_of_all_agents_together(app: App, host: Host) -> None:
    await set_rules(app.store, Rules(caps=(Cap(name="day", count=2, days=1),)), "", "olga")
    assert result(await run(app, mail(), spec=MAY))["sent"]
    assert result(await run(app, mail(), spec={**MAY, "name": "other"}))["sent"]
    told = result(await run(app, mail(), spec=MAY))
    assert "reached 2 times in 1 days, at most 2 (cap day, until " in told
    assert len(host.sent) == 2


async def test_a_mail_whose_hour_has_not_come_waits_for_it(app: App, host: Host) -> None:
    now = datetime.now(UTC)
    night = Quiet(start=(now - timedelta(hours=1)).time(), end=(now + timedelta(hours=1)).time())
    await set_rules(app.store, Rules(quiet=(night,), zone="UTC"), "", "olga")
    state = await run(app, mail(), spec=MAY)
    slept = next(one.body for one in await app.journal.read(state.run) if isinstance(one.body, Slept))
    assert (slept.limit, slept.call_id) == ("contact", "1.1")
    assert "waits for the hour: ann@a.example: it is" in slept.why
    assert abs(slept.until - now - timedelta(hours=1)) < timedelta(minutes=1)
    await set_rules(app.store, Rules(), "", "olga")
    await app.wake(state.run, "it is day", lambda one: True)
    assert result(await app.advance(state.run))["sent"]
    assert len(host.sent) == 1


async def test_an_answer_to_who_surely_wrote_is_one_and_to_anybody_else_is_none(app: App, host: Host) -> None:
    await set_rules(app.store, Rules(quiet=ALWAYS, zone="UTC"), "", "olga")
    for sure in (True, False):
        await host.put(letter("Where is it?") if sure else letter("Where is it?", auth="dmarc=fail"))
        found = await run(app, call("mail_search", limit=1), spec=MAY)
        reference = result(found)["messages"][0]["message"]
        state = await run(app, call("mail_reply", message=reference, text="Soon."), spec=MAY)
        assert (state.calls["1.1"].acted is not None) is sure
    assert [str(one["Subject"]) for one in host.sent] == ["Re: My order"]
    assert ("reply", "sent") in await made(app)


async def test_the_action_that_a_run_carries_out_decides_what_it_is_for(app: App, host: Host) -> None:
    state = await run(
        app, mail(), spec=MAY, inputs={"decision": {"action": "spring", "purpose": "marketing"}}
    )
    assert "never said yes to marketing" in result(state), "what a model says of its own purpose is no fact"
    person = await find(app.store, "ann@a.example")
    assert [one.action for one in await contacts_of(app.store, person.ids)] == ["spring"]


async def test_who_is_left_alone_and_what_is_undone(app: App, host: Host) -> None:
    who = identifier("email", "ann@a.example")
    ann = (await met(app.store, [who]))[who.key]
    await suppress(app.store, ann, "a lawsuit", "olga")
    assert "a lawsuit (suppressed)" in result(await run(app, mail(), spec=MAY))


def test_a_tool_that_sends_to_an_address_reaches_people_though_it_does_not_say_so() -> None:
    @tool(effect="egress", sinks={"to": "email", "mobile": "phone"})
    async def notify(to: str, mobile: str) -> str:
        """Tell somebody."""
        return to + mobile

    assert [(one.whom, one.channel) for one in notify.reaching] == [(("to",), "email"), (("mobile",), "sms")]

    @tool(effect="egress", sinks={"who": "email"}, reaches=NOBODY)
    async def export(who: str) -> str:
        """Hand what is known of somebody to the auditor."""
        return who

    assert export.reaching == ()
    with pytest.raises(ToolFault, match="which is no argument"):
        tool(effect="egress", reaches=Reaches("mail"))(export.call)


def test_of_our_own_tools_each_that_reaches_people_says_how() -> None:
    sends = {name for name, one in installed().items() if one.reaching}
    assert {"mail_send", "mail_reply"} <= sends
    undeclared = {name for name in sends if installed()[name].reaches is None}
    assert undeclared == set()


async def test_a_place_that_a_dead_process_has_reserved_is_its_successors(app: App, host: Host) -> None:
    await set_rules(app.store, Rules(caps=(Cap(name="day", count=1, days=1),)), "", "olga")
    state: State = await run(app, mail(), spec={"rules": [{"tool": "mail_send", "ask": "true"}]})
    ann = ("email", "ann@a.example")
    mine = Wanted(ann, "email", "service", "desk", run=state.run, call="1.1")
    assert await reserve(app.store, [mine], datetime.now(UTC)) == []
    assert await reserve(app.store, [Wanted(ann, "email", "service", "other")], datetime.now(UTC)) != []
    (asked,) = state.waits.values()
    await app.answer(state.run, "approve", "ann", ask=asked.ask_id)
    after = await app.advance(state.run)
    assert result(after)["sent"]
    kinds = [type(one.body) for one in await app.journal.read(state.run)]
    assert kinds.index(Judged) < kinds.index(Intended)
    assert (await made(app))[-1] == ("service", "sent")
