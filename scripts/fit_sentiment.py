"""Fit how a text sounds: `python scripts/fit_sentiment.py` writes src/remit/graph/sentiment.json and prints how good it is on what was held out.

The texts are those of Hutto and Gilbert (ICWSM 2014): tweets, reviews of products and of films, each rated from -4 to 4 by ten people or more.
They come with the source of vaderSentiment 3.3.2 on PyPI (MIT), are fetched from there, and only 384 numbers are kept of them. That library,
a lexicon with rules, is the peer on the same texts; it was made on the tweets. Takes some minutes of two cores.
"""

from __future__ import annotations

import argparse
import asyncio
import html
import importlib
import json
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from remit.models.embed import open_embedder
from remit.settings import load

OUT: Final = Path(__file__).resolve().parents[1] / "src/remit/graph/sentiment.json"
PEER: Final = "vaderSentiment==3.3.2"
KINDS: Final = {"tweets": 4_199, "amazonReviewSnippets": 3_708, "movieReviewSnippets": 4_000}  # texts of each
RIDGE: Final = 10.0
CLEAR: Final = 0.1  # from which on people were of one mind about the sign
Numbers = NDArray[np.float64]


def fetched(folder: Path) -> Path:
    """The source of the peer, with the texts."""
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:"]
    subprocess.run([*pip, "--dest", str(folder), PEER], check=True)
    for pattern in (
        "*.tar.gz",
        "*/additional_resources/*.tar.gz",
    ):  # the one with the texts lies in the other
        archive = next(folder.glob(pattern))
        with tarfile.open(archive) as packed:
            packed.extractall(archive.parent, filter="data")
    return next(folder.glob("vaderSentiment-*/"))


def texts_of(source: Path, kind: str) -> tuple[list[str], Numbers, list[str]]:
    """Texts, how they were rated (-1 to 1), and of what whole each is a part, so that no part of one is held out beside another."""
    path = source / "additional_resources/hutto_ICWSM_2014" / f"{kind}_GroundTruth.txt"
    rows = [line.split("\t") for line in path.read_text("utf-8", "replace").splitlines()]
    rows = [row for row in rows if len(row) == 3]
    chosen = sorted(np.random.default_rng(1).permutation(len(rows))[: KINDS[kind]])
    rows = [rows[n] for n in chosen]
    rated = np.array([float(row[1]) / 4 for row in rows])
    return [html.unescape(row[2]) for row in rows], rated, [f"{kind} {row[0].split('_')[0]}" for row in rows]


def fit(vectors: Numbers, rated: Numbers) -> tuple[Numbers, float]:
    """Ridge regression (Hoerl and Kennard 1970)."""
    middle, mean = vectors.mean(axis=0), float(rated.mean())
    inner = vectors - middle
    weights = np.linalg.solve(inner.T @ inner + RIDGE * np.eye(vectors.shape[1]), inner.T @ (rated - mean))
    return weights, mean - float(middle @ weights)


def skill(said: Numbers, rated: Numbers) -> str:
    clear = np.abs(rated) > CLEAR
    right = float(np.mean(np.sign(said[clear]) == np.sign(rated[clear])))
    return f"{np.corrcoef(said, rated)[0, 1]:.2f} | {right:.1%}"


async def main() -> None:
    argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None).parse_args()
    embedder = await open_embedder(load())
    with tempfile.TemporaryDirectory() as folder:
        source = await asyncio.to_thread(fetched, Path(folder))
        sys.path.insert(0, str(source))
        peer: Any = importlib.import_module("vaderSentiment.vaderSentiment").SentimentIntensityAnalyzer()
        found: dict[str, tuple[Numbers, Numbers, list[str], Numbers]] = {}
        for kind in KINDS:
            texts, rated, parts = texts_of(source, kind)
            lexicon = np.array([peer.polarity_scores(text)["compound"] for text in texts])
            found[kind] = (embedder.embed(texts).astype(np.float64), rated, parts, lexicon)
            print(f"{kind}: {len(texts):,} texts", file=sys.stderr, flush=True)
    print(
        "| on | learned from | correlation | sign right | VADER: correlation | sign right |\n|---|---|---|---|---|---|"
    )
    for kind, (vectors, rated, parts, lexicon) in found.items():
        others = [one for name, one in found.items() if name != kind]
        weights, bias = fit(np.vstack([one[0] for one in others]), np.concatenate([one[1] for one in others]))
        print(f"| {kind} | the others | {skill(vectors @ weights + bias, rated)} | {skill(lexicon, rated)} |")
        wholes = sorted(set(parts))
        out = set(np.random.default_rng(2).permutation(wholes)[: len(wholes) // 4])
        held = np.array([part in out for part in parts])
        weights, bias = fit(
            np.vstack([vectors[~held], *(one[0] for one in others)]),
            np.concatenate([rated[~held], *(one[1] for one in others)]),
        )
        said = skill(vectors[held] @ weights + bias, rated[held])
        print(
            f"| a quarter of it | the rest, and the others | {said} | {skill(lexicon[held], rated[held])} |"
        )
    every = list(found.values())
    weights, bias = fit(np.vstack([one[0] for one in every]), np.concatenate([one[1] for one in every]))
    kept = {
        "made_by": embedder.name,
        "bias": round(bias, 5),
        "weights": [round(float(one), 5) for one in weights],
    }
    OUT.write_text(json.dumps(kept) + "\n")


if __name__ == "__main__":
    asyncio.run(main())
