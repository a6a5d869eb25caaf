"""Which profiles are one person: by what is checked, never by a chain of what is weak, whatever the order in which it came."""

from __future__ import annotations

from datetime import timedelta
from itertools import combinations
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from remit.graph.identity import STRONG, How, Link, Node, resolve
from tests.graph.conftest import NOW

KINDS = ("customer", "email", "phone", "device")


@st.composite
def graphs(draw: st.DrawFn) -> tuple[dict[int, Node], list[Link]]:
    count = draw(st.integers(2, 9))
    nodes = {
        n: Node(n, draw(st.sampled_from(KINDS)), f"v{n}", draw(st.booleans()), draw(st.integers(0, 9)) == 0)
        for n in range(1, count + 1)
    }
    nodes = {
        n: Node(n, one.kind, one.value, True) if one.kind == "customer" else one for n, one in nodes.items()
    }
    pairs = [(a, b) for a in nodes for b in nodes if a < b]
    hows: tuple[How, ...] = (
        "verified",
        "verified",
        "seen",
        "seen",
        "seen",
        "alike",
        "alike",
        "same",
        "apart",
    )
    chosen = draw(
        st.lists(st.tuples(st.sampled_from(pairs), st.sampled_from(hows)), max_size=14, unique=True)
    )
    return nodes, [
        Link(
            n,
            a,
            b,
            how,
            NOW + timedelta(hours=draw(st.integers(0, 3))),
            confidence=draw(st.sampled_from([0.6, 0.92, 0.97])) if how == "alike" else 1,
        )
        for n, ((a, b), how) in enumerate(chosen)
    ]


def sets(person: Any) -> set[frozenset[int]]:
    return {frozenset(one for one in person if person[one] == who) for who in person.values()}


@given(graphs(), st.randoms())
def test_the_order_in_which_links_came_and_the_numbers_they_got_decide_nothing(
    graph: Any, chance: Any
) -> None:
    nodes, links = graph
    made = resolve(nodes, links)
    numbers = list(nodes)
    chance.shuffle(numbers)
    new = dict(zip(nodes, numbers, strict=True))
    others = [one._replace(a=min(ends), b=max(ends)) for one in links if (ends := (new[one.a], new[one.b]))]
    chance.shuffle(others)
    renamed = {
        new[n]: Node(new[n], one.kind, one.value, one.verified, one.shared) for n, one in nodes.items()
    }
    again = resolve(renamed, others)
    assert {frozenset(new[one] for one in group) for group in sets(made.person)} == sets(again.person)
    assert {one: made.links[one].held for one in made.links} == {
        one: again.links[one].held for one in again.links
    }


@given(graphs())
def test_nobody_has_two_numbers_of_one_system_but_by_a_persons_word(graph: Any) -> None:
    nodes, links = graph
    links = [one for one in links if one.how != "same"]
    for group in sets(resolve(nodes, links).person):
        assert sum(nodes[one].kind == "customer" for one in group) <= 1


@given(graphs())
def test_whom_a_person_told_apart_stays_apart(graph: Any) -> None:
    nodes, links = graph
    links = [one for one in links if one.how != "same"]
    person = resolve(nodes, links).person
    assert all(person[one.a] != person[one.b] for one in links if one.how == "apart")


@given(graphs())
@settings(max_examples=200)
def test_without_its_strong_links_a_person_is_one_core_and_what_is_loose_right_beside_it(graph: Any) -> None:
    """Weak links never chain: whoever came by one has it to the core of that person itself."""
    nodes, links = graph
    made = resolve(nodes, links)
    strong = resolve(nodes, [one for one in links if one.how != "seen"]).person
    joined = [one for one in links if made.links[one.id].held == "" and one.how == "seen"]
    for group in sets(made.person):
        cores = {strong[one] for one in group}
        if len(cores) == 1:
            continue
        steps = {
            frozenset((strong[one.a], strong[one.b]))
            for one in joined
            if one.a in group and strong[one.a] != strong[one.b]
        }
        middle = set.intersection(*(set(one) for one in steps))
        assert middle, "each weak link of a person leads to the same core"
        known = [one for one in cores if any(nodes[n].verified for n in group if strong[n] == one)]
        assert len(known) <= 1 or any(one.how == "same" for one in links)


@given(graphs(), st.data())
def test_merging_two_and_taking_it_back_changes_nothing(graph: Any, data: st.DataObject) -> None:
    nodes, links = graph
    a, b = sorted(data.draw(st.lists(st.sampled_from(sorted(nodes)), min_size=2, max_size=2, unique=True)))
    before = resolve(nodes, links)
    merged = resolve(nodes, [*links, Link(99, a, b, "same", NOW)])
    assert merged.person[a] == merged.person[b] or merged.links[99].held == "refused"
    assert resolve(nodes, links) == before


@given(graphs())
def test_who_is_made_one_by_being_alike_is_alike_with_each_of_the_others(graph: Any) -> None:
    nodes, links = graph
    before = resolve(nodes, [one for one in links if one.how not in ("alike", "seen")]).person
    made = resolve(nodes, [one for one in links if one.how != "seen"]).person
    alike = {
        frozenset((before[one.a], before[one.b]))
        for one in links
        if one.how == "alike" and one.confidence > STRONG
    }
    for group in sets(made):
        assert all(frozenset(two) in alike for two in combinations({before[one] for one in group}, 2))


def test_those_who_are_alike_are_made_one_where_nothing_speaks_against_it_and_are_asked_about_elsewhere() -> (
    None
):
    def held(kinds: str, *links: tuple[int, int, How, float]) -> list[tuple[str, bool]]:
        nodes = {n: Node(n, kind.lower(), f"v{n}", kind.isupper()) for n, kind in enumerate(kinds.split(), 1)}
        made = resolve(
            nodes, [Link(n, a, b, how, NOW, confidence=sure) for n, (a, b, how, sure) in enumerate(links)]
        )
        return [(made.links[n].held, made.links[n].asks is not None) for n in range(len(links))]

    joined, asked = ("", False), ("doubtful", True)
    assert held("EMAIL EMAIL", (1, 2, "alike", 0.9)) == [joined]
    assert held("EMAIL EMAIL", (1, 2, "alike", 0.89)) == [asked]
    assert held("CUSTOMER CUSTOMER", (1, 2, "alike", 0.99)) == [("conflict", True)]
    assert held("EMAIL EMAIL", (1, 2, "alike", 0.99), (1, 2, "apart", 1)) == [("refused", False), joined]
    assert held("EMAIL EMAIL", (1, 2, "alike", 0.6), (1, 2, "same", 1)) == [joined, joined]
    chain: list[tuple[int, int, How, float]] = [(1, 2, "alike", 0.99), (2, 3, "alike", 0.95)]
    assert held("EMAIL EMAIL EMAIL", *chain) == [joined, ("unlike", True)]
    assert held("EMAIL EMAIL EMAIL", *chain, (1, 3, "alike", 0.91)) == [joined, joined, joined]
    everybody: list[tuple[int, int, How, float]] = [
        (a, b, "alike", 0.95) for a, b in combinations(range(1, 9), 2)
    ]
    assert ("many", False) in held("EMAIL " * 8, *everybody)


def test_each_reason_for_which_a_link_is_held_back() -> None:
    def held(kinds: str, *links: tuple[int, int, How], shared: int = 0) -> list[str]:
        nodes = {
            n: Node(n, kind.lower(), f"v{n}", kind.isupper() or kind == "CUSTOMER", n == shared)
            for n, kind in enumerate(kinds.split(), 1)
        }
        made = resolve(nodes, [Link(n, a, b, how, NOW) for n, (a, b, how) in enumerate(links)])
        return [made.links[n].held for n in range(len(links))]

    assert held("CUSTOMER EMAIL", (1, 2, "verified")) == [""]
    assert held("EMAIL PHONE", (1, 2, "verified"), shared=2) == ["shared"]
    assert held("CUSTOMER CUSTOMER EMAIL", (1, 3, "verified"), (2, 3, "verified")) == ["conflict", "conflict"]
    assert held("EMAIL EMAIL", (1, 2, "seen")) == ["doubtful"]
    assert held("EMAIL EMAIL device", (1, 3, "seen"), (2, 3, "seen")) == ["several", "several"]
    assert held("EMAIL device device", (1, 2, "seen"), (2, 3, "seen")) == ["", "chain"]
    assert held("email device", (1, 2, "seen")) == [""]
    assert held("email device phone", (1, 2, "seen"), (2, 3, "seen")) == ["chain", "chain"]
    assert held("EMAIL PHONE", (1, 2, "verified"), (1, 2, "apart"))[0] == "refused"
