"""How what somebody writes sounds, from -1 (angry) to 1 (delighted), and how they feel about us by it.

A text's score is linear in the vector of its meaning; `scripts/fit_sentiment.py` fitted it to what people said of 11,000 texts, and says how good it is.
How somebody feels is the mean of what they wrote, by half less each 30 days, and of one message more that says nothing: who wrote one angry line
is not yet an angry person. It is told from the messages each time, as of any moment, so it parts and joins with people and is erased with them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from psycopg import AsyncConnection
from pydantic_core import to_json

from remit.store.store import Store

Connection = AsyncConnection[Any]
HALF_LIFE = 30.0  # days in which half of what a message weighs is forgotten
FADED = 180  # days after which a message weighs nothing
CLEAR = 0.1  # from which on it is said in a word
Says = Literal["unhappy", "neutral", "happy"]
MEAN = f"""sum(f.score * remit_decay(i.at, %(now)s, {HALF_LIFE})) / (1 + sum(remit_decay(i.at, %(now)s, {HALF_LIFE})))"""
RECENT = f"i.at <= %(now)s and i.at > %(now)s - interval '{FADED} days'"


@dataclass(frozen=True, slots=True)
class Feeling:
    """Of one person. `score`: -1 to 1; `messages`: of how many it is, `last` the last of them."""

    score: float
    messages: int
    last: datetime

    @property
    def says(self) -> Says:
        return "unhappy" if self.score < -CLEAR else "happy" if self.score > CLEAR else "neutral"


@dataclass(frozen=True)
class Scale:
    """`made_by`: by which embedder the vectors are that it reads."""

    made_by: str
    bias: float
    weights: NDArray[np.float64]  # [d]

    def scores(self, vectors: NDArray[np.floating]) -> list[float]:
        """Of texts, given as their vectors: [n, d]."""
        return [float(one) for one in np.clip(vectors @ self.weights + self.bias, -1, 1)]


@cache
def scale() -> Scale:
    """The one that comes with Remit."""
    kept = json.loads(files("remit.graph").joinpath("sentiment.json").read_text("utf-8"))
    return Scale(kept["made_by"], kept["bias"], np.array(kept["weights"]))


async def feelings_of(store: Store, persons: Iterable[int], now: datetime) -> dict[int, Feeling]:
    """Of many, by their numbers; who has written nothing of late is left out."""
    async with store.pool.connection() as connection:
        return await feelings_within(connection, store.workspace, persons, now)


async def feelings_within(
    connection: Connection, workspace: str, persons: Iterable[int], now: datetime
) -> dict[int, Feeling]:
    query = f"""
        select p.person, {MEAN}, count(*), max(i.at)
        from unnest(%(persons)s::bigint[]) as of (who)
        cross join lateral (select id, person from graph_profiles where person = of.who and workspace = %(here)s offset 0) as p
        cross join lateral (
            select id, at from graph_interactions i where profile = p.id and direction = 'in' and body <> '' and {RECENT} offset 0
        ) as i
        join graph_felt f on f.workspace = %(here)s and f.interaction = i.id
        where (select exists (select from graph_felt where workspace = %(here)s)) group by p.person
    """
    values = {"persons": list(dict.fromkeys(persons)), "here": workspace, "now": now}
    rows = await (await connection.execute(query.encode(), values)).fetchall()
    return {person: Feeling(float(score), count, last) for person, score, count, last in rows}


async def keep(store: Store, interactions: Sequence[int], scores: Sequence[float]) -> None:
    """How messages sound; what was kept of one before is replaced. One that is gone meanwhile is left out."""
    query = """
        insert into graph_felt as f (workspace, interaction, score)
        select i.workspace, i.id, c.score from json_to_recordset(%s::json) as c (id bigint, score real)
        join graph_interactions i on i.workspace = %s and i.id = c.id
        on conflict (workspace, interaction) do update set score = excluded.score
    """
    rows = [{"id": id_, "score": score} for id_, score in zip(interactions, scores, strict=True)]
    async with store.pool.connection() as connection:
        await connection.execute(query, (to_json(rows).decode(), store.workspace))
