"""What a type checker sees of both clients: run by mypy with the rest of the code, and by nothing else.

A line that is ignored must be wrong: mypy says where it is not.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from typing import assert_type
from uuid import UUID

from remit.client import Ask, AsyncClient, Budget, Client, Event, Run, RunRow, Tool, Trigger, Webhook, Why


def blocking(remit: Client, run: UUID, ask: Ask) -> None:
    assert_type(remit.runs.create("assistant", "go", inputs={"year": 2026}, key="k"), Run)
    assert_type(remit.runs.create("assistant", "go", files=["sales.csv"]), Run)
    assert_type(remit.runs.create("assistant", "go", files={"sales.csv": b"1,2"}), Run)
    assert_type(remit.runs.wait(run, through_asks=True), Run)
    assert_type(remit.runs.events(run, 3), Generator[Event, None, None])
    assert_type(remit.runs.list(status=["waiting", "paused"]), Generator[RunRow, None, None])
    assert_type(remit.runs.why(run, "3.1"), Why)
    assert_type(remit.asks.approve(ask, changes={"amount": 20}), Run)
    assert_type(remit.triggers.list(), list[Trigger])
    assert_type(remit.webhooks.remove(run), None)
    assert_type(remit.budgets.set("day", tokens=5), Budget)
    assert_type(remit.tools(), list[Tool])
    remit.runs.get()  # type: ignore[call-arg]
    remit.runs.get(run, wait=True)  # type: ignore[call-arg]
    remit.runs.list(status="over")  # type: ignore[arg-type]
    remit.asks.approve(run)  # type: ignore[arg-type]


async def awaiting(remit: AsyncClient, run: UUID, ask: Ask) -> None:
    assert_type(await remit.runs.create("assistant", "go"), Run)
    assert_type(remit.runs.events(run), AsyncGenerator[Event, None])
    assert_type([event async for event in remit.runs.events(run)], list[Event])
    assert_type(await remit.webhooks.list(), list[Webhook])
    assert_type(await remit.tools(), list[Tool])
    await remit.asks.answer(ask)  # type: ignore[call-arg]
    print(remit.runs.get(run).status)  # type: ignore[attr-defined]
