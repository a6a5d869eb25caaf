"""A workspace in which one person stands everywhere, and others beside her."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from psycopg.sql import SQL, Identifier

from remit.access.audit import record
from remit.brought import folder_of
from remit.graph.intent import Example
from remit.graph.intents import teach
from remit.journal.events import Acted, AnyBody, Finished, Person, Started
from remit.journal.journal import Journal
from remit.store.store import Store
from tests.graph.conftest import row, taken

ANN = {"email": "ann.planted@shop.example", "phone": "+491709988776", "customer": "CPLANT77"}
NAME = "Annabel Planted-Lee"
# All that tells of her: as it is planted, and as it stands in addresses and in spoken spellings
TRACES = (
    "ann.planted@shop.example", "ann.planted%40shop.example", "491709988776", "0170 99 88 776", "CPLANT77", "Planted-Lee",
)  # fmt: skip
OTHER = "joann.planted@shop.example"  # whose address ends as hers does


@dataclass
class Planted:
    """Runs by what they are to her."""

    about: UUID
    mentions: UUID
    big: UUID
    other: UUID
    files: dict[str, Path] = field(default_factory=dict)


async def ran(store: Store, goal: str, result: Any = "fine", person: str = "") -> UUID:
    journal, run = Journal(store), uuid4()
    bodies: list[AnyBody] = [
        Started(
            goal=goal,
            agent="clerk",
            spec={"name": "clerk"},
            person=Person(id=person),
            workspace=store.workspace,
        ),
        Acted(call_id="1.1", tool="look", result=result),
        Finished(status="met", report="done"),
    ]
    await journal.append(run, 0, bodies)
    await journal.close()
    return run


async def plant(store: Store) -> Planted:
    await taken(
        store,
        row("e1", 40, **ANN, kind="signup", name=NAME, attributes={"city": "Ulm"}),
        row("e2", 20, email=ANN["email"], kind="message", text=f"I am {NAME}, when does it come? It was due on Monday."),
        row("e3", 10, email=ANN["email"], kind="purchase", value="12.50", currency="EUR", subject="Order 1"),
        row("e4", 9, email=ANN["email"], device="laptop-of-both", kind="visit"),
        row("o1", 30, email="bo@shop.example", customer="C2", kind="signup", name="Bo"),
        row("o2", 8, email="bo@shop.example", kind="message", text="Ask Ann.Planted@shop.example, or call 0170 99 88 776!"),
        row("o3", 7, email=OTHER, kind="message", text=f"My address is {OTHER}", properties={"refers": "CPLANT77"}),
        row("o4", 6, email="bo@shop.example", device="laptop-of-both", kind="visit"),
        {"id": "bad", "at": "yesterday", "kind": "visit", "email": ANN["email"]},
        verified="email phone",
    )  # fmt: skip
    await teach(store, [Example(f"I am {NAME}, when does it come? It was due on Monday.", "delivery")], "bo")
    planted = Planted(
        about=await ran(store, "Answer her", {"mail": f"Dear {NAME}"}, ANN["email"]),
        mentions=await ran(store, f"Write to bo, not to {ANN['email']}", {"seen": ["https://x/?a=ann.planted%40shop.example", json.dumps({"to": "\nann.planted@shop.example"})]}),
        big=await ran(store, "Sum", {"rows": [f"{OTHER};1;C2"] * 400 + [f"{ANN['email']};2;CPLANT77;{NAME}"]}),
        other=await ran(store, "Nothing of her", "fine", "bo@shop.example"),
    )  # fmt: skip
    home = store.settings.data_dir
    for run, name, text in (
        (planted.about, "letter.txt", f"Dear {NAME}"),
        (planted.mentions, "list.csv", f"{OTHER}\n{ANN['email']}\n"),
        (planted.other, "kept.csv", f"{OTHER}\n"),
    ):
        path = planted.files[name] = folder_of(home, run) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    path = planted.files["photo.bin"] = folder_of(home, planted.mentions) / "photo.bin"
    path.write_bytes(b"\xff\xfe\0 ann.planted@shop.example")
    async with store.pool.connection() as connection, connection.transaction():
        await connection.execute("select set_config('remit.workspace', %s, true)", (store.workspace,))
        await record(
            connection, "bo", "graph.said", "email:ann.planted@shop.example customer:CPLANT77", {"name": NAME}
        )
        await record(connection, "bo", "token.added", "crm")
        query = """
            insert into firings (agent, trigger, key, event, run) values ('clerk', 'mail', 'k', %s, %s)
        """
        await connection.execute(
            query, (json.dumps({"from": ANN["email"], "n": 1}).encode(), planted.mentions)
        )
    return planted


async def everything(store: Store, leave: Iterable[str] = ()) -> dict[str, set[str]]:
    """All that stands in the database, table by table, each row as text, whatever its columns' types; and what is in the files."""
    found: dict[str, set[str]] = {}
    async with store.pool.connection() as connection:
        query = "select relname from pg_class where relnamespace = current_schema()::regnamespace and relkind = 'r'"
        for (table,) in await (await connection.execute(query)).fetchall():
            if table not in leave:
                rows = await connection.execute(SQL("select t::text from {} t").format(Identifier(table)))
                found[table] = {_plain(text) for (text,) in await rows.fetchall()}
    for path in store.settings.data_dir.rglob("*"):
        if path.is_file():
            found[str(path)] = {path.read_bytes().decode("utf-8", "replace")}
    return found


def _plain(row: str) -> str:
    """Bytes in hexadecimal, as the text that they may be; with what is packed in them unpacked."""
    import gzip
    import re

    def text(found: re.Match[str]) -> str:
        raw = bytes.fromhex(found[1])
        if raw[:2] == b"\x1f\x8b":
            raw = gzip.decompress(raw)
        return raw.decode("utf-8", "replace")

    return re.sub(r"\\\\?x((?:[0-9a-f]{2})+)", text, row)


def traces(found: dict[str, set[str]]) -> set[tuple[str, str]]:
    """Where something tells of her, and what. The address of another that ends as hers does is none."""
    return {
        (where, trace)
        for where, rows in found.items()
        for one in rows
        for trace in TRACES
        if trace.lower() in one.lower().replace(OTHER, "")
    }
