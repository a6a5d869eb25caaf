"""Of whom calls would reach in one moment: who is refused, who is reserved, and what is kept of both. In memory, all of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from remit.decisions.action import Cap, Rules
from remit.decisions.contacts import Asked, Held, Key, Refused, Wanted, _People, _sending
from remit.decisions.eligible import Contact, Refusal
from remit.decisions.standing import NONE, Known

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
ANN, HOME, BO = ("email", "ann@shop.example"), ("email", "ann@home.example"), ("phone", "+4930123456")
RUN, OTHER = UUID(int=1), UUID(int=2)
ONCE = Rules(caps=(Cap(name="week", count=1, days=7),))


def mail(
    who: Key = ANN, run: UUID | None = RUN, call: str = "1", purpose: str = "service", channel: str = "email"
) -> Wanted:
    return Wanted(who, channel, purpose, "desk", "spring", run, call)


def people(rules: Rules = ONCE, **known: Known) -> _People:
    """Ann at two addresses, and Bo, of whom more is known where it is given."""
    ann, bo = known.get("ann"), known.get("bo")
    found = {number: one for number, one in ((10, ann), (20, bo)) if one is not None}
    return _People({ANN: (1, 10), HOME: (2, 10), BO: (3, 20)}, found, rules)


def row(one: Wanted, profile: int, **more: Any) -> dict[str, Any]:
    told = {"profile": profile, "at": NOW, "channel": one.channel, "purpose": one.purpose, "action": "spring"}
    told |= {"by": "desk", "run": one.run, "call": one.call, "state": "reserved", "why": "", "until": None}
    return told | more


def test_a_refusal_ends_when_its_last_rule_does_and_tells_each_of_them() -> None:
    later = NOW + timedelta(hours=3)
    night = Refusal("quiet hours", "it is night", NOW, hour=True)
    taken = Refusal("taken over", "a colleague talks with them", later, hour=True)
    never = Refusal("consent", "never said yes")
    both = Refused(mail(), (night, taken))
    assert (both.until, both.passes) == (later, True)
    assert both.why == (
        "it is night (quiet hours, until 2026-06-01 12:00 UTC); "
        "a colleague talks with them (taken over, until 2026-06-01 15:00 UTC)"
    )
    lasting = Refused(mail(), (night, never))
    assert (lasting.until, lasting.passes) == (None, False)
    assert lasting.why.endswith("; never said yes (consent)")


def test_a_call_is_of_a_run_or_of_nobody() -> None:
    assert Asked([mail()]).call == (str(RUN), "1")
    assert Asked([]).call == NONE
    assert Asked([mail(run=None)]).call == NONE


def test_who_is_reached_is_kept_and_held() -> None:
    asked = Asked([mail(), mail(BO, channel="sms")])
    kept = sorted(people().reserve(asked, NOW), key=lambda one: int(one["profile"]))
    assert kept == [row(mail(), 1), row(mail(BO, channel="sms"), 3)]
    assert asked.refused == []
    assert sorted(asked.held, key=lambda one: one.profile) == [
        Held("1", 1, *ANN, "email", "service", "spring", "desk", NOW),
        Held("1", 3, *BO, "sms", "service", "spring", "desk", NOW),
    ]


def test_several_addresses_of_one_person_are_one_contact_on_each_channel() -> None:
    asked = Asked([mail(HOME), mail(ANN)])
    assert people().reserve(asked, NOW) == [row(mail(HOME), 2)], "the first that was wanted"
    assert [one.profile for one in asked.held] == [2]
    asked = Asked([mail(HOME), mail(ANN, channel="sms")])
    assert {one["profile"] for one in people(Rules()).reserve(asked, NOW)} == {1, 2}


def test_who_is_judged_later_sees_what_was_reserved_a_moment_ago() -> None:
    there, first, second = people(), Asked([mail()]), Asked([mail(HOME, OTHER)])
    assert there.reserve(first, NOW)
    (kept,) = there.reserve(second, NOW)
    (refused,) = second.refused
    assert [(one.rule, one.until) for one in refused.rules] == [("cap week", NOW + timedelta(days=7))]
    assert kept == row(mail(HOME, OTHER), 2, state="refused", why=refused.why, until=NOW + timedelta(days=7))
    assert second.held == []


def test_a_call_that_is_made_again_counts_once() -> None:
    there = people()
    for _ in range(3):
        again = Asked([mail()])
        assert there.reserve(again, NOW) == [row(mail(), 1)]
    assert len(there.known[10].contacts) == 1
    nobodys = [Asked([mail(run=None)]), Asked([mail(run=None)])]
    there = people()
    assert [bool(there.reserve(one, NOW) and not one.refused) for one in nobodys] == [True, False]


def test_of_several_who_are_refused_each_is_kept_and_of_what_may_have_happened_nothing() -> None:
    there = people(Rules(caps=(Cap(name="never", count=0, days=1),)))
    asked = Asked([mail(), mail(BO)])
    assert [one["state"] for one in there.reserve(asked, NOW)] == ["refused", "refused"]
    assert [one.wanted.who for one in asked.refused] == [ANN, BO]
    begun = Asked([mail(), mail(BO)], begun=True)
    assert there.reserve(begun, NOW) == []
    assert [one.wanted.who for one in begun.refused] == [ANN, BO]


def test_why_somebody_was_refused_is_kept_at_a_length_that_can_be_read() -> None:
    refused = Refused(mail(), (Refusal("suppressed", "x" * 5_000),))
    assert people()._row(mail(), NOW, refused)["why"] == "x" * 1_000


def test_of_whom_nothing_is_known_only_the_rules_decide() -> None:
    stranger = Asked([mail(("email", "new@shop.example"))])
    assert people().against(stranger, NOW) == []
    reached = Known(contacts=[(Contact(NOW, "spring", "email", "service"), NONE)])
    assert _People({}, dict.fromkeys(range(1, 9), reached), ONCE).against(stranger, NOW) == []
    (refused,) = people().against(Asked([mail(purpose="marketing")]), NOW)
    assert [one.rule for one in refused.rules] == ["consent"]


def test_what_is_asked_of_the_rules_is_a_sending_by_its_channel_and_purpose() -> None:
    asked = _sending("sms", "marketing")
    assert (asked.name, asked.does, asked.channel, asked.purpose) == ("contact", "send", "sms", "marketing")
