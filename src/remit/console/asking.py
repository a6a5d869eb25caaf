"""One thing that waits for a person, as a page shows it: in words, with a mark of what was shown."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from uuid import UUID

from remit.console.changing import Field, fields
from remit.console.show import plain
from remit.gate.approval import missing, needs, seal
from remit.gate.remembered import UNDECIDED
from remit.gate.standing import same
from remit.gate.unseen import shown
from remit.journal.events import Json
from remit.journal.refs import given
from remit.journal.state import State
from remit.waiting import Waiting, changed_by, vouching, why_asked

SHORT = 600  # characters of a value that are shown without asking for more
DONE = {"approve": "approved", "reject": "rejected", "answer": "answered"}
TONE = {"✓": "good", "✗": "bad"}


@dataclass(frozen=True, slots=True)
class Value:
    """An argument of a call, with what vouches for it."""

    name: str
    text: str
    mark: str = ""
    words: str = ""
    number: str = ""  # where it is one, as it is written
    by: str = ""  # who put it there, where that is a person
    was: str = ""  # what the agent had there then

    @property
    def tone(self) -> str:
        return TONE.get(self.mark, "off")

    @property
    def prose(self) -> bool:
        """Read as a text, rather than checked letter by letter."""
        return "\n" in self.text or len(self.text) > 80

    @property
    def long(self) -> bool:
        return len(self.text) > SHORT


@dataclass(frozen=True, slots=True)
class Item:
    """Of a page; `decides`: whoever looks has a role that decides anything."""

    one: Waiting
    decides: bool = True
    sent: Mapping[str, str] | None = None  # what was typed to change it, where that could not be
    wrong: Mapping[str, str] | None = None

    @property
    def key(self) -> str:
        return key_of(self.one.row.run, self.one.row.ask_id)

    @property
    def run(self) -> UUID:
        return self.one.row.run

    @property
    def ask(self) -> str:
        return self.one.row.ask_id

    @property
    def path(self) -> str:
        return f"/inbox/{self.run}/{self.ask}"

    @property
    def seal(self) -> str:
        return seal(self.one.asked)

    @property
    def title(self) -> str:
        if self.one.call is None or self.one.asks_in_words:
            return {"question": "Question", "doubt": "What became of it?", "budget": "Budget"}.get(
                self.one.asked.kind, self.one.asked.kind
            )
        return self.one.call.call.tool

    @property
    def talk(self) -> str:
        """Where the conversation is that a run answers, or are those with whom a playbook has colleagues see to; empty: nowhere."""
        started = self.one.state.started
        if started is None or started.began is None:
            return ""
        if started.began.kind in ("chat", "mail", "sms"):
            return f"/people/conversations/run:{self.run}"
        whom = started.inputs.get("person") if started.began.kind == "decision" else None
        return f"/people/{whom['id']}#talks" if isinstance(whom, Mapping) and "id" in whom else ""

    @property
    def values(self) -> list[Value]:
        call = self.one.call
        if call is None or self.one.asks_in_words:
            return []
        return [_value(name, value, self.one) for name, value in given(self.one.state, call).items()]

    @property
    def fields(self) -> list[Field]:
        """By which the call can be changed."""
        call = self.one.call
        if call is None or not self.may_reject or self.one.asked.kind != "approval":
            return []
        return fields(self.one.state, call, self.sent, self.wrong)

    @property
    def reasons(self) -> list[tuple[str, str]]:
        return list(why_asked(self.one))

    @property
    def records(self) -> dict[str, Json]:
        return self.one.judged.records if self.one.judged else {}

    @property
    def final(self) -> bool:
        """Whether a yes cannot be taken back."""
        return self.one.judged is not None and self.one.judged.effect == "destroy"

    @property
    def wants(self) -> str:
        return needs(self.one.asked)

    @property
    def left(self) -> str:
        """How many must say yes still, where some have."""
        return missing(self.one.asked, self.one.endorsed) if self.one.endorsed else ""

    @property
    def not_you(self) -> str:
        """Why they may not say yes."""
        if not self.decides:
            return "your role looks on, and decides nothing"
        return "" if self.one.asks_in_words else bare(self.one.barred, self.ask)

    @property
    def may_approve(self) -> bool:
        return self.decides and not self.one.barred and not self.one.asks_in_words

    @property
    def may_reject(self) -> bool:
        return self.decides and not self.one.unheard and not self.one.asks_in_words

    @property
    def may_answer(self) -> bool:
        return self.decides and not self.one.unheard and self.one.asked.kind == "question"

    @property
    def may_remember(self) -> bool:
        judged = self.one.judged
        if not self.may_approve or judged is None or self.one.asked.kind != "approval":
            return False
        return self.one.asked.persons == 1 and not any(UNDECIDED in reason for reason in judged.reasons)

    @property
    def may_delegate(self) -> bool:
        """Whether it was put to them, or to somebody for whom they speak."""
        asked = self.one.asked
        if not asked.by or not self.decides:
            return False
        return self.may_reject or any(same(self.one.who, name) for name in (*asked.by, *asked.to))

    @property
    def handed_by_me(self) -> str:
        """To whom they have handed this one over."""
        return self.one.state.handed.get(self.ask, {}).get(self.one.who, "")

    @property
    def mark(self) -> str:
        """Of all that a page shows of it but times: another one, and it is shown anew."""
        what = (self.seal, self.values, self.reasons, self.one.endorsed, self.one.handed, self.one.barred)
        return hashlib.sha256(repr((what, self.one.quiet, self.one.unheard)).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Block:
    """What one run asks."""

    run: UUID
    items: tuple[Item, ...]

    @property
    def first(self) -> Waiting:
        return self.items[0].one

    @property
    def whom(self) -> str:
        person = self.first.person
        return person.email or person.id or person.name

    @property
    def calls(self) -> list[Item]:
        """Those that a person may say yes to at once."""
        return [item for item in self.items if item.may_approve and item.one.asked.kind == "approval"]


@dataclass(frozen=True, slots=True)
class Note:
    """What came of something that a person did, or that others did meanwhile."""

    text: str
    tone: str = "good"


def blocks(found: Sequence[Waiting], decides: Callable[[str], bool] = lambda agent: True) -> list[Block]:
    """`decides`: whether whoever looks has a role that decides anything of an agent's."""
    return [
        Block(run, tuple(Item(one, decides(one.row.agent)) for one in several))
        for run, several in groupby(found, key=lambda one: one.row.run)
    ]


def key_of(run: UUID, ask: str) -> str:
    """By which a page names it, whatever its number is made of."""
    return "ask-" + hashlib.sha256(f"{run} {ask}".encode()).hexdigest()[:16]


def bare(words: str, ask: str) -> str:
    """Without the number of what they are about, beneath which they stand."""
    return words.removeprefix(f"{ask}: ").removeprefix(f"{ask} ")


def became(state: State, ask: str) -> Note:
    """What became of something that waits no more."""
    reply, changed = state.replies.get(ask), state.amended.get(ask)
    if changed is not None:
        return Note(f"{changed.by} has changed the call, and what is asked is another", "off")
    if reply is not None:
        said = f"{DONE[reply.decision]} by {reply.by}" + (f": {reply.text}" if reply.text else "")
        return Note(f"It was {said}", "off" if reply.decision == "reject" else "good")
    if state.finished is not None:
        return Note(f"It waits no more: the run has ended, {state.status}", "off")
    return Note("It waits no more", "off")


def what(state: State, ask: str) -> str:
    """In a few words, what was asked."""
    asked = state.asked.get(ask)
    call = state.calls.get(asked.call_id) if asked else None
    if asked is None:
        return ask
    if call is None or asked.kind == "question":
        return asked.text
    values = ", ".join(_brief(given(state, call).values()))
    return f"{call.call.tool} {values}".strip()


def _brief(values: Iterable[Json]) -> Iterable[str]:
    for value in values:
        text = " ".join(plain(value).split())
        yield text if len(text) <= 60 else text[:60] + "…"


def _value(name: str, value: Json, one: Waiting) -> Value:
    mark, words = vouching(name, one.judged) or ("", "")
    number = (
        str(value) if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0 else ""
    )
    by, was = changed_by(one, name) or ("", "")
    return Value(shown(name), plain(value), mark, words, number, by, plain(was))
