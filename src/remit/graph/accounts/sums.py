"""What an account comes to: its people together, now. Nothing of it is kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from psycopg import AsyncConnection

from remit.graph import consent
from remit.graph.accounts.look import MEMBERS, Account
from remit.graph.consent import MARKETING, Word, word_of
from remit.graph.people import terms_within
from remit.graph.purposes import Limits, meant
from remit.graph.state import SALES, Sum, stage
from remit.graph.wants import intents_of_all
from remit.store.store import Store

Connection = AsyncConnection[Any]
Says = Literal["yes", "no", "unknown"]
UNLIMITED = Limits()
SILENT = "silent"
STAGES = ("new", "active", "quiet", "dormant", SILENT)


@dataclass(frozen=True, slots=True)
class Sums:
    """Of all who belong to it. `stages`: how many are in which, `silent` being those from whom nothing has ever come, and who is back after a
    long silence among the active; `brief`, `lasting`: interactions, of which half is forgotten in the short and the long half-life;
    `wants`: how many have written that they want it; `may_mail`: how many consented to marketing by e-mail, and how many did not."""

    people: int
    stages: Mapping[str, int]
    count: int
    brief: float
    lasting: float
    last: datetime | None
    spent: Mapping[str, Decimal]
    wants: Mapping[str, int]
    may_mail: Mapping[Says, int]

    @property
    def active(self) -> int:
        return self.stages["new"] + self.stages["active"]


async def sums_of(
    store: Store, account: Account, now: datetime, limits: Limits = UNLIMITED, purposes: Collection[str] = ()
) -> Sums:
    """Of what may be used for all of `purposes`."""
    kinds, channels = limits.against("kind", purposes), limits.against("channel", purposes)
    async with store.pool.connection() as connection:
        rows = await (await connection.execute(MEMBERS, {"account": account.id, "at": now})).fetchall()
        people = [person for (person,) in rows]
        query = "select id, person from graph_profiles where person = any(%s)"
        owner: dict[int, int] = dict(await (await connection.execute(query, (people,))).fetchall())
        of = {"profiles": list(owner), "kinds": kinds, "channels": channels}
        heard = await _heard(connection, store.workspace, of, now)
        spent = await _spent(connection, of) if meant(limits.known("spent"), purposes) else {}
        may_mail = await _mail(connection, owner, people)
    wanted = limits.wants(purposes)
    wants = await intents_of_all(store, people, now, done=False) if wanted else {}
    stages = Counter(stage(one, None, now) for one in heard)
    return Sums(
        len(people), {one: stages[one] for one in STAGES} | {SILENT: len(people) - len(heard)},
        sum(one.count for one in heard), sum(one.brief for one in heard), sum(one.lasting for one in heard),
        max((one.last for one in heard), default=None), spent,
        dict(Counter(want.intent for theirs in wants.values() for want in theirs).most_common()), may_mail,
    )  # fmt: skip


async def _heard(connection: Connection, workspace: str, of: Mapping[str, Any], now: datetime) -> list[Sum]:
    """What came from each person, of those from whom something did."""
    terms = await terms_within(connection, workspace)
    query = """
        select sum(s.count)::bigint, min(s.first), max(s.last), sum(s.brief * remit_decay(s.last, %(now)s, %(brief)s)),
            sum(s.lasting * remit_decay(s.last, %(now)s, %(lasting)s))
        from graph_state s join graph_profiles p on p.id = s.profile
        where s.profile = any(%(profiles)s) and s.direction = 'in' and s.kind <> all(%(kinds)s) and s.channel <> all(%(channels)s)
        group by p.person
    """
    values = {**of, "now": now, "brief": terms.brief, "lasting": terms.lasting}
    rows = await (await connection.execute(query, values)).fetchall()
    return [Sum(count, first, last, None, brief, lasting) for count, first, last, brief, lasting in rows]


async def _spent(connection: Connection, of: Mapping[str, Any]) -> dict[str, Decimal]:
    query = """
        select currency, kind, sum(total) from graph_state
        where profile = any(%(profiles)s) and currency <> '' and kind = any(%(sales)s) and kind <> all(%(kinds)s) and channel <> all(%(channels)s)
        group by currency, kind order by currency
    """
    spent: dict[str, Decimal] = {}
    rows = await (await connection.execute(query, {**of, "sales": list(SALES)})).fetchall()
    for currency, kind, total in rows:
        spent[currency] = spent.get(currency, Decimal(0)) + SALES[kind] * total
    return spent


async def _mail(connection: Connection, owner: Mapping[int, int], people: Sequence[int]) -> dict[Says, int]:
    query = """
        select profile, at, kind, channel, properties, source from graph_interactions
        where profile = any(%s) and kind in ('consent_given', 'consent_withdrawn', 'unsubscribed', 'complained', 'bounced')
    """
    words: dict[int, list[Word]] = {}
    for row in await (await connection.execute(query, (list(owner),))).fetchall():
        if (word := word_of(*row)) is not None:
            words.setdefault(owner[word.profile], []).append(word)
    says: Counter[Says] = Counter(consent.fold(said).may("email", MARKETING).says for said in words.values())
    return {"yes": says["yes"], "no": says["no"], "unknown": says["unknown"] + len(people) - len(words)}
