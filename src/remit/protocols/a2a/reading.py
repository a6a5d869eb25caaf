"""What a client's message says: a goal, or a word on what a run asks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from a2a.types.a2a_pb2 import Message
from a2a.utils.errors import ContentTypeNotSupportedError, InvalidParamsError
from google.protobuf.json_format import MessageToDict

from remit.protocols.asked import Question, Word

Json = Any
HOW = (
    'send a data part as the task\'s status has it: {"key": …, "confirm": true} or {"key": …, "answer": "…"}'
)


def text_of(message: Message) -> str:
    return "\n\n".join(part.text for part in message.parts if part.WhichOneof("content") == "text").strip()


def data_of(message: Message) -> list[Json]:
    """Raises ContentTypeNotSupportedError for files: what an agent reads, it reads by its tools."""
    found = []
    for part in message.parts:
        kind = part.WhichOneof("content")
        if kind in ("raw", "url"):
            raise ContentTypeNotSupportedError(
                "parts are text or data here; a file is for a tool of the agent's"
            )
        if kind == "data":
            found.append(MessageToDict(part.data))
    return found


def words_of(message: Message, asked: Sequence[Question]) -> list[tuple[Question, Word]]:
    """What is said to which question. Bare text answers the one question that wants words; a yes is only what names its key.
    Raises InvalidParamsError."""
    by_key = {one.key: one for one in asked}
    found = []
    for data in data_of(message):
        question = by_key.get(data.get("key", "")) if isinstance(data, dict) else None
        if question is None:
            raise InvalidParamsError(f"that key is of nothing that is asked now; {HOW}")
        found.append((question, _word(question, data)))
    text = text_of(message)
    if not found and text:
        open_ended = [one for one in asked if one.in_words]
        if len(asked) != 1 or not open_ended:
            raise InvalidParamsError(f"words alone decide nothing here; {HOW}")
        found.append((open_ended[0], Word("answer", text)))
    if not found:
        raise InvalidParamsError(f"the message says nothing; {HOW}")
    return found


def _word(question: Question, data: Json) -> Word:
    confirm, reason, answer = data.get("confirm"), data.get("reason", ""), data.get("answer")
    if question.in_words and isinstance(answer, str) and answer.strip():
        return Word("answer", answer)
    if not question.in_words and isinstance(confirm, bool) and isinstance(reason, str):
        return Word("approve" if confirm else "reject", reason)
    raise InvalidParamsError(f"{question.ask}: {HOW}")
