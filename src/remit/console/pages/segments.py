"""Segments in the browser: people by conditions that are chosen, counted as they are, looked at, and taken along as a table."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse
from pydantic import ValidationError
from starlette.datastructures import FormData

from remit.console.cells import row
from remit.console.pages.today import Table
from remit.console.sheets import in_words, written
from remit.console.show import here, needs, page
from remit.errors import UserError
from remit.gate.unseen import shown
from remit.graph.behaviours import behaviours_of
from remit.graph.intents import list_intents
from remit.graph.rows import KINDS as HAPPENINGS
from remit.graph.segment import KINDS, MOST, Segment
from remit.graph.segments import (
    all_of,
    count,
    list_segments,
    measure,
    remove,
    save,
    segment_of,
    shown_of,
    sizes,
)
from remit.store.store import Store

router = APIRouter(dependencies=[needs("persons:read")])
CHANGES = [needs("persons:write")]
LISTED = 50
Json = Any


@dataclass(frozen=True, slots=True)
class Field:
    """How a field of a condition is asked for. `choices`: of a select; `known`: a list that suggests."""

    name: str
    label: str
    kind: str = "text"
    choices: Sequence[str] = ()
    known: str = ""
    first: str = ""  # what it holds when the condition is added


FIELDS: Mapping[str, tuple[Field, ...]] = {
    "stage": (Field("stage", "They are", choices=("new", "active", "back", "quiet", "dormant"), first="dormant"),),
    "did": (
        Field("kind", "What", known="kinds", first="page_view"), Field("channel", "Channel, any if empty"),
        Field("least", "At least so many times", "number", first="1"), Field("days", "In the last days, ever if empty", "number"),
    ),
    "silent": (Field("days", "For so many days", "number", first="90"),),
    "spent": (Field("currency", "Currency", first="EUR"), Field("least", "At least", "number", first="100")),
    "about": (Field("key", "What", first="plan"), Field("value", "Is, whatever if empty")),
    "wants": (
        Field("intent", "Intent", known="intents"), Field("days", "In the last days", "number", first="90"),
        Field("by", "By what they wrote, or do", choices=("either", "message", "behaviour"), first="either"),
    ),
    "feels": (Field("says", "They sound", choices=("unhappy", "neutral", "happy"), first="unhappy"),),
    "consent": (
        Field("channel", "By", first="email"), Field("purpose", "For", first="marketing"),
        Field("says", "They said", choices=("yes", "no", "unknown"), first="yes"),
    ),
    "known": (Field("kind", "Kind of identifier", first="email"), Field("checked", "A source has checked it", "checkbox")),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Draft:
    """A segment as it stands in a form: whatever somebody typed, with what is wrong with it, by field."""

    name: str
    note: str
    match: str
    conditions: Sequence[Mapping[str, str]]
    wrong: Mapping[str, str]
    segment: Segment | None = None


@router.get("/people/segments")
async def listed(request: Request) -> HTMLResponse:
    """All of the workspace."""
    return page(request, "segments.html", segments=await list_segments(here(request).store))


@router.get("/people/segments/new", dependencies=CHANGES)
async def new(request: Request) -> HTMLResponse:
    """A form with one condition to begin with."""
    first = {"what": "stage", **{one.name: one.first for one in FIELDS["stage"]}}
    return await _form(request, _checked(Draft("", "", "all", [first], {})))


@router.get("/people/segments/{segment}")
async def one(request: Request, segment: str, after: int = 0) -> HTMLResponse:
    """Who is in it now, and how many they were."""
    store = here(request).store
    kept = await segment_of(store, segment)
    size = await measure(store, segment)
    found = await shown_of(store, kept.segment, max(0, min(after, 2**62)), LISTED + 1)
    more = found[LISTED - 1].id if len(found) > LISTED else 0
    days = [
        (datetime.combine(day, time(), UTC), [float(people)]) for day, people in await sizes(store, segment)
    ]
    chart = Table([("people", "accent")], days)
    return page(
        request,
        "segment.html",
        kept=kept,
        size=size,
        people=found[:LISTED],
        more=more,
        chart=chart,
        after=after,
    )


@router.get("/people/segments/{segment}/edit", dependencies=CHANGES)
async def edit(request: Request, segment: str) -> HTMLResponse:
    kept = await segment_of(here(request).store, segment)
    conditions = [
        {
            key: "" if value is None or value is False else written(value)
            for key, value in one.model_dump().items()
        }
        for one in kept.segment.conditions
    ]
    return await _form(request, _checked(Draft(kept.name, kept.note, kept.segment.match, conditions, {})))


@router.get("/people/segments/{segment}/export")
async def export(request: Request, segment: str) -> StreamingResponse:
    """Everybody in it, as a table."""
    store = here(request).store
    kept = await segment_of(store, segment)
    named = {"content-disposition": f'attachment; filename="{kept.name}.csv"'}
    return StreamingResponse(_table(store, kept.segment), headers=named, media_type="text/csv; charset=utf-8")


async def _table(store: Store, segment: Segment) -> AsyncGenerator[str]:
    yield row(("person", "called", "known by", "last heard of"))
    async for found in all_of(store, segment):
        last = found.last.isoformat() if found.last else ""
        yield row((str(found.id), shown(found.called), shown(found.by), last))


@router.post("/people/segments", dependencies=CHANGES)
async def change(request: Request) -> Response:
    """A condition more or less, or all of it saved."""
    form = await request.form()
    draft, do = _read(form), str(form.get("do", "save"))
    if do.startswith("remove:"):
        kept = [one for at, one in enumerate(draft.conditions) if do != f"remove:{at}"]
        return await _form(request, _checked(Draft(draft.name, draft.note, draft.match, kept, {})))
    if do == "add" and (what := str(form.get("add", ""))) in FIELDS:
        more = [*draft.conditions, {"what": what, **{field.name: field.first for field in FIELDS[what]}}]
        return await _form(request, _checked(Draft(draft.name, draft.note, draft.match, more[:MOST], {})))
    if draft.segment is None:
        return await _form(request, draft, 422)
    try:
        await save(here(request).store, draft.name, draft.segment, draft.note, request.state.who)
    except UserError as error:
        wrong = {"name": str(error)}
        draft = Draft(draft.name, draft.note, draft.match, draft.conditions, wrong, draft.segment)
        return await _form(request, draft, 422)
    return RedirectResponse(f"/people/segments/{draft.name}", 303)


@router.post("/people/segments/size", dependencies=CHANGES)
async def size_of(request: Request) -> HTMLResponse:
    """How many they would be, as the form stands."""
    draft = _read(await request.form())
    return page(request, "segment_size.html", draft=draft, size=await _size(request, draft))


@router.post("/people/segments/{segment}/remove", dependencies=CHANGES)
async def removed(request: Request, segment: str) -> Response:
    await remove(here(request).store, segment, request.state.who)
    return RedirectResponse("/people/segments", 303)


async def _size(request: Request, draft: Draft) -> Any:
    return await count(here(request).store, draft.segment) if draft.segment else None


async def _form(request: Request, draft: Draft, status: int = 200) -> HTMLResponse:
    store = here(request).store
    return page(
        request,
        "segment_edit.html",
        status,
        draft=draft,
        fields=FIELDS,
        kinds={name: title for name, (title, _) in KINDS.items()},
        full=len(draft.conditions) >= MOST,
        known={
            "kinds": HAPPENINGS,
            "intents": sorted(
                {
                    *(one.name for one in await list_intents(store)),
                    *(one.pattern.intent for one in await behaviours_of(store)),
                }
            ),
        },
        size=await _size(request, draft),
    )


def _read(form: FormData) -> Draft:
    """What the form says: fields of conditions are named by their place, `0.days`."""
    found: dict[int, dict[str, str]] = {}
    for key, value in form.items():
        at, _, name = key.partition(".")
        if at.isdigit() and len(at) < 3 and name and isinstance(value, str):
            found.setdefault(int(at), {})[name] = value.strip()
    said = {key: str(form.get(key, "")).strip() for key in ("name", "note", "match")}
    conditions = [found[at] for at in sorted(found) if found[at].get("what") in FIELDS]
    return _checked(Draft(said["name"], said["note"][:300], said["match"] or "all", conditions, {}))


def _checked(draft: Draft) -> Draft:
    """With the segment that it is, or with what is wrong."""
    spec = {"match": draft.match, "conditions": [_spec(one) for one in draft.conditions]}
    if not draft.conditions:
        return Draft(draft.name, draft.note, draft.match, (), {"": "a segment takes one condition or more"})
    try:
        segment = Segment.model_validate(spec)
    except ValidationError as error:
        wrong = {_place(one["loc"]): in_words(one) for one in error.errors()}
        return Draft(draft.name, draft.note, draft.match, draft.conditions, wrong)
    return Draft(draft.name, draft.note, draft.match, draft.conditions, {}, segment)


def _spec(one: Mapping[str, str]) -> Json:
    """Without what is empty: it is as it is by default."""
    return {key: value for key, value in one.items() if value}


def _place(where: Sequence[int | str]) -> str:
    """`conditions`, 2, `did`, `days`: `2.days`."""
    return f"{where[1]}.{where[-1]}" if len(where) > 2 else str(where[0])
