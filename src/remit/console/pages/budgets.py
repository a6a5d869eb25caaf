"""Settings: what the workspace and its agents may spend on models, and what they have spent."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from remit.budgets import AGENT, list_budgets, parse_money, parse_tokens, remove_budget, set_budget
from remit.catalogue.kept import list_kept
from remit.console.show import here, needs, page
from remit.errors import UserError

router = APIRouter()
READ, WRITE = [needs("settings:read")], [needs("settings:write")]
Typed = Annotated[str, Form()]


@router.get("/settings/budgets", dependencies=READ)
async def budgets(request: Request, agent: str = "", period: str = "month") -> HTMLResponse:
    """With the amounts of one of them to be changed, where it is named."""
    typed = {"agent": agent, "period": period, "money": "", "tokens": ""}
    for one in await list_budgets(here(request).store):
        if (one.agent, one.period) == (agent, period) and "agent" in request.query_params:
            typed["money"] = "" if one.money is None else str(one.money)
            typed["tokens"] = "" if one.tokens is None else str(one.tokens)
    return await _page(request, typed, {})


@router.post("/settings/budgets", dependencies=WRITE)
async def change(
    request: Request, agent: Typed = "", period: Typed = "", money: Typed = "", tokens: Typed = ""
) -> Response:
    typed = {"agent": agent.strip(), "period": period, "money": money.strip(), "tokens": tokens.strip()}
    wrong: dict[str, str] = {}
    amount, count = None, None
    try:
        amount = parse_money(typed["money"]) if typed["money"] else None
    except UserError as error:
        wrong["money"] = str(error)
    try:
        count = parse_tokens(typed["tokens"]) if typed["tokens"] else None
    except UserError as error:
        wrong["tokens"] = str(error)
    app = here(request)
    try:
        if not wrong:
            await set_budget(app.store, typed["agent"], period, amount, count, request.state.who)
    except UserError as error:
        wrong["agent" if typed["agent"] and not AGENT.fullmatch(typed["agent"]) else "money"] = str(error)
    if wrong:
        return await _page(request, typed, wrong, 422)
    app.purse.forget()
    return RedirectResponse("/settings/budgets", 303)


@router.post("/settings/budgets/remove", dependencies=WRITE)
async def remove(request: Request, agent: Typed = "", period: Typed = "") -> Response:
    app = here(request)
    await remove_budget(app.store, agent, period, request.state.who)
    app.purse.forget()
    return RedirectResponse("/settings/budgets", 303)


async def _page(
    request: Request, typed: dict[str, str], wrong: dict[str, str], status: int = 200
) -> HTMLResponse:
    store = here(request).store
    return page(
        request,
        "budgets.html",
        status,
        budgets=await list_budgets(store),
        agents=[one.name for one in await list_kept(store, archived=False)],
        typed=typed,
        wrong=wrong,
    )
