"""Two clients of one make: `Client` blocks, `AsyncClient` awaits."""

from __future__ import annotations

import os
from types import TracebackType
from typing import Self

from remit.client.accounts import Accounts
from remit.client.agents import Agents
from remit.client.asks import Asks
from remit.client.budgets import Budgets
from remit.client.connections import Connections
from remit.client.contacts import Contacts
from remit.client.conversations import Conversations
from remit.client.intakes import Intakes
from remit.client.keys import Keys
from remit.client.knowledge import Knowledge
from remit.client.parts import Part, Several, W, Want, call, each, get
from remit.client.people import People
from remit.client.playbooks import Playbooks
from remit.client.purposes import Purposes
from remit.client.results import Effect, Model, Tool
from remit.client.retention import Retentions
from remit.client.runs import Runs
from remit.client.segments import Segments
from remit.client.triggers import Triggers
from remit.client.webhooks import Webhooks
from remit.client.wire import AsyncWire, Wire
from remit.errors import UserError

HERE = "http://127.0.0.1:7700"


class Whole(Part[W]):
    """All parts, by one way of sending."""

    def __init__(self, wire: W) -> None:
        super().__init__(wire)
        self.runs, self.asks, self.agents = Runs(wire), Asks(wire), Agents(wire)
        self.triggers, self.webhooks, self.budgets = Triggers(wire), Webhooks(wire), Budgets(wire)
        self.retention, self.knowledge, self.keys = Retentions(wire), Knowledge(wire), Keys(wire)
        self.people, self.intakes, self.connections = People(wire), Intakes(wire), Connections(wire)
        self.segments, self.playbooks = Segments(wire), Playbooks(wire)
        self.contacts, self.accounts, self.purposes = Contacts(wire), Accounts(wire), Purposes(wire)
        self.conversations = Conversations(wire)

    @call
    def tools(self, name: str = "*") -> Want[Several[Tool]]:
        """The tools that are installed; `name` may be a pattern, as `http_*`."""
        return get(each(Tool, "tools"), "tools", name=name)

    @call
    def models(self) -> Want[Several[Model]]:
        """What can be chosen, best first, with what keeps the rest from being chosen."""
        return get(each(Model, "models"), "models")

    @call
    def effects(self, *, doubtful: bool = False, limit: int = 50) -> Want[Several[Effect]]:
        """The newest effects of all runs; `doubtful`: those of which nobody knows whether they happened."""
        return get(each(Effect, "effects"), "effects", doubtful=doubtful, limit=limit)


class Client(Whole[Wire]):
    """Remit over its API; each method returns when the answer is there. `url` and `token` are REMIT_URL and REMIT_TOKEN where they
    are left out; `tries`: of each request; `timeout`: seconds until one counts as not answered."""

    def __init__(self, url: str = "", token: str = "", *, tries: int = 5, timeout: float = 30.0) -> None:
        super().__init__(Wire(*_where(url, token), tries, timeout))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._wire.close()


class AsyncClient(Whole[AsyncWire]):
    """As Client, with each method to be awaited, or gone through by `async for`."""

    def __init__(self, url: str = "", token: str = "", *, tries: int = 5, timeout: float = 30.0) -> None:
        super().__init__(AsyncWire(*_where(url, token), tries, timeout))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._wire.close()


def _where(url: str, token: str) -> tuple[str, str]:
    """Raises UserError."""
    token = token or os.environ.get("REMIT_TOKEN", "")
    if not token:
        raise UserError(
            "there is no token: give one, or set REMIT_TOKEN; `remit tokens add --help` makes one"
        )
    return url or os.environ.get("REMIT_URL", HERE), token
