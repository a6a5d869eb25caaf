"""A segment: people by what is true of them, as data, in words, and as a condition in SQL on a person. Pure.

Each condition asks the graph of one person, by its indices, so that many can be asked of some and a million need not be.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from remit.graph.behaviour import Pattern
from remit.graph.consent import EVERY, MARKETING
from remit.graph.sentiment import CLEAR, MEAN, RECENT, Says
from remit.graph.shows import shows
from remit.graph.state import AWAY, DORMANT

Word = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Any_ = Annotated[str, Field(pattern=r"^([a-z][a-z0-9_]{0,39})?$")]  # empty: any
Key = Annotated[str, Field(min_length=1, max_length=100)]
Days = Annotated[int, Field(ge=1, le=3650)]
Sql = tuple[str, dict[str, Any]]
Stages = Literal["new", "active", "back", "quiet", "dormant"]
MOST = 12  # conditions

OF = "select id from graph_profiles where person = b.person"
IN = f"graph_interactions i where i.profile in ({OF}) and i.direction = 'in' and i.kind <> 'record'"
LAST = f"(select max(last) from graph_state where profile in ({OF}) and direction = 'in')"
FIRST = f"(select min(first) from graph_state where profile in ({OF}) and direction = 'in')"


class Condition(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)
    unless: bool = Field(False, description="They are those of whom it is not true.")

    @property
    @abstractmethod
    def words(self) -> str:
        """After `people who`."""

    @property
    @abstractmethod
    def sql(self) -> Sql:
        """On `b.person`; `%(now)s` is the moment."""


class IsAt(Condition):
    """How they stand with us."""

    what: Literal["stage"] = "stage"
    stage: Stages

    @property
    def words(self) -> str:
        return f"are {'not ' if self.unless else ''}{self.stage}"

    @property
    def sql(self) -> Sql:
        back = f"""exists (select 1 from {IN} and i.at > %(now)s - interval '{AWAY:.0f} days' and i.at <= %(now)s
            and {FIRST} <= i.at - interval '{DORMANT:.0f} days'
            and not exists (select 1 from graph_interactions j where j.profile in ({OF}) and j.direction = 'in'
                and j.kind <> 'record' and j.at < i.at and j.at > i.at - interval '{DORMANT:.0f} days'))"""
        near = f"{LAST} > %(now)s - interval '{AWAY:.0f} days'"
        young = f"{FIRST} > %(now)s - interval '{AWAY:.0f} days'"
        clauses = {
            "new": young,
            "active": f"{near} and not {young} and not {back}",
            "back": back,
            "quiet": f"{LAST} <= %(now)s - interval '{AWAY:.0f} days' and {LAST} > %(now)s - interval '{DORMANT:.0f} days'",
            "dormant": f"{LAST} <= %(now)s - interval '{DORMANT:.0f} days'",
        }
        return clauses[self.stage], {}


class Did(Condition):
    """What came from them, so often."""

    what: Literal["did"] = "did"
    kind: Word
    channel: Any_ = ""
    least: int = Field(1, ge=1, le=10_000)
    days: Days | None = Field(None, description="In the last so many days; null: ever.")

    @property
    def words(self) -> str:
        often = "" if self.least == 1 else f" at least {self.least} times"
        where = f" on {self.channel}" if self.channel else ""
        when = f" in the last {self.days} days" if self.days else ""
        said = self.kind.replace("_", " ")
        return f"{'have not' if self.unless else 'have'} a {said}{where}{often}{when}"

    @property
    def sql(self) -> Sql:
        values = {"kind": self.kind, "channel": self.channel, "least": self.least, "days": self.days}
        if self.days is None:
            return (
                f"""(select coalesce(sum(count), 0) from graph_state where profile in ({OF}) and direction = 'in'
                and kind = %(kind)s and %(channel)s::text in ('', channel)) >= %(least)s""",
                values,
            )
        return (
            f"""(select count(*) from {IN} and i.kind = %(kind)s and %(channel)s::text in ('', i.channel)
            and i.at > %(now)s - make_interval(days => %(days)s) and i.at <= %(now)s) >= %(least)s""",
            values,
        )


class Silent(Condition):
    """Nothing has come from them for so long."""

    what: Literal["silent"] = "silent"
    days: Days

    @property
    def words(self) -> str:
        return f"{'were' if self.unless else 'were not'} heard of in the last {self.days} days"

    @property
    def sql(self) -> Sql:
        return f"{LAST} <= %(now)s - make_interval(days => %(days)s)", {"days": self.days}


class Spent(Condition):
    """What they bought, less what they got back."""

    what: Literal["spent"] = "spent"
    currency: str = Field(pattern=r"^[A-Z]{3}$")
    least: float = Field(ge=0, allow_inf_nan=False)

    @property
    def words(self) -> str:
        return f"spent {'less than' if self.unless else 'at least'} {self.least:,.2f} {self.currency}"

    @property
    def sql(self) -> Sql:
        return (
            f"""(select coalesce(sum(case kind when 'purchase' then total else -total end), 0) from graph_state
            where profile in ({OF}) and kind in ('purchase', 'refund') and currency = %(currency)s) >= %(least)s""",
            {
                "currency": self.currency,
                "least": self.least,
            },
        )


class About(Condition):
    """What was said of them last."""

    what: Literal["about"] = "about"
    key: Key
    value: str = Field("", max_length=200, description="Empty: whatever it is.")

    @property
    def words(self) -> str:
        if not self.value:
            return f"have {'no ' if self.unless else 'a '}{self.key} that is known"
        return f"have {self.key} {'other than ' if self.unless else ''}{self.value}"

    @property
    def sql(self) -> Sql:
        return (
            """coalesce((select %(value)s::text in ('', about -> %(key)s::text ->> 0) from graph_profiles
            where person = b.person and about ? %(key)s::text
            order by about -> %(key)s::text ->> 1 desc, about -> %(key)s::text ->> 2 desc limit 1), false)""",
            {
                "key": self.key,
                "value": self.value,
            },
        )


class Wants(Condition):
    """What they wrote was taken for this, surely enough, or is it as a person says; or what they do shows it."""

    what: Literal["wants"] = "wants"
    intent: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,59}$")
    days: Days = 90
    by: Literal["either", "message", "behaviour"] = "either"

    @property
    def words(self) -> str:
        how = {"either": "", "message": ", by what they wrote,", "behaviour": ", by what they do,"}[self.by]
        return (
            f"{'did not want' if self.unless else 'wanted'} {self.intent}{how} in the last {self.days} days"
        )

    @property
    def sql(self) -> Sql:
        return (
            f"""exists (select 1 from {IN} and i.at > %(now)s - make_interval(days => %(days)s) and i.at <= %(now)s
            and exists (select 1 from graph_inferred f where f.workspace = i.workspace and f.interaction = i.id
                and coalesce(f.corrected, f.intent) = %(intent)s and (f.corrected is not null or f.probability >= 0.8)))""",
            {
                "intent": self.intent,
                "days": self.days,
            },
        )

    def given(self, patterns: Mapping[str, Pattern]) -> Sql:
        """With the pattern of behaviour of that name, where there is one."""
        shown = patterns.get(self.intent)
        did: Sql = shows(shown, OF, self.days) if shown else ("false", {})
        if self.by == "behaviour":
            return did
        wrote, values = self.sql
        return (
            (wrote, values)
            if self.by == "message" or not shown
            else (f"({wrote} or {did[0]})", values | did[1])
        )


class Feels(Condition):
    """How what they wrote of late sounds, all in all."""

    what: Literal["feels"] = "feels"
    says: Says = "unhappy"

    @property
    def words(self) -> str:
        return f"{'do not sound' if self.unless else 'sound'} {self.says}"

    @property
    def sql(self) -> Sql:
        between = {
            "unhappy": f"< -{CLEAR}",
            "neutral": f"between -{CLEAR} and {CLEAR}",
            "happy": f"> {CLEAR}",
        }
        return (
            f"""(select {MEAN} from graph_interactions i join graph_felt f on f.workspace = i.workspace and f.interaction = i.id
            where i.profile in ({OF}) and i.direction = 'in' and i.body <> '' and {RECENT}) {between[self.says]}""",
            {},
        )


class MayBeReached(Condition):
    """What they said of being written to; of several identifiers the strictest."""

    what: Literal["consent"] = "consent"
    channel: Word
    purpose: Word = MARKETING
    says: Literal["yes", "no", "unknown"] = "yes"

    @property
    def words(self) -> str:
        said = {"yes": "said yes to", "no": "said no to", "unknown": "said nothing of"}[self.says]
        return f"{'have not ' if self.unless else ''}{said} {self.purpose} by {self.channel}"

    @property
    def sql(self) -> Sql:
        every = ", ".join(f"'{one}'" for one in EVERY)
        said = f"""(select case when bool_or(not yes) then 'no' when bool_or(yes) then 'yes' else 'unknown' end from (
            select distinct on (i.profile) i.kind = 'consent_given' as yes from graph_interactions i
            where i.profile in ({OF}) and i.kind in ('consent_given', 'consent_withdrawn', 'unsubscribed', 'complained')
                and i.at <= %(now)s
                and coalesce(i.properties ->> 'channel', i.channel) in ({every}, %(channel)s)
                and case i.kind when 'complained' then '' else coalesce(i.properties ->> 'purpose',
                    case i.kind when 'unsubscribed' then '{MARKETING}' else '' end) end in ({every}, %(purpose)s)
            order by i.profile, i.at desc, yes) as words) = %(says)s"""
        return said, {"channel": self.channel, "purpose": self.purpose, "says": self.says}


class KnownBy(Condition):
    """An identifier of theirs."""

    what: Literal["known"] = "known"
    kind: Word
    checked: bool = False

    @property
    def words(self) -> str:
        which = f"{self.kind}{' that a source has checked' if self.checked else ''}"
        return f"{'have no' if self.unless else 'have a'} known {which}"

    @property
    def sql(self) -> Sql:
        return (
            """exists (select 1 from graph_profiles where person = b.person and kind = %(kind)s
            and (verified or not %(checked)s))""",
            {"kind": self.kind, "checked": self.checked},
        )


One = Annotated[
    IsAt | Did | Silent | Spent | About | Wants | Feels | MayBeReached | KnownBy, Field(discriminator="what")
]
KINDS: Mapping[str, tuple[str, type[Condition]]] = {
    "stage": ("how they stand with us", IsAt),
    "did": ("what they did, and how often", Did),
    "silent": ("how long they have been silent", Silent),
    "spent": ("what they spent", Spent),
    "about": ("what was said of them", About),
    "wants": ("what they want", Wants),
    "feels": ("how what they write sounds", Feels),
    "consent": ("what they said of being written to", MayBeReached),
    "known": ("by what they are known", KnownBy),
}


class Segment(BaseModel):
    """People of whom all of it is true, or any of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    match: Literal["all", "any"] = "all"
    conditions: tuple[One, ...] = Field(min_length=1, max_length=MOST)

    @property
    def wants(self) -> set[str]:
        """By what behaviour somebody may be in it."""
        return {one.intent for one in self.conditions if isinstance(one, Wants) and one.by != "message"}

    @property
    def words(self) -> str:
        """`People who are dormant and wanted pricing in the last 30 days`."""
        joined = f" {'and' if self.match == 'all' else 'or'} "
        return f"People who {joined.join(one.words for one in self.conditions)}"

    def sql(self, patterns: Mapping[str, Pattern]) -> Sql:
        """All conditions on `b.person`, with what they are asked by. `patterns`: of behaviour, by their names."""
        clauses: list[str] = []
        values: dict[str, Any] = {}
        for number, one in enumerate(self.conditions):
            clause, asked = numbered(one.given(patterns) if isinstance(one, Wants) else one.sql, number)
            values |= asked
            clauses.append(f"coalesce({clause}, false) is {str(not one.unless).lower()}")
        return f"({(' and ' if self.match == 'all' else ' or ').join(clauses)})", values


def numbered(asked: Sql, number: int) -> Sql:
    """The same, with names for what it is asked by that are its own among others."""
    clause, values = asked
    for name in values:
        clause = clause.replace(f"%({name})s", f"%({name}_{number})s")
    return clause, {f"{name}_{number}": value for name, value in values.items()}
