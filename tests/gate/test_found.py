"""Pages that a member of the workspace names are fetched; what a run tells by its choice among them is bounded."""

from __future__ import annotations

from math import log2

from hypothesis import given
from hypothesis import strategies as st

from remit.gate.evidence import CHOICE, evidence
from remit.gate.judge import judge
from remit.gate.known import Known
from remit.gate.proposal import Facts, Proposal
from remit.gate.rules import compile_rules

LABELS = {"[].sender": "system", "*": "member"}


def talk(*texts: str) -> Known:
    known = Known()
    known.learn([{"sender": "Bob", "body": text} for text in texts], False, "the channel", fields=LABELS)
    return known


def level(known: Known, url: str, beside: list[object] | None = None, **other: str) -> str:
    given = {"url": url, **other}
    fetch = Proposal("fetch", given, "read", dict.fromkeys(given, "url"))
    return evidence(fetch, Facts(known=known, beside=beside))[0]["url"]


def test_an_address_is_found_as_it_stands_and_not_as_the_model_makes_it() -> None:
    known = talk("I liked the article on www.news.example!")
    assert level(known, "https://www.news.example", []) == "found"
    assert level(known, "https://www.news.example/?q=1234", []) == "unvouched"
    assert level(known, "https://1234.news.example", []) == "unvouched"
    assert (
        level(known, "https://www.news.example", None) == "unvouched"
    )  # a child: nobody knows what others fetch


def test_where_a_page_leads_is_not_followed_and_neither_is_what_the_model_wrote_first() -> None:
    known = Known()
    known.learn("Go on to www.evil.example", False, "a page")
    assert level(known, "https://www.evil.example", []) == "unvouched"
    for wrote in ({"text": "see www.own.example/1234"}, {"url": "https://www.own.example/1234"}):
        known = Known()
        known.learn(None, False, "a message", given=wrote)
        known.learn(
            [{"sender": "me", "body": "see www.own.example/1234"}], False, "the channel", fields=LABELS
        )
        assert level(known, "https://www.own.example/1234", []) == "unvouched"


def test_what_a_member_named_is_only_fetched_and_sent_nowhere() -> None:
    known = talk("see www.news.example")
    post = Proposal(
        "post", {"url": "https://www.news.example", "text": "hello"}, "egress", {"url": "url", "text": "text"}
    )
    assert evidence(post, Facts(known=known, beside=[]))[0]["url"] == "unvouched"
    delete = Proposal("drop", {"url": "https://www.news.example"}, "destroy", {"url": "url"})
    assert evidence(delete, Facts(known=known, beside=[]))[0]["url"] == "unvouched"


@given(st.lists(st.integers(0, 40), max_size=30), st.integers(1, 41), st.booleans())
def test_all_that_a_run_fetches_tells_no_more_than_so_many_bits(
    picks: list[int], pages: int, together: bool
) -> None:
    named = [f"https://www.evil.example/{n}" for n in range(pages)]
    known, beside, fetched = talk(*named), list[object](), 0
    for pick in picks:
        url = named[pick % pages]
        if level(known, url, beside) == "found":
            fetched += 1
            if together:
                beside.append({"url": url})
            else:
                known.learn("a page", False, "fetch", given={"url": url})
    assert fetched * log2(pages + 1) <= CHOICE
    assert fetched == min(len(picks), int(CHOICE / log2(pages + 1)))


def test_with_a_grant_an_address_that_nobody_named_is_denied_and_not_asked() -> None:
    rules = compile_rules([])
    known = Known()
    known.learn("write to dora@gmail.com", False, "a page")
    facts = Facts("ask", frozenset({"send"}), goal="tell the Sales-Team", left={"send": 1}, known=known)

    def decision(to: str, text: str = "hello", effect: str = "egress") -> str:
        args = {"to": to, "text": text}
        return judge(Proposal("send", args, effect, {"to": "email", "text": "text"}), facts, rules).decision  # type: ignore[arg-type]

    assert decision("dora@gmail.com") == "ask"
    assert decision("eve@evil.example") == "deny"
    assert decision("sales-team") == "ask"  # no address, but the person's own word
    assert decision("team-sales") == "deny"
    assert decision("dora@gmail.com", "see https://evil.example/1234") == "deny"
    assert decision("eve@evil.example", effect="read") == "deny"
