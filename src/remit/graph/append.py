"""What is new of a batch, kept: of whom it speaks, what happened with what it comes to, what is said, and what links whom.

A handful of statements over sets; what they bring comes as JSON texts, which need no table of their own. They are sent without waiting
for each other, so that the next is made ready while the database works.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from typing import Any, Protocol

from psycopg import AsyncConnection, AsyncCursor
from pydantic_core import to_json

from remit.graph.identifiers import Identifier, shared_by_name
from remit.graph.identity import CONFIDENCE, How, Link, Node, Standing
from remit.graph.join import settle
from remit.graph.newcomers import Decided, decide
from remit.graph.rows import Interaction
from remit.graph.state import Terms

Json = Any
Connection = AsyncConnection[Any]
Said = dict[str, list[Json]]  # of each field what, when and by which source
JOINS = Standing()
OURS = {
    "whom",
    "name",
    "attributes",
    "account",
    "relations",
}  # fields of an interaction that are kept elsewhere


@dataclass(frozen=True, slots=True)
class Whom:
    """Of whom a batch speaks, by number. `persons`: of those who were there before; `surer`: of whom it says for the first time that
    they are checked."""

    ids: Mapping[tuple[str, str], int]
    nodes: Mapping[int, Node]
    persons: Mapping[int, int]
    surer: frozenset[int]


@dataclass(slots=True)
class Evidence:
    """That what came together is one person's, as the batch has it: the first of it, and how often."""

    at: datetime
    source: str
    event: str
    last_at: datetime
    seen: int = 0


Met = Mapping[tuple[int, int, How], Evidence]


class Together(Protocol):
    """Identifiers that an event named together: of its person, or of the account of its person."""

    @property
    def whom(self) -> tuple[Identifier, ...]: ...
    @property
    def at(self) -> datetime: ...
    @property
    def source(self) -> str: ...
    @property
    def event(self) -> str: ...


async def append(
    connection: Connection,
    workspace: str,
    fresh: Sequence[Interaction],
    terms: Terms,
    now: datetime,
    text: str = "",
) -> Mapping[tuple[str, str], int]:
    """`fresh`: of which none is there yet; `text`: the same in JSON, where that is at hand. The numbers of whom they speak. The caller
    holds the graph (`ingest.enter`)."""
    whom = await _whom(connection, workspace, fresh)
    async with connection.pipeline():
        await _interactions(connection, workspace, fresh, whom.ids, terms, now, text or in_json(fresh))
        met = came_together(fresh, whom.ids)
        links = [
            Link(n, a, b, how, one.at, one.source, one.event)
            for n, ((a, b, how), one) in enumerate(met.items())
            if a not in whom.persons or b not in whom.persons
        ]
        decided = decide(whom.nodes, whom.persons, links)
        standing = {
            (one.a, one.b, one.how): decided.links[one.id] for one in links if one.id in decided.links
        }
        said = _said(fresh, whom.ids)
        await _profiles(connection, workspace, whom, decided, said)
        made = await _links(connection, workspace, met, standing)
        await _told(connection, {one: about for one, about in said.items() if one in whom.persons})
        new = await made.fetchall() if made else []
    touched = {end for a, b, how, new_ in new if new_ and (a, b, how) not in standing for end in (a, b)}
    await settle(connection, workspace, touched | whom.surer)
    return whom.ids


def in_json(rows: Iterable[Interaction]) -> str:
    """What is kept of them as it stands."""
    return to_json(list(rows), exclude={"__all__": OURS}).decode()


async def _whom(connection: Connection, workspace: str, fresh: Iterable[Interaction]) -> Whom:
    """Those who are new have their numbers from now on."""
    said: dict[tuple[str, str], bool] = {}
    for one in fresh:
        for who in one.whom:
            said[who.key] = said.get(who.key, False) or who.verified
    came = sorted(said)  # neighbours in the index are looked up one after the other
    query = """
        select coalesce(p.id, nextval('graph_profiles_id_seq')), p.person, p.verified, p.shared <> ''
        from rows from (json_array_elements_text(%s::json), json_array_elements_text(%s::json)) with ordinality as c (kind, value, n)
        left join lateral (
            select id, person, verified, shared from graph_profiles
            where workspace = %s and kind = c.kind and value = c.value collate "C" offset 0
        ) as p on true order by c.n
    """
    named = (written([kind for kind, _ in came]), written([value for _, value in came]), workspace)
    found = await (await connection.execute(query, named)).fetchall()
    ids, nodes, persons, surer = {}, {}, {}, set()
    for key, (id_, person, verified, shared) in zip(came, found, strict=True):
        sure = said[key]
        if person is None:
            shared = shared_by_name(*key)
        else:
            persons[id_] = person
            if sure and not verified:
                surer.add(id_)
        ids[key] = id_
        nodes[id_] = Node(id_, *key, sure or bool(verified), shared)
    return Whom(ids, nodes, persons, frozenset(surer))


async def _profiles(
    connection: Connection, workspace: str, whom: Whom, decided: Decided, said: Mapping[int, Said]
) -> None:
    """Make those who are new, as whose they are; and have known who is checked from now on."""
    query = """
        insert into graph_profiles (id, workspace, kind, value, person, verified, shared, about, name)
        select id, %s, kind, value, person, verified, shared, coalesce(about, '{}'), coalesce(about -> 'name' ->> 0, '')
        from json_to_recordset(%s::json) as c
            (id bigint, kind text, value text, person bigint, verified boolean, shared text, about jsonb)
    """
    rows = [
        {"id": id_, "kind": one.kind, "value": one.value, "person": decided.person.get(id_, id_), "verified": one.verified,
         "shared": "by name" if one.shared else "", "about": said.get(id_)}
        for id_, one in whom.nodes.items() if id_ not in whom.persons
    ]  # fmt: skip
    if rows:
        await connection.execute(query, (workspace, written(rows)))
    if whom.surer:
        await connection.execute(
            "update graph_profiles set verified = true where id = any(%s)", (list(whom.surer),)
        )


async def _interactions(
    connection: Connection,
    workspace: str,
    fresh: Sequence[Interaction],
    ids: Mapping[tuple[str, str], int],
    terms: Terms,
    now: datetime,
    rows: str,
) -> None:
    """Append them, and fold them into the state of their profiles: `state.py` in SQL."""
    query = f"""
        with came as (
            insert into graph_interactions (workspace, source, event, profile, at, received, channel, direction, kind,
                                            conversation, subject, body, value, currency, properties)
            select %(workspace)s, c.source, c.event, c.profile::bigint, c.at, %(now)s, c.channel, c.direction, c.kind, c.conversation, c.subject,
                   c.text, c.value, c.currency, nullif(c.properties, '{{}}')
            from rows from (
                json_to_recordset(%(rows)s::json) as (source text, event text, at timestamptz, channel text, direction text, kind text,
                    conversation text, subject text, text text, value numeric, currency text, properties jsonb),
                json_array_elements_text(%(profiles)s::json)
            ) as c (source, event, at, channel, direction, kind, conversation, subject, text, value, currency, properties, profile)
            returning workspace, profile, at, channel, direction, kind, value, currency
        )
        {FOLD}
    """
    values = {
        "workspace": workspace,
        "now": now,
        "rows": rows,
        "profiles": written([ids[one.whom[0].key] for one in fresh]),
        "brief": terms.brief,
        "lasting": terms.lasting,
    }
    await connection.execute(query.encode(), values)


# From `came` into the state: masses as of the last event of each key, merged with those that are there as of the later of both
FOLD = """
    , dated as (
        select *, max(at) over (partition by profile, channel, direction, kind, currency) as last from came where kind <> 'record'
    )
    insert into graph_state as s (workspace, profile, channel, direction, kind, currency, count, total, first, last, before, brief, lasting, worth)
    select min(workspace), profile, channel, direction, kind, currency, count(*), coalesce(sum(value), 0), min(at), min(last),
           (array_agg(at order by at desc))[2],
           sum(remit_decay(at, last, %(brief)s)), sum(remit_decay(at, last, %(lasting)s)),
           coalesce(sum(value::float8 * remit_decay(at, last, %(lasting)s)), 0)
    from dated group by profile, channel, direction, kind, currency
    on conflict (profile, channel, direction, kind, currency) do update set
        count = s.count + excluded.count, total = s.total + excluded.total,
        first = least(s.first, excluded.first), last = greatest(s.last, excluded.last),
        before = greatest(least(s.last, excluded.last), s.before, excluded.before),
        brief = s.brief * remit_decay(s.last, greatest(s.last, excluded.last), %(brief)s)
            + excluded.brief * remit_decay(excluded.last, greatest(s.last, excluded.last), %(brief)s),
        lasting = s.lasting * remit_decay(s.last, greatest(s.last, excluded.last), %(lasting)s)
            + excluded.lasting * remit_decay(excluded.last, greatest(s.last, excluded.last), %(lasting)s),
        worth = s.worth * remit_decay(s.last, greatest(s.last, excluded.last), %(lasting)s)
            + excluded.worth * remit_decay(excluded.last, greatest(s.last, excluded.last), %(lasting)s)
"""


def _said(fresh: Iterable[Interaction], ids: Mapping[tuple[str, str], int]) -> dict[int, Said]:
    """What they say of people: of each field the last that was said."""
    said: dict[int, Said] = {}
    for one in fresh:
        told = dict(one.attributes) | ({"name": one.name} if one.name else {})
        if told:
            about = said.setdefault(ids[one.whom[0].key], {})
            later(about, {key: [value, one.at.isoformat(), one.source] for key, value in told.items()})
    return said


async def _told(connection: Connection, said: Mapping[int, Said]) -> None:
    """Of those who were there before."""
    if not said:
        return
    query = "select id, about from graph_profiles where id = any(%s)"
    known = await (await connection.execute(query, (list(said),))).fetchall()
    query = """
        update graph_profiles p set about = c.about, name = coalesce(c.about -> 'name' ->> 0, '')
        from json_to_recordset(%s::json) as c (id bigint, about jsonb) where p.id = c.id
    """
    rows = [{"id": id_, "about": later(dict(about), said[id_])} for id_, about in known]
    await connection.execute(query, (written(rows),))


def later(about: Said, said: Mapping[str, list[Json]]) -> Said:
    """Of each key what was said last, in whatever order it came; at one moment the greater counts."""
    for key, one in said.items():
        was = about.get(key)
        if was is None or (one[1], one[2], to_json(one[0])) > (was[1], was[2], to_json(was[0])):
            about[key] = one
    return about


def came_together(fresh: Iterable[Together], ids: Mapping[tuple[str, str], int]) -> Met:
    """Who came together, by their numbers, the smaller first."""
    found: dict[tuple[int, int, How], Evidence] = {}
    for one in fresh:
        if len(one.whom) == 1:
            continue
        first, *rest = one.whom
        a = ids[first.key]
        for other in rest:
            b = ids[other.key]
            key: tuple[int, int, How] = (
                min(a, b),
                max(a, b),
                "verified" if first.verified and other.verified else "seen",
            )
            met = found.get(key)
            if met is None:
                met = found[key] = Evidence(one.at, one.source, one.event, one.at)
            elif (one.at, one.source, one.event) < (met.at, met.source, met.event):
                met.at, met.source, met.event = one.at, one.source, one.event
            met.last_at = max(met.last_at, one.at)
            met.seen += 1
    return found


async def _links(
    connection: Connection, workspace: str, met: Met, standing: Mapping[tuple[int, int, How], Standing]
) -> AsyncCursor[Any] | None:
    """Keep the evidence; both ends of each, how, and whether it is new."""
    if not met:
        return None
    query = """
        insert into graph_links as l (workspace, a, b, how, confidence, source, event, at, last_at, seen, held, ask_a, ask_b)
        select %s, c.* from json_to_recordset(%s::json) as c (a bigint, b bigint, how text, confidence real, source text, event text,
            at timestamptz, last_at timestamptz, seen bigint, held text, ask_a bigint, ask_b bigint)
        on conflict (a, b, how) do update set
            seen = l.seen + excluded.seen, last_at = greatest(l.last_at, excluded.last_at),
            (at, source, event) = (select at, source, event from (values (l.at, l.source, l.event),
                (excluded.at, excluded.source, excluded.event)) as heard (at, source, event)
                order by at, source collate "C", event collate "C" limit 1)
        returning a, b, how, xmax = 0
    """
    rows = []
    for (a, b, how), one in sorted(met.items(), key=itemgetter(0)):
        stands = standing.get((a, b, how), JOINS)
        ask_a, ask_b = stands.asks or (None, None)
        rows.append(
            {"a": a, "b": b, "how": how, "confidence": CONFIDENCE[how], "source": one.source, "event": one.event, "at": one.at,
             "last_at": one.last_at, "seen": one.seen, "held": stands.held, "ask_a": ask_a, "ask_b": ask_b}
        )  # fmt: skip
    return await connection.execute(query, (workspace, written(rows)))


def written(value: Json) -> str:
    """As JSON."""
    return to_json(value).decode()
