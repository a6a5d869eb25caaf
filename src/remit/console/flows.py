"""Ways from step to step as a drawing: a column for each step, a band for whoever went on, an end for whoever did not. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from remit.graph.journeys import STEPS, Move

WIDE, TALL, GAP, ROOM, BAR = 1000, 360, 14, 34, 10  # in its own units; ROOM: what a label takes
MOST = 6  # steps of a column that are drawn by themselves
OTHERS = "others"


@dataclass(frozen=True, slots=True)
class Block:
    """A step in a column. `stopped`: how many did nothing after it."""

    x: float
    y: float
    height: float
    name: str
    people: int
    stopped: int


@dataclass(frozen=True, slots=True)
class Band:
    path: str
    width: float
    title: str


@dataclass(frozen=True, slots=True)
class Flows:
    wide: int
    tall: int
    blocks: Sequence[Block]
    bands: Sequence[Band]


def flows(moves: Sequence[Move]) -> Flows:
    """A column's rarer steps are one block."""
    columns: dict[int, Counter[str]] = defaultdict(Counter)
    for one in moves:
        columns[one.at][one.step] += one.people
    kept = {at: [name for name, _ in steps.most_common(MOST)] for at, steps in columns.items()}

    def named(at: int, step: str) -> str:
        return step if step in kept.get(at, ()) else OTHERS

    links: Counter[tuple[int, str, str]] = Counter()
    stopped: Counter[tuple[int, str]] = Counter()
    for one in moves:
        if one.to is None:
            stopped[one.at, named(one.at, one.step)] += one.people
        elif one.at < STEPS:
            links[one.at, named(one.at, one.step), named(one.at + 1, one.to)] += one.people
    first = sum(columns[1].values()) or 1
    scale = (TALL - GAP * MOST - 20) / first
    blocks: dict[tuple[int, str], Block] = {}
    for at, steps in columns.items():
        folded: Counter[str] = Counter()
        for step, people in steps.items():
            folded[named(at, step)] += people
        y = 20.0
        for name in sorted(folded, key=lambda each: (each == OTHERS, -folded[each], each)):
            x = (at - 1) * (WIDE - 150) / (STEPS - 1)
            blocks[at, name] = Block(
                round(x, 1),
                round(y, 1),
                round(max(2.0, folded[name] * scale), 1),
                name,
                folded[name],
                stopped[at, name],
            )
            y += max(blocks[at, name].height + GAP, ROOM)
    tall = max((block.y + block.height for block in blocks.values()), default=0)
    return Flows(WIDE, int(tall) + 20, list(blocks.values()), _bands(blocks, links, scale))


def _bands(
    blocks: dict[tuple[int, str], Block], links: Counter[tuple[int, str, str]], scale: float
) -> list[Band]:
    """Each block's bands leave it and reach it one below the other."""
    left: dict[tuple[int, str], float] = defaultdict(float)
    reached: dict[tuple[int, str], float] = defaultdict(float)
    bands = []
    for (at, step, to), people in sorted(links.items(), key=lambda one: (one[0][0], -one[1], one[0])):
        a, b, width = blocks[at, step], blocks[at + 1, to], max(1.0, people * scale)
        y, z = a.y + left[at, step] + width / 2, b.y + reached[at + 1, to] + width / 2
        left[at, step] += width
        reached[at + 1, to] += width
        x, end = a.x + BAR, b.x
        middle = (x + end) / 2
        path = f"M {x:.1f} {y:.1f} C {middle:.1f} {y:.1f}, {middle:.1f} {z:.1f}, {end:.1f} {z:.1f}"
        bands.append(Band(path, round(width, 1), f"{people:,} went from {step} to {to}"))
    return bands
