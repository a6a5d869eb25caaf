"""What a run asks, as a question to whoever called: in words, with each value as it stands and what vouches for it; and
their word on it, in their name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from pydantic_core import to_json

from remit.api.asks import say
from remit.api.guard import Caller
from remit.api.problems import Refused
from remit.app import App
from remit.errors import NotWaiting
from remit.gate.approval import Decision, seal
from remit.gate.unseen import shown
from remit.journal.events import Json
from remit.journal.refs import given
from remit.journal.state import State
from remit.waiting import Waiting, changed_by, vouching, waiting, why_asked

MAY = "approvals:write"
WHOLE = 8_000  # characters of a question; what cannot be shown whole is decided in the console


@dataclass(frozen=True, slots=True)
class Question:
    """Something that a run asks and that the caller may decide."""

    key: str  # of this question and no other, over the run's life
    ask: str
    digest: str  # of what is shown; the word is for that and nothing else
    words: str
    in_words: bool  # it wants an answer; else a yes or a no


@dataclass(frozen=True, slots=True)
class Word:
    """What somebody says to a question."""

    decision: Decision
    text: str = ""
    changes: Mapping[str, Json] = field(default_factory=dict)  # to the call that is approved


async def questions(app: App, caller: Caller, run: UUID) -> list[Question]:
    """What the run asks now and the caller may decide here; the rest waits for others, or for the console."""
    if MAY not in caller.scopes:
        return []
    found = await waiting(app, caller.who, run=run)
    made = [_question(one) for one in found if not one.barred or one.asks_in_words]
    return [one for one in made if len(one.words) <= WHOLE]


def _question(one: Waiting) -> Question:
    digest = seal(one.asked)
    return Question(
        key=f"{one.asked.ask_id}:{digest[-12:]}",
        ask=one.asked.ask_id,
        digest=digest,
        words="\n".join(_lines(one)),
        in_words=one.asks_in_words,
    )


def _lines(one: Waiting) -> Sequence[str]:
    """Values stand as JSON: no line break in one of them can pass for a line of ours."""
    if one.call is None or one.asked.kind == "question":
        return [shown(one.asked.text), f"(asked by a run of {one.row.agent}: {_goal(one.state)})"]
    lines = [f"The agent {one.row.agent} asks: may it call {one.call.call.tool}?"]
    for name, value in given(one.state, one.call).items():
        lines.append(f"  {name}: {shown(to_json(value, fallback=str).decode())}")
        if changed := changed_by(one, name):
            by, was = changed
            lines.append(
                f"    {shown(by)} wrote it; the agent had {shown(to_json(was, fallback=str).decode())}"
            )
        if vouched := vouching(name, one.judged):
            lines.append(f"    {' '.join(vouched)}")
    lines += [f"{what}: {shown(words)}" for what, words in why_asked(one)]
    return [*lines, f"goal: {_goal(one.state)}"]


def _goal(state: State) -> str:
    goal = " ".join(state.started.goal.split()) if state.started else ""
    return shown(goal if len(goal) <= 200 else goal[:200] + "…")


async def answer(app: App, caller: Caller, run: UUID, question: Question, word: Word) -> str:
    """Say it, and let the run go on with the workers. Returns why it could not be said; empty where it was. What another
    person has decided meanwhile stands."""
    if MAY not in caller.scopes:
        return f"a word on what a run asks needs the scope {MAY}"
    if question.in_words != (word.decision == "answer"):
        return f"{question.ask} wants {'an answer in words' if question.in_words else 'a yes or a no'}"
    bound = None if word.decision == "answer" else question.digest
    try:
        await say(app, caller, run, question.ask, word.decision, word.text, bound, word.changes)
    except (Refused, NotWaiting) as error:
        return str(error)
    return ""


def theirs(state: State, caller: Caller) -> bool:
    """Whether the run was begun in the caller's name: what another began is none of theirs, by its number or not."""
    if state.started is None:
        return False
    person = state.started.person
    return (person.by or person.id) == caller.who
