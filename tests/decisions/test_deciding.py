"""The next best action from the database: for one person, and for everybody."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from remit.acting.mind import decide_on
from remit.decisions.action import Cap, Rules, together
from remit.decisions.deciding import decide_heard, look, take
from remit.decisions.featured import VERSION, columns, known
from remit.decisions.log import decisions_of
from remit.decisions.rounds import begin, begin_due, drop, go_on
from remit.decisions.ruled import set_rules
from remit.decisions.stage import in_ramp
from remit.decisions.standing import rules_of
from remit.decisions.whom import NAMES, fits
from remit.errors import UserError
from remit.graph.ingest import take as take_in
from remit.graph.people import person_of, profile_of, read_of
from remit.graph.understand import understand
from remit.store.store import Store
from tests.decisions.town import TEXT, ann, people, playbook, rows
from tests.graph.conftest import NOW, row, taken
from tests.graph.test_sentiment import Tones


async def test_who_never_said_yes_is_let_be_and_told_by_which_rule(store: Store) -> None:
    (silent, open_) = await people(store, 2, silent=[0])
    await playbook(store)
    (left,) = await look(store, "winback", silent, NOW)
    assert left.decision.action == "nothing"
    assert {name: [why.rule for why in rules] for name, rules in left.decision.ruled_out} == {
        "mail": ["consent"],
        "call": ["consent"],
    }
    (asked,) = await look(store, "winback", open_, NOW)
    assert {one.action for one in asked.decision.options} == {"mail", "call", "nothing"}
    assert sum(one.chance for one in asked.decision.options) == pytest.approx(1)
    assert await rows(store, "select id from decisions") == []


async def test_what_is_shown_is_what_is_taken_and_holds_for_as_long_as_the_playbook_says(
    store: Store,
) -> None:
    (person,) = await people(store, 1)
    await playbook(store)
    (shown,) = await look(store, "winback", person, NOW)
    (number,) = await take(store, "winback", person, NOW)
    (kept,) = await decisions_of(store, [person])
    assert (kept.id, kept.action, kept.propensity) == (
        number,
        shown.decision.action,
        shown.decision.propensity,
    )
    assert kept.features == [VERSION, *shown.known]
    assert kept.chosen
    assert await take(store, "winback", person, NOW + timedelta(days=9)) == []
    assert len(await take(store, "winback", person, NOW + timedelta(days=11))) == 1
    acts = await rows(store, "select decision from decision_acts order by decision desc")
    assert acts == [(one.id,) for one in await decisions_of(store, [person]) if one.does != "nothing"]


async def test_a_version_in_shadow_decides_beside_and_nothing_is_done_of_it(store: Store) -> None:
    (person,) = await people(store, 1)
    await playbook(store, "shadow")
    (number,) = await take(store, "winback", person, NOW)
    assert [(one.id, one.stage) for one in await decisions_of(store, [person])] == [(number, "shadow")]
    assert await rows(store, "select decision from decision_acts") == []


async def test_who_is_in_the_ramp_has_the_new_version_and_all_others_what_stood_before(store: Store) -> None:
    some = await people(store, 30)
    await playbook(store)
    await playbook(store, "ramp", TEXT + "half_life: 3\n", 0.3)
    round_ = await begin(store, "winback", "ann")
    await go_on(store, round_.id, NOW)
    found = dict(await rows(store, "select person, version from decisions"))
    assert found == {one: 2 if in_ramp(str(one), "winback", 0.3) else 1 for one in some}
    assert set(found.values()) == {1, 2}


async def test_without_what_stood_before_those_outside_the_ramp_are_let_be(store: Store) -> None:
    some = await people(store, 30)
    await playbook(store, "ramp", share=0.3)
    await go_on(store, (await begin(store, "winback", "ann")).id, NOW)
    found = {person for (person,) in await rows(store, "select person from decisions")}
    assert found == {one for one in some if in_ramp(str(one), "winback", 0.3)}


async def test_a_round_that_is_broken_off_goes_on_decides_for_each_once_and_keeps_to_what_a_team_can_do(
    store: Store,
) -> None:
    some = await people(store, 40)
    await playbook(store)
    first = await begin(store, "winback", "ann")
    await go_on(store, first.id, NOW, 7)
    with pytest.raises(UserError, match="broken off"):
        await begin(store, "winback", "ann", ["recency>3"])
    one = await begin(store, "winback", "ann")
    assert (one.id, one.looked_at) == (first.id, 7)
    while one.done_at is None:
        one = await go_on(store, one.id, NOW, 7)
    assert (one.looked_at, one.made) == (40, 40)
    found = Counter(person for (person,) in await rows(store, "select person from decisions"))
    assert found == Counter(some)
    (calls,) = await rows(store, "select count(*) from decisions where action = 'call'")
    assert 1 <= calls[0] <= 3
    again = await begin(store, "winback", "ann")
    assert (again.id != one.id, (await go_on(store, again.id, NOW)).made) == (True, 0)


async def test_a_round_is_for_those_of_whom_something_is_known(store: Store) -> None:
    some = await people(store, 10)
    await playbook(store)
    one = await begin(store, "winback", "ann", ["age>22.5", "channel=web"])
    await go_on(store, one.id, NOW)
    found = {person for (person,) in await rows(store, "select person from decisions")}
    assert found
    assert found < set(some)
    assert not await drop(store, "winback")
    for wrong, said in {
        "recency": "is no condition",
        "recancy>3": "Did you mean 'recency'",
        "stage>2": "is a word",
        "age=x": "is a number",
    }.items():
        with pytest.raises(UserError, match=said):
            await begin(store, "winback", "ann", [wrong])


async def test_the_rules_of_the_workspace_hold_beside_those_of_the_playbook(store: Store) -> None:
    (person,) = await people(store, 1)
    await playbook(store)
    none = Rules(caps=(Cap(name="none", count=0, days=1),))
    await set_rules(store, none, "a quiet week", "ann")
    (left,) = await look(store, "winback", person, NOW)
    assert {name: rules[0].rule for name, rules in left.decision.ruled_out} == {
        "mail": "cap none",
        "call": "cap none",
    }
    assert together(await rules_of(store), Rules(zone="Europe/Berlin")).caps == none.caps
    both = together(
        Rules(consent={"marketing": "not no"}), Rules(consent={"service": "not no", "marketing": "yes"})
    )
    assert both.consent == {"marketing": "yes", "service": "yes"}


async def test_what_is_known_of_people_agrees_with_what_their_page_says(store: Store) -> None:
    await taken(
        store,
        row("a", 400, email="old@shop.example"),
        row("b", 5, email="old@shop.example", kind="purchase", value="10", currency="EUR"),
        row("c", 4, email="new@shop.example"),
        row("d", 50, email="quiet@shop.example"),
        row("e", 120, email="gone@shop.example", channel="store"),
        row("f", 2, email="gone@shop.example", direction="out", kind="message", channel="email"),
    )
    await playbook(store)
    found = {}
    for name in ("old", "new", "quiet", "gone"):
        ((person,),) = await rows(
            store, "select person from graph_profiles where value = %s", f"{name}@shop.example"
        )
        (one,) = await look(store, "winback", person, NOW)
        reading = await read_of(store, await person_of(store, person), NOW)
        said = found[name] = dict(zip(NAMES, one.known, strict=True))
        assert reading is not None
        assert (said["stage"], said["recency"]) == (reading.stage, pytest.approx(reading.recency, abs=0.01))
        assert said["channel"] == reading.channels[0][0]
    assert [found[name]["stage"] for name in found] == ["back", "new", "quiet", "dormant"]
    assert found["old"]["gap"] == pytest.approx(395)
    assert found["old"]["spent"] == pytest.approx(10 * 0.5 ** (5 / 90), abs=0.01)
    assert found["gone"]["since_reached"] == pytest.approx(2)


def test_of_somebody_of_whom_nothing_was_heard_nothing_is_known() -> None:
    nobody = known({}, None, NOW)
    assert [name for name, value in zip(NAMES, nobody, strict=True) if value] == []
    assert all(column.missing in (0, 2) for column in columns([nobody, nobody]))
    assert fits(nobody, "stage!=dormant")
    assert not fits(nobody, "recency>0")


async def test_only_those_are_decided_for_of_whom_the_playbook_is(store: Store) -> None:
    await people(store, 4)
    one = await playbook(store, text=TEXT + "whom: [spent>50]\nat_once: true\n")
    buys = [row(f"b{n}", 1, kind="purchase", email=ann(n), value=80, currency="EUR") for n in (1, 3)]
    assert await decide_heard(store, one.playbook, NOW) == 0  # what came before it was saved is for rounds
    await taken(store, *buys, row("b2", 1, kind="purchase", email=ann(2), value=9, currency="EUR"))
    assert await decide_heard(store, one.playbook, NOW) == 3
    assert await decide_heard(store, one.playbook, NOW) == 0
    persons = [await profile_of(store, ann(n)) for n in range(4)]
    assert {each.person for each in await decisions_of(store, persons)} == {persons[1], persons[3]}
    assert await look(store, one.playbook, persons[0], NOW) == []
    assert (await go_on(store, (await begin(store, one.playbook, "ann")).id, NOW)).made == 0


async def test_who_wrote_is_decided_for_once_workers_have_said_what_they_want(store: Store) -> None:
    await people(store, 2)
    one = await playbook(store, text=TEXT + "at_once: true\n")
    while await understand(store, Tones(), None):
        pass
    wrote = row("m", 0.1, kind="message", channel="email", email=ann(0), text="-0.4")
    await take_in(
        store, [(1, row("v", 0.2, email=ann(1))), (2, wrote), (3, row("w", 0.1, email=ann(1)))], "shop"
    )
    now = datetime.now(UTC)
    assert [await decide_heard(store, one.playbook, now) for _ in range(2)] == [1, 0]
    assert await understand(store, Tones(), None) == 3
    assert [await decide_heard(store, one.playbook, now) for _ in range(2)] == [2, 0]


async def test_rounds_are_gone_through_as_often_as_the_playbook_says(store: Store) -> None:
    await people(store, 3)
    one = await playbook(store, text=TEXT + "rounds: 1\nevery: 0.5\n")
    now = datetime.now(UTC)
    assert await begin_due(store, one.playbook, now)
    assert not await begin_due(store, one.playbook, now + timedelta(days=2))  # it is not over
    while await decide_on(store):
        pass
    assert await rows(store, "select looked_at, by_workers from decision_rounds") == [(3, True)]
    assert not await begin_due(store, one.playbook, now + timedelta(hours=20))
    await begin(store, one.playbook, "ann")
    assert not await begin_due(store, one.playbook, now + timedelta(days=2))  # that one is hers
    assert await drop(store, one.playbook)
    assert await begin_due(store, one.playbook, now + timedelta(days=2))


def test_an_intent_is_asked_of_all_that_somebody_wants() -> None:
    known = ["leaving" if name == "intent" else None for name in NAMES]
    assert fits(known, "intent=leaving")
    assert fits(known, "intent=refund", ["leaving", "refund"])
    assert not fits(known, "intent!=refund", ["leaving", "refund"])
    assert fits(known, "intent!=refund")
    assert not fits([None] * len(NAMES), "spent>5")
