"""How fast a passage is found among many, how fast a folder is synced, and whether the right passage is found.

    python -m bench.knowledge --passages 100000 --documents 1000

The questions are to the policies of the library's shop and airline, in words of ours and not in those of the text; a question
counts as answered where a passage with its answer is among the first five (or is the first). Beside the two policies stand as many
made-up passages as are asked for.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

from bench import figures
from bench.database import drop, fresh, running
from remit import library
from remit.knowledge.kept import About, File, add_source, list_sources, put
from remit.knowledge.search import search
from remit.knowledge.sync import sync
from remit.knowledge.text import read
from remit.settings import Settings
from remit.store.store import Store, open_store

# A question, and what stands in a passage that answers it
ASKED = {
    "airline": {
        "How many people can travel on one booking?": "at most five passengers",
        "What does an additional suitcase cost?": "Each extra baggage is 50 dollars",
        "how much luggage is free for gold members": "4 free checked bags",
        "price of insurance per passenger": "30 dollars per passenger",
        "can I add insurance later on?": "cannot add insurance after initial booking",
        "Can a basic economy ticket be moved to another date?": "Basic economy flights cannot be modified",
        "upgrade to business class, who pays the difference": "pay for the difference",
        "cancel a booking made yesterday": "within the last 24 hrs",
        "when will my refund arrive after cancelling": "5 to 7 business days",
        "what do we offer when a flight was delayed": "$50 times the number",
        "voucher for a cancelled flight": "$100 times the number",
        "may the number of passengers be changed": "cannot modify the number of passengers",
        "how many gift cards can pay for one reservation": "at most three gift cards",
        "is the remainder of a certificate paid back": "travel certificate is not refundable",
        "What are the membership levels?": "**regular**, **silver**, **gold**",
        "can different cabins be mixed in one reservation": "abin class must",
    },
    "shop": {
        "For which reasons may an order be cancelled?": "ordered by mistake",
        "when is money back on the card after cancelling an order": "5 to 7 business days",
        "How do we check who a customer is?": "authenticate the user identity",
        "Can a shirt be swapped for shoes?": "modify shirt to shoe",
        "change the shipping address of an order": "modify its shipping address",
        "send back a delivered order": "status is 'delivered'",
        "Where does the refund of a return go?": "original payment method, or an existing gift card",
        "pay with a gift card that is nearly empty": "enough balance",
        "how often can an order be exchanged": "only be called once per order",
        "May I help a second customer in the same chat?": "one user per conversation",
        "ways to pay": "**paypal account**",
        "which time zone do the timestamps have": "EST and 24 hour",
        "when to hand over to a human colleague": "transfer the user to a human agent",
        "what states can an order be in": "**pending**, **processed**",
        "does the customer place a new order for an exchange": "no need to place a new order",
        "how many kinds of products do we sell": "50 types of products",
    },
}
FILES = {"airline": "airline", "shop": "support"}


async def main(args: argparse.Namespace) -> None:
    async with running(args.database) as address:
        url = await fresh(address, "bench_knowledge")
        try:
            async with open_store(Settings(database_url=url, data_dir=figures.SCRATCH)) as store:
                measured = await measure(store, args.passages, args.documents)
        finally:
            await drop(address, "bench_knowledge")
    rows = [{"what": name, "measured": value} for name, value in measured.items()]
    figures.show(args.json, "knowledge", figures.machine(), rows)


async def measure(store: Store, passages: int, documents: int) -> dict[str, Any]:
    """Milliseconds are medians of the server alone."""
    found: dict[str, Any] = {}
    chance = random.Random(7)
    words = vocabulary(chance)
    with tempfile.TemporaryDirectory() as folder:
        for number in range(documents):
            text = "\n\n".join(paragraph(chance, words) for _ in range(10))
            (Path(folder) / f"{number}.md").write_text(f"# Document {number}\n\n{text}\n")
        await add_source(store, "synced", About("Synced"), "bench")
        for name in ("first", "unchanged"):
            began = perf_counter()
            await sync(store, "synced", Path(folder), "bench")
            found[f"sync of {documents} documents, {name}, s"] = round(perf_counter() - began, 2)
    for language in ("english", "simple"):
        await policies(store, language)
    for language in ("english", "simple"):
        found |= await asked(store, language)
    await fill(store, chance, words, passages)
    async with store.pool.connection() as connection:
        await connection.execute("analyze knowledge_passages")
        row = await (await connection.execute("select count(*) from knowledge_passages")).fetchone()
    found["passages"] = row and row[0]
    for language in ("english", "simple"):
        found |= {f"{key}, among all": value for key, value in (await asked(store, language, "many")).items()}
    return found


async def policies(store: Store, language: str) -> None:
    for name, folder in FILES.items():
        data = (Path(library.__file__).parent / folder / "policy.md").read_bytes()
        source = f"{name}-{language}"
        await add_source(store, source, About(name, language=language), "bench")
        await put(store, source, [File("policy.md", data, read("policy.md", data))], "bench")


async def asked(store: Store, language: str, *beside: str) -> dict[str, Any]:
    """Questions answered by the first passage and by the first five, and the milliseconds that one takes."""
    sources = {one.name: one for one in await list_sources(store)}
    first = five = count = 0
    taken: list[float] = []
    for name, questions in ASKED.items():
        where = [sources[f"{name}-{language}"], *(sources[f"{one}-{language}"] for one in beside)]
        for question, answer in questions.items():
            began = perf_counter()
            hits = await search(store, where, question)
            taken.append(1000 * (perf_counter() - began))
            right = [answer in hit.text for hit in hits]
            first, five, count = first + any(right[:1]), five + any(right), count + 1
    slow = sorted(taken)[int(0.95 * len(taken))]
    return {
        f"{language}: answered by the first": f"{first} of {count}",
        f"{language}: answered by the first five": f"{five} of {count}",
        f"{language}: ms a search, median": round(statistics.median(taken), 1),
        f"{language}: ms a search, 95 of 100": round(slow, 1),
    }


async def fill(store: Store, chance: random.Random, words: list[str], passages: int) -> None:
    """Documents of made-up passages, half in each language."""
    for language in ("english", "simple"):
        await add_source(store, f"many-{language}", About("Many", language=language), "bench")
        for start in range(0, passages // 2, 500):
            text = "\n\n".join(paragraph(chance, words, 200) for _ in range(500)).encode()
            name = f"{start}.txt"
            await put(store, f"many-{language}", [File(name, text, read(name, text))], "bench")


def vocabulary(chance: random.Random) -> list[str]:
    """The words of both policies, one in twenty, among many that are none."""
    texts = [(Path(library.__file__).parent / folder / "policy.md").read_text() for folder in FILES.values()]
    real = [word for text in texts for word in text.replace("*", " ").split()]
    made = [
        "".join(chance.choices("abcdefghiklmnoprstuw", k=chance.randint(4, 9))) for _ in range(19 * len(real))
    ]
    return real + made


def paragraph(chance: random.Random, words: list[str], length: int = 80) -> str:
    return " ".join(chance.choice(words) for _ in range(length))


if __name__ == "__main__":
    parser = figures.arguments(__doc__ or "")
    parser.add_argument("--passages", type=int, default=100_000, help="beside the policies")
    parser.add_argument("--documents", type=int, default=1_000, help="in the folder that is synced")
    parser.add_argument("--database", help="URL of a PostgreSQL server; the embedded one where not given")
    asyncio.run(main(parser.parse_args()))
