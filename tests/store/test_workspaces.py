"""Workspaces are kept apart by the database itself: as a guest of one, nothing of another is seen or written, table by
table; every table that there is, so that one made tomorrow cannot be forgotten."""

from __future__ import annotations

from uuid import UUID

import psycopg
import pytest
from psycopg import sql

from remit.errors import StoreError, UserError
from remit.settings import Settings
from remit.store.guest import Guests
from remit.store.store import Store, open_store, prepare

A, B = UUID(int=0xA), UUID(int=0xB)
RUN = {"a": A, "b": B}
RIGHTS = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE")
# A row of each table that guests may touch, for a workspace and its run
ROWS: dict[str, str] = {
    "runs": "insert into runs (id, workspace, agent, goal, status, created_at, updated_at)"
    " values (%(run)s, %(w)s, 'x', 'goal of ' || %(w)s, 'met', now(), now())",
    "events": "insert into events (run, seq, at, type, body) values (%(run)s, %(n)s, now(), 'said', '{}')",
    "blobs": "insert into blobs (sha256, body, workspace) values (sha256(convert_to(%(w)s || %(n)s, 'utf8')), 'x', %(w)s)",
    "asks": "insert into asks (run, ask_id, kind, text, at) values (%(run)s, 'q' || %(n)s, 'question', 'why', now())",
    "remit_timers": "insert into remit_timers (run, due) values (%(run)s, now() + make_interval(secs => %(n)s))",
    "slots": "insert into slots (name, run, call, most, due) values ('x', %(run)s, %(n)s, 1, now())",
    "archives": "insert into archives (run, ended_at, format, events, size, sha256, body)"
    " values (%(run)s, now(), 1, 1, 1, 'x', 'x')",
    "tombstones": "insert into tombstones"
    " (run, workspace, agent, status, created_at, ended_at, archived_at, events, sha256, policy)"
    " values (%(run)s, %(w)s, 'x', 'met', now(), now(), now(), 1, 'x', 'x')",
    "remembered": "insert into remembered (workspace, agent, tool, rule, bounds, by, run, ask)"
    " values (%(w)s, 'x', 'x', 'x', '[]', 'ann', %(run)s, 'q')",
    "away": "insert into away (workspace, who, deputy, until) values (%(w)s, 'ann', 'bo', now())",
    "secrets": "insert into secrets (workspace, name, sealed, by) values (%(w)s, 's' || %(n)s, 'x', 'ann')",
    "model_keys": "insert into model_keys (workspace, provider, sealed, by) values (%(w)s, 'p' || %(n)s, 'x', 'ann')",
    "budgets": "insert into budgets (workspace, agent, period, money, by) values (%(w)s, 'x' || %(n)s, 'day', 1, 'ann')",
    "retention": "insert into retention (workspace, agent, by) values (%(w)s, 'x' || %(n)s, 'ann')",
    "retained": "insert into retained (workspace, look, policy)"
    " values (%(w)s, md5(%(w)s || %(n)s)::uuid, 'x')",
    "spending": "insert into spending (workspace, agent, day) values (%(w)s, 'x' || %(n)s, now())",
    "purses": "insert into purses (run, workspace, agent, money, tokens) values (%(run)s, %(w)s, 'x', 0, 0)",
    "tokens": "insert into tokens (workspace, name, token, who, scopes)"
    " values (%(w)s, 't' || %(n)s, sha256(convert_to(%(w)s || %(n)s, 'utf8')), 'ann', '{}')",
    "begun": "insert into begun (workspace, caller, key, request, run, expires_at)"
    " values (%(w)s, %(w)s, 'k' || %(n)s, 'x', %(run)s, now())",
    "audit": "insert into audit (workspace, who, what, about) values (%(w)s, 'ann', 'x', 'y')",
    "rule_versions": "insert into rule_versions (workspace, text, note, who) values (%(w)s, '', '', 'ann')",
    "connections": "insert into connections (workspace, name, body, by) values (%(w)s, 'c' || %(n)s, '{}', 'ann')",
    "knowledge_sources": "insert into knowledge_sources (id, workspace, name, title, by) overriding system value"
    " values (1000 * ascii(%(w)s) + %(n)s, %(w)s, 's' || %(n)s, 's', 'ann')",
    "knowledge_documents": "insert into knowledge_documents"
    " (id, workspace, source, name, title, kind, sha256, size, characters, by) overriding system value"
    " values (1000 * ascii(%(w)s) + %(n)s, %(w)s, 1000 * ascii(%(w)s) + 1, 'd' || %(n)s, 'd', 'x', 'x', 1, 1, 'ann')",
    "knowledge_passages": "insert into knowledge_passages"
    " (workspace, document, number, source, starts, heading, text, language)"
    " values (%(w)s, 1000 * ascii(%(w)s) + 1, %(n)s, 1000 * ascii(%(w)s) + 1, 0, 'd', 'text of ' || %(w)s, 'english')",
    "chat_sessions": "insert into chat_sessions (id, workspace, agent, trigger, token, device, profile, origin)"
    " values (md5(%(w)s || %(n)s)::uuid, %(w)s, 'x', 'x', sha256(convert_to(%(w)s || %(n)s, 'utf8')), 'd', 1, 'x')",
    "chat_messages": "insert into chat_messages (workspace, session, side, text, key)"
    " values (%(w)s, md5(%(w)s || 1)::uuid, 'visitor', 'text of ' || %(w)s, 'k' || %(n)s)",
    "takeovers": "insert into takeovers (id, workspace, talk, agent, channel, profile, by, until) overriding system value"
    " values (1000 * ascii(%(w)s) + %(n)s, %(w)s, 'chat:x', 'x', 'chat', %(n)s, 'ann', now())",
    "takeover_words": "insert into takeover_words (run, workspace, takeover, text)"
    " values (md5(%(w)s || %(n)s)::uuid, %(w)s, 1000 * ascii(%(w)s) + 1, 'text of ' || %(w)s)",
    "intakes": "insert into intakes (workspace, name, spec, by) values (%(w)s, 'i' || %(n)s, '{}', 'ann')",
    "graph_profiles": "insert into graph_profiles (id, workspace, kind, value, person)"
    " values (1000 * ascii(%(w)s) + %(n)s, %(w)s, 'email', 'e' || %(n)s, 1000 * ascii(%(w)s) + %(n)s)",
    "graph_links": "insert into graph_links (workspace, a, b, how, confidence, source, event, at, last_at)"
    " values (%(w)s, 1000 * ascii(%(w)s) + 1, 1000 * ascii(%(w)s) + 1 + %(n)s, 'seen', 1, 's', 'e', now(), now())",
    "graph_interactions": "insert into graph_interactions (workspace, source, event, profile, at, channel, direction, kind)"
    " values (%(w)s, 's', 'e' || %(n)s, 1, now(), 'web', 'in', 'visit')",
    "graph_state": "insert into graph_state"
    " (workspace, profile, channel, direction, kind, currency, count, total, first, last, brief, lasting, worth)"
    " values (%(w)s, 1000 * ascii(%(w)s) + %(n)s, 'web', 'in', 'visit', '', 1, 0, now(), now(), 1, 1, 0)",
    "graph_terms": "insert into graph_terms (workspace, brief, lasting) values (%(w)s, 7, 90)"
    " on conflict (workspace) do update set brief = 8",
    "graph_rejected": "insert into graph_rejected (workspace, source, line, field, why, row, digest)"
    " values (%(w)s, 's', 1, '', 'why', 'x', sha256(convert_to(%(w)s || %(n)s, 'utf8')))",
    "graph_uploads": "insert into graph_uploads (workspace, name, text, by) values (%(w)s, 'f', 'text of ' || %(w)s, 'ann')",
    "graph_examples": "insert into graph_examples (workspace, intent, text, digest, by)"
    " values (%(w)s, 'i', 'text', sha256(convert_to(%(w)s || %(n)s, 'utf8')), 'ann')",
    "graph_behaviours": "insert into graph_behaviours (workspace, intent, pattern, by) values (%(w)s, 'i' || %(n)s, '{}', 'ann')",
    "graph_inferred": "insert into graph_inferred (workspace, interaction, intent, probability, alike, others)"
    " values (%(w)s, %(n)s, 'i', 1, '[]', '[]')",
    "graph_accounts": "insert into graph_accounts (id, workspace, kind, value, account)"
    " values (1000 * ascii(%(w)s) + %(n)s, %(w)s, 'crm', 'a' || %(n)s, 1000 * ascii(%(w)s) + %(n)s)",
    "graph_account_links": "insert into graph_account_links (workspace, a, b, how, source, event, at, last_at)"
    " values (%(w)s, 1000 * ascii(%(w)s) + 1, 1000 * ascii(%(w)s) + 1 + %(n)s, 'seen', 's', 'e', now(), now())",
    "graph_memberships": "insert into graph_memberships (workspace, profile, account, how, since, at)"
    " values (%(w)s, 1, %(n)s, 'said', now(), now())",
    "intent_readers": "insert into intent_readers (workspace, model, daily, by) values (%(w)s, 'scripted:x', 1, 'ann')"
    " on conflict (workspace) do update set daily = 2",
    "graph_unread": "insert into graph_unread (workspace, interaction) values (%(w)s, %(n)s)",
    "intents_read": "insert into intents_read (workspace, day) values (%(w)s, date '2026-01-01' + %(n)s)",
    "graph_felt": "insert into graph_felt (workspace, interaction, score) values (%(w)s, %(n)s, 0)",
    "graph_read": "insert into graph_read (workspace, upto) values (%(w)s, 1) on conflict (workspace) do update set upto = 2",
    "graph_relations": "insert into graph_relations (workspace, a, b, kind, how, since, at)"
    " values (%(w)s, 1, %(n)s, 'reports_to', 'said', now(), now())",
    "segments": "insert into segments (workspace, name, spec, who) values (%(w)s, 's' || %(n)s, '{}', 'ann')",
    "segment_sizes": "insert into segment_sizes (workspace, segment, day, people, whole, exact)"
    " values (%(w)s, 's' || %(n)s, now(), 1, 1, true)",
    "contacts": "insert into contacts (workspace, profile, at, channel, purpose, by, state)"
    " values (%(w)s, 1, now(), 'email', 'service', 'x', 'sent')",
    "suppressions": "insert into suppressions (workspace, profile, because, by) values (%(w)s, 1, 'why', 'ann')",
    "contact_rules": "insert into contact_rules (workspace, version, rules, who) values (%(w)s, %(n)s, '{}', 'ann')",
    "playbooks": "insert into playbooks (workspace, name) values (%(w)s, 'p' || %(n)s)",
    "playbook_versions": "insert into playbook_versions (workspace, playbook, version, text, spec, note, who, stage, staged_by)"
    " values (%(w)s, 'p1', %(n)s, '', '{}', '', 'ann', 'off', 'ann')",
    "decisions": "insert into decisions (workspace, playbook, version, stage, person, at, action, does, propensity, holdout, chosen,"
    " cost, reason, options, ruled_out, features)"
    " values (%(w)s, 'p1', 1, 'live', %(n)s, now(), 'x', 'send', 1, false, true, 0, '', '[]', '[]', '[]')",
    "decision_credits": "insert into decision_credits (workspace, playbook, decision, value) values (%(w)s, 'p1', %(n)s, 1)",
    "decision_followed": "insert into decision_followed (workspace, decision, guardrail, interaction, at)"
    " values (%(w)s, %(n)s, 'x', 1, now())",
    "decision_acts": "insert into decision_acts (workspace, playbook, decision) values (%(w)s, 'p1', %(n)s)",
    "decision_keys": "insert into decision_keys (workspace, profile, key, at) values (%(w)s, %(n)s, 1, now())",
    # in the place of what decisions and what came of them have written there
    "decision_sums": "with own as (delete from decision_sums where workspace = %(w)s) insert into decision_sums (workspace, playbook, version, day, stage, action, does, holdout, chosen, chance, times,"
    " likely, tried, spent, closed, total, squares) values (%(w)s, 'p1', %(n)s, now(), 'live', 'x', 'send', false, true, 7, 1, 1, 0, 0, 0, 0, 0)",
    "playbook_learned": "insert into playbook_learned (workspace, playbook, version) values (%(w)s, 'p1', %(n)s)",
    "decision_rounds": "insert into decision_rounds (id, workspace, playbook, by, last)"
    " values (md5(%(w)s || %(n)s)::uuid, %(w)s, 'p' || %(n)s, 'ann', 1)",
    "erasures": "insert into erasures (workspace, by, because) values (%(w)s, 'ann', 'asked')",
    "erased": "insert into erased (workspace, digest) values (%(w)s, sha256(convert_to(%(w)s || %(n)s, 'utf8')))",
    "purposes": "insert into purposes (workspace, field, purposes, because, by) values (%(w)s, 'about.k' || %(n)s, '{service}', 'law', 'ann')",
    "keeping": "insert into keeping (workspace, what, kind, by) values (%(w)s, 'words', 'k' || %(n)s, 'ann')",
    "graph_gone": "insert into graph_gone (workspace, what, kind, channel, until) values (%(w)s, 'words', 'k' || %(n)s, 'web', now())",
    "holds": "insert into holds (workspace, name, kinds, lasts, because, by)"
    " values (%(w)s, 'h' || %(n)s, '{purchase}', '1 year', 'law', 'ann')",
    "chain": "insert into chain (workspace, number, kind, about, of, digest, link)"
    " values (%(w)s, %(n)s, 'audit', '1', now(), 'x', 'x')",
    "agents": "insert into agents (workspace, name, created_by) values (%(w)s, 'x' || %(n)s, 'ann')",
    "agent_versions": "insert into agent_versions (workspace, agent, version, yaml, who)"
    " values (%(w)s, 'x1', %(n)s, '', 'ann')",
    "threads": "insert into threads (run, workspace, who, agent, context, message)"
    " values (%(run)s, %(w)s, 'ann', 'x', 'c', 'm')",
    "triggers": "insert into triggers (workspace, agent, name, version, kind, spec)"
    " values (%(w)s, 'x', 't' || %(n)s, 1, 'schedule', '{}')",
    "firings": "insert into firings (workspace, agent, trigger, key, event, run)"
    " values (%(w)s, 'x', 't', 'k' || %(n)s, '{}', %(run)s)",
    "mailboxes": "insert into mailboxes (workspace, agent, trigger) values (%(w)s, 'x', 't' || %(n)s)",
    "refusals": "insert into refusals (workspace, agent, trigger, why) values (%(w)s, 'x', 't', 'why')",
    "workspaces": "insert into workspaces (name, title) values (%(w)s, %(w)s)",
    "webhooks": "insert into webhooks (id, workspace, url, events, secret, by)"
    " values (%(run)s, %(w)s, 'x', '{}', 'x', 'ann')",
    "deliveries": "insert into deliveries (workspace, webhook, type, name) values (%(w)s, %(run)s, 'x', 'n' || %(n)s)",
}
# What guests may read but no policy can tell apart, and why that is no leak
OPEN: dict[str, str] = {}


@pytest.fixture
async def filled(store: Store) -> Store:
    """Each table with a row of workspace a and one of workspace b."""
    async with store.pool.connection() as connection:
        for table in ROWS:
            for workspace in "ab":
                await put(connection, table, workspace, 1)
    return store


async def put(connection: psycopg.AsyncConnection[tuple[object, ...]], table: str, of: str, n: int) -> None:
    await connection.execute(ROWS[table].encode(), {"w": of, "run": RUN[of], "n": n})


async def one(store: Store, query: str, *values: object) -> object:
    async with store.pool.connection() as connection:
        row = await (await connection.execute(query.encode(), values)).fetchone()
    return row[0] if row else None


async def touched(store: Store) -> dict[str, set[str]]:
    """Every table and view that guests have a right on, and which."""
    query = """
        select relname, array(select r from unnest(%s::text[]) as r where has_table_privilege('remit_guest', c.oid, r)
                              union select r || ' of a column' from unnest(%s::text[]) as r
                              where r <> 'DELETE' and r <> 'TRUNCATE' and has_any_column_privilege('remit_guest', c.oid, r))
        from pg_class c where relnamespace = current_schema()::regnamespace and relkind in ('r', 'p', 'v', 'm', 'f')
    """
    async with store.pool.connection() as connection:
        rows = await (await connection.execute(query, (list(RIGHTS), list(RIGHTS[:3])))).fetchall()
    assert len(rows) > 20
    return {name: set(rights) for name, rights in rows if rights}


async def test_every_table_that_guests_may_touch_has_a_policy_and_is_tried_here(store: Store) -> None:
    found = await touched(store)
    assert set(found) - set(OPEN) == set(ROWS), (
        "a new table: wall it off (remit_wall), and say here what a row is"
    )
    query = (
        "select relname from pg_class where relrowsecurity and relnamespace = current_schema()::regnamespace"
    )
    async with store.pool.connection() as connection:
        walled = {name for (name,) in await (await connection.execute(query)).fetchall()}
    assert set(ROWS) <= walled
    assert not any("TRUNCATE" in rights for rights in found.values())


async def test_every_table_that_names_an_agent_is_walled_off_by_agent_too(store: Store) -> None:
    query = """
        select relname, exists (select from pg_policy where polrelid = c.oid and polname = 'of_agents' and not polpermissive)
        from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'agent' and not a.attisdropped
        where relkind = 'r' and has_table_privilege('remit_guest', c.oid, 'select') and relnamespace = current_schema()::regnamespace
    """
    async with store.pool.connection() as connection:
        found: dict[str, bool] = dict(await (await connection.execute(query)).fetchall())
    assert len(found) > 8
    assert all(found.values()), found


async def test_no_function_runs_as_its_owner_but_those_known_here(store: Store) -> None:
    query = "select proname from pg_proc where prosecdef and pronamespace = current_schema()::regnamespace"
    async with store.pool.connection() as connection:
        names = {name for (name,) in await (await connection.execute(query)).fetchall()}
    assert names == {
        "remit_blob_used",
        "remit_run_moved",
        "remit_run_ended",
        "remit_asked",
    }  # triggers: nobody can call them


@pytest.mark.parametrize("table", ROWS)
async def test_a_guest_sees_only_its_own_rows(filled: Store, table: str) -> None:
    rights = (await touched(filled))[table]
    assert "SELECT" in rights
    column = "name" if table == "workspaces" else "workspace"
    whose = {"a": {"a"}, "b": {"b"}}
    for workspace in "ab":
        async with filled.within(workspace).pool.connection() as connection:
            rows = await connection.execute(
                sql.SQL("select t::text from {} as t").format(sql.Identifier(table))
            )
            found = [row[0] for row in await rows.fetchall()]
            assert len(found) == 1
            other = "b" if workspace == "a" else "a"
            assert str(RUN[other]) not in found[0]
            names = await connection.execute(
                "select count(*) from information_schema.columns where table_name = %s and column_name = %s",
                (table, column),
            )
            if await names.fetchone() != (0,):
                query = sql.SQL("select {} from {}").format(sql.Identifier(column), sql.Identifier(table))
                assert {row[0] for row in await (await connection.execute(query)).fetchall()} == whose[
                    workspace
                ]


@pytest.mark.parametrize("table", ROWS)
async def test_a_guest_can_neither_insert_change_nor_remove_what_is_anothers(
    filled: Store, table: str
) -> None:
    before = await one(filled, f"select array_agg(t::text order by t::text) from {table} as t")
    rights = (await touched(filled))[table]
    guest = filled.within("a")
    async with guest.pool.connection() as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await put(connection, table, "b", 2)
        for right, query in (
            ("UPDATE", f"update {table} set {await some(filled, table)}"),
            ("DELETE", f"delete from {table}"),
        ):
            if right in rights:
                async with connection.transaction(force_rollback=True):
                    done = await connection.execute(query.encode())
                    assert done.rowcount == 1  # its own
            else:
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    await connection.execute(query.encode())
        if "UPDATE" in rights:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):  # nothing is handed to another either
                await connection.execute(f"update {table} set workspace = 'b'".encode())
    assert await one(filled, f"select array_agg(t::text order by t::text) from {table} as t") == before


async def some(store: Store, table: str) -> str:
    """An assignment that changes nothing."""
    query = "select attname from pg_attribute where attrelid = %s::regclass and attnum > 0 and attidentity = '' limit 1"
    column = await one(store, query, table)
    return f"{column} = {column}"


@pytest.mark.parametrize("said", [None, "", "A", "a ", "a'; reset role; --"])
async def test_who_says_no_workspace_or_none_that_there_is_sees_nothing(
    filled: Store, said: str | None
) -> None:
    async with filled.pool.connection() as connection:
        await connection.execute("set role remit_guest")
        if said is not None:
            await connection.execute("select set_config('remit.workspace', %s, false)", (said,))
        for table in ROWS:
            query = sql.SQL("select count(*) from {}").format(sql.Identifier(table))
            assert await (await connection.execute(query)).fetchone() == (0,), table
        for table in set(ROWS) - {"workspaces"}:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                await put(connection, table, "a", 2)
        await connection.execute("reset role")


async def test_a_run_that_says_that_it_is_anothers_cannot_be_begun(filled: Store) -> None:
    """Workers believe a run's first event."""
    query = "insert into events (run, seq, at, type, body) values (%s, 7, now(), 'started', %s)"
    async with filled.within("a").pool.connection() as connection:
        for body in ('{"workspace": "b"}', "{}", '{"workspace": "\\u0000"}'):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                await connection.execute(query, (A, body))
        await connection.execute(query, (A, '{"workspace": "a"}'))


async def test_a_loan_is_of_the_workspace_that_borrows_whoever_had_the_connection_before(
    filled: Store,
) -> None:
    for workspace in ("a", "b", "b", "a"):
        assert await one(filled.within(workspace), "select goal from runs") == f"goal of {workspace}"
        assert await one(filled.within(workspace), "select current_user") == "remit_guest"
    assert filled.guests is not None
    assert len(filled.guests._pool) == 1  # it was the same connection
    assert await one(filled, "select count(*) from runs") == 2


async def test_behind_a_pooler_nothing_stays_said_after_a_loan(filled: Store) -> None:
    """As if it were there: the next who is lent this session of the server is the test."""
    assert filled.guests is not None
    for workspace in "ab":
        async with Guests(filled.guests, workspace, shared=True).connection() as connection:
            assert await (await connection.execute("select goal from runs")).fetchone() == (
                f"goal of {workspace}",
            )
        async with filled.guests.connection() as straight:
            query = "select current_user, current_setting('remit.workspace', true), current_setting('role')"
            row = await (await straight.execute(query)).fetchone()
            assert row is not None
            assert row[0] != "remit_guest"
            assert not row[1]
            assert row[2] == "none"


def test_what_is_no_name_is_refused_before_the_database_is_asked(filled: Store) -> None:
    for name in ("", "A", "a b", "-a", "a" * 41, "a'", "ä", "a\n"):
        with pytest.raises(UserError, match="no name for a workspace"):
            filled.within(name)


async def test_who_may_not_make_the_role_is_told_what_to_run(empty_database_url: str) -> None:
    """In a user's own PostgreSQL whoever connects is often no superuser."""
    async with await psycopg.AsyncConnection.connect(empty_database_url, autocommit=True) as admin:
        name = f"plain_{admin.info.backend_pid}"
        await admin.execute(sql.SQL("create role {} login password 'x'").format(sql.Identifier(name)))
        try:
            await admin.execute(sql.SQL("grant create on schema public to {}").format(sql.Identifier(name)))
            mine = psycopg.conninfo.make_conninfo(empty_database_url, user=name, password="x")
            with pytest.raises(
                StoreError, match=f"CREATE ROLE remit_guest NOLOGIN; GRANT remit_guest TO {name}"
            ):
                await prepare(mine)
            await admin.execute(sql.SQL("grant remit_guest to {}").format(sql.Identifier(name)))
            await prepare(mine)
            async with open_store(Settings(database_url=mine)) as store:
                assert await one(store.within("default"), "select title from workspaces") == "Default"
            await admin.execute(sql.SQL("revoke remit_guest from {}").format(sql.Identifier(name)))
            with pytest.raises(StoreError, match="GRANT remit_guest"):
                await prepare(mine)
        finally:
            await admin.execute(sql.SQL("drop owned by {} cascade").format(sql.Identifier(name)))
            await admin.execute(sql.SQL("drop role {}").format(sql.Identifier(name)))
