"""Every effect in every journal of the suite has an allowing verdict before it: looked at after each test with a database.

A verdict allows where it says so, or where it asks and enough people said yes to the very call that it was about. Taking an
effect back is a person's word of its own. A test that forges a journal says so by `@pytest.mark.forged_journal("why")`.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import Any
from uuid import UUID

import psycopg

Row = tuple[UUID, int, str, str]  # run, number, type, body
TYPES = ("judged", "asked", "endorsed", "replied", "undo_wanted", "intended", "acted")
# Of an outcome only the beginning is read: results are large.
_OUTCOME = re.compile(
    r'\{"call_id":("(?:[^"\\]|\\.)*"),"tool":"(?:[^"\\]|\\.)*"(?:,"effect":"(\w+)")?(?:,"status":"(\w+)")?'
)


async def journals(url: str) -> list[Row]:
    """What matters of all journals in a database, in order."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        found = await connection.execute(
            "select run, seq, type, case type when 'acted' then left(body::text, 2000) else body::text end "
            "from events where type = any(%s) order by run, seq",
            [list(TYPES)],
        )
        return await found.fetchall()


def unallowed(rows: Iterable[Row]) -> Iterator[str]:
    """In words, each effect without an allowing verdict before it."""
    runs: dict[UUID, _Run] = defaultdict(_Run)
    for run, seq, kind, text in rows:
        why = runs[run].wrong(kind, text)
        if why:
            yield f"run {run}, event {seq} ({kind}): {why}"


class _Run:
    """What was decided so far of the calls of one run."""

    def __init__(self) -> None:
        self.verdicts: dict[str, dict[str, Any]] = {}
        self.asked: dict[str, dict[str, Any]] = {}
        self.yeses: Counter[str] = Counter()  # by question
        self.undone: set[str] = set()
        self.intended: set[str] = set()

    def wrong(self, kind: str, text: str) -> str:
        if kind == "acted":
            return self._acted(text)
        body = json.loads(text)
        call = body.get("call_id", "")
        match kind:
            case "judged":
                self.verdicts[call] = body
            case "asked" if body.get("kind") == "approval":
                self.asked[body["ask_id"]] = body
                self.yeses[body["ask_id"]] = 0  # what was said before is not said to this
            case "endorsed":
                self.yeses[body["ask_id"]] += 1
            case "replied":
                self.yeses[body["ask_id"]] += 1 if body["decision"] == "approve" else -99
            case "undo_wanted":
                self.undone.add(f"undo:{call}")
            case "intended":
                self.intended.add(call)
                return "" if call in self.undone else self._refused(call)
        return ""

    def _refused(self, call: str) -> str:
        verdict = self.verdicts.get(call)
        if verdict is None:
            return f"{call} was never judged"
        if verdict["decision"] == "ask":
            asks = [one for one in self.asked.values() if one["call_id"] == call]
            if any(self._granted(one, verdict) for one in asks):
                return ""
        return "" if verdict["decision"] == "allow" else f"the verdict on {call} is {verdict['decision']}"

    def _granted(self, asked: dict[str, Any], verdict: dict[str, Any]) -> bool:
        same = asked.get("digest", "") == verdict.get("digest", "") != ""
        return same and self.yeses[asked["ask_id"]] >= asked.get("persons", 1)

    def _acted(self, text: str) -> str:
        found = _OUTCOME.match(text)
        if found is None or found[2] not in ("egress", "destroy") or found[3] not in (None, "ok", "unknown"):
            return ""
        call = json.loads(found[1])
        return "" if call in self.intended else f"{call} happened, and nothing says that it was about to"
