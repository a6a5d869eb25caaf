"""People of whom nothing was heard, decisions, contacts, chats, takeovers, rows set aside and examples, taken away by rule: and what must stay."""

from __future__ import annotations

from datetime import timedelta

import pytest

from remit.age import parse_age
from remit.chat.identity import Visitor
from remit.chat.kept import begin, write
from remit.decisions.action import Rules
from remit.decisions.credited import credit
from remit.decisions.deciding import take
from remit.decisions.learned import learn
from remit.decisions.ruled import set_rules, suppress
from remit.errors import FieldError
from remit.graph.intent import Example
from remit.graph.intents import teach
from remit.graph.people import consent_of, find, profile_of
from remit.keeping import work
from remit.keeping.rules import list_rules, set_rule
from remit.keeping.work import foreseen
from remit.privacy.holds import set_hold
from remit.store.store import Store
from tests.decisions.town import ann, playbook
from tests.decisions.town import people as townspeople
from tests.graph.conftest import NOW, row
from tests.graph.conftest import people as everybody
from tests.journal.test_archive import do, one
from tests.keeping.test_events import MONTH, YEAR, applied, came

ANN, BO, CLEO, DORA = (f"{name}@x.example" for name in ("ann", "bo", "cleo", "dora"))


async def known(store: Store) -> set[str]:
    return {each for some in await everybody(store) for each in some}


async def test_people_of_whom_nothing_was_heard_go_with_all_that_is_theirs_and_do_not_come_back(
    store: Store,
) -> None:
    ann_ = row("a", 2000, email=ANN, phone="+491709988776", name="Ann", kind="message", text="I moved to Ulm")
    await came(
        store,
        ann_,
        row(
            "a2", 300, email=ANN, kind="message", direction="out", channel="email"
        ),  # what we say is not heard of them
        row("b", 2000, email=BO),
        row("b2", 100, email=BO),
        row("led", 2000, email=DORA, kind="message", direction="out"),  # from whom nothing ever came
    )
    assert (await foreseen(store, "people", YEAR * 3)).rows == 2
    await set_rule(store, "people", YEAR * 3, "olga")
    await applied(store)
    assert await known(store) == {f"email:{BO}"}
    for table in ("graph_interactions", "graph_state"):
        query = f"select count(*) from {table} t where not exists (select from graph_profiles p where p.id = t.profile)"
        assert await one(store, query) == 0
    assert (await came(store, ann_)).new == 0
    assert (await came(store, row("again", 1, email=ANN))).new == 1  # who comes again is somebody new
    (rule,) = await list_rules(store)
    assert rule.looked_at is not None
    assert rule.due_at - rule.looked_at == pytest.approx(timedelta(days=1), abs=timedelta(seconds=1))


async def test_who_said_no_leaves_that_and_nothing_else(store: Store) -> None:
    await came(
        store,
        row(
            "a",
            2000,
            email=ANN,
            name="Ann",
            text="I moved to Ulm",
            kind="message",
            attributes={"city": "Ulm"},
        ),
        row("no", 1990, email=ANN, kind="unsubscribed", channel="email", subject="Stop it, says Ann"),
        row("b", 2000, email=BO, name="Bo"),
        row("c", 2000, email=CLEO, kind="purchase", value=5, currency="EUR", subject="Bill 7"),
        row("c2", 1990, email=CLEO, kind="complained", channel="email"),
    )
    await suppress(store, await profile_of(store, BO), "asked by phone", "olga")
    await set_hold(store, "invoices", ["purchase"], "10y", "the law", "olga")
    await set_rule(store, "people", YEAR * 3, "olga")
    await applied(store)
    nobody = await one(store, "select value from graph_profiles where kind = 'erased'")
    assert await known(store) == {f"email:{ANN}", f"email:{BO}", f"email:{CLEO}", f"erased:{nobody}"}
    assert await one(store, "select count(*) from graph_profiles where name <> '' or about <> '{}'") == 0
    assert await one(store, "select array_agg(kind || subject order by kind) from graph_interactions") == [
        "complained", "purchase", "unsubscribed",
    ]  # fmt: skip
    assert await one(store, "select count(*) from graph_state") == 0
    assert (await consent_of(store, await find(store, ANN))).may("email", "marketing").says == "no"
    assert (await foreseen(store, "people", YEAR * 3)).rows == 0


async def test_who_was_heard_of_is_known_by_when_though_what_it_was_is_gone(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "FORGOTTEN", 1)
    await came(store, row("a", 100, email=ANN), row("b", 2000, email=BO), row("c", 2001, email=CLEO))
    await set_rule(store, "interactions", MONTH, "olga")
    await applied(store)
    assert await one(store, "select count(*) from graph_interactions") == 0
    await set_rule(store, "people", YEAR, "olga")
    await applied(store)
    assert await known(store) == {f"email:{ANN}"}


async def test_a_decision_goes_once_it_is_known_and_learned_what_came_of_it(store: Store) -> None:
    person, other = await townspeople(store, 2)
    said = {"purpose": "marketing", "channel": "email"}
    await came(
        store,
        *(row(f"yes{n}", 300, kind="consent_given", email=ann(n), properties=said) for n in range(2)),
    )
    version = await playbook(store)
    old, young = NOW - timedelta(days=200), NOW - timedelta(days=20)
    for who, at in ((person, old), (other, young)):
        assert await take(store, "winback", who, at)
    await came(store, row("buy", 195, email=ann(0), kind="purchase", value="20", currency="EUR"))
    await set_rule(store, "decisions", parse_age("90d"), "olga")

    async def left() -> int:
        await applied(store)
        return int(await one(store, "select count(*) from decisions"))

    assert await left() == 2
    await credit(store, "winback", NOW)
    assert await left() == 2  # no version has learned from it
    await learn(store, version)
    state = await one(store, "select state from playbook_learned")
    doing = "insert into decision_acts (decision, playbook) select id, playbook from decisions on conflict do nothing"
    await do(store, doing)
    assert await left() == 2  # it is still being done
    await do(store, "update decision_acts set state = 'done'")
    assert await left() == 1
    assert await one(store, "select count(*) from decision_credits") == 1
    assert await one(store, "select state from playbook_learned") == state
    assert await learn(store, version) == 0


async def test_contacts_stay_as_long_as_a_rule_counts_them_and_those_in_doubt_stay_open(store: Store) -> None:
    rules = Rules.model_validate({"caps": [{"name": "half-year", "count": 2, "days": 180}]})
    await set_rules(store, rules, "", "olga")
    with pytest.raises(FieldError, match="cap half-year of the rules of contact looks back 180 days"):
        await set_rule(store, "contacts", parse_age("90d"), "olga")
    query = "insert into contacts (profile, at, channel, purpose, by, state) values (1, now() - make_interval(days => %s), 'email', 'service', 'x', %s)"
    for days, state in ((400, "sent"), (400, "reserved"), (250, "refused"), (100, "sent")):
        await do(store, query, days, state)
    await set_rule(store, "contacts", parse_age("200d"), "olga")
    await applied(store)
    assert await one(store, "select array_agg(state order by id) from contacts") == ["reserved", "sent"]
    longer = Rules.model_validate({"caps": [{"name": "year", "count": 9, "days": 366}]})
    await set_rules(store, longer, "", "olga")  # which nobody thought of when the rule of keeping was set
    await do(store, query, 300, "sent")
    await applied(store)
    assert await one(store, "select count(*) from contacts") == 3
    assert "cap year of the rules of contact looks back 366 days" in (await list_rules(store))[0].why


async def test_chats_rows_set_aside_and_examples_go_by_their_own_rules(store: Store) -> None:
    for number, days in enumerate((400, 400, 10)):
        session, _ = await begin(store, "host", "site", "https://x.example", f"d{number}", Visitor())
        await write(store, session.id, "visitor", "I am ill", "k")
        await do(
            store,
            "update chat_sessions set at = now() - make_interval(days => %s) where id = %s",
            days,
            session.id,
        )
        await do(
            store,
            "update chat_messages set at = now() - make_interval(days => %s) where session = %s",
            10 * number,
            session.id,
        )
        if number == 0:  # in which something was written lately
            continue
        await do(
            store,
            "update chat_messages set at = now() - make_interval(days => %s) where session = %s",
            days,
            session.id,
        )
    await came(store, {"id": "bad", "at": "yesterday", "email": ANN}, {"id": "worse", "email": BO})
    await do(
        store, "update graph_rejected set at = now() - interval '2 years' where row like '%%yesterday%%'"
    )
    await teach(
        store, [Example("I am ill, says Ann", "absence"), Example("When does it come", "delivery")], "bo"
    )
    await do(store, "update graph_examples set at = now() - interval '2 years' where intent = 'absence'")
    inferred = "insert into graph_inferred (interaction, intent, probability, alike, others) values (%s, 'x', 1, %s, '[]')"
    await do(store, inferred, 1, '[["I am ill, says Ann", 0.9]]')
    await do(store, inferred, 2, '[["When does it come", 0.9]]')
    for what in ("chats", "aside", "examples"):
        assert (await foreseen(store, what, YEAR)).rows == 1
        await set_rule(store, what, YEAR, "olga")
    await applied(store)
    assert await one(store, "select count(*) from chat_sessions") == 2
    assert await one(store, "select count(*) from chat_messages") == 2
    assert await one(store, "select count(*) from graph_rejected") == 1
    assert await one(store, "select array_agg(intent) from graph_examples") == ["delivery"]
    assert await one(store, "select array_agg(alike::text order by interaction) from graph_inferred") == [
        "[]", '[["When does it come", 0.9]]',
    ]  # fmt: skip


async def test_takeovers_go_once_the_agent_was_told_and_what_was_written_is_sent(store: Store) -> None:
    await came(store, {"id": "1", "at": "2026-01-01T00:00:00Z", "email": ANN, "kind": "page_view"})
    made = """
        insert into takeovers (talk, agent, channel, profile, by, until, ended_at, told_at)
        select %s, 'host', 'chat', min(id), 'bo', now(), now() - make_interval(days => %s), now() from graph_profiles
    """
    said = """
        insert into takeover_words (run, takeover, text, begun_at)
        select gen_random_uuid(), id, 'I look into it', case when %s then now() end from takeovers where talk = %s
    """
    for talk, days, sent in (("old", 400, True), ("lately", 10, True), ("unsent", 400, False)):
        await do(store, made, talk, days)
        await do(store, said, sent, talk)
    await do(store, "insert into takeovers (talk, agent, channel, profile, by, until, ended_at) select 'untold', 'host', 'sms', min(id),"
                    " 'bo', now(), now() - interval '2 years' from graph_profiles")  # fmt: skip
    assert (await foreseen(store, "takeovers", YEAR)).rows == 1
    await set_rule(store, "takeovers", YEAR, "olga")
    await applied(store)
    assert await one(store, "select array_agg(talk order by talk) from takeovers") == [
        "lately",
        "unsent",
        "untold",
    ]
    assert await one(store, "select count(*) from takeover_words") == 2
