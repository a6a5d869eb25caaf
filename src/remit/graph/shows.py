"""A pattern of behaviour as a condition in SQL: whether somebody shows it, as `behaviour.shown` says it of what was read. Pure.

That it is complete at some interaction and was not ended since is the same as of the last at which it is: what an earlier one takes begins no later.
"""

from __future__ import annotations

import re
from typing import Any

from remit.graph.behaviour import FADED, Filter, Pattern, text_of

Sql = tuple[str, dict[str, Any]]
DAY = "interval '24 hours'"  # and not `1 day`, which is 23 or 25 of them twice a year


def shows(pattern: Pattern, profiles: str, days: float) -> Sql:
    """`profiles`: a query for whose it is; the moment is `%(now)s`. `days`: in the last so many of which it was complete."""
    asked = _Asked(profiles)
    steps = [
        f"""cross join lateral (select count(*) as many, min(s.at) as since from {asked.heard("s")} and {asked.fits("s", step)}
            and s.at >= l.at - {asked.value(step.days)} * {DAY} and (s.at, s.id) <= (l.at, l.id)) as s{place}"""
        for place, step in enumerate(pattern.when)
    ]
    first = f"least({', '.join(f's{place}.since' for place in range(len(steps)))})"
    lasts = min(days, FADED * pattern.half_life)
    clauses = [
        f"({' or '.join(asked.fits('l', step) for step in pattern.when)})",
        f"l.at >= %(now)s - {asked.value(lasts)} * {DAY} and l.at <= %(now)s - {asked.value(pattern.wait)} * {DAY}",
        *(f"s{place}.many >= {asked.value(step.least)}" for place, step in enumerate(pattern.when)),
    ]
    if pattern.silence:
        clauses.append(_broken(asked, pattern, first))
    if pattern.without:
        ends = " or ".join(asked.fits("e", one) for one in pattern.without)
        clauses.append(
            f"not exists (select 1 from {asked.heard('e')} and e.at > {first} and e.at <= %(now)s and ({ends}))"
        )
    heard = asked.heard("l").replace(" where ", f" {' '.join(steps)} where ", 1)
    return f"exists (select 1 from {heard} and {' and '.join(clauses)})", asked.values


def _broken(asked: _Asked, pattern: Pattern, first: str) -> str:
    """That a silence ended with the first of it, or shortly before."""
    longest = asked.value(max(step.days for step in pattern.when))
    return f"""exists (select 1 from {asked.heard("j")} and j.at between l.at - {longest} * {DAY} and {first}
        and (j.at, j.id) <= (l.at, l.id) and (select max(k.at) from {asked.heard("k")} and (k.at, k.id) < (j.at, j.id))
            <= j.at - {asked.value(pattern.silence)} * {DAY})"""


class _Asked:
    """A query as it is put together, with what it is asked by."""

    def __init__(self, profiles: str) -> None:
        self.profiles = profiles
        self.values: dict[str, Any] = {}

    def heard(self, name: str) -> str:
        return f"graph_interactions {name} where {name}.profile in ({self.profiles}) and {name}.direction = 'in' and {name}.kind <> 'record'"

    def value(self, given: Any) -> str:
        name = f"shows{len(self.values)}"
        self.values[name] = given
        kind = "text" if isinstance(given, str) else "double precision"
        return f"%({name})s::{kind}"

    def fits(self, name: str, one: Filter) -> str:
        said = [(part, value) for part, value in (("kind", one.kind), ("channel", one.channel)) if value]
        clauses = [f"{name}.{part} = {self.value(value)}" for part, value in said]
        clauses += [
            f"{name}.properties ->> {self.value(key)} ~ {self.value(regex(text_of(like)))}"
            for key, like in one.properties.items()
        ]
        return f"({' and '.join(clauses)})" if clauses else "true"


def regex(like: str) -> str:
    """What `fnmatch` takes, as PostgreSQL's regular expressions say it."""
    parts: list[str] = []
    rest = like
    while rest:
        one, rest = rest[0], rest[1:]
        end = rest.find("]", 2 if rest[:1] == "!" else 1)
        if one == "[" and end > 0:
            parts.append(_one_of(rest[:end]))
            rest = rest[end + 1 :]
        else:
            parts.append({"*": ".*", "?": "."}.get(one) or re.escape(one))
    return f"^(?:{''.join(parts)})$"


def _one_of(letters: str) -> str:
    inside = re.sub(r"([\\\[\]])", r"\\\1", letters)
    if inside.startswith("!"):
        return f"[^{inside[1:]}]"
    return f"[\\{inside}]" if inside.startswith("^") else f"[{inside}]"
