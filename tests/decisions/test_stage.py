"""How far a version may go, and what takes it back."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.decisions.aim import GUARDRAILS, Guardrail
from remit.decisions.stage import (
    DONE,
    SHADOWED,
    STAGES,
    Shown,
    Stage,
    Values,
    broken,
    in_ramp,
    least,
    obstacle,
)

ENOUGH = Shown(shadowed=SHADOWED, done=DONE, closed=DONE)
stages = st.sampled_from(STAGES)


def values(*each: float) -> Values:
    return Values(len(each), sum(each), sum(one**2 for one in each))


@given(person=st.text(max_size=8), shares=st.lists(st.floats(0, 1), min_size=2, max_size=5))
def test_who_is_in_a_share_is_in_every_larger_one(person: str, shares: list[float]) -> None:
    for small, large in pairwise(sorted(shares)):
        assert in_ramp(person, "winback", small) <= in_ramp(person, "winback", large)
    assert in_ramp(person, "winback", 1.0)
    assert not in_ramp(person, "winback", 0.0)


def test_two_playbooks_do_not_try_themselves_on_the_same_people() -> None:
    some = [str(person) for person in range(4000)]
    one, other = ({person for person in some if in_ramp(person, name, 0.1)} for name in ("a", "b"))
    assert 300 < len(one) < 500
    assert len(one & other) < 100


@given(now=stages, wanted=stages)
def test_it_goes_down_at_any_time_and_up_a_step_at_a_time_on_evidence(now: Stage, wanted: Stage) -> None:
    step = STAGES.index(wanted) - STAGES.index(now)
    assert bool(obstacle(now, wanted, ENOUGH)) == (step > 1)
    assert bool(obstacle(now, wanted, Shown())) == (step > 1 or (step == 1 and wanted in ("ramp", "live")))
    assert bool(obstacle(now, wanted, ENOUGH, ["it is hated"])) == (
        step > 1 or (step == 1 and wanted in ("ramp", "live"))
    )


@given(times=st.integers(0, 50), more=st.integers(0, 10_000))
def test_the_least_that_a_share_may_be_lies_between_nothing_and_what_was_seen(times: int, more: int) -> None:
    of = times + more
    assert least(times, of) + 1e-12 >= 0
    assert least(times, of) <= (times / of if of else 0) + 1e-12
    assert least(times, of + 1000) <= least(times, of) + 1e-12


@pytest.mark.parametrize(
    ("times", "of", "breaks"),
    [(2, 3, False), (3, 20, True), (40, 1000, True), (25, 1000, False), (20, 1000, False), (0, 0, False)],
)
def test_a_guardrail_breaks_on_evidence_and_not_on_the_first_complaint(
    times: int, of: int, breaks: bool
) -> None:
    rail = Guardrail(name="left", kinds=("unsubscribed",), most=0.02)
    found = broken([rail], Shown(done=of, followed={"left": times}))
    assert bool(found) == breaks
    assert all(f"left followed {times} of {of} decisions, at most 2.00%" == one for one in found)


def test_value_under_that_of_people_held_out_takes_it_back_only_where_chance_is_out_of_it() -> None:
    better, worse = values(*[0.0, 2.0] * 200), values(*[0.0, 0.5] * 200)
    (said,) = broken(GUARDRAILS, Shown(done=400, chosen=worse, holdout=better))
    assert "value is -0.75 a decision beside those held out" in said
    assert not broken(GUARDRAILS, Shown(done=400, chosen=better, holdout=worse))
    assert not broken(GUARDRAILS, Shown(done=400, chosen=worse, holdout=values(0.0, 2.0)))
    assert not broken(GUARDRAILS, Shown(done=400, chosen=worse))
