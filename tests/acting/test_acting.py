"""What is done of decisions: a run each, for whom it is, by an agent, a template or people; and what follows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.access.audit import entries
from remit.acting import ended
from remit.acting.begin import look
from remit.acting.mind import decide_on, mind, mind_all
from remit.acting.sending import filled, reached
from remit.agents.spec import Agent
from remit.app import App
from remit.decisions.choose import Decision, Option, actions_of
from remit.decisions.kept import Version, put, standing_of
from remit.decisions.log import Made, decisions_of, write
from remit.decisions.rounds import begin
from remit.decisions.stage import Shown
from remit.errors import ModelError, UserError
from remit.gate.judge import vouch
from remit.gate.known import Known
from remit.gate.proposal import Facts
from remit.graph.consent import Consent, Word
from remit.graph.ingest import take
from remit.graph.people import Person, Profile, find, profile_of, timeline
from remit.journal.state import State
from remit.models.model import Message, Request
from remit.models.steps import Steps
from remit.testing import ScriptedModel
from tests.agents.test_loop import finish
from tests.channels.conftest import app, connect, host
from tests.channels.servers import Host
from tests.decisions.town import playbook, rows
from tests.triggers.conftest import publish

__all__ = ["app", "host"]
Json = Any
TEXT = """
actions:
- name: pricing-mail
  does: send
  channel: email
  what: pricing
  follow_up: {after: 48h, unless: [reply, purchase], then: sales-call}
- {name: sales-call, does: call, channel: phone, what: sales, tell: Ask what kept them., capacity: {count: 30}}
- {name: look-after, does: start, what: desk, tell: Find out what they need.}
templates:
  pricing: {subject: "Our prices, {first_name|dear customer}", text: "Dear {name|customer}, you are from {city|far away}."}
through: {email: desk}
rules: {zone: Europe/Berlin, consent: {marketing: not no}}
holdout: 0
"""


async def nobody(run: UUID) -> None: ...


async def ann(app: App, **more: Json) -> int:
    row = {
        "id": "v1",
        "at": datetime.now(UTC).isoformat(),
        "kind": "visit",
        "channel": "web",
        "email": "ann@a.example",
        "verified": ["email"],
    }
    assert (await take(app.store, [(1, row | {"name": "Ann Ash"} | more)], "shop")).set_aside == ()
    for channel in ("email", "phone"):
        await came(app, "consent_given", properties={"purpose": "marketing", "channel": channel})
    return await profile_of(app.store, "ann@a.example")


async def came(app: App, kind: str, **more: Json) -> None:
    row = {
        "id": f"{kind} {datetime.now(UTC)}",
        "at": datetime.now(UTC).isoformat(),
        "kind": kind,
        "channel": "email",
        "email": "ann@a.example",
    }
    assert (await take(app.store, [(1, row | more)], "shop")).set_aside == ()


async def decided(app: App, one: Version, action: str, person: int, ago: float = 0) -> int:
    """As if the version had chosen it."""
    chosen = next(each for each in actions_of(one.book) if each.name == action)
    at = datetime.now(UTC) - timedelta(hours=ago)
    made = Made(
        one,
        chosen,
        Decision(
            str(person),
            at,
            action,
            0.5,
            (Option(action, 1.0, 0.5), Option("nothing", 0.0, 0.5)),
            (),
            "worth most",
        ),
        [],
    )
    async with app.store.pool.connection() as connection:
        return next(iter((await write(connection, app.store.workspace, [made])).values()))


async def done(app: App, count: int = 1) -> State:
    """The run that is begun, advanced as far as it goes."""
    assert await look(app, nobody) == count
    ((run,),) = await rows(
        app.store, "select run from decision_acts where run is not null order by decision desc limit 1"
    )
    return await app.advance(run)


async def test_a_template_is_sent_by_a_run_that_needs_no_model_and_passes_the_gate(
    app: App, host: Host
) -> None:
    await connect(app, host, unsubscribe="https://shop.example/leave?who={address}")
    number = await decided(app, await playbook(app.store, text=TEXT), "pricing-mail", await ann(app))
    state = await done(app)
    assert state.started is not None
    assert (state.status, state.started.person.email, state.started.person.verified) == (
        "cannot verify",
        "ann@a.example",
        True,
    )
    assert state.started.inputs["decision"]["id"] == number
    judged = state.calls["1.1"].judged
    assert judged is not None
    assert (judged.decision, judged.evidence["to"]) == ("allow", "person")
    ((sent,),) = await rows(app.store, "select body from graph_interactions where direction = 'out'")
    assert sent == "Dear Ann Ash, you are from far away."
    assert await rows(app.store, "select action, purpose, state from contacts") == [
        ("pricing-mail", "marketing", "sent")
    ]
    assert await look(app, nobody) == 0


async def test_somebody_who_said_no_meanwhile_is_not_written_to(app: App, host: Host) -> None:
    await connect(app, host, unsubscribe="https://shop.example/leave?who={address}")
    await decided(app, await playbook(app.store, text=TEXT), "pricing-mail", await ann(app))
    await came(app, "unsubscribed")
    state = await done(app)
    assert state.finished is not None
    assert "consent" in state.finished.report
    assert await rows(app.store, "select count(*) from graph_interactions where direction = 'out'") == [(0,)]


async def test_what_people_are_to_do_is_a_question_to_their_team(app: App) -> None:
    await decided(
        app, await playbook(app.store, text=TEXT), "sales-call", await ann(app, phone="+4930123456")
    )
    state = await done(app)
    (asked,) = state.waits.values()
    assert "For sales: Ask what kept them. Why: worth most." in asked.text
    await app.answer(state.run, "approve", "ann", "They will order next week.")
    assert "They will order next week." in (await app.advance(state.run)).calls["1.1"].acted.result  # type: ignore[union-attr]


async def test_who_takes_somebody_over_reads_who_they_are_and_what_they_answer_is_kept(app: App) -> None:
    person = await ann(app, phone="+4930123456")
    await came(app, "message", text="Your new prices are too high for us.")
    number = await decided(app, await playbook(app.store, text=TEXT), "sales-call", person)
    state = await done(app)
    (asked,) = state.waits.values()
    assert "New: first heard of less than a month ago." in asked.text
    assert "email: wrote: “Your new prices are too high for us.”" in asked.text
    assert await ended.look(app) == 0
    await app.answer(state.run, "approve", "bea", "They will order next week.")
    await app.advance(state.run)
    assert [await ended.look(app), await ended.look(app)] == [1, 0]
    last = (await timeline(app.store, await find(app.store, "ann@a.example"), limit=1))[0]
    assert (last.kind, last.channel, last.direction, last.body) == (
        "call",
        "phone",
        "out",
        "They will order next week.",
    )
    assert last.properties == {"by": "bea", "run": str(state.run), "decision": number}
    assert await rows(app.store, "select by, channel, action, state from contacts") == [
        ("bea", "phone", "sales-call", "sent")
    ]
    assert await rows(app.store, "select state from decision_acts") == [("done",)]


async def test_what_colleagues_do_not_do_is_told_and_is_no_contact(app: App) -> None:
    await decided(app, await playbook(app.store, text=TEXT), "sales-call", await ann(app))
    state = await done(app)
    await app.answer(state.run, "reject", "bea", "They are in hospital.")
    await app.advance(state.run)
    assert await ended.look(app) == 1
    ((how, why),) = await rows(app.store, "select state, why from decision_acts")
    assert (how, "They are in hospital." in why) == ("failed", True)
    assert await rows(app.store, "select count(*) from contacts") == [(0,)]


async def test_an_agent_is_told_for_whom_and_why(app: App) -> None:
    app.models["auto"] = ScriptedModel([finish()], by_turn=True)
    await publish(app, name="desk")
    await decided(app, await playbook(app.store, text=TEXT), "look-after", await ann(app))
    state = await done(app)
    assert state.started is not None
    assert (state.started.agent, state.started.version, state.started.goal) == (
        "desk",
        1,
        "Find out what they need.",
    )
    assert state.started.began is not None
    assert (state.started.began.kind, state.started.began.trigger) == ("decision", "winback")
    assert state.started.inputs["decision"]["why"] == "worth most"


async def test_what_somebody_calls_themselves_is_nobodys_goal_and_vouches_for_no_address(app: App) -> None:
    app.models["auto"] = ScriptedModel([finish()], by_turn=True)
    await publish(app, name="desk")
    text = TEXT.replace(", tell: Find out what they need.", "")
    person = await ann(app)
    await came(app, "visit", name="eve@evil.example")
    await decided(app, await playbook(app.store, text=text), "look-after", person)
    started = (await done(app)).started
    assert started is not None
    assert "eve@evil.example" not in started.goal
    assert "eve@evil.example" not in str(started.inputs)
    assert "eve@evil.example" in started.quoted
    facts = Facts(goal=started.goal, inputs=started.inputs, person=started.person.model_dump(), known=Known())
    assert vouch("eve@evil.example", facts, "email") == "unvouched"
    assert vouch("ann@a.example", facts, "email") == "person"
    assert vouch("Eve@evil.example", facts, "person") == "person"


async def test_what_cannot_be_done_is_told_and_what_stands_no_more_is_left(app: App) -> None:
    one, person = await playbook(app.store, text=TEXT), await ann(app)
    await decided(app, one, "look-after", person)
    await look(app, nobody)
    assert await rows(app.store, "select state, why like 'unknown agent%%' from decision_acts") == [
        ("failed", True)
    ]
    number = await decided(app, one, "sales-call", person)
    await put(app.store, one, "off", "ann", Shown())
    await look(app, nobody)
    ((state, why),) = await rows(
        app.store, "select state, why from decision_acts where decision = %s", number
    )
    assert (state, why) == ("skipped", "version 1 of winback does not act any more")


@pytest.mark.parametrize(
    ("kind", "state", "follows"),
    [
        ("reply", "skipped", []),
        ("visit", "done", ["sales-call"]),
        ("unsubscribed", "done", ["sales-call"]),
    ],
)
async def test_who_does_not_answer_is_followed_up_once(
    app: App, host: Host, kind: str, state: str, follows: list[str]
) -> None:
    person = await ann(app)
    number = await decided(app, await playbook(app.store, text=TEXT), "pricing-mail", person)
    await done(app)
    await came(app, kind)
    assert await look(app, nobody) == 0
    later = datetime.now(UTC) + timedelta(hours=49)
    assert [await look(app, nobody, later), await look(app, nobody, later)] == [1, len(follows)]
    assert await rows(
        app.store, "select state from decision_acts where decision = %s and follows", number
    ) == [(state,)]
    after = [one for one in await decisions_of(app.store, [person]) if one.after == number]
    assert [(one.action, one.chosen, one.propensity) for one in after] == [
        (name, False, 1.0) for name in follows
    ]
    assert await look(app, nobody, later + timedelta(days=9)) == 0


async def test_a_follow_up_that_the_rules_are_against_is_not_made(app: App, host: Host) -> None:
    await decided(app, await playbook(app.store, text=TEXT), "pricing-mail", await ann(app))
    await done(app)
    await came(app, "consent_withdrawn", properties={"channel": "phone"})
    await look(app, nobody, datetime.now(UTC) + timedelta(hours=49))
    ((state, why),) = await rows(app.store, "select state, why from decision_acts where follows")
    assert (state, "said no to marketing by phone" in why) == ("skipped", True)


async def test_a_version_that_breaks_a_guardrail_is_taken_back_by_itself(app: App) -> None:
    one, person = await playbook(app.store, text=TEXT), await ann(app)
    for hours in (8, 6, 4, 2):
        await decided(app, one, "pricing-mail", person, ago=hours)
        await came(app, "complained", at=(datetime.now(UTC) - timedelta(hours=hours - 1)).isoformat())
    await mind(app.store, "winback", datetime.now(UTC))
    assert await standing_of(app.store, "winback") == {}
    (told,) = await entries(app.store, what="playbook.taken_back")
    assert "complaints followed" in told.detail["why"]


async def test_a_playbook_that_cannot_be_read_keeps_no_other_from_being_minded(
    app: App, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("first", "second"):
        one = await playbook(app.store, text=TEXT + "rounds: 1\n", name=name)
        await begin(app.store, one.playbook, "ann", by_workers=True)
    async with app.store.pool.connection() as connection:
        update = """update playbook_versions set spec = spec || '{"newer": true}' where playbook = 'first'"""
        await connection.execute(update)
    await ann(app)
    while await decide_on(app.store):
        pass
    await mind_all(app.store, datetime.now(UTC) + timedelta(days=2))
    begun = await rows(
        app.store,
        "select playbook, count(*), bool_and(by = 'ann') from decision_rounds group by 1 order by 1",
    )
    assert begun == [("first", 1, True), ("second", 2, False)]
    assert "version 1 of the playbook first was saved by another Remit" in caplog.text
    assert "a round of first in default cannot go on, and is ended" in caplog.text


names = st.text(alphabet="abc", min_size=1, max_size=3)


@given(
    known=st.dictionaries(names, st.text(max_size=20)),
    name=names,
    instead=st.text(alphabet="xyz ", max_size=5),
)
def test_a_template_says_what_is_known_or_what_it_says_instead_or_is_not_sent(
    known: dict[str, str], name: str, instead: str
) -> None:
    there = " ".join(known.get(name, "").split())
    assert filled(f"<{{{name}|{instead}}}>", known, "Ann") == f"<{there or instead}>"
    if there:
        assert filled(f"<{{{name}}}>", known, "Ann") == f"<{there}>"
    else:
        with pytest.raises(UserError, match="nothing is known of Ann"):
            filled(f"<{{{name}}}>", known, "Ann")


def test_people_are_reached_at_an_address_that_is_their_own_and_checked_where_there_is_one() -> None:
    def profile(id_: int, **more: Json) -> Profile:
        return Profile(
            **{
                "id": id_,
                "person": 1,
                "kind": "email",
                "value": f"{id_}@a.example",
                "verified": False,
                "shared": "",
                "name": "",
                "about": {},
            }
            | more
        )

    some = (
        profile(1),
        profile(2, verified=True, shared="by name"),
        profile(3, verified=True),
        profile(4, verified=True),
        profile(5, kind="phone"),
    )
    dead = Consent((Word(3, datetime.now(UTC), "no", "email", "", "bounced", "mail", True),))
    found = reached(Person(1, some, ()), dead, "email")
    assert found is not None
    assert found.id == 4
    assert reached(Person(1, some[-1:], ()), dead, "email") is None


async def test_steps_are_made_one_after_the_other_and_stop_at_the_first_that_fails() -> None:
    text = '[{"tool": "a", "args": {"x": 1}}, {"tool": "b", "args": {}}]\nHow you work.'

    async def next_(*said: str) -> tuple[str, Json]:
        messages = [Message("user", "go"), *(Message("tool", one, call_id="x", tool="a") for one in said)]
        (call,) = (await Steps().request(Request(text, messages))).calls
        return call.name, dict(call.args)

    assert [await next_(), await next_("fine")] == [("a", {"x": 1}), ("b", {})]
    assert (await next_("fine", "fine"))[1]["outcome"] == "done"
    assert (await next_("refused: no"))[1] == {"report": "It was not done: refused: no", "outcome": "cannot"}
    with pytest.raises(ModelError, match="one line of JSON"):
        await Steps().request(Request(Agent(name="x", instructions="Be kind.").instructions, []))
