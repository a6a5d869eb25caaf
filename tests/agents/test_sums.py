"""Limits over a time: what rules sum up and count, over runs, processes, crashes and undoing."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from typing import Any
from uuid import UUID, uuid4

import pytest

from remit.agents import sums as loop_side
from remit.agents.spec import Agent
from remit.app import App, open_app
from remit.errors import SpecError
from remit.examples import Example, try_example
from remit.journal.events import Acted, AnyBody, Intended, Judged, Person
from remit.journal.rolling import Sum
from remit.journal.sums import Aside, set_aside
from remit.outfit import outfit
from remit.past import again as judged_again
from remit.past import explained, past_calls
from remit.replay import Changes, Terms, replay
from remit.settings import Settings
from remit.testing import ScriptedModel
from tests.agents import till
from tests.agents.test_loop import ANN, call, finish

BOB = Person(id="bob", email="bob@example.com", verified=True)
DAY = 'sum("refund.amount", "24h") + args.amount <= 500'


def agent(*conditions: str, tool: str = "refund", **changes: Any) -> Agent:
    """One that may refund while the condition holds."""
    return Agent.model_validate(
        {
            "name": "till",
            "tools": ["tests.agents.till"],
            "reflect": False,
            "remit": {"autonomy": "act", "budget": {"steps": 12}},
            "rules": [
                *({"tool": tool, "allow": condition} for condition in conditions or (DAY,)),
                {"tool": "send_mail", "allow": 'count("send_mail", "7d") < 3'},
            ],
            **changes,
        }
    )


@pytest.fixture
async def app(settings: Settings) -> AsyncIterator[App]:
    till.reset()
    async with open_app(settings) as opened:
        yield opened


async def start(app: App, *script: Any, spec: Agent | None = None, person: Person = ANN) -> UUID:
    model = ScriptedModel([*script, finish()], by_turn=True, name=f"scripted:{random.random()}")
    return await app.start(spec or agent(), "refund what is due", person=person, model=model)


async def run(app: App, *script: Any, **more: Any) -> Any:
    return await app.advance(await start(app, *script, **more))


def refund(amount: float, **more: Any) -> Any:
    return call("refund", amount=amount, **more)


def came_to(state: Any) -> list[str]:
    return [c.acted.status for c in state.calls.values() if c.call.tool != "finish" and c.acted]


async def rows(app: App) -> list[tuple[str, bool]]:
    async with app.store.pool.connection() as connection:
        found = await connection.execute("select call, settled from sums order by call")
        return [(str(name), bool(settled)) for name, settled in await found.fetchall()]


async def test_a_limit_of_a_day_holds_over_the_runs_of_a_person_and_not_over_those_of_others(
    app: App,
) -> None:
    assert came_to(await run(app, refund(300))) == ["ok"]
    assert came_to(await run(app, refund(300), refund(200))) == ["denied", "ok"]
    assert came_to(await run(app, refund(0.5))) == ["denied"]
    assert came_to(await run(app, refund(500), person=BOB)) == ["ok"]
    assert sum(till.paid.values()) == 1000


async def test_calls_of_one_answer_are_added_up_before_any_of_them_is_carried_out(app: App) -> None:
    assert came_to(await run(app, [refund(300, order="A"), refund(300, order="B")])) == ["ok", "denied"]


async def test_calls_are_counted_as_well_as_summed_up(app: App) -> None:
    mails = [call("send_mail", to=f"{n}@a.example") for n in range(4)]
    assert came_to(await run(app, *mails)) == ["ok", "ok", "ok", "denied"]


async def test_what_lies_before_the_time_by_the_databases_clock_does_not_count(app: App) -> None:
    await run(app, refund(500))
    async with app.store.pool.connection() as connection:
        await connection.execute("update sums set at = at - interval '23 hours 59 minutes'")
        assert came_to(await run(app, refund(1))) == ["denied"]
        await connection.execute("update sums set at = at - interval '2 minutes'")
    assert came_to(await run(app, refund(500))) == ["ok"]


@pytest.mark.parametrize(
    ("scope", "other_agent", "expected"),
    [
        ("person", "till", "ok"),
        ("agent", "till", "denied"),
        ("agent", "desk", "ok"),
        ("workspace", "desk", "denied"),
    ],
)
async def test_the_third_argument_widens_whose_effects_count(
    app: App, scope: str, other_agent: str, expected: str
) -> None:
    spec = agent(f'sum("refund.amount", "24h", "{scope}") + args.amount <= 500')
    await run(app, refund(400), spec=spec)
    other = spec.model_copy(update={"name": other_agent})
    assert came_to(await run(app, refund(400), spec=other, person=BOB)) == [expected]


async def test_a_person_is_the_same_by_id_or_by_address_and_nobody_is_one_person(app: App) -> None:
    await run(app, refund(500))
    assert came_to(await run(app, refund(1), person=Person(email="Ann@Example.com"))) == ["denied"]
    assert came_to(await run(app, refund(500), person=Person())) == ["ok"]
    assert came_to(await run(app, refund(1), person=Person())) == ["denied"]


async def test_what_failed_was_sent_back_denied_or_undone_is_given_back(app: App) -> None:
    state = await run(app, refund(500, order="broken"), refund(500, order="closed"), refund(501), refund(500))
    assert came_to(state) == ["failed", "mend", "denied", "ok"]
    assert await rows(app) == [("4.1", True)]
    await app.undo(state.run, "4.1", "ann")
    assert not till.paid
    assert await rows(app) == []
    assert came_to(await run(app, refund(500))) == ["ok"]


async def test_shadow_sets_nothing_aside_and_is_judged_by_what_others_did(app: App) -> None:
    await run(app, refund(400))
    shadow = agent(remit={"autonomy": "shadow"})
    assert came_to(await run(app, refund(200), refund(100), refund(100), spec=shadow)) == [
        "denied",
        "simulated",
        "simulated",
    ]
    assert len(await rows(app)) == 1


async def test_nothing_below_nothing_makes_room(app: App) -> None:
    assert came_to(await run(app, refund(500), refund(-400), refund(100))) == ["ok", "ok", "denied"]


async def test_money_in_words_is_read_and_currencies_are_not_mixed(app: App) -> None:
    spec = agent('sum("pay.amount", "24h") + amount(args.amount) <= 500', tool="pay")

    def pay(amount: str) -> Any:
        return call("pay", amount=amount)

    state = await run(
        app, pay("300 EUR"), pay("€ 200,50"), pay("1 USD"), pay("some EUR"), pay("200.00 €"), spec=spec
    )
    assert came_to(state)[:4] == ["ok", "denied", "denied", "denied"]
    assert "EUR and USD cannot be added up" in next(
        c.acted.result for c in state.calls.values() if c.call.args.get("amount") == "1 USD"
    )
    assert came_to(state)[4] == "ok"


async def test_a_call_that_is_asked_about_holds_nothing_and_is_judged_anew_when_it_is_approved(
    app: App,
) -> None:
    spec = agent(
        remit={"autonomy": "ask"},
        rules=[
            {"tool": "refund", "deny": 'sum("refund.amount", "24h") + args.amount > 500'},
            {"tool": "refund", "ask": "true"},
        ],
    )
    both = [await start(app, refund(300), spec=spec) for _ in range(2)]
    for waiting in both:
        assert (await app.advance(waiting)).status == "waiting"
    assert await rows(app) == []
    for waiting in both:
        await app.answer(waiting, "approve", "boss")
    assert [came_to(await app.advance(waiting)) for waiting in both] == [["ok"], ["denied"]]


async def test_rules_without_sums_ask_the_database_nothing_more(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(*_: Any) -> Any:
        raise AssertionError("a sum was asked about")

    for name in ("set_aside", "set_aside_of", "settle"):
        monkeypatch.setattr(loop_side, name, never)
    plain = agent(rules=[{"tool": "refund", "allow": "args.amount <= 500"}])
    assert came_to(await run(app, refund(300), call("look"), spec=plain)) == ["ok", "ok"]


async def test_the_sums_are_on_record_with_the_verdict_that_rested_on_them(app: App) -> None:
    await run(app, refund(300))
    state = await run(app, refund(300))
    judged = [e.body for e in await app.journal.read(state.run) if isinstance(e.body, Judged)]
    assert [body.records for body in judged] == [{'sum("refund.amount", "24h")': 300.0}]


# Between what is set aside and what is read, and the end of the transaction: what is not held off from it comes between.
SLOW = """
    create function slow() returns trigger language plpgsql as $$ begin perform pg_sleep(0.02); return new; end $$;
    create trigger slow after insert or update on sums for each row execute function slow();
"""


async def at_once(app: App) -> None:
    """As many connections as there may be, open from the start."""
    await app.store.own.resize(min_size=8, max_size=8)
    await app.store.own.wait()


@pytest.mark.parametrize("scope", ["person", "agent", "workspace"])
async def test_of_calls_that_are_judged_at_the_same_moment_each_sees_those_before_it(
    app: App, scope: Any
) -> None:
    """Of the same person, known by id, by address or by both; or of anybody."""
    one = Sum("sum", "refund.amount", "24h", scope, tool="refund", argument="amount")
    who = [("ann", "a@a.example"), ("", "a@a.example")] if scope == "person" else [("ann", ""), ("bob", "")]
    agents = ["till", "desk"] if scope != "agent" else ["till"]
    await at_once(app)
    async with app.store.pool.connection() as connection:
        await connection.execute(SLOW)
    amounts = {"amount": {"n": "1", "unit": ""}}
    calls = [
        Aside("default", uuid4(), "1.1", "refund", agents[n % len(agents)], *who[n // 2 % 2], amounts)
        for n in range(16)
    ]
    found = await asyncio.gather(*(set_aside(app.journal, each, [one], lambda _: True) for each in calls))
    assert sorted(sums[0].total for sums in found) == list(range(16))


@pytest.mark.parametrize("seed", range(3))
async def test_however_runs_interleave_no_more_happens_than_the_limit_allows(
    settings: Settings, seed: int
) -> None:
    """Several processes' worth of apps, each with runs that refund at the same moment; some fail, some are sent back."""
    till.reset()
    chance = random.Random(seed)
    orders = ["W1", "W2", "closed", "broken"]
    async with AsyncExitStack() as held:
        apps = [await held.enter_async_context(open_app(settings)) for _ in range(3)]
        for app in apps:
            await at_once(app)
        async with apps[0].store.pool.connection() as connection:
            await connection.execute(SLOW)
        runs = []
        for number in range(12):
            some = [
                [
                    refund(chance.randint(1, 12) * 25, order=chance.choice(orders))
                    for _ in range(chance.randint(1, 3))
                ]
                for _ in range(3)
            ]
            runs.append((app := apps[number % 3], await start(app, *some)))
        states = await asyncio.gather(*(app.advance(one) for app, one in runs))
        happened = sum(till.paid.values())
        assert happened <= 500
        assert "denied" in [status for state in states for status in came_to(state)]
        assert all(settled for _, settled in await rows(apps[0]))
        assert came_to(await run(apps[0], refund(500 - happened), refund(1))) == [
            "ok",
            "denied",
        ]  # nothing leaked


class Killed(Exception):
    """The process is gone."""


def die_at(app: App, monkeypatch: pytest.MonkeyPatch, kind: type[AnyBody]) -> None:
    """From the append on that would hold such an event, this process writes nothing any more."""
    submit = app.journal.submit

    def dying(run: UUID, after: int, bodies: Sequence[AnyBody], behind: Any = None) -> Any:
        if any(isinstance(body, kind) and getattr(body, "tool", "refund") == "refund" for body in bodies):
            raise Killed
        return submit(run, after, bodies, behind)

    monkeypatch.setattr(app.journal, "submit", dying)


async def dead(settings: Settings, monkeypatch: pytest.MonkeyPatch, kind: type[AnyBody]) -> UUID:
    """A run whose process died before that event of its refund was written."""
    async with open_app(settings) as app:
        one = await start(app, refund(500))
        die_at(app, monkeypatch, kind)
        with pytest.raises(Killed):
            await app.advance(one)
    return one


async def again(app: App, one: UUID, script: Sequence[Any] | None = None) -> Any:
    """The run advanced by another process, with the same script."""
    name = (await app.state(one)).started.spec["model"]  # type: ignore[union-attr]
    app.models[name] = ScriptedModel(script or [refund(500), finish()], by_turn=True, name=name)
    return await app.advance(one)


async def test_what_died_between_setting_aside_and_the_intent_goes_on_with_what_it_set_aside(
    app: App, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = await dead(settings, monkeypatch, Intended)
    assert await rows(app) == [("1.1", False)]
    assert came_to(await run(app, refund(1))) == ["denied"]  # it may go on any time
    assert came_to(await again(app, one)) == ["ok"]
    assert await rows(app) == [("1.1", True)]


async def test_what_died_before_the_intent_and_was_cancelled_gives_back(
    app: App, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = await dead(settings, monkeypatch, Intended)
    await app.cancel(one, "ann")
    assert came_to(await run(app, refund(500))) == ["ok"]
    assert not any(key.startswith(str(one)) for key in till.paid)


async def test_what_nobody_went_on_with_for_long_gives_back_and_is_judged_anew(
    app: App, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = await dead(settings, monkeypatch, Intended)
    async with app.store.pool.connection() as connection:
        await connection.execute("update sums set at = at - interval '61 minutes'")
    assert came_to(await run(app, refund(500))) == ["ok"]
    assert came_to(await again(app, one)) == ["denied"]


async def test_what_died_with_its_effect_done_counts_until_its_run_says_so(
    app: App, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = await dead(settings, monkeypatch, Acted)
    assert sum(till.paid.values()) == 500
    async with app.store.pool.connection() as connection:
        await connection.execute("update sums set at = at - interval '61 minutes'")
    assert came_to(await run(app, refund(1))) == ["denied"]
    assert came_to(await again(app, one)) == ["ok"]
    assert await rows(app) == [("1.1", True)]
    assert sum(till.paid.values()) == 500


async def test_an_intent_for_which_nothing_is_set_aside_any_more_is_not_carried_out(
    app: App, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = await dead(settings, monkeypatch, Acted)
    till.reset()  # its lease was lost: it had not begun
    async with app.store.pool.connection() as connection:
        await connection.execute("delete from sums")
    assert came_to(await run(app, refund(500))) == ["ok"]
    assert came_to(await again(app, one)) == ["failed"]
    assert sum(till.paid.values()) == 500


async def test_a_past_call_is_told_and_judged_again_by_the_sum_that_it_was_judged_by(app: App) -> None:
    await run(app, refund(300))
    state = await run(app, refund(300))
    past = past_calls(await app.journal.read(state.run))["1.1"]
    spec = agent()
    told = explained(past, spec, outfit(spec))
    assert told.verdict.decision == "deny"
    assert told.looks[0].parts[0].values == {'sum("refund.amount", "24h")': 300.0, "args.amount": 300.0}
    assert (
        judged_again(past, agent(DAY.replace("500", "600")), outfit(spec).rules).verdict.decision == "allow"
    )  # type: ignore[union-attr]
    unasked = judged_again(past, agent('count("refund", "24h") < 5'), outfit(spec).rules)
    assert unasked.verdict is None
    assert 'count("refund", "24h")' in unasked.why


async def test_a_replay_is_judged_by_the_sums_of_that_time_and_sets_nothing_aside(app: App) -> None:
    state = await run(app, refund(300))
    await run(app, refund(200))
    before = await rows(app)
    replayed = await replay(app, state.run, terms=Terms(recorded=True))
    assert came_to(await app.state(replayed)) == ["simulated"]
    other = Changes(rules=agent('count("refund", "24h") < 5').rules)
    assert came_to(await app.state(await replay(app, state.run, other, Terms(recorded=True)))) == ["denied"]
    assert await rows(app) == before


def test_examples_say_what_a_sum_comes_to_and_nothing_said_is_nothing_done() -> None:
    spec = agent()

    def tried(**sums: float) -> Any:
        given = {'sum("refund.amount","24h")': 250} if sums else {}
        return try_example(spec, Example(tool="refund", args={"amount": 300}, sums=given, expect="allow"))

    assert not tried().wrong
    assert tried(given=1).wrong
    with pytest.raises(SpecError, match=r"did you mean sum\("):
        try_example(
            spec,
            Example(tool="refund", args={"amount": 1}, sums={'sum("refund.amt", "24h")': 1}, expect="allow"),
        )


class Boundaries:
    """Counts every point at which a process may die around what it writes, and dies at one of them."""

    def __init__(self, app: App, monkeypatch: pytest.MonkeyPatch, die_at: int) -> None:
        self.count, self.die_at = 0, die_at
        submit, aside, settle = app.journal.submit, loop_side.set_aside, loop_side.settle

        def submitting(*args: Any, **more: Any) -> Any:
            self.pass_by()
            return submit(*args, **more)

        async def around(write: Any, *args: Any) -> Any:
            self.pass_by()
            found = await write(*args)
            self.pass_by()
            return found

        monkeypatch.setattr(app.journal, "submit", submitting)
        monkeypatch.setattr(loop_side, "set_aside", lambda *args: around(aside, *args))
        monkeypatch.setattr(loop_side, "settle", lambda *args: around(settle, *args))

    def pass_by(self) -> None:
        self.count += 1
        if self.count == self.die_at:
            raise Killed


async def test_a_kill_at_any_boundary_neither_passes_the_limit_nor_leaks_of_it(
    app: App, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = [
        refund(200),
        [refund(200, order="A"), refund(300, order="B")],
        refund(100, order="broken"),
        finish(),
    ]
    died, at = True, 0
    while died:
        at, died = at + 1, False
        till.reset()
        who = Person(id=f"person {at}")
        async with open_app(settings) as doomed:
            one = await start(doomed, *script[:-1], person=who)
            with monkeypatch.context() as patched:
                boundaries = Boundaries(doomed, patched, at)
                try:
                    await doomed.advance(one)
                except Killed:
                    died = True
        state = await again(app, one, script)
        assert state.finished is not None, at
        assert came_to(state) == ["ok", "ok", "denied", "failed"], at
        assert sum(till.paid.values()) == 400, at
        assert came_to(await run(app, refund(101), refund(100), person=who)) == ["denied", "ok"], at
        async with app.store.pool.connection() as connection:
            found = await connection.execute("select settled from sums where person = %s", (who.id,))
            assert await found.fetchall() == [(True,)] * 3, at
    assert boundaries.count > 20
