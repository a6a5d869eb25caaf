"""An erasure that was broken off is gone on with until it is done, whoever does it and however often."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import uuid4

import psycopg
import pytest

from remit.app import App, open_app
from remit.graph.people import find
from remit.journal.events import Asked, Person, Started
from remit.journal.journal import Journal
from remit.privacy.chain import seal_all
from remit.privacy.erase import STEPS, begin, erasure_of, erasures, foreseen, go_on
from remit.privacy.keep import look
from remit.privacy.receipt import signer
from remit.privacy.verify import check
from remit.settings import Settings
from remit.store.store import Store
from tests.privacy.conftest import ANN, everything, plant, traces
from tests.privacy.test_erase import nobody


@pytest.fixture
async def app(settings: Settings) -> AsyncIterator[App]:
    async with open_app(settings) as opened:
        yield opened


async def dies_at(store: Store, step: str) -> None:
    """Whoever comes to the end of that step loses the database: what it did stands, and that it did it does not."""
    async with store.pool.connection() as connection:
        await connection.execute(
            "create or replace function die() returns trigger language plpgsql as $$ begin raise exception 'killed'; end $$"
        )
        await connection.execute("drop trigger if exists dies on erasures")
        when = "new.done_at is not null" if step == "receipt" else f"new.step = '{step}'"
        query = (
            f"create trigger dies before update on erasures for each row when ({when}) execute function die()"
        )
        await connection.execute(query.encode())


async def test_killed_after_any_step_it_is_finished_by_the_next_who_goes_on(store: Store) -> None:
    await plant(store)
    await seal_all(store)
    id_ = await begin(store, await find(store, ANN["email"]), "dpo", "she asked")
    for step in STEPS:
        await dies_at(store, step)
        with pytest.raises(psycopg.errors.RaiseException, match="killed"):
            await go_on(store, id_, nobody)
        assert (await erasure_of(store, id_)).done_at is None
    async with store.pool.connection() as connection:
        await connection.execute("drop trigger dies on erasures")
    done = await go_on(store, id_, nobody)
    assert done.done_at is not None
    assert traces(await everything(store)) == set()
    assert (await check(store, signer(store.settings).name)).wrong == []
    assert await go_on(store, id_, nobody) == done  # done is done


async def test_an_open_run_for_the_person_is_ended_first_and_goes_with_the_others(app: App) -> None:
    await plant(app.store)
    journal, run = Journal(app.store), uuid4()
    begun = Started(goal="Ask", agent="clerk", spec={"name": "clerk"}, person=Person(id=ANN["customer"]))
    await journal.append(run, 0, [begun, Asked(ask_id="q", kind="question", text=f"For {ANN['email']}?")])
    await journal.close()
    id_ = await begin(app.store, await find(app.store, ANN["email"]), "dpo", "she asked")
    done = await go_on(app.store, id_, app.cancel)
    assert done.done_at is not None
    assert done.counts["runs for them"] == 2
    assert traces(await everything(app.store)) == set()


async def test_workers_go_on_with_what_was_left_and_not_with_what_somebody_is_about(app: App) -> None:
    await plant(app.store)
    id_ = await begin(app.store, await find(app.store, ANN["email"]), "dpo", "she asked")
    await look(app)
    assert (await erasure_of(app.store, id_)).done_at is None
    async with app.store.pool.connection() as connection:
        await connection.execute("update erasures set due_at = now()")
    await look(app)
    (done,) = await erasures(app.store)
    assert done.done_at is not None
    assert (await check(app.store, signer(app.settings).name)).runs >= 2


async def test_an_erasure_of_one_workspace_leaves_another_as_it_is(app: App) -> None:
    async with app.store.pool.connection() as connection:
        await connection.execute("insert into workspaces (name, title) values ('other', 'Other')")
    other = app.store.as_owner("other")
    await plant(app.store)
    await plant(other)
    before = await foreseen(other, await find(other, ANN["email"]))
    id_ = await begin(app.store, await find(app.store, ANN["email"]), "dpo", "she asked")
    done = await go_on(app.store, id_, app.cancel)
    assert done.done_at is not None
    assert await foreseen(other, await find(other, ANN["email"])) == before
