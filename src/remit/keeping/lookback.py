"""How far back rules of contact and playbooks look, so that what they count is not taken away."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from psycopg import AsyncConnection

from remit.decisions.action import Playbook, Rules
from remit.decisions.standing import rules_within

Connection = AsyncConnection[Any]
Reach = tuple[float, str]  # days, and who looks so far


async def looks_back(connection: Connection, workspace: str) -> tuple[timedelta, str]:
    """The longest of those that hold, and whose it is."""
    query = "select playbook, spec from playbook_versions where workspace = %s and stage <> 'off'"
    books = await (await connection.execute(query, (workspace,))).fetchall()
    found: list[Reach] = [*of_rules(await rules_within(connection, workspace))]
    for name, spec in books:
        found += of_book(name, Playbook.model_validate(spec))
    days, whose = max(found, default=(0.0, ""))
    return timedelta(days=days), whose


def of_rules(rules: Rules, whose: str = "the rules of contact") -> Iterable[Reach]:
    for cap in rules.caps:
        yield cap.days, f"cap {cap.name} of {whose}"


def of_book(name: str, book: Playbook) -> Iterable[Reach]:
    yield from of_rules(book.rules, f"playbook {name}")
    yield book.rests.total_seconds() / 86_400, f"playbook {name}"
    yield book.window, f"the window of playbook {name}"
    if book.budget_days is not None:
        yield book.budget_days, f"the budget of playbook {name}"
    for action in book.actions:
        yield action.cool_down, f"the cool-down of {action.name} in playbook {name}"
        if action.capacity is not None:
            yield action.capacity.days, f"the capacity of {action.name} in playbook {name}"
