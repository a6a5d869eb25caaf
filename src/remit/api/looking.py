"""Why a run did something, and how two runs differ."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from remit.api.guard import Reads, Served, documented
from remit.api.problems import Refused
from remit.api.schemas import Status
from remit.beside import hidden_rows, side_by_side
from remit.errors import UserError
from remit.journal.compare import Row, Totals
from remit.tools.thread import in_thread
from remit.whence import why_of

router = APIRouter(tags=["events"])


class Origin(BaseModel):
    """An event in which a value stood before the call."""

    event: int = Field(description="Its number.")
    what: str = Field(description="`the goal`, `a person's answer`, or the tool whose result it was.")
    integrity: str = Field(description="Who says so.")


class ValueOut(BaseModel):
    """An argument of a call."""

    name: str
    value: Any
    written: Any = Field(description="What the model wrote: a reference, where it is not the value itself.")
    evidence: str = Field(description="What vouches for it.")
    sources: list[Origin] = Field(description="Where it stood before; nowhere: the model wrote it.")


class WhyOut(BaseModel):
    """What led to a call."""

    run: UUID
    call: str
    tool: str
    outcome: str = Field(examples=["ok"])
    answer: int = Field(description="The event with the model's answer that wanted it.")
    verdict: str = Field(description="`allow`, `ask` or `deny`; empty: it was not judged.")
    rule: str
    reasons: list[str]
    approved_by: str
    values: list[ValueOut]


class TotalsOut(BaseModel):
    """What a run came to."""

    run: UUID
    status: Status
    steps: int
    tokens: int
    cost: Decimal
    seconds: float
    effects: int = Field(description="That happened.")
    simulated: int
    denied: int
    asked: int = Field(description="Approvals.")


class ChangeOut(BaseModel):
    """A value that differs."""

    where: str = Field(description="Its path.", examples=["calls.cancel.order"])
    a: Any
    b: Any


class RowOut(BaseModel):
    """Two events side by side, or one alone."""

    kind: Literal["same", "a", "b", "differs"]
    a: int | None = Field(description="The event's number in the first run.")
    b: int | None = Field(description="In the second.")
    aside: bool = Field(description="Of no weight for where the runs part.")
    note: str
    changes: list[ChangeOut]


class Parting(BaseModel):
    """Where two runs part: in each the event, or the last one before it."""

    a: int
    b: int


class ComparisonOut(BaseModel):
    """Two runs, event by event."""

    same: bool
    parted: Parting | None
    a: TotalsOut
    b: TotalsOut
    rows: list[RowOut]


@router.get("/runs/{run}/calls/{call}/why", summary="See what led to a call", **documented("runs:read", 404))
async def why_call(app: Served, caller: Reads, run: UUID, call: str) -> WhyOut:
    """The answer that wanted it, the verdict and its rule, who approved it, and where each of its values stood before."""
    try:
        await app.find(str(run))
        found = await why_of(app.store, run, call)
    except UserError as error:
        raise Refused(404, str(error)) from error
    judged = found.call.judged
    return WhyOut(
        run=run,
        call=found.call.call.id,
        tool=found.call.call.tool,
        outcome=found.outcome,
        answer=found.call.seq,
        verdict=found.verdict,
        rule=found.rule,
        reasons=judged.reasons if judged else [],
        approved_by=found.call.approved_by,
        values=[
            ValueOut(
                name=one.name,
                value=one.value,
                written=one.written,
                evidence=one.evidence,
                sources=[Origin(event=s.seq, what=s.what, integrity=s.integrity) for s in one.sources],
            )
            for one in found.values
        ],
    )


@router.get("/runs/{run}/compare", summary="Compare two runs", **documented("runs:read", 404))
async def compare_runs(
    app: Served,
    caller: Reads,
    run: UUID,
    other: Annotated[UUID, Query(alias="with", description="The second run.")],
) -> ComparisonOut:
    """What only one has, what differs and in what, and where they part. Ids, times and costs do not count."""
    for one in (run, other):
        try:
            await app.find(str(one))
        except UserError as error:
            raise Refused(404, str(error)) from error
    beside = await side_by_side(app.store, app.gists, run, other)
    found = beside.found
    hidden = [_same(seq, aside) for seq, aside in await hidden_rows(app.store, beside)]
    rows = await in_thread(lambda: [_row(row) for row in found.rows])
    parted = found.divergence
    return ComparisonOut(
        same=found.same,
        parted=Parting(a=parted.a, b=parted.b) if parted else None,
        a=_totals(found.a),
        b=_totals(found.b),
        rows=[*rows[: beside.after], *hidden, *rows[beside.after :]],
    )


def _totals(totals: Totals) -> TotalsOut:
    return TotalsOut.model_validate(totals, from_attributes=True)


def _same(seq: int, aside: bool) -> RowOut:
    return RowOut(kind="same", a=seq, b=seq, aside=aside, note="", changes=[])


def _row(row: Row) -> RowOut:
    return RowOut(
        kind=row.kind,
        a=row.a.seq if row.a else None,
        b=row.b.seq if row.b else None,
        aside=row.aside,
        note=row.note,
        changes=[ChangeOut(where=one.where, a=one.a, b=one.b) for one in row.changes],
    )
