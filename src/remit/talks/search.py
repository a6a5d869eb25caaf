"""Words of conversations: who said them, and where. PostgreSQL's own text search over what the graph has of them, so that what is erased or kept no
longer is not found either."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg.errors import QueryCanceled
from psycopg.rows import class_row

from remit.errors import UserError
from remit.store.store import Store

LONGEST = 300  # characters of a question
LOOKED = 500  # of what fits, the last first
SECONDS = 10.0  # that the database searches


@dataclass(frozen=True, slots=True)
class Said:
    """The last that fits of a conversation: of a chat by its name, of the rest by channel and whoever it is with."""

    channel: str
    profile: int
    conversation: str
    at: datetime
    text: str


async def said(store: Store, words: str, profiles: Sequence[int] | None) -> list[Said]:
    """Where all of the words were said, as they are or at the beginning of others; `"in this order"`, `-without` and `or` as search engines have
    them. In the eyes of Remit, as the database uses the index for nobody else's: so the workspace is named, and whoever is there for some
    agents finds nothing. Raises UserError where it would take longer than a search may."""
    words = " ".join(words[:LONGEST].replace("\0", " ").split())
    if not words or store.agents is not None:
        return []
    query = """
        with asked as materialized (
            select regexp_replace(q::text, '''(?=[ )]|$)', ''':*', 'g')::tsquery as words, format(''' %%s''', %(here)s::text)::tsquery as here
            -- one that asks for no word, or only for what is not there, would find everything
            from websearch_to_tsquery('simple', %(words)s) as q where querytree(q) not in ('', 'T')
        ),
        found as (
            select id, channel, profile, conversation, at, concat_ws(E'\\n', nullif(subject, ''), body) as text
            from graph_interactions
            where remit_said(workspace, subject, body) @@ (select words && here from asked) and workspace = %(here)s
                and channel in ('chat', 'email', 'sms', 'whatsapp') and kind in ('message', 'reply')
                and (direction = 'in' or properties ->> 'purpose' = 'reply')
                and (%(profiles)s::bigint[] is null or profile = any(%(profiles)s))
            order by id desc limit %(looked)s
        ),
        last as (
            select distinct on (channel, profile, case channel when 'chat' then conversation end) * from found
            order by channel, profile, case channel when 'chat' then conversation end, id desc
        )
        select channel, profile, conversation, at,
            ts_headline('simple', text, (select words from asked), 'StartSel="", StopSel="", MinWords=10, MaxWords=30') as text
        from last
    """
    values = {"here": store.workspace, "words": words, "profiles": profiles, "looked": LOOKED}
    async with (
        store.as_owner().pool.connection() as connection,
        connection.transaction(),
        connection.cursor(row_factory=class_row(Said)) as cursor,
    ):
        await cursor.execute(
            "select set_config('statement_timeout', %s, true)", (f"{round(1000 * SECONDS)}ms",)
        )
        try:
            return await (await cursor.execute(query, values)).fetchall()
        except QueryCanceled as error:
            raise UserError(
                f"no answer within {SECONDS:g} seconds: words that are said less often are found sooner, and words in any order sooner than in one"
            ) from error
