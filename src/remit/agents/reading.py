"""What a run has read, kept for the gate: whose word stands behind a value, and where a stranger wrote it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from remit.gate.fields import NAMED, TRUSTED
from remit.gate.held import UNSAID, Secrecy
from remit.gate.known import Known
from remit.gate.proposal import NOTHING
from remit.gate.read import Read
from remit.journal.events import Acted, AnyBody, Json, Started
from remit.journal.refs import QUOTED, given, refers
from remit.journal.state import CallState, State

SHELLS = frozenset({"shell_run"})  # reach all the files of a run, without naming them
LEARNED = (Acted, Started)  # of which something is learned
SHOWN = 60  # characters of what a source was asked for


def learn(known: Known, state: State, body: AnyBody) -> None:
    """Take in what an event, applied to `state` already, says; in the order of the journal.

    What a model wrote vouches for nothing: not the task of a child, and not what the run's own notes and children give back.
    """
    if body.__class__ is Acted:
        if body.confidential or body.values or known.labelled:
            _outcome(known, state, body)
        else:
            known.put_off(_outcome, state, body)
    elif isinstance(body, Started):
        handed = Secrecy(values=body.values, had=body.confidential) if body.confidential else UNSAID
        known.learn(body.quoted, False, "what came with the goal", body.task, call=QUOTED, secrecy=handed)


def _outcome(known: Known, state: State, body: Acted) -> None:
    """What came of a call, which is the same whenever it is asked about: no call changes after its outcome."""
    call = state.calls.get(body.call_id)
    if call is None:
        return
    told, args = body.status == "ok", given(state, call)
    trusted, member, fields = False, False, NOTHING
    if told and body.effect != "self":  # somebody else's word
        trusted, member, fields = body.integrity in TRUSTED, body.integrity == NAMED, body.fields
    # Of what went wrong nothing vouches for a value; but an error may hold one that not everybody may have.
    result = body.result if told or body.confidential else None
    labelled = known.labelled or body.confidential or body.values
    secrecy = _secrecy(state, call, body) if labelled else UNSAID
    known.take(
        Read(result, trusted, partial(source, args, body), args, fields, body.call_id, member, secrecy)
    )


def _secrecy(state: State, call: CallState, body: Acted) -> Secrecy:
    person = state.started.person.model_dump() if state.started and body.confidential else {}
    return Secrecy(
        declared=body.confidential,
        values=body.values,
        refs=refers(state, call),
        inside=body.effect in ("read", "self"),
        wrote=body.effect == "self",
        anything=body.tool in SHELLS,
        person=person,
    )


def said(state: State) -> str:
    """What persons wrote in this run: the goal, and their answers to its questions."""
    goal = state.started.goal if state.started else ""
    if not state.replies:
        return goal
    answers = [
        reply.text
        for ask_id, reply in state.replies.items()
        if reply.decision == "answer" and state.asked[ask_id].kind == "question"
    ]
    return "\n\n".join([goal, *answers]) if answers else goal


def source(args: Mapping[str, Json], body: Acted) -> str:
    """In words, as `read_page https://shop.example`."""
    if body.origin:
        return body.origin
    name = body.source or body.tool
    asked = next((value for value in args.values() if isinstance(value, str) and not value.isspace()), "")
    if not asked:
        return name
    words = " ".join(asked[: 4 * SHOWN].split())
    return f"{name} {words if len(words) <= SHOWN else words[: SHOWN - 1] + '…'}"
