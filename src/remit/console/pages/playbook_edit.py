"""Playbooks and the rules of contact, changed without code: as a form or as the YAML that it stands for, checked, and saved in versions."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import BaseModel

from remit.agents.yaml import checked, read, written
from remit.console.sheets import Column, Filled, Sheet, filled, lay, mistakes, number, put, typed
from remit.console.show import here, needs, page
from remit.decisions import ruled
from remit.decisions.action import WRITTEN, Playbook, Rules
from remit.decisions.aim import Said
from remit.decisions.kept import save, version_of
from remit.decisions.standing import rules_of
from remit.decisions.worded import warnings_of
from remit.errors import SpecError, UserError

router = APIRouter(dependencies=[needs("agents:write")])
Json = Any
NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}")
TAKEN = ("new", "rules", "edit", "flows")  # what addresses below /decisions mean otherwise
DOES = ("send", "call", "route", "start", "offer", "escalate", "wait", "nothing")
CHANNELS = Column("channels", "On channels, all if empty", "list")
CAPS = (
    Column("name", "Name"),
    Column("count", "At most", "number"),
    Column("days", "In days", "number"),
    CHANNELS,
)
QUIET = (Column("start", "From"), Column("end", "Until"), CHANNELS)
ACTIONS = Sheet(
    "actions", "Actions", ("actions",), (
        Column("name", "Name"), Column("does", "Does", choices=DOES), Column("channel", "Channel"), Column("purpose", "Purpose"),
        Column("goal", "Goal"), Column("what", "Template, team or agent"), Column("cost", "Cost", "number"),
        Column("cool_down", "Rest days", "number"), Column("capacity.count", "At most", "number"),
        Column("capacity.days", "In days", "number"),
    ), "What may be done. At most so often in so many days is for all people together, as a team can do so much.",
)  # fmt: skip
GOALS = Sheet(
    "goals", "Goals, and what counts for them", (), (
        Column("goal", "Goal"), Column("kind", "What counts", "text"), Column("channel", "On channel, any if empty"),
        Column("currency", "Its value in"), Column("worth", "Worth each", "number"), Column("weight", "Weight of the goal", "number"),
    ), "An interaction of this kind counts as so much; with a currency, its value does, so many times. A goal may have several rows.",
)  # fmt: skip
TEMPLATES = Sheet(
    "templates", "Templates", ("templates",), (
        Column("name", "Name"), Column("subject", "Subject of mail"), Column("text", "Text", "words"),
        Column("approved", "Approved by WhatsApp, as HX…"),
    ), "{first_name|dear customer} stands for what is known of a person, or for what follows the bar. WhatsApp takes the text within 24 hours of what somebody "
    "wrote, and otherwise what it has approved.", "mappings",
)  # fmt: skip
THROUGH = Sheet(
    "through", "What templates go by", ("through",), (
        Column("channel", "Channel", choices=("", *WRITTEN)), Column("connection", "Connection"),
    ), "By channel, the connection of the workspace.", "values",
)  # fmt: skip
OF_BOOK = (
    ACTIONS,
    TEMPLATES,
    THROUGH,
    Sheet(
        "caps",
        "At most so many contacts",
        ("rules", "caps"),
        CAPS,
        "With each person, beside what the workspace's rules say.",
    ),
    Sheet(
        "quiet", "Quiet hours", ("rules", "quiet"), QUIET, "By the person's own clock, as 21:00 until 08:00."
    ),
)
OF_RULES = (
    Sheet("caps", "At most so many contacts", ("caps",), CAPS, "With each person, whoever makes them: every agent, every playbook."),
    Sheet("quiet", "Quiet hours", ("quiet",), QUIET, "By the person's own clock, as 21:00 until 08:00."),
    Sheet("laws", "What laws ask", ("laws",), (
        Column("name", "Name"), Column("countries", "Countries, all if empty", "list"), CHANNELS,
        Column("consent", "Consent", choices=("", "yes", "not no")), Column("because", "Because"),
    )),
)  # fmt: skip
SCALARS: Mapping[str, Sequence[tuple[str, str, str]]] = {  # way, label, what stands for nothing
    "book": (
        ("holdout", "Share held out", "0.05"), ("window", "Days in which outcomes count", "14"),
        ("every", "Days for which a choice holds", "as long"), ("budget", "Budget of a round", "none"),
        ("rules.zone", "Time zone of people of unknown zone", "none"),
    ),
    "rules": (("zone", "Time zone of people of unknown zone", "none"),),
}  # fmt: skip
FIRST = "actions:\n  - {name: nothing, does: nothing}\nholdout: 0.05\n"


@dataclass(frozen=True, slots=True)
class Kind:
    """What is edited."""

    name: str
    model: type[Said]
    sheets: Sequence[Sheet]


BOOK, RULES = Kind("book", Playbook, OF_BOOK), Kind("rules", Rules, OF_RULES)


@dataclass(frozen=True, slots=True)
class Draft:
    """What stands in the editor. `goals`: goal, weight, kind, channel, currency and worth, one line each thing that counts."""

    text: str
    note: str = ""
    base: str = ""
    as_text: bool = False
    sheets: Sequence[Filled] = ()
    scalars: Mapping[str, str] = field(default_factory=dict)
    wrong: Mapping[str, str] = field(default_factory=dict)
    said: str = ""
    warned: Sequence[str] = ()


@router.get("/decisions/new")
async def new(request: Request) -> HTMLResponse:
    return _shown(request, BOOK, "", _drawn(BOOK, FIRST))


@router.get("/decisions/rules")
async def rules(request: Request) -> HTMLResponse:
    """Those of the workspace: for every agent and playbook."""
    store = here(request).store
    kept = await ruled.versions(store, 10)
    text = written((await rules_of(store)).model_dump(mode="json", exclude_defaults=True) or {})
    base = str(kept[0].version if kept else 0)
    return _shown(
        request, RULES, "", _drawn(RULES, "" if text.strip() == "{}" else text, base=base), versions=kept
    )


@router.get("/decisions/{playbook}/edit")
async def edit(request: Request, playbook: str, version: str = "") -> HTMLResponse:
    """From the newest version, or an earlier one."""
    number = int(version) if version.isascii() and version.isdigit() and len(version) < 9 else None
    one = await version_of(here(request).store, playbook, number)
    return _shown(
        request, BOOK, playbook, _drawn(BOOK, one.text, f"back to version {number}" if number else "")
    )


@router.post("/decisions/rules")
async def set_rules(request: Request) -> Response:
    draft, do = await _given(request, RULES)
    if do == "save" and not draft.wrong:
        try:
            made = checked(Rules, read(draft.text, "the rules") or {}, "the rules")
            base = int(draft.base) if draft.base.isdigit() and len(draft.base) < 9 else 0
            await ruled.set_rules(here(request).store, made, draft.note, request.state.who, base)
        except UserError as error:
            draft = _drawn(RULES, draft.text, draft.note, draft.base, draft.as_text, {"": str(error)})
        else:
            return RedirectResponse("/decisions/rules", 303)
    kept = await ruled.versions(here(request).store, 10)
    return _shown(request, RULES, "", draft, 422 if draft.wrong else 200, versions=kept)


@router.post("/decisions/edit")
async def change(request: Request) -> Response:
    """Checked, or kept as a new version in shadow."""
    draft, do = await _given(request, BOOK)
    name = str((await request.form()).get("name", "")).strip()
    if do == "save" and not draft.wrong:
        if NAME.fullmatch(name) and name not in TAKEN:
            book = checked(Playbook, read(draft.text, "the playbook"), "the playbook")
            await save(here(request).store, name, draft.text, book, draft.note, request.state.who)
            return RedirectResponse(f"/decisions/{name}", 303)
        wrong = {"name": f"a small letter, then letters, digits, - or _; and not {', '.join(TAKEN)}"}
        draft = _drawn(BOOK, draft.text, draft.note, "", draft.as_text, wrong)
    return _shown(request, BOOK, name, draft, 422 if draft.wrong else 200)


async def _given(request: Request, kind: Kind) -> tuple[Draft, str]:
    """What a form says, as text or as tables laid over the text that they came from; and what is to be done."""
    form = {key: str(value).replace("\r\n", "\n") for key, value in (await request.form()).items()}
    text, note = form.get("text", ""), form.get("note", "").strip()[:300]
    base, do, as_text = form.get("base", ""), form.get("do", "check"), form.get("as") == "text"
    if as_text:
        return _drawn(kind, text, note, base, do != "turn", said=_said(do)), do
    data = read(text, "the text") or {}
    sheets = [typed(form, sheet) for sheet in kind.sheets]
    for sheet in sheets:
        lay(data, sheet)
    if kind is BOOK:
        goals = typed(form, GOALS)
        lay_goals(data, goals)
        sheets.insert(1, goals)
    scalars = {way: form.get(f"at.{way}", "").strip() for way, *_ in SCALARS[kind.name]}
    for way, value in scalars.items():
        put(data, way.split("."), number(value) if value else None)
    wrong = mistakes(kind.model, data, kind.sheets)
    laid = written(data) if data else ""
    if do == "turn":
        return _drawn(kind, laid, note, base, True), do
    warned = _warned(kind, laid) if not wrong else ()
    return Draft(laid, note, base, False, sheets, scalars, wrong, _said(do) if not wrong else "", warned), do


def _warned(kind: Kind, text: str) -> Sequence[str]:
    """What is to be known of a document in which nothing is wrong."""
    return warnings_of(checked(Playbook, read(text, "line"), "line")) if kind is BOOK and text else ()


def _said(do: str) -> str:
    return "Nothing is wrong with it." if do == "check" else ""


def _drawn(
    kind: Kind,
    text: str,
    note: str = "",
    base: str = "",
    as_text: bool = False,
    wrong: Mapping[str, str] | None = None,
    said: str = "",
) -> Draft:
    """A text as a draft; one that cannot be read stays text."""
    try:
        data = read(text, "line") or {}
        if not wrong:
            checked(kind.model, data, "line")
    except SpecError as error:
        return Draft(text, note, base, True, wrong={"text": str(error)})
    sheets = [filled(data, sheet) for sheet in kind.sheets]
    if kind is BOOK:
        sheets.insert(1, Filled(GOALS, [*goals_of(data), {}]))
    scalars = {way: _scalar(data, way) for way, *_ in SCALARS[kind.name]}
    warned = _warned(kind, text) if not wrong else ()
    return Draft(text, note, base, as_text, sheets, scalars, wrong or {}, said, warned)


def goals_of(data: Json) -> list[Mapping[str, str]]:
    """A row of each thing that counts; a goal of which nothing is said to count has one of its own."""
    rows: list[Mapping[str, str]] = []
    for name, said in (data.get("goals") or {}).items():
        goal = said if isinstance(said, dict) else {"weight": said}
        weight = {"goal": str(name), "weight": str(goal.get("weight", ""))}
        counts = goal.get("counts") or [{}]
        rows += [weight | {key: str(value) for key, value in one.items()} for one in counts]
    return rows


def lay_goals(data: Json, given: Filled) -> None:
    """Have the document say the goals of a form; the last weight that is given for a goal is its own."""
    found: dict[str, dict[str, Json]] = {}
    for row in given.rows:
        if not row.get("goal"):
            continue
        goal = found.setdefault(row["goal"], {})
        if row.get("weight"):
            goal["weight"] = number(row["weight"])
        count = {key: row[key] for key in ("kind", "channel", "currency") if row.get(key)}
        if row.get("worth"):
            count["worth"] = number(row["worth"])
        if count:
            goal.setdefault("counts", []).append(count)
    put(data, ("goals",), {name: goal or {"weight": 1} for name, goal in found.items()} or None)


def _scalar(data: Json, way: str) -> str:
    for one in way.split("."):
        data = data.get(one) if isinstance(data, dict) else None
    return "" if data is None else str(data)


def _shown(
    request: Request,
    kind: Kind,
    name: str,
    draft: Draft,
    status: int = 200,
    versions: Sequence[BaseModel | Any] = (),
) -> HTMLResponse:
    return page(
        request,
        "playbook_edit.html",
        status,
        kind=kind.name,
        name=name,
        draft=draft,
        scalars=SCALARS[kind.name],
        versions=versions,
    )
