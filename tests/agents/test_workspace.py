"""Rules that hold for every agent: from a file into runs that begin, into runs that go on, and into those of their team."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from remit import rulebook
from remit.agents.workspace import Workspace, is_workspace, load_workspace, workspace_of
from remit.app import App, open_app
from remit.errors import SpecError, UserError
from remit.gate.judge import judge
from remit.gate.proposal import Facts, Proposal
from remit.journal.events import Asked, Delegated, Narrowed
from remit.outfit import agent_at, outfit
from remit.replay import Changes, Terms, replay
from remit.rulebook import mark_of, text_of
from remit.settings import Settings
from remit.testing import ScriptedModel
from tests.agents import world
from tests.agents.test_loop import ANN, agent, call, finish

DEAR = {"tool": "charge", "deny": "args.amount > 20", "because": "nobody charges more than 20 today"}
LARGE = {"tool": "ch*", "ask": "args.amount > 10", "because": "looked at", "by": "group:money", "persons": 2}
FREE = [{"tool": ["charge", "send"], "allow": "true"}]


def written(settings: Settings, *rules: Any, **more: Any) -> Settings:
    """The settings, with these rules for every agent."""
    path = settings.data_dir / "all.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump({"rules": list(rules), **more}, sort_keys=False))
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1 + len(rules)))
    return settings.model_copy(update={"rules": path})


MODELS: dict[str, Any] = {}  # of this test, for whoever goes on with its runs


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[App]:
    async with open_app(settings) as app:
        app.models = MODELS
        yield app


async def begin(app: App, *script: Any, **spec: Any) -> Any:
    model = ScriptedModel([*script, finish(), finish()], by_turn=True)
    return await app.start(agent(**{"rules": FREE, **spec}), "charge it", person=ANN, model=model)


async def test_what_the_workspace_denies_no_agents_rule_allows(settings: Settings) -> None:
    world.reset()
    async with opened(written(settings, DEAR)) as app:
        state = await app.advance(await begin(app, call("charge", amount=30), call("charge", amount=5)))
    denied, allowed = state.calls["1.1"].acted, state.calls["2.1"].acted
    assert denied is not None
    assert allowed is not None
    assert (denied.status, denied.result) == ("denied", DEAR["because"])
    assert (allowed.status, [what for what, _ in world.done]) == ("ok", ["charge"])


async def test_both_rules_that_ask_must_be_answered_as_both_say(settings: Settings) -> None:
    own = {"tool": "charge", "ask": "true", "because": "each is asked", "by": ["bo", "carol", "eve"]}
    money = {"money": ["bo", "carol", "dora"]}
    async with opened(written(settings, LARGE, groups=money)) as app:
        run = await begin(app, call("charge", amount=15), rules=[own])
        asked = (await app.advance(run)).waits["a1.1"]
        assert (asked.by, asked.persons) == (["bo", "carol"], 2)
        assert asked.text == "charge: looked at; each is asked"
        for by in ("dora", "eve"):
            with pytest.raises(UserError, match=f"{by} may not decide that"):
                await app.answer(run, "approve", by)


async def test_a_group_of_the_file_must_have_somebody_in_it(settings: Settings) -> None:
    async with opened(written(settings, LARGE)) as app:
        with pytest.raises(UserError, match="nobody is in group:money"):
            await begin(app)
    both = written(settings, groups={"money": ["bo"]}).model_copy(update={"groups": {"money": ("ann",)}})
    with pytest.raises(UserError, match="the group 'money' is both in"):
        workspace_of(both)


async def test_a_run_that_waits_goes_on_under_the_rules_of_now_and_keeps_those_it_had(
    settings: Settings,
) -> None:
    world.reset()
    asks = [{"tool": "charge", "ask": "true"}]
    async with opened(settings) as app:
        runs = [await begin(app, call("charge", amount=30), rules=asks) for _ in range(2)]
        for run in runs:
            await app.advance(run)
            await app.answer(run, "approve", "bo")
    async with opened(written(settings, DEAR)) as app:
        state = await app.advance(runs[0])
        assert state.calls["1.1"].acted is not None
        assert state.calls["1.1"].acted.status == "denied"
        assert [e.body.type for e in await app.journal.read(runs[0])].count("narrowed") == 1
        kept = await begin(app, call("charge", amount=30), rules=asks)
    async with opened(written(settings)) as app:  # the rule is gone: for what began meanwhile it still holds
        state = await app.advance(kept)
        assert state.calls["1.1"].acted is not None
        assert state.calls["1.1"].acted.status == "denied"
        assert (await app.advance(runs[1])).calls["1.1"].approved_by == "bo"
    assert [what for what, _ in world.done] == ["charge"]


async def test_a_yes_to_less_than_the_workspace_asks_now_is_asked_for_anew_and_once(
    settings: Settings,
) -> None:
    world.reset()
    async with opened(settings) as app:
        run = await begin(app, call("charge", amount=15), rules=[{"tool": "charge", "ask": "true"}])
        await app.advance(run)
        await app.answer(run, "approve", "bo")
    async with opened(written(settings, LARGE, groups={"money": ["bo", "carol"]})) as app:
        state = await app.advance(run)
        assert (list(state.waits), world.done) == (["a1.1.2"], [])
        assert state.waits["a1.1.2"].persons == 2
        await app.answer(run, "approve", "bo")
        await app.answer(run, "approve", "carol")
        state = await app.advance(run)
        assert [what for what, _ in world.done] == ["charge"]
        assert state.calls["1.1"].approved_by == "bo and carol"
        asked = [e.body.ask_id for e in await app.journal.read(run) if isinstance(e.body, Asked)]
        assert asked == ["a1.1", "a1.1.2"]


async def test_each_rule_is_put_into_a_run_once_whoever_advances_it(settings: Settings) -> None:
    async with opened(settings) as app:
        run = await begin(
            app, call("send", to="x@y.example", text="hi"), rules=[{"tool": "send", "ask": "true"}]
        )
        await app.advance(run)
    for rules in ([DEAR], [DEAR], [LARGE, DEAR], [DEAR]):
        async with opened(written(settings, *rules, groups={"money": ["bo", "ann"]})) as app:
            await app.advance(run)
            narrowed = [e.body.rules for e in await app.journal.read(run) if isinstance(e.body, Narrowed)]
    assert [[rule.get("deny", "-") for rule in rules] for rules in narrowed] == [["args.amount > 20"], ["-"]]


async def test_a_team_is_under_the_rules_that_its_run_is_under(settings: Settings) -> None:
    world.reset()
    member = agent(name="till", rules=FREE).model_dump(mode="json", exclude_defaults=True)
    async with opened(settings) as app:
        model = ScriptedModel(
            [
                call("send", to="x@y.example", text="hi"),
                call("delegate", agent="till", task="charge 30"),
                finish(),
                finish(),
            ],
            by_turn=True,
        )
        spec = agent(team=[member], rules=[{"tool": "send", "ask": "true"}])
        run = await app.start(spec, "charge", person=ANN, model=model)
        await app.advance(run)
        await app.answer(run, "approve", "bo")
    async with opened(written(settings, DEAR)) as app:
        await app.advance(run)
        (child,) = [e.body for e in await app.journal.read(run) if isinstance(e.body, Delegated)]
    assert child.spec["workspace"] == [DEAR]


async def test_a_replay_is_judged_by_the_rules_that_the_run_was_under(settings: Settings) -> None:
    world.reset()
    async with opened(settings) as app:
        run = await begin(app, call("charge", amount=30), rules=[{"tool": "charge", "ask": "true"}])
        await app.advance(run)
        await app.answer(run, "approve", "bo")
    async with opened(written(settings, DEAR)) as app:
        await app.advance(run)
        looser = Changes(rules=agent(rules=FREE).rules)
        again = await app.state(await replay(app, run, looser, Terms(recorded=True)))
        assert again.calls["1.1"].acted is not None
        assert again.calls["1.1"].acted.status == "denied"
        forked = agent_at(await app.journal.read(await app.fork(run)))
        assert [rule.deny for rule in forked.workspace] == ["args.amount > 20"]


async def test_a_file_that_cannot_be_used_stops_what_would_begin_or_go_on(settings: Settings) -> None:
    async with opened(settings) as app:
        run = await begin(app, call("charge", amount=5))
    broken = written(settings, {"tool": "charge", "deny": "args.amount >"})
    async with opened(broken) as app:
        with pytest.raises(SpecError, match=r"all\.yaml:2: rule 1"):
            await begin(app)
        with pytest.raises(SpecError):
            await app.advance(run)
    with pytest.raises(UserError, match="REMIT_RULES: there is no file"):
        workspace_of(settings.model_copy(update={"rules": Path("none.yaml")}))
    assert workspace_of(settings) == Workspace()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rules: [{tool: charge, allow: 'true'}]", "rule 1 allows: what holds for every agent only narrows"),
        ("rules: [{tool: charge, deny: 'false'}]", "can never hold"),
        ("rules: [{tool: charge, deny: '1 +'}]", "rule 1"),
        ("rules: [{tool: charge, deny: args.amount}]", "must be a yes or no|rule 1"),
        ("rules: [{tool: charge, dney: 'true'}]", "did you mean 'deny'"),
        ("rule: []", "unknown key 'rule'; did you mean 'rules'"),
        ("- a", "is a mapping"),
        ("rules: [{tool: charge, deny: 'sum(\"a\")'}]", "sum"),
        ("rules: {", "broken YAML"),
    ],
)
def test_what_cannot_be_meant_in_the_file_is_said_with_its_place(
    tmp_path: Path, text: str, said: str
) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(text)
    if "args.amount}" in text:  # a field may be a yes or no: nobody knows the tools of every agent
        assert load_workspace(path).rules
        return
    with pytest.raises(SpecError, match=said) as error:
        load_workspace(path)
    assert str(path) in str(error.value)


def test_a_rule_about_a_record_that_the_agents_tools_do_not_offer_holds(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text("rules: [{tool: charge, ask: \"customer.blocked\"}, {tool: nothing_here, deny: 'true'}]")
    made = outfit(load_workspace(path).over(agent()))
    assert [(one.rule.decision, one.rule.condition) for one in made.rules.workspace] == [("ask", "true")]
    facts = Facts(autonomy="act", tools={"charge"})
    verdict = judge(Proposal("charge", {"amount": 5}, "egress"), facts, made.rules)
    assert verdict.rule == "workspace: ask charge if customer.blocked"
    assert "what this rule asks about is not known here, so it holds" in verdict.reasons[0]


def test_a_file_of_rules_is_told_from_an_agents(tmp_path: Path) -> None:
    for text, found in (("rules: []", True), ("name: shop\nrules: []", False), ("a: 1", False), ("[", False)):
        (tmp_path / "x.yaml").write_text(text)
        assert is_workspace(tmp_path / "x.yaml") is found
    assert not is_workspace(tmp_path / "none.yaml")


async def test_what_is_saved_on_one_machine_holds_on_all(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rulebook, "FRESH", 0.0)
    world.reset()
    async with opened(settings) as here, opened(settings) as elsewhere:
        run = await begin(here, call("charge", amount=30))
        assert (await elsewhere.rules()).rules == ()
        text = yaml.safe_dump({"rules": [DEAR]})
        saved = await here.rulebook.save(here.store, text, "", "ann", mark_of(""))
        state = await elsewhere.advance(run)
        acted = state.calls["1.1"].acted
        assert acted is not None
        assert (acted.status, world.done) == ("denied", [])
        assert state.narrowed
        name = state.calls["1.1"].judged.rule.removeprefix("workspace: ")  # type: ignore[union-attr]
        where = f"version {saved.id} of the rules for every agent, rule 1"
        assert (await elsewhere.rules()).place(name) == where


async def test_what_was_read_of_the_database_counts_for_a_moment_and_what_is_saved_here_at_once(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr(rulebook, "time", SimpleNamespace(monotonic=lambda: now[0]))
    async with opened(settings) as here, opened(settings) as elsewhere:
        assert ((await here.rules()).rules, (await elsewhere.rules()).rules) == ((), ())
        await here.rulebook.save(here.store, yaml.safe_dump({"rules": [DEAR]}), "", "ann", mark_of(""))
        assert (len((await here.rules()).rules), len((await elsewhere.rules()).rules)) == (1, 0)
        now[0] += rulebook.FRESH + 0.1
        assert len((await elsewhere.rules()).rules) == 1


async def test_what_is_saved_cannot_take_away_what_a_file_says(settings: Settings) -> None:
    async with opened(written(settings, DEAR)) as app:
        for text in (
            "rules: []\n",
            "",
            yaml.safe_dump({"rules": [LARGE], "groups": {"money": ["ann", "bo"]}}),
        ):
            await app.rulebook.save(app.store, text, "", "ann", mark_of(await text_of(app.store)))
            held = (await app.rules()).rules
            assert held[0].deny == DEAR["deny"]
        assert [rule.ask for rule in held] == [None, LARGE["ask"]]
