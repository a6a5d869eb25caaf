"""What was decided for somebody, what they did with mail and what they wish: all of it is in an export, and none of it is left when they are erased."""

from __future__ import annotations

import asyncio
import io
import json
import zipfile
from datetime import timedelta
from typing import Any

import httpx
import pytest

from remit.app import App
from remit.decisions.alone import alone
from remit.decisions.credited import credit
from remit.decisions.deciding import take
from remit.decisions.sums import KEY, fold
from remit.decisions.tracked import tell
from remit.graph.people import find
from remit.privacy.export import export_bytes
from remit.privacy.held import ALONG, THEIRS
from remit.store.store import Store
from tests.channels.conftest import host
from tests.channels.servers import Host
from tests.channels.test_leaving import app, chosen, reader, yes
from tests.channels.test_tracked import BROWSER, OTHER, SHOP, mailed
from tests.decisions.test_totals import agrees, done
from tests.decisions.town import ann, people, playbook, rows
from tests.graph.conftest import NOW
from tests.journal.test_archive import somebody_waits
from tests.privacy.test_erase import erased

__all__ = ["app", "host", "reader"]
Json = Any
ANN = "ann@a.example"
SUMMED = f"""
    select {KEY}, sum(times), round(sum(likely)::numeric, 9), min(rarest), sum(tried), round(sum(spent)::numeric, 9), sum(closed),
        round(sum(total)::numeric, 9), round(sum(squares)::numeric, 9), bool_or(fresh)
    from decision_sums group by {KEY} order by {KEY}
"""
# On a few days, in and out of the holdout, each with another propensity within the same bounds
WRITE = """
    insert into decisions (workspace, playbook, version, stage, person, at, action, does, propensity, holdout, chosen, cost, reason, options, ruled_out,
        features)
    select %s, 'winback', 1, 'live', %s, '2026-05-04'::timestamptz + (n %% 2 + 5 * (n %% 7 / 6)) * interval '1 day', 'mail', 'send', 0.26 + n / 100.0, n %% 5 = 0, true,
        0.1, '', '[]', '[]', '[]'
    from generate_series(%s::int, %s::int) as n returning id
"""


async def wrote(store: Store, person: int, first: int, last: int) -> None:
    """Decisions for somebody; of each third it is known what came of it, and of one it was corrected."""
    ids = [id_ for (id_,) in await rows(store, WRITE, store.workspace, person, first, last)]
    query = "insert into decision_credits (workspace, playbook, decision, value, was) values (%s, 'winback', %s, %s, %s)"
    for one in ids[::3]:
        await done(store, query, store.workspace, one, 0.1 * one, None)
    await done(store, query, store.workspace, ids[0], 7.7, 0.1 * ids[0])


@pytest.mark.parametrize("folded", [True, False])
async def test_sums_are_as_if_nothing_had_ever_been_decided_for_who_is_erased(
    store: Store, folded: bool
) -> None:
    await people(store, 2)
    others, hers = [(await find(store, ann(number))).id for number in (0, 1)]
    await wrote(store, others, 12, 20)
    await fold(store, "winback")
    before = await rows(store, SUMMED)
    # The least of two days, some as likely as others', and a day of her own
    await wrote(store, hers, 0, 14)
    if folded:
        await fold(store, "winback")
    assert len(await rows(store, SUMMED)) > len(before)
    await erased(store, ann(1))
    await agrees(store)
    assert await rows(store, SUMMED) == before
    assert await rows(store, "select distinct person from decisions") == [(others,)]


async def test_nothing_is_decided_for_somebody_while_they_are_erased_nor_afterwards(store: Store) -> None:
    (person,) = await people(store, 1)
    await playbook(store)
    async with store.pool.connection() as connection, connection.transaction():
        await alone(connection, store.workspace, "winback")  # who decides has just seen her
        erasing = asyncio.create_task(erased(store, ann(0)))
        deciding = asyncio.create_task(take(store, "winback", person, NOW))
        await somebody_waits(store)
        assert not erasing.done()
    await asyncio.gather(erasing, deciding)
    assert await take(store, "winback", person, NOW) == []
    left = [
        await rows(store, f"select * from {table}")
        for table in ("decisions", "decision_keys", "decision_sums")
    ]
    assert left == [[], [], []]


async def test_what_somebody_did_with_mail_wishes_and_was_chosen_for_is_in_an_export_and_goes_with_them(
    app: App, host: Host, reader: httpx.AsyncClient
) -> None:
    store = app.store
    await yes(app)
    links = await mailed(app, host)
    await reader.get(links[SHOP], headers=BROWSER)
    await reader.head(links[OTHER], headers=BROWSER)
    (leave,) = {to.removeprefix("https://remit.shop.example") for to in links if "/u/" in to}
    await chosen(reader, leave, **{"email.marketing": "week"})
    await done(store, "update tracked_hits set at = at - interval '1 minute'")
    await playbook(store)
    person = await find(store, ANN)
    (decision,) = await take(store, "winback", person.id, NOW)
    with zipfile.ZipFile(io.BytesIO(await export_bytes(store, person, "dpo"))) as zipped:
        index, names = json.loads(zipped.read("index.json")), zipped.namelist()
        told = {name: zipped.read(name).decode() for name in names}
    assert (
        index["rows"] | {"contacts": 1, "decisions": 1, "tracked": 1, "tracked_hits": 2, "leaving": 1}
        == index["rows"]
    )
    assert {json.loads(line)["machine"] for line in told["rows/tracked_hits.jsonl"].splitlines()} == {
        "",
        "HEAD only asks what is there",
    }
    assert json.loads(told["rows/decisions.jsonl"])["id"] == decision
    assert '"at_most":1' in told["interactions.jsonl"].replace(" ", ""), "what they wish is a word of theirs"
    assert "digest" not in told["rows/leaving.jsonl"] + told["rows/tracked.jsonl"]
    assert (await erased(store, ANN)).done_at is not None
    for table in {*THEIRS, *ALONG}:
        assert await rows(store, f"select * from {table}") == [], table
    assert (await reader.get(leave)).status_code == 404, "it is nobody's link any more"
    led = await reader.get(links[SHOP], headers=BROWSER)
    assert (led.status_code, led.headers["location"]) == (302, SHOP), "what stands in a mail leads on"
    assert (await tell(store), await rows(store, "select * from graph_interactions")) == (0, [])
    assert await credit(store, "winback", NOW + timedelta(days=99)) == 0
