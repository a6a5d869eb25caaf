"""What came of decisions: due once, corrected when something comes late, learned from once, and minded at once where it should not have come."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from remit.access.audit import entries
from remit.decisions.credited import credit
from remit.decisions.deciding import take
from remit.decisions.kept import Version
from remit.decisions.learn import Learner
from remit.decisions.learned import Credit, learn, policy_of, tell
from remit.decisions.log import decisions_of
from remit.decisions.packed import pack, unpack
from remit.decisions.shown import shown_of
from remit.store.store import Store
from tests.decisions.logs import log
from tests.decisions.town import TEXT, ann, came, people, playbook, rows
from tests.graph.conftest import NOW, row

MAIL = TEXT.replace("- {name: call", "#")  # mail or nothing
LATER = NOW + timedelta(days=11)


def bought(id_: str, number: int, after: float, value: str = "20") -> dict[str, object]:
    return row(id_, -after, email=ann(number), kind="purchase", value=value, currency="EUR")


async def credits(store: Store) -> dict[int, float]:
    return dict(
        await rows(
            store,
            "select distinct on (decision) decision, value from decision_credits order by decision, n desc",
        )
    )


async def decided(
    store: Store, count: int, text: str = MAIL
) -> tuple[Version, dict[int, int], dict[int, str]]:
    """Decisions for some people by their places, and what was chosen."""
    some = await people(store, count)
    version = await playbook(store, text=text)
    numbers = {}
    for place, person in enumerate(some):
        (numbers[place],) = await take(store, "winback", person, NOW)
    done = {place: (await decisions_of(store, [person]))[0].action for place, person in enumerate(some)}
    return version, numbers, done


async def test_outcomes_are_due_once_the_window_has_closed_and_what_comes_late_corrects_them(
    store: Store,
) -> None:
    _, numbers, _ = await decided(store, 3)
    await came(
        store,
        bought("p0", 0, 2),
        row("r1", -3, email=ann(1), kind="reply"),
        bought("early", 2, -1),
        bought("after", 2, 12),
    )
    await credit(store, "winback", NOW + timedelta(days=9))
    assert await credits(store) == {}
    await credit(store, "winback", LATER)
    assert await credits(store) == {numbers[0]: 20.0, numbers[1]: 5.0, numbers[2]: 0.0}
    await came(
        store,
        bought("late", 2, 4, "7.50"),
        row("back", -5, email=ann(0), kind="refund", value="20", currency="EUR"),
    )
    await credit(store, "winback", LATER)
    await credit(store, "winback", LATER)
    assert await credits(store) == {numbers[0]: 0.0, numbers[1]: 5.0, numbers[2]: 7.5}
    told = await rows(store, "select decision, value, was from decision_credits order by n")
    assert told[3:] == [(numbers[0], 0.0, 20.0), (numbers[2], 7.5, 0.0)]


async def test_what_followed_and_should_not_have_is_minded_at_once_and_once(store: Store) -> None:
    version, numbers, done = await decided(store, 12)
    left = [place for place in numbers if done[place] == "mail"][:2]
    idle = next(place for place in numbers if done[place] == "nothing")
    for place in (*left, idle):
        gone = {"email": ann(place), "channel": "email", "kind": "unsubscribed"}
        await came(store, row(f"u{place}", -1, **gone), row(f"w{place}", -2, **gone))
    await credit(store, "winback", NOW)
    await credit(store, "winback", NOW)
    found = await shown_of(store, version)
    assert found.followed == {"unsubscribes": 2}
    assert (found.done, found.closed) == (sum(one == "mail" for one in done.values()), 0)


async def test_each_outcome_is_learned_from_once_and_a_version_decides_by_what_it_has_learned(
    store: Store,
) -> None:
    version, numbers, done = await decided(store, 24)
    await came(store, *(bought(f"p{place}", place, 1) for place in numbers if done[place] == "mail"))
    await credit(store, "winback", LATER)
    assert await learn(store, version) == 24
    assert await learn(store, version) == 0
    ((upto, told, alarms),) = await rows(store, "select upto, told, alarms from playbook_learned")
    assert (told, alarms) == (24, 0)
    async with store.pool.connection() as connection:
        policy = await policy_of(connection, store.workspace, version)
    assert policy.mean[0, 0] > policy.mean[1, 0] + 5
    shown = await shown_of(store, version)
    assert (shown.closed, shown.chosen.count) == (sum(one == "mail" for one in done.values()), 24)
    await came(store, bought("more", 0, 2))
    await credit(store, "winback", LATER)
    assert await learn(store, version) == 1
    assert await rows(store, "select told, upto > %s from playbook_learned", upto) == [(24, True)]
    assert await entries(store, what="playbook.began_anew") == []


def test_a_learner_that_was_put_away_goes_on_as_if_it_had_not_been() -> None:
    logged, _ = log(900, pays=True)
    one = Learner(np.array([0.0, 0.01, 0.0]), seed=3)
    for start in range(0, 900, 90):
        rows_ = np.arange(start, start + 90)
        some = logged.at(rows_)
        other = unpack(pack(one))
        for learner in (one, other):
            learner.told(some.columns, some.taken, some.reward, some.propensity, rows_)
        assert pack(one) == pack(other)
    assert one.policy.trust == other.policy.trust > 0


def test_a_corrected_outcome_is_as_if_it_had_been_told_so() -> None:
    logged, _ = log(300, pays=True)
    ids = np.arange(300)
    wrong = np.where(ids < 40, logged.reward + 3, logged.reward)
    right, mended = Learner(np.zeros(3)), Learner(np.zeros(3))
    right.told(logged.columns, logged.taken, logged.reward, logged.propensity, ids)
    mended.told(logged.columns, logged.taken, wrong, logged.propensity, ids)
    some = logged.at(ids[:40])
    mended.corrected(ids[:40], some.columns, some.taken, wrong[:40], some.reward)
    for a, b in ((right._arms, mended._arms), (right._sums, mended._sums)):
        assert a is not None
        assert b is not None
        np.testing.assert_allclose(a.moment, b.moment, atol=1e-9)
        np.testing.assert_allclose(a.square, b.square, atol=1e-9)
        np.testing.assert_allclose(a.gram, b.gram, atol=1e-9)
    assert np.allclose([seen.reward for seen in mended._seen], [seen.reward for seen in right._seen])


def test_what_a_version_cannot_do_or_does_not_know_teaches_it_nothing() -> None:
    learner = Learner(np.zeros(2))
    features = [1, *[None] * 15]
    told = [
        Credit(n, n, 1.0, None, action, 0.5, list(some))
        for n, (action, some) in enumerate([("mail", features), ("gone", features), ("mail", [9])])
    ]
    assert tell(learner, ["mail", "nothing"], told) == 1
