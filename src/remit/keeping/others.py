"""What else is old: decisions with what came of them, contacts, chats, takeovers, rows set aside, examples of intents. Each is found from its oldest end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString

from psycopg import AsyncConnection

from remit.decisions.sums import fold_all

Connection = AsyncConnection[Any]


@dataclass(frozen=True, slots=True)
class Kind:
    """`due`: the oldest that may go, with their time; `gone`: what goes with those, the rows themselves last."""

    due: LiteralString
    gone: tuple[LiteralString, ...]


# Nothing goes of which it is not known yet what came of it, that is still to be done, or that a standing version has not learned from
DECISIONS = Kind(
    """
    select d.id, d.at from decisions d join playbooks p on p.workspace = d.workspace and p.name = d.playbook
    where d.workspace = %(here)s and d.at < %(until)s and d.id <= p.closed and d.id < coalesce(
            (select id from decisions where workspace = %(here)s and at >= %(until)s order by id limit 1), 9223372036854775807)
        and not exists (select from decision_acts a where a.workspace = d.workspace and a.decision = d.id and a.state in ('due', 'begun'))
        and not exists (
            select from decision_credits c, playbook_versions v left join playbook_learned l using (workspace, playbook, version)
            where c.workspace = d.workspace and c.decision = d.id and v.workspace = d.workspace and v.playbook = d.playbook
                and v.stage <> 'off' and c.n > coalesce(l.upto, 0))
    order by d.id limit %(most)s
    """,
    (
        "delete from decision_acts where workspace = %(here)s and decision = any(%(ids)s)",
        "delete from decision_followed where workspace = %(here)s and decision = any(%(ids)s)",
        "delete from decision_credits where workspace = %(here)s and decision = any(%(ids)s)",
        "delete from decisions where workspace = %(here)s and id = any(%(ids)s)",
    ),
)
CONTACTS = Kind(
    """
    select id, at from contacts where workspace = %(here)s and at < %(until)s and state <> 'reserved' and id < coalesce(
        (select id from contacts where workspace = %(here)s and at >= %(until)s order by id limit 1), 9223372036854775807)
    order by id limit %(most)s
    """,
    ("delete from contacts where workspace = %(here)s and id = any(%(ids)s)",),
)
# A chat goes when nothing was written in it since, and no run that answers it is open
CHATS = Kind(
    """
    select s.id, s.at from chat_sessions s where s.workspace = %(here)s and s.at < %(until)s
        and not exists (select from chat_messages m where m.session = s.id and m.at >= %(until)s)
        and not exists (select from runs r where r.id = s.run and r.status in ('running', 'waiting', 'paused'))
    order by s.at limit %(most)s
    """,
    ("delete from chat_sessions where workspace = %(here)s and id = any(%(ids)s)",),
)
# Of which the agent was told, and what was written has gone out
TAKEOVERS = Kind(
    """
    select t.id, t.ended_at as at from takeovers t where t.workspace = %(here)s and t.told_at is not null and t.ended_at < %(until)s
        and not exists (select from takeover_words w where w.takeover = t.id and w.begun_at is null)
    order by t.id limit %(most)s
    """,
    ("delete from takeovers where workspace = %(here)s and id = any(%(ids)s)",),
)
ASIDE = Kind(
    "select id, at from graph_rejected where workspace = %(here)s and at < %(until)s order by id limit %(most)s",
    ("delete from graph_rejected where workspace = %(here)s and id = any(%(ids)s)",),
)
# With what others' messages are said to be like because of one
EXAMPLES = Kind(
    "select id, at from graph_examples where workspace = %(here)s and at < %(until)s order by id limit least(%(most)s, 50)",
    (
        """
        update graph_inferred f set alike = '[]' where workspace = %(here)s and exists (
            select from graph_examples e where e.id = any(%(ids)s) and strpos(f.alike::text, to_json(e.text)::text) > 0)
        """,
        "delete from graph_examples where workspace = %(here)s and id = any(%(ids)s)",
    ),
)
OTHERS: Mapping[str, Kind] = {
    "decisions": DECISIONS,
    "contacts": CONTACTS,
    "chats": CHATS,
    "takeovers": TAKEOVERS,
    "aside": ASIDE,
    "examples": EXAMPLES,
}


async def take(connection: Connection, workspace: str, what: str, until: datetime, most: int) -> int:
    """Take some away; how many."""
    kind = OTHERS[what]
    values: dict[str, Any] = {"here": workspace, "until": until, "most": most}
    rows = await (await connection.execute(kind.due, values)).fetchall()
    if rows:
        values["ids"] = [id_ for id_, _ in rows]
        for query in kind.gone:
            await connection.execute(query, values)
        if what == "decisions":
            await fold_all(connection, workspace)
    return len(rows)


async def counted(
    connection: Connection, workspace: str, what: str, until: datetime, most: int
) -> tuple[int, datetime | None]:
    """How many would go now, `most` at the most, and of when the oldest is."""
    query = f"select count(*), min(at) from ({OTHERS[what].due}) as due"
    values = {"here": workspace, "until": until, "most": most}
    row = await (await connection.execute(query, values)).fetchone()
    assert row is not None
    return row[0], row[1]
