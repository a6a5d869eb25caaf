"""Playbooks in the browser: which version stands where, what they decide and what that brings, and how far each may go."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from math import isfinite

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from remit.console.pages.people import given_in
from remit.console.pages.today import Table
from remit.console.show import here, needs, page
from remit.console.whiskers import whiskers
from remit.decisions.kept import Version, list_playbooks, put, version_of, versions
from remit.decisions.overview import DAYS, Overview, overview_of
from remit.decisions.quality import candidates
from remit.decisions.shown import shown_of
from remit.decisions.stage import STAGES, Stage, Values, broken, obstacle
from remit.decisions.totals import together, totals_of
from remit.errors import UserError

router = APIRouter(dependencies=[needs("persons:read")])
CHANGES = [needs("agents:write")]
ACTIONS = 5  # with a colour of their own
NEXT: dict[Stage, Stage] = {"off": "shadow", "shadow": "ramp", "ramp": "live"}


@router.get("/decisions")
async def playbooks(request: Request) -> HTMLResponse:
    """All of the workspace, and what each brings."""
    store = here(request).store
    kept = await list_playbooks(store)
    more = {}
    for name in kept:
        totals = await totals_of(store, name)
        acting = together(totals, lambda one: one.choice and not one.shadow)
        more[name] = _more(acting, together(totals, lambda one: one.holdout))
    return page(request, "decisions.html", playbooks=kept, more=more)


@router.get("/decisions/{playbook}")
async def one(request: Request, playbook: str) -> HTMLResponse:
    """What it decides, what that brings, and which version stands where."""
    return await _page(request, playbook)


@router.post("/decisions/{playbook}/stage", dependencies=CHANGES)
async def stage(request: Request, playbook: str) -> Response:
    """A version goes a step up, on what it has shown, or down."""
    store, given = here(request).store, await given_in(request)
    number, wanted = given.get("version", ""), given.get("stage", "")
    if wanted not in STAGES or not (number.isascii() and number.isdigit() and len(number) < 9):
        raise UserError("say which version is to stand where")
    version = await version_of(store, playbook, int(number))
    try:
        share = float(given.get("share") or 10) / 100
        await put(
            store,
            version,
            wanted,
            request.state.who,
            await shown_of(store, version),
            share,
            given.get("anyway", ""),
        )
    except ValueError:
        return await _page(request, playbook, {f"share-{number}": "a share is a number of per cent: 10"})
    except UserError as error:
        return await _page(request, playbook, {f"share-{number}": str(error).partition(" To have it")[0]})
    return RedirectResponse(f"/decisions/{playbook}", 303)


@router.get("/decisions/{playbook}/versions/{version}")
async def version(request: Request, playbook: str, version: int) -> HTMLResponse:
    """What a version says, and what it changed."""
    found = await versions(here(request).store, playbook)
    this = await version_of(here(request).store, playbook, version)
    before = next((one for one in found if one.version < version), None)
    return page(request, "playbook_version.html", one=this, before=before, lines=_diff(before, this))


@router.get("/decisions/{playbook}/candidates")
async def others(request: Request, playbook: str) -> HTMLResponse:
    """What each version that stands would have brought, estimated from the log: a piece of the playbook's page that takes a while."""
    store = here(request).store
    kept = await versions(store, playbook)
    standing = [one for one in kept if one.stage != "off"] or kept[:1]
    return page(request, "playbook_candidates.html", candidates=await candidates(store, standing))


def _diff(before: Version | None, now: Version) -> list[str]:
    if before is None:
        return []
    return list(difflib.unified_diff(before.text.splitlines(), now.text.splitlines(), lineterm=""))[2:]


async def _page(request: Request, playbook: str, wrong: dict[str, str] | None = None) -> HTMLResponse:
    store, now = here(request).store, datetime.now(UTC)
    kept = await versions(store, playbook)
    quality = await overview_of(store, playbook, now)
    standing = [one for one in kept if one.stage != "off"]
    tried = [(one, await _may(request, one)) for one in (standing or kept[:1])]
    return page(
        request,
        "playbook.html",
        422 if wrong else 200,
        playbook=playbook,
        kept=kept,
        warnings=kept[0].warnings,
        standing=tried,
        quality=quality,
        more=_more(quality.acting, quality.holdout),
        drawing=whiskers(
            [
                ("held out", quality.holdout, "off"),
                ("all that was done", quality.acting, "accent"),
                *((each.action, each.values, "live") for each in quality.done),
            ]
        ),
        chances=Table([("choices", "accent")], [(name, [float(count)]) for name, count in quality.chances]),
        days=_by_day(quality, now),
        wrong=wrong or {},
    )


def _more(acting: Values, holdout: Values) -> tuple[float, float, float] | None:
    """How much more a decision brings than none, with a 95 % interval; None where that is not known yet."""
    more = acting.over(holdout)
    return more if all(map(isfinite, more)) else None


async def _may(request: Request, one: Version) -> dict[str, object]:
    """What a version has shown, where it goes next, and what speaks against that."""
    shown = await shown_of(here(request).store, one)
    rails = broken(one.book.guardrails, shown)
    onward = NEXT.get(one.stage)
    rows = [(rail, shown.followed.get(rail.name, 0)) for rail in one.book.guardrails]
    return {
        "shown": shown,
        "rails": rows,
        "broken": rails,
        "next": onward,
        "against": obstacle(one.stage, onward, shown, rails) if onward else "",
    }


def _by_day(quality: Overview, now: datetime) -> Table:
    """How often each action was chosen on each day; the rarest share a colour."""
    counts: dict[str, int] = {}
    for chosen in quality.days.values():
        for name, count in chosen.items():
            counts[name] = counts.get(name, 0) + count
    named = sorted(counts, key=lambda name: (-counts[name], name))
    own, rest = named[:ACTIONS], named[ACTIONS:]
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    heads = [(name, "") for name in own] + ([("others", "off")] if rest else [])

    def values(day: datetime) -> Sequence[float]:
        found = quality.days.get(day, {})
        return [float(found.get(name, 0)) for name in own] + (
            [float(sum(found.get(name, 0) for name in rest))] if rest else []
        )

    return Table(
        heads,
        [(day, values(day)) for day in (today - timedelta(days=back) for back in reversed(range(DAYS)))],
    )
