"""The world misbehaves: the run says so, goes on where it can, and its journal stays whole."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from remit.agents.spec import Agent
from remit.app import App, open_app
from remit.errors import ModelError, StaleWriter, StoreError, UnknownName, UnknownPrice, UserError
from remit.journal import journal as journal_module
from remit.journal.events import Acted
from remit.models.model import Answer, Price, ToolCall, Usage
from remit.testing import ScriptedModel
from remit.tools import tool
from remit.tools.tool import ToolContext
from tests.agents.test_loop import ANN, agent, call, finish


@tool(effect="read")
async def raises() -> str:
    """Fail."""
    raise RuntimeError("the ERP said no")


@tool(effect="read", timeout=0.05)
async def hangs() -> str:
    """Never end."""
    await asyncio.Event().wait()
    return "never"


@tool(effect="read")
async def huge() -> str:
    """Return 50 MB."""
    return "x" * 50_000_000


@tool(effect="read")
async def garbage() -> bytes:
    """Return what is no text."""
    return b"ok \xff\xfe\x00 still"


@tool(effect="destroy", settle="key")
async def cut(context: ToolContext, url: str) -> str:
    """Cut every connection of the platform, as a database that restarts does."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() "
            "and datname = current_database()"
        )
    return "cut"


TOOLS = (raises, hangs, huge, garbage, cut)


def trouble(**changes: Any) -> Agent:
    rules = [{"tool": "cut", "allow": "true"}]
    return agent(**{"tools": ["tests.agents.test_trouble"], "rules": rules, **changes})


async def go(app: App, *script: Any, **spec: Any) -> Any:
    run = await app.start(
        trouble(**spec), "go", person=ANN, model=ScriptedModel([*script, finish()], by_turn=True)
    )
    return await app.advance(run)


@pytest.mark.parametrize(
    ("name", "said"), [("raises", "the ERP said no"), ("hangs", "longer than"), ("garbage", "still")]
)
async def test_a_tool_that_fails_hangs_or_returns_garbage_is_a_result_that_the_model_reads(
    app: App, name: str, said: str
) -> None:
    state = await go(app, call(name))
    assert said in str(state.calls["1.1"].acted.result)
    assert state.finished is not None


async def test_fifty_megabytes_stay_out_of_the_journal_and_of_the_prompt(app: App) -> None:
    model = ScriptedModel([call("huge"), finish()], by_turn=True)
    run = await app.start(trouble(), "go", person=ANN, model=model)
    await app.advance(run)
    assert model.last is not None
    assert sum(len(m.text) for m in model.last.messages) < 100_000
    async with app.store.pool.connection() as connection:
        row = await (await connection.execute("select sum(length(body::text)) from events")).fetchone()
        blobs = await (
            await connection.execute("select coalesce(sum(length(body)), 0) from blobs")
        ).fetchone()
    assert row is not None
    assert blobs is not None
    assert row[0] + blobs[0] < 2_000_000
    kept = list((app.settings.data_dir / "runs" / str(run)).rglob("*"))
    assert max(path.stat().st_size for path in kept) >= 50_000_000


async def test_a_database_that_goes_away_in_the_middle_of_an_effect_loses_and_repeats_nothing(
    app: App,
) -> None:
    url = app.settings.database_url
    model = ScriptedModel([call("cut", url=url), finish()], by_turn=True)
    run = await app.start(trouble(), "go", person=ANN, model=model)
    for _ in range(5):
        try:
            state = await app.advance(run)
            break
        except (StoreError, StaleWriter, psycopg.OperationalError):
            continue
    assert state.finished is not None
    events = await app.journal.read(run)
    assert [e.seq for e in events] == list(range(1, len(events) + 1))
    assert sum(isinstance(e.body, Acted) and e.body.tool == "cut" for e in events) == 1


async def test_a_clock_that_jumps_back_changes_no_order(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter(datetime(2026, 1, 1, tzinfo=UTC) - timedelta(days=i) for i in range(100))

    class Jumping(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return next(times)

    monkeypatch.setattr(journal_module, "datetime", Jumping)
    state = await go(app, call("garbage"))
    events = await app.journal.read(state.run)
    assert [e.at for e in events] == sorted((e.at for e in events), reverse=True)
    assert events[-1].body.type == "finished"


async def test_unknown_names_are_refused_before_anything_is_begun(app: App) -> None:
    with pytest.raises(UnknownName, match="files_read"):
        await app.start(trouble(tools=["files_red"], rules=[]), "go", model=ScriptedModel([]))
    with pytest.raises(UserError, match="openai"):
        await app.start(trouble(model="openia:gpt-5"), "go")
    with pytest.raises(UserError, match="no goal"):
        await app.start(trouble(), "  ", model=ScriptedModel([]))
    with pytest.raises(UserError, match="there is no run"):
        await app.find("ffff")


async def test_an_unknown_price_stops_a_run_whose_budget_is_in_money(app: App) -> None:
    model = ScriptedModel([finish()], price=None)
    with pytest.raises(UnknownPrice, match="REMIT_PRICE_INPUT"):
        await app.start(trouble(), "go", model=model)
    spec = trouble(remit={"autonomy": "act", "budget": {"money": None}})
    assert await app.start(spec, "go", model=model)


async def test_money_is_reserved_before_a_call_and_never_overspent(app: App) -> None:
    price = Price(Decimal(10), Decimal(30))
    usage = Usage(100, 10, cost=Decimal("0.02"))
    answers = [Answer(calls=(ToolCall("x", "garbage", {}),), usage=usage) for _ in range(9)]
    model = ScriptedModel(answers, price=price, by_turn=True)
    spec = trouble(remit={"autonomy": "act", "budget": {"money": "0.20"}})
    run = await app.start(spec, "go", person=ANN, model=model)
    state = await app.advance(run)
    assert state.status == "waiting"
    assert next(iter(state.waits.values())).kind in ("budget", "question")
    assert state.spent <= Decimal("0.20")
    assert any(e.body.type == "reserved" for e in await app.journal.read(run))


async def test_a_model_that_fails_waits_for_a_person_and_goes_on(app: App) -> None:
    model = ScriptedModel([ModelError("the key was revoked"), finish()])
    run = await app.start(trouble(), "go", person=ANN, model=model)
    state = await app.advance(run)
    assert "the key was revoked" in state.waits["model1"].text
    await app.answer(run, "approve", "olga")
    assert (await app.advance(run)).finished is not None


async def test_a_waiting_run_survives_a_restart_and_another_process_finishes_it(app: App) -> None:
    model = ScriptedModel([call("cut", url=app.settings.database_url), finish()], by_turn=True)
    run = await app.start(trouble(rules=[{"tool": "cut", "ask": "true"}]), "go", person=ANN, model=model)
    assert (await app.advance(run)).status == "waiting"
    async with open_app(app.settings) as other:
        other.models.update(app.models)
        await other.answer(run, "reject", "olga")
        assert (await other.advance(run)).finished is not None
