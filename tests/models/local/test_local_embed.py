"""Embeddings with the real model, where its 23 MB are in the cache; batching as a pure function."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.errors import WeightsError
from remit.models import embed, weights
from remit.models.embed import Embedder, open_embedder
from remit.settings import load


@pytest.fixture
async def embedder() -> Embedder:
    if not all(weights.cached(one, load()) for one in (weights.MINILM, weights.MINILM_TOKENIZER)):
        pytest.skip("the embedder's files are not in the cache")
    return await open_embedder(load())


@pytest.mark.local_model
async def test_vectors_have_length_one_and_stand_in_the_order_of_the_texts(embedder: Embedder) -> None:
    texts = [
        "My card is lost.",
        "word " * 900,
        "",
        "Wie ist das Wetter?",
        "\ud800 half a letter",
        "I lost my card",
    ]
    vectors = await embedder.aembed(texts)
    assert vectors.shape == (len(texts), embedder.dimensions)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    near = vectors @ vectors[0]
    assert near[5] > 0.8
    assert near[3] < 0.4
    assert embedder.embed([]).shape == (0, 384)


@pytest.mark.local_model
async def test_a_texts_vector_does_not_depend_on_its_company(embedder: Embedder) -> None:
    texts = [f"Order {n} " + "is late " * (n % 9) for n in range(70)]
    together = embedder.embed(texts)
    alone = np.concatenate([embedder.embed([text]) for text in texts[:10]])
    assert np.allclose(together[:10], alone, atol=1e-3)


@given(st.lists(st.integers(1, 256), max_size=200))
def test_batches_hold_every_row_once_shortest_first(lengths: list[int]) -> None:
    groups = list(embed._batches(lengths))
    rows = [row for group in groups for row in group]
    assert sorted(rows) == list(range(len(lengths)))
    assert [lengths[row] for row in rows] == sorted(lengths)
    assert all(len(group) <= embed.BATCH for group in groups)


def test_a_file_that_is_no_model_is_told(tmp_path: Path) -> None:
    for content in (b"not a model", b""):
        bad = tmp_path / "bad.onnx"
        bad.write_bytes(content)
        with pytest.raises(WeightsError, match="not a usable model"):
            Embedder(bad, tmp_path / "tokenizer.json")
    with pytest.raises(WeightsError, match="not a usable model"):
        Embedder(tmp_path / "absent.onnx", tmp_path / "tokenizer.json")
