"""What 3,080 messages to a bank want, of 77 intents, learned from 3 to all 10,003 examples; beside scikit-learn.

Data: banking77 (Casanueva et al. 2020, CC BY 4.0), in ../shared/data. Both sides have the same vectors, of the local embedding model; the peer
is logistic regression on them. Drawn three times by seed, but for all examples; what the test messages want is looked at only to count.

Columns: right, of all messages (those that Remit says are unlike everything seen count as wrong); error, by how much the probabilities were
off on average (ECE, 15 bins); CPU seconds to learn and to tell.
"""

from __future__ import annotations

import asyncio
import csv
import json
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench import figures
from remit import settings
from remit.graph.intent import Example, calibration_error, infer, learn
from remit.models.embed import open_embedder

DATA = figures.ROOT.parent / "shared" / "data" / "banking77"
PEER = Path(__file__).parent / "peers" / "intent_peer.py"
PACKAGES = ["scikit-learn==1.9.1"]
SEEDS = 3
EXAMPLES = """examples:
  python -m bench.intents                    four to six minutes, most of them the embedding of all texts, kept in .bench
  python -m bench.intents --shots 5 --json"""

Vectors = NDArray[np.float64]


def texts(part: str) -> tuple[list[str], NDArray[np.str_]]:
    with (DATA / f"{part}.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [row["text"] for row in rows], np.array([row["category"] for row in rows])


async def embedded(part: str) -> tuple[list[str], Vectors, NDArray[np.str_]]:
    """Made once."""
    said, wanted = texts(part)
    kept = figures.SCRATCH / f"banking77-{part}.npy"
    if not kept.exists():
        embedder = await open_embedder(settings.load())
        figures.note(f"embedding {len(said):,} texts")
        figures.SCRATCH.mkdir(exist_ok=True)
        np.save(kept, await embedder.aembed(said))
    return said, np.load(kept).astype(np.float64), wanted


def drawn(wanted: NDArray[np.str_], shots: int, seed: int) -> NDArray[np.int64]:
    """`shots` examples of each intent; 0: all."""
    rng = np.random.default_rng(seed)
    each = (np.flatnonzero(wanted == one) for one in np.unique(wanted))
    return np.concatenate([rng.permutation(those)[: shots or None] for those in each])


def ours(train: tuple[list[str], Vectors, Any], asked: Vectors, some: NDArray[np.int64]) -> Mapping[str, Any]:
    said, vectors, wanted = train
    start = time.process_time()
    found = infer(learn([Example(said[n], str(wanted[n])) for n in some], vectors[some]), asked)
    return {
        "told": [one.intent for one in found],
        "sure": [one.probability for one in found],
        "cpu": time.process_time() - start,
    }


def theirs(
    train: tuple[list[str], Vectors, Any], asked: Vectors, some: NDArray[np.int64]
) -> Mapping[str, Any]:
    python = figures.peer_python("scikit-learn", PACKAGES)
    passed = figures.SCRATCH / "intents.npz"
    np.savez(passed, vectors=train[1][some], wanted=train[2][some], asked=asked)
    done = subprocess.run([python, PEER, passed], check=True, capture_output=True, text=True)
    found: Mapping[str, Any] = json.loads(done.stdout)
    return found


def row(who: str, shots: int, played: Sequence[Mapping[str, Any]], truth: NDArray[np.str_]) -> dict[str, Any]:
    right = [np.array(one["told"]) == truth for one in played]
    told = [np.array(one["told"]) != "" for one in played]
    errors = [
        calibration_error(np.array(one["sure"])[some], good[some])
        for one, some, good in zip(played, told, right, strict=True)
    ]
    return {
        "examples of each": shots or "all",
        "who": who,
        "right": f"{np.mean([good.mean() for good in right]):.1%}",
        "error": f"{np.mean(errors):.1%}",
        "unlike all": f"{np.mean([(~some).mean() for some in told]):.1%}",
        "CPU s": round(float(np.mean([one["cpu"] for one in played])), 1),
    }


async def measured(shots: Sequence[int]) -> list[dict[str, Any]]:
    train, (_, asked, truth) = await embedded("train"), await embedded("test")
    rows = []
    for many in shots:
        draws = [drawn(train[2], many, seed) for seed in range(SEEDS if many else 1)]
        for who, play in (("Remit", ours), ("logistic regression", theirs)):
            rows.append(row(who, many, [play(train, asked, some) for some in draws], truth))
    return rows


def main() -> None:
    parser = figures.arguments(__doc__ or "")
    parser.epilog = EXAMPLES
    parser.add_argument(
        "--shots", nargs="*", type=int, default=[3, 5, 10, 20, 0], help="examples of each intent; 0: all"
    )
    args = parser.parse_args()
    if not DATA.exists():
        raise SystemExit(f"bench: {DATA} is not here")
    around = figures.machine()
    figures.show(args.json, "what people want", around, asyncio.run(measured(args.shots)))


if __name__ == "__main__":
    main()
