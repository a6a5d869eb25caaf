"""Accounts in the browser: companies, households, teams; who belongs to one, how they stand, and what happened across its people."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from remit.console.pages.people import given_in
from remit.console.show import here, needs, page
from remit.errors import UserError
from remit.graph.accounts.look import (
    Account,
    find_account,
    happened_across,
    keys_of,
    members,
    proposed,
    search_accounts,
)
from remit.graph.accounts.relations import relations_among
from remit.graph.accounts.sums import sums_of
from remit.graph.accounts.word import belongs
from remit.graph.accounts.words import because, figures_of
from remit.graph.people import find
from remit.graph.purposes import limits_of
from remit.graph.words import happened

router = APIRouter(dependencies=[needs("persons:read")])
CHANGES = [needs("persons:write")]
LISTED = 100
LATELY = 20  # interactions


@router.get("/people/accounts")
async def accounts(request: Request, q: str = "") -> HTMLResponse:
    """Those whose name or identifier begins so; without a question the latest."""
    found = await search_accounts(here(request).store, q[:320], LISTED)
    return page(request, "graph_accounts.html", q=q, accounts=found)


@router.get("/people/accounts/{account}")
async def one(request: Request, account: str) -> HTMLResponse:
    """Who belongs to it, with how they stand, and what happened."""
    return await _page(request, await find_account(here(request).store, account))


@router.post("/people/accounts/{account}", dependencies=CHANGES)
async def say(request: Request, account: str) -> Response:
    """Say that somebody belongs to it, or does not."""
    store, given = here(request).store, await given_in(request)
    found = await find_account(store, account)
    try:
        person = await find(store, given.get("person", ""))
        await belongs(
            store, person, found, request.state.who, role=given.get("role", ""), no=given.get("do") == "no"
        )
    except UserError as error:
        return await _page(request, found, {"person": str(error)}, given)
    return RedirectResponse(f"/people/accounts/{quote(account, safe='')}", 303)


async def _page(
    request: Request, found: Account, wrong: dict[str, str] | None = None, typed: dict[str, str] | None = None
) -> HTMLResponse:
    store, now = here(request).store, datetime.now(UTC)
    people = await members(store, found, now, limit=LISTED)
    ends = {end for link in found.evidence for end in (link.a, link.b)}
    sums, limits = await sums_of(store, found, now), await limits_of(store)
    return page(
        request,
        "graph_account.html",
        422 if wrong else 200,
        account=found,
        sums=sums,
        figures=figures_of(sums, now),
        members=people,
        proposed=await proposed(store, found),
        relations=await relations_among(store, [member.person for member in people], now),
        called={member.person: member.called for member in people},
        events=await happened_across(store, [member.person for member in people], LATELY),
        happened=happened,
        keys=await keys_of(store, ends),
        limited={key: said for key in found.about if (said := limits.account(key)) is not None},
        evidence=[(link, because(link)) for link in found.evidence],
        wrong=wrong or {},
        typed={"person": "", "role": ""} | (typed or {}),
    )
