"""Where the graph hears of people, in the browser: files that are sent, other systems, and rows that were set aside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.datastructures import UploadFile

from remit.console.pages.people import given_in
from remit.console.show import here, needs, page
from remit.cron import parse_zone
from remit.errors import UserError
from remit.graph.aside import count_aside
from remit.graph.files import rows_in
from remit.graph.ingest import BATCH, Taken, read_in, take_all
from remit.graph.rows import KINDS, SHORTHANDS, Interaction
from remit.intake import uploads
from remit.intake.columns import FIELDS, INSIDE, Column, Laying, columns_of, format_of, laid, slug
from remit.intake.kept import list_intakes
from remit.intake.uploads import LARGEST, Upload

router = APIRouter(dependencies=[needs("persons:write")])
Json = Any
SOME = 5  # rows that are shown as they would come in
ALWAYS = ("kind", "channel", "currency")  # what may be said for all rows at once
CHOICES = ("", *FIELDS)


@dataclass(frozen=True, slots=True)
class Reading:
    """A file as it would come in: `good` and `aside` count its first rows, `why` groups what is set aside."""

    source: str
    laying: Laying
    verified: frozenset[str]
    typed: Mapping[str, str]
    good: int = 0
    some: Sequence[Interaction] = ()
    aside: int = 0
    why: Sequence[tuple[str, str, int, int]] = ()  # field, why, times, first line
    wrong: str = ""
    more: bool = False  # than were read


@router.get("/people/sources")
async def sources(request: Request, taken: str = "", known: str = "", aside: str = "") -> HTMLResponse:
    counts = [
        int(one) if one.isascii() and one.isdigit() and len(one) < 9 else 0 for one in (taken, known, aside)
    ]
    return await _page(request, came=counts if any(counts) else None)


@router.post("/people/sources/files")
async def sent(request: Request) -> Response:
    """Kept until it is said what its columns are."""
    form = await request.form()
    file = form.get("file")
    try:
        if not isinstance(file, UploadFile) or not file.filename:
            raise UserError("choose a file")
        number = await uploads.put(here(request).store, file.filename, await file.read(), request.state.who)
    except UserError as error:
        return await _page(request, wrong={"file": str(error)})
    return RedirectResponse(f"/people/sources/files/{number}", 303)


@router.get("/people/sources/files/{upload}")
async def file(request: Request, upload: UUID) -> HTMLResponse:
    one = await uploads.upload_of(here(request).store, upload)
    return _file(request, one, {})


@router.post("/people/sources/files/{upload}")
async def taken(request: Request, upload: UUID) -> Response:
    """Looked at as it would come in, taken in, or let go."""
    store, form = here(request).store, await given_in(request)
    one = await uploads.upload_of(store, upload)
    if form.get("do") == "drop":
        await uploads.drop(store, upload)
        return RedirectResponse("/people/sources", 303)
    reading = _read(one, form)
    if form.get("do") != "take" or reading.wrong:
        return _file(request, one, form, reading)
    told = Taken()
    rows = _rows(one, reading.laying)
    async for some in take_all(store, rows, reading.source, reading.verified):
        told += some
    await uploads.drop(store, upload)
    counts = f"taken={told.new}&known={told.known}&aside={len(told.set_aside)}"
    return RedirectResponse(f"/people/sources?{counts}", 303)


async def _page(
    request: Request, wrong: Mapping[str, str] | None = None, came: Sequence[int] | None = None
) -> HTMLResponse:
    store = here(request).store
    connects = "connections:write" in request.state.rights
    return page(
        request,
        "sources.html",
        422 if wrong else 200,
        intakes=await list_intakes(store) if connects else [],
        aside=await count_aside(store),
        wrong=wrong or {},
        came=came,
        largest=LARGEST,
    )


def _file(
    request: Request, one: Upload, form: Mapping[str, str], reading: Reading | None = None
) -> HTMLResponse:
    columns = _columns(one)
    reading = reading or _read(one, form)
    return page(
        request,
        "source_file.html",
        422 if reading.wrong else 200,
        one=one,
        columns=columns,
        reading=reading,
        fields=FIELDS,
        inside=[(f"{kind}.", title) for kind, title in INSIDE.items()],
        slug=slug,
        kinds=KINDS,
        identifiers=[name for name in SHORTHANDS if name in reading.laying.into or not columns],
        batch=BATCH,
    )


def _columns(one: Upload) -> list[Column]:
    return columns_of(one.text) if format_of(one.name) == "csv" else []


def _read(one: Upload, form: Mapping[str, str]) -> Reading:
    """As a form says, or as it is likely meant where nothing was said yet."""
    source = form.get("source", slug(one.name.rpartition(".")[0])).strip()[:100]
    verified = frozenset(key.removeprefix("verified.") for key in form if key.startswith("verified."))
    try:
        columns = _columns(one)
        laying = _laying(columns, form)
    except UserError as error:
        return Reading(source, Laying(), verified, form, wrong=str(error))
    if not source:
        return Reading(source, laying, verified, form, wrong="say whose rows they are, as shop or crm")
    rows: list[tuple[int, Json]] = []
    try:
        for row in _rows(one, laying):
            if len(rows) == BATCH:
                break
            rows.append(row)
    except UserError as error:
        return Reading(source, laying, verified, form, wrong=str(error))
    found = read_in(rows, source, verified, datetime.now(UTC))
    times = Counter((bad.field, bad.why) for bad in found.aside)
    first = {(bad.field, bad.why): bad.line for bad in reversed(found.aside)}
    why = [(field, said, many, first[field, said]) for (field, said), many in times.most_common(8)]
    some = list(found.good.values())[:SOME]
    more = len(rows) == BATCH
    return Reading(source, laying, verified, form, len(found.good), some, len(found.aside), why, "", more)


def _laying(columns: Sequence[Column], form: Mapping[str, str]) -> Laying:
    """Raises UserError."""
    if not columns:
        return Laying()
    into = [_into(column, form.get(f"into.{at}", column.likely)) for at, column in enumerate(columns)]
    always = {name: form.get(f"always.{name}", "").strip() for name in ALWAYS if name not in into}
    if "kind" not in into and not always["kind"]:
        always["kind"] = "record"
    if "at" not in into:
        always["at"] = datetime.now(UTC).isoformat()
    zone = form.get("zone", "").strip()
    return Laying(
        into, {name: value for name, value in always.items() if value}, parse_zone(zone).key if zone else ""
    )


def _into(column: Column, chosen: str) -> str:
    """`properties.` stands for a property that is called as the column is."""
    return f"{chosen}{slug(column.name)}" if chosen.endswith(".") else chosen


def _rows(one: Upload, laying: Laying) -> Any:
    if format_of(one.name) == "jsonl":
        return rows_in(one.text.encode().splitlines(keepends=True), "jsonl")
    return laid(one.text, laying)
