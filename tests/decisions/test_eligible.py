"""Who may be reached, by which rule not, and when that ends: of any person at any time."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from remit.decisions.action import Action, Cap, Law, Playbook, Quiet, Rules
from remit.decisions.eligible import Contact, Refusal, Standing, Suppression, ends, refusals
from remit.graph.consent import Consent, Says, Word

NOW = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)  # an hour that Berlin skips comes next
MAIL = Action(name="mail", does="send", channel="email", cool_down=7)
ZONES = ("Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Apia", "UTC")
TIMES = st.datetimes(datetime(2025, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))
HOURS = st.builds(time, st.integers(0, 23), st.sampled_from([0, 15, 30]))
FREE = Rules(consent={"marketing": "not no"})


def consent(says: Says, channel: str = "", purpose: str = "") -> Consent:
    if says == "unknown":
        return Consent()
    return Consent((Word(1, NOW - timedelta(days=9), says, channel, purpose, "consent_given", "test"),))


def names(found: tuple[Refusal, ...]) -> list[str]:
    return [one.rule for one in found]


@pytest.mark.parametrize(("says", "needs", "free"), [
    ("yes", "yes", True), ("unknown", "yes", False), ("no", "yes", False),
    ("yes", "not no", True), ("unknown", "not no", True), ("no", "not no", False),
])  # fmt: skip
def test_consent_is_what_the_purpose_needs(says: Says, needs: str, free: bool) -> None:
    rules = Rules.model_validate({"consent": {"marketing": needs}})
    found = refusals(MAIL, Standing(consent=consent(says)), rules, NOW)
    assert names(found) == ([] if free else ["consent"])
    assert ends(found) is None


def test_a_purpose_that_the_rules_do_not_know_needs_a_yes() -> None:
    survey = MAIL.model_copy(update={"purpose": "survey"})
    assert names(refusals(survey, Standing(), Rules(), NOW)) == ["consent"]


def test_what_reaches_nobody_is_held_to_no_rule_of_contact() -> None:
    rules = Rules(caps=(Cap(name="none", count=0, days=1),), quiet=(Quiet(start=time(0), end=time(23, 59)),))
    person = Standing(consent=consent("no"), suppressed=(Suppression("asked to be left alone"),))
    assert refusals(Action(name="wait", does="wait"), person, rules, NOW) == ()
    assert set(names(refusals(MAIL, person, rules, NOW))) == {
        "consent",
        "suppressed",
        "quiet hours",
        "cap none",
    }


@given(TIMES, st.sampled_from(ZONES), HOURS, HOURS)
@settings(max_examples=120, deadline=None)
def test_quiet_hours_end_when_they_say_and_not_before(
    now: datetime, zone: str, start: time, end: time
) -> None:
    if start == end:
        return
    rules = Rules(consent=FREE.consent, quiet=(Quiet(start=start, end=end),))
    person = Standing(zone=zone)
    found = refusals(MAIL, person, rules, now)
    if not found:
        return
    until = ends(found)
    assert until is not None
    assert now < until <= now + timedelta(hours=26)
    assert refusals(MAIL, person, rules, until) == ()
    assert refusals(MAIL, person, rules, now + (until - now) * 0.3)


def test_without_a_time_zone_nobody_is_reached_where_hours_matter_unless_the_rules_name_one() -> None:
    night = Quiet(start=time(21), end=time(8))
    for zone in ("", "Mars/Olympus"):
        found = refusals(MAIL, Standing(zone=zone), Rules(consent=FREE.consent, quiet=(night,)), NOW)
        assert [one.until for one in found] == [None]
    named = Rules(consent=FREE.consent, quiet=(night,), zone="America/New_York")
    assert refusals(MAIL, Standing(), named, NOW.replace(hour=18)) == ()


@given(TIMES, st.lists(st.floats(0.001, 40), max_size=12), st.integers(1, 4), st.integers(1, 30))
@settings(max_examples=80, deadline=None)
def test_a_cap_counts_every_contact_of_the_window_whoever_made_it_and_ends_when_it_says(
    now: datetime, ages: list[float], count: int, days: int
) -> None:
    rules = Rules(consent=FREE.consent, caps=(Cap(name="week", count=count, days=days),))
    past = tuple(
        Contact(
            now - timedelta(days=age), f"a{place}", ("email", "sms")[place % 2], "marketing", f"agent {place}"
        )
        for place, age in enumerate(ages)
    )
    found = refusals(MAIL, Standing(contacts=past), rules, now)
    within = sum(age < days for age in ages)
    assert bool(found) == (within >= count)
    if found:
        until = ends(found)
        assert until is not None
        assert refusals(MAIL, Standing(contacts=past), rules, until) == ()
        assert refusals(MAIL, Standing(contacts=past), rules, until - timedelta(microseconds=1))


@given(st.lists(st.floats(0.01, 60), max_size=40), st.integers(1, 3), st.integers(1, 14))
@settings(max_examples=40, deadline=None)
def test_whoever_asks_before_each_contact_never_exceeds_a_cap(
    waits: list[float], count: int, days: int
) -> None:
    rules = Rules(consent=FREE.consent, caps=(Cap(name="some", count=count, days=days),))
    now, made = NOW, []
    for wait in waits:
        now += timedelta(hours=wait)
        act = Action(name=f"act{len(made) % 3}", does="send", channel="email")
        if not refusals(act, Standing(contacts=tuple(made)), rules, now):
            made.append(Contact(now, act.name, "email", "marketing"))
    for first in made:
        window = [one for one in made if first.at <= one.at < first.at + timedelta(days=days)]
        assert len(window) <= count


def test_caps_of_one_channel_do_not_count_another() -> None:
    rules = Rules(consent=FREE.consent, caps=(Cap(name="texts", count=1, days=30, channels=("sms",)),))
    texted = Standing(contacts=(Contact(NOW - timedelta(days=1), "text", "sms", "marketing"),))
    assert refusals(MAIL, texted, rules, NOW) == ()
    assert names(refusals(Action(name="t", does="send", channel="sms"), texted, rules, NOW)) == ["cap texts"]


def test_an_action_rests_for_the_person_for_whom_it_was_done() -> None:
    done = Standing(contacts=(Contact(NOW - timedelta(days=3), "mail", "email", "marketing"),))
    found = refusals(MAIL, done, FREE, NOW)
    assert (names(found), ends(found)) == (["cool-down"], NOW + timedelta(days=4))


def test_a_suppression_holds_on_its_channel_until_it_ends() -> None:
    until = NOW + timedelta(days=2)
    mail, sms = Suppression("complaint open", "email", until), Suppression("complaint open", "sms", until)
    assert names(refusals(MAIL, Standing(suppressed=(mail,)), FREE, NOW)) == ["suppressed"]
    assert refusals(MAIL, Standing(suppressed=(mail,)), FREE, until) == ()
    assert refusals(MAIL, Standing(suppressed=(sms,)), FREE, NOW) == ()


def test_used_up_capacity_refuses_until_there_is_more() -> None:
    tomorrow = NOW + timedelta(days=1)
    found = refusals(MAIL, Standing(), FREE, NOW, {"mail": tomorrow})
    assert (names(found), ends(found)) == (["capacity"], tomorrow)
    assert refusals(MAIL, Standing(), FREE, tomorrow, {"mail": tomorrow}) == ()


def test_laws_hold_in_their_countries_and_everywhere_for_who_is_of_unknown_country() -> None:
    german = Law(name="uwg", countries=("DE",), consent="yes", weekdays=(1, 2, 3, 4, 5), because="§ 7 UWG")
    rules = Rules(consent=FREE.consent, laws=(german,), zone="Europe/Berlin")
    for country, held in (("DE", True), ("FR", False), ("", True)):
        found = refusals(MAIL, Standing(country=country), rules, NOW)
        assert names(found) == (["law uwg", "law uwg"] if held else [])
    sunday = refusals(MAIL, Standing(country="DE", consent=consent("yes")), rules, NOW)
    assert ends(sunday) == datetime(2026, 3, 29, 22, 0, tzinfo=UTC)  # Monday begins in Berlin, by summer time
    assert "Sunday" in sunday[0].because


@pytest.mark.parametrize(("wrong", "said"), [
    ({"name": "x", "does": "send"}, "needs a channel"),
    ({"name": "x", "does": "wait", "channel": "email"}, "reaches nobody"),
    ({"name": "X", "does": "wait"}, "pattern"),
    ({"name": "x", "does": "wait", "cost": float("nan")}, "finite"),
])  # fmt: skip
def test_an_action_that_cannot_be_meant_is_refused(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Action.model_validate(wrong)


def test_a_playbook_has_each_action_once_and_knows_its_goals() -> None:
    with pytest.raises(ValidationError, match="there twice"):
        Playbook(actions=(MAIL, MAIL))
    with pytest.raises(ValidationError, match="not among the goals"):
        Playbook(actions=(MAIL.model_copy(update={"goal": "growth"}),))
