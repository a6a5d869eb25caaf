"""Whether somebody may be written to: the last word of each identifier, the strictest of a person, and no yes that nobody gave."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from remit.graph.consent import KINDS, Consent, Word, fold, word_of
from tests.graph.conftest import NOW


def said(days: int, kind: str, profile: int = 1, channel: str = "email", **properties: object) -> Word:
    word = word_of(profile, NOW - timedelta(days=days), kind, channel, properties)
    assert word is not None
    return word


WORDS = st.builds(
    said,
    st.integers(0, 3),
    st.sampled_from(KINDS),
    st.integers(1, 3),
    st.sampled_from(["email", "sms", "all"]),
    purpose=st.sampled_from(["", "marketing", "service"]),
)


@given(
    st.lists(WORDS, max_size=8),
    st.randoms(),
    st.sampled_from(["email", "sms"]),
    st.sampled_from(["marketing", "service"]),
)
def test_neither_order_nor_repetition_changes_what_holds(
    words: list[Word], chance: Any, channel: str, purpose: str
) -> None:
    twice = words + words
    chance.shuffle(twice)
    assert fold(twice).words == fold(words).words
    whole = Consent(tuple(words)).may(channel, purpose).says
    assert fold(twice).may(channel, purpose).says == whole


@given(st.lists(WORDS, max_size=6), st.lists(WORDS, max_size=6), st.sampled_from(["email", "sms"]))
def test_two_that_become_one_may_be_written_to_no_more_than_either(
    a: list[Word], b: list[Word], channel: str
) -> None:
    """Each identifier belongs to one of the two."""
    ours = fold(word for word in a if word.profile == 1)
    theirs = fold(word for word in b if word.profile != 1)
    both = fold([*ours.words, *theirs.words]).may(channel, "marketing").says
    parts = {ours.may(channel, "marketing").says, theirs.may(channel, "marketing").says}
    assert both == ("no" if "no" in parts else "yes" if "yes" in parts else "unknown")


def test_what_each_kind_of_event_says() -> None:
    assert fold([]).may("email", "marketing").says == "unknown"
    yes = said(9, "consent_given")
    assert fold([yes]).may("email", "marketing").says == "yes"
    assert fold([yes]).may("sms", "marketing").says == "unknown"
    off = fold([yes, said(5, "unsubscribed")])
    assert (off.may("email", "marketing").says, off.may("email", "service").says) == ("no", "yes")
    assert fold([yes, said(5, "complained")]).may("email", "service").says == "no"
    assert fold([said(5, "unsubscribed"), said(1, "consent_given")]).may("email", "marketing").says == "yes"
    late = fold([said(1, "consent_withdrawn", channel="all"), yes])
    assert late.may("email", "marketing").says == "no"
    dead = fold([yes, said(2, "bounced", profile=2)])
    assert dead.may("email", "marketing", 1).says == "yes"
    assert dead.may("email", "marketing", 2).says == "no"
    assert word_of(1, NOW, "bounced", "email", {"hard": False}) is None
    assert word_of(1, NOW, "open", "email", None) is None


def test_a_web_form_may_speak_of_another_channel() -> None:
    word = word_of(1, NOW, "consent_given", "web", {"channel": "email", "purpose": "newsletter"})
    assert word is not None
    assert fold([word]).may("email", "newsletter").says == "yes"
    assert fold([word]).may("email", "marketing").says == "unknown"
