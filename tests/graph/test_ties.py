"""Who belongs to what at a moment, told from what was said of it. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.graph.accounts.said import Belongs, account_identifier, account_of
from remit.graph.accounts.ties import Said, Tie, tie

START = datetime(2026, 1, 1, tzinfo=UTC)


def day(number: float) -> datetime:
    return START + timedelta(days=number)


def said(
    at: float, since: float | None = None, until: float | None = None, role: str = "", how: str = "said"
) -> Said:
    begins = at if since is None else since
    ends = None if until is None else day(until)
    return Said(how, day(at), day(begins), ends, role, "crm", f"e{at}")  # type: ignore[arg-type]


DAYS = st.integers(0, 30)
SAID = st.builds(
    lambda at, since, until, role, how: said(at, since, until, role, how),
    DAYS,
    st.none() | DAYS,
    st.none() | DAYS,
    st.sampled_from(["", "buyer", "head"]),
    st.sampled_from(["said", "said", "said", "yes", "proposed"]),
)
ALL = st.lists(SAID, max_size=8, unique_by=lambda one: one.event)


def seen(found: Tie | None) -> tuple[str, datetime, datetime | None] | None:
    return found and (found.role, found.since, found.until)


@given(ALL, DAYS, st.randoms(use_true_random=False))
def test_the_order_in_which_it_came_and_how_often_decide_nothing(
    told: list[Said], at: int, chance: object
) -> None:
    mixed = [*told, *told[:3]]
    chance.shuffle(mixed)  # type: ignore[attr-defined]
    assert seen(tie(mixed, day(at))) == seen(tie(told, day(at)))


@given(ALL, DAYS)
def test_it_is_what_the_last_of_those_said_that_speak_of_the_moment(told: list[Said], at: int) -> None:
    found = tie(told, day(at))
    known = [one for one in told if one.how != "proposed" and one.since <= day(at)]
    if found is None:
        assert not known or (
            (last := max(known, key=lambda one: (one.at, one.event))).until and last.until <= day(at)
        )
    else:
        assert found.last in known
        assert found.since <= day(at)
        assert found.until is None or found.until > day(at)
        assert all(one.at <= found.last.at for one in known)


@given(ALL, DAYS)
def test_what_was_only_proposed_and_what_begins_later_change_nothing(told: list[Said], at: int) -> None:
    counts = [one for one in told if one.how != "proposed" and one.since <= day(at)]
    assert seen(tie(told, day(at))) == seen(tie(counts, day(at)))


@given(ALL, DAYS)
def test_a_persons_no_stands_whatever_sources_say(told: list[Said], at: int) -> None:
    assert tie([*told, said(0, how="no")], day(at)) is None


def test_what_is_said_again_and_again_is_one_belonging_with_the_last_role() -> None:
    told = [said(1, role="buyer"), said(5), said(9, role="head"), said(12)]
    assert seen(tie(told, day(20))) == ("head", day(1), None)
    assert seen(tie(told, day(6))) == ("buyer", day(1), None)
    assert tie(told, day(0)) is None


def test_who_left_and_came_back_belongs_since_they_came_back_and_not_as_what_they_were() -> None:
    told = [said(1, role="buyer"), said(9, since=1, until=8), said(20)]
    assert seen(tie(told, day(4))) == ("buyer", day(1), day(8))
    assert tie(told, day(15)) is None
    assert seen(tie(told, day(25))) == ("", day(20), None)


@given(st.sampled_from(["shop.example", "Shop.Example ", "www.shop.example", "SHOP.example."]))
def test_a_domain_has_one_form(text: str) -> None:
    assert account_identifier("domain", text).value == "shop.example"


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ({"domain": "gmail.com"}, "mailboxes of everybody"),
        ({"name": "ACME"}, "names no account"),
        ({"identifiers": {"email": "ann@x.example"}}, "that is a person's"),
        ({"domain": "10.0.0.1"}, "is no domain"),
        ({"crm": "A1", "since": "2026-05-01", "until": "2026-04-01"}, "ends before it has begun"),
    ],
)
def test_what_is_everybodys_or_a_persons_is_no_account(told: dict[str, object], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        account_of(Belongs.model_validate(told))


def test_an_account_hangs_on_what_is_its_own_before_what_is_everybodys() -> None:
    both = account_of(Belongs.model_validate({"crm": "A1", "domain": "gmx.de"}))
    assert [(one.kind, one.rank[0]) for one in both.whom] == [("crm", False), ("domain", True)]
