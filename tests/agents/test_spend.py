"""Budgets of the workspace and of agents: who finds no room waits, nothing is lost, and nobody spends more than is set aside."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from remit.app import App, open_app
from remit.budgets import Budget, list_budgets, remove_budget, set_budget
from remit.journal.events import Slept, Woken
from remit.journal.state import State
from remit.models.model import Answer, Price, ToolCall, Usage
from remit.settings import Settings
from remit.testing import ScriptedModel
from remit.webhooks.deliver import list_deliveries
from remit.webhooks.kept import add_webhook
from tests.agents import world
from tests.agents.test_loop import ANN, agent, call, finish

COST = Decimal("0.10")  # of each answer
PRICE = Price(Decimal(10), Decimal(30))  # so that a step may cost some 13 cents
FREE: dict[str, Any] = {"remit": {"autonomy": "act", "budget": {"money": None}}}


@pytest.fixture
async def other(settings: Settings) -> AsyncIterator[App]:
    """Another worker's, over the same database."""
    async with open_app(settings) as opened:
        yield opened


def costs(*calls: ToolCall) -> Answer:
    return Answer(calls=calls, finish="calls", usage=Usage(100, 20, 0, COST))


async def start(app: App, *script: Answer, price: Price | None = PRICE, **spec: Any) -> UUID:
    model = ScriptedModel([*script, costs(finish())], price=price, by_turn=True)
    return await app.start(agent(**{**FREE, **spec}), "go", person=ANN, model=model)


async def limit(app: App, money: str | None, agent: str = "", period: str = "month", **more: Any) -> Budget:
    app.purse.forget()
    amount = None if money is None else Decimal(money)
    return await set_budget(app.store, agent, period, amount, more.get("tokens"), "ann")


async def spent(app: App) -> Decimal:
    return (await list_budgets(app.store))[0].spent_money


async def sleeps(app: App, run: UUID) -> list[str]:
    return [e.body.why for e in await app.journal.read(run) if isinstance(e.body, Slept)]


async def rung(app: App, run: UUID) -> bool:
    """Whether the run is to be looked at now."""
    query = "select exists (select from remit_timers where run = %s and due <= now())"
    async with app.store.pool.connection() as connection:
        row = await (await connection.execute(query, (run,))).fetchone()
    return bool(row and row[0])


def next_month() -> datetime:
    now = datetime.now(UTC)
    return (now.replace(day=1, hour=0, minute=0, second=0, microsecond=0) + timedelta(days=32)).replace(day=1)


async def test_a_run_whose_workspace_has_spent_its_budget_waits_for_the_next_month_and_says_who_can_raise_it(
    app: App,
) -> None:
    await limit(app, "0.25")
    run = await start(app, costs(call("look_up", order="W1")), costs(call("cancel", order="W1")))
    state = await app.advance(run)
    assert (state.status, state.steps) == ("waiting", 2)
    assert [what for what, _ in world.done] == [
        "cancel W1"
    ]  # what the second step wanted was done and recorded
    assert [c.call.tool for c in state.effects] == ["cancel"]
    assert state.sleeping == next_month()
    (why,) = await sleeps(app, run)
    month = f"{datetime.now(UTC):%B}"
    assert why.startswith(f"the workspace's budget for {month} has no room for the next step: $0.20 of $0.25")
    assert why.endswith("An owner can raise it in Settings → Budgets")
    assert await spent(app) == 2 * COST


async def test_a_run_that_waits_goes_on_by_itself_when_the_budget_is_raised_and_does_nothing_twice(
    app: App,
) -> None:
    await limit(app, "0.25")
    run = await start(app, costs(call("cancel", order="W1")), costs(call("look_up", order="W1")))
    await app.advance(run)
    assert not await rung(app, run)
    again = await app.advance(run)  # somebody looks, and nothing has changed
    assert (again.status, len(await sleeps(app, run))) == ("waiting", 1)
    await limit(app, "5")
    assert await rung(app, run)
    state = await app.advance(run)
    assert state.finished is not None
    assert state.short is None
    assert [what for what, _ in world.done] == ["cancel W1"]
    assert await spent(app) == 3 * COST


async def test_a_run_that_waits_goes_on_when_the_next_period_begins(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    await limit(app, "0.05", period="day")
    run = await start(app)
    state = await app.advance(run)
    assert state.sleeping is not None
    tomorrow = state.sleeping
    assert tomorrow.hour == 0
    monkeypatch.setattr(app.leases, "now", lambda: tomorrow)
    # What was spent was spent yesterday: there is a fresh budget, but no room in it for such a step
    state = await app.advance(run)
    assert state.sleeping == tomorrow + timedelta(days=1)
    async with app.store.pool.connection() as connection:
        await connection.execute("update budgets set money = 1")
    assert (await app.advance(run)).finished is not None


async def test_a_run_that_waits_goes_on_when_the_budget_is_removed(app: App) -> None:
    await limit(app, "0.05")
    run = await start(app)
    await app.advance(run)
    await remove_budget(app.store, "", "month", "ann")
    app.purse.forget()
    assert await rung(app, run)
    state = await app.advance(run)
    assert state.finished is not None
    events = await app.journal.read(run)
    assert [e.body.why for e in events if isinstance(e.body, Woken)] == ["there is room in the budget"]


async def test_of_many_runs_at_once_over_two_workers_none_spends_what_another_has_set_aside(
    app: App, other: App
) -> None:
    await limit(app, "1.00")
    runs = [await start(app, costs(call("look_up", order="W1"))) for _ in range(20)]
    other.models |= app.models
    states: list[State] = await asyncio.gather(
        *((app if number % 2 else other).advance(run) for number, run in enumerate(runs))
    )
    assert any(state.short is not None for state in states)
    assert await spent(app) <= Decimal("1.00")
    told = sum([(await app.state(run)).money for run in runs], Decimal(0))
    assert told == await spent(app)  # what the journals say, no more and no less
    held = "select coalesce(sum(held_money), 0) from purses"
    async with app.store.pool.connection() as connection:
        assert await (await connection.execute(held)).fetchone() == (0,)


async def test_room_that_is_only_set_aside_is_tried_again_soon(app: App) -> None:
    await limit(app, "0.20")
    under_way, run = await start(app), await start(app)
    aside = "insert into purses (run, workspace, agent, money, tokens, held_money) values (%s, 'default', 'shop', 0, 0, 0.15)"
    async with app.store.pool.connection() as connection:
        await connection.execute(aside, (under_way,))
    state = await app.advance(run)
    assert state.sleeping is not None
    assert state.sleeping < app.leases.now() + timedelta(minutes=2)
    assert "$0.1500 set aside for steps under way" in (await sleeps(app, run))[0]


async def test_an_agents_budget_holds_for_its_runs_only_and_the_stricter_of_two_counts(app: App) -> None:
    await limit(app, "5")
    await limit(app, "0.05", agent="shop")
    mine, others = await start(app), await start(app, name="clerk")
    assert (await app.advance(others)).finished is not None
    assert (await app.advance(mine)).status == "waiting"
    assert (await sleeps(app, mine))[0].startswith("the budget of shop for ")


async def test_a_budget_in_tokens_holds_for_a_model_that_costs_nothing_and_one_in_money_does_not(
    app: App,
) -> None:
    free = Price(Decimal(0), Decimal(0))
    nothing = Answer(calls=(finish(),), finish="calls", usage=Usage(100, 20, 0, Decimal(0)))
    await limit(app, "0")
    model = ScriptedModel([nothing], price=free, by_turn=True)
    run = await app.start(agent(**FREE), "go", person=ANN, model=model)
    assert (await app.advance(run)).finished is not None
    await limit(app, "0", tokens=4_500)
    second = await app.start(agent(**FREE), "go", person=ANN, model=model)
    state = await app.advance(second)
    assert state.status == "waiting"
    assert "120 of 4,500 tokens are spent" in (await sleeps(app, second))[0]


async def test_a_model_of_unknown_price_asks_a_person_where_a_budget_in_money_holds(app: App) -> None:
    await limit(app, "5")
    run = await start(app, price=None)
    state = await app.advance(run)
    (asked,) = state.waits.values()
    assert "its price is unknown, so the workspace's budget in money cannot hold" in asked.text


async def test_what_was_spent_before_a_crash_is_told_by_whoever_goes_on_and_only_once(
    app: App, other: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    await limit(app, "5")
    run = await start(app, costs(call("look_up", order="W1")))

    class Crash(BaseException):
        pass

    rest = app.purse.rest

    async def crash(*_: Any) -> None:
        raise Crash

    monkeypatch.setattr(app.purse, "rest", crash)
    with pytest.raises(Crash):
        await app.advance(run)
    assert await spent(app) == COST  # the last answer is in the journal, and not told
    other.models |= app.models
    await other.advance(run)
    await other.advance(run)
    monkeypatch.setattr(app.purse, "rest", rest)
    await app.advance(run)
    assert await spent(app) == 2 * COST


async def test_what_runs_had_cost_this_month_counts_for_a_budget_that_is_set_later(app: App) -> None:
    run = await start(app, costs(call("look_up", order="W1")))
    await app.advance(run)
    assert (await limit(app, "5")).spent_money == 2 * COST


async def test_where_no_budget_is_set_a_step_asks_the_database_nothing_for_it(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    look, spend = app.purse._look, app.purse._spend

    async def looked() -> Any:
        asked.append("who")
        return await look()

    async def spending(*values: Any) -> Any:
        asked.append("spend")
        return await spend(*values)

    monkeypatch.setattr(app.purse, "_look", looked)
    monkeypatch.setattr(app.purse, "_spend", spending)
    monkeypatch.setattr("remit.journal.purse.BELIEVED", 1e9)
    for _ in range(3):
        await app.advance(await start(app, costs(call("look_up", order="W1"))))
    assert asked == ["who"]


async def test_a_fork_counts_what_it_spends_itself_and_not_what_it_was_given(app: App) -> None:
    run = await start(app, costs(call("look_up", order="W1")))
    await app.advance(run)
    await limit(app, "5")
    fork = await app.fork(run, 3)
    before = await spent(app)
    state = await app.advance(fork)
    assert state.finished is not None
    assert await spent(app) == before + COST


async def test_a_cancelled_run_leaves_nothing_set_aside(app: App) -> None:
    await limit(app, "0.05")
    run = await start(app)
    await app.advance(run)
    assert (await list_budgets(app.store))[0].waiting == 1
    await app.cancel(run, "ann")
    await app.advance(run)
    assert (await list_budgets(app.store))[0].waiting == 0
    async with app.store.pool.connection() as connection:
        assert await (await connection.execute("select count(*) from purses")).fetchone() == (0,)


async def test_a_deadline_ends_a_run_that_waits_for_its_budget(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    await limit(app, "0.05")
    deadline = datetime.now(UTC) + timedelta(hours=1)
    spec = {"remit": {"autonomy": "act", "budget": {"money": None}, "deadline": deadline}}
    run = await start(app, **spec)
    assert (await app.advance(run)).sleeping == deadline
    monkeypatch.setattr(app.leases, "now", lambda: deadline)
    state = await app.advance(run)
    assert state.finished is not None
    assert "deadline" in state.finished.why


async def test_whoever_wants_to_hear_it_is_told_once_that_little_is_left(app: App) -> None:
    hook, _ = await add_webhook(app.store, "https://crm.example/x", ["budget.low"], [], "ann")
    await limit(app, "0.25")
    for _ in range(2):
        await app.advance(await start(app, costs(call("look_up", order="W1"))))
    (told,) = await list_deliveries(app.store, hook.id)
    assert told.message["type"] == "budget.low"
    assert told.message["data"] == {
        "of": "workspace",
        "period": "month",
        "money": "0.25",
        "spent": "0.20",
        "spent_tokens": 240,
    }
