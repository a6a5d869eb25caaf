"""Times as cron has them, by the clock of a zone, through the days on which it is put forward and back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise

import pytest
from croniter import croniter
from hypothesis import given
from hypothesis import strategies as st

from remit.cron import after, parse_cron, parse_zone, times, words
from remit.errors import UserError

BERLIN = parse_zone("Europe/Berlin")


def told(cron: str, begin: str, many: int, zone: str = "Europe/Berlin") -> list[str]:
    """In UTC, without the seconds."""
    moment = datetime.fromisoformat(begin).replace(tzinfo=UTC)
    found = islice(times(parse_cron(cron), parse_zone(zone), moment), many)
    return [one.strftime("%m-%d %H:%M") for one in found]


def test_a_time_that_the_clock_leaves_out_runs_once_as_much_later() -> None:
    # on 29 March the clock goes from 02:00 to 03:00, which is 01:00 UTC
    assert told("30 2 * * *", "2026-03-27T12:00", 3) == ["03-28 01:30", "03-29 01:30", "03-30 00:30"]


def test_a_time_that_the_clock_shows_twice_runs_once_the_first_time() -> None:
    # on 25 October it goes from 03:00 back to 02:00
    assert told("30 2 * * *", "2026-10-24T12:00", 3) == ["10-25 00:30", "10-26 01:30", "10-27 01:30"]


def test_two_times_that_become_one_by_the_clock_run_once() -> None:
    assert told("30 2,3 * * *", "2026-03-28T12:00", 3) == ["03-29 01:30", "03-30 00:30", "03-30 01:30"]


def test_what_runs_in_every_hour_keeps_its_step_through_both_days() -> None:
    for day in ("2026-03-28T12:00", "2026-10-24T12:00"):
        begin = datetime.fromisoformat(day).replace(tzinfo=UTC)
        found = list(islice(times(parse_cron("*/15 * * * *"), BERLIN, begin), 200))
        assert {later - earlier for earlier, later in pairwise(found)} == {timedelta(minutes=15)}


def test_a_day_that_a_zone_never_had_does_no_harm() -> None:
    # Samoa went over the date line: there was no 30 December 2011
    found = told("0 12 * * *", "2011-12-29T00:00", 3, "Pacific/Apia")
    assert found == ["12-29 22:00", "12-30 22:00", "12-31 22:00"]


@given(
    st.tuples(
        st.sampled_from(["*", "0", "*/7", "5-20/3", "1,31,59"]),
        st.sampled_from(["*", "0", "*/5", "9-17", "3,22"]),
        st.sampled_from(["*", "1", "*/10", "31", "28-31"]),
        st.sampled_from(["*", "2", "jan-mar", "*/4"]),
        st.sampled_from(["*", "mon-fri", "0", "7", "2,4", "sat,sun"]),
    ).filter(lambda parts: (parts[2], parts[3]) not in {("31", "2")}),
    st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)),
)
def test_in_utc_the_times_are_those_of_another_implementation(
    parts: tuple[str, ...], moment: datetime
) -> None:
    text = " ".join(parts)
    begin = moment.replace(tzinfo=UTC)
    theirs = croniter(text, begin, implement_cron_bug=True)  # as cron itself reads `*/10` among the days
    mine = islice(times(parse_cron(text), parse_zone("UTC"), begin), 3)
    assert list(mine) == [theirs.get_next(datetime) for _ in range(3)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0 9 * *", "has 4 fields"),
        ("60 * * * *", "minute: '60' is none; write 0 to 59"),
        ("0 9 * * funday", "day: 'funday' is none"),
        ("0 9 31 2 *", "never comes"),
        ("0 9 5-1 * *", "goes backwards"),
        ("*/0 * * * *", "a step of 0"),
        ("٣ * * * *", "minute"),
        ("@daily", "has 1 fields"),
    ],
)
def test_what_is_no_time_is_told_with_its_field(text: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        parse_cron(text)


@pytest.mark.parametrize("zone", ["Europe/Berlyn", "", "../../etc/passwd", "/etc/localtime", "\0"])
def test_what_is_no_zone_is_told(zone: str) -> None:
    with pytest.raises(UserError, match="is no time zone"):
        parse_zone(zone)


@pytest.mark.parametrize(
    ("cron", "said"),
    [
        ("0 9 * * mon-fri", "At 09:00 on Monday to Friday, in Europe/Berlin"),
        ("*/15 * * * *", "Every 15 minutes, in Europe/Berlin"),
        ("0 9,17 1 * *", "At 09:00 and 17:00 on the 1st of the month, in Europe/Berlin"),
        ("30 9-17 * * 1-5", "Every hour from 09:30 to 17:30 on Monday to Friday, in Europe/Berlin"),
        ("0 */2 * * *", "Every 2 hours at :00 every day, in Europe/Berlin"),
        ("0 12 1 jan fri", "At 12:00 on the 1st of the month and on Friday in January, in Europe/Berlin"),
    ],
)
def test_a_time_is_told_in_words(cron: str, said: str) -> None:
    assert words(parse_cron(cron), "Europe/Berlin") == said


def test_the_next_time_is_never_the_moment_itself() -> None:
    nine = datetime(2026, 1, 5, 9, tzinfo=UTC)
    assert after(parse_cron("0 9 * * *"), parse_zone("UTC"), nine) == nine + timedelta(days=1)
