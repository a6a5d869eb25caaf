"""Which ended runs a policy is about: those that are to become archives, and those that are to be deleted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import LiteralString

from psycopg.rows import class_row

from remit.age import parse_age, write_age
from remit.errors import UserError
from remit.settings import Settings
from remit.store.store import Store

OPEN = ("running", "waiting", "paused")
LONGEST = parse_age("200y")
LATELY = 500  # runs that whoever has other work too looks at in one go
# Agent by agent, as the index has them: what one has in plenty is not passed over again and again for another
PARTS: LiteralString = """
    with recursive part as (
        (select workspace, agent from runs
         where %(workspace)s = '' or workspace = %(workspace)s order by workspace, agent limit 1)
        union all
        select next.* from part, lateral (
            (select workspace, agent from runs where workspace = part.workspace and agent > part.agent
             order by agent limit 1)
            union all
            (select workspace, agent from runs where workspace > part.workspace and %(workspace)s = ''
             order by workspace, agent limit 1)
            order by workspace, agent limit 1) as next
    ), wanted as (
        select workspace, agent from part
        where (%(workspace)s = '' or workspace = %(workspace)s) and (%(agent)s = '' or agent = %(agent)s)
          and agent <> all (%(but)s::text[])
    )
"""
DUE: LiteralString = """
    , fresh as (
        select one.updated_at from wanted, lateral (
            select updated_at from runs
            where workspace = wanted.workspace and agent = wanted.agent and not archived
              and status not in ('running', 'waiting', 'paused') and updated_at < %(archive)s
              and (%(any)s or status = any(%(status)s))
            order by updated_at, id limit %(most)s) as one
    ), old as (
        select one.updated_at from wanted, lateral (
            (select updated_at from runs
             where workspace = wanted.workspace and agent = wanted.agent and archived and updated_at < %(delete)s
               and (%(any)s or status = any(%(status)s))
             order by updated_at, id limit %(most)s)
            union all
            (select updated_at from runs  -- which will have been archived by then
             where workspace = wanted.workspace and agent = wanted.agent and not archived
               and status not in ('running', 'waiting', 'paused') and updated_at < %(delete)s
               and (%(any)s or status = any(%(status)s))
             order by updated_at, id limit %(most)s)) as one
    )
    select (select count(*) from fresh), (select count(*) from old),
           (select min(updated_at) from fresh), (select min(updated_at) from old)
"""


@dataclass(frozen=True, slots=True)
class Policy:
    """Which runs become archives, where to, and which archives are deleted."""

    archive_after: timedelta  # since the run ended
    delete_after: timedelta | None = None  # since the run ended; None: never
    agent: str = ""  # only this one's
    status: tuple[str, ...] = ()  # only these
    to: Path | None = None  # a folder for new archives; None: the database
    batch: int = 100  # runs a transaction
    workspace: str = ""  # only of this one
    but: frozenset[str] = frozenset()  # not of these agents
    most: int | None = None  # runs archived, and deleted, in one go; None: all that are due

    def __post_init__(self) -> None:
        if max(self.archive_after, self.delete_after or self.archive_after) > LONGEST:
            raise UserError(f"{write_age(LONGEST)} at the most: leave it out, and nothing is taken away")
        if self.delete_after is not None and self.delete_after <= self.archive_after:
            raise UserError("what is deleted must be older than what is archived")
        if wrong := set(self.status) & set(OPEN):
            raise UserError(f"a run that is {sorted(wrong)[0]} has not ended: only ended runs are archived")
        if self.batch < 1:
            raise UserError("a batch has at least one run")

    def __str__(self) -> str:
        parts = [f"archive after {write_age(self.archive_after)}"]
        parts += [f"delete after {write_age(self.delete_after)}"] if self.delete_after else []
        parts += [f"agent {self.agent}"] if self.agent else []
        parts += [f"status {' or '.join(self.status)}"] if self.status else []
        return ", ".join(parts)


@dataclass(frozen=True, slots=True)
class Part:
    """Whose runs are looked at together."""

    workspace: str
    agent: str


@dataclass(frozen=True, slots=True)
class Due:
    """What a policy would do now."""

    archive: int
    delete: int
    oldest: datetime | None  # end of the oldest run to archive
    oldest_deleted: datetime | None = None  # and to delete


def policy_of(settings: Settings) -> Policy | None:
    """The policy that a worker follows by its settings; None where none is set. Raises UserError."""
    if settings.retain_archive_after is None:
        if settings.retain_delete_after is not None:
            raise UserError(
                "REMIT_RETAIN_DELETE_AFTER needs REMIT_RETAIN_ARCHIVE_AFTER: only archives are deleted"
            )
        return None
    return Policy(settings.retain_archive_after, settings.retain_delete_after, most=LATELY)


async def parts(store: Store, policy: Policy) -> list[Part]:
    """Whose runs there are that a policy is about."""
    query = PARTS + "select workspace, agent from wanted"
    values = {"workspace": policy.workspace, "agent": policy.agent, "but": sorted(policy.but)}
    async with (
        store.pool.connection() as connection,
        connection.cursor(row_factory=class_row(Part)) as cursor,
    ):
        return await (await cursor.execute(query, values)).fetchall()


async def due(store: Store, policy: Policy) -> Due:
    """What `retain` would do now. Of each agent no more than the policy's `most` are counted."""
    now = datetime.now(UTC)
    values = {
        "workspace": policy.workspace,
        "agent": policy.agent,
        "but": sorted(policy.but),
        "archive": now - policy.archive_after,
        "delete": None if policy.delete_after is None else now - policy.delete_after,
        "any": not policy.status,
        "status": list(policy.status),
        "most": policy.most,
    }
    async with store.pool.connection() as connection:
        found = await (await connection.execute(PARTS + DUE, values)).fetchone()
    assert found is not None
    return Due(*found)
