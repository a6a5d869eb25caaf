"""Counts, not adjectives: a table on the screen, and JSON in the folder that REMIT_CHAOS_REPORT names."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from statistics import quantiles
from typing import Any

from tests.chaos.invariants import Tally


def report(
    name: str, tallies: Sequence[Tally], *, kills: int = 0, take_overs: Sequence[float] = (), **more: Any
) -> None:
    """Add the tallies up and show them. `take_overs`: seconds each."""
    total = Tally()
    for tally in tallies:
        total.counts += tally.counts
        for key, value in tally.counts.items():
            total.counts.setdefault(key, value)
        total.statuses += tally.statuses
        total.violations += tally.violations
    total.counts["take-overs"] = len(take_overs)
    times = _times(take_overs)
    print(f"\n{name}\n{total.table(kills=kills, **more, **times)}")
    if folder := os.environ.get("REMIT_CHAOS_REPORT"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        found = {"kills": kills, **more, **times, **total.counts, "ended": total.statuses}
        found["violations"] = total.violations
        path = Path(folder) / f"{re.sub(r'[^a-z0-9]+', '-', name)}.json"
        path.write_text(json.dumps(found, indent=2) + "\n")


def _times(seconds: Sequence[float]) -> dict[str, float]:
    """Median, 99th percentile and worst time from a death to the run going on elsewhere."""
    if len(seconds) < 2:
        return {}
    cuts = quantiles(seconds, n=100)
    found = {"median": cuts[49], "p99": min(cuts[98], max(seconds)), "worst": max(seconds)}
    return {f"take-over {name}, s": round(value, 3) for name, value in found.items()}
