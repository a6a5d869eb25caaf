"""How long ended runs are kept."""

from __future__ import annotations

from datetime import datetime

from remit.client.results.result import Result


class RetentionRule(Result):
    """How long ended runs are kept, of no `agent`: of all that have no rule of their own. Ages as `90d`; None: never. `kept`: runs
    that could not be archived the last time, and `why` the first of them could not."""

    agent: str
    archive_after: str | None
    delete_after: str | None
    by: str
    set_at: datetime
    next_at: datetime
    applied_at: datetime | None
    kept: int
    why: str


class InstallationRule(Result):
    """What the installation says for all workspaces; the sooner of two rules holds."""

    archive_after: str | None
    delete_after: str | None


class Retained(Result):
    """What an application of a rule has come to; bytes of the journals that were archived, and of their archives."""

    at: datetime
    policy: str
    archived: int
    bytes_before: int
    bytes_after: int
    deleted: int


class Retention(Result):
    """How long ended runs are kept, and what was done about it lately."""

    rules: list[RetentionRule]
    installation: InstallationRule
    done: list[Retained]


class Keeping(Result):
    """How long something known of people is kept: of no `kind` or `channel`, all that have no rule of their own. `lasts` as `2y`; None: for
    ever. `why`: what stopped it the last time, or kept more than it says."""

    what: str
    kind: str
    channel: str
    lasts: str | None
    by: str
    set_at: datetime
    next_at: datetime
    applied_at: datetime | None
    why: str


class TakenAway(Result):
    """What such a rule would take away now. `more`: there may be more than were counted; `oldest`: when the oldest of it happened."""

    rows: int
    more: bool
    oldest: datetime | None


class Foreseen(Result):
    """What a rule would do now, in runs; of each agent some are counted at the most."""

    archive: int
    delete: int
    oldest_archived: datetime | None
    oldest_deleted: datetime | None
