"""Connections to other people's databases, for one statement each. Imported only when SQL is used.

What holds reading to reading is the database, not a look at the text:

- PostgreSQL: a READ ONLY transaction, and the query is run as `DECLARE … CURSOR FOR <query>` by the extended
  protocol. So it is one statement, and one that starts with SELECT, VALUES, TABLE or WITH: `COMMIT; …`,
  `SET TRANSACTION READ WRITE`, COPY, DO and CALL are syntax errors, data-modifying WITH is refused.
- SQLite: the file is opened `mode=ro`, `query_only` is on, an authorizer allows nothing but reading (no ATTACH).
- MySQL and MariaDB: a READ ONLY transaction, and the query is sent in parentheses, one statement by the driver.
  Only a SELECT or VALUES can stand there: MariaDB's `BEGIN NOT ATOMIC … COMMIT; DELETE …` is a syntax error.
  A user with the FILE privilege, who could write INTO OUTFILE, is refused.
- Any other: refused.

Functions are the limit of this: one that acts outside the transaction (`dblink`, `pg_terminate_backend`,
`pg_read_file`, a stored function) is held only by the rights of the role. Give an agent a role that has
SELECT on what it needs and nothing else. A PostgreSQL superuser is turned into `pg_read_all_data` for the query,
which is a hurdle, not a wall: `set_config` undoes it. Where a connection names a role, or tells the policies the person
(Standing), that is a wall: it is refused unless the role may not call `set_config` and no policy passes it by.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.pool import NullPool

from remit.errors import UserError

SECONDS = 20.0  # that a statement may run; less than the tools' time limit, so that the database ends it
CELL = 10_000_000  # bytes that SQLite may make of one value
_PRAGMAS = frozenset(
    [
        "table_info",
        "table_xinfo",
        "table_list",
        "index_list",
        "index_info",
        "index_xinfo",
        "foreign_key_list",
        "database_list",
    ]
)
_FUNCTIONS = frozenset(["load_extension", "fts3_tokenizer", "readfile", "writefile", "edit"])
_READS = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_RECURSIVE})


@dataclass(frozen=True, slots=True)
class Standing:
    """As whom statements run: a role, empty for the one that logs in; and the person whom policies on rows are to go by,
    as the setting `remit.person`, where `narrowed`."""

    role: str
    person: str
    narrowed: bool


@contextmanager
def reading(resource: str, url: str, standing: Standing | None = None) -> Iterator[Connection]:
    """A connection that can only read. Raises UserError where that cannot be enforced, ConnectionError where
    the database does not answer."""
    engine = _engine(resource, url, read=True)
    _check_standing(engine, resource, standing)
    with _connected(engine, resource) as connection:
        if engine.dialect.name == "postgresql":
            connection = connection.execution_options(postgresql_readonly=True, postgresql_deferrable=False)
            connection.execute(text(f"SET LOCAL statement_timeout = {int(SECONDS * 1000)}"))
            connection.execute(text("SET LOCAL lock_timeout = 5000"))
            if standing is None:
                _step_down(connection)
            else:
                _stand(connection, resource, standing)
        elif engine.dialect.name in ("mysql", "mariadb"):
            _without_files(connection)
            connection.execute(text("SET SESSION TRANSACTION READ ONLY"))
            connection.commit()
            connection.execute(text("START TRANSACTION READ ONLY"))
        try:
            yield connection
        finally:
            connection.rollback()


@contextmanager
def writing(resource: str, url: str, standing: Standing | None = None) -> Iterator[Connection]:
    """A connection in a transaction that is committed at the end, or rolled back where an error leaves it."""
    engine = _engine(resource, url, read=False)
    _check_standing(engine, resource, standing)
    with _connected(engine, resource) as connection, connection.begin():
        if engine.dialect.name == "postgresql":
            connection.execute(text(f"SET LOCAL statement_timeout = {int(SECONDS * 1000)}"))
            connection.execute(text("SET LOCAL lock_timeout = 5000"))
            if standing is not None:
                _stand(connection, resource, standing)
        yield connection


@lru_cache(maxsize=64)
def _engine(resource: str, url: str, read: bool) -> Engine:
    """No pool: whatever a statement does to its session ends with it."""
    parsed = _parsed(resource, url)
    name = parsed.get_backend_name()
    options: dict[str, Any] = {"poolclass": NullPool, "hide_parameters": True}
    if name == "sqlite":
        options["creator"] = _sqlite(resource, parsed, read)
    elif name == "postgresql":
        # Preparing makes the server refuse text with more than one statement.
        options["connect_args"] = {"connect_timeout": 10, "prepare_threshold": 0, "application_name": "remit"}
    elif read and name not in ("mysql", "mariadb"):
        raise UserError(
            f"resource {resource!r}: nothing makes a {name} database refuse to write during a query; "
            "reading works on postgresql, sqlite, mysql and mariadb"
        )
    try:
        engine = create_engine(parsed, **options)
    except ModuleNotFoundError as error:
        raise UserError(
            f"resource {resource!r}: needs the driver {error.name!r}: pip install {error.name}"
        ) from error
    except (NoSuchModuleError, ArgumentError) as error:
        raise UserError(f"resource {resource!r}: {error}") from error
    if name in ("mysql", "mariadb"):
        event.listen(engine, "connect", _limit_mysql)
    return engine


def _parsed(resource: str, url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:  # its message quotes the URL, which may hold a password
        raise UserError(
            f"resource {resource!r} is not a database URL; write it as postgresql://user:password@host/name "
            "or sqlite:///path"
        ) from error
    if parsed.drivername in ("postgresql", "postgres"):
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername in ("mysql", "mariadb"):
        return parsed.set(drivername=f"{parsed.drivername}+pymysql")
    return parsed


@contextmanager
def _connected(engine: Engine, resource: str) -> Iterator[Connection]:
    try:
        connection = engine.connect()
    except DBAPIError as error:
        reason = " ".join(str(error.orig).split())
        raise ConnectionRefusedError(f"the database {resource!r} does not answer: {reason}") from error
    with connection:
        yield connection


def _check_standing(engine: Engine, resource: str, standing: Standing | None) -> None:
    if standing is not None and engine.dialect.name != "postgresql":
        raise UserError(
            f"resource {resource!r}: role and person hold on postgresql only, not {engine.dialect.name}"
        )


# Ways past the policies on rows: to be above them, to own a table that does not force them, or to say oneself who one is.
_PAST = """
SELECT r.rolsuper OR r.rolbypassrls AS above,
       (SELECT c.oid::regclass::text FROM pg_class c
         WHERE c.relrowsecurity AND NOT c.relforcerowsecurity AND pg_has_role(current_user, c.relowner, 'USAGE')
         ORDER BY 1 LIMIT 1) AS owned,
       has_function_privilege('pg_catalog.set_config(text, text, boolean)', 'EXECUTE') AS free
FROM pg_roles r WHERE r.rolname = current_user
"""


def _stand(connection: Connection, resource: str, standing: Standing) -> None:
    """Become the role, and say whom the policies are to go by. Raises UserError where a query could undo either."""
    from psycopg import sql

    driver = connection.connection.driver_connection
    assert driver is not None
    if standing.role:
        role = sql.Identifier(standing.role).as_string(driver)
        _alone(driver, f"SET LOCAL ROLE {role}")
    above, owned, free = connection.execute(text(_PAST)).one()
    who = (
        f"resource {resource!r}: the role {standing.role!r}"
        if standing.role
        else f"resource {resource!r}: its role"
    )
    if above:
        raise UserError(f"{who} is above all policies on rows; name one without SUPERUSER and BYPASSRLS")
    if free:
        raise UserError(
            f"{who} may call set_config, by which a query can become another role or person; run in that database: "
            "REVOKE EXECUTE ON FUNCTION pg_catalog.set_config(text, text, boolean) FROM PUBLIC"
        )
    if standing.narrowed:
        if owned:
            raise UserError(
                f"{who} owns {owned}, whose policies do not hold for it; name a role that owns nothing"
            )
        person = sql.Literal(standing.person).as_string(driver)
        _alone(driver, f"SET LOCAL remit.person = {person}")


def _alone(driver: Any, statement: str) -> None:
    """A statement that takes no parameters, as it stands: neither `:` nor `%` means anything in it."""
    driver.execute(statement)


def _step_down(connection: Connection) -> None:
    """A superuser's functions read the server's files; a query has no use for them."""
    row = connection.execute(
        text(
            "SELECT r.rolsuper, EXISTS (SELECT FROM pg_roles WHERE rolname = 'pg_read_all_data')"
            " FROM pg_roles r WHERE r.rolname = current_user"
        )
    ).one()
    if not row[0]:
        return
    if not row[1]:
        raise UserError("the database's user is a superuser; give the agent a role with SELECT only")
    connection.execute(text("SET LOCAL ROLE pg_read_all_data"))


def _without_files(connection: Connection) -> None:
    """SELECT … INTO OUTFILE is a read to MySQL's transactions, but writes on the server."""
    files = connection.execute(
        text(
            "SELECT COUNT(*) FROM information_schema.user_privileges WHERE privilege_type = 'FILE'"
            " AND grantee = CONCAT('''', REPLACE(CURRENT_USER(), '@', '''@'''), '''')"
        )
    ).scalar_one()
    if files:
        raise UserError("the database's user has the FILE privilege; give the agent a user with SELECT only")


def only_select(connection: Connection, query: str) -> str:
    """The query in the form in which this database takes nothing but a SELECT."""
    if connection.dialect.name in ("mysql", "mariadb"):
        # On lines of their own: a comment at the end of the query must not hide the parenthesis.
        return f"(\n{query.rstrip().rstrip(';')}\n)"
    return query


def _limit_mysql(driver: Any, _: Any) -> None:
    cursor = driver.cursor()
    cursor.execute("SELECT VERSION()")
    if "mariadb" in str(cursor.fetchone()[0]).lower():
        cursor.execute(f"SET SESSION max_statement_time = {SECONDS}")
    else:
        cursor.execute(f"SET SESSION max_execution_time = {int(SECONDS * 1000)}")
    cursor.close()


def _sqlite(resource: str, url: URL, read: bool) -> Callable[[], sqlite3.Connection]:
    path = url.database
    if not path or path == ":memory:" or path.startswith("file:"):
        raise UserError(f"resource {resource!r}: name a file, as sqlite:///shop.db")

    def connect() -> sqlite3.Connection:
        # Never rwc: a mistyped path must not make an empty database.
        where = f"file:{quote(str(Path(path).absolute()))}?mode={'ro' if read else 'rw'}"
        driver = sqlite3.connect(where, uri=True, timeout=5, check_same_thread=False)
        driver.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, CELL)
        if read:
            driver.execute("PRAGMA query_only = ON")
        driver.set_authorizer(_may_read if read else _may_write)
        ends = time.monotonic() + SECONDS
        driver.set_progress_handler(lambda: time.monotonic() > ends, 10_000)
        return driver

    return connect


def _may_read(action: int, first: str | None, second: str | None, *_: str | None) -> int:
    if action in _READS:
        return sqlite3.SQLITE_OK
    if action in (sqlite3.SQLITE_PRAGMA, sqlite3.SQLITE_FUNCTION):
        return _may_write(action, first, second)
    return sqlite3.SQLITE_DENY


def _may_write(action: int, first: str | None, second: str | None, *_: str | None) -> int:
    """Anything in this database, nothing outside it: ATTACH and VACUUM INTO write files anywhere."""
    if action in (sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH):
        return sqlite3.SQLITE_DENY
    if action == sqlite3.SQLITE_PRAGMA and (first or "").lower() not in _PRAGMAS:
        asks = first == "read_uncommitted" and second is None  # SQLAlchemy does, of every new connection
        return sqlite3.SQLITE_OK if asks else sqlite3.SQLITE_DENY
    if action == sqlite3.SQLITE_FUNCTION and (second or "").lower() in _FUNCTIONS:
        return sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK


def urls(resources: Mapping[str, Any]) -> dict[str, str]:
    """The resources that are database URLs, by name."""
    return {name: url for name, url in resources.items() if isinstance(url, str) and "://" in url[:40]}
