"""Conversations with people: read, taken over from an agent, written in, handed back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID, uuid4

from fastapi import APIRouter, Header, Path, Query
from pydantic import BaseModel, Field

from remit import talking
from remit.api.guard import Caller, Meets, Served, Writes, documented, require
from remit.api.problems import Refused
from remit.api.runs import KEY
from remit.api.schemas import Sent, Sought, Text
from remit.app import App
from remit.graph.people import NoSuchPerson, find
from remit.talks.found import Line, lines_of, talk_of
from remit.talks.kept import LONGEST, NOTED, Taken, Takeover, Word, last_of, words_of
from remit.talks.listed import Row, list_talks
from remit.talks.search import LONGEST as ASKED

router = APIRouter(prefix="/conversations", tags=["conversations"])
Which = Annotated[
    str, Path(max_length=60, description="As the list names it: `chat:` or `run:`, and a number.")
]
WORDS = 'Only where all of these were said, or words that begin so; "in this order", `-without` and `or` as search engines have them.'


class TalkRow(BaseModel):
    """A conversation in a list, with the last that was said."""

    name: str
    channel: str
    person: int = Field(description="A number of theirs: `/people/{person}` has who they are.")
    who: str
    agent: str
    at: datetime
    text: str
    taken_by: str = Field(description="The colleague who has taken it over; empty: nobody.")

    @classmethod
    def of(cls, one: Row) -> Self:
        return cls(
            name=one.name, channel=one.channel, person=one.profile, who=one.who, agent=one.agent, at=one.at, text=one.text,
            taken_by=one.by,
        )  # fmt: skip


class TalkPage(BaseModel):
    """The last first, at most 50."""

    conversations: list[TalkRow]


class LineOut(BaseModel):
    """Something that was said."""

    id: int
    at: datetime
    side: Literal["visitor", "agent", "colleague"]
    by: str = Field(description="Which colleague.")
    text: str

    @classmethod
    def of(cls, one: Line) -> Self:
        return cls.model_validate(one, from_attributes=True)


class TakeoverOut(BaseModel):
    """Who talks in the agent's place, and until when if they do nothing more."""

    by: str
    at: datetime
    until: datetime
    ended_at: datetime | None = Field(description="null: it stands.")
    ended_by: str = Field(description="Empty: it stands, or has ended by itself.")
    note: str = Field(description="What the agent was told.")

    @classmethod
    def of(cls, one: Takeover) -> Self:
        return cls.model_validate(one, from_attributes=True)


class WordsOut(BaseModel):
    """What a colleague has written, and the run that sends it."""

    run: UUID
    at: datetime
    text: str
    sent: bool

    @classmethod
    def of(cls, one: Word) -> Self:
        return cls.model_validate(one, from_attributes=True)


class TalkOut(BaseModel):
    """A conversation: what was said, and whose it is."""

    name: str
    who: str
    person: int = Field(description="A number of theirs: `/people/{person}` has who they are.")
    channel: str
    agent: str
    run: UUID | None = Field(description="The agent's run that is at it now; null: none is.")
    taken: TakeoverOut | None = Field(description="The last takeover, whether it stands or is over.")
    written: list[WordsOut] = Field(description="What the colleague wrote in that, sent or not.")
    lines: list[LineOut]


class SendingOut(BaseModel):
    """What was written is kept, and goes out."""

    run: UUID = Field(description="That sends it.")


class NewWords(Sent):
    """What they read."""

    text: Annotated[Text, Field(min_length=1, max_length=LONGEST, pattern=r"\S")]


class HandedBack(Sent):
    """What the agent should know or do now; it is told what was written in any case."""

    note: Annotated[Text, Field(max_length=NOTED)] = ""


@router.get("", summary="List conversations", **documented("persons:read"))
async def list_conversations(
    app: Served,
    caller: Meets,
    person: Annotated[Sought, Query(max_length=320, description="Only theirs: any identifier.")] = "",
    words: Annotated[Sought, Query(max_length=ASKED, description=WORDS)] = "",
) -> TalkPage:
    """Chats, and what came by mail, SMS and WhatsApp and has begun a run: those that can be taken over. With `words`, each has what
    was said there last that fits."""
    try:
        profiles = (await find(app.store, person)).ids if person else None
    except NoSuchPerson:
        return TalkPage(conversations=[])
    return TalkPage(conversations=[TalkRow.of(one) for one in await list_talks(app.store, profiles, words)])


@router.get("/{conversation}", summary="Look at a conversation", **documented("persons:read", 404))
async def get_conversation(
    app: Served,
    caller: Meets,
    conversation: Which,
    after: Annotated[int, Query(ge=0, le=2**62, description="Only what was said after the line of this number.")] = 0,
) -> TalkOut:  # fmt: skip
    """The last 200 lines, and whose it is now."""
    talk = await talk_of(app.store, conversation)
    taken = await last_of(app.store, talk.name)
    words = await words_of(app.store, taken.id) if taken else []
    return TalkOut(
        name=talk.name,
        who=talk.called,
        person=talk.profile,
        channel=talk.channel,
        agent=talk.agent,
        run=talk.run,
        taken=TakeoverOut.of(taken) if taken else None,
        written=[WordsOut.of(one) for one in words],
        lines=[LineOut.of(one) for one in await lines_of(app.store, talk, after)],
    )


@router.post("/{conversation}/take", summary="Take a conversation over", **documented("runs:write", 404, 409))
async def take_conversation(app: Served, caller: Writes, conversation: Which) -> TakeoverOut:
    """The agent waits from now on, and nothing else reaches them on that channel. It ends by itself 30 minutes after the last words."""
    await _found(app, caller, conversation)
    with _unless_taken():
        return TakeoverOut.of(await talking.take_over(app, conversation, caller.who))


@router.post(
    "/{conversation}/words", status_code=202, summary="Write in a conversation", **documented("runs:write", 404, 409, 429)
)  # fmt: skip
async def write_words(
    app: Served,
    caller: Writes,
    conversation: Which,
    new: NewWords,
    key: Annotated[
        str | None,
        Header(
            alias="Idempotency-Key",
            min_length=1,
            max_length=255,
            pattern=KEY,
            description="Chosen by you: in one takeover, what is sent with the same key goes out once, however often you try.",
        ),
    ] = None,
) -> SendingOut:
    """Written in your name by a run of its own, through the gate as any other; you have taken it over before."""
    await _found(app, caller, conversation)
    with _unless_taken():
        run = await talking.write(
            app, talking.to_workers(app), conversation, caller.who, new.text, key or uuid4().hex
        )
    return SendingOut(run=run)


@router.post("/{conversation}/back", summary="Hand a conversation back", **documented("runs:write", 404, 409))
async def hand_back_conversation(
    app: Served, caller: Writes, conversation: Which, back: HandedBack
) -> TakeoverOut:
    """The agent goes on, knowing what was said; where its run has ended, a note begins one."""
    await _found(app, caller, conversation)
    with _unless_taken():
        done = await talking.hand_back(app, talking.to_workers(app), conversation, caller.who, back.note)
    return TakeoverOut.of(done)


async def _found(app: App, caller: Caller, conversation: str) -> None:
    """Whoever talks with somebody sees them too. Raises UnknownName, Refused."""
    await talk_of(app.store, conversation)
    require(caller, "persons:read", "talking with people")


@contextmanager
def _unless_taken() -> Iterator[None]:
    """Raises Refused where somebody else has it, or nobody."""
    try:
        yield
    except Taken as error:
        raise Refused(409, str(error)) from error
