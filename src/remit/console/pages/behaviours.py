"""How wants show in what people do, in the browser: a pattern filled in, and tried on real people before it is saved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import ValidationError

from remit.console.sheets import Column, Filled, Sheet, filled, lay, mistakes, number, put, typed
from remit.console.show import here, needs, page
from remit.graph.behaviour import Pattern, Shown, sureness
from remit.graph.behaviours import Tried, behaviour_of, forget, infer, save, try_on
from remit.graph.people import Found, listed
from remit.graph.rows import KINDS

router = APIRouter(dependencies=[needs("persons:read")])
CHANGES = [needs("persons:write")]
Json = Any
SOME = 12  # people who show it
ANY = "anything"  # how a kind that may be any is written
WHICH = Column("properties", "Whose details say, as page=/pricing*")
WHAT = (Column("kind", "What they do"), Column("channel", "On channel, any if empty"), WHICH)
STEPS = Sheet(
    "when", "All of this has happened", ("when",),
    (*WHAT, Column("least", "At least so many times", "number"), Column("days", "Within so many days", "number")),
    f"What they do is a word such as {', '.join(KINDS[2:6])}, or {ANY}. A star stands for whatever follows.",
)  # fmt: skip
ENDS = Sheet(
    "without", "This ends it", ("without",), WHAT, "Once they do one of these, they do not want it any more."
)
SHEETS = (STEPS, ENDS)
SCALARS = (
    ("silence", "After a silence of so many days", "not needed"),
    ("wait", "Wait so many days for what ends it", "0"),
    ("half_life", "Half of it fades in so many days", "14"),
    ("confidence", "How sure it is until outcomes say it, 0 to 1", "0.5"),
    ("outcome.kind", "What shows that they wanted it", "nothing, so it is never counted"),
    ("outcome.days", "Within so many days after", "30"),
)
FIRST = {
    "intent": "",
    "when": [{"kind": "page_view", "properties": {"page": "/pricing*"}, "least": 3, "days": 7}],
}


@dataclass(frozen=True, slots=True)
class Draft:
    """A pattern as it stands in a form, with what is wrong with it, by field."""

    intent: str
    sheets: Sequence[Filled]
    scalars: Mapping[str, str]
    wrong: Mapping[str, str] = field(default_factory=dict)
    pattern: Pattern | None = None


@dataclass(frozen=True, slots=True)
class Showing:
    """Whom a pattern would name, of those on whom it was tried."""

    tried: Tried
    people: Sequence[tuple[Found, Shown]]
    sure: float


@router.get("/people/intents/behaviours/new", dependencies=CHANGES)
async def new(request: Request) -> HTMLResponse:
    return await _form(request, _drawn(FIRST), "")


@router.get("/people/intents/behaviours/{name}", dependencies=CHANGES)
async def one(request: Request, name: str) -> HTMLResponse:
    kept = await behaviour_of(here(request).store, name)
    return await _form(request, _drawn(kept.pattern.model_dump(exclude_defaults=True)), name, kept=kept)


@router.post("/people/intents/behaviours", dependencies=CHANGES)
async def change(request: Request) -> Response:
    """Tried, or saved in place of what has its name."""
    form = {key: str(value) for key, value in (await request.form()).items()}
    draft = _given(form)
    if form.get("do") == "save" and draft.pattern:
        await save(here(request).store, [draft.pattern], request.state.who)
        return RedirectResponse(f"/people/intents/behaviours/{draft.pattern.intent}", 303)
    return await _form(request, draft, form.get("name", ""), 422 if draft.wrong else 200)


@router.post("/people/intents/behaviours/tried", dependencies=CHANGES)
async def tried(request: Request) -> HTMLResponse:
    """Who would show it now, as the form stands."""
    draft = _given({key: str(value) for key, value in (await request.form()).items()})
    return page(request, "behaviour_tried.html", draft=draft, showing=await _showing(request, draft))


@router.post("/people/intents/behaviours/count", dependencies=CHANGES)
async def counted(request: Request) -> Response:
    """Count of everybody what followed: how sure each is, is known by that from then on."""
    await infer(here(request).store)
    return RedirectResponse("/people/intents#does", 303)


@router.post("/people/intents/behaviours/{name}/forget", dependencies=CHANGES)
async def forgotten(request: Request, name: str) -> Response:
    await forget(here(request).store, name, request.state.who)
    return RedirectResponse("/people/intents#does", 303)


async def _showing(request: Request, draft: Draft) -> Showing | None:
    if draft.pattern is None:
        return None
    store = here(request).store
    tried = await try_on(store, draft.pattern)
    latest = sorted(tried.now, key=lambda person: tried.now[person].at, reverse=True)[:SOME]
    people = [(one, tried.now[one.id]) for one in await listed(store, dict.fromkeys(latest, ""))]
    return Showing(tried, people, sureness(draft.pattern, tried.count.shown, tried.count.followed))


async def _form(
    request: Request, draft: Draft, name: str, status: int = 200, kept: Any = None
) -> HTMLResponse:
    return page(
        request,
        "behaviour.html",
        status,
        draft=draft,
        name=name,
        kept=kept,
        scalars=SCALARS,
        kinds=(*KINDS, ANY),
        showing=await _showing(request, draft),
    )


def _drawn(data: Mapping[str, Json]) -> Draft:
    """A pattern as a form shows it."""
    shown = {**data, **{sheet.key: [_as_text(one) for one in data.get(sheet.key, ())] for sheet in SHEETS}}
    scalars = {way: _at(data, way) for way, *_ in SCALARS}
    return _checked(str(data.get("intent", "")), [filled(shown, sheet) for sheet in SHEETS], scalars)


def _given(form: Mapping[str, str]) -> Draft:
    scalars = {way: form.get(f"at.{way}", "").strip() for way, *_ in SCALARS}
    return _checked(form.get("intent", "").strip(), [typed(form, sheet) for sheet in SHEETS], scalars)


def _checked(intent: str, sheets: Sequence[Filled], scalars: Mapping[str, str]) -> Draft:
    """With the pattern that it is, or with what is wrong."""
    data: dict[str, Json] = {"intent": intent}
    for sheet in sheets:
        lay(data, sheet)
        data[sheet.sheet.key] = [_as_data(one) for one in data.get(sheet.sheet.key, ())]
    for way, value in scalars.items():
        if value:
            put(data, way.split("."), value if way == "outcome.kind" else number(value))
    if "kind" not in data.get("outcome", {}):
        data.pop("outcome", None)
    try:
        return Draft(intent, sheets, scalars, {}, Pattern.model_validate(data))
    except ValidationError:
        return Draft(intent, sheets, scalars, mistakes(Pattern, data, SHEETS))


def _as_text(one: Mapping[str, Json]) -> dict[str, Json]:
    """A step as a row: its details in one line."""
    which = ", ".join(f"{key}={_said(value)}" for key, value in one.get("properties", {}).items())
    return {"least": 1, "days": 7, **one, "kind": one.get("kind") or ANY, "properties": which}


def _as_data(row: Mapping[str, Json]) -> dict[str, Json]:
    """A row as a step: `page=/pricing*, plan=team` are details."""
    said = (part.partition("=") for part in str(row.get("properties", "")).split(",") if part.strip())
    made = {**row, "properties": {key.strip(): value.strip() for key, _, value in said}}
    return {**made, "kind": "" if made.get("kind") == ANY else made.get("kind", "")}


def _at(data: Json, way: str) -> str:
    for one in way.split("."):
        data = data.get(one) if isinstance(data, dict) else None
    return "" if data is None else _said(data)


def _said(value: Json) -> str:
    return (
        str(value).lower()
        if isinstance(value, bool)
        else f"{value:g}"
        if isinstance(value, float)
        else str(value)
    )
