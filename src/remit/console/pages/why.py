"""Why a call was made: what led to it, as a graph from the events in which each value stood to the call, and in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from pydantic_core import to_jsonable_python

from remit.console.show import here, needs_of_agent, page
from remit.gate.unseen import shown
from remit.said import brief
from remit.waiting import vouching
from remit.whence import why_of
from remit.why import Source, Value, Why

router = APIRouter(dependencies=[needs_of_agent("runs:read")])
ROW, TALL, WIDE, GAP = 56, 44, 240, 90  # of the graph's boxes, in its own units
LINE = 32  # characters in a box
MOST = 40  # sources, and values, that are drawn; the words below have all values, and so many sources of each
SAYS = {  # who says so, and in which colour
    "grant": ("good", "the goal, or what started the run"),
    "person": ("good", "a person, verified"),
    "system": ("live", "a system that is trusted"),
    "member": ("wait", "a member of the workspace"),
    "untrusted": ("bad", "anybody: it is not trusted"),
    "model": ("off", "the model alone"),
}


@dataclass(frozen=True, slots=True)
class Box:
    """`y` is its upper edge."""

    x: int
    y: int
    tone: str
    title: str
    text: str
    event: int = 0  # where it can be read; 0: nowhere

    @property
    def middle(self) -> int:
        return self.y + TALL // 2


@dataclass(frozen=True, slots=True)
class Edge:
    path: str
    tone: str


@dataclass(frozen=True, slots=True)
class Graph:
    boxes: Sequence[Box]
    edges: Sequence[Edge]
    left_out: int
    legend: Sequence[tuple[str, str]]  # the colours that occur, with what they mean

    @property
    def width(self) -> int:
        return 3 * WIDE + 2 * GAP

    @property
    def height(self) -> int:
        return max(box.y for box in self.boxes) + ROW


@router.get("/runs/{prefix}/why/{step}")
async def why_page(request: Request, prefix: str, step: str, form: str = "") -> Response:
    """`step`: a call's id, or an event's number. `form=json`: for programs."""
    app = here(request)
    run = await app.find(prefix)
    found = await why_of(app.store, run, step)
    if form == "json":
        return JSONResponse(to_jsonable_python(found.as_data()))
    return page(
        request,
        "why.html",
        run=run,
        why=found,
        call=found.call,
        judged=found.call.judged,
        graph=drawn(found),
        says=SAYS,
        most=MOST,
        evidence={one.name: vouching(one.name, found.call.judged) for one in found.values},
    )


def drawn(found: Why) -> Graph:
    """Where values stood, then the values, then the call."""
    values = found.values[:MOST]
    before = {source.seq: source for value in values for source in _sources(value, found)}
    origins = {
        seq: Box(0, ROW * at, SAYS[source.integrity][0], source.what, f"event {seq}", seq)
        for at, (seq, source) in enumerate(list(before.items())[:MOST])
    }
    boxes, edges = [*origins.values()], []
    call = Box(
        2 * (WIDE + GAP),
        ROW * max(len(values) - 1, 0) // 2,
        "call",
        found.call.call.tool,
        found.outcome + (f", approved by {found.call.approved_by}" if found.call.approved_by else ""),
    )
    for at, value in enumerate(values):
        sources = _sources(value, found)
        tone = SAYS[best(sources).integrity][0]
        box = Box(WIDE + GAP, ROW * at, tone, value.name, brief(value.value, 200))
        boxes.append(box)
        edges += [_edge(origins[one.seq], box) for one in sources if one.seq in origins]
        edges.append(_edge(box, call))
    boxes.append(call)
    said = {source.integrity for value in values for source in _sources(value, found)}
    legend = [words for integrity, words in SAYS.items() if integrity in said]
    return Graph([_cut(box) for box in boxes], edges, len(found.values) - len(values), legend)


def _sources(value: Value, found: Why) -> Sequence[Source]:
    """Where a value stood; else it is the model's."""
    return value.sources or (Source(found.call.seq, "written by the model", "model"),)


def best(sources: Sequence[Source]) -> Source:
    """Whose word is worth most."""
    order = list(SAYS)
    return min(sources, key=lambda source: order.index(source.integrity))


def _edge(start: Box, end: Box) -> Edge:
    left, right = start.x + WIDE, end.x
    half = (left + right) // 2
    return Edge(
        f"M{left} {start.middle} C{half} {start.middle} {half} {end.middle} {right} {end.middle}", start.tone
    )


def _cut(box: Box) -> Box:
    """With texts that fit, and nothing unseen in them."""
    title, text = (brief(shown(words), LINE) for words in (box.title, box.text))
    return Box(box.x, box.y, box.tone, title, text, box.event)
