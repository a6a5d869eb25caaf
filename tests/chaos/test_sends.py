"""kill -9 around mails on a real SMTP and IMAP server, while people change their mind and events come lost, doubled and in any order: nobody
gets a message twice, no cap is exceeded, and nobody who said no is written to. The long form by `make chaos`."""

from __future__ import annotations

import asyncio
import json
import os
import random
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from remit.access.people import arrive
from remit.agents.spec import Agent
from remit.decisions.action import Cap, Rules
from remit.decisions.contacts import contacts_of
from remit.decisions.ruled import set_rules
from remit.errors import NotWaiting
from remit.graph.ingest import take
from remit.graph.people import find
from remit.journal.index import AskRow
from remit.store.secrets import set_secret
from tests.channels.conftest import connect
from tests.channels.servers import PASSWORD, Host, mail_host
from tests.chaos.harness import ANN, World, world
from tests.chaos.scene import call, turn

LONG = bool(os.environ.get("REMIT_CHAOS_LONG"))
MOST = 2  # mails that a person may get in a day
BEGAN = datetime.now(UTC) - timedelta(days=1)


@dataclass(frozen=True)
class Storm:
    people: int
    runs: int
    kills: int
    workers: int = 3
    seed: int = int(os.environ.get("REMIT_CHAOS_SEED", "7"))


STORM = Storm(60, 600, 200) if LONG else Storm(8, 24, 4)


@dataclass
class Market:
    """Whom there is to write to, and who has said no, since when at the latest."""

    here: World
    host: Host
    chance: random.Random
    people: Sequence[str]
    no: dict[str, datetime] = field(default_factory=dict)
    kills: int = 0

    async def says(self, who: str, kind: str, at: datetime, id: str) -> None:
        """As events come: some are lost and sent again, some come twice, an old one comes late."""
        told = {"properties": {"purpose": "marketing"}, "channel": "email", "email": who}
        row = {"id": id, "at": at.isoformat(), "kind": kind, "source": "shop", **told}
        for _ in range(self.chance.choice((1, 2))):
            await take(self.here.app.store, [(1, row)])

    async def withdraw(self, who: str) -> None:
        await self.says(who, "consent_withdrawn", datetime.now(UTC), f"no {who}")
        await self.says(
            who, "consent_given", BEGAN - timedelta(days=1), f"older {who}"
        )  # what was lost until now
        async with self.here.app.store.pool.connection() as connection:
            row = await (await connection.execute("select clock_timestamp()")).fetchone()
        assert row is not None
        self.no[who] = row[0]

    async def kill(self) -> None:
        alive = [one for one in self.here.mine if one.status is None and one.killed_at is None]
        if alive and self.kills < STORM.kills:
            self.kills += 1
            await self.here.kill(self.chance.choice(alive))
            await self.here.work(concurrency=STORM.runs)

    async def truth(self, ask: AskRow) -> None:
        """A person who is asked what became of a mail looks where it would be."""
        with suppress(NotWaiting):
            state = await self.here.app.state(ask.run)
            name = f"<remit.{ask.run.hex}.{state.asked[ask.ask_id].call_id}@shop.example>"
            there = name in [one["Message-ID"] for one in self.host.sent]
            answer = (
                ("answer", "olga", json.dumps({"sent": True, "id": name}))
                if there
                else ("approve", "olga", "")
            )
            await self.here.app.answer(ask.run, *answer, ask=ask.ask_id)  # type: ignore[arg-type]


def agent(folder: Path, who: str) -> Agent:
    send = call("mail_send", to=[who], subject="Spring", text="It is spring.", marketing=True)
    script = folder / f"{who}.json"
    last = turn(call("finish", report="done", outcome="done"))
    script.write_text(json.dumps({"answers": [turn(send), last], "by": "turn"}))
    spec: dict[str, Any] = {
        "name": "spring",
        "model": f"scripted:{script}",
        "tools": ["mail.*"],
        "reflect": False,
        "connections": {"desk": {"use": "desk"}},
        "remit": {"autonomy": "act", "budget": {"steps": 12}},
        "rules": [{"tool": "mail_send", "allow": "true"}],
    }
    return Agent.model_validate(spec)


async def storm(market: Market, folder: Path) -> None:
    """Runs begin; whenever some mails have gone out, a worker dies in the middle and somebody changes their mind."""
    here, taken = market.here, asyncio.Event()
    market.host.then = taken.set
    for n in range(STORM.runs):
        who = market.people[n * len(market.people) // STORM.runs]  # those of one race
        run = await here.app.start(agent(folder, who), "Tell them", person=ANN)
        await here.dispatch.enqueue(run)
    changing = list(market.people[::2])
    for _ in range(STORM.workers):
        await here.work(concurrency=STORM.runs)
    while market.kills < STORM.kills and await here.unfinished():
        with suppress(TimeoutError):
            await asyncio.wait_for(taken.wait(), 1.0)
        taken.clear()
        await market.kill()
        if changing and market.chance.random() < 0.5:
            await market.withdraw(changing.pop())
    for who in changing:
        await market.withdraw(who)
    await here.over()


async def test_no_mail_goes_twice_over_a_cap_or_against_a_no_whatever_dies(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = [f"p{n}@people.example" for n in range(STORM.people)]
    async with mail_host() as host, world(database_url, tmp_path, env={"REMIT_LEASE_TTL": "1"}) as here:
        host.saves_sent = True
        market = Market(here, host, random.Random(STORM.seed), people)
        monkeypatch.setattr(here, "_truth", market.truth)
        store = here.app.store
        await arrive(store, "ann")
        await set_secret(store, "DESK", PASSWORD, "ann")
        await connect(here.app, host, sent="server", unsubscribe="https://shop.example/leave?who={address}")
        await set_rules(store, Rules(caps=(Cap(name="day", count=MOST, days=1),)), "", "olga")
        for who in people:
            await market.says(who, "consent_given", BEGAN, f"yes {who}")
        await storm(market, tmp_path)
        assert market.kills
        assert here.problems == []
        sent = Counter(str(one["Message-ID"]) for one in host.sent)
        assert [id for id, times in sent.items() if times > 1] == []
        got = Counter(str(one["To"]) for one in host.sent)
        assert max(got.values()) == MOST, "some got all that they may get, and nobody more"
        for who in people:
            contacts = await contacts_of(store, (await find(store, who)).ids, limit=1000)
            reached = [one for one in contacts if one.state == "sent"]
            assert got[who] <= len(reached) <= MOST
            assert not [one for one in contacts if one.state == "reserved"]
            assert not [one for one in reached if who in market.no and one.at > market.no[who]]
        refused = [one for one in await contacts_of(store, limit=10_000) if one.state == "refused"]
        assert refused
        if LONG:
            print(f"\n{STORM}: {market.kills} kills, {sum(sent.values())} mails, {len(refused)} held back")
