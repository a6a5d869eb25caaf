"""The airline's own database: customers, flights and reservations as documents.

It is a schema named `airline` in the database behind a URL, apart from Remit's own tables. The data are those of tau2-bench's
airline domain (see data/LICENSE), and a picture of one moment: NOW.
"""

from __future__ import annotations

import json
import lzma
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from importlib.resources import files
from typing import Any

from psycopg.types.json import Json as AsJson

from remit.errors import Mend
from remit.library import desk
from remit.library.desk import Connection
from remit.tools.tool import ToolContext

Json = Any
NOW = datetime(2024, 5, 15, 15, 0)  # the airline's clock: the data's, by its policy
_LOCK = 7_305_809_115  # any number: two loads at once take turns


def connect(url: str) -> AbstractAsyncContextManager[Connection]:
    """A connection in one transaction. Raises StoreError where the airline cannot be reached."""
    return desk.connect(url, "airline")


async def load(url: str) -> None:
    """Create the airline and fill it. One that an earlier load made is replaced.

    Raises UserError where the database has a schema `airline` that is not ours: it is left alone.
    """
    data = json.loads(lzma.decompress(_file("airline.json.xz").read_bytes()))
    async with connect(url) as connection:
        await connection.execute("select pg_advisory_xact_lock(%s)", (_LOCK,))
        await desk.make_room(connection, "airline", "Remit airline")
        await connection.execute(_file("schema.sql").read_text())
        await _fill(connection, "customers (id, doc)", [(k, AsJson(v)) for k, v in data["users"].items()])
        await _fill(connection, "flights (number, doc)", [(k, AsJson(v)) for k, v in data["flights"].items()])
        booked = [(k, v["user_id"], AsJson(v)) for k, v in data["reservations"].items()]
        await _fill(connection, "reservations (id, customer_id, doc)", booked)


async def _fill(connection: Connection, table: str, rows: list[tuple[Any, ...]]) -> None:
    copy = f"copy airline.{table} from stdin"
    async with connection.cursor() as cursor, cursor.copy(copy.encode()) as sink:
        for row in rows:
            await sink.write_row(row)


def _file(name: str) -> Any:
    return files("remit.library.airline") / "data" / name


# --- one document ------------------------------------------------------------------------------------


def url_of(context: ToolContext) -> str:
    return desk.url_of(context, "airline")


async def customer(connection: Connection, who: str) -> dict[str, Json]:
    """Raises Mend where there is none."""
    found = await connection.execute("select doc from airline.customers where id = %s", (who,))
    if (row := await found.fetchone()) is None:
        raise Mend("the person who wrote is no customer that the airline knows: transfer to a human")
    return dict(row["doc"])


async def reservation(connection: Connection, number: str, *, lock: bool = False) -> dict[str, Json]:
    """Whosever it is. `lock`: until the transaction ends. Raises Mend where there is none."""
    query = "select doc from airline.reservations where id = %s"
    found = await connection.execute(
        f"{query} for update".encode() if lock else query, (number.strip().upper(),)
    )
    if (row := await found.fetchone()) is None:
        raise Mend(f"there is no reservation {number}; my_profile has the customer's")
    return dict(row["doc"])


async def reservations_of(connection: Connection, who: str) -> list[dict[str, Json]]:
    query = "select doc from airline.reservations where customer_id = %s order by id"
    return [dict(row["doc"]) for row in await (await connection.execute(query, (who,))).fetchall()]


async def flight(connection: Connection, number: str, date: str) -> Mapping[str, Json]:
    """One flight on one day: origin, destination, status and, where it can be booked, seats and prices. Raises Mend."""
    query = "select doc from airline.flights where number = %s"
    row = await (await connection.execute(query, (number.strip().upper(),))).fetchone()
    if row is None or date not in row["doc"]["dates"]:
        raise Mend(f"there is no flight {number} on {date}; search_flights has those there are")
    doc = row["doc"]
    return {"origin": doc["origin"], "destination": doc["destination"], **doc["dates"][date]}


async def keep(connection: Connection, table: str, number: str, doc: Mapping[str, Json]) -> None:
    query = f"update airline.{table} set doc = %s where id = %s"
    await connection.execute(query.encode(), (AsJson(doc), number))
