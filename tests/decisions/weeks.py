"""A playbook with decisions that are weeks old, and what came of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

from psycopg.types.json import Jsonb

from remit.decisions.kept import save
from remit.playbook import playbook_of
from remit.store.store import Store

WINBACK = """\
actions:
  - {name: pricing-mail, does: send, channel: email, what: pricing, cost: 0.02, cool_down: 14}
  - {name: sales-call, does: call, channel: phone, cost: 6, capacity: {count: 30, days: 1}}
  - {name: nothing, does: nothing}
goals:
  revenue: {counts: [{kind: purchase, currency: EUR}]}
holdout: 0.1
rules:
  caps: [{name: week, count: 2, days: 7}]
"""


async def decided(store: Store, times: int, name: str = "winback") -> None:
    """`times` decisions of two versions, the second in ramp; a call brings most, and nothing least."""
    first = await save(store, name, WINBACK, playbook_of(WINBACK), "to begin with", "ann")
    text = WINBACK.replace("count: 2, days: 7", "count: 1, days: 7")
    second = await save(store, name, text, playbook_of(text), "one contact a week", "ann")
    chance, now = Random(7), datetime.now(UTC)
    async with store.pool.connection() as connection:
        query = "update playbook_versions set stage = %s, share = %s where playbook = %s and version = %s"
        await connection.execute(query, ("live", 0, name, first.version))
        await connection.execute(query, ("ramp", 0.2, name, second.version))
        for number in range(times):
            held = number % 10 == 0
            action, does = (
                ("nothing", "nothing")
                if held
                else chance.choice((("pricing-mail", "send"), ("sales-call", "call")))
            )
            options = [["pricing-mail", 4.1, 0.7], ["sales-call", 3.0, 0.2], ["nothing", 1.0, 0.1]]
            share = {"pricing-mail": 0.7, "sales-call": 0.2, "nothing": 0.1}[action]
            query = """
                insert into decisions (workspace, playbook, version, stage, person, at, action, does, propensity, holdout, chosen, cost,
                    reason, options, ruled_out, features, tried)
                values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, true, 0, 'it is worth most for people like them', %s, '[]', '[]', %s) returning id
            """
            version = first if number % 5 else second
            at = now - timedelta(days=1 + number * 40 / times)
            values = (
                store.workspace,
                name,
                version.version,
                "live" if number % 5 else "ramp",
                number + 1,
                at,
                action,
                does,
            )
            row = await (
                await connection.execute(
                    query, (*values, share, held, Jsonb(options), action == "sales-call")
                )
            ).fetchone()
            assert row is not None
            mean = {"nothing": 1, "pricing-mail": 3, "sales-call": 5}[action]
            credit = (
                "insert into decision_credits (workspace, playbook, decision, value) values (%s, %s, %s, %s)"
            )
            if at < now - timedelta(days=14):
                await connection.execute(
                    credit, (store.workspace, name, row[0], max(0.0, chance.gauss(mean, 2)))
                )
