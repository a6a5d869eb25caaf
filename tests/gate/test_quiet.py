"""Quiet hours: against a clock that is looked at every minute, in zones that put it forward and back."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remit.gate.approval import frozen
from remit.gate.proposal import Terms
from remit.gate.quiet import LONGEST, Quiet, later
from remit.gate.standing import Hours

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
# Around the days on which the clocks change, in places that do it at different hours, by half an hour, or not at all
ZONES = [
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Africa/Cairo",
    "Asia/Kolkata",
    "America/Santiago",
]
SHIFTS = [datetime(2026, 3, 28), datetime(2026, 10, 24), datetime(2026, 10, 3), datetime(2026, 4, 4), datetime(2026, 9, 5),
          datetime(2026, 11, 1), datetime(2026, 3, 8), datetime(2026, 4, 23), datetime(2026, 10, 29)]  # fmt: skip
clocks = st.builds(time, st.integers(0, 4) | st.integers(0, 23), st.sampled_from([0, 15, 30, 59]))
starts = st.builds(
    lambda day, minutes: day.replace(tzinfo=UTC) + minutes * MINUTE,
    st.sampled_from(SHIFTS),
    st.integers(0, 2 * 24 * 60),
)
quiets = st.builds(
    Quiet,
    zone=st.sampled_from(ZONES),
    start=clocks,
    end=clocks,
    days=st.frozensets(st.integers(0, 6), max_size=2),
).filter(lambda one: one.start != one.end)


@settings(max_examples=60, deadline=None)
@given(quiets, starts)
def test_the_next_change_is_the_first_minute_at_which_it_is_otherwise(quiet: Quiet, start: datetime) -> None:
    found, now = quiet.change(start), start
    while quiet.at(now) == quiet.at(start):
        now += MINUTE
    assert found == now


@settings(max_examples=40, deadline=None)
@given(st.lists(quiets, min_size=1, max_size=2), starts, st.integers(1, 600))
def test_a_time_counts_the_minutes_in_which_somebody_is_awake(
    people: list[Quiet], start: datetime, minutes: int
) -> None:
    found, now, left = later(start, minutes * MINUTE, people), start, minutes
    while left:
        left -= not all(one.at(now) for one in people)
        now += MINUTE
    assert found == now


@given(st.lists(quiets | st.none(), max_size=3), starts, st.timedeltas(MINUTE, 3 * LONGEST))
@settings(max_examples=30, deadline=None)
def test_it_is_never_earlier_than_the_time_itself_and_the_same_where_nobody_has_quiet_hours(
    people: list[Quiet | None], start: datetime, span: timedelta
) -> None:
    found = later(start, min(span, 3 * 24 * HOUR) if len(people) > 1 else span % (10 * 24 * HOUR), people)
    assert found >= start
    if not people or None in people:
        assert later(start, span, people) == start + span


@pytest.mark.parametrize(
    ("now", "changes"),
    [
        ("2026-10-25T00:10", "2026-10-25T00:30"),  # 02:30 in summer time: awake
        ("2026-10-25T00:40", "2026-10-25T01:00"),  # the clock is put back to 02:00: quiet once more
        ("2026-10-25T01:10", "2026-10-25T01:30"),  # 02:30 in winter time
        (
            "2026-03-29T00:10",
            "2026-03-29T01:00",
        ),  # 01:10 to 02:00, when the clock is put to 03:00 and 02:30 is left out
    ],
)
def test_a_clock_that_is_put_forward_or_back_is_looked_at_then(now: str, changes: str) -> None:
    quiet = Quiet("Europe/Berlin", time(1), time(2, 30))
    at, then = (datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (now, changes))
    assert quiet.change(at) == then


NIGHT = Quiet("Europe/Berlin", time(18), time(8), frozenset({5, 6}))


@pytest.mark.parametrize(
    ("asked", "hours", "ends"),
    [
        ("2026-11-20T17:00", 2, "2026-11-23T09:00"),  # Friday, an hour before the weekend
        ("2026-11-20T20:00", 1, "2026-11-23T09:00"),
        ("2026-11-23T09:00", 4, "2026-11-23T13:00"),
        ("2026-10-23T17:00", 2, "2026-10-26T09:00"),  # over the night that has an hour more
        ("2026-03-27T17:00", 2, "2026-03-30T09:00"),  # and an hour less
    ],
)
def test_a_question_of_friday_evening_waits_for_monday(asked: str, hours: int, ends: str) -> None:
    at, end = (
        datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Europe/Berlin")) for text in (asked, ends)
    )
    assert later(at, hours * HOUR, [NIGHT]) == end


def test_the_words_say_the_hour_and_the_day_where_that_is_not_the_next() -> None:
    friday = datetime(2026, 11, 20, 19, tzinfo=ZoneInfo("Europe/Berlin"))
    assert NIGHT.words(friday) == "08:00 on Monday Europe/Berlin"
    assert NIGHT.words(datetime(2026, 11, 23, 19, tzinfo=ZoneInfo("Europe/Berlin"))) == "08:00 Europe/Berlin"


def test_both_clocks_of_a_question_stand_still_unless_it_is_urgent() -> None:
    friday = datetime(2026, 11, 20, 17, tzinfo=ZoneInfo("Europe/Berlin"))
    hours = (Hours(("bo",), named=True, quiet=NIGHT),)
    terms = Terms(by=("bo",), expires=6 * HOUR, after=2 * HOUR, to=("carol",))
    asked = frozen(terms, friday, {}, hours)
    assert asked["escalates"] == datetime(2026, 11, 23, 8, tzinfo=UTC)
    assert asked["expires"] == asked["escalates"] + 4 * HOUR  # carol has no quiet hours: from then on it runs
    both = (*hours, Hours(("carol",), named=True, quiet=NIGHT))
    assert (
        frozen(Terms(by=("bo", "carol"), expires=2 * HOUR), friday, {}, both)["expires"] == asked["escalates"]
    )
    assert frozen(Terms(by=("bo", "eve"), expires=2 * HOUR), friday, {}, both)["expires"] == friday + 2 * HOUR
    urgent = frozen(Terms(by=("bo",), expires=2 * HOUR, urgent=True), friday, {}, hours)
    assert (urgent["expires"], urgent["urgent"]) == (friday + 2 * HOUR, True)
    assert frozen(Terms(expires=2 * HOUR), friday, {}, hours)["expires"] == friday + 2 * HOUR  # anybody may
