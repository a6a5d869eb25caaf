"""Done checks of a replay that look at the world. The world is not what it was, so they answer as they did for the run
that is replayed, where this one claims the same; else they cannot verify.

A check names its code as `remit.agents.recheck:NAME OF THE CHECK`.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from remit.agents.check import Claim

RECORDING = "recording"  # the resource under which a replay has what was recorded
HERE = __name__


async def _recheck(name: str, claim: Claim) -> tuple[str, str]:
    recording = claim.resources[RECORDING]
    found: tuple[str, str] | None = recording.verdict(name, claim)
    return found or ("cannot verify", "not checked: this replay reads nothing anew, and claims another end")


def __getattr__(name: str) -> Any:
    if name.startswith("_"):
        raise AttributeError(name)
    return partial(_recheck, name)
