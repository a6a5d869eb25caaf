"""Who may be reached, by which rule not, and when that ends: of any person at any time."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from remit.decisions.action import REPLY, Action, Cap, Law, Playbook, Quiet, Rules
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


LATER = NOW + timedelta(hours=1)
ANSWER = MAIL.model_copy(update={"purpose": REPLY})


@pytest.mark.parametrize(
    ("untils", "end"), [((), None), ((NOW,), NOW), ((NOW, LATER), LATER), ((LATER, NOW), LATER), ((NOW, None), None), ((None, LATER), None)]
)  # fmt: skip
def test_what_refuses_ends_with_the_last_rule_and_not_where_one_does_not_end(
    untils: tuple[datetime | None, ...], end: datetime | None
) -> None:
    assert ends(tuple(Refusal("some", "", until) for until in untils)) == end


def test_an_action_rests_from_the_last_time_and_not_a_moment_longer() -> None:
    def done(*days: float) -> Standing:
        return Standing(
            contacts=tuple(Contact(NOW - timedelta(days=one), "mail", "email", "marketing") for one in days)
        )

    assert ends(refusals(MAIL, done(6, 3, 5), FREE, NOW)) == NOW + timedelta(days=4)
    assert refusals(MAIL, done(7), FREE, NOW) == ()
    assert refusals(MAIL.model_copy(update={"cool_down": 0}), done(-1), FREE, NOW) == (), (
        "what has no rest rests for nobody"
    )


def test_an_answer_needs_no_yes_and_no_hour_and_counts_for_what_names_it() -> None:
    night = (Quiet(start=time(0), end=time(23, 59)),)
    answered = Standing(contacts=(Contact(NOW - timedelta(days=1), "other", "email", REPLY),))
    assert refusals(ANSWER, Standing(), Rules(quiet=night), NOW) == ()
    assert names(refusals(ANSWER, Standing(consent=consent("no")), Rules(), NOW)) == ["consent"]
    for purposes, held in (((), []), ((REPLY,), ["cap some"])):
        rules = Rules(consent=FREE.consent, caps=(Cap(name="some", count=1, days=7, purposes=purposes),))
        assert names(refusals(ANSWER, answered, rules, NOW)) == held
        assert refusals(MAIL, answered, rules, NOW) == ()


def test_who_is_left_alone_for_good_is_so_on_every_channel_and_a_dead_address_says_that_it_is() -> None:
    for channel in ("email", "sms"):
        act = Action(name="act", does="send", channel=channel)
        found = refusals(act, Standing(suppressed=(Suppression("a lawsuit"),)), FREE, NOW)
        assert [(one.rule, one.because, one.until) for one in found] == [("suppressed", "a lawsuit", None)]
    dead = Consent((Word(7, NOW, "no", "email", "", "bounced", "test", only=True),))
    (found,) = refusals(MAIL, Standing(consent=dead, profile=7), FREE, NOW)
    assert found.because == "what was sent there came back"
    assert refusals(MAIL, Standing(consent=dead, profile=8), FREE, NOW) == ()
    assert "said no to marketing" in refusals(MAIL, Standing(consent=consent("no")), FREE, NOW)[0].because


def test_who_wants_at_most_so_many_gets_no_more_of_that_kind() -> None:
    word = Word(1, NOW - timedelta(days=9), "yes", "email", "marketing", "consent_given", "test", most=(2, 7))
    past = [
        ("email", "marketing", 1),
        ("email", "marketing", 3),
        ("sms", "marketing", 2),
        ("email", "service", 2),
        ("email", "marketing", 8),
    ]
    met = tuple(Contact(NOW - timedelta(days=days), "other", channel, what) for channel, what, days in past)
    found = refusals(MAIL, Standing(consent=Consent((word,)), contacts=met), Rules(), NOW)
    assert [(one.rule, one.until) for one in found] == [("own wish", NOW + timedelta(days=4))]
    assert refusals(MAIL, Standing(consent=Consent((word,)), contacts=met[1:]), Rules(), NOW) == ()
    assert (
        refusals(MAIL, Standing(consent=Consent((word,)), contacts=met), Rules(), NOW + timedelta(days=4))
        == ()
    )


@pytest.mark.parametrize(
    ("start", "end", "hours", "held"),
    [
        (22, 8, (22, 23, 0, 7), True), (22, 8, (8, 12, 21), False),
        (12, 14, (12, 13), True), (12, 14, (0, 11, 14, 23), False),
    ],
)  # fmt: skip
def test_hours_are_quiet_from_the_first_minute_on_and_not_in_the_last(
    start: int, end: int, hours: tuple[int, ...], held: bool
) -> None:
    for channels, here in (((), held), (("email", "sms"), held), (("sms",), False)):
        quiet = Quiet(start=time(start), end=time(end), channels=channels)
        rules = Rules(consent=FREE.consent, quiet=(quiet,))
        found = [
            refusals(MAIL, Standing(zone="UTC"), rules, NOW.replace(hour=hour, minute=0)) for hour in hours
        ]
        assert [bool(one) for one in found] == [here] * len(hours)
        until = [ends(one) for one in found if one]
        assert all(one is not None and (one.hour, one.minute) == (end, 0) for one in until)
        assert all(
            one is not None and one.day == 29 + (start > end and hour >= start)
            for one, hour in zip(until, hours, strict=False)
        )


def test_quiet_hours_that_end_when_the_clock_is_put_back_end_the_second_time() -> None:
    rules = Rules(consent=FREE.consent, quiet=(Quiet(start=time(22), end=time(2, 30)),))
    again = datetime(2026, 10, 25, 1, 10, tzinfo=UTC)  # ten past two in Berlin, for the second time
    assert ends(refusals(MAIL, Standing(zone="Europe/Berlin"), rules, again)) == again.replace(minute=30)


def test_a_cap_of_another_channel_does_not_hide_the_next() -> None:
    caps = (Cap(name="texts", count=1, days=7, channels=("sms",)), Cap(name="all", count=1, days=7))
    met = Standing(contacts=(Contact(NOW - timedelta(days=1), "other", "email", "marketing"),))
    assert names(refusals(MAIL, met, Rules(consent=FREE.consent, caps=caps), NOW)) == ["cap all"]


def test_a_cap_counts_who_was_reached_on_its_channels_and_nothing_else() -> None:
    caps = (Cap(name="texts", count=1, days=7, channels=("sms",)),)
    rules, text = Rules(consent=FREE.consent, caps=caps), Action(name="text", does="send", channel="sms")
    for channel, held in (("sms", ["cap texts"]), ("email", []), ("", [])):
        met = Standing(contacts=(Contact(NOW - timedelta(days=1), "other", channel, "marketing"),))
        assert names(refusals(text, met, rules, NOW)) == held
    anything = Rules(consent=FREE.consent, caps=(Cap(name="all", count=1, days=7),))
    task = Standing(contacts=(Contact(NOW - timedelta(days=1), "task", "", "marketing"),))
    assert refusals(text, task, anything, NOW) == (), "what reached nobody is no contact"


def test_each_law_holds_where_and_for_what_it_says() -> None:
    def held(*laws: Law, action: Action = MAIL, **who: str) -> list[str]:
        return names(refusals(action, Standing(consent=consent("no"), **who), Rules(laws=laws), NOW))

    def law(name: str, **says: object) -> Law:
        return Law.model_validate({"name": name, "consent": "yes"} | says)

    assert held(law("all"), country="FR") == ["consent", "law all"]
    assert held(law("sms", channels=("sms",)), law("next")) == ["consent", "law next"]
    assert held(law("service", purposes=("service",)), law("next")) == ["consent", "law next"]
    assert held(law("german", countries=("DE",)), law("next"), country="FR") == ["consent", "law next"]
    assert held(Law(name="hours", quiet=Quiet(start=time(5), end=time(6))), zone="UTC") == ["consent"]


def test_a_law_of_weekdays_ends_on_the_next_that_it_leaves_free() -> None:
    rules = Rules(consent=FREE.consent, laws=(Law(name="week", weekdays=(1, 2, 3, 4)),))
    friday = datetime(2026, 3, 27, 9, tzinfo=UTC)
    (found,) = refusals(MAIL, Standing(zone="UTC"), rules, friday)
    assert (found.rule, found.hour, found.until) == ("law week", True, datetime(2026, 3, 30, tzinfo=UTC))
    assert refusals(MAIL, Standing(zone="UTC"), rules, friday - timedelta(days=1)) == ()
    (unknown,) = refusals(MAIL, Standing(), rules, friday - timedelta(days=1))
    assert (unknown.rule, unknown.hour, unknown.until) == ("law week", False, None)


def test_a_law_of_hours_holds_as_quiet_hours_do_and_one_of_every_day_needs_no_time_zone() -> None:
    law = Law(name="night", quiet=Quiet(start=time(1), end=time(8)))
    rules = Rules(consent=FREE.consent, laws=(law,))
    (found,) = refusals(MAIL, Standing(zone="Europe/Berlin"), rules, NOW)
    assert (found.rule, found.hour, found.until) == ("law night", True, NOW.replace(hour=6, minute=0))
    assert refusals(MAIL, Standing(zone="Asia/Kolkata"), rules, NOW.replace(hour=6)) == ()
    (unknown,) = refusals(MAIL, Standing(), rules, NOW)
    assert (unknown.rule, unknown.hour, unknown.until) == ("law night", False, None)
    assert (
        refusals(
            MAIL,
            Standing(),
            Rules(consent=FREE.consent, laws=(Law(name="any", weekdays=(1, 2, 3, 4, 5, 6, 7)),)),
            NOW,
        )
        == ()
    )


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
