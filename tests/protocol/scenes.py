"""The small cases that are explored: in CI with one fault each; with more where REMIT_PROTOCOL_FAULTS says so.

What differs from tool to tool is how a doubt is settled. So the short form tries every fault on one of them and, on the
others, the two that leave a doubt; and of each other case the first schedules. REMIT_CHAOS_LONG=1 tries all of them.
"""

from __future__ import annotations

import os
from dataclasses import replace

from tests.protocol.world import Scene

FAULTS = int(os.environ.get("REMIT_PROTOCOL_FAULTS", "1"))  # in one schedule; 2 takes minutes a scene
LONG = bool(os.environ.get("REMIT_CHAOS_LONG") or os.environ.get("REMIT_PROTOCOL_FAULTS"))
ALL = ("kill", "stop", "cut", "lose", "fail", "slow")
DOUBTS = ("kill", "lose")
TOOLS = ("by_key", "by_lookup", "by_ask")
CRASHES = {
    tool: Scene(tool, faults=ALL if LONG or tool == "by_key" else DOUBTS, doubts=("approve",))
    for tool in TOOLS
}
APPROVED = Scene(
    faults=("kill", "lose"), approval=True, again=1, person=("approve", "reject"), doubts=("approve",)
)
SCENES: dict[str, Scene] = {
    **{
        f"{tool}: any one fault"
        if len(scene.faults) == len(ALL)
        else f"{tool}: killed, an answer lost": scene
        for tool, scene in CRASHES.items()
    },
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
# Tried whole in the short form
WHOLE = ("any one fault", "an answer lost", "by_lookup: stopped before the first byte")
# Too many to try them all: the first so many schedules, depth first.
CUT = (
    {"by_key: two runs, killed": 800} if LONG else {name: 300 for name in SCENES if not name.endswith(WHOLE)}
)
# What is known to go wrong, and is not mended yet: it must be found, and nothing else.
KNOWN: dict[str, set[str]] = {}


def deeper(scene: Scene) -> Scene:
    return replace(scene, at_most=max(scene.at_most, FAULTS))
