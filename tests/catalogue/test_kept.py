"""Agents in the database: a draft runs nowhere, a version never changes, nobody overwrites another, and all of it is audited."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from psycopg.errors import InsufficientPrivilege

from remit import library
from remit.access import audit
from remit.app import App
from remit.catalogue import kept as store_of
from remit.catalogue import work
from remit.catalogue.find import find_any, find_named
from remit.errors import Overtaken, SpecError, UnknownName, UserError
from remit.journal.events import Person, Started
from remit.testing import ScriptedModel
from tests.agents.test_loop import finish

DESK = "# our desk\nname: desk\ninstructions: Help.  # in short\ntools: [files.*]\n"


async def published(app: App, text: str = DESK, name: str = "desk") -> store_of.Kept:
    made = await work.save(app, name, text, "ann", None)
    return await work.publish(app, name, "ann", made.rev, "first")


async def test_a_draft_is_found_by_nobody_until_it_is_published(app: App) -> None:
    made = await work.save(app, "desk", DESK, "ann", None)
    assert (made.state, made.version, made.text) == ("draft", None, DESK)
    with pytest.raises(UserError, match="remit agents publish desk"):
        await find_named(app.store, "desk")
    first = await work.publish(app, "desk", "bo", made.rev, "it works")
    assert (first.state, first.version, first.draft, first.published) == ("published", 1, None, DESK)
    found = await find_named(app.store, "desk")
    assert (found.agent.instructions, found.source, found.version) == ("Help.", "workspace", 1)
    second = await work.save(app, "desk", DESK.replace("Help.", "Help well."), "ann", first.rev)
    assert second.state == "published, draft"
    assert (await find_named(app.store, "desk")).agent.instructions == "Help."


async def test_a_draft_that_says_what_is_published_is_none(app: App) -> None:
    first = await published(app)
    changed = await work.save(app, "desk", DESK + "plan: false\n", "ann", first.rev)
    back = await work.save(app, "desk", DESK, "ann", changed.rev)
    assert (back.draft, back.state) == (None, "published")
    with pytest.raises(UserError, match="no draft"):
        await work.publish(app, "desk", "ann", back.rev)


async def test_the_workspaces_agent_comes_before_the_librarys_once_it_is_published(app: App) -> None:
    text = library.agents()["assistant"].read_text().replace("autonomy: ask", "autonomy: draft")
    made = await work.save(app, "assistant", text, "ann", None)
    assert (await find_named(app.store, "assistant")).source == "library"
    await work.publish(app, "assistant", "ann", made.rev)
    found = await find_any(app.store, "assistant")
    assert (found.source, found.agent.remit.autonomy) == ("workspace", "draft")
    by_file = await find_any(app.store, str(library.agents()["assistant"]))
    assert (by_file.source, by_file.agent.remit.autonomy) == ("file", "ask")
    with pytest.raises(UnknownName, match="Did you mean 'assistant'"):
        await find_named(app.store, "asistant")


async def test_a_run_knows_which_version_it_is_of_and_keeps_its_own_spec(app: App) -> None:
    first = await published(app)
    found = await find_named(app.store, "desk")
    run = await app.start(
        found.agent, "help", person=Person(), model=ScriptedModel([finish()]), version=found.version
    )
    await work.save(app, "desk", DESK.replace("Help.", "Hinder."), "ann", first.rev)
    (event,) = await app.journal.read(run)
    assert isinstance(event.body, Started)
    assert (event.body.version, event.body.spec["instructions"]) == (1, "Help.")
    fork = await app.fork(run, changes={"instructions": "Other."})
    (event,) = await app.journal.read(fork)
    assert isinstance(event.body, Started)
    assert event.body.version is None


async def test_of_two_who_change_the_same_the_second_is_told_and_nothing_is_lost(app: App) -> None:
    made = await work.save(app, "desk", DESK, "ann", None)
    mine, theirs = DESK + "plan: false\n", DESK + "reflect: false\n"

    async def save(text: str, who: str) -> bool:
        try:
            await work.save(app, "desk", text, who, made.rev)
        except Overtaken:
            return False
        return True

    done = await asyncio.gather(*(save(mine if n % 2 else theirs, f"p{n}") for n in range(6)))
    assert sum(done) == 1
    for act in (
        work.publish(app, "desk", "bo", made.rev),
        store_of.archive(app.store, "desk", "bo", made.rev),
        work.save(app, "desk", DESK, "bo", None),
    ):
        with pytest.raises(Overtaken):
            await act
    assert (await store_of.kept(app.store, "desk")).text == (mine if done.index(True) % 2 else theirs)


async def test_two_who_begin_an_agent_of_one_name_do_not_both_have_it(app: App) -> None:
    async def begin(who: str) -> bool:
        try:
            await work.save(app, "desk", DESK + f"description: by {who}\n", who, None)
        except Overtaken:
            return False
        return True

    assert sum(await asyncio.gather(*(begin(f"p{n}") for n in range(6)))) == 1


async def test_a_rollback_is_a_new_version_with_an_old_text_and_leaves_the_draft(app: App) -> None:
    first = await published(app)
    two = DESK.replace("Help.", "Help less.")
    second = await work.save(app, "desk", two, "bo", first.rev)
    second = await work.publish(app, "desk", "bo", second.rev, "less")
    third = await work.save(app, "desk", DESK + "plan: false\n", "bo", second.rev)
    back = await work.roll_back(app, "desk", 1, "cy", third.rev)
    assert (back.version, back.published, back.draft) == (3, DESK, DESK + "plan: false\n")
    told = [
        (one.version, one.who, one.note, one.same_as, one.yaml)
        for one in await store_of.versions(app.store, "desk")
    ]
    assert told == [
        (3, "cy", "back to version 1", 1, DESK),
        (2, "bo", "less", None, two),
        (1, "ann", "first", None, DESK),
    ]
    with pytest.raises(UserError, match="is the one that runs"):
        await work.roll_back(app, "desk", 3, "cy", back.rev)
    with pytest.raises(UserError, match="has no version 9"):
        await work.roll_back(app, "desk", 9, "cy", back.rev)
    dropped = await store_of.drop_draft(app.store, "desk", "cy", back.rev)
    assert (dropped.draft, dropped.state) == (None, "published")


async def test_an_archived_agent_runs_nowhere_and_nothing_of_it_is_lost(app: App) -> None:
    text = library.agents()["support"].read_text()
    first = await published(app, text, "support")
    gone = await store_of.archive(app.store, "support", "ann", first.rev)
    assert gone.state == "archived"
    with pytest.raises(UserError, match="is archived"):
        await find_named(app.store, "support")
    assert [one.name for one in await store_of.list_kept(app.store, archived=False)] == []
    back = await store_of.archive(app.store, "support", "ann", gone.rev, archived=False)
    assert (back.published, back.state) == (text, "published")


async def test_a_team_is_found_by_name_as_it_is_published_and_holds_nobody_twice(app: App) -> None:
    await published(app)
    lead = await published(app, "name: lead\nteam: [desk, assistant]\n", "lead")
    found = await find_named(app.store, "lead")
    assert [one.name for one in found.agent.team] == ["desk", "assistant"]
    now = await store_of.kept(app.store, "desk")
    now = await work.save(app, "desk", DESK.replace("Help.", "Anew."), "ann", now.rev)
    assert (await find_named(app.store, "lead")).agent.team[0].instructions == "Help."
    now = await work.publish(app, "desk", "ann", now.rev)
    assert (await find_named(app.store, "lead")).agent.team[0].instructions == "Anew."
    with pytest.raises(SpecError, match="in its own team"):
        await work.save(app, "desk", DESK + "team: [lead]\n", "ann", now.rev)
    for name in ("nobody", "./x.yaml", "/etc/passwd.yaml"):
        with pytest.raises(SpecError, match="unknown agent"):
            await work.save(app, "lead", f"name: lead\nteam: ['{name}']\n", "ann", lead.rev)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("name: desk\nbugdet: 1\n", "bugdet"),
        ("name: other\n", "a name stays"),
        ("- name: desk\n", "a mapping"),
        ("name: desk\ntools: [fils.*]\n", "Did you mean 'files.\\*'"),
        ("name: desk\ntools: [files.*]\nrules: [{tool: files_read, allow: 'args.path <'}]\n", "rules.1"),
        ("name: desk\ntools: [files.*]\nrules: [{tool: files_read, allow: 'args.paht == \"a\"'}]\n", "did you mean 'path'"),
        ("name: desk\ntools: [files.*]\nrules: [{tool: send_mail, ask: 'true'}]\n", "matches none"),
        ("name: desk\nresources: {shop: 'postgresql://u:hunter2@h/d'}\n", "remit secrets set SHOP"),
        ("name: desk\nrules: [{tool: x, ask: 'true', by: group:nobody}]\ntools: [files.*]\n", "rules"),
        ("name: [\n", "broken YAML"),
        ("name: desk\n" + "# x\n" * 100_000, "characters"),
    ],
)  # fmt: skip
async def test_what_cannot_be_used_is_not_kept_and_says_where_it_is_wrong(
    app: App, text: str, says: str
) -> None:
    with pytest.raises(work.Unusable, match=says) as caught:
        await work.save(app, "desk", text, "ann", None)
    assert "hunter2" not in str(caught.value)
    assert await store_of.find_kept(app.store, "desk") is None


async def test_what_has_become_unusable_meanwhile_is_not_published(app: App) -> None:
    helper = await published(app, "name: helper\n", "helper")
    made = await work.save(app, "lead", "name: lead\nteam: [helper]\n", "ann", None)
    await store_of.archive(app.store, "helper", "ann", helper.rev)
    with pytest.raises(work.Unusable, match="unknown agent 'helper'"):
        await work.publish(app, "lead", "ann", made.rev)


async def test_who_changed_what_of_an_agent_is_in_the_audit_log(app: App) -> None:
    first = await published(app)
    second = await work.save(app, "desk", DESK + "plan: false\n", "bo", first.rev)
    second = await work.publish(app, "desk", "bo", second.rev, "no plan")
    third = await work.roll_back(app, "desk", 1, "cy", second.rev)
    gone = await store_of.archive(app.store, "desk", "cy", third.rev)
    await store_of.archive(app.store, "desk", "ann", gone.rev, archived=False)
    with pytest.raises(Overtaken):
        await work.save(app, "desk", DESK, "eve", 1)
    told = [(one.who, one.what, one.about) for one in await audit.entries(app.store)][::-1]
    assert told == [
        ("ann", "agent.created", "desk"),
        ("ann", "agent.published", "desk"),
        ("bo", "agent.drafted", "desk"),
        ("bo", "agent.published", "desk"),
        ("cy", "agent.rolled_back", "desk"),
        ("cy", "agent.archived", "desk"),
        ("ann", "agent.restored", "desk"),
    ]
    (back,) = await audit.entries(app.store, what="agent.rolled_back")
    assert back.detail == {"version": 3, "note": "back to version 1", "before": 2, "same_as": 1}


async def test_agents_of_one_workspace_are_another_ones_neither_to_see_nor_to_change(app: App) -> None:
    await published(app)
    there = replace(app, store=app.store.within("acme"))
    async with app.store.pool.connection() as connection:
        await connection.execute("insert into workspaces (name, title) values ('acme', 'Acme')")
    assert await store_of.list_kept(there.store) == []
    with pytest.raises(UnknownName):
        await find_named(there.store, "desk")
    theirs = await work.save(there, "desk", DESK.replace("Help.", "Theirs."), "eve", None)
    await work.publish(there, "desk", "eve", theirs.rev)
    assert (await find_named(app.store, "desk")).agent.instructions == "Help."
    assert (await find_named(there.store, "desk")).agent.instructions == "Theirs."
    async with there.store.pool.connection() as connection:
        row = await (await connection.execute("select count(*) from agent_versions")).fetchone()
        assert row == (1,)
        with pytest.raises(InsufficientPrivilege):
            await connection.execute("update agent_versions set yaml = ''")
