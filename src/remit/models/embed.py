"""Embeddings on the CPU: all-MiniLM-L6-v2, int8, 384 numbers a text. Heavy imports: import it where it is used."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import onnxruntime  # type: ignore[import-untyped,unused-ignore]
from numpy.typing import NDArray
from onnxruntime.capi.onnxruntime_pybind11_state import (  # type: ignore[import-untyped,unused-ignore]
    Fail,
    InvalidArgument,
    InvalidGraph,
    InvalidProtobuf,
    NoModel,
    NoSuchFile,
)
from onnxruntime.capi.onnxruntime_pybind11_state import (
    NotImplemented as Unsupported,
)
from tokenizers import Tokenizer

from remit.errors import WeightsError
from remit.models import local_machine, weights
from remit.models.weights import Progress
from remit.settings import Settings

DIMENSIONS = 384
LONGEST = 256  # tokens; the model was trained on 128, and what stands further back hardly counts
BATCH = 32  # texts
UNUSABLE = (Fail, InvalidArgument, InvalidGraph, InvalidProtobuf, NoModel, NoSuchFile, Unsupported)


async def open_embedder(settings: Settings, progress: Progress | None = None) -> Embedder:
    """The default embedder, its two files fetched where they are missing. Raises WeightsError."""
    model = await weights.ensure(weights.MINILM, settings, progress)
    tokenizer = await weights.ensure(weights.MINILM_TOKENIZER, settings)
    return await asyncio.to_thread(Embedder, model, tokenizer)


class Embedder:
    """Texts to vectors of length 1, so that a dot product is their cosine. Usable from several threads."""

    name = weights.MINILM.name
    dimensions = DIMENSIONS

    def __init__(self, model: Path, tokenizer: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = local_machine.cores()
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # others use the cores too
        try:
            self._session = onnxruntime.InferenceSession(
                str(model), options, providers=["CPUExecutionProvider"]
            )
        except UNUSABLE as error:
            raise WeightsError(f"{model}: not a usable model: {error}") from error
        self._inputs = [one.name for one in self._session.get_inputs()]
        self._tokenizer = Tokenizer.from_file(str(tokenizer))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(LONGEST)

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors [n, 384], float32, each of length 1, in the order of `texts`; a long text counts by its start."""
        out = np.empty((len(texts), DIMENSIONS), dtype=np.float32)
        # A lone surrogate (from a badly decoded file) has no UTF-8 form.
        clean = [text.encode("utf-8", "replace").decode() for text in texts]
        tokens = [encoding.ids for encoding in self._tokenizer.encode_batch(clean)]
        for rows in _batches([len(ids) for ids in tokens]):
            out[rows] = self._vectors([tokens[row] for row in rows])
        return out

    async def aembed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """`embed` in a thread, so that the event loop goes on."""
        return await asyncio.to_thread(self.embed, texts)

    def _vectors(self, tokens: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        width = max(len(ids) for ids in tokens)
        ids = np.zeros((len(tokens), width), dtype=np.int64)
        mask = np.zeros_like(ids)
        for row, one in enumerate(tokens):
            ids[row, : len(one)] = one
            mask[row, : len(one)] = 1
        feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        hidden = self._session.run(None, {name: feed[name] for name in self._inputs})[0]
        if hidden.ndim == 3:  # one vector a token: their mean is the text's
            weight = mask[:, :, None].astype(np.float32)
            hidden = (hidden * weight).sum(axis=1) / weight.sum(axis=1)
        normed: NDArray[np.float32] = hidden / np.maximum(
            np.linalg.norm(hidden, axis=1, keepdims=True), 1e-12
        )
        return normed


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Rows in groups of like length, so that little is padded."""
    rows = sorted(range(len(lengths)), key=lengths.__getitem__)
    for start in range(0, len(rows), BATCH):
        yield rows[start : start + BATCH]
