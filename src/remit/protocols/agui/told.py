"""A run's journal as AG-UI's events (https://docs.ag-ui.com/spec/1.0). What is opened is closed before the stream ends."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from ag_ui.core import (
    BaseEvent,
    Interrupt,
    RunErrorEvent,
    RunFinishedCancelledOutcome,
    RunFinishedEvent,
    RunFinishedInterruptOutcome,
    RunFinishedSuccessOutcome,
    StateDeltaEvent,
    StateSnapshotEvent,
    StepFinishedEvent,
    StepStartedEvent,
    TextMessageContentEvent,
    TextMessageEndEvent,
    TextMessageStartEvent,
    TokenUsage,
    ToolCallArgsEvent,
    ToolCallEndEvent,
    ToolCallResultEvent,
    ToolCallStartEvent,
)

from remit.agents.think import OWN
from remit.feed import Said
from remit.gate.approval import seal
from remit.journal.events import Acted, Answered, Event, Finished
from remit.journal.refs import given
from remit.journal.state import State, apply
from remit.protocols.asked import Question

Json = Any
YES_OR_NO = {
    "type": "object",
    "properties": {
        "approved": {"type": "boolean"},
        "reason": {"type": "string"},
        "changes": {"type": "object", "description": "Arguments of the call that are to be others, by name."},
    },
    "required": ["approved"],
}
IN_WORDS = {"type": "object", "properties": {"answer": {"type": "string"}}, "required": ["answer"]}


@dataclass
class Teller:
    """What of a run is told already, down one stream."""

    run: UUID
    thread: str
    number: str  # of the run as the client counts them: this stream
    link: str
    state: State = field(default_factory=State)
    seen: dict[str, Json] = field(default_factory=dict)  # the shared state as the client has it
    calls: set[str] = field(default_factory=set)  # whose result may be told
    usage: list[TokenUsage] = field(default_factory=list)
    _step: str = ""
    _message: str = ""
    _text: str = ""  # of the message under way
    _last: str = ""  # the message before

    def past(self, events: Sequence[Event]) -> None:
        """What was told down another stream."""
        for event in events:
            apply(self.state, event)
        self.calls |= {call.call.id for call in self.state.open.values()}

    def begin(self) -> Iterator[BaseEvent]:
        """The shared state, which is changed by deltas from here on."""
        self.seen = self._shared()
        yield StateSnapshotEvent(snapshot=self.seen)

    def of(self, one: Event | Said) -> Iterator[BaseEvent]:
        """One event of the journal, or a piece of what the model says."""
        if isinstance(one, Said):
            yield from self._open(f"step {self.state.steps + 1}")
            yield from self._say(one.text)
            return
        apply(self.state, one)
        match one.body:
            case Answered() as body if body.purpose == "act":
                yield from self._answered(body)
            case Acted() as body if body.call_id in self.calls:
                self.calls.discard(body.call_id)
                yield self._result(one, body)
        if isinstance(one.body, Answered):
            self._count(one.body)
        yield from self._changed()

    def end(self, questions: Sequence[Question]) -> Iterator[BaseEvent]:
        """How the stream ends: with the run, or with what it asks."""
        finished = self.state.finished
        if finished is not None and finished.report.strip() not in ("", self._last.strip()):
            yield from self._say(finished.report)
        yield from self._close()
        if finished is None:
            yield self._finished(outcome=RunFinishedInterruptOutcome(interrupts=self._interrupts(questions)))
        elif finished.status == "failed":
            yield RunErrorEvent(message=finished.why or "the run failed", code="failed")
        elif finished.status == "cancelled":
            yield self._finished(outcome=RunFinishedCancelledOutcome())
        else:
            yield self._finished(result=_told(finished), outcome=RunFinishedSuccessOutcome())

    def fail(self, message: str, code: str) -> Iterator[BaseEvent]:
        yield from self._close()
        yield RunErrorEvent(message=message, code=code)

    def _answered(self, body: Answered) -> Iterator[BaseEvent]:
        yield from self._open(f"step {self.state.steps}")
        said = self._text if self._message else ""
        if body.text.startswith(said):
            rest = body.text[len(said) :]
        else:  # it was tried again, and came out otherwise
            yield from self._shut()
            rest = body.text
        if rest.strip() and rest.strip() != self._last.strip():
            yield from self._say(rest)
        yield from self._shut()
        self._last = body.text
        for call in body.calls:
            if call.tool != "finish":
                self.calls.add(call.id)
                name = self._call(call.id)
                yield ToolCallStartEvent(tool_call_id=name, tool_call_name=call.tool)
                yield ToolCallArgsEvent(tool_call_id=name, delta=json.dumps(call.args, ensure_ascii=False))
                yield ToolCallEndEvent(tool_call_id=name)

    def _result(self, event: Event, body: Acted) -> BaseEvent:
        result: Json = body.result if body.status == "ok" else {"status": body.status, "result": body.result}
        text = result if isinstance(result, str) else json.dumps(result, ensure_ascii=False, default=str)
        number = f"{self.run}-{event.seq}"
        return ToolCallResultEvent(
            message_id=number, tool_call_id=self._call(body.call_id), content=text, role="tool"
        )

    def _open(self, step: str) -> Iterator[BaseEvent]:
        if step != self._step:
            yield from self._close()
            self._step = step
            yield StepStartedEvent(step_name=step)

    def _say(self, text: str) -> Iterator[BaseEvent]:
        if not self._message:
            self._message, self._text = f"{self.run}-{self.number}-{self.state.seq}", ""
            yield TextMessageStartEvent(message_id=self._message, role="assistant")
        if text:
            self._text += text
            yield TextMessageContentEvent(message_id=self._message, delta=text)

    def _shut(self) -> Iterator[BaseEvent]:
        if self._message:
            yield TextMessageEndEvent(message_id=self._message)
            self._message, self._last, self._text = "", self._text, ""

    def _close(self) -> Iterator[BaseEvent]:
        yield from self._shut()
        if self._step:
            yield StepFinishedEvent(step_name=self._step)
            self._step = ""

    def _changed(self) -> Iterator[BaseEvent]:
        now = self._shared()
        changes = [name for name, value in now.items() if self.seen.get(name) != value]
        if self.seen and changes:
            patch = [{"op": "replace", "path": f"/{name}", "value": now[name]} for name in changes]
            yield StateDeltaEvent.model_validate({"delta": patch})
        self.seen = now if self.seen else {}

    def _shared(self) -> dict[str, Json]:
        state = self.state
        plan = state.plan
        return {
            "run": str(self.run),
            "link": self.link,
            "status": state.status,
            "steps": state.steps,
            "cost": str(state.spent),
            "plan": [{"step": step, "done": n in plan.done} for n, step in enumerate(plan.steps)]
            if plan
            else [],
        }

    def _count(self, body: Answered) -> None:
        """Of this stream only: what another told is in its own end."""
        models = [one.model for one in self.usage]
        if body.model not in models:
            self.usage.append(TokenUsage(model=body.model, input_tokens=0, output_tokens=0))
        at = models.index(body.model) if body.model in models else len(models)
        was = self.usage[at]
        read, said = (
            (was.input_tokens or 0) + body.input_tokens,
            (was.output_tokens or 0) + body.output_tokens,
        )
        cached = (was.cached_input_tokens or 0) + body.cached_tokens
        self.usage[at] = TokenUsage(
            model=body.model,
            input_tokens=read,
            output_tokens=said,
            total_tokens=read + said,
            cached_input_tokens=cached,
        )

    def _interrupts(self, questions: Sequence[Question]) -> list[Interrupt]:
        """What the run asks: those that the caller may decide as they are put to them, of the others only where."""
        theirs = {one.ask: one for one in questions}
        found = []
        for asked in self.state.waits.values():
            mine = theirs.get(asked.ask_id)
            call = self.state.calls.get(asked.call_id)
            key = mine.key if mine else f"{asked.ask_id}:{seal(asked)[-12:]}"
            args = dict(given(self.state, call)) if call else {}
            found.append(
                Interrupt(
                    id=f"{self.run}:{key}",
                    reason="tool_call" if asked.kind == "approval" else "input_required",
                    message=mine.words if mine else f"Somebody else decides this: {self.link}",
                    tool_call_id=self._call(asked.call_id) if call and call.call.tool not in OWN else None,
                    response_schema=None if mine is None else IN_WORDS if mine.in_words else YES_OR_NO,
                    expires_at=asked.expires.isoformat() if asked.expires else None,
                    metadata={
                        "run": str(self.run),
                        "ask": asked.ask_id,
                        "kind": asked.kind,
                        "link": self.link,
                    }
                    | ({"args": args} if mine and args else {}),
                )
            )
        return found

    def _finished(self, **more: Any) -> BaseEvent:
        return RunFinishedEvent(thread_id=self.thread, run_id=self.number, usage=self.usage or None, **more)

    def _call(self, call: str) -> str:
        return f"{self.run}-{call}"


def _told(finished: Finished) -> dict[str, Json]:
    return {
        "status": finished.status,
        "report": finished.report,
        "output": finished.output,
        "why": finished.why,
    }
