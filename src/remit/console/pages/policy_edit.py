"""The editor of the rules for every agent: checked, tried on past runs, and only then saved."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from remit.agents.workspace import read_workspace, workspace_of
from remit.app import App
from remit.console.show import here, needs, page
from remit.errors import SpecError, UserError
from remit.past import Anew, in_groups, judge_again, outcome
from remit.rulebook import Changed, checked, mark_of, text_of, version, with_rule
from remit.tools.registry import installed

router = APIRouter(dependencies=[needs("policy:write")])
AMOUNTS = (20, 100, 300)  # of past runs that a change may be tried on
SHOWN = 5  # calls of a group
FIELDS = ("tool", "decision", "when", "argument", "most", "condition", "because", "by", "persons")
WHEN = {
    "always": "always",
    "over": "where an amount is over …",
    "unverified": "where the person is not verified",
    "untrusted": "after the run has read strangers' words",
    "condition": "where a condition holds …",
}
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Draft:
    """What stands in the editor, and what came of what was last asked about it."""

    text: str
    base: str  # the mark of the text that it began from
    note: str = ""
    rule: Mapping[str, str] = field(default_factory=lambda: dict.fromkeys(FIELDS, ""))
    runs: int = AMOUNTS[1]
    wrong: str = ""  # about the text
    wrong_rule: str = ""  # about the rule to add
    anew: Anew | None = None
    said: str = ""


@router.get("/policy/edit")
async def edit(request: Request, version_of: int = 0) -> HTMLResponse:
    """`version_of`: begin from an earlier version, rather than from what holds."""
    app = here(request)
    text = await text_of(app.store)
    if not version_of:
        return editor(request, app, Draft(text, mark_of(text)))
    was, _ = await version(app.store, version_of)
    return editor(request, app, Draft(was.text, mark_of(text), f"Back to version {was.id}"))


@router.post("/policy/edit")
async def change(request: Request) -> Response:
    app = here(request)
    form = {name: str(value) for name, value in (await request.form()).items()}
    draft = Draft(
        text=form.get("text", "").replace("\r\n", "\n"),
        base=form.get("base", ""),
        note=form.get("note", "").strip()[:300],
        rule={name: form.get(name, "").strip() for name in FIELDS},
        runs=next((number for number in AMOUNTS if str(number) == form.get("runs")), AMOUNTS[1]),
    )
    if form.get("deed") == "add":
        draft = added(draft)
        return editor(request, app, draft, 422 if draft.wrong_rule else 200)
    try:
        made = checked(app.settings, draft.text)
        if form.get("deed") == "save":
            await app.rulebook.save(app.store, draft.text, draft.note, request.state.who, draft.base)
            return RedirectResponse("/policy", 303)
        if form.get("deed") == "simulate":
            draft = replace(draft, anew=await judge_again(app, None, draft.runs, workspace=made.rules))
        else:
            draft = replace(draft, said="These rules can be used.")
    except Changed as error:
        now = mark_of(await text_of(app.store))
        return editor(request, app, replace(draft, wrong=str(error), base=now), 409)
    except UserError as error:
        return editor(request, app, replace(draft, wrong=bare(error)), 422)
    return editor(request, app, draft)


def added(draft: Draft) -> Draft:
    """With the rule of the form as the last of the text, where it can be meant."""
    try:
        text = with_rule(draft.text, rule_of(draft.rule))
        read_workspace(text)
    except UserError as error:
        return replace(draft, wrong_rule=bare(error))
    words = "The rule stands at the end now. Nothing is saved yet."
    return replace(draft, text=text, rule=dict.fromkeys(FIELDS, ""), said=words)


def rule_of(form: Mapping[str, str]) -> dict[str, Any]:
    """The rule that a form says, as the file has it. Raises UserError for what is missing."""
    tools = [tool.strip() for tool in form["tool"].split(",") if tool.strip()]
    if not tools:
        raise UserError("say for which tool the rule is; * is all of them")
    decision = form["decision"] if form["decision"] in ("ask", "deny") else "ask"
    rule: dict[str, Any] = {"tool": tools[0] if len(tools) == 1 else tools, decision: condition_of(form)}
    if people := [name.strip() for name in form["by"].split(",") if name.strip()]:
        rule["by"] = people
    if form["persons"] not in ("", "1"):
        rule["persons"] = int(form["persons"]) if form["persons"].isdecimal() else form["persons"]
    if form["because"]:
        rule["because"] = form["because"]
    return rule


def condition_of(form: Mapping[str, str]) -> str:
    match form["when"]:
        case "over":
            if not NAME.fullmatch(form["argument"]):
                raise UserError("say which argument holds the amount, as the tool names it: amount")
            if not re.fullmatch(r"-?\d{1,15}(\.\d{1,6})?", form["most"]):
                raise UserError("say over how much: a number, as 50 or 49.90")
            return f"has(args.{form['argument']}) && args.{form['argument']} > {form['most']}"
        case "unverified":
            return "!person.verified"
        case "untrusted":
            return "run.untrusted"
        case "condition":
            if not form["condition"]:
                raise UserError("write the condition, as args.amount > 50, or choose `always`")
            return form["condition"]
    return "true"


def bare(error: UserError) -> str:
    """Without the name of the file, which the page is about: `line 3: …`."""
    if isinstance(error, SpecError) and error.path:
        where = f"line {error.line}: " if error.line else ""
        return where + str(error).removeprefix(f"{error.path}:{error.line}: ").removeprefix(f"{error.path}: ")
    return str(error)


def file_of(app: App) -> Path | None:
    """The file that holds beside what is saved; None: there is none, or it cannot be used, which the page of rules says."""
    try:
        return workspace_of(app.settings).path
    except UserError:
        return None


def editor(request: Request, app: App, draft: Draft, status: int = 200) -> HTMLResponse:
    return page(
        request,
        "policy_edit.html",
        status,
        draft=draft,
        file=file_of(app),
        groups=in_groups(draft.anew) if draft.anew else [],
        outcome=outcome,
        shown=SHOWN,
        amounts=AMOUNTS,
        when=WHEN,
        tools=sorted(installed()),
    )
