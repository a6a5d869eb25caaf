"""Settings: who changed what, and when; searched, and taken along as a file."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from datetime import timedelta
from typing import Any, TypedDict
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, StreamingResponse

from remit.access.audit import Entry, entries, record
from remit.console.cells import row
from remit.console.pages.runs import day
from remit.console.show import here, needs, page
from remit.errors import UnknownName
from remit.store.store import Store

router = APIRouter(dependencies=[needs("settings:read")])
PAGE = 50
AT_ONCE = 1_000  # entries read for a piece of a file
FIELDS = ("who", "what", "about", "from", "until")
FORMS = {"jsonl": "application/jsonl", "csv": "text/csv; charset=utf-8"}


class Asked(TypedDict, total=False):
    who: str
    what: str
    about: str
    since: Any
    until: Any


@router.get("/settings/audit")
async def log(request: Request, before: int | None = None) -> HTMLResponse:
    typed = {name: request.query_params.get(name, "").strip() for name in FIELDS}
    found = await entries(here(request).store, **_asked(typed), before=before, limit=PAGE + 1)
    filters = {name: value for name, value in typed.items() if value}
    older = urlencode({**filters, "before": found[PAGE - 1].id}) if len(found) > PAGE else ""
    return page(
        request,
        "audit.html",
        entries=found[:PAGE],
        typed=typed,
        filters=urlencode(filters),
        at_first=before is None,
        older=older,
    )


@router.get("/settings/audit/export")
async def export(request: Request, form: str = "jsonl") -> StreamingResponse:
    """All that the filters leave, however much it is; that it was taken is in the log too."""
    if form not in FORMS:
        raise UnknownName("form", form, FORMS)
    typed = {name: request.query_params.get(name, "").strip() for name in FIELDS}
    asked, store = _asked(typed), here(request).store
    async with store.pool.connection() as connection:
        await record(
            connection, request.state.who, "audit.exported", form, {k: v for k, v in typed.items() if v}
        )
    headers = {"Content-Disposition": f'attachment; filename="remit-audit.{form}"'}
    return StreamingResponse(written(store, asked, form), media_type=FORMS[form], headers=headers)


async def written(store: Store, asked: Asked, form: str) -> AsyncGenerator[str]:
    if form == "csv":
        yield row(["id", "at", "who", "what", "about", "detail"])
    before: int | None = None
    while found := await entries(store, **asked, before=before, limit=AT_ONCE):
        before = found[-1].id
        yield "".join(_csv(one) if form == "csv" else _json(one) for one in found)


def _json(one: Entry) -> str:
    said = {"id": one.id, "at": one.at.isoformat(), "who": one.who, "what": one.what, "about": one.about}
    return json.dumps({**said, "detail": one.detail}, ensure_ascii=False) + "\n"


def _csv(one: Entry) -> str:
    detail = json.dumps(one.detail, ensure_ascii=False) if one.detail else ""
    return row([str(one.id), one.at.isoformat(), one.who, one.what, one.about, detail])


def _asked(typed: dict[str, str]) -> Asked:
    """Raises UserError for a day that is none."""
    until = day(typed["until"])
    return {
        "who": typed["who"].replace("\x00", ""),
        "what": typed["what"].replace("\x00", ""),
        "about": typed["about"].replace("\x00", ""),
        "since": day(typed["from"]),
        "until": until + timedelta(days=1) if until else None,
    }
