"""What 3,080 messages to a bank want, of 77 intents, learned from 3 to all 10,003 examples; beside scikit-learn.

Data: banking77 (Casanueva et al. 2020, CC BY 4.0), in ../shared/data. Both sides have the same vectors, of the local embedding model; the peer
is logistic regression on them. Drawn three times by seed, but for all examples; what the test messages want is looked at only to count.

With --read NAME a model reads `--messages` of them, of `--kinds` intents, from six examples of each, as `remit intents reader` has it read them: tried on
as many examples first that it is not shown. Beside it stands the embedding on the same.

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
from remit.graph.intent import FOLDS, Example, calibration_error, infer, learn
from remit.graph.reader import Trial, calibrate
from remit.graph.reading import ask
from remit.models.embed import open_embedder
from remit.models.registry import close_model, open_model

DATA = figures.ROOT.parent / "shared" / "data" / "banking77"
PEER = Path(__file__).parent / "peers" / "intent_peer.py"
PACKAGES = ["scikit-learn==1.9.1"]
SEEDS = 3
READ_SHOTS = 6  # examples of each intent that a model is given
EXAMPLES = """examples:
  python -m bench.intents                    four to six minutes, most of them the embedding of all texts, kept in .bench
  python -m bench.intents --shots 5 --json
  python -m bench.intents --read local:qwen2.5-coder-1.5b --messages 40"""

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


async def readings(name: str, kinds: int, messages: int) -> list[dict[str, Any]]:
    """A model beside the embedding, on the same few intents, examples and messages."""
    (said, vectors, wanted), (texts_, asked, truth) = await embedded("train"), await embedded("test")
    rng = np.random.default_rng(1)
    some = rng.permutation(np.unique(wanted))[:kinds]
    shown = drawn(wanted, READ_SHOTS, 1)
    shown = shown[np.isin(wanted[shown], some)]
    chosen = rng.permutation(np.flatnonzero(np.isin(truth, some)))[:messages]
    examples = [Example(said[n], str(wanted[n])) for n in shown]
    model, started = await open_model(name, settings.load()), time.perf_counter()
    tried = []
    for n in rng.permutation(len(examples))[:messages].tolist():
        found = (
            await ask(
                model, [one for m, one in enumerate(examples) if m % FOLDS != n % FOLDS], examples[n].text
            )
        ).read
        tried += [Trial(examples[n].intent, found.intent, found.stated)] if found else []
    by, reads = calibrate(tried), [(await ask(model, examples, texts_[n])).read for n in chosen.tolist()]
    seconds = (time.perf_counter() - started) / (2 * messages)
    await close_model(model)
    theirs_ = {
        "told": [one.intent if one else "" for one in reads],
        "sure": [by.sure(one.stated) if one else 0.0 for one in reads],
        "cpu": seconds,
    }
    play = ours((said, vectors, wanted), asked[chosen], shown)
    rows = [
        row(who, READ_SHOTS, [one], truth[chosen]) for who, one in ((name, theirs_), ("the embedding", play))
    ]
    rows[0]["seconds a message"] = round(seconds, 2)
    rows[0].pop("CPU s")
    return [one | {"intents": kinds, "messages": len(chosen)} for one in rows]


def main() -> None:
    parser = figures.arguments(__doc__ or "")
    parser.epilog = EXAMPLES
    parser.add_argument(
        "--shots", nargs="*", type=int, default=[3, 5, 10, 20, 0], help="examples of each intent; 0: all"
    )
    parser.add_argument("--read", metavar="MODEL", help="have this model read messages, beside the embedding")
    parser.add_argument("--kinds", type=int, default=8, help="intents among which it chooses")
    parser.add_argument(
        "--messages", type=int, default=40, help="messages that it reads, and examples that it is tried on"
    )
    args = parser.parse_args()
    if not DATA.exists():
        raise SystemExit(f"bench: {DATA} is not here")
    around = figures.machine()
    played = readings(args.read, args.kinds, args.messages) if args.read else measured(args.shots)
    figures.show(args.json, "what people want", around, asyncio.run(played))


if __name__ == "__main__":
    main()
