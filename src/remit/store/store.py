"""One door to the database: find or start it, migrate it, hold a pool of connections to it."""

from __future__ import annotations

import contextlib
import functools
import select
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

import psycopg
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool

from remit.errors import StoreError
from remit.settings import Settings
from remit.store import embedded
from remit.store.guest import (
    DEFAULT,
    KEEPER,
    ROLE,
    GuestConnection,
    Guests,
    Lender,
    check_name,
    require_role,
)
from remit.store.migrate import migrate
from remit.store.pool import Pool
from remit.store.pooler import Pooler, find_pooler

Connection = psycopg.AsyncConnection[TupleRow]
Sight = tuple[str, frozenset[str] | None]  # a workspace, and which of its agents; None: all

OLDEST = 15  # PostgreSQL's major version that the migrations are tested down to

# A server that vanished from the network is noticed within a minute, not after the system's two hours
KEEPALIVE: dict[str, Any] = {
    "keepalives_idle": 20,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}


@dataclass(frozen=True)
class Store:
    """The open database. `url` holds the password: never show it, show `where(url)`."""

    url: str
    pool: Lender
    settings: Settings
    pooler: Pooler | None = None  # between us and the server
    workspace: str = DEFAULT  # whose things are listed and made by it
    agents: frozenset[str] | None = None  # of which alone anything is seen by it; None: of all
    owner: Pool[Connection] | None = field(default=None, repr=False)  # connections that see every workspace
    guests: Pool[GuestConnection] | None = field(default=None, repr=False)

    @property
    def guest(self) -> bool:
        """Whether the database itself keeps it to its workspace."""
        return isinstance(self.pool, Guests) and self.pool.role == ROLE

    @property
    def own(self) -> Pool[Connection]:
        """The owner's pool, for what holds a connection or hands it on. A guest has none."""
        if self.owner is None or self.pool is not self.owner:
            raise TypeError("a guest of the database has no pool of its own")
        return self.owner

    @property
    def keeper(self) -> Store:
        """This workspace in the hands of who keeps its door: it sees all people, sessions and tokens, and what it writes is the
        workspace's."""
        if self.guests is None:
            raise TypeError("this store has no connections for guests")
        return replace(self, pool=Guests(self.guests, self.workspace, self.pooler is not None, KEEPER))

    def as_owner(self, workspace: str = "") -> Store:
        """This workspace, or another, in the hands of Remit itself: for whoever advances a run of it, and for what no policy can
        decide, as who may come in. Whoever uses it names the workspace in each query."""
        if workspace in ("", self.workspace) and not isinstance(self.pool, Guests):
            return self
        if self.owner is None:
            raise TypeError("this store has no connections of the owner")
        return replace(self, pool=self.owner, workspace=workspace or self.workspace)

    def within(self, workspace: str, agents: frozenset[str] | None = None) -> Store:
        """The same database in the hands of people of one workspace, who see all of it or only what is of some agents. Raises
        UserError for what is no name of a workspace."""
        if self.guests is None:
            raise TypeError("this store has no connections for guests")
        pool = Guests(self.guests, check_name(workspace), self.pooler is not None, agents=agents)
        return replace(self, pool=pool, workspace=workspace, agents=agents)

    def sees(self, agent: str) -> bool:
        """Whether what is of that agent is seen by it."""
        return self.agents is None or agent in self.agents

    @property
    def whole(self) -> Store:
        """All agents of its workspace: for what one of them is made of, whoever may use only that one."""
        return self if self.agents is None else self.within(self.workspace)


@contextlib.asynccontextmanager
async def open_store(settings: Settings) -> AsyncIterator[Store]:
    """The store of these settings, migrated. Connections are in autocommit mode; a dead one is replaced, and an
    embedded server that died is started again, so that the pool outlives the database going away.

    Raises StoreError if the database cannot be started, reached or migrated.
    """
    async with contextlib.AsyncExitStack() as held:
        address: Callable[[], Awaitable[str]] | str
        if settings.database_url:
            url = address = settings.database_url
        else:
            url = await held.enter_async_context(embedded.server(settings))
            address = functools.partial(embedded.revive, settings)
        pooler = await prepare(url)
        kept = pooler is None or pooler.prepares  # what is prepared on a connection is there next time
        how: dict[str, Any] = {
            "kwargs": {"application_name": "remit", "prepare_threshold": 5 if kept else None, **KEEPALIVE},
            "configure": _through_pooler if pooler else _straight,
            "max_size": settings.pool_size,
            "check": _check,
            "timeout": 30,
            "reconnect_timeout": 10,  # then the next one who asks makes it try at once, rather than after a long pause
            "open": False,
        }
        pool: Pool[Connection] = Pool(
            address, connection_class=psycopg.AsyncConnection[TupleRow], min_size=1, name="remit", **how
        )
        guests = Pool(address, connection_class=GuestConnection, min_size=0, name="remit guests", **how)
        await held.enter_async_context(pool)
        await held.enter_async_context(guests)
        yield Store(url, pool, settings, pooler, owner=pool, guests=guests)


async def prepare(url: str) -> Pooler | None:
    """Bring the database at `url` to this version's schema; returns the pooler that stands before it, if one does.
    Raises StoreError saying what is in the way."""
    try:
        async with await connect(url) as connection:
            await migrate(connection)
            await require_role(connection)
            return await find_pooler(connection)
    except (psycopg.errors.DiskFull, psycopg.errors.InsufficientResources) as error:
        raise StoreError(
            f"The database at {where(url)} has no room: {error}. Free some space on its disk."
        ) from error
    except psycopg.errors.InsufficientPrivilege as error:
        raise StoreError(
            f"{error}. Give the role of {where(url)} the right to create tables in its database."
        ) from error
    except psycopg.OperationalError as error:
        raise StoreError(
            f"The database at {where(url)} went away while it was migrated: {error}. Try again."
        ) from error


async def connect(url: str) -> Connection:
    """One connection outside the pool, which prepares nothing. Raises StoreError if the database cannot be reached or is too old."""
    try:
        connection = await psycopg.AsyncConnection[TupleRow].connect(
            url,
            autocommit=True,
            connect_timeout=10,
            prepare_threshold=None,
            application_name="remit",
            **KEEPALIVE,
        )
    except psycopg.ProgrammingError:  # whose message shows the address with its password
        raise StoreError(
            "REMIT_DATABASE_URL is not the address of a PostgreSQL database: write "
            "postgresql://user:password@host:5432/name, or unset it to use the embedded one; see `remit doctor`."
        ) from None
    except psycopg.OperationalError as error:
        said = str(error).strip().splitlines()[-1]
        raise StoreError(
            f"Cannot reach the database at {where(url)}: {said}. "
            "Is it running, and is REMIT_DATABASE_URL right? Unset it to use the embedded one; see `remit doctor`."
        ) from error
    version = connection.info.server_version // 10_000
    if version < OLDEST:
        await connection.close()
        raise StoreError(
            f"The database at {where(url)} is PostgreSQL {version}; Remit needs {OLDEST} or newer."
        )
    coding = connection.info.parameter_status("server_encoding")
    if coding != "UTF8":
        await connection.close()
        raise StoreError(f"The database at {where(url)} stores {coding}; create one with ENCODING 'UTF8'.")
    return connection


def where(url: str) -> str:
    """The address without user and password, to be shown."""
    try:
        parts = urlsplit(url)
        name = f"{parts.hostname or 'local socket'}{f':{parts.port}' if parts.port else ''}{parts.path}"
    except ValueError:
        return "REMIT_DATABASE_URL"
    return name if parts.scheme.startswith("postgres") else "REMIT_DATABASE_URL"


async def _straight(connection: Connection) -> None:
    """Set a connection to the server up, and have the server let go of it soon, with its locks, where our machine vanishes
    from the network: by itself it would wait for two hours, in the middle of a transaction too."""
    await _through_pooler(connection)
    await connection.execute(
        "SELECT set_config('tcp_keepalives_idle', '20', false), set_config('tcp_keepalives_interval', '10', false), "
        "set_config('tcp_keepalives_count', '3', false), "
        "set_config('idle_in_transaction_session_timeout', '2min', false)"
    )


async def _through_pooler(connection: Connection) -> None:
    """Set a connection up whose session is shared with others. Not among the keyword arguments: the queue engine
    connects with those and says autocommit itself."""
    await connection.set_autocommit(True)


async def _check(connection: Connection) -> None:
    """Refuse a dead connection before it is lent. Only if it seems to be one is the server asked, so that the usual
    loan costs no round trip."""
    if seems_dead(connection):
        await AsyncConnectionPool.check_connection(connection)


def seems_dead(connection: Connection) -> bool:
    """Whether an idle connection is closed or has something to read, which is most likely the server's goodbye."""
    if connection.closed:
        return True
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN | select.POLLHUP | select.POLLERR)
    return bool(poll.poll(0))
