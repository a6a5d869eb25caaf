"""A learner as bytes, and back: what it knows to the last bit, its chance included, and nothing that could be run."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass
from io import BytesIO
from typing import Any

import numpy as np

from remit.decisions.arrays import Floats
from remit.decisions.drift import Drift
from remit.decisions.features import Features, Scale
from remit.decisions.learn import Ahead, Learner, Manner, Policy, Seen
from remit.decisions.logged import Column
from remit.decisions.score import Posterior, Prior, Sums

Json = Any
KINDS: dict[str, Any] = {
    kind.__name__: kind
    for kind in (Ahead, Column, Drift, Features, Manner, Policy, Posterior, Prior, Scale, Seen, Sums)
}
CHANCE = "_chance"


def pack(learner: Learner) -> bytes:
    arrays: list[Floats] = []
    told = {name: _plain(value, arrays) for name, value in vars(learner).items() if name != CHANCE}
    text = json.dumps([told, vars(learner)[CHANCE].bit_generator.state])
    file = BytesIO()
    np.savez(file, np.frombuffer(text.encode(), dtype=np.uint8), *arrays)
    return file.getvalue()


def unpack(data: bytes) -> Learner:
    with np.load(BytesIO(data), allow_pickle=False) as found:
        text, *arrays = (found[f"arr_{place}"] for place in range(len(found.files)))
    told, state = json.loads(text.tobytes())
    learner = Learner(np.zeros(1))
    vars(learner).update({name: _whole(value, arrays) for name, value in told.items()})
    chance = np.random.default_rng()
    chance.bit_generator.state = state
    vars(learner)[CHANCE] = chance
    return learner


def _plain(value: Any, arrays: list[Any]) -> Json:
    if isinstance(value, np.ndarray):
        arrays.append(value)
        return {"array": len(arrays) - 1}
    if isinstance(value, list | tuple):
        return {type(value).__name__: [_plain(one, arrays) for one in value]}
    if is_dataclass(value):
        return {
            type(value).__name__: {
                one.name: _plain(getattr(value, one.name), arrays) for one in fields(value)
            }
        }
    return value.item() if isinstance(value, np.generic) else value


def _whole(value: Json, arrays: list[Any]) -> Any:
    if not isinstance(value, dict):
        return value
    ((kind, inner),) = value.items()
    if kind == "array":
        return arrays[inner]
    if kind in ("list", "tuple"):
        made = [_whole(one, arrays) for one in inner]
        return made if kind == "list" else tuple(made)
    return KINDS[kind](**{name: _whole(one, arrays) for name, one in inner.items()})
