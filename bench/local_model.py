"""Measure the local model: right calls, intents, speed, what the prefix cache saves; and the embedder.

    python bench/local_model.py --bfcl FOLDER --banking77 FOLDER [--size 1.5b] [--seed 7] [--cases 60]

Right call: BFCL v4 (simple and multiple) cases judged as BFCL does: the function, and each argument among the
accepted values. The prompt was tuned on seed 1; report other seeds.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import json
import os
import random
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from remit.models.embed import open_embedder
from remit.models.local import LocalModel, open_local
from remit.models.model import Message, Request, ToolSpec
from remit.settings import load

TUNED = 1  # the seed whose cases (20 of each kind) were looked at while writing the prompt
INSTRUCTIONS = "You carry out the user's request by calling one tool."
TYPES = {"dict": "object", "float": "number", "tuple": "array", "any": "string"}


def bfcl_cases(folder: Path, count: int, seed: int) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """(case, ground truth), half from each kind, a fixed sample for a seed; none that the prompt was tuned on."""
    chosen = []
    for kind in ("simple_python", "multiple"):
        lines = (folder / f"BFCL_v4_{kind}.json").read_text().splitlines()
        answers = (folder / f"BFCL_v4_{kind}.answers.json").read_text().splitlines()
        truth = {one["id"]: one["ground_truth"][0] for one in map(json.loads, answers)}
        cases = [json.loads(line) for line in lines]
        tuned = [case["id"] for case in random.Random(TUNED).sample(cases, 20)]
        if seed != TUNED:
            cases = [case for case in cases if case["id"] not in tuned]
        picked = random.Random(seed).sample(cases, count // 2)
        chosen += [(case, truth[case["id"]]) for case in picked if case["id"] in truth]
    return chosen


def json_schema(part: Any) -> Any:
    """BFCL's types (dict, float, tuple) as JSON Schema's."""
    if isinstance(part, list):
        return [json_schema(one) for one in part]
    if not isinstance(part, dict):
        return part
    made = {key: json_schema(value) for key, value in part.items()}
    if isinstance(made.get("type"), str):
        made["type"] = TYPES.get(made["type"], made["type"])
    return made


def right(name: str, args: Mapping[str, Any], truth: Mapping[str, Any]) -> bool:
    if name not in truth:
        return False
    accepted = truth[name]
    if any(key not in accepted for key in args):
        return False
    return all(_accepted(args.get(key, ""), values) for key, values in accepted.items())


def _accepted(value: Any, values: Sequence[Any]) -> bool:
    return any(_same(value, one) for one in values)


def _same(value: Any, wanted: Any) -> bool:
    if isinstance(value, str) and isinstance(wanted, str):
        return _plain(value) == _plain(wanted)
    if isinstance(value, list) and isinstance(wanted, list):
        return len(value) == len(wanted) and all(_same(a, b) for a, b in zip(value, wanted, strict=True))
    if isinstance(value, dict) and isinstance(wanted, dict):
        return all(
            _accepted(value.get(key, ""), one if isinstance(one, list) else [one])
            for key, one in wanted.items()
        ) and all(key in wanted for key in value)
    return bool(value == wanted)


def _plain(text: str) -> str:
    return "".join(letter for letter in text.lower() if letter not in " ,./-_*^'\"")


async def right_calls(
    model: LocalModel, cases: Sequence[Any], show: bool
) -> tuple[float, float, float, float]:
    """Share right, seconds a case, prompt tokens/s and generated tokens/s."""
    good, asked, made, first, rest = 0, 0, 0, 0.0, 0.0
    start = time.perf_counter()
    for case, truth in cases:
        tools = [
            ToolSpec(f["name"], f["description"], json_schema(f["parameters"])) for f in case["function"]
        ]
        message = Message("user", case["question"][0][-1]["content"])
        request = Request(INSTRUCTIONS, (message,), tools)
        one = time.perf_counter()
        await model.request(Request(INSTRUCTIONS, (message,), tools, max_tokens=1))
        two = time.perf_counter()
        answer = await model.request(request)
        asked += answer.usage.input_tokens
        made += answer.usage.output_tokens
        first, rest = first + two - one, rest + time.perf_counter() - two
        call = answer.calls[0] if answer.calls else None
        ok = call is not None and right(call.name, call.args, truth)
        good += ok
        if show and not ok:
            print(case["id"], message.text, "\n   ", call or answer.text, "\n   ", truth)
    seconds = (time.perf_counter() - start) / len(cases)
    return good / len(cases), seconds, asked / first, made / rest


async def intents(model: LocalModel, folder: Path, count: int, kinds: int, seed: int) -> tuple[float, float]:
    """Share of banking77 texts whose intent, of `kinds`, is chosen; seconds a text."""
    labels = json.loads((folder / "categories.json").read_text())
    picked = random.Random(seed).sample(labels, kinds)
    with (folder / "test.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["category"] in picked]
    rows = random.Random(seed).sample(rows, count)
    start = time.perf_counter()
    names = [label.replace("_", " ") for label in picked]
    scores = await model.choose_many([row["text"] for row in rows], names)
    chosen = [max(one, key=lambda label: one[label]) for one in scores]
    good = sum(a == row["category"].replace("_", " ") for a, row in zip(chosen, rows, strict=True))
    return good / count, (time.perf_counter() - start) / count


async def prefix_effect(model: LocalModel, cases: Sequence[Any]) -> tuple[float, float, int, int]:
    """Seconds and newly evaluated tokens of a first and a second request with the same prefix."""
    tools = [
        ToolSpec(f"{f['name']}_{n}", f["description"], json_schema(f["parameters"]))
        for n, (case, _) in enumerate(cases[:12])
        for f in case["function"]
    ]
    times, fresh = [], []
    for text in (f"Which tools are there? {time.time()}", "What is the area of a circle of radius 3?"):
        start = time.perf_counter()
        salted = f"{INSTRUCTIONS} Session {os.getpid()}."
        answer = await model.request(Request(salted, (Message("user", text),), tools, max_tokens=1))
        times.append(time.perf_counter() - start)
        fresh.append(answer.usage.input_tokens - answer.usage.cached_tokens)
    return times[0], times[1], answer.usage.input_tokens, fresh[1]


async def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bfcl", type=Path, required=True)
    parser.add_argument("--banking77", type=Path, required=True)
    parser.add_argument("--size", choices=["1.5b", "0.5b"], default="1.5b")
    parser.add_argument("--cases", type=int, default=60)
    parser.add_argument("--texts", type=int, default=60)
    parser.add_argument("--intents", type=int, default=8)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--only-calls", action="store_true")
    parser.add_argument("--show-wrong", action="store_true")
    options = parser.parse_args()
    settings = load()
    model = await open_local(settings, size=options.size, threads=options.threads)
    cases = bfcl_cases(options.bfcl, options.cases, options.seed)
    table = Table("what", "measured", title=f"{model.name}, load average {os.getloadavg()[0]:.1f}")
    share, seconds, prompt_speed, speed = await right_calls(model, cases, options.show_wrong)
    table.add_row(f"right calls of {len(cases)}", f"{share:.0%}")
    table.add_row("seconds a call", f"{seconds:.1f}")
    table.add_row("prompt tokens/s", f"{prompt_speed:.0f}")
    table.add_row("generated tokens/s", f"{speed:.1f}")
    if not options.only_calls:
        share, seconds = await intents(model, options.banking77, options.texts, options.intents, options.seed)
        table.add_row(
            f"intents, {options.intents} kinds, {options.texts} texts", f"{share:.0%}, {seconds:.2f} s each"
        )
        one, two, tokens, fresh = await prefix_effect(model, cases)
        table.add_row(
            "same prefix again", f"{one:.1f} s → {two:.1f} s ({fresh} of {tokens} tokens evaluated)"
        )
        embedder = await open_embedder(settings)
        with (options.banking77 / "test.csv").open() as file:
            texts = [row["text"] for row in csv.DictReader(file)][:1000]
        embedder.embed(texts[:64])
        start = time.perf_counter()
        embedder.embed(texts)
        table.add_row("embeddings/s", f"{len(texts) / (time.perf_counter() - start):.0f}")
    await model.aclose()
    Console().print(table)


if __name__ == "__main__":
    asyncio.run(main())
