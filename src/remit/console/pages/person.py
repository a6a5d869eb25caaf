"""One person: who they are and why, how they stand with us, what they want and said, and what happened, now or as of an earlier day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from remit.console.arcs import drawn, tied
from remit.console.pages.people import given_in
from remit.console.pages.today import Table
from remit.console.show import here, needs, page
from remit.decisions.contacts import contacts_of
from remit.decisions.deciding import look_all
from remit.decisions.log import decisions_of
from remit.decisions.ruled import lift, suppress, suppressed
from remit.decisions.whom import known_words
from remit.errors import UserError
from remit.graph.accounts.look import accounts_of
from remit.graph.accounts.relations import relations_of
from remit.graph.history import Standing, grouped, heard, paces, standing_at, wanted, weeks_of
from remit.graph.horizon import read_horizon, told
from remit.graph.identity import WHY
from remit.graph.intents import correct, list_intents
from remit.graph.merging import restore, say, withdraw
from remit.graph.people import Event, Person, consent_of, find, keys_of, profile_of
from remit.graph.purposes import limits_of, list_limits
from remit.graph.sentiment import Feeling, feelings_of
from remit.graph.wants import intents_of
from remit.graph.words import IN, because, days, happened, money, pace, stated
from remit.talks.listed import list_talks

router = APIRouter(dependencies=[needs("persons:read")])
CHANGES = [needs("persons:write")]
LISTED = 40
SOME = 8  # decisions and contacts, the last ones
CHANNELS = 4  # with a colour of their own


@dataclass(frozen=True, slots=True)
class Asked:
    """How somebody is looked at: as of a day (none: now), and what of what happened."""

    day: date | None = None
    channel: str = ""
    kind: str = ""
    after: str = ""  # the last that is shown already, as the page before said

    @property
    def at(self) -> datetime:
        """The end of that day."""
        return datetime.combine(self.day, time.max, UTC) if self.day else datetime.now(UTC)

    @property
    def before(self) -> tuple[datetime, int] | None:
        """Raises UserError."""
        if not self.after:
            return None
        text, _, number = self.after.rpartition("~")
        try:
            return datetime.fromisoformat(text).astimezone(UTC), int(number)
        except (ValueError, OverflowError):
            raise UserError(
                "this address says no place in what happened: begin from the person's page"
            ) from None

    def query(self, **more: str) -> str:
        kept = {"at": self.day.isoformat() if self.day else "", "channel": self.channel, "kind": self.kind}
        return urlencode({key: value for key, value in (kept | more).items() if value})


@router.get("/people/{person}")
async def one(
    request: Request, person: str, at: str = "", channel: str = "", kind: str = "", after: str = ""
) -> HTMLResponse:
    """Everything of somebody; with `after`, more of what happened for a page that is open."""
    found = await find(here(request).store, person)
    try:
        day = date.fromisoformat(at) if at else None
    except ValueError:
        return await _page(request, found, Asked(), wrong={"at": f"{at[:40]!r} is no day: write 2026-05-01"})
    asked = Asked(day, channel[:40], kind[:40], after)
    if request.headers.get("hx-request") and after:
        return page(request, "graph_timeline.html", **await _timeline(request, found, asked))
    return await _page(request, found, asked)


@router.post("/people/{person}/links/{number}", dependencies=CHANGES)
async def link(request: Request, person: str, number: int) -> Response:
    """Let evidence count for nothing, or again."""
    store, given = here(request).store, await given_in(request)
    await find(store, person)
    change = withdraw if given.get("do") == "withdraw" else restore
    await change(store, number, request.state.who)
    return RedirectResponse(f"/people/{quote(person, safe='')}#who", 303)


@router.post("/people/{person}/same", dependencies=CHANGES)
async def same(request: Request, person: str) -> Response:
    """Say that they are somebody else, too."""
    store, other = here(request).store, (await given_in(request)).get("other", "")
    found = await find(store, person)
    try:
        await say(store, found.profiles[0].id, await profile_of(store, other), "same", request.state.who)
    except UserError as error:
        return await _page(request, found, Asked(), wrong={"other": str(error)}, other=other)
    return RedirectResponse(f"/people/{quote(person, safe='')}#who", 303)


@router.post("/people/{person}/intents/{number}", dependencies=CHANGES)
async def intent(request: Request, person: str, number: int) -> Response:
    """Say what a message wanted: it is an example from then on."""
    store = here(request).store
    await find(store, person)
    await correct(store, number, (await given_in(request)).get("intent", ""), request.state.who)
    return RedirectResponse(f"/people/{quote(person, safe='')}#wants", 303)


@router.post("/people/{person}/suppress", dependencies=CHANGES)
async def leave_alone(request: Request, person: str) -> Response:
    """Leave them alone, on a channel or on all, for some days or for good; or no longer."""
    store, given = here(request).store, await given_in(request)
    found = await find(store, person)
    if (number := given.get("lift", "")).isdigit() and len(number) < 19:
        await lift(store, int(number), request.state.who)
        return RedirectResponse(f"/people/{quote(person, safe='')}#reach", 303)
    for_days = given.get("days", "")
    if for_days and not (for_days.isascii() and for_days.isdigit() and 0 < int(for_days[:6]) < 4000):
        return await _page(
            request, found, Asked(), wrong={"days": "a number of days below 4,000; empty: for good"}
        )
    until = datetime.now(UTC) + timedelta(days=int(for_days)) if for_days else None
    try:
        await suppress(
            store, found.id, given.get("because", ""), request.state.who, given.get("channel", "")[:40], until
        )
    except UserError as error:
        return await _page(request, found, Asked(), wrong={"because": str(error)})
    return RedirectResponse(f"/people/{quote(person, safe='')}#reach", 303)


async def _page(
    request: Request, person: Person, asked: Asked, wrong: dict[str, str] | None = None, other: str = ""
) -> HTMLResponse:
    store, at = here(request).store, asked.at
    own = set(person.ids)
    ends = {end for one in person.evidence for end in (one.a, one.b)}
    keys = await keys_of(store, ends | own)
    stands = await standing_at(store, person, at, asked.day is not None)
    consent = await consent_of(store, person, at)
    starts, counts = await weeks_of(store, person, at)
    feeling = (await feelings_of(store, [person.id], at)).get(person.id)
    may = "persons:write" in request.state.rights
    async with store.pool.connection() as connection:
        horizon = await read_horizon(connection, store.workspace)
    limits = (await limits_of(store)).allowing(consent)
    belongs = [one for one in await accounts_of(store, person, at) if one.tie]
    relations = [one for one in await relations_of(store, person, at) if one.tie]
    return page(
        request,
        "graph_person.html",
        422 if wrong else 200,
        at=at,
        stated=stated(stands.reading)
        if stands.reading
        else ["Nothing had come from them." if asked.day else "Nothing has come from them."],
        reading=stands.reading,
        figures=[*_figures(stands, at), *_feels(feeling)],
        weeks=_chart(starts, counts),
        wants=await wanted(store, person, at),
        shows=[one for one in await intents_of(store, person, at) if one.by == "behaviour"],
        intents=[one.name for one in await list_intents(store)] if may else [],
        consent=consent.standing,
        because=IN,
        gone=told(horizon.gone, at) if asked.day else [],
        limited={key: said for key in person.about if (said := limits.about(key)) is not None},
        limits=[one for one in await list_limits(store) if not one.field.startswith("about.")],
        allowed=sorted(limits.given),
        next=[]
        if asked.day
        else [one for some in (await look_all(store, person.id, at)).values() for one in some],
        known_words=known_words,
        belongs=belongs,
        relations=relations,
        ties=tied(person, belongs, relations),
        talks=[] if asked.day else await list_talks(store, person.ids),
        decided=await decisions_of(store, person.ids, limit=SOME),
        contacts=await contacts_of(store, person.ids, limit=SOME),
        suppressed=await suppressed(store, person.ids),
        dead=[keys[word.profile] for word in consent.dead],
        drawing=drawn(person, {one: keys[one] for one in sorted(ends - own)}),
        keys=keys,
        evidence=[(one, because(one), WHY[one.held]) for one in person.evidence],
        wrong=wrong or {},
        other=other,
        **await _timeline(request, person, asked, stands),
    )


async def _timeline(
    request: Request, person: Person, asked: Asked, stands: Standing | None = None
) -> dict[str, Any]:
    """What is shown of what happened, and where the rest begins."""
    events = await heard(
        here(request).store,
        person,
        until=asked.at if asked.day else None,
        before=asked.before,
        channel=asked.channel,
        kind=asked.kind,
        limit=LISTED + 1,
    )
    shown, keys = events[:LISTED], sorted(stands.state) if stands else []
    return {
        "asked": asked,
        "person": person,
        "groups": grouped(shown),
        "happened": happened,
        "more": asked.query(after=_mark(shown[-1])) if len(events) > LISTED else "",
        "channels": list(dict.fromkeys(key.channel for key in keys)),
        "kinds": sorted({key.kind for key in keys}),
    }


def _mark(event: Event) -> str:
    return f"{event.at.isoformat()}~{event.id}"


def _figures(found: Standing, at: datetime) -> list[tuple[str, str, str]]:
    """Recency, frequency and value: what, how much, and what to hold it against."""
    if found.reading is None:
        return []
    lately, usually = paces(found, at)
    spent = " + ".join(f"{money(amount)} {name}" for name, amount in sorted(found.reading.spent.items()))
    worth = " + ".join(f"{amount:,.0f} {name}" for name, amount in sorted(found.reading.worth.items()))
    return [
        (
            "Last heard of",
            f"{days(found.reading.recency)} ago",
            f"{found.reading.count:,} interactions in all",
        ),
        ("These days", pace(lately), f"{pace(usually)} over the long run"),
        ("Spent", spent or "nothing", f"{worth} of it lately" if worth else "no purchase is known"),
    ]


def _feels(found: Feeling | None) -> list[tuple[str, str, str]]:
    if found is None:
        return []
    of = "one message" if found.messages == 1 else f"{found.messages:,} messages"
    return [("Sounds", found.says, f"{found.score:+.2f} of 1, by {of} of late")]


def _chart(starts: list[datetime], counts: dict[str, list[int]]) -> Table:
    named = list(counts)[:CHANNELS]
    rest = [one for one in counts if one not in named]
    heads = [(one, "") for one in named] + ([("others", "off")] if rest else [])

    def values(week: int) -> list[float]:
        others = [float(sum(counts[one][week] for one in rest))] if rest else []
        return [float(counts[one][week]) for one in named] + others

    return Table(heads, [(start, values(week)) for week, start in enumerate(starts)])
