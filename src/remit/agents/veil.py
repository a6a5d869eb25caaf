"""What a planner behind an airlock is shown of what strangers wrote: handles by which it can pass a text on, the numbers
and yes-or-nos in it, and the form that the airlock made of it. Folded from the journal; nothing is shown before its form
is there, whoever died meanwhile.

Hidden is every text that no trusted source says, and every name of a field that neither the tool nor the spec names. So is
what would give such a text back: the result of a call that it was passed to, and the words by which the gate, a tool or
a check refuses one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic_core import to_json

from remit.agents.spec import Agent
from remit.errors import Mend
from remit.gate.fields import REST, TRUSTED, Spot, at, spot, steps_of
from remit.journal.events import Acted, Screened, Started
from remit.journal.refs import KEY, QUOTED, arguments, nth
from remit.journal.state import CallState, State
from remit.tools.result import is_kept

Json = Any
LONGEST = 24_000  # characters of one result that are shown
KEPT = frozenset({"truncated", "bytes", "file", "head", "note"})  # fields of what stands for a longer result
HOW = """
What strangers wrote is not shown to you. In its place stand {"$ref": …} and what a reader without tools found in it, by a \
form. To pass such a text on, give exactly that {"$ref": …} as the argument; do not ask for its words."""
CLOSED = "strangers' words; they are still in the airlock"
DONE = "done; what it answered is not shown, since it was given a stranger's words"
UNREADABLE = "the airlock could make nothing of it"
# What the loop itself says to a call; a tool that says the same says no more than that.
LOOP = re.compile(
    r"you already (?:did|called) this in step [0-9.]{1,12}; "
    r"(?:it is done; call finish if nothing is left|its result is above, use it)"
)
MEND = (
    "error: the call does not fit the tool. What is wrong is not shown, since the call refers to a stranger's words or to "
    "nothing: refer to results as they stand before you, and where a text is wanted to a text, not to a whole result; a task "
    "to another agent is in words of your own"
)


@dataclass(frozen=True, slots=True)
class Hidden:
    """What of one result is not shown. `texts`: each with the path to it, as it is; for the airlock alone."""

    call_id: str
    seq: int  # of the event that brought it
    tool: str
    shown: Json  # the rest of it, with handles
    texts: tuple[tuple[str, str], ...]
    before: str = ""  # how its message begins
    refused: bool = False  # it came to nothing: there is no result to refer to


@dataclass(slots=True)
class Veil:
    """Of one run. `names`: of fields, that may be shown as they stand."""

    state: State
    names: frozenset[str] = frozenset()
    words: frozenset[str] = frozenset()  # what the rules of the spec say for themselves
    open: dict[str, Hidden] = field(default_factory=dict)  # call id -> not screened yet
    tainted: set[str] = field(default_factory=set)  # calls that were given a stranger's text

    def goal(self, started: Started, seq: int) -> str:
        """What stands in place of the text that came with the goal."""
        text = started.quoted.strip()
        return self._closed(Hidden(QUOTED, seq, "", {KEY: QUOTED}, (("", text),))) if text else ""

    def acted(self, body: Acted, rendered: str, seq: int) -> str:
        """What stands in place of a result, which is `rendered` to those who may see all."""
        call = self.state.calls.get(body.call_id)
        given = self.given(call) if call else "nothing"
        if given != "nothing":
            self.tainted.add(body.call_id)
        if body.status == "denied":
            return _refused(call, self.words) if call and call.judged else "refused"
        told = body.status in ("ok", "simulated")
        plain = given == "nothing" or body.status == "rejected" or LOOP.fullmatch(str(body.result))
        if body.integrity in TRUSTED and (plain or not told):
            return rendered if plain else MEND
        own = self.names | {step for path in body.fields for step in steps_of(path)} - {"*", "[]"}
        own |= KEPT if is_kept(body.result) else frozenset()
        fields = body.fields if told and given == "nothing" else {}
        shown, texts = veiled(body.result, fields or {REST: "untrusted"}, body.call_id, own)
        before = "" if body.status == "ok" else f"{body.status}: "
        if body.integrity in TRUSTED and body.effect in ("egress", "destroy"):
            return f"{before}{DONE}\n{cut(to_json(shown).decode())}"  # not worth a reading: the tool is the house's own
        hidden = Hidden(body.call_id, seq, body.tool, shown, tuple(texts), before, not told)
        return self._closed(hidden) if texts else before + cut(to_json(shown).decode())

    def _closed(self, hidden: Hidden) -> str:
        self.open[hidden.call_id] = hidden
        return f"{hidden.before}({CLOSED})"

    def screened(self, body: Screened) -> tuple[Hidden | None, str]:
        """What has come out of the airlock, and what its message says now; None where it was not in there."""
        hidden = self.open.pop(body.call_id, None)
        if hidden is None:
            return None, ""
        read = to_json(body.form).decode() if body.readable else UNREADABLE
        shown = "" if hidden.refused else f"\n{cut(to_json(hidden.shown).decode())}"
        return hidden, f"{hidden.before}(strangers' words, as the airlock has them) {read}{shown}"

    def given(self, call: CallState) -> str:
        """Whether a call was given by reference what strangers wrote, nothing of the kind, or what is not there."""
        try:
            _, refs = arguments(self.state, call)
        except Mend:
            return "what is not there"
        strange = any(self._strange(one.call, one.steps) for pointers in refs.values() for one in pointers)
        return "strangers" if strange else "nothing"

    def _strange(self, call_id: str, steps: Sequence[str]) -> bool:
        target = self.state.calls.get(call_id)
        if target is None or target.acted is None or call_id in self.tainted:
            return True
        fields = target.acted.fields or {REST: target.acted.integrity}
        return any(says not in TRUSTED for _, says in at(target.acted.result, fields, steps))


def veil_of(spec: Agent, state: State) -> Veil:
    """The veil of a run of the agent."""
    rules = (*spec.rules, *spec.inherited, *spec.workspace)
    conditions = (f"`{rule.allow or rule.ask or rule.deny}` does not hold" for rule in rules)
    words = frozenset((*(rule.because for rule in rules), *conditions)) - {""}
    return Veil(state, frozenset(spec.airlock.names), words)


def _refused(call: CallState, words: frozenset[str]) -> str:
    """By which rule, and for want of what: `words` of the spec, and none of the call's. The guardian has heard none either."""
    judged = call.judged
    assert judged is not None
    reasons = [reason.partition("could not be decided")[0].rstrip(" (:") for reason in judged.reasons]
    doubtful = [name for name, level in judged.evidence.items() if level == "unvouched"]
    wanting = [f"nothing vouches for {', '.join(doubtful)}"] if doubtful else []
    heard = judged.rule == "guardian"
    own = [reason for reason in reasons if heard or reason.removeprefix("not allowed:").strip() in words]
    return "refused: " + "; ".join([*(own or [judged.rule]), *wanting])


def veiled(
    value: Json, fields: Mapping[str, str], call_id: str, names: frozenset[str]
) -> tuple[Json, list[tuple[str, str]]]:
    """A result without the texts that no trusted source says, and these texts, each with the path to it."""
    texts: list[tuple[str, str]] = []

    def show(here: Spot, path: tuple[str, ...], handle: tuple[str, ...]) -> Json:
        value = here.value
        if value is None or isinstance(value, bool | int | float) or (here.settled and here.says in TRUSTED):
            return value
        if isinstance(value, list):
            return [show(item, (*path, at), (*handle, at)) for at, _, item in here.items()]
        if isinstance(value, Mapping):
            found, place = list(here.items()), {key: at for at, key in enumerate(nth(value))}
            called = [key if key in names or says in TRUSTED else f"*{place[key]}" for key, says, _ in found]
            return {
                name: show(item, (*path, key), (*handle, name))
                for name, (key, _, item) in zip(called, found, strict=True)
            }
        if here.says in TRUSTED or not str(value).strip():
            return value if here.says in TRUSTED else ""
        texts.append((_pointer(path), str(value)))
        return {KEY: f"{call_id}#{_pointer(handle)}" if handle else call_id}

    return show(spot(value, fields), (), ()), texts


def _pointer(steps: Sequence[str]) -> str:
    return "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in steps)


def cut(text: str) -> str:
    more = len(text) - LONGEST
    return f"{text[:LONGEST]}\n… {more} more characters are not shown" if more > 0 else text
