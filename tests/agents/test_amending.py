"""A person changes a call and says yes to it: on a real database, judged anew, told to the model, cut, replayed and forked."""

from __future__ import annotations

import random
from contextlib import suppress
from typing import Any
from uuid import UUID

import pytest

from remit.amending import answer_changed
from remit.app import App, open_app
from remit.errors import NotAsChanged, NotWaiting, UserError
from remit.gate.approval import seal
from remit.gate.proposal import Proposal
from remit.journal.effects import ledger
from remit.journal.events import Amended, Asked, Endorsed, Intended, Judged, Replied
from remit.journal.index import list_asks
from remit.journal.refs import given
from remit.journal.reviewers import list_reviewers
from remit.journal.state import fold
from remit.outfit import agent_of, outfit
from remit.past import explained, past_calls
from remit.replay import replay
from remit.settings import Settings
from remit.testing import ScriptedModel
from remit.why import explain
from tests.agents import world
from tests.agents.test_handover import limited
from tests.agents.test_loop import ANN, agent, call, finish

SEND = call("send", to="x@y.example", text="hi")
ASK = {"tool": "send", "ask": "true", "because": "somebody looks at mail"}


async def ask(
    app: App, *script: Any, rules: list[Any] | None = None, **spec: Any
) -> tuple[UUID, ScriptedModel]:
    model = ScriptedModel([*(script or (SEND,)), finish(), finish()], by_turn=True)
    made = agent(rules=[ASK] if rules is None else rules, **spec)
    run = await app.start(made, "write to them", person=ANN, model=model)
    assert (await app.advance(run)).waits
    return run, model


def sent() -> list[str]:
    return [what for what, _ in world.done]


async def test_exactly_the_changed_call_happens_once_and_the_model_is_told_what_was_changed(app: App) -> None:
    run, model = await ask(app)
    said = await answer_changed(app, run, "olga", {"to": "bo@shop.example", "text": "hi"}, "not to him")
    assert isinstance(said, Replied)
    state = await app.advance(run)
    assert sent() == ["send bo@shop.example"]
    one = state.calls["1.1"]
    assert one.call.args == {"to": "bo@shop.example", "text": "hi"}
    assert one.proposed is not None
    assert one.proposed.args == {"to": "x@y.example", "text": "hi"}
    assert (one.changed, one.approved_by) == ({"to": "olga"}, "olga")
    assert model.last is not None
    told = next(message.text for message in model.last.messages if message.role == "tool")
    assert 'olga changed your call before approving it. to: "x@y.example" → "bo@shop.example"\n' in told
    assert told.endswith("sent")
    kinds = [e.body.type for e in await app.journal.read(run)]
    assert kinds[kinds.index("amended") :][:4] == ["amended", "judged", "asked", "replied"]
    again = await app.advance(run)
    assert again.seq == state.seq


async def test_its_effect_is_the_changed_one_wherever_it_is_shown(app: App) -> None:
    run, _ = await ask(app)
    await answer_changed(app, run, "olga", {"to": "bo@shop.example"})
    await app.advance(run)
    events = await app.journal.read(run)
    (effect,) = ledger(events)
    assert (effect.args, effect.approved_by, effect.key) == (
        {"to": "bo@shop.example", "text": "hi"},
        "olga",
        f"{run}:1.1",
    )
    led = explain(events, "1.1")
    assert led["args"] == effect.args
    value = led["values"]["to"]  # type: ignore[index]
    amended = next(event.seq for event in events if isinstance(event.body, Amended))
    assert value["from"][0] == f"olga, who changed it (event {amended})"
    assert (value["changed by"], value["was"], value["evidence"]) == ("olga", "x@y.example", "endorsed")
    assert "changed by" not in led["values"]["text"]  # type: ignore[index]


async def test_a_yes_with_nothing_changed_is_a_yes_to_the_call_as_it_stands(app: App) -> None:
    run, _ = await ask(app)
    await answer_changed(app, run, "olga", {"to": "x@y.example", "text": "hi"})
    await app.advance(run)
    assert sent() == ["send x@y.example"]
    assert not any(isinstance(event.body, Amended) for event in await app.journal.read(run))


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"amount": "many"}, {"amount": "must be a whole number, not many"}),
        ({"amount": None}, {"amount": "must be a whole number, not null"}),
        ({"sum": 5}, {"sum": "charge has no such argument; it takes amount"}),
        ({"amount": {"$ref": "1.1"}}, {"amount": "write the value itself: only the agent refers to results"}),
        (
            {"amount": True, "to": 1},
            {"amount": "must be a whole number, not true", "to": "charge has no such"},
        ),
    ],
)
async def test_a_value_that_the_tool_does_not_take_is_refused_at_its_field(
    app: App, changes: dict[str, Any], wrong: dict[str, str]
) -> None:
    run, _ = await ask(app, call("charge", amount=40), rules=[{"tool": "charge", "ask": "true"}])
    before = await app.state(run)
    with pytest.raises(NotAsChanged) as refused:
        await answer_changed(app, run, "olga", changes)
    assert refused.value.fields.keys() == wrong.keys()
    for name, words in wrong.items():
        assert refused.value.fields[name].startswith(words)
    assert (await app.state(run)).seq == before.seq


async def test_a_denied_change_is_said_with_what_would_make_it_allowed_and_nothing_is_recorded(
    app: App,
) -> None:
    rules = [
        {"tool": "charge", "deny": "args.amount > 100", "because": "never above 100"},
        {"tool": "charge", "ask": "true"},
    ]
    run, _ = await ask(app, call("charge", amount=40), rules=rules)
    before = await app.state(run)
    with pytest.raises(
        UserError,
        match=r"as changed it is denied.*never above 100.*rule 1 must not hold; now args.amount is 101",
    ):
        await answer_changed(app, run, "olga", {"amount": 101})
    after = await app.state(run)
    assert (after.seq, list(after.waits)) == (before.seq, ["a1.1"])
    await answer_changed(app, run, "olga", {"amount": 100})
    await app.advance(run)
    assert sent() == ["charge"]


async def test_the_record_of_what_the_changed_call_is_about_is_read_anew(app: App) -> None:
    rules = [
        {"tool": "cancel", "deny": "order.owner != person.id", "because": "only the person's own orders"},
        {"tool": "cancel", "ask": "true"},
    ]
    run, _ = await ask(app, call("cancel", order="W1"), rules=rules)
    with pytest.raises(UserError, match="only the person's own orders"):
        await answer_changed(app, run, "olga", {"order": "W2"})
    with pytest.raises(UserError, match="there is no order 'W9'"):
        await answer_changed(app, run, "olga", {"order": "W9"})
    await answer_changed(app, run, "olga", {"reason": "not needed"})
    state = await app.advance(run)
    assert state.calls["1.1"].call.args == {"order": "W1", "reason": "not needed"}


async def test_an_argument_may_be_left_out_again_where_the_tool_needs_none(app: App) -> None:
    rules = [{"tool": "cancel", "ask": "true"}]
    run, _ = await ask(app, call("cancel", order="W1", reason="not needed"), rules=rules)
    await answer_changed(app, run, "olga", {"reason": None})
    state = await app.advance(run)
    assert state.calls["1.1"].call.args == {"order": "W1"}
    assert sent() == ["cancel W1"]


async def test_the_yes_of_the_first_is_not_for_what_the_second_makes_of_the_call(app: App) -> None:
    run, _ = await ask(app, rules=[{**ASK, "persons": 2}])
    await app.answer(run, "approve", "bo")
    said = await answer_changed(app, run, "carol", {"to": "dora@y.example"})
    assert isinstance(said, Endorsed)
    state = await app.advance(run)
    assert (state.status, list(state.waits), sent()) == ("waiting", ["a1.1.2"], [])
    assert [row.ask_id for row in await list_asks(app.store)] == ["a1.1.2"]
    with pytest.raises(NotWaiting, match="carol has changed the call"):
        await app.answer(run, "approve", "bo", ask="a1.1")
    with pytest.raises(NotWaiting, match="carol has said yes"):
        await app.answer(run, "approve", "carol")
    await app.answer(run, "approve", "bo")
    state = await app.advance(run)
    assert (sent(), state.calls["1.1"].approved_by) == (["send dora@y.example"], "carol and bo")


async def test_who_has_no_say_in_a_call_may_not_change_it_either(app: App) -> None:
    run, _ = await ask(app, rules=[{**ASK, "by": "bo"}])
    with pytest.raises(UserError, match="eve may not decide that; it wants a yes of bo"):
        await answer_changed(app, run, "eve", {"text": "ho"})
    assert not any(isinstance(event.body, Amended) for event in await app.journal.read(run))


async def test_whoever_another_rule_asks_about_the_changed_call_must_say_yes_to_it(app: App) -> None:
    rules = [
        {"tool": "charge", "ask": "args.amount > 50", "because": "much", "by": "carol"},
        {"tool": "charge", "ask": "true", "by": "bo"},
    ]
    run, _ = await ask(app, call("charge", amount=40), rules=rules)
    with pytest.raises(UserError, match=r"a1\.1: bo may not decide that; it wants a yes of carol"):
        await answer_changed(app, run, "bo", {"amount": 60})
    await answer_changed(app, run, "bo", {"amount": 50})
    await app.advance(run)
    assert sent() == ["charge"]


async def test_a_reviewers_limit_holds_for_the_changed_amount_and_not_for_the_old_one(
    app: App, settings: Settings
) -> None:
    small = {"who": "bo", "may": "args.amount <= 100", "tools": "charge"}
    async with open_app(limited(settings, small)) as strict:
        run, _ = await ask(strict, call("charge", amount=400), rules=[{"tool": "charge", "ask": "true"}])
        with pytest.raises(UserError, match=r"a1\.1: bo may say yes"):
            await strict.answer(run, "approve", "bo")
        with pytest.raises(UserError, match=r"a1\.1: bo may say yes"):
            await answer_changed(strict, run, "bo", {"amount": 101})
        await answer_changed(strict, run, "bo", {"amount": 100})
        await strict.advance(run)
    assert sent() == ["charge"]


async def test_nobodys_own_word_stands_for_the_second_who_looks_at_a_doubtful_value(app: App) -> None:
    rules = [
        {"tool": "send", "ask": "evidence.to == 'unvouched'", "because": "to a stranger", "persons": 2},
        {"tool": "send", "allow": "true"},
    ]
    run, _ = await ask(app, rules=rules)
    said = await answer_changed(app, run, "bo", {"to": "mallory@evil.example"})
    assert isinstance(said, Endorsed)
    state = await app.advance(run)
    assert (state.status, sent()) == ("waiting", [])
    await app.answer(run, "approve", "carol")
    await app.advance(run)
    assert sent() == ["send mallory@evil.example"]


async def test_what_is_allowed_as_changed_needs_the_yes_of_whoever_changed_it_alone(app: App) -> None:
    rules = [
        {"tool": "charge", "ask": "args.amount > 50", "persons": 2},
        {"tool": "charge", "allow": "true"},
    ]
    run, _ = await ask(app, call("charge", amount=400), rules=rules)
    assert isinstance(await answer_changed(app, run, "bo", {"amount": 20}), Replied)
    state = await app.advance(run)
    assert sent() == ["charge"]
    assert state.calls["1.1"].call.args == {"amount": 20}


async def test_a_change_is_for_what_was_shown_and_comes_too_late_for_what_was_answered(app: App) -> None:
    run, _ = await ask(app)
    with pytest.raises(NotWaiting, match="asks for something else by now"):
        await answer_changed(app, run, "olga", {"text": "ho"}, seen=lambda asked: seal(asked) == "other")
    await app.answer(run, "reject", "bo", "no")
    with pytest.raises(NotWaiting, match="already answered: reject by bo"):
        await answer_changed(app, run, "olga", {"text": "ho"}, ask="a1.1")


async def test_a_question_is_no_call_that_could_be_changed(app: App) -> None:
    run, _ = await ask(app, call("ask_person", question="which?"))
    with pytest.raises(UserError, match="asks about no call that could be changed: it is a question"):
        await answer_changed(app, run, "olga", {"question": "what?"})


async def test_a_reference_may_give_way_to_a_value_and_the_others_stay(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(world.ORDERS["W1"], "owner", "ann@shop.example")
    first, second = (
        call("look_up", order="W1"),
        call("send", to={"$ref": "1.1#/owner"}, text={"$ref": "1.1#/status"}),
    )
    run, model = await ask(app, first, second)
    await answer_changed(app, run, "olga", {"to": "bo@shop.example"})
    state = await app.advance(run)
    one = state.calls["2.1"]
    assert one.call.args == {"to": "bo@shop.example", "text": {"$ref": "1.1#/status"}}
    assert given(state, one) == {"to": "bo@shop.example", "text": "pending"}
    assert sent() == ["send bo@shop.example"]
    assert model.last is not None
    told = "\n".join(message.text for message in model.last.messages)
    assert 'to: {"$ref":"1.1#/owner"} → "bo@shop.example"' in told


async def test_a_replay_makes_the_same_of_the_same_call(app: App) -> None:
    run, _ = await ask(app)
    await answer_changed(app, run, "olga", {"to": "bo@shop.example"})
    await app.advance(run)
    again = await app.state(await replay(app, run))
    assert again.finished is not None
    assert again.calls["1.1"].call.args == {"to": "bo@shop.example", "text": "hi"}
    assert again.calls["1.1"].acted is not None
    assert again.calls["1.1"].acted.status == "simulated"
    assert sent() == ["send bo@shop.example"]


async def test_a_fork_from_anywhere_asks_anew_about_the_changed_call_or_the_first_one(app: App) -> None:
    run, _ = await ask(app)
    await answer_changed(app, run, "olga", {"to": "bo@shop.example"})
    events = await app.journal.read(run)
    await app.advance(run)
    assert sent() == ["send bo@shop.example"]
    for event in events:
        fork = await app.fork(run, event.seq)
        state = await app.advance(fork)
        if state.calls and event.seq >= 4:
            assert state.status == "waiting", f"at event {event.seq}, {event.body.type}"
            changed = any(isinstance(one.body, Amended) for one in events[: event.seq])
            to = "bo@shop.example" if changed else "x@y.example"
            assert given(state, state.calls["1.1"])["to"] == to
            assert len(await list_asks(app.store, run=fork)) == 1
    assert sent() == ["send bo@shop.example"]


async def test_the_journal_is_right_wherever_it_ends(app: App) -> None:
    run, _ = await ask(app)
    await answer_changed(app, run, "olga", {"to": "bo@shop.example"})
    await app.advance(run)
    events = await app.journal.read(run)
    approved = False
    for end in range(1, len(events) + 1):
        state = fold(events[:end])
        assert fold(events[end:], state).seq == len(events)
        body = events[end - 1].body
        approved |= isinstance(body, Replied)
        assert not isinstance(body, Intended) or approved


@pytest.mark.parametrize("seed", range(6))
async def test_whatever_people_do_what_happens_is_what_was_judged_last_and_all_said_yes_to(
    app: App, seed: int
) -> None:
    rules = [
        {"tool": "charge", "deny": "args.amount > 90"},
        {"tool": "charge", "ask": "args.amount > 50", "persons": 2},
        {"tool": "charge", "ask": "true"},
    ]
    dice = random.Random(seed)
    run, _ = await ask(app, call("charge", amount=60), rules=rules)
    for _ in range(12):
        by, amount = dice.choice(["bo", "carol", "dora"]), dice.choice([20, 55, 60, 70, 95])
        with suppress(UserError):
            if dice.random() < 0.5:
                await answer_changed(app, run, by, {"amount": amount})
            else:
                await app.answer(run, "approve", by)
        if dice.random() < 0.3:
            await app.advance(run)
    state = await app.advance(run)
    events = await app.journal.read(run)
    assert len(world.done) == len([e for e in events if isinstance(e.body, Intended)]) <= 1
    if not world.done:
        assert state.waits
        return
    call_ = state.calls["1.1"]
    digest = Proposal("charge", call_.call.args, "destroy").digest
    begun = next(e.seq for e in events if isinstance(e.body, Intended))
    asked = [e.body for e in events if isinstance(e.body, Asked) and e.seq < begun][-1]
    judged = [e.body for e in events if isinstance(e.body, Judged) and e.seq < begun][-1]
    assert (asked.digest, judged.digest) == (digest, digest)
    assert call_.call.args["amount"] <= 90
    words = [
        e.body for e in events if isinstance(e.body, Endorsed | Replied) and e.body.ask_id == asked.ask_id
    ]
    assert len({word.by for word in words}) == (2 if call_.call.args["amount"] > 50 else 1)


async def test_why_it_was_decided_is_explained_with_the_persons_word(app: App) -> None:
    rules = [{"tool": "send", "ask": "evidence.to != 'unvouched'"}, {"tool": "send", "ask": "true"}]
    run, _ = await ask(app, rules=rules)
    await answer_changed(app, run, "olga", {"to": "bo@shop.example"})
    state = await app.advance(run)
    events = await app.journal.read(run)
    assert state.started is not None
    made = agent_of(state.started)
    found = explained(past_calls(events)["1.1"], made, outfit(made))
    assert found.verdict.evidence["to"] == "endorsed"


async def test_who_changes_a_call_has_looked_at_it_since_it_was_first_asked_about(app: App) -> None:
    run, _ = await ask(app)
    async with app.store.pool.connection() as connection:
        await connection.execute("update events set at = at - interval '1 minute'")
    await answer_changed(app, run, "olga", {"to": "bo@shop.example"})
    (one,) = await list_reviewers(app.store)
    assert (one.reviewer, one.decisions, one.approved, one.quick) == ("olga", 1, 1.0, 0.0)
