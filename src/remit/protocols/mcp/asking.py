"""Questions of runs as MCP asks them: a form for a person, and what came back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from mcp_types import ElicitRequest, ElicitRequestFormParams, ElicitResult

from remit.api.guard import Caller
from remit.app import App
from remit.protocols.asked import Question, Word, answer, questions

Json = Any
LONGEST = 10_000  # characters of an answer
CONFIRM: dict[str, Json] = {
    "type": "object",
    "properties": {
        "confirm": {
            "type": "boolean",
            "title": "Yes, exactly this",
            "description": "Ticked it is done as it stands, once; unticked it is not done.",
        },
        "reason": {
            "type": "string",
            "title": "A word about it",
            "description": "The agent reads why not.",
            "maxLength": LONGEST,
        },
    },
    "required": ["confirm"],
}
ANSWER: dict[str, Json] = {
    "type": "object",
    "properties": {"answer": {"type": "string", "title": "Answer", "minLength": 1, "maxLength": LONGEST}},
    "required": ["answer"],
}


def form(question: Question) -> ElicitRequest:
    schema = ANSWER if question.in_words else CONFIRM
    return ElicitRequest(params=ElicitRequestFormParams(message=question.words, requested_schema=schema))


def word_of(question: Question, said: ElicitResult) -> Word | None:
    """What a person said. Nothing but a ticked box is a yes; who dismisses the form, or leaves a question without an answer,
    has said nothing, and the run waits on."""
    given: Mapping[str, Json] = said.content or {}
    if said.action == "decline":
        return None if question.in_words else Word("reject", "declined")
    if said.action != "accept":
        return None
    if question.in_words:
        text = given.get("answer")
        return Word("answer", text[:LONGEST]) if isinstance(text, str) and text.strip() else None
    reason = given.get("reason")
    text = reason[:LONGEST] if isinstance(reason, str) else ""
    confirmed = given.get("confirm")
    if confirmed is True:
        return Word("approve", text)
    return Word("reject", text) if confirmed is False else None


async def take(app: App, caller: Caller, run: UUID, responses: Mapping[str, Json]) -> dict[str, str]:
    """Say what came back for the questions that are still open, each by its key; others are passed over. Returns by key
    what could not be said, and why."""
    refused: dict[str, str] = {}
    for question in await questions(app, caller, run):
        said = responses.get(question.key)
        word = word_of(question, said) if isinstance(said, ElicitResult) else None
        if word is not None and (why := await answer(app, caller, run, question, word)):
            refused[question.key] = why
    return refused
