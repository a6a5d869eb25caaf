"""Runs of several workspaces, advanced by one worker: what one of them is allowed, has spent, keeps secret or is under is
nothing to another's."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
import yaml
from pydantic import SecretStr

from remit.app import App, open_app
from remit.away import go_away, list_away
from remit.errors import Busy, NoSuchRun, UserError
from remit.journal.effects import list_effects
from remit.journal.index import list_asks, list_runs
from remit.journal.reviewers import list_reviewers
from remit.journal.search import Wanted, agents_known, descendants, search
from remit.remembered import forget, list_remembered
from remit.settings import Settings
from remit.store.secrets import set_secret
from remit.testing import ScriptedModel
from remit.tools import tool
from remit.tools.tool import ToolContext
from tests.agents import till, world
from tests.agents.test_loop import ANN, agent, call, finish

ASKED = [{"tool": ["charge", "send"], "ask": "true"}]
FREE = [{"tool": ["charge", "send"], "allow": "true"}]
told: list[str] = []


@tool(effect="read")
async def tell_key(context: ToolContext) -> str:
    """Look with the key."""
    told.append(context.resources["key"])
    return "looked"


TOOLS = (tell_key,)


@pytest.fixture
async def app(settings: Settings) -> AsyncIterator[App]:
    world.reset()
    till.reset()
    told.clear()
    key = SecretStr("A" * 43 + "=")
    async with open_app(settings.model_copy(update={"secret_key": key})) as opened:
        yield opened


async def begin(app: App, *script: Any, **spec: Any) -> UUID:
    """A run that this App's people begin, whosever they are."""
    model = ScriptedModel([*script, finish(), finish()], by_turn=True, name=f"scripted:{random.random()}")
    made = agent(**{"rules": ASKED, "reflect": False, **spec})
    return await app.start(made, f"charge it in {app.store.workspace}", person=ANN, model=model)


async def test_a_remembered_yes_of_one_allows_nothing_in_another(app: App) -> None:
    a, b = app.within("a"), app.within("b")
    run = await begin(a, call("charge", amount=5))
    assert (await app.advance(run)).status == "waiting"
    await a.answer_and_remember(run, "ann", ["amount<=10"])
    assert (await app.advance(run)).finished
    assert (await app.advance(await begin(a, call("charge", amount=5)))).finished  # asked no more
    for other in (b, app, app.within("default")):
        run = await begin(other, call("charge", amount=5))
        assert (await app.advance(run)).status == "waiting", other.store.workspace
    (kept,) = await list_remembered(a.store)
    assert await list_remembered(b.store) == await list_remembered(app.store) == []
    with pytest.raises(UserError, match="nothing is remembered"):
        await forget(b.store, kept.id, "bo")
    assert len(await list_remembered(a.store)) == 1


async def test_what_one_has_spent_is_not_in_the_sums_of_another(app: App) -> None:
    rule = 'sum("refund.amount", "24h", "{}") + args.amount <= 500'
    for scope in ("person", "agent", "workspace"):
        spec = {
            "tools": ["tests.agents.till"],
            "rules": [{"tool": "refund", "allow": rule.format(scope)}],
            "name": scope,
        }
        first = await app.advance(await begin(app.within("a"), call("refund", amount=400), **spec))
        second = await app.advance(await begin(app.within("b"), call("refund", amount=400), **spec))
        third = await app.advance(await begin(app.within("a"), call("refund", amount=400), **spec))
        assert [s.calls["1.1"].acted.status for s in (first, second, third)] == ["ok", "ok", "denied"], scope  # type: ignore[union-attr]
        till.reset()
        async with app.store.pool.connection() as connection:
            await connection.execute("delete from sums")


async def test_a_secret_of_one_does_not_open_in_another(app: App) -> None:
    spec: dict[str, Any] = {
        "tools": ["tests.agents.test_apart"],
        "resources": {"key": "secret:PAY"},
        "rules": [],
    }
    await set_secret(app.within("a").store, "PAY", "key of a", "ann")
    with pytest.raises(UserError, match="there is no secret 'PAY'"):
        await begin(app.within("b"), call("tell_key"), **spec)
    with pytest.raises(UserError, match="there is no secret 'PAY'"):
        await begin(app, call("tell_key"), **spec)
    run = await begin(app.within("a"), call("tell_key"), **spec)
    await set_secret(app.within("b").store, "PAY", "key of b", "bo")
    await app.advance(run)
    await app.advance(await begin(app.within("b"), call("tell_key"), **spec))
    assert told == ["key of a", "key of b"]


async def test_rules_and_groups_of_one_hold_for_its_runs_only(app: App) -> None:
    rules = {"rules": [{"tool": "charge", "deny": "args.amount > 20", "because": "a is careful"}]}
    folder = app.settings.data_dir / "workspaces" / "a"
    folder.mkdir(parents=True)
    for other, status in (("a", "denied"), ("b", "ok"), ("default", "ok")):
        run = await begin(app.within(other), call("charge", amount=30), rules=FREE)
        if other == "a":  # written while it goes on
            (folder / "rules.yaml").write_text(yaml.safe_dump({**rules, "groups": {"money": ["ann"]}}))
        acted = (await app.advance(run)).calls["1.1"].acted
        assert acted is not None
        assert acted.status == status, other
    grouped = [{"tool": "charge", "ask": "true", "by": "group:money"}]
    await begin(app.within("a"), rules=grouped)
    for other in ("b", "default"):
        with pytest.raises(UserError, match="nobody is in group:money"):
            await begin(app.within(other), rules=grouped)


async def test_groups_of_the_environment_are_the_first_workspaces(settings: Settings) -> None:
    grouped = [{"tool": "charge", "ask": "true", "by": "group:money"}]
    async with open_app(settings.model_copy(update={"groups": {"money": ("ann",)}})) as app:
        await begin(app.within("default"), rules=grouped)
        with pytest.raises(UserError, match="nobody is in group:money"):
            await begin(app.within("a"), rules=grouped)


async def test_limits_and_lines_of_one_hold_up_nobody_elses(app: App) -> None:
    spec: dict[str, Any] = {"limits": {"runs": 1, "queue": 1}}
    run = await begin(app.within("a"), call("charge", amount=5), **spec)
    with pytest.raises(Busy):
        await begin(app.within("a"), **spec)
    other = await begin(app.within("b"), call("charge", amount=5), **spec)
    assert (await app.advance(run)).status == (await app.advance(other)).status == "waiting"
    limited: dict[str, Any] = {"rules": FREE, "limits": {"tools": {"charge": {"rate": "1/h"}}}}
    for name, status in (("a", "ok"), ("b", "ok"), ("a", None)):
        state = await app.advance(
            await begin(app.within(name), call("charge", amount=5), name="x", **limited)
        )
        acted = state.calls["1.1"].acted
        assert (acted and acted.status) == status


async def test_a_team_works_in_the_workspace_of_its_run(app: App) -> None:
    member = {"name": "helper", "tools": ["tests.agents.world"], "rules": ASKED, "reflect": False}
    run = await begin(
        app.within("a"),
        call("delegate", agent="helper", task="charge"),
        team=[member],
        rules=[{"tool": "*", "allow": "true"}],
    )
    state = await app.advance(run)
    (child,) = [one.child for one in state.children.values()]
    started = (await app.state(child)).started
    assert started is not None
    assert started.workspace == "a"
    assert [row.id for _, row in await descendants(app.within("a").store, run)] == [child]
    assert await descendants(app.within("b").store, run) == []
    with pytest.raises(NoSuchRun):
        await app.within("b").advance(child)


async def test_a_fork_stays_where_it_was(app: App) -> None:
    a, b = app.within("a"), app.within("b")
    run = await begin(a, call("charge", amount=5))
    await app.advance(run)
    new = await a.fork(run)
    assert [one.run for one in await list_asks(a.store)] == [run, new]
    with pytest.raises(UserError, match="there is no run"):
        await b.fork(run)
    assert await list_runs(b.store) == []


async def test_whatever_people_do_to_a_run_is_refused_to_those_of_another(app: App) -> None:
    a, b = app.within("a"), app.within("b")
    run = await begin(a, call("charge", amount=5))
    await app.advance(run)
    before = await a.journal.read(run)
    for act in (
        b.answer(run, "approve", "bo"), b.answer_all(run, "approve", "bo"), b.answer_and_remember(run, "bo", ["amount"]),
        b.hand_over(run, "bo", "dora"), b.pause(run, "bo"), b.resume(run, "bo"), b.cancel(run, "bo"), b.undo(run, "1.1", "bo"),
        b.widen(run, "charge", 1, "bo"), b.fork(run), b.advance(run), b.state(run), b.find(str(run)),
    ):  # fmt: skip
        with pytest.raises(UserError, match="there is no run"):
            await act
    with pytest.raises(UserError, match="there is no run"):
        await b.find("last")
    assert await a.journal.read(run) == before
    assert not world.done


async def test_what_is_listed_is_of_one_workspace(app: App) -> None:
    """Those of a guest, by the database; and those of Remit itself, by the query."""
    for name in ("a", "b"):
        here = app.within(name)
        run = await begin(
            here, call("charge", amount=5), call("send", to="x@y.example", text="hi"), name=f"of-{name}"
        )
        await app.advance(run)
        await here.answer(run, "approve", f"ann of {name}")
        await app.advance(run)
        await go_away(here.store, f"ann of {name}", "bo", (await app.now()).replace(year=2099))
    for name in ("a", "b"):
        for store in (app.within(name).store, app.store.as_owner(name)):
            mine = f"of-{name}"
            assert {row.agent for row in await list_runs(store)} == {mine}
            assert {row.agent for row in await list_asks(store)} == {mine}
            for wanted in (
                Wanted(),
                Wanted(words="charge"),
                Wanted(person=ANN.email),
                Wanted(words="charge", status=("waiting",)),
            ):
                assert {row.agent for row in (await search(store, wanted)).rows} == {mine}
            assert not (await search(store, Wanted(words="default"))).rows
            assert await agents_known(store) == [mine]
            assert [one.reviewer for one in await list_reviewers(store)] == [f"ann of {name}"]
            assert [one.who for one in await list_away(store)] == [f"ann of {name}"]
            effects = await list_effects(store, app.within(name).journal)
            assert len(effects) == 1
    for listed in (list_runs, list_asks, list_away, agents_known):
        assert await listed(app.store) == []
