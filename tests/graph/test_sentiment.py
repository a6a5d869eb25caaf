"""What people write is looked at as it comes: what it wants, how it sounds, and how they feel by it, at any moment."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from remit.errors import WeightsError
from remit.graph import understand as module
from remit.graph.intent import Example
from remit.graph.intents import correct, teach
from remit.graph.merging import say, withdraw
from remit.graph.people import find, timeline
from remit.graph.segment import Segment
from remit.graph.segments import members
from remit.graph.sentiment import HALF_LIFE, feelings_of, scale
from remit.graph.understand import Taught, keep_understanding, understand
from remit.graph.words import felt
from remit.models.weights import MINILM, MINILM_TOKENIZER, cached
from remit.settings import Settings, load
from remit.store.store import Store
from tests.graph.conftest import NOW, Json, row, taken
from tests.graph.test_intents import Words


class Tones:
    """Texts that are numbers, as vectors that the scale reads as those numbers: the real weights are not at hand in every test."""

    name = scale().made_by

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        along = scale().weights / (scale().weights @ scale().weights)
        return np.stack([(float(text) - scale().bias) * along for text in texts]).astype(np.float32)


def wrote(id_: str, days: float, score: float, who: str = "ann@x.example") -> Json:
    return row(id_, days, email=who, kind="message", channel="email", text=str(score))


async def test_how_somebody_feels_is_the_mean_of_what_they_wrote_and_of_one_that_says_nothing_as_of_any_moment(
    store: Store,
) -> None:
    draw = random.Random(7)
    rows = [
        wrote(f"m{n}", draw.uniform(0.1, 170), round(draw.uniform(-1, 1), 3), f"p{n % 40}@x.example")
        for n in range(300)
    ]
    rows += [wrote("old", 200, -1, "old@x.example"), row("seen", 1, email="p0@x.example")]
    await taken(store, *rows)
    while await understand(store, Tones(), None):
        pass
    persons = {f"p{n}@x.example": (await find(store, f"p{n}@x.example")).id for n in range(40)}
    for now in (NOW, NOW - timedelta(days=20)):
        sums: dict[str, list[float]] = defaultdict(lambda: [0.0, 1.0])
        for one in rows[:-2]:
            age = (now - type(now).fromisoformat(one["at"])).total_seconds() / 86400
            if 0 <= age < 180:
                weight = 2 ** (-age / HALF_LIFE)
                sums[one["email"]][0] += weight * float(one["text"])
                sums[one["email"]][1] += weight
        found = await feelings_of(store, [*persons.values(), (await find(store, "old@x.example")).id], now)
        assert {one: round(found[persons[one]].score, 4) for one in sums} == {
            one: round(total / weight, 4) for one, (total, weight) in sums.items()
        }
        assert len(found) == len(sums)
        if now == NOW:
            for says in ("unhappy", "neutral", "happy"):
                unhappy = Segment.model_validate({"conditions": [{"what": "feels", "says": says}]})
                right = sorted(person for person, one in found.items() if one.says == says)
                assert await members(store, unhappy, limit=100, now=now) == right != []


async def test_feelings_part_and_join_with_people(store: Store) -> None:
    await taken(store, wrote("a", 1, -0.8), wrote("b", 1, 0.8, "bob@x.example"))
    await understand(store, Tones(), None)
    ann, bob = await find(store, "ann@x.example"), await find(store, "bob@x.example")
    apart = await feelings_of(store, [ann.id, bob.id], NOW)
    assert [apart[one.id].says for one in (ann, bob)] == ["unhappy", "happy"]
    await say(store, ann.profiles[0].id, bob.profiles[0].id, "same", "ann")
    both = await find(store, "ann@x.example")
    (one,) = (await feelings_of(store, [both.id], NOW)).values()
    assert (one.says, one.messages, round(one.score, 6)) == ("neutral", 2, 0)
    assert (
        felt(one) == "What they wrote of late sounds neutral (+0.00 on a scale from -1 to 1, of 2 messages)."
    )
    await withdraw(store, both.evidence[0].id, "ann")
    assert await feelings_of(store, [ann.id, bob.id], NOW) == apart


async def test_each_message_is_looked_at_once_as_it_comes_for_what_it_wants_by_what_was_taught_then(
    store: Store,
) -> None:
    await teach(
        store, [Example("i want my money back", "refund"), Example("where is my parcel", "parcel")], "ann"
    )
    texts = ["give me my money back", "my parcel is late", "money back please"]
    rows = [
        row(f"m{n}", 3 - n, email="ann@x.example", kind="message", text=text) for n, text in enumerate(texts)
    ]
    taught = Taught()
    await taken(store, *rows[:2])
    by = await taught.of(store, Words())
    assert await understand(store, Words(), by) == 2
    assert await understand(store, Words(), by) == 0
    assert await taught.of(store, Words()) is by
    last, first = await timeline(store, await find(store, "ann@x.example"))
    await correct(store, last.id, "refund", "ann")
    assert await taught.of(store, Words()) is not by  # a correction teaches
    await taken(store, *rows)
    assert await understand(store, Words(), by) == 1
    query = "select interaction, coalesce(corrected, intent) from graph_inferred order by interaction"
    async with store.pool.connection() as connection:
        found = await (await connection.execute(query)).fetchall()
    assert [intent for _, intent in found] == ["refund", "refund", "refund"]
    assert [id_ for id_, _ in found][:2] == [first.id, last.id]
    assert await feelings_of(store, [first.profile], NOW) == {}  # these vectors are not the scale's


async def test_workers_fetch_no_weights_until_somebody_teaches_an_intent_and_tell_if_they_cannot(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    settings = Settings(cache_dir=tmp_path)
    asked, stop = asyncio.Event(), asyncio.Event()

    async def nowhere(settings: Settings) -> Words:
        asked.set()
        raise WeightsError("nobody has them")

    monkeypatch.setattr("remit.models.embed.open_embedder", nowhere)
    monkeypatch.setattr(module, "EVERY", 0.01)
    await taken(store, row("m", 1, email="ann@x.example", kind="message", text="hello"))
    assert await module._open(store, settings) is None
    assert not asked.is_set()
    await teach(store, [Example("i want my money back", "refund")], "ann")
    working = asyncio.create_task(keep_understanding(store, settings, stop))
    await asked.wait()
    stop.set()
    await working
    assert "what people write is not looked at: nobody has them" in caplog.text


@pytest.mark.local_model
async def test_thanks_sound_better_than_a_complaint() -> None:
    settings = load()
    if not (cached(MINILM, settings) and cached(MINILM_TOKENIZER, settings)):
        pytest.skip("the embedder's weights are not in the cache")
    from remit.models.embed import open_embedder

    texts = [
        "Thank you so much, that was quick and friendly.",
        "Could you send me the invoice for May?",
        "The app crashes whenever I open it.",
    ]
    thanks, neutral, complaint = scale().scores((await open_embedder(settings)).embed(texts))
    assert thanks > 0.3 > neutral > complaint
    assert complaint < -0.1
