"""What waits for people, as the inbox shows it: a block for each run, and beneath it each thing that it asks, with the exact
call and, for each value, what vouches for it or where it was read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from remit.app import App
from remit.gate.approval import endorsed_of, missing, needs, terms_of
from remit.gate.standing import Handover, same
from remit.gate.unseen import shown
from remit.journal.events import Asked, Endorsed, Json, Judged, Person
from remit.journal.index import AskRow, list_asks
from remit.journal.refs import given
from remit.journal.state import CallState, State
from remit.said import brief, first_line
from remit.steering import barred

MOST = 200  # things that wait, in one list
LONGEST = 4_000  # characters of one value on a screen
# Of each level of evidence: whether it speaks for the value, and in words
EVIDENCE = {
    "grant": ("✓", "in the person's own words, or given by what started the run"),
    "person": ("✓", "the person's own"),
    "directory": ("✓", "a trusted source said it in this run, as a whole value"),
    "record": ("✓", "in a record that the gate has read for this call"),
    "composed": ("·", "in words of the goal, or of a trusted source"),
    "written": ("·", "the model's own words; nothing in them leads anywhere that nothing vouches for"),
    "found": ("·", "a page that a member of the workspace named, in what was read"),
    "unvouched": ("✗", "vouched for by nothing: only the model says so"),
}
MARKS = {"✓": "green", "✗": "red"}


@dataclass(frozen=True, slots=True)
class Waiting:
    """One thing that waits for a person."""

    row: AskRow
    state: State
    who: str  # looks at it
    barred: str  # why they may not say yes to it; empty: they may
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


async def waiting(app: App, who: str, theirs: bool = False) -> list[Waiting]:
    """The oldest of it, as `who` looks at it; `theirs`: only what they may say yes to. Of a run it is together."""
    found: list[Waiting] = []
    last: AskRow | None = None
    while rows := await list_asks(app.store, MOST, last):
        several = await _looked_at(app, who, rows)
        found += [one for one in several if not theirs or not one.barred or one.asks_in_words]
        last = rows[-1]
        if len(found) >= MOST or len(rows) < MOST:
            break
    runs = list(dict.fromkeys(one.row.run for one in found[:MOST]))
    return sorted(found[:MOST], key=lambda one: runs.index(one.row.run))


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


def blocks(found: Sequence[Waiting]) -> Iterable[RenderableType]:
    """A block for each run."""
    for run, several in groupby(found, key=lambda one: one.row.run):
        yield block(str(run)[:8], list(several))


def block(short: str, asks: Sequence[Waiting]) -> RenderableType:
    first = asks[0]
    person = first.person
    whom = person.email or person.id
    for_whom = f"for {whom}{'' if person.verified else ' (not verified)'}, " if whom else ""
    head = Text.assemble((short, "bold"), "  ", safe(first_line(first.row.goal)))
    about = Text(f"{for_whom}by {first.row.agent}, since {first.row.at.astimezone():%d %b %H:%M}", "dim")
    calls = [one for one in asks if one.asked.kind == "approval" and not one.barred]
    parts: list[RenderableType] = [head, Padding(about, (0, 0, 0, 10))]
    parts += [Padding(item(short, one), (1, 0, 0, 2)) for one in asks]
    if len(calls) > 1:
        every = Text(f"all {len(calls)} calls: remit approve {short} --all   or   remit reject {short} --all")
        parts.append(Padding(every, (1, 0, 0, 2)))
    return Group(*parts, "")


def item(short: str, one: Waiting) -> Table:
    """One thing that is asked: the call, value by value, why a person decides, and what to type."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="dim", no_wrap=True, max_width=24)
    grid.add_column(overflow="fold")
    asked, call = one.asked, one.call
    if call is not None and not one.asks_in_words:
        grid.add_row(Text(asked.ask_id, "yellow"), Text(f"{asked.kind}: {call.call.tool}", "bold not dim"))
        for name, value in given(one.state, call).items():
            grid.add_row(safe(name), Text(as_shown(value)))
            if words := vouched(name, one.judged):
                grid.add_row("", words)
    else:
        grid.add_row(Text(asked.ask_id, "yellow"), Text(asked.kind, "bold not dim"))
    for label, text in _why(one):
        grid.add_row(label, Text(shown(text)))
    if wanted := needs(asked):
        grid.add_row("wants", Text(shown(wanted)))
    if one.quiet:
        grid.add_row("quiet", Text(f"waits until {one.quiet}", "yellow"))
    for hand in one.handed:
        until = f", until {hand.until.astimezone():%d %b %H:%M}" if hand.until else ""
        grid.add_row("", Text(shown(f"{hand.to} decides in place of {hand.by}{until}"), "dim"))
    for yes in one.endorsed:
        note = f": {yes.text}" if yes.text else ""
        grid.add_row("", Text(shown(f"✓ {yes.by} said yes{note}; {missing(asked, one.endorsed)}"), "green"))
    if asked.expires is not None:
        grid.add_row("until", Text(f"{asked.expires.astimezone():%d %b %H:%M}", "dim"))
    for label, line in _next(short, one):
        grid.add_row(label, Text(line))
    return grid


def vouched(name: str, judged: Judged | None) -> Text | None:
    """In words, what vouches for a value; where nothing does, where it was read."""
    level = judged.evidence.get(name) if judged else None
    if judged is None or level is None:
        return None
    mark, words = EVIDENCE.get(level, ("·", level))
    if told := judged.provenance.get(name):
        words = f"nothing vouches for {shown(told)}"
    return Text.assemble((f"{mark} ", MARKS.get(mark, "dim")), (words, "red" if mark == "✗" else "dim"))


def as_shown(value: Json) -> str:
    """A value whole, up to a length, with what a reader would not see spelled out."""
    text = shown(value if isinstance(value, str) else brief(value, 10**9))
    if len(text) <= LONGEST:
        return text
    return f"{text[:LONGEST]}… and {len(text) - LONGEST} more characters: --json has them"


def safe(text: str) -> Text:
    return Text(shown(text))


def _why(one: Waiting) -> Iterable[tuple[str, str]]:
    """Why a person is asked: the rule's own words, and the rule where they do not hold it."""
    judged = one.judged
    if one.asked.kind != "approval" or judged is None:
        yield "asks" if one.asks_in_words else "why", one.asked.text
        return
    reasons = "; ".join(judged.reasons) or judged.rule
    yield "why", reasons
    if judged.rule.removeprefix(f"{judged.decision} ") not in reasons:
        yield "rule", " ".join(judged.rule.split())


def _next(short: str, one: Waiting) -> Iterable[tuple[str, str]]:
    ask = one.asked.ask_id
    if one.barred and one.asked.kind != "question":
        yield "not you", one.barred.removeprefix(f"{ask}: ")
        return
    if one.asked.kind == "question":
        yield "next", f'remit answer {short} "…" --ask {ask}'
    if not one.asks_in_words:
        label = "or" if one.asked.kind == "question" else "next"
        yield label, f"remit approve {short} {ask}   or   remit reject {short} {ask} --reason …"
