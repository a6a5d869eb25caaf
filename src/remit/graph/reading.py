"""Messages read by the model that a workspace has chosen for it, as they wait; and examples on which it is tried, without being shown them.

What is asked about is claimed first and written when it was answered, so that whoever dies meanwhile has lost an answer and nothing else: another
asks again. Of a message that cannot be read, the embedding's word stays.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import psycopg
from psycopg import AsyncConnection

from remit.errors import ModelError, RemitError, UnknownPrice, UserError
from remit.graph.intent import FOLDS, NONE, Example, Inferred
from remit.graph.intents import LONGEST, keep_within
from remit.graph.reader import Read, calibrate, question, read
from remit.graph.readers import (
    Reader,
    can_be_read,
    claim,
    examples_within,
    note,
    pending,
    places,
    reader_of,
    set_aside,
    texts_within,
    took,
    trials_of,
)
from remit.journal import purse
from remit.models import prices
from remit.models.model import Message, Model, Usage
from remit.store.store import Store

LOG = logging.getLogger(__name__)
EVERY = 5.0  # seconds between looks
AT_ONCE = 4  # messages that a model is asked about at once
ASKED = 2  # times that it is asked about one before it is set aside
SPENDER = "intents"  # as which it stands among what a workspace spends
Connection = AsyncConnection[Any]
Opened = Callable[[str, str], Awaitable[Model]]  # a model by its name, as a workspace has it


@dataclass(frozen=True, slots=True)
class Answer:
    """Of one message: what was read, or why it could not be; and what that took."""

    read: Read | None
    why: str
    usage: Usage


async def keep_reading(store: Store, opened: Opened, stop: asyncio.Event) -> None:
    """Until `stop`, for all workspaces. As many processes as like do so at once."""
    while not stop.is_set():
        try:
            for place in await places(store):
                await _all_of(store.as_owner(place), opened, stop)
        except (psycopg.Error, OSError) as error:
            LOG.warning("messages cannot be read for what they want now: %s", error)
        try:
            await asyncio.wait_for(stop.wait(), EVERY)
        except TimeoutError:
            continue


async def _all_of(store: Store, opened: Opened, stop: asyncio.Event) -> None:
    """One that cannot be had holds up no other workspace; why is kept for people to see."""
    try:
        while (
            not stop.is_set()
            and (reader := await reader_of(store))
            and await read_some(store, reader, opened)
        ):
            await note(store, "")
    except RemitError as error:
        if await note(store, str(error)):
            LOG.warning("messages of %s are not read for what they want: %s", store.workspace, error)


async def read_some(store: Store, reader: Reader, opened: Opened) -> int:
    """Ask about a few of what waits; of how many. Examples on which the model was not tried yet come first: by them it is known how sure it may be.
    Raises RemitError where the model cannot be had at all: nothing is claimed then."""
    async with store.pool.connection() as connection:
        if not await pending(connection, store.workspace, reader.model):
            return 0
        examples = await examples_within(connection, store.workspace)
    if not can_be_read(list(examples.values())):
        return 0
    model = await opened(reader.model, store.workspace)
    async with store.pool.connection() as connection, connection.transaction():
        if not await _affordable(connection, store.workspace, model):
            return 0
        tried, waits = await claim(connection, store.workspace, reader.model, AT_ONCE)
        texts = await texts_within(connection, store.workspace, waits)
        gone = [one for one in waits if one not in texts]
        query = "delete from graph_unread where workspace = %s and interaction = any(%s)"
        await connection.execute(query, (store.workspace, gone))
    held = [_tried(store, reader.model, model, examples, one) for one in tried]
    sent = [_read(store, reader.model, model, list(examples.values()), *one) for one in texts.items()]
    await asyncio.gather(*held, *sent)
    return len(tried) + len(waits)


async def infer_by(store: Store, model: Model, name: str, text: str) -> tuple[Inferred, Usage]:
    """What a text wants, as messages are read; nothing of it is kept but what it took. Raises UserError, ModelError."""
    async with store.pool.connection() as connection:
        examples = list((await examples_within(connection, store.workspace)).values())
    if not can_be_read(examples):
        raise UserError("no intent has been taught; `remit intents teach` takes examples")
    found = await ask(model, examples, text)
    async with store.pool.connection() as connection:
        await _spent(connection, store.workspace, found.usage)
    if found.read is None:
        raise ModelError(found.why)
    sure = calibrate(await trials_of(store, name)).sure(found.read.stated)
    return _inferred(found.read, name, sure), found.usage


async def ask(model: Model, examples: Sequence[Example], text: str) -> Answer:
    """One text, alone. What does not fit is said to the model once."""
    text = text[:LONGEST]
    request, usage = question(examples, text), Usage()
    names = sorted({one.intent for one in examples} - {NONE})
    why = ""
    for _ in range(ASKED):
        try:
            answer = await model.request(request)
        except ModelError as error:
            return Answer(None, str(error), usage)
        usage = prices.add(usage, answer.usage)
        if answer.finish == "refusal":
            return Answer(None, f"{model.name} would not say", usage)
        try:
            return Answer(read(names, text, answer.data), "", usage)
        except ValueError as error:
            why = f"{model.name} was asked {ASKED} times, and its answer does not fit: {error}"
            again = Message("user", f"Your answer does not fit: {error}. Once more.")
            request = replace(request, messages=(*request.messages, again))
    return Answer(None, why, usage)


async def _tried(store: Store, name: str, model: Model, examples: Mapping[int, Example], number: int) -> None:
    """An example, by a model that is shown others. They are dealt, so that there are few different prompts."""
    if number not in examples:
        return
    shown = [one for id_, one in examples.items() if id_ % FOLDS != number % FOLDS]
    intents = {one.intent for one in shown}
    if examples[number].intent not in intents:
        shown = [one for id_, one in examples.items() if id_ != number]
    found = await ask(model, shown, examples[number].text)
    query = (
        "update graph_examples set told = %s, stated = %s where workspace = %s and id = %s and told_by = %s"
    )
    async with store.pool.connection() as connection, connection.transaction():
        await _spent(connection, store.workspace, found.usage)
        if found.read is not None:
            values = (found.read.intent, found.read.stated, store.workspace, number, name)
            await connection.execute(query, values)


async def _read(
    store: Store, name: str, model: Model, examples: Sequence[Example], number: int, text: str
) -> None:
    found = await ask(model, examples, text)
    by = calibrate(await trials_of(store, name))
    async with store.pool.connection() as connection, connection.transaction():
        await _spent(connection, store.workspace, found.usage)
        if found.read is None:
            await set_aside(connection, store.workspace, number, found.why)
            return
        one = _inferred(found.read, name, by.sure(found.read.stated))
        await keep_within(connection, store.workspace, [number], [one])
        query = "delete from graph_unread where workspace = %s and interaction = %s"
        await connection.execute(query, (store.workspace, number))


def _inferred(found: Read, model: str, sure: float) -> Inferred:
    return Inferred(found.intent, round(sure, 4), (), (), model, found.stated, found.because)


async def _affordable(connection: Connection, workspace: str, model: Model) -> bool:
    """Whether the workspace's budgets have room. Raises UnknownPrice where one is in money and nobody knows what the model costs."""
    left = await purse.left_of(connection, workspace, SPENDER)
    if left.in_money and model.price is None:
        raise UnknownPrice(
            f"{model.name}: its price is unknown, so a budget in money cannot hold. Set REMIT_PRICE_INPUT and REMIT_PRICE_OUTPUT"
        )
    return left.room or (model.price is not None and model.price.free and not left.in_tokens)


async def _spent(connection: Connection, workspace: str, usage: Usage) -> None:
    tokens, money = usage.input_tokens + usage.output_tokens, usage.cost or Decimal(0)
    await took(connection, workspace, tokens=tokens, money=money)
    await purse.spent(connection, workspace, SPENDER, money, tokens)
