"""A client, by what there is to do: `runs`, `asks`, `agents`, `webhooks`, tools and effects."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self
from uuid import UUID, uuid4

from remit.client.results import (
    Agent,
    Ask,
    Comparison,
    Delivery,
    Effect,
    Event,
    Run,
    RunRow,
    Tool,
    Webhook,
)
from remit.client.wire import Wire
from remit.errors import UserError

Json = Any
Effects = list[Effect]
HERE = "http://127.0.0.1:7700"


class Client:
    """Remit over its API. `url` and `token` are REMIT_URL and REMIT_TOKEN where they are left out; `tries`: of each request."""

    def __init__(self, url: str = "", token: str = "", *, tries: int = 5, timeout: float = 30.0) -> None:
        token = token or os.environ.get("REMIT_TOKEN", "")
        if not token:
            raise UserError(
                "there is no token: give one, or set REMIT_TOKEN; `remit tokens add --help` makes one"
            )
        self._wire = Wire(url or os.environ.get("REMIT_URL", HERE), token, tries, timeout)
        self.runs, self.asks = Runs(self._wire), Asks(self._wire)
        self.agents, self.webhooks = Agents(self._wire), Webhooks(self._wire)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._wire.close()

    async def tools(self, name: str = "*") -> list[Tool]:
        """The tools that are installed; `name` may be a pattern, as `http_*`."""
        found = await self._wire.get("/tools", name=name)
        return [Tool.model_validate(one) for one in found["tools"]]

    async def effects(self, *, doubtful: bool = False, limit: int = 50) -> list[Effect]:
        """The newest effects of all runs; `doubtful`: those of which nobody knows whether they happened."""
        found = await self._wire.get("/effects", doubtful=doubtful or None, limit=limit)
        return [Effect.model_validate(one) for one in found["effects"]]


class Runs:
    """Begin runs, follow and steer them."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def create(
        self,
        agent: str | Mapping[str, Json],
        goal: str,
        *,
        inputs: Mapping[str, Json] | None = None,
        quoted: str = "",
        person: Mapping[str, str] | None = None,
        model: str | None = None,
        shadow: bool = False,
        priority: int = 0,
        key: str = "",
    ) -> Run:
        """Begin a run; it goes on without you. What is tried again here begins no second one; give a `key` of your own where
        your own process may try again."""
        body: dict[str, Json] = {
            "agent": agent,
            "goal": goal,
            "inputs": dict(inputs or {}),
            "quoted": quoted,
            "shadow": shadow,
        }
        body |= {"person": None if person is None else dict(person), "model": model, "priority": priority}
        return Run.model_validate(await self._wire.post("/runs", body, key or uuid4().hex))

    async def get(self, run: UUID | str) -> Run:
        """How it stands."""
        return Run.model_validate(await self._wire.get(f"/runs/{run}"))

    async def list(self, *, limit: int = 100, **filters: Json) -> AsyncIterator[RunRow]:
        """The newest first, as many as there are: `async for`. Filters as `GET /runs` has them: status, agent, person, …"""
        cursor: str | None = ""
        while cursor is not None:
            page = await self._wire.get("/runs", limit=min(limit, 200), cursor=cursor, **filters)
            for row in page["runs"]:
                yield RunRow.model_validate(row)
            cursor = page["next"]

    async def events(self, run: UUID | str, after: int = 0) -> AsyncIterator[Event]:
        """Each event after that number as it happens, until the run has ended; a line that breaks is taken up where it was."""
        async for _, data in self._wire.events(f"/runs/{run}/stream", after):
            event = Event.model_validate(json.loads(data))
            yield event
            if event.type == "finished":
                return

    async def wait(self, run: UUID | str, *, through_asks: bool = False) -> Run:
        """The run when it has ended, or when it waits for a person; `through_asks`: only when it has ended."""
        now = await self.get(run)
        if now.ended or (now.asks and not through_asks):
            return now
        async for event in self.events(run, now.events):
            if event.type == "finished":
                break
            if event.type == "asked" and not through_asks and (now := await self.get(run)).asks:
                return now
        return await self.get(run)

    async def effects(self, run: UUID | str) -> Effects:
        """All that it did to the world."""
        found = await self._wire.get(f"/runs/{run}/effects")
        return [Effect.model_validate(one) for one in found["effects"]]

    async def why(self, run: UUID | str, call: str) -> dict[str, Json]:
        """What led to a call, and where each of its values stood before."""
        found: dict[str, Json] = await self._wire.get(f"/runs/{run}/calls/{call}/why")
        return found

    async def compare(self, run: UUID | str, other: UUID | str) -> Comparison:
        return Comparison.model_validate(await self._wire.get(f"/runs/{run}/compare", **{"with": str(other)}))

    async def cancel(self, run: UUID | str, why: str = "") -> Run:
        return Run.model_validate(await self._wire.post(f"/runs/{run}/cancel", {"why": why}))

    async def pause(self, run: UUID | str) -> Run:
        return Run.model_validate(await self._wire.post(f"/runs/{run}/pause"))

    async def resume(self, run: UUID | str) -> Run:
        return Run.model_validate(await self._wire.post(f"/runs/{run}/resume"))

    async def fork(
        self,
        run: UUID | str,
        at: int | None = None,
        *,
        model: str | None = None,
        instructions: str | None = None,
    ) -> Run:
        """A new run that shares the events up to `at`, the end where it is left out."""
        changes = {"at": at, "model": model, "instructions": instructions}
        given = {name: value for name, value in changes.items() if value is not None}
        return Run.model_validate(await self._wire.post(f"/runs/{run}/fork", given))


class Asks:
    """What runs ask, and your word on it."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def list(self) -> AsyncIterator[Ask]:
        """What waits, the oldest first: `async for`."""
        cursor: str | None = ""
        while cursor is not None:
            page = await self._wire.get("/asks", limit=100, cursor=cursor)
            for one in page["asks"]:
                yield Ask.model_validate(one)
            cursor = page["next"]

    async def approve(self, ask: Ask, note: str = "", changes: Mapping[str, Json] | None = None) -> Run:
        """A yes to exactly what this ask shows, once, or to the call with these arguments in place of its own: `{"amount": 20}`.
        Raises Conflict where it asks for something else by now, Unusable for a change that is denied or does not fit."""
        body: dict[str, Json] = {"digest": ask.digest, "note": note}
        return await self._say(ask, "approve", body | ({"changes": dict(changes)} if changes else {}))

    async def reject(self, ask: Ask, reason: str = "") -> Run:
        """A no; the agent reads the reason."""
        return await self._say(ask, "reject", {"reason": reason})

    async def answer(self, ask: Ask, text: str) -> Run:
        return await self._say(ask, "answer", {"text": text})

    async def _say(self, ask: Ask, word: str, body: Mapping[str, Json]) -> Run:
        return Run.model_validate(await self._wire.post(f"/runs/{ask.run}/asks/{ask.id}/{word}", body))


class Agents:
    """The agents at hand."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def list(self) -> list[Agent]:
        return [Agent.model_validate(one) for one in (await self._wire.get("/agents"))["agents"]]

    async def get(self, name: str) -> Agent:
        """With its spec."""
        return Agent.model_validate(await self._wire.get(f"/agents/{name}"))


class Webhooks:
    """Who is told of what happens; messages that come are checked by `remit.client.verify`."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def create(self, url: str, events: Sequence[str], agents: Sequence[str] = ()) -> Webhook:
        """The answer's `secret` is shown this once."""
        body = {"url": url, "events": [*events], "agents": [*agents]}
        return Webhook.model_validate(await self._wire.post("/webhooks", body))

    async def list(self) -> list[Webhook]:
        return [Webhook.model_validate(one) for one in (await self._wire.get("/webhooks"))["webhooks"]]

    async def test(self, webhook: UUID | str) -> Delivery:
        """Send a message now, and say how that went."""
        return Delivery.model_validate(await self._wire.post(f"/webhooks/{webhook}/test"))

    async def deliveries(self, webhook: UUID | str, state: str = "") -> AsyncIterator[Delivery]:
        """What it was told, the newest first: `async for`."""
        cursor: str | None = ""
        while cursor is not None:
            page = await self._wire.get(f"/webhooks/{webhook}/deliveries", state=state, cursor=cursor)
            for one in page["deliveries"]:
                yield Delivery.model_validate(one)
            cursor = page["next"]

    async def resend(self, webhook: UUID | str, delivery: UUID | str) -> Delivery:
        return Delivery.model_validate(
            await self._wire.post(f"/webhooks/{webhook}/deliveries/{delivery}/resend")
        )

    async def remove(self, webhook: UUID | str) -> None:
        await self._wire.send("DELETE", f"/webhooks/{webhook}")
