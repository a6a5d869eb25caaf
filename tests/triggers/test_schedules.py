"""Times that come begin runs: each once, over all workers, whatever dies in between, and as the version that runs has it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from remit.access.audit import entries
from remit.agents.spec import Agent
from remit.app import App, open_app
from remit.catalogue import kept as agents_kept
from remit.errors import UnknownName, UserError
from remit.journal.events import Started
from remit.settings import Settings
from remit.triggered import begin, look
from remit.triggers import firing, kept
from remit.triggers.firing import Firing, claim, decide, tick
from tests.triggers.conftest import publish

MORNING: dict[str, Any] = {
    "name": "morning", "schedule": "0 9 * * *", "zone": "Europe/Berlin", "goal": "Sum up yesterday."
}  # fmt: skip
NINE = datetime(2126, 7, 1, 7, 0, tzinfo=UTC)  # in Berlin, and far from now


async def due_at(app: App, moment: datetime, name: str = "morning") -> None:
    async with app.store.pool.connection() as connection:
        await connection.execute("update triggers set next_at = %s where name = %s", (moment, name))


async def heard(app: App, name: str = "morning") -> list[Firing]:
    """The oldest first."""
    return (await firing.list_firings(app.store, "desk", name))[::-1]


class Handed:
    """Whoever advances runs, as told by whom."""

    def __init__(self) -> None:
        self.runs: list[UUID] = []

    async def __call__(self, run: UUID) -> None:
        self.runs.append(run)


async def started(app: App, run: UUID) -> Started:
    body = (await app.journal.read(run))[0].body
    assert isinstance(body, Started)
    return body


@pytest.mark.parametrize(
    ("said", "purposes"), [({}, {"fraud"}), ({"purpose": "service, marketing"}, {"service", "marketing"})]
)
async def test_a_run_is_for_what_its_trigger_says_and_else_for_what_its_agent_says(
    app: App, said: dict[str, str], purposes: set[str]
) -> None:
    await publish(app, MORNING | said, purpose="fraud")
    await due_at(app, NINE)
    await tick(app.store, NINE)
    await look(app, Handed())
    (one,) = await heard(app)
    assert Agent.model_validate((await started(app, one.run)).spec).purposes == purposes


async def test_a_time_that_comes_begins_a_run_of_the_version_that_runs_and_says_so(app: App) -> None:
    await publish(app, MORNING | {"inputs": {"shop": "main"}})
    await publish(app, MORNING | {"inputs": {"shop": "main"}}, instructions="Be brief.")
    await due_at(app, NINE)
    assert await tick(app.store, NINE - timedelta(seconds=1)) == 0
    assert await tick(app.store, NINE) == 1
    handed = Handed()
    assert await look(app, handed) == 1
    (one,) = await heard(app)
    assert (one.state, handed.runs) == ("begun", [one.run])
    body = await started(app, one.run)
    assert (body.goal, body.version, body.quoted) == ("Sum up yesterday.", 2, "")
    assert body.inputs == {"shop": "main", "scheduled_for": "2126-07-01T09:00+02:00"}
    assert not body.person.verified
    assert body.began
    assert (body.began.trigger, body.began.kind, body.began.by) == ("morning", "schedule", "")
    assert "triggers" not in body.spec
    assert (await app.advance(one.run)).finished
    known = await kept.get_trigger(app.store, "desk", "morning")
    assert known.next_at == NINE + timedelta(days=1)


async def test_two_workers_that_look_at_once_begin_one_run(app: App, settings: Settings) -> None:
    await publish(app, MORNING)
    async with open_app(settings) as other:
        other.models.update(app.models)
        for day in range(5):
            await due_at(app, NINE + timedelta(days=day))
            await asyncio.gather(*(tick(one.store, NINE + timedelta(days=day)) for one in (app, other) * 3))
            one, two = Handed(), Handed()
            await asyncio.gather(*(look(each, to) for each, to in ((app, one), (other, two)) * 3))
            assert len(one.runs + two.runs) == 1
    assert [each.state for each in await heard(app)] == ["begun"] * 5


async def test_who_dies_between_any_two_steps_leaves_a_run_that_is_begun_once(app: App) -> None:
    await publish(app, MORNING | {"at_most": 1})
    await due_at(app, NINE)
    await tick(app.store, NINE)  # dies: nobody has claimed it
    await due_at(app, NINE)
    await tick(app.store, NINE)  # dies before it has moved the next time on: the same time is the same event
    later = datetime.now(UTC)
    (claimed,) = await claim(app.store, 10)  # dies with it claimed
    assert await claim(app.store, 10) == []
    later += firing.CLAIM * 2
    (claimed,) = await claim(app.store, 10, now=later)
    assert await decide(app.store, claimed)  # dies once it is decided
    later += firing.CLAIM * 2
    (claimed,) = await claim(app.store, 10, now=later)
    assert claimed.state == "starting"

    async def dies(run: UUID) -> None:
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await begin(app, dies, claimed)  # dies once the run has begun, before anybody knows of it
    later += firing.CLAIM * 2
    (claimed,) = await claim(app.store, 10, now=later)
    handed = Handed()
    assert await begin(app, handed, claimed)
    (one,) = await heard(app)
    assert (one.state, handed.runs) == ("begun", [one.run])
    assert len(await app.journal.read(one.run)) == 1
    assert await claim(app.store, 10, now=later + firing.CLAIM * 2) == []


@pytest.mark.parametrize(("missed", "states"), [("once", ["due"]), ("skip", ["skipped"])])
async def test_after_an_outage_what_was_missed_runs_once_or_not_at_all(
    app: App, missed: str, states: list[str]
) -> None:
    await publish(app, MORNING | {"missed": missed})
    await due_at(app, NINE)
    back = NINE + timedelta(days=3, hours=2)
    await tick(app.store, back)
    await tick(app.store, back)
    assert [one.state for one in await heard(app)] == states
    assert (await kept.get_trigger(app.store, "desk", "morning")).next_at == NINE + timedelta(days=4)


async def test_a_new_version_changes_what_comes_without_a_restart(app: App) -> None:
    await publish(app, MORNING)
    await due_at(app, NINE)
    await publish(app, MORNING, instructions="Be brief.")
    assert (await kept.get_trigger(app.store, "desk", "morning")).next_at == NINE  # the times are the same
    await publish(app, MORNING | {"schedule": "0 10 * * *"})
    moved = (await kept.get_trigger(app.store, "desk", "morning")).next_at
    assert moved
    assert moved.astimezone().year < 2100
    await due_at(app, NINE)
    await publish(app)
    assert await tick(app.store, NINE) == 0
    with pytest.raises(UnknownName):
        await kept.get_trigger(app.store, "desk", "morning")


async def test_what_waits_when_its_trigger_goes_is_left_out(app: App) -> None:
    await publish(app, MORNING)
    await due_at(app, NINE)
    await tick(app.store, NINE)
    await publish(app)
    await look(app, Handed())
    await publish(app, MORNING)
    (one,) = await heard(app)
    assert (one.state, one.why) == ("skipped", "the version that runs does not have this trigger")


async def test_a_draft_and_an_archived_agent_begin_nothing(app: App) -> None:
    await publish(app)
    now = await agents_kept.kept(app.store, "desk")
    text = (now.published or "").replace(
        "triggers: []", ""
    ) + "triggers: [{name: a, schedule: '* * * * *', goal: x}]\n"
    now = await agents_kept.save_draft(app.store, "desk", text, "ann", now.rev)
    assert await kept.list_triggers(app.store) == []
    await publish(app, MORNING)
    now = await agents_kept.kept(app.store, "desk")
    await agents_kept.archive(app.store, "desk", "ann", now.rev)
    await due_at(app, NINE)
    assert await tick(app.store, NINE) == 1
    now = await agents_kept.archive(app.store, "desk", "ann", now.rev + 1, archived=False)
    assert await heard(app) == []
    assert (await kept.get_trigger(app.store, "desk", "morning")).next_at == NINE + timedelta(days=1)


async def test_a_paused_one_begins_nothing_and_makes_nothing_up_for_and_both_are_audited(app: App) -> None:
    await publish(app, MORNING)
    await due_at(app, NINE)
    await tick(app.store, NINE)
    paused = await kept.pause(app.store, "desk", "morning", "bo")
    assert (paused.state, paused.paused_by) == ("paused", "bo")
    await look(app, Handed())  # what has come already is held
    assert [(one.state, one.why) for one in await heard(app)] == [("due", "the trigger is paused")]
    assert await tick(app.store, NINE + timedelta(days=9)) == 0
    await publish(app, MORNING, instructions="Be brief.")  # a new version does not end the pause
    resumed = await kept.resume(app.store, "desk", "morning", "ann")
    assert resumed.state == "on"
    assert resumed.next_at
    assert resumed.next_at < datetime.now(UTC) + timedelta(days=1)
    found = await entries(app.store, what="trigger")
    assert [(one.who, one.what, one.about) for one in found] == [
        ("ann", "trigger.resumed", "desk/morning"),
        ("bo", "trigger.paused", "desk/morning"),
    ]


async def test_by_hand_it_begins_at_once_though_it_is_paused_and_whoever_did_it_is_known(app: App) -> None:
    await publish(app, MORNING | {"when": "false"})
    await kept.pause(app.store, "desk", "morning", "ann")
    made = await firing.fire(app.store, "desk", "morning", "bo")
    await look(app, Handed())
    body = await started(app, made.run)
    assert (body.person.by, body.person.verified) == ("bo", False)
    assert body.began
    assert body.began.by == "bo"
    assert [one.what for one in await entries(app.store, who="bo")] == ["trigger.fired"]


@pytest.mark.parametrize("busy", ["queue", "skip"])
async def test_no_more_runs_of_it_are_open_than_it_says(app: App, busy: str) -> None:
    await publish(app, MORNING | {"at_most": 2, "busy": busy})
    for day in range(4):
        await due_at(app, NINE + timedelta(days=day))
        await tick(app.store, NINE + timedelta(days=day))
    await look(app, Handed())
    states = [one.state for one in await heard(app)]
    assert states == ["begun", "begun", *(["due"] * 2 if busy == "queue" else ["skipped"] * 2)]
    assert "at_most is 2" in (await heard(app))[2].why
    await app.advance((await heard(app))[0].run)
    async with app.store.pool.connection() as connection:
        await connection.execute("update firings set due_at = clock_timestamp() where state = 'due'")
    await look(app, Handed())
    states = [one.state for one in await heard(app)]
    assert states == ["begun"] * 2 + (["begun", "due"] if busy == "queue" else ["skipped"] * 2)


async def test_a_condition_decides_and_one_that_cannot_be_decided_is_told(app: App) -> None:
    for when, state, why in (
        ("event.late", "skipped", "does not hold"),
        ("!event.late", "begun", ""),
        ("event.nothing == 1", "failed", "nothing"),
    ):
        await publish(app, MORNING | {"when": when})
        await due_at(app, NINE)
        await tick(app.store, NINE)
        await look(app, Handed())
        one = (await heard(app))[-1]
        assert one.state == state
        assert why in one.why
        async with app.store.pool.connection() as connection:
            await connection.execute("delete from firings")
            if state == "begun":
                await connection.execute("truncate runs, events cascade")


async def test_what_keeps_a_run_from_beginning_is_told_and_begins_nothing(app: App) -> None:
    await publish(app, MORNING, limits={"queue": 1})
    for day in range(2):
        await due_at(app, NINE + timedelta(days=day))
        await tick(app.store, NINE + timedelta(days=day))
    await look(app, Handed())
    first, second = await heard(app)
    assert (first.state, second.state) == ("begun", "starting")
    assert "limits.queue is 1" in second.why
    await app.advance(first.run)
    app.openings._known.clear()
    (claimed,) = await claim(app.store, 1, now=datetime.now(UTC) + timedelta(hours=1))
    assert await begin(app, Handed(), claimed)


async def test_what_failed_too_often_is_given_up(app: App) -> None:
    await publish(app, MORNING)
    await due_at(app, NINE)
    await tick(app.store, NINE)
    now = datetime.now(UTC)
    for _ in range(firing.MOST + 1):
        now += firing.CLAIM * 2
        (claimed,) = await claim(app.store, 1, now=now)
    assert await decide(app.store, claimed) is None
    assert [(one.state, one.why) for one in await heard(app)] == [
        ("failed", "10 tries to begin it have failed")
    ]


async def test_another_workspace_has_triggers_of_its_own(app: App) -> None:
    from remit.workspaces import add_workspace

    await publish(app, MORNING)
    await add_workspace(app.store, "ann", "acme", "Acme")
    theirs = app.within("acme")
    assert await kept.list_triggers(theirs.store) == []
    for what in (kept.pause, kept.resume):
        with pytest.raises(UnknownName):
            await what(theirs.store, "desk", "morning", "eve")
    with pytest.raises(UnknownName):
        await firing.fire(theirs.store, "desk", "morning", "eve")
    await publish(theirs, MORNING | {"goal": "Sum up Acme."})
    await due_at(app, NINE)
    assert await tick(app.store, NINE) == 2
    await look(app, Handed())
    (mine,), (other,) = await heard(app), await heard(theirs)
    assert mine.run != other.run
    body = await started(app, other.run)
    assert (body.goal, body.workspace) == ("Sum up Acme.", "acme")


async def test_what_is_old_is_forgotten_but_not_what_counts(app: App) -> None:
    await publish(app, MORNING | {"at_most": 1})
    await due_at(app, NINE)
    await tick(app.store, NINE)
    await look(app, Handed())
    async with app.store.pool.connection() as connection:
        await connection.execute("update firings set at = at - interval '31 days'")
    await firing.sweep(app.store)
    (one,) = await heard(app)  # its run is open still
    await app.advance(one.run)
    await firing.sweep(app.store)
    assert await heard(app) == []


@pytest.mark.parametrize(
    ("trigger", "said"),
    [
        ({"schedule": "0 9 * *"}, "has 4 fields"),
        ({"schedule": "0 9 * * *", "zone": "Mars/Base"}, "is no time zone"),
        ({"schedule": "0 9 * * *", "webhook": "hmac"}, "exactly one of"),
        ({}, "exactly one of"),
        ({"schedule": "0 9 * * *", "goal": "Look at {order}"}, "stands for nothing"),
        ({"schedule": "0 9 * * *", "person": "a.b"}, "person is for a trigger with webhook"),
        ({"schedule": "0 9 * * *", "when": "event.x +"}, "condition cannot be read"),
        ({"schedule": "0 9 * * *", "when": "evnt.x"}, "condition cannot be read"),
        ({"schedule": "0 9 * * *", "when": "1 + 1"}, "a yes or no"),
        ({"webhook": "hmac", "verified": True}, "verified goes with person"),
        ({"webhook": "hmac", "rate": "often"}, "is no rate"),
        ({"webhook": "hmac", "schema": {"type": "order"}}, "is no JSON Schema"),
        ({"webhook": "hmac", "schema": {"$ref": "http://127.0.0.1/x"}}, "fetches another"),
        ({"webhook": "hmac", "facts": {"order": "../x"}}, "match"),
        ({"after": "desk"}, "would never stop"),
        ({"schedule": "0 9 * * *", "name": "Two Words"}, "match"),
    ],
)
async def test_what_cannot_be_meant_is_told_before_it_is_published(
    app: App, trigger: dict[str, Any], said: str
) -> None:
    with pytest.raises(UserError, match=said):
        await publish(app, {"name": "one", "goal": "Do it.", **trigger})


async def test_two_of_one_name_are_one_too_many(app: App) -> None:
    with pytest.raises(UserError, match="two triggers are called 'morning'"):
        await publish(app, MORNING, MORNING)
