"""What somebody wants, from what they wrote: learned from a few examples of each intent, as vectors of their meaning. Pure.

Linear discriminant analysis (Fisher 1936) with the covariance shrunk towards a multiple of the identity (Friedman 1989): with three examples
of each intent it is nearly the nearest mean, with a hundred nearly the full discriminant. How much to shrink, and how sure to be
(the temperature, Guo et al. 2017), is what makes examples likeliest that were held out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from remit.errors import UserError

Vectors = NDArray[np.float64]  # [n, d], each of length 1
Numbers = NDArray[np.int64]

NONE: Final = ""  # the intent of what is none of them
SHRINKAGES: Final = (0.02, 0.1, 0.3, 0.6, 0.9, 1.0)
TEMPERATURES: Final = np.exp(np.linspace(-7, 4, 111))
FOLDS: Final = 5
SIMILAR: Final = 3  # examples that are shown with an inference
UNLIKE: Final = 0.002  # the share of the examples that may be unlike all others


@dataclass(frozen=True)
class Example:
    """What was written, and what was wanted; NONE: nothing that has a name here."""

    text: str
    intent: str


@dataclass(frozen=True)
class Alike:
    """An example that was much like it. `similarity`: the cosine, -1 to 1."""

    text: str
    intent: str
    similarity: float


@dataclass(frozen=True)
class Inferred:
    """What is likely wanted. `intent` is NONE where it is none of them, or unlike everything seen. Of a model that read it (`reader.py`): which, how
    sure it said it was, and words of the message that made it think so."""

    intent: str
    probability: float  # calibrated: of those with 0.8, eight of ten are right
    alike: tuple[Alike, ...]  # why: what it is most like
    others: tuple[tuple[str, float], ...] = ()  # what else it may be
    model: str = ""
    stated: float | None = None
    because: tuple[str, ...] = ()


@dataclass(frozen=True)
class Skill:
    """How good it was on examples that were held out. `error`: by how much its probabilities were off, on average (ECE)."""

    right: float  # share, 0 to 1
    error: float
    of_each: tuple[tuple[str, float], ...]  # intent, the share of its examples that was found


@dataclass(frozen=True)
class Classifier:
    intents: tuple[str, ...]
    weights: Vectors  # [d, k]
    bias: Vectors  # [k]
    temperature: float
    shrinkage: float
    floor: float  # what is less like every example than this is unlike everything seen
    examples: tuple[Example, ...]
    vectors: Vectors  # of the examples
    skill: Skill | None  # None: too few to hold any out


def learn(examples: Sequence[Example], vectors: Vectors) -> Classifier:
    """`vectors`: [n, d], of the examples' texts. Raises UserError where there is nothing to tell apart."""
    intents = tuple(sorted({one.intent for one in examples}))
    if len(intents) < 2:
        raise UserError(
            "it takes two intents to tell apart; give examples of another, or of what is none of them"
        )
    number = {intent: n for n, intent in enumerate(intents)}
    wanted = np.array([number[one.intent] for one in examples])
    vectors = vectors.astype(np.float64)
    shrinkage, temperature, held_out = _fitted(vectors, wanted, len(intents))
    weights, bias = _discriminant(vectors, wanted, len(intents), shrinkage)
    skill = _skill(held_out, wanted, intents, temperature) if held_out is not None else None
    floor = _floor(vectors)
    return Classifier(intents, weights, bias, temperature, shrinkage, floor, tuple(examples), vectors, skill)


def infer(by: Classifier, vectors: Vectors) -> list[Inferred]:
    """Of each text, given as its vector: [n, d]."""
    chances = _chances((vectors @ by.weights + by.bias), by.temperature)
    similar = vectors @ by.vectors.T
    return [_inferred(by, chances[n], similar[n]) for n in range(len(vectors))]


def _inferred(by: Classifier, chances: Vectors, similar: Vectors) -> Inferred:
    order = np.argsort(-chances, kind="stable")
    near = np.argsort(-similar, kind="stable")[:SIMILAR]
    alike = tuple(
        Alike(by.examples[n].text, by.examples[n].intent, round(float(similar[n]), 3)) for n in near
    )
    if alike[0].similarity < by.floor:
        return Inferred(NONE, 1.0, alike)
    others = tuple((by.intents[n], round(float(chances[n]), 4)) for n in order[1:3])
    return Inferred(by.intents[order[0]], round(float(chances[order[0]]), 4), alike, others)


def _discriminant(vectors: Vectors, wanted: Numbers, many: int, shrinkage: float) -> tuple[Vectors, Vectors]:
    """Weights [d, k] and bias [k] of the linear discriminant, every intent as likely as any other beforehand."""
    means = np.stack([vectors[wanted == n].mean(axis=0) for n in range(many)])
    apart, width = vectors - means[wanted], vectors.shape[1]
    spare = len(vectors) - many
    within = apart.T @ apart / spare if spare > 0 else np.zeros((width, width))
    scale = float(np.trace(within)) / width or 1.0 / width
    covariance = (1 - shrinkage) * within + shrinkage * scale * np.eye(width)
    weights = np.linalg.solve(covariance, means.T)
    return weights, -0.5 * np.einsum("kd,dk->k", means, weights)


def _fitted(vectors: Vectors, wanted: Numbers, many: int) -> tuple[float, float, Vectors | None]:
    """Shrinkage and temperature by which examples that were held out are likeliest, and the scores [n, k] that these had."""
    counts = np.bincount(wanted, minlength=many)
    folds = min(FOLDS, int(counts.min()))
    if folds < 2:
        return 1.0, 1.0, None
    dealt = np.empty(len(wanted), dtype=np.int64)
    for n in range(many):
        of_it = np.flatnonzero(wanted == n)
        dealt[of_it] = np.arange(len(of_it)) % folds
    tried = []
    for shrinkage in SHRINKAGES:
        scores = np.empty((len(wanted), many))
        for fold in range(folds):
            kept, out = dealt != fold, dealt == fold
            weights, bias = _discriminant(vectors[kept], wanted[kept], many, shrinkage)
            scores[out] = vectors[out] @ weights + bias
        surprise, temperature = min((_surprise(scores, wanted, float(t)), float(t)) for t in TEMPERATURES)
        tried.append((surprise, shrinkage, temperature, scores))
    _, shrinkage, temperature, scores = min(tried, key=lambda one: one[:3])
    return shrinkage, temperature, scores


def _surprise(scores: Vectors, wanted: Numbers, temperature: float) -> float:
    """Mean negative log-likelihood, in nats."""
    chances = _chances(scores, temperature)[np.arange(len(wanted)), wanted]
    return float(-np.log(np.maximum(chances, 1e-12)).mean())


def _chances(scores: Vectors, temperature: float) -> Vectors:
    """Probabilities [n, k], by softmax."""
    scaled = scores * temperature
    raised = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))


def _skill(scores: Vectors, wanted: Numbers, intents: Sequence[str], temperature: float) -> Skill:
    chances = _chances(scores, temperature)
    right = chances.argmax(axis=1) == wanted
    each = tuple((intent, float(right[wanted == n].mean())) for n, intent in enumerate(intents))
    return Skill(float(right.mean()), calibration_error(chances.max(axis=1), right), each)


def calibration_error(sure: Vectors, right: NDArray[np.bool_], bins: int = 15) -> float:
    """Expected calibration error: how far what it was sure of is from how often it was right, weighted by how often."""
    return float(sum(_gaps(sure, right, bins)))


def _gaps(sure: Vectors, right: NDArray[np.bool_], bins: int) -> Iterator[float]:
    place = np.minimum((sure * bins).astype(int), bins - 1)
    for n in np.unique(place):
        there = place == n
        yield float(there.mean() * abs(sure[there].mean() - right[there].mean()))


def _floor(vectors: Vectors) -> float:
    """How like its nearest neighbour an example is, but for the few that are like none."""
    if len(vectors) < 2:
        return -1.0
    nearest = np.empty(len(vectors))
    for start in range(0, len(vectors), 1000):
        similar = vectors[start : start + 1000] @ vectors.T
        similar[np.arange(len(similar)), np.arange(start, start + len(similar))] = -1
        nearest[start : start + 1000] = similar.max(axis=1)
    return float(np.quantile(nearest, UNLIKE))
