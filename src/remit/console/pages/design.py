"""The design system: every component that pages are made of, by the very macros that they use, in light and in dark."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from remit.console.show import TONES, needs, page
from remit.journal.index import RunRow

router = APIRouter(dependencies=[needs("runs:read")])
COLOURS = {
    "paper": "behind everything",
    "card": "what stands on it",
    "ink": "words",
    "soft": "words beside them",
    "line": "edges that only divide",
    "accent": "what can be pressed",
    "good": "done, allowed, vouched for",
    "wait": "somebody is waited for",
    "bad": "refused, failed, in doubt",
    "live": "goes on now",
    "unsure": "ended, and nobody can say how",
}
STATES = (*TONES, "not met", "refused", "failed")


@router.get("/design")
async def design(request: Request) -> HTMLResponse:
    now = datetime.now(UTC)
    rows = [
        RunRow(
            UUID(int=at),
            "clerk",
            goal,
            "ann@a.example",
            status,
            now - timedelta(hours=at),
            now,
            cost=Decimal(at),
        )
        for at, (goal, status) in enumerate(
            (("Please refund W1", "waiting"), ("Where is my parcel?", "met")), 1
        )
    ]
    return page(
        request,
        "design.html",
        colours=COLOURS,
        states=STATES,
        rows=rows,
        parts=[("did refund", "strong"), ("ok", "word"), ("40 dollars are paid back", "soft")],
        diff=["@@ -1,2 +1,2 @@", " Look first.", "-Then pay.", "+Then pay, up to fifty dollars."],
        wrong={"amount": "Give a number, as 12.50."},
        at=now,
    )
