"""The small cases that are explored: all of them in CI with one fault each; with more where REMIT_PROTOCOL_FAULTS says so."""

from __future__ import annotations

import os
from dataclasses import replace

from tests.protocol.world import Scene

FAULTS = int(os.environ.get("REMIT_PROTOCOL_FAULTS", "1"))  # in one schedule; 2 takes minutes a scene
ALL = ("kill", "stop", "cut", "lose", "fail", "slow")
CRASHES = {tool: Scene(tool, faults=ALL, doubts=("approve",)) for tool in ("by_key", "by_lookup", "by_ask")}
APPROVED = Scene(
    faults=("kill", "lose"), approval=True, again=1, person=("approve", "reject"), doubts=("approve",)
)
SCENES: dict[str, Scene] = {
    **{f"{tool}: any one fault": scene for tool, scene in CRASHES.items()},
    "by_key: approved, answered twice, killed": replace(APPROVED, tool="by_key", person=("approve",)),
    "by_ask: approved, answered twice, killed": replace(
        APPROVED, tool="by_ask", again=0, person=("approve",)
    ),
    **{
        f"{tool}: cancelled, killed": Scene(tool, faults=("kill",), cancels=1, doubts=("answer",))
        for tool in CRASHES
    },
    "by_key: cancelled, a connection lost": Scene(faults=("fail",), cancels=1, workers=1),
    **{
        f"{tool}: stopped before the first byte": Scene(tool, faults=("late",), late=True, doubts=("reject",))
        for tool in CRASHES
    },
    "by_key: two runs, killed": Scene(faults=("kill",), runs=2),
}
# Too many to try them all: the first so many schedules, depth first.
CUT = {"by_key: two runs, killed": 800}
# What is known to go wrong, and is not mended yet: it must be found, and nothing else.
KNOWN: dict[str, set[str]] = {}


def deeper(scene: Scene) -> Scene:
    return replace(scene, at_most=max(scene.at_most, FAULTS))
