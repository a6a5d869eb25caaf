"""`remit budgets`: what the workspace and its agents may spend on models."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.text import Text

from remit.budgets import Budget, list_budgets, parse_money, parse_tokens, remove_budget, set_budget
from remit.cli.common import Json, console, group, listing, me, perform, print_json
from remit.cli.here import open_here

budgets = group(
    help="What the workspace, and each of its agents, may spend on models in a day and in a month (by UTC). What is used up "
    "makes runs wait, and they go on by themselves when it is raised or the next day or month begins. Each prints JSON with "
    "--json.\n\nExample: remit budgets set month 50",
)
Period = Annotated[str, typer.Argument(help="day or month")]
Agent = Annotated[str, typer.Option(help="Of this agent's runs; left out: of all together.")]


@budgets.command("list")
def list_(as_json: Json = False) -> None:
    """What may be spent, and what is.

    Example: remit budgets list
    """
    perform(_list(as_json))


@budgets.command("set")
def set_(
    period: Period,
    money: Annotated[str, typer.Argument(help="US dollars, as 50 or 12.50; left out: not limited.")] = "",
    tokens: Annotated[str, typer.Option(help="As 2000000 or 2M; left out: not limited.")] = "",
    agent: Agent = "",
    as_json: Json = False,
) -> None:
    """Set a budget, in place of the one that is set.

    Examples:

    remit budgets set month 50

    remit budgets set day 5 --tokens 2M --agent support --json
    """
    perform(_set(period, money, tokens, agent, as_json))


@budgets.command()
def remove(period: Period, agent: Agent = "", as_json: Json = False) -> None:
    """Limit it no more.

    Example: remit budgets remove day --agent support
    """
    perform(_remove(period, agent, as_json))


async def _list(as_json: bool) -> None:
    async with open_here() as app:
        found = await list_budgets(app.store)
    if as_json:
        print_json([_shown(one) for one in found])
        return
    if not found:
        console.print("No budget is set; `remit budgets set month 50` sets one for all agents together.")
        return
    table = listing("of", "a", "budget", "spent", "used", "runs waiting", "set by")
    for one in found:
        used = f"{one.share:.0%}"
        table.add_row(
            Text(one.agent or "the workspace"),
            one.period,
            _amount(one.money, one.tokens),
            _amount(one.spent_money, one.spent_tokens if one.tokens is not None else None),
            Text(used, "red" if one.share >= 1 else "yellow" if one.low else ""),
            str(one.waiting or ""),
            Text(one.by),
        )
    console.print(table)


async def _set(period: str, money: str, tokens: str, agent: str, as_json: bool) -> None:
    amount = parse_money(money) if money else None
    count = parse_tokens(tokens) if tokens else None
    async with open_here() as app:
        made = await set_budget(app.store, agent, period, amount, count, me())
    if as_json:
        print_json(_shown(made))
        return
    spent = _amount(made.spent_money, made.spent_tokens if made.tokens is not None else None)
    console.print(
        Text(
            f"{made.agent or 'the workspace'}: {_amount(made.money, made.tokens)} a {period}; {spent} is spent"
        )
    )


async def _remove(period: str, agent: str, as_json: bool) -> None:
    async with open_here() as app:
        await remove_budget(app.store, agent, period, me())
    if as_json:
        print_json({"agent": agent, "period": period, "removed": True})
    else:
        console.print(Text(f"{agent or 'the workspace'}: not limited a {period} any more"))


def _amount(money: Any, tokens: int | None) -> str:
    parts = [] if money is None else [f"${money:,.2f}"]
    parts += [] if tokens is None else [f"{tokens:,} tokens"]
    return " and ".join(parts)


def _shown(budget: Budget) -> dict[str, Any]:
    return {**asdict(budget), "until": budget.until, "share": round(budget.share, 4)}
