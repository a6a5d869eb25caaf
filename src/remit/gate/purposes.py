"""What data may be used for: a part of their label of confidentiality, which only ever gets smaller, and the purposes of a run. Pure.

A word of a declaration ends with it: `person:id,email for service,fraud`. Of two words about a value both hold, so that it may be used for what is
in both. Without it everything is allowed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

DEFAULT = "service"  # of a run of which nobody says what it is for
NAME = r"[a-z][a-z0-9_-]{0,39}"
NOTHING = "nothing"
_LIMITED = re.compile(rf"(.*) for ({NAME}(?:,{NAME})*)", re.DOTALL)
Purposes = frozenset[str] | None  # None: all


def parted(word: str) -> tuple[str, Purposes]:
    """A word without its purposes, and these."""
    found = _LIMITED.fullmatch(word)
    if found is None:
        return word, None
    return found[1], frozenset(found[2].split(",")) - {NOTHING}


def joined(word: str, purposes: Purposes) -> str:
    """The other way round."""
    return word if purposes is None else f"{word} for {','.join(sorted(purposes)) or NOTHING}"


def common(several: Iterable[Purposes]) -> Purposes:
    """For what all of them may be used."""
    limits = [one for one in several if one is not None]
    return frozenset.intersection(*limits) if limits else None


def told(purposes: Iterable[str]) -> str:
    return " and ".join(sorted(purposes)) or NOTHING
