"""Two runs side by side: where they part, what only one of them has, and what each came to."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from remit.beside import FIRST, Beside, side_by_side
from remit.compared import begun_otherwise, folded, parting
from remit.console.show import here, needs_of_agent, page
from remit.errors import UserError
from remit.journal.compare import Row, Totals
from remit.journal.events import Event
from remit.said import Part, said

router = APIRouter(dependencies=[needs_of_agent("runs:read")])
MOST = 400  # rows on a page
WORDS = {
    "steps": "Steps", "tokens": "Tokens", "cost": "Cost", "seconds": "Work", "effects": "Effects",
    "simulated": "Effects simulated", "denied": "Calls denied", "asked": "Approvals asked for",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Line:
    """Two events side by side, as the page shows them; or, in place of some, how many are the same."""

    kind: str  # same, a, b, differs; skipped
    row: Row | None = None
    skipped: int = 0

    @property
    def sides(self) -> tuple[tuple[Event | None, list[Part]], ...]:
        pair = (self.row.a, self.row.b) if self.row else ()
        return tuple((event, said(event) if event else []) for event in pair)


@router.get("/compare")
async def show(request: Request, a: str = "", b: str = "", all: bool = False) -> HTMLResponse:
    """`all`: what is the same, too."""
    if not a or not b:
        return page(request, "compare_which.html", a=a, b=b, wrong="")
    app = here(request)
    try:
        runs = await app.find(a.strip()), await app.find(b.strip())
    except UserError as error:
        return page(request, "compare_which.html", 404, a=a, b=b, wrong=str(error))
    beside = await side_by_side(app.store, app.gists, *runs, MOST if all else FIRST)
    lines = [
        Line("skipped", skipped=row) if isinstance(row, int) else Line(row.kind, row)
        for row in folded(beside.found.rows, all, beside.after, beside.hidden)
    ]
    left_out = sum(max(line.skipped, 1) for line in lines[MOST:])
    return page(request, "compare.html", **_values(beside), lines=lines[:MOST], left_out=left_out, all=all)


def _values(beside: Beside) -> dict[str, Any]:
    found, a, b = beside.found, beside.a, beside.b
    return {
        "a": a,
        "b": b,
        "found": found,
        "words": parting(found),
        "figures": [(WORDS[name], name, *both) for name, both in _figures(found.a, found.b)],
        "otherwise": begun_otherwise(found),
        "going": [side for side in (a, b) if side.state.finished is None],
    }


def _figures(a: Totals, b: Totals) -> list[tuple[str, tuple[Any, Any]]]:
    return [
        (one.name, (getattr(a, one.name), getattr(b, one.name))) for one in fields(a) if one.name in WORDS
    ]
