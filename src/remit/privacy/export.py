"""All that is held of a person, in one file that programs and people can read: JSON, and the files of their runs.

`person.json` says who they are and why; `interactions.jsonl` what happened, one a line; `rows/TABLE.jsonl` what else is theirs, as decisions and
contacts; `runs/ID.jsonl` the journals of runs for them, and `runs/ID/files/` their files; `elsewhere.json` in what else they are named, and how
often: those rows are of others, so that they are not given out. `index.json` says what is what, where it was found, and on what ground it is held.
"""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import IO, Any, LiteralString
from uuid import UUID

from psycopg.rows import dict_row
from pydantic_core import to_json

from remit.access.audit import record
from remit.brought import folder_of
from remit.graph.accounts.look import accounts_of
from remit.graph.accounts.relations import relations_of
from remit.graph.people import EVENT, Person, consent_of, keys_of, read_of
from remit.journal.journal import Journal
from remit.privacy import erase, files, journals, theirs
from remit.privacy.whom import Whom, whom
from remit.store.store import Store
from remit.tools.thread import in_thread

Json = Any
FORMAT = 1
WHAT: Mapping[str, str] = {
    "person.json": "who they are: identifiers, what was said of them, why these are one person, to what they belong, how they stand to others, consent, and what it all comes to",
    "interactions.jsonl": "what happened, one a line, each with the source that it came from, when, and what was inferred of it",
    "rows/": "what else is theirs, a file for each table and a row a line: how they were reached and whether they are to be left alone, what was decided for them and what came of it, mails of which it is heard what they did with them, their chats",
    "runs/": "journals of the runs that acted for them, an event a line, and the files of those runs on this machine",
    "elsewhere.json": "where else they are named: rows of others, by table, which are not given out",
}
INTERACTIONS: LiteralString = f"""
    select {EVENT}, f.intent, f.probability, f.corrected, s.score as sentiment from graph_interactions i
    left join lateral (select intent, probability::float8 as probability, corrected from graph_inferred f
                       where f.workspace = i.workspace and f.interaction = i.id) as f on true
    left join lateral (select score::float8 as score from graph_felt s
                       where s.workspace = i.workspace and s.interaction = i.id) as s on true
    where profile = any(%s) order by i.at, i.id
"""


async def export(store: Store, person: Person, by: str, into: IO[bytes]) -> dict[str, Json]:
    """Write all of it as a ZIP; what its `index.json` says. That it was is in the audit log."""
    own, of = store.as_owner(), whom(person)
    async with own.pool.connection() as connection, connection.transaction():
        await connection.execute("select set_config('remit.workspace', %s, true)", (store.workspace,))
        await record(connection, by, "person.exported", str(person.id))
    with zipfile.ZipFile(into, "w", zipfile.ZIP_DEFLATED) as zipped:
        _write(zipped, "person.json", await _person(store, person))
        events = await _interactions(store, person)
        zipped.writestr("interactions.jsonl", b"".join(to_json(one) + b"\n" for one in events))
        async with own.pool.connection() as connection:
            rows = await theirs.rows_of(connection, store.workspace, of)
        for table, some in rows.items():
            zipped.writestr(f"rows/{table}.jsonl", b"".join(to_json(one) + b"\n" for one in some))
        runs = await _runs(own, of, zipped)
        found = await erase.foreseen(store, person)
        elsewhere = {**found.searched, **found.set_up, "journals": found.journals}
        _write(zipped, "elsewhere.json", {name: count for name, count in elsewhere.items() if count})
        index = {
            "remit": "all that is held of a person", "format": FORMAT, "workspace": store.workspace, "person": person.id,
            "made_at": datetime.now(UTC), "by": by, "holds": WHAT, "interactions": len(events),
            "rows": {table: len(some) for table, some in rows.items()}, "runs": [str(run) for run in runs],
            "sources": await _grounds(store, person),
        }  # fmt: skip
        _write(zipped, "index.json", index)
    return index


def _write(zipped: zipfile.ZipFile, name: str, value: Json) -> None:
    zipped.writestr(name, to_json(value, indent=2))


async def _person(store: Store, person: Person) -> dict[str, Json]:
    reading = await read_of(store, person, datetime.now(UTC))
    consent = await consent_of(store, person)
    belong = await accounts_of(store, person, datetime.now(UTC))
    related = await relations_of(store, person, datetime.now(UTC))
    ends = {end for one in person.evidence for end in (one.a, one.b)} - set(person.ids)
    return {
        "id": person.id, "name": person.name, "about": person.about,
        "identifiers": [asdict(one) for one in person.profiles],
        # The other end of evidence that joins nobody may be somebody else's: that there is one is said, and not who
        "evidence": [
            {**asdict(one), "other": bool({one.a, one.b} & ends)} for one in person.evidence
        ],
        "consent": consent, "comes_to": reading,
        "accounts": [asdict(one) for one in belong],
        # As above: how they stand to somebody, and not to whom
        "relations": [{"kind": one.kind, "way": one.way, "tie": one.tie, "said": one.said} for one in related],
    }  # fmt: skip


async def _interactions(store: Store, person: Person) -> list[dict[str, Json]]:
    async with (
        store.pool.connection() as connection,
        connection.cursor(row_factory=dict_row) as cursor,
    ):
        rows = await (await cursor.execute(INTERACTIONS, (person.ids,))).fetchall()
    keys = await keys_of(store, person.ids)
    return [{**row, "of": keys.get(row["profile"], "")} for row in rows]


async def _runs(store: Store, of: Whom, zipped: zipfile.ZipFile) -> list[UUID]:
    journal = Journal(store)
    runs = [run for run, _ in await journals.about(store, of.called)]
    for run in runs:
        lines = [
            to_json({"seq": one.seq, "at": one.at, "type": one.body.type, "body": one.body}, fallback=str)
            for one in await journal.read(run)
        ]
        zipped.writestr(f"runs/{run}.jsonl", b"\n".join(lines) + b"\n")
        root = folder_of(store.settings.data_dir, run)
        for path in await in_thread(partial(lambda at: sorted(files.files_in(at)), root)):
            zipped.write(path, f"runs/{run}/files/{path.relative_to(root).as_posix()}")
    return runs


async def _grounds(store: Store, person: Person) -> list[dict[str, Json]]:
    """By source, what came from it, since when, and what they said of being written to: the ground that is known here."""
    query = """
        select source, kind, channel, count(*) as count, min(at) as first, max(at) as last, max(received) as received
        from graph_interactions where profile = any(%s) group by source, kind, channel order by source, kind, channel
    """
    async with (
        store.pool.connection() as connection,
        connection.cursor(row_factory=dict_row) as cursor,
    ):
        return await (await cursor.execute(query, (person.ids,))).fetchall()


async def export_bytes(store: Store, person: Person, by: str) -> bytes:
    into = io.BytesIO()
    await export(store, person, by, into)
    return into.getvalue()


def write_file(path: Path, data: bytes) -> None:
    """Readable by its owner alone."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
