"""The loop on a real database with a scripted model."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from remit.agents.spec import Agent
from remit.app import App, open_app
from remit.errors import NotWaiting, UserError
from remit.gate import approval
from remit.gate.proposal import Proposal
from remit.journal.events import Acted, Answered, Asked, Intended, Judged, Person
from remit.models.model import Answer, Request, ToolCall
from remit.testing import ScriptedModel
from remit.why import why
from tests.agents import world


def agent(**changes: Any) -> Agent:
    spec: dict[str, Any] = {
        "name": "shop",
        "tools": ["tests.agents.world"],
        "reflect": False,
        "remit": {"autonomy": "act", "budget": {"steps": 12}},
        "rules": [
            {"tool": "cancel", "deny": "order.owner != person.id", "because": "only the person's own orders"},
            {"tool": "cancel", "allow": "!run.untrusted"},
            {"tool": "cancel", "ask": "true", "because": "something untrusted was read"},
            {"tool": "send", "ask": "true"},
            {"tool": "charge", "allow": "args.amount <= 50"},
        ],
    }
    return Agent.model_validate({**spec, **changes})


def call(tool: str, **args: Any) -> ToolCall:
    return ToolCall("x", tool, args)


def finish(report: str = "done", outcome: str = "done", **more: Any) -> ToolCall:
    return call("finish", report=report, outcome=outcome, **more)


ANN = Person(id="ann", email="ann@example.com", verified=True)


async def run(app: App, script: list[Any], goal: str = "cancel W1", **spec: Any) -> Any:
    model = ScriptedModel([*script], by_turn=True)
    run_id = await app.start(agent(**spec), goal, person=ANN, model=model)
    return await app.advance(run_id)


async def test_a_goal_becomes_done_work_and_its_effects_are_read_from_the_journal(app: App) -> None:
    state = await run(
        app, [call("look_up", order="W1"), call("cancel", order="W1"), finish("W1 was cancelled.")]
    )
    assert [what for what, _ in world.done] == ["cancel W1"]
    assert state.status == "cannot verify"  # no checks are declared
    assert [c.call.tool for c in state.effects] == ["cancel"]
    assert state.finished.report == "W1 was cancelled."


async def test_every_effect_has_an_allowing_verdict_and_an_intent_before_it(app: App) -> None:
    state = await run(app, [call("cancel", order="W1"), finish()])
    kinds = [type(e.body) for e in await app.journal.read(state.run)]
    effect = kinds.index(Acted)
    assert kinds.index(Judged) < kinds.index(Intended) < effect


async def test_the_outcome_of_a_look_that_a_rule_allows_names_the_rule_and_no_other_event_is_needed(
    app: App,
) -> None:
    rules = [{"tool": "look_up", "deny": "run.untrusted"}, {"tool": "look_up", "allow": "args.order != ''"}]
    state = await run(app, [call("look_up", order="W1"), finish()], rules=rules)
    events = await app.journal.read(state.run)
    assert not any(isinstance(event.body, Judged) for event in events)
    assert state.calls["1.1"].acted.rule == "allow look_up if args.order != ''"
    assert (why(events, "1.1").verdict, why(events, "1.1").rule) == ("allow", state.calls["1.1"].acted.rule)


async def test_what_is_outside_the_rules_is_denied_and_the_model_reads_why(app: App) -> None:
    model = ScriptedModel([call("cancel", order="W2"), finish("not allowed", "cannot")])
    run_id = await app.start(agent(), "cancel W2", person=ANN, model=model)
    state = await app.advance(run_id)
    assert world.done == []
    assert state.status == "refused"
    assert model.last is not None
    assert "only the person's own orders" in model.last.messages[2].text


async def test_a_tool_outside_the_remit_is_denied(app: App) -> None:
    state = await run(
        app,
        [call("send", to="x@y.example", text="hi"), finish()],
        tools=["tests.agents.world:look_up"],
        rules=[],
    )
    assert world.done == []
    assert "unknown tool" in state.calls["1.1"].acted.result


async def test_an_effect_after_untrusted_reading_waits_for_a_person_and_happens_once_when_approved(
    app: App,
) -> None:
    state = await run(app, [call("read_web", url="http://x"), call("cancel", order="W1"), finish()])
    assert (state.status, world.done) == ("waiting", [])
    await app.answer(state.run, "approve", "olga")
    after = await app.advance(state.run)
    assert [what for what, _ in world.done] == ["cancel W1"]
    assert after.finished is not None
    with pytest.raises(NotWaiting, match="has already ended"):
        await app.answer(state.run, "approve", "olga")


async def test_a_rejection_goes_back_to_the_model_with_its_reason(app: App) -> None:
    state = await run(app, [call("send", to="x@y.example", text="hi"), finish("not sent", "cannot")])
    await app.answer(state.run, "reject", "olga", "not to strangers")
    after = await app.advance(state.run)
    assert world.done == []
    assert after.calls["1.1"].acted.result == "not to strangers"
    assert after.status == "refused"


async def test_several_waits_of_one_answer_are_answered_one_by_one_in_any_order(app: App) -> None:
    two = [call("send", to="a@y.example", text="1"), call("send", to="b@y.example", text="2")]
    state = await run(app, [two, finish()])
    assert sorted(state.waits) == ["a1.1", "a1.2"]
    with pytest.raises(UserError, match="several"):
        await app.answer(state.run, "approve", "olga")
    await app.answer(state.run, "approve", "olga", ask="a1.2")
    half = await app.advance(state.run)
    assert (half.status, [w for w, _ in world.done]) == ("waiting", ["send b@y.example"])
    with pytest.raises(NotWaiting, match="already answered"):
        await app.answer(state.run, "reject", "olga", ask="a1.2")
    await app.answer(state.run, "reject", "olga", ask="a1.1")
    assert (await app.advance(state.run)).finished is not None
    assert [w for w, _ in world.done] == ["send b@y.example"]


async def die_after_the_effect(app: App, tmp_path: Path, first: ToolCall, rules: list[Any]) -> Any:
    """Another process advances the run, is killed right after its effect, and this one goes on."""
    script = tmp_path / "script.json"
    last = {"tool": "finish", "args": {"report": "done", "outcome": "done"}}
    script.write_text(
        json.dumps([{"calls": [{"tool": first.name, "args": dict(first.args)}]}, {"calls": [last]}])
    )
    run_id = await app.start(agent(rules=rules, model=f"scripted:{script}"), "do it", person=ANN)
    ledger = tmp_path / "ledger"
    worker = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.agents.worker",
        str(run_id),
        env={
            **os.environ,
            "REMIT_TEST_LEDGER": str(ledger),
            "REMIT_DATABASE_URL": app.settings.database_url or "",
        },
    )
    assert await worker.wait() == -signal.SIGKILL
    world.remember(ledger)
    return await app.advance(run_id)


@pytest.mark.parametrize("first", [call("cancel", order="W1"), call("charge", amount=5)])
async def test_an_effect_in_doubt_after_kill_9_is_settled_and_not_repeated(
    app: App, tmp_path: Path, first: ToolCall
) -> None:
    state = await die_after_the_effect(app, tmp_path, first, [{"tool": first.name, "allow": "true"}])
    assert len(world.done) == 1
    assert state.finished is not None
    assert [c.call.tool for c in state.effects] == [first.name]


async def test_an_effect_in_doubt_that_cannot_be_looked_up_is_put_to_a_person(
    app: App, tmp_path: Path
) -> None:
    first = call("send", to="a@y.example", text="1")
    state = await die_after_the_effect(app, tmp_path, first, [{"tool": "send", "allow": "true"}])
    assert [a.kind for a in state.waits.values()] == ["doubt"]
    await app.answer(state.run, "answer", "olga", "it arrived")
    after = await app.advance(state.run)
    assert len(world.done) == 1
    assert after.calls["1.1"].acted.result == "it arrived"


async def test_shadow_records_what_it_would_have_done_and_does_nothing(app: App) -> None:
    state = await run(app, [call("cancel", order="W1"), finish()], remit={"autonomy": "shadow"})
    assert world.done == []
    assert state.calls["1.1"].acted.status == "simulated"


async def test_draft_changes_nothing_and_ask_asks_for_each_effect(app: App) -> None:
    draft = await run(app, [call("cancel", order="W1"), finish()], remit={"autonomy": "draft"})
    assert draft.calls["1.1"].acted.status == "denied"
    ask = await run(app, [call("cancel", order="W1"), finish()], remit={"autonomy": "ask"})
    assert ask.status == "waiting"
    assert world.done == []


async def test_nonsense_from_the_model_goes_back_to_it_and_the_journal_stays_whole(app: App) -> None:
    script = [
        call("cancle", order="W1"),
        call("cancel", ordr="W1"),
        call("cancel", **{"$invalid": "{order:"}),
        Answer(),
        call("look_up", order="W1"),
        finish(),
    ]
    state = await run(app, script)
    assert "did you mean 'cancel'" in state.calls["1.1"].acted.result.lower()
    assert state.calls["2.1"].acted.status == state.calls["3.1"].acted.status == "mend"
    assert state.finished.status == "cannot verify"
    events = await app.journal.read(state.run)
    assert [e.seq for e in events] == list(range(1, len(events) + 1))


async def test_a_repeated_call_is_nudged_then_replanned_then_put_to_a_person(app: App) -> None:
    state = await run(app, [call("look_up", order="W1")] * 12)
    assert [n.level for n in state.nudges] == [1, 2, 3]
    assert state.status == "waiting"
    await app.answer(state.run, "reject", "olga")
    assert (await app.advance(state.run)).status == "not met"


async def test_a_budget_stops_before_it_is_overspent_and_a_person_may_grant_it_again(app: App) -> None:
    orders = [call("look_up", order=f"W{i % 2 + 1}{'' if i < 2 else i}") for i in range(9)]
    state = await run(app, [*orders, finish()], remit={"autonomy": "act", "budget": {"steps": 3}})
    assert (state.steps, state.status) == (3, "waiting")
    await app.answer(state.run, "approve", "olga")
    assert (await app.advance(state.run)).steps == 6


async def test_a_question_to_a_person_is_answered_in_the_run(app: App) -> None:
    model = ScriptedModel([call("ask_person", question="which?"), finish()], by_turn=True)
    run_id = await app.start(agent(), "cancel it", person=ANN, model=model)
    state = await app.advance(run_id)
    assert state.waits["q1.1"].text == "which?"
    await app.answer(run_id, "answer", "ann", "the first")
    assert (await app.advance(run_id)).finished is not None
    assert model.last is not None
    assert model.last.messages[2].text == "[1.1] the first"


async def test_checks_decide_and_what_is_not_met_goes_back_to_the_model(app: App) -> None:
    check = {"name": "cancelled", "code": "tests.agents.test_loop:is_cancelled"}
    state = await run(
        app,
        [finish("W1 has been cancelled."), call("cancel", order="W1"), finish("W1 has been cancelled.")],
        checks=[check],
    )
    assert [c.verdict for c in state.checks] == ["not met", "met"]
    assert state.status == "met"


async def is_cancelled(claim: Any) -> tuple[str, str]:
    met = world.ORDERS["W1"]["status"] == "cancelled"
    return ("met", "") if met else ("not met", "W1 is not cancelled")


async def test_a_check_that_never_holds_goes_to_a_person(app: App) -> None:
    check = {"name": "cancelled", "code": "tests.agents.test_loop:is_cancelled"}
    state = await run(app, [finish()] * 5, checks=[check])
    assert list(state.waits) == ["check1"]


async def test_claims_that_the_journal_does_not_bear_out_are_marked(app: App) -> None:
    state = await run(app, [finish("Order W1 has been cancelled. Nothing else was asked.")])
    assert "Order W1 has been cancelled. [not borne out by the journal]" in state.finished.report


async def test_a_fork_does_not_repeat_effects_and_goes_its_own_way(app: App) -> None:
    state = await run(app, [call("cancel", order="W1"), finish()])
    acted = next(e.seq for e in await app.journal.read(state.run) if isinstance(e.body, Acted))
    twin = await app.fork(state.run, acted)
    after = await app.advance(twin)
    assert after.started.fork_of == state.run
    assert after.finished is not None
    assert len(world.done) == 1


async def test_a_paused_run_stands_still_until_resumed_and_a_cancelled_one_for_ever(app: App) -> None:
    model = ScriptedModel([call("cancel", order="W1"), finish()], by_turn=True)
    run_id = await app.start(agent(), "do it", person=ANN, model=model)
    await app.pause(run_id, "olga")
    assert (await app.advance(run_id)).status == "paused"
    await app.resume(run_id, "olga")
    assert (await app.advance(run_id)).finished is not None
    with pytest.raises(NotWaiting, match="already ended"):
        await app.cancel(run_id, "olga")


async def test_a_long_run_is_compacted_and_keeps_its_goal(app: App) -> None:
    texts = [call("look_up", order=f"none{i}") for i in range(4)] + [call("look_up", order="W1")]
    seen: list[Request] = []

    def answer(request: Request) -> Answer:
        seen.append(request)
        turn = len(seen) - 1
        if turn >= 40:
            return Answer(calls=(finish(),))
        return Answer(calls=(texts[4] if turn % 2 else call("look_up", order=f"{'x' * 400}{turn}"),))

    model = ScriptedModel(answer, window=4000)
    run_id = await app.start(
        agent(remit={"autonomy": "act", "budget": {"steps": 60}}), "keep this goal", model=model
    )
    await app.advance(run_id)
    assert all(r.messages[0].text.startswith("keep this goal") for r in seen)
    assert max(sum(len(m.text) for m in r.messages) for r in seen) < 4000 * 3


async def test_two_workers_on_one_run_do_its_effects_once(app: App) -> None:
    model = ScriptedModel([call("cancel", order="W1"), call("charge", amount=3), finish()], by_turn=True)
    run_id = await app.start(agent(), "do it", person=ANN, model=model)
    async with open_app(app.settings) as other:
        other.models.update(app.models)
        await asyncio.gather(app.advance(run_id), other.advance(run_id), return_exceptions=True)
        state = await app.advance(run_id)
    assert state.finished is not None
    assert [w for w, _ in world.done] == ["cancel W1", "charge"]
    answers = [e for e in await app.journal.read(run_id) if isinstance(e.body, Answered)]
    assert len(answers) == 3


async def test_an_expired_approval_counts_as_a_no(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(approval, "EXPIRY", timedelta(seconds=-1))
    state = await run(app, [call("send", to="x@y.example", text="hi"), finish("no", "cannot")])
    assert isinstance(next(iter(state.asked.values())), Asked)
    after = await app.advance(state.run)
    assert (after.status, world.done) == ("refused", [])


async def test_a_tool_that_only_changes_what_is_the_runs_own_is_counted_too(app: App) -> None:
    rule = {"tool": "files_write", "allow": '!("files_write" in run.counts)', "because": "one file is enough"}
    first, second = call("files_write", path="a", text="1"), call("files_write", path="b", text="2")
    state = await run(app, [first, second, finish()], tools=["files.*"], rules=[rule])
    assert [state.calls[name].acted.status for name in ("1.1", "2.1")] == ["ok", "denied"]
    assert state.calls["2.1"].acted.result == "not allowed: one file is enough"
    assert state.counts["files_write"] == 1


async def test_rules_see_the_arguments_as_the_tool_gets_them_with_their_defaults(app: App) -> None:
    rules = [
        {"tool": "cancel", "allow": "args.reason == 'mistake'", "because": "only a mistake"},
        {"tool": "charge", "deny": "args.amount > 50", "because": "at most fifty"},
        {"tool": "charge", "allow": "true"},
    ]
    state = await run(app, [call("cancel", order="W1"), call("charge", amount="70"), finish()], rules=rules)
    assert state.calls["1.1"].acted.status == "ok"  # the model gave no reason: its default is judged
    assert (state.calls["2.1"].acted.status, state.calls["2.1"].acted.result) == ("denied", "at most fifty")
    assert [what for what, _ in world.done] == ["cancel W1"]


async def test_an_approval_is_bound_to_the_call_as_the_model_wrote_it(app: App) -> None:
    rules = [{"tool": "charge", "ask": "true"}]
    state = await run(app, [call("charge", amount="7"), finish()], rules=rules)
    written = Proposal("charge", {"amount": "7"}, "destroy").digest
    assert state.waits["a1.1"].digest == written
    await app.answer(state.run, "approve", "olga")
    after = await app.advance(state.run)
    assert after.calls["1.1"].acted.status == "ok"
    assert [what for what, _ in world.done] == ["charge"]
