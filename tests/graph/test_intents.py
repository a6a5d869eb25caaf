"""What people want is learned from a few examples, said with why and how surely, and corrected by people."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from remit.errors import UnknownName, UserError
from remit.graph.ingest import take
from remit.graph.intent import NONE, Example, calibration_error, infer, learn
from remit.graph.intents import (
    classifier,
    correct,
    doubtful,
    forget,
    infer_all,
    intent_of,
    list_intents,
    teach,
)
from remit.store.store import Store

TAUGHT = [
    *(Example(text, "refund") for text in ("I want my money back", "please refund my order", "give me my money back now")),
    *(Example(text, "parcel") for text in ("where is my parcel", "the parcel is late", "when does my parcel arrive")),
    *(Example(text, NONE) for text in ("thank you so much", "hello there", "thank you, good bye")),
]  # fmt: skip


class Words:
    """Texts by their words, hashed: what is alike shares words. The real embedder's weights are not at hand in every test."""

    name = "words"

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        found = np.zeros((len(texts), 64), dtype=np.float32)
        for row, text in enumerate(texts):
            for word in text.casefold().split():
                found[row, hashlib.sha256(word.encode()).digest()[0] % 64] += 1
        return found / np.linalg.norm(found, axis=1, keepdims=True)


def around(
    *means: tuple[float, ...], many: int, spread: float, seed: int = 1
) -> tuple[NDArray[np.float64], list[str]]:
    """Vectors of length 1, `many` around each mean."""
    rng = np.random.default_rng(seed)
    made = np.concatenate([rng.normal(mean, spread, (many, len(mean))) for mean in means])
    names = [f"i{n}" for n in range(len(means)) for _ in range(many)]
    return made / np.linalg.norm(made, axis=1, keepdims=True), names


MEANS = ((1.0, 0.0, 0.0, 0.0), (0.0, 1.0, 0.0, 0.0), (0.0, 0.6, 0.8, 0.0))


def test_what_was_held_out_is_told_nearly_as_surely_as_it_is_right() -> None:
    vectors, names = around(*MEANS, many=60, spread=0.35)
    by = learn([Example(str(n), name) for n, name in enumerate(names)], vectors)
    fresh, truth = around(*MEANS, many=400, spread=0.35, seed=2)
    found = [one for one in infer(by, fresh) if one.intent != NONE]
    right = np.array(
        [one.intent == name for one, name in zip(infer(by, fresh), truth, strict=True) if one.intent != NONE]
    )
    sure = np.array([one.probability for one in found])
    assert right.mean() > 0.8
    assert calibration_error(sure, right) < 0.06
    assert by.skill is not None
    assert by.skill.right == pytest.approx(right.mean(), abs=0.08)


def test_one_example_of_each_intent_is_enough_to_begin_with() -> None:
    by = learn([Example("a", "x"), Example("b", "y")], np.eye(2))
    assert by.skill is None
    assert [one.intent for one in infer(by, np.array([[0.8, 0.6], [0.6, 0.8]]))] == ["x", "y"]


def test_what_is_unlike_everything_seen_is_none_of_them() -> None:
    vectors, names = around(*MEANS, many=20, spread=0.05)
    by = learn([Example(str(n), name) for n, name in enumerate(names)], vectors)
    (strange,) = infer(by, np.array([[0.0, 0.0, 0.0, 1.0]]))
    assert strange.intent == NONE


def test_one_intent_alone_is_refused() -> None:
    with pytest.raises(UserError, match="two intents to tell apart"):
        learn([Example("a", "x"), Example("b", "x")], np.eye(2))


@given(st.data())
def test_probabilities_are_shares_and_what_is_told_is_the_likeliest(data: st.DataObject) -> None:
    many = data.draw(st.integers(2, 5))
    counts = data.draw(st.lists(st.integers(1, 6), min_size=many, max_size=many))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    vectors = rng.normal(size=(sum(counts), 8))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    names = [f"i{n}" for n, count in enumerate(counts) for _ in range(count)]
    by = learn([Example(str(n), name) for n, name in enumerate(names)], vectors)
    for one in infer(by, vectors):
        assert 0 <= one.probability <= 1
        if one.intent != NONE:
            assert one.probability + sum(chance for _, chance in one.others) <= 1 + 1e-3
            assert all(chance <= one.probability for _, chance in one.others)


async def test_a_workspace_is_taught_and_says_what_a_text_is_like(store: Store) -> None:
    assert await teach(store, TAUGHT, "ann") == len(TAUGHT)
    assert await teach(store, TAUGHT, "ann") == 0
    (found,) = await intent_of(await classifier(store, Words()), Words(), ["is my parcel late"])
    assert found.intent == "parcel"
    assert found.alike[0].intent == "parcel"
    assert "parcel" in found.alike[0].text


async def test_a_text_means_one_thing_the_last_that_was_said(store: Store) -> None:
    await teach(store, [*TAUGHT, Example("the parcel is late", "refund")], "ann")
    assert {one.name: one.examples for one in await list_intents(store)} == {"": 3, "parcel": 2, "refund": 4}


async def heard(store: Store, *texts: str) -> None:
    rows = [
        {"id": f"{n}", "at": "2026-05-01T10:00:00Z", "channel": "email", "direction": "in", "kind": "message",
         "email": f"p{n}@shop.example", "text": text}
        for n, text in enumerate(texts)
    ]  # fmt: skip
    taken = await take(store, list(enumerate(rows, 1)), "desk")
    assert taken.new == len(texts), taken


async def test_messages_are_looked_at_once_and_what_a_person_says_of_one_counts_and_teaches(
    store: Store,
) -> None:
    await teach(store, TAUGHT, "ann")
    await heard(store, "where is my parcel now", "my money where is it", "my money where is it now please")
    by = await classifier(store, Words())
    assert [done async for done in infer_all(store, Words(), by)] == [3]
    assert [done async for done in infer_all(store, Words(), by)] == []
    numbers = {one.text: one.interaction for one in await doubtful(store, 10)}
    mine = numbers["my money where is it"]
    await correct(store, mine, "refund", "ann")
    assert mine not in [one.interaction for one in await doubtful(store, 10)]
    assert {one.name: one.examples for one in await list_intents(store)}["refund"] == 4
    taught = await classifier(store, Words())
    assert [done async for done in infer_all(store, Words(), taught, again=True)] == [
        2
    ]  # what a person said stays
    (after,) = await intent_of(taught, Words(), ["my money where is it"])
    assert after.intent == "refund"


async def test_wrong_names_and_numbers_are_refused_with_what_there_is(store: Store) -> None:
    await teach(store, TAUGHT, "ann")
    with pytest.raises(UserError, match="no name of an intent"):
        await teach(store, [Example("x", "Card Lost")], "ann")
    with pytest.raises(UserError, match="says nothing"):
        await teach(store, [Example("  ", "card")], "ann")
    with pytest.raises(UnknownName, match="Did you mean 'refund'"):
        await correct(store, 1, "refnd", "ann")
    with pytest.raises(UserError, match="no message 99"):
        await correct(store, 99, "refund", "ann")
    with pytest.raises(UnknownName, match="unknown intent"):
        await forget(store, "parcels", "ann")


async def test_a_forgotten_intent_is_inferred_no_more(store: Store) -> None:
    await teach(store, TAUGHT, "ann")
    assert await forget(store, "parcel", "ann") == 3
    (found,) = await intent_of(await classifier(store, Words()), Words(), ["where is my parcel"])
    assert found.intent != "parcel"
