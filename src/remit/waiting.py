"""What waits for people, below all that shows it: each thing with the state of its run, what vouches for each value in words,
who may decide it, and why somebody may not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from remit.app import App
from remit.gate.approval import endorsed_of, terms_of
from remit.gate.standing import Handover, same
from remit.gate.unseen import shown
from remit.journal.events import Asked, Endorsed, Json, Judged, Person
from remit.journal.index import AskRow, list_asks
from remit.journal.refs import given, proposed
from remit.journal.state import CallState, State
from remit.steering import barred

MOST = 200  # things that wait, in one list
# Of each level of evidence: whether it speaks for the value, and in words
EVIDENCE = {
    "grant": ("✓", "in the person's own words, or given by what started the run"),
    "person": ("✓", "the person's own"),
    "directory": ("✓", "a trusted source said it in this run, as a whole value"),
    "record": ("✓", "in a record that the gate has read for this call"),
    "endorsed": ("✓", "the word of a person who was asked about the call, and wrote it there"),
    "composed": ("·", "in words of the goal, or of a trusted source"),
    "written": ("·", "the model's own words; nothing in them leads anywhere that nothing vouches for"),
    "found": ("·", "a page that a member of the workspace named, in what was read"),
    "unvouched": ("✗", "vouched for by nothing: only the model says so"),
}


@dataclass(frozen=True, slots=True)
class Waiting:
    """One thing that waits for a person."""

    row: AskRow
    state: State
    who: str  # looks at it
    barred: str  # why they may not say yes to it; empty: they may
    unheard: str = ""  # why they may not even say no
    quiet: str = ""  # until when nobody is asked who may decide
    handed: tuple[Handover, ...] = ()  # by those who are asked, to others who decide in their place

    @property
    def asked(self) -> Asked:
        """With the terms that hold for it."""
        return terms_of(self.state, self.state.asked[self.row.ask_id])

    @property
    def endorsed(self) -> list[Endorsed]:
        return endorsed_of(self.call, self.asked)

    @property
    def call(self) -> CallState | None:
        return self.state.calls.get(self.asked.call_id)

    @property
    def judged(self) -> Judged | None:
        return self.call.judged if self.call else None

    @property
    def person(self) -> Person:
        """Whom the run acts for."""
        return self.state.started.person if self.state.started else Person()

    @property
    def asks_in_words(self) -> bool:
        """The model's own question; other questions are the run's."""
        return self.asked.kind == "question" and self.call is not None


async def waiting(
    app: App,
    who: str,
    limit: int | None = None,
    *,
    run: UUID | None = None,
    after: tuple[datetime, UUID, str] | None = None,
    theirs: bool = False,
) -> list[Waiting]:
    """The oldest of it, MOST where no `limit` is given, as `who` looks at it; `theirs`: only what they may say yes to. Of a
    run it is together. Only of `run` where it is named; `after` pages on."""
    found: list[Waiting] = []
    limit = limit or MOST
    while rows := await list_asks(app.store, limit, run=run, after=after):
        several = await _looked_at(app, who, rows)
        found += [one for one in several if not theirs or not one.barred or one.asks_in_words]
        after = (rows[-1].at, rows[-1].run, rows[-1].ask_id)
        if not theirs or len(found) >= limit or len(rows) < limit:
            break
    runs = list(dict.fromkeys(one.row.run for one in found[:limit]))
    return sorted(found[:limit], key=lambda one: runs.index(one.row.run))


async def _looked_at(app: App, who: str, rows: Sequence[AskRow]) -> list[Waiting]:
    """Each run is read once."""
    now, people = await app.now(), await app.people()
    states = {run: await app.state(run) for run in dict.fromkeys(row.run for row in rows)}
    return [
        Waiting(
            row,
            state,
            who,
            barred(state, asked, "approve", who, now, circle := people.about(state, asked)),
            barred(state, asked, "reject", who, now, circle),
            people.quiet(terms_of(state, asked), now),
            tuple(one for one in circle.handovers if _concerns(one, terms_of(state, asked), now)),
        )
        for row in rows
        if (asked := (state := states[row.run]).waits.get(row.ask_id))  # it may have been answered meanwhile
    ]


def _concerns(handed: Handover, asked: Asked, now: datetime) -> bool:
    """Whether it is somebody's who is asked, and holds now."""
    return handed.holds(now) and any(same(handed.by, name) for name in (*asked.by, *asked.to))


def as_data(one: Waiting) -> dict[str, Json]:
    row, call, judged = one.row, one.call, one.judged
    return {
        "run": row.run,
        "ask": row.ask_id,
        "kind": row.kind,
        "agent": row.agent,
        "goal": row.goal,
        "person": one.person,
        "call": {"tool": call.call.tool, "args": given(one.state, call)} if call else None,
        "changed": {
            name: {"by": by, "was": was}
            for name in (call.changed if call else ())
            for by, was in (changed_by(one, name) or ("", None),)
        },
        "digest": one.asked.digest,
        "rule": judged.rule if judged else "",
        "reasons": judged.reasons if judged else [],
        "evidence": judged.evidence if judged else {},
        "provenance": judged.provenance if judged else {},
        "records": judged.records if judged else {},
        "text": one.asked.text,
        "since": row.at,
        "expires": row.expires,
        "by": one.asked.by,
        "persons": one.asked.persons,
        "escalates": one.asked.escalates,
        "to": one.asked.to,
        "endorsed": [{"by": yes.by, "text": yes.text, "instead": yes.instead} for yes in one.endorsed],
        "quiet_until": one.quiet,
        "handed_over": [{"by": hand.by, "to": hand.to, "until": hand.until} for hand in one.handed],
        "may_approve": not one.barred,
        "why_not": one.barred,
    }


def vouching(name: str, judged: Judged | None) -> tuple[str, str] | None:
    """What vouches for a value: a mark, and in words; where nothing does, where it was read. None: nobody asked."""
    level = judged.evidence.get(name) if judged else None
    if judged is None or level is None:
        return None
    mark, words = EVIDENCE.get(level, ("·", level))
    if told := judged.provenance.get(name):
        words = f"nothing vouches for {shown(told)}"
    return mark, words


def changed_by(one: Waiting, name: str) -> tuple[str, Json] | None:
    """Who wrote an argument, and what the agent had there; None: it is the agent's."""
    call = one.call
    if call is None or name not in call.changed:
        return None
    return call.changed[name], proposed(one.state, call).get(name, "nothing")


def why_asked(one: Waiting) -> Iterable[tuple[str, str]]:
    """Why a person is asked: the rule's own words, and the rule where they do not hold it."""
    judged = one.judged
    if one.asked.kind != "approval" or judged is None:
        yield "asks" if one.asks_in_words else "why", one.asked.text
        return
    reasons = "; ".join(judged.reasons) or judged.rule
    yield "why", reasons
    if judged.rule.removeprefix(f"{judged.decision} ") not in reasons:
        yield "rule", " ".join(judged.rule.split())
