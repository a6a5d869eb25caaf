"""What the workspace and its agents may spend on models, and what they have spent."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from remit import budgets as kept
from remit.api.guard import Served, Settles, Surveys, documented
from remit.api.problems import Refused, at
from remit.api.schemas import Sent
from remit.budgets import Budget, Period
from remit.errors import UnknownName, UserError

router = APIRouter(prefix="/budgets", tags=["budgets"])
Agent = Annotated[
    str,
    Query(
        pattern="^$|^[a-z][a-z0-9_-]*$",
        max_length=100,
        description="Whose; left out: the workspace's, for all agents together.",
    ),
]


class NewBudget(Sent):
    """How much: in money, in tokens, or both."""

    money: str | None = Field(
        None, pattern=r"^[0-9]{1,9}(\.[0-9]{1,4})?$", description="In US dollars.", examples=["50.00"]
    )
    tokens: int | None = Field(None, ge=0, le=kept.MOST_TOKENS, description="Of all models together.")


class BudgetOut(BaseModel):
    """A budget, and what is spent of it in the day or month that goes on."""

    agent: str = Field(description="Whose; empty: the workspace's, for all agents together.")
    period: Period = Field(description="By UTC.")
    money: Decimal | None = Field(description="In US dollars; null: not limited.")
    tokens: int | None = Field(description="null: not limited.")
    since: datetime = Field(description="When the day or month began.")
    until: datetime = Field(description="When the next begins.")
    spent_money: Decimal
    spent_tokens: int
    waiting: int = Field(description="How many runs wait until a budget of theirs has room.")
    by: str = Field(description="Who set it.")
    set_at: datetime


class BudgetPage(BaseModel):
    """All of them, the workspace's first."""

    budgets: list[BudgetOut]


@router.get("", summary="List budgets", **documented("settings:read"))
async def list_budgets(app: Served, caller: Surveys) -> BudgetPage:
    """What the workspace and its agents may spend, and what they have spent."""
    return BudgetPage(budgets=[_out(one) for one in await kept.list_budgets(app.store)])


@router.put("/{period}", summary="Set a budget", **documented("settings:write", 400))
async def set_budget(
    app: Served, caller: Settles, period: Period, wanted: NewBudget, agent: Agent = ""
) -> BudgetOut:
    """For a day or a month, in place of the one that is set. Runs under way hear of it within two seconds; runs that wait for
    room look again at once."""
    money = None if wanted.money is None else Decimal(wanted.money)
    try:
        made = await kept.set_budget(app.store, agent, period, money, wanted.tokens, caller.who)
    except UserError as error:
        raise at("", str(error)) from error
    app.purse.forget()
    return _out(made)


@router.delete(
    "/{period}", status_code=204, summary="Remove a budget", **documented("settings:write", 400, 404)
)
async def remove_budget(app: Served, caller: Settles, period: Period, agent: Agent = "") -> None:
    """It limits nothing any more; runs that wait for it look again at once."""
    try:
        await kept.remove_budget(app.store, agent, period, caller.who)
    except UnknownName as error:
        raise Refused(404, str(error)) from error
    app.purse.forget()


def _out(budget: Budget) -> BudgetOut:
    return BudgetOut.model_validate(budget, from_attributes=True)
