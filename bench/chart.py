"""Figures as SVG, readable in light and in dark: bars side by side, and lines over a logarithmic axis."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

WIDTH, ROW, HEAD, LABEL = 720, 26, 34, 215
COLOURS = ("#2f7ed8", "#d9822b", "#3f9d5a", "#a35bc4", "#8a8f98", "#c94f5d")
STYLE = """<style>
text { font: 13px system-ui, sans-serif; fill: #1f2328 } .title { font-weight: 600 } .faint { fill: #656d76 }
.grid { stroke: #d0d7de } .bar { fill: #8a8f98 } .ours { fill: #2f7ed8 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .faint { fill: #8d96a0 } .grid { stroke: #3d444d } .bar { fill: #767d86 }
}
</style>"""


@dataclass(frozen=True)
class Panel:
    """One group of bars: (label, value or None, what is written beside it). Remit's are set off."""

    title: str
    rows: Sequence[tuple[str, float | None, str]]


def bars(panels: Sequence[Panel]) -> str:
    """Horizontal bars, a panel below the other, each with a scale of its own."""
    parts, top = [], 0
    for panel in panels:
        parts.append(_text(0, top + 20, panel.title, "title"))
        top += HEAD
        longest = max([value or 0 for _, value, _ in panel.rows], default=0) or 1
        for label, value, written in panel.rows:
            width = (WIDTH - LABEL - 170) * (value or 0) / longest
            kind = "bar ours" if label.startswith("Remit") else "bar"
            parts.append(_text(LABEL - 10, top + 15, label, anchor="end"))
            if value is not None:
                parts.append(
                    f'<rect class="{kind}" x="{LABEL}" y="{top + 2}" width="{max(width, 2):.1f}" height="18" rx="2"/>'
                )
            parts.append(_text(LABEL + width + 8, top + 15, written, "faint"))
            top += ROW
        top += 14
    return _svg(parts, top)


def lines(
    title: str,
    x: str,
    xs: Sequence[float],
    series: Sequence[tuple[str, Sequence[float | None]]],
    height: int = 300,
) -> str:
    """Lines over `xs`, one a series, both axes logarithmic; a None is left out."""
    values = [value for _, ys in series for value in ys if value]
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    high = max(high, low + 1)
    left, right, top, bottom = 70, WIDTH - 200, 40, height - 40
    begin, end = math.log10(xs[0]), math.log10(xs[-1])

    def across(value: float) -> float:
        return left + (right - left) * (math.log10(value) - begin) / ((end - begin) or 1)

    def down(value: float) -> float:
        return bottom - (bottom - top) * (math.log10(value) - low) / (high - low)

    parts = [_text(0, 20, title, "title")]
    for power in range(low, high + 1):
        y = down(10**power)
        parts.append(f'<line class="grid" x1="{left}" y1="{y:.1f}" x2="{right}" y2="{y:.1f}"/>')
        parts.append(_text(left - 8, y + 4, f"{10**power:,}", "faint", "end"))
    parts += [_text(across(value), bottom + 20, f"{value:,g}", "faint", "middle") for value in xs]
    parts.append(_text((left + right) / 2, bottom + 36, x, "faint", "middle"))
    taken: list[float] = []
    for (label, ys), colour in zip(series, COLOURS, strict=False):
        points = [(across(a), down(b)) for a, b in zip(xs, ys, strict=True) if b]
        path = " ".join(f"{a:.1f},{b:.1f}" for a, b in points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3" fill="{colour}"/>' for a, b in points]
        y = points[-1][1]
        while any(abs(y - other) < 15 for other in taken):
            y += 3
        taken.append(y)
        parts.append(f'<circle cx="{right + 14}" cy="{y:.1f}" r="4" fill="{colour}"/>')
        parts.append(_text(right + 24, y + 4, label))
    return _svg(parts, height)


def _text(x: float, y: float, text: str, kind: str = "", anchor: str = "start") -> str:
    shown = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{shown}>{escape(text)}</text>'


def _svg(parts: Sequence[str], height: float) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" role="img">'
    )
    return "\n".join([head, STYLE, *parts, "</svg>", ""])
