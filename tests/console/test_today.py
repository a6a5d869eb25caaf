"""Today: what began, what it cost, how long people took, and what is unusual, in figures that a chart is drawn from."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import httpx
import pytest
from pydantic import ValidationError

from remit.agents.spec import Agent
from remit.app import App
from remit.catalogue.kept import publish, save_draft
from remit.lately import Lately, Tally, days_until, standing_still, unusual
from tests.console.test_runs import EVIL, begun, call, finish, priced, text, waiting

NOW = datetime(2026, 11, 21, 15, tzinfo=UTC)
DAYS = days_until(NOW)


def tally(back: int, runs: int, status: str = "met", cost: str = "0", seconds: float = 0) -> Tally:
    return Tally(DAYS[-1 - back], "desk", status, runs, Decimal(cost), seconds, 0, 0)


def told(*tallies: Tally) -> list[str]:
    return [one.text for one in unusual(tallies, NOW)]


def table(page: str, name: str) -> list[list[str]]:
    found = re.search(rf'<table class="list" id="{name}">(.*?)</table>', page, re.DOTALL)
    assert found is not None, name
    return [
        re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row)
        for row in re.findall(r"<tr>(.*?)</tr>", found[1], re.DOTALL)
    ]


async def test_without_runs_there_is_no_chart_and_nothing_unusual(browser: httpx.AsyncClient) -> None:
    page = await text(browser, "/")
    assert "No runs yet" in page
    assert "<figure" not in page
    assert "Unusual" not in page
    assert "echarts" not in page


async def test_each_figure_that_is_drawn_stands_in_a_table(app: App, browser: httpx.AsyncClient) -> None:
    await begun(app, priced("0.25", call("charge", amount=5)), [finish()], name="clerk")
    await begun(app, priced("0.5"), [finish()])
    run = await waiting(app)
    async with app.store.pool.connection() as connection:
        await connection.execute("update runs set waited = 150, answered = 2 where id = %s", (run,))
    page = await text(browser, "/")
    states, costs, waits = (table(page, name) for name in ("by-state", "by-agent", "waits"))
    assert [len(one) for one in (states, costs, waits)] == [15, 15, 15]
    assert states[0] == ["Day", "waiting", "cannot verify"]
    assert states[-1][1:] == ["1", "2"]
    assert costs[0] == ["Day", "shop", "clerk"]
    assert costs[-1][1:] == ["0.5000", "0.2500"]
    assert waits[-1][1:] == ["1.2"]
    assert "<strong>$0.75</strong> spent" in page
    assert 'data-chart="by-agent"' in page


async def test_days_are_those_of_this_place_and_are_remembered_but_for_today(app: App) -> None:
    run = await begun(app, priced("0.25"), [finish()])
    now, lately = await app.now(), Lately()
    query = "update runs set created_at = %s where id = %s"
    for back in (0, 1, 13, 14):
        lately.kept.clear()
        async with app.store.pool.connection() as connection:
            await connection.execute(query, (days_until(now)[-1] - timedelta(days=back), run))
        found = await lately.tallies(app.store, now)
        assert [(one.day, one.runs) for one in found] == (
            [(days_until(now)[-1 - back], 1)] if back < 14 else []
        )
    async with app.store.pool.connection() as connection:
        await connection.execute(query, (days_until(now)[-2], run))
    assert await lately.tallies(app.store, now) == []
    async with app.store.pool.connection() as connection:
        await connection.execute(query, (now, run))
    assert len(await lately.tallies(app.store, now)) == 1


def test_more_failures_than_chance_would_bring_are_told() -> None:
    before = [tally(back, 10) for back in range(1, 8)] + [tally(2, 2, "failed")]
    assert told(*before, tally(0, 2), tally(0, 6, "failed")) == [
        "6 of 8 runs of desk did not reach their goal today; of the 72 on the days before, 2"
    ]
    assert told(*before, tally(0, 7), tally(0, 1, "failed")) == []
    assert told(*before, tally(0, 4, "failed")) == []  # too few
    assert told(tally(3, 10), tally(0, 8, "failed")) == []  # of the days before too little is known
    assert told(*before, tally(0, 900), tally(0, 600, "not met")) != []


@pytest.mark.parametrize(("field", "word"), [("cost", "cost $0.5"), ("seconds", "worked 5 s")])
def test_what_costs_or_works_far_above_the_usual_day_is_told(field: str, word: str) -> None:
    def of(back: int, runs: int, each: float) -> Tally:
        if field == "cost":
            return tally(back, runs, cost=str(runs * each / 10))
        return tally(back, runs, seconds=runs * each)

    before = [of(back, 4, 1 + back / 10) for back in range(1, 8)]
    (words,) = told(*before, of(0, 3, 5))
    assert word in words
    assert told(*before, of(0, 2, 5)) == []  # too few
    assert told(*before[:4], of(0, 3, 5)) == []
    assert told(*before, of(0, 3, 2)) == []
    assert told(*before, of(9, 1, 6), of(0, 3, 5)) == []  # there was a day above it


async def test_what_does_not_move_is_told_with_where_to_look(app: App, browser: httpx.AsyncClient) -> None:
    await waiting(app)
    assert await standing_still(app.store, app.store) == []
    async with app.store.pool.connection() as connection:
        await connection.execute("update asks set at = now() - interval '25 hours', kind = 'budget'")
        await connection.execute("update runs set status = 'running'")
        await connection.execute("delete from workers")
    page = await text(browser, "/")
    assert "1 run waiting for a person for more than a day" in page
    assert "1 run waiting for more budget" in page
    assert "no worker is up" in page


async def test_markup_in_an_agents_name_is_shown_and_never_taken(
    app: App, browser: httpx.AsyncClient
) -> None:
    await begun(app, priced("0.25"), [finish()])
    async with app.store.pool.connection() as connection:
        await connection.execute("update runs set agent = %s", (EVIL,))
    page = await text(browser, "/")
    assert "<script>alert" not in page
    assert "&lt;script&gt;" in page
    assert "\u202e" not in page


async def test_what_was_saved_is_what_an_agents_owner_estimates_and_says_so(
    app: App, browser: httpx.AsyncClient
) -> None:
    run = await begun(app, [finish()])
    async with app.store.pool.connection() as connection:
        await connection.execute("update runs set status = 'met' where id = %s", (run,))
    assert "Saved today" not in await text(browser, "/")
    kept = await save_draft(app.store, "shop", "name: shop\nsaves: 40m\n", "ann", None)
    assert "Saved today" not in await text(browser, "/")
    await publish(app.store, "shop", "ann", kept.rev)
    page = await text(browser, "/")
    assert "<strong>40 min</strong>" in page
    assert "1 run of shop that met the goal, 40 min of a person's time each" in page
    async with app.store.pool.connection() as connection:
        await connection.execute("update runs set status = 'not met' where id = %s", (run,))
    assert "Saved today" not in await text(browser, "/")


def test_an_estimate_is_a_time() -> None:
    assert Agent(name="a", saves="90s").saves == timedelta(seconds=90)  # type: ignore[arg-type]
    for wrong in ("much", "0s", "-5m"):
        with pytest.raises(ValidationError):
            Agent(name="a", saves=wrong)  # type: ignore[arg-type]


def test_what_is_unusual_can_be_told_of_thousands_of_runs_a_day() -> None:
    usual = (tally(1, 3000), tally(1, 1000, "failed"))
    assert told(*usual, tally(0, 3700), tally(0, 1290, "failed")) == []
    assert told(*usual, tally(0, 3500), tally(0, 1490, "failed")) != []
