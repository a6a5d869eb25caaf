"""Rules of retention on a real database: applied by whoever works, an hour after they were set and not a run further than they say."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from remit import retention as module
from remit.access.audit import entries
from remit.age import age_in_words, parse_age, read_age
from remit.errors import FieldError, UnknownName
from remit.journal import retain as retaining
from remit.journal.due import Due, Policy
from remit.journal.events import Asked, Event, Finished, Started
from remit.journal.journal import Journal
from remit.journal.retain import Retained, retain
from remit.retention import (
    Rule,
    foreseen,
    keep,
    lately,
    list_rules,
    look,
    remove_rule,
    set_rule,
)
from remit.run_files import remove_folders
from remit.settings import Settings
from remit.store.store import Store
from tests.journal.test_archive import do, one, somebody_waits

DAY, MONTH, YEAR = parse_age("1d"), parse_age("30d"), parse_age("1y")


async def ran(
    store: Store,
    count: int = 1,
    days: int = 100,
    agent: str = "clerk",
    workspace: str = "default",
    parent: UUID | None = None,
    status: str = "met",
) -> list[UUID]:
    """Runs that ended `days` ago; with status `waiting`, that wait since."""
    journal, runs = Journal(store), [uuid4() for _ in range(count)]
    begun = Started(goal="g", agent=agent, spec={"name": agent}, workspace=workspace, parent=parent)
    last = (
        Asked(ask_id="q", kind="question", text="?")
        if status == "waiting"
        else Finished(status="met", report="r")
    )
    await asyncio.gather(*(journal.append(run, 0, [begun, last]) for run in runs))
    await journal.close()
    back = "updated_at = updated_at - make_interval(days => %s)"
    await do(store, f"update runs set {back} where id = any(%s)", days, runs)
    await do(store, "update events set at = at - make_interval(days => %s) where run = any(%s)", days, runs)
    return runs


async def due_now(store: Store) -> None:
    await do(store, "update retention set due_at = now()")


async def applied(store: Store) -> None:
    """As if the hour were over, until nothing is left to do."""
    await due_now(store)
    while await look(store):
        pass


async def left(store: Store, table: str = "runs") -> set[UUID]:
    column = "id" if table == "runs" else "run"
    return set(await one(store, f"select coalesce(array_agg({column}), '{{}}') from {table}"))


async def test_a_rule_is_applied_an_hour_after_it_was_set_and_every_hour_from_then_on(store: Store) -> None:
    ancient, old, young = (*await ran(store, days=400), *await ran(store, days=40), *await ran(store, days=5))
    rule = await set_rule(store, "", MONTH, YEAR, "ann")
    assert (rule.due_at - rule.set_at).total_seconds() == pytest.approx(3600, abs=1)
    assert not await look(store)
    assert await left(store, "archives") == set()
    await applied(store)
    assert await left(store, "archives") == {old}
    assert await left(store, "tombstones") == {ancient}
    assert await left(store) == {old, young}
    (now,) = await list_rules(store)
    assert now.looked_at is not None
    assert (now.due_at - now.looked_at).total_seconds() == pytest.approx(3600, abs=1)
    (done,) = await lately(store)
    assert (done.archived, done.deleted, done.policy) == (2, 1, "archive after 30d, delete after 1y")
    await applied(store)
    assert len(await lately(store)) == 1
    assert [entry.what for entry in await entries(store, what="retention")] == ["retention.set"]


async def test_where_nothing_is_said_nothing_is_taken_away(store: Store) -> None:
    runs = await ran(store, 3, days=9999)
    assert not await look(store)
    await set_rule(store, "clerk", None, None, "ann")
    await set_rule(store, "", DAY, MONTH, "ann")
    (other,) = await ran(store, agent="other")
    await applied(store)
    assert await left(store) == set(runs)
    assert await left(store, "tombstones") == {other}


async def test_an_agent_has_its_own_rule_and_other_workspaces_have_theirs(store: Store) -> None:
    (clerk,), (scribe,) = await ran(store, agent="clerk"), await ran(store, agent="scribe")
    (theirs,) = await ran(store, workspace="acme", agent="clerk")
    (kept,) = await ran(store, workspace="beta", agent="scribe")
    await set_rule(store, "", parse_age("200d"), None, "ann")
    await set_rule(store, "scribe", MONTH, None, "ann")
    await set_rule(store.as_owner("acme"), "", DAY, MONTH, "cleo")
    await applied(store)
    assert await left(store, "archives") == {scribe}
    assert await left(store, "tombstones") == {theirs}
    assert await left(store) == {clerk, scribe, kept}
    assert [(done.archived, done.deleted) for done in await lately(store)] == [(1, 0)]
    assert [(done.archived, done.deleted) for done in await lately(store.as_owner("acme"))] == [(1, 1)]


async def test_what_an_open_run_or_a_trigger_may_look_back_at_is_not_deleted(store: Store) -> None:
    (above,) = await ran(store, status="waiting")
    (between,) = await ran(store, parent=above)
    (below,) = await ran(store, parent=between)
    (ended,) = await ran(store)
    (open_below,) = await ran(store, parent=ended, status="waiting")
    (told,) = await ran(store)
    (gone,) = await ran(store)
    firing = "insert into firings (agent, trigger, key, event, run) values ('b', 't', %s, '{}', %s)"
    await do(store, firing, f"run {told}", uuid4())
    await set_rule(store, "", DAY, MONTH, "ann")
    await applied(store)
    assert await left(store, "tombstones") == {gone}
    assert await left(store) == {above, between, below, ended, open_below, told}
    await do(store, "update runs set status = 'met' where status = 'waiting'")
    await do(store, "update firings set state = 'begun'")
    await applied(store)
    assert await left(store) == {above, open_below}  # they have ended just now, as their journals do not say


async def test_of_a_conversation_nothing_is_left_that_leads_to_a_deleted_run(store: Store) -> None:
    (run,) = await ran(store)
    thread = "insert into threads (run, who, agent, context, message) values (%s, 'ann', 'clerk', 'c', 'm')"
    await do(store, thread, run)
    await set_rule(store, "", DAY, MONTH, "ann")
    await applied(store)
    assert await one(store, "select count(*) from threads") == 0


async def test_a_rule_that_is_taken_back_meanwhile_does_nothing_more(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ran(store, 250)
    await set_rule(store, "", DAY, None, "ann")
    await due_now(store)
    verify, taken = retaining.verify, list[asyncio.Task[None]]()

    async def meanwhile(connection: Any, run: UUID, events: list[Event]) -> None:
        if not taken:
            taken.append(asyncio.create_task(remove_rule(store, "", "bo")))
            await somebody_waits(store)
        await verify(connection, run, events)

    monkeypatch.setattr(retaining, "verify", meanwhile)
    assert await look(store)
    await taken[0]
    assert await one(store, "select count(*) from archives") == 100  # the batch that was under way
    assert (await lately(store))[0].archived == 100
    assert await list_rules(store) == []


async def test_whoever_dies_at_it_has_told_what_was_done_and_another_goes_on(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ran(store, 150)
    await set_rule(store, "", DAY, None, "ann")
    await due_now(store)
    verify, seen = retaining.verify, list[UUID]()

    async def cut(connection: Any, run: UUID, events: list[Event]) -> None:
        await verify(connection, run, events)
        seen.append(run)
        if len(seen) == 120:
            await do(store, "select pg_terminate_backend(%s)", connection.info.backend_pid)

    monkeypatch.setattr(retaining, "verify", cut)
    assert await look(store)
    monkeypatch.undo()
    assert "retention stopped" in (await list_rules(store))[0].why
    assert (await lately(store))[0].archived == await one(store, "select count(*) from archives") == 100
    await applied(store)
    assert sum(done.archived for done in await lately(store)) == 150
    assert (await list_rules(store))[0].why == ""


async def test_a_look_does_some_at_a_time_and_the_next_goes_on_at_once(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ran(store, 5)
    await ran(store, 2, agent="other")
    monkeypatch.setattr(module, "LATELY", 3)
    await set_rule(store, "", DAY, parse_age("2d"), "ann")
    await due_now(store)
    counts = []
    while await look(store):
        counts.append(
            (await one(store, "select count(*) from archives"), len(await left(store, "tombstones")))
        )
    assert counts[0] == (3, 0) or counts[0] == (0, 3)
    assert counts[-1] == (0, 7)
    assert len(counts) >= 3


async def test_a_worker_applies_rules_and_the_machines_settings_until_it_is_stopped(
    store: Store, settings: Settings
) -> None:
    await ran(store, 2)
    (other,) = await ran(store, agent="scribe", workspace="acme")
    await set_rule(store, "", DAY, None, "ann")
    await due_now(store)
    stop = asyncio.Event()
    machine = settings.model_copy(update={"retain_archive_after": YEAR, "retain_delete_after": None})
    working = asyncio.create_task(keep(store, machine, stop))
    async with asyncio.timeout(20):
        while await one(store, "select count(*) from archives") < 2:
            pass
    stop.set()
    await working
    assert other not in await left(store, "archives")


async def test_what_cannot_be_archived_is_counted_and_said(store: Store) -> None:
    good, bad = await ran(store, 2)
    await do(store, "update events set type = 'teleported' where run = %s and seq = 2", bad)
    await set_rule(store, "", DAY, None, "ann")
    await applied(store)
    (rule,) = await list_rules(store)
    assert rule.kept == 1
    assert "upgrade Remit" in rule.why
    assert await left(store, "archives") == {good}


async def test_what_a_rule_would_do_is_counted_up_to_a_bound_and_leaves_out_who_has_a_rule(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ran(store, 4, days=40)
    await ran(store, 1, days=500)
    await ran(store, 3, days=50, agent="scribe")
    await ran(store, 1, days=50, status="waiting")
    await ran(store, 2, days=50, workspace="acme")
    guest = store.within("default")
    oldest = await one(store, "select min(updated_at) from runs where workspace = 'default'")
    assert await foreseen(guest, "", MONTH, YEAR) == Due(8, 1, oldest, oldest)
    assert (await foreseen(guest, "scribe", MONTH, None)).archive == 3
    await set_rule(guest, "scribe", None, None, "ann")
    assert (await foreseen(guest, "", MONTH, YEAR)).archive == 5
    monkeypatch.setattr(module, "COUNTED", 3)
    assert (await foreseen(guest, "", MONTH, YEAR)).archive == 3
    await retain(store, Policy(MONTH))
    assert await foreseen(guest, "", MONTH, YEAR) == Due(0, 1, None, oldest)
    assert await foreseen(guest, "clerk", None, None) == Due(0, 0, None)


async def test_what_a_command_archives_is_told_to_each_workspace_whose_it_was(store: Store) -> None:
    await ran(store, 2)
    await ran(store, 1, workspace="acme")
    assert (await retain(store, Policy(DAY))).archived == 3
    assert [done.archived for done in await lately(store)] == [2]
    assert [done.archived for done in await lately(store.within("acme"))] == [1]
    assert await lately(store.within("default", frozenset({"clerk"}))) == []
    assert await retain(store, Policy(DAY)) == Retained()


async def test_what_is_wrong_with_a_rule_is_said_of_its_field(store: Store) -> None:
    wrong: dict[str, tuple[Any, ...]] = {
        "agent": ("A B", DAY, None),
        "archive_after": ("", None, MONTH),
        "delete_after": ("", MONTH, MONTH),
    }
    for field, values in wrong.items():
        for act in (set_rule(store, *values, "ann"), foreseen(store, *values)):
            with pytest.raises(FieldError) as error:
                await act
            assert error.value.field == field
    with pytest.raises(FieldError, match="200y at the most"):
        await set_rule(store, "", parse_age("999999y"), None, "ann")
    with pytest.raises(FieldError, match="after how long"):
        await set_rule(store, "", None, None, "ann")
    with pytest.raises(UnknownName, match="workspace"):
        await remove_rule(store, "", "ann")
    with pytest.raises(FieldError, match="or never"):
        read_age("archive_after", "soon")
    assert await list_rules(store) == []
    assert read_age("delete_after", " Never ") is None


async def test_a_change_of_a_rule_says_what_was_and_begins_the_hour_anew(store: Store) -> None:
    await set_rule(store, "", MONTH, None, "ann")
    await applied(store)
    changed: Rule = await set_rule(store, "", MONTH, YEAR, "bo")
    assert changed.looked_at is None
    assert not await look(store)
    await remove_rule(store, "", "cleo")
    said = [(entry.who, entry.what, entry.detail) for entry in await entries(store, what="retention")]
    ages = {"archive_after": "30d", "delete_after": "1y"}
    was = {"archive_after": "30d", "delete_after": "never"}
    assert said == [
        ("cleo", "retention.removed", ages),
        ("bo", "retention.set", {**ages, "was": was}),
        ("ann", "retention.set", was),
    ]


def test_ages_are_told_in_words() -> None:
    told = {"90d": "90 days", "1y": "1 year", "6w": "6 weeks", "5h": "5 hours"}
    assert {text: age_in_words(parse_age(text)) for text in told} == told


async def deleted(store: Store, count: int = 1) -> list[UUID]:
    """Runs of which only a tombstone is left."""
    runs = await ran(store, count, days=800)
    await retain(store, Policy(MONTH, YEAR))
    assert await left(store, "tombstones") >= set(runs)
    return runs


def folder_for(home: Path, name: object) -> Path:
    """A folder of a run, with something in it."""
    root = home / "runs" / str(name)
    (root / "out").mkdir(parents=True)
    (root / "out" / "report.md").write_text("what nobody is to read any more")
    return root


async def test_with_a_deleted_run_goes_its_folder_and_no_other(store: Store, tmp_path: Path) -> None:
    (gone,) = await deleted(store)
    (kept,) = await ran(store, days=40)
    await retain(store, Policy(MONTH, YEAR))  # archived, and not deleted
    beside = [folder_for(tmp_path, name) for name in (kept, uuid4(), ".arriving", "notes", str(gone).upper())]
    folder = folder_for(tmp_path, gone)
    assert await remove_folders(tmp_path, store) == 1
    assert not folder.exists()
    assert all((one / "out" / "report.md").exists() for one in beside)
    assert await remove_folders(tmp_path, store) == 0
    assert await remove_folders(tmp_path / "none", store) == 0


async def test_links_are_removed_and_never_followed(store: Store, tmp_path: Path) -> None:
    linked, holding = await deleted(store, 2)
    outside = folder_for(tmp_path / "elsewhere", "precious")
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / str(linked)).symlink_to(outside)
    folder = folder_for(tmp_path, holding)
    (folder / "link").symlink_to(outside)
    (folder / "file").symlink_to(outside / "out" / "report.md")
    assert await remove_folders(tmp_path, store) == 1
    assert not folder.exists()
    assert (outside / "out" / "report.md").exists()
    assert (tmp_path / "runs" / str(linked)).is_symlink()


async def test_more_folders_than_are_asked_about_at_once_go_too(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("remit.run_files.TOGETHER", 2)
    for run in await deleted(store, 5):
        folder_for(tmp_path, run)
    assert await remove_folders(tmp_path, store) == 5
    assert list((tmp_path / "runs").iterdir()) == []


async def test_a_worker_removes_what_lies_on_its_disk_whoever_deleted_the_run(
    store: Store, settings: Settings
) -> None:
    (others,) = await deleted(store)  # by another machine
    folders = [folder_for(settings.data_dir, others)]
    (own,) = await ran(store, days=800)
    folders.append(folder_for(settings.data_dir, own))
    await set_rule(store, "", MONTH, YEAR, "ann")
    await due_now(store)
    stop = asyncio.Event()
    working = asyncio.create_task(keep(store, settings, stop))
    async with asyncio.timeout(20):
        while any(one.exists() for one in folders):
            await left(store)
    stop.set()
    await working
    assert own in await left(store, "tombstones")
