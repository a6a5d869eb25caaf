"""The list of where persons may stand is held against the tables that there are, so that one made tomorrow is not forgotten."""

from __future__ import annotations

from remit.privacy.held import ALONG, OTHERS, SET_UP, THEIRS, WHOLE
from remit.store.store import Store


async def columns(store: Store) -> dict[str, set[str]]:
    query = """
        select c.relname, a.attname from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        where c.relnamespace = current_schema()::regnamespace and c.relkind in ('r', 'p')
    """
    found: dict[str, set[str]] = {}
    async with store.pool.connection() as connection:
        for table, column in await (await connection.execute(query)).fetchall():
            found.setdefault(table, set()).add(column)
    return found


async def test_every_table_with_rows_of_a_person_is_in_the_list_of_what_goes_with_them(store: Store) -> None:
    found = await columns(store)
    of_somebody = {
        name for name, there in found.items() if there & {"profile", "profiles", "person", "persons"}
    }
    named = {"runs", "sums"}  # by a name, and searched for it
    assert of_somebody - set(OTHERS) - named <= set(THEIRS), (
        "a new table: say in remit/privacy/held.py what becomes of it"
    )
    along = {name for name, there in found.items() if there & {"decision", "interaction"}}
    assert along <= set(ALONG), "a new table: say in remit/privacy/held.py with what it goes"


async def test_the_list_names_tables_and_columns_that_there_are(store: Store) -> None:
    found = await columns(store)
    assert {*THEIRS, *ALONG, *WHOLE, *SET_UP, *OTHERS} <= set(found)
    for table, names in THEIRS.items():
        assert {*names, "workspace"} <= found[table]
    for table, (column, of) in ALONG.items():
        assert {column, "workspace"} <= found[table]
        assert of in THEIRS
