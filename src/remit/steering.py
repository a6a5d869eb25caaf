"""What people do to a run from outside: answer, pause, resume, cancel, take back. Each is an event like any other, appended
whoever advances the run; they read it again and go on from there."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from remit.agents.live import Live
from remit.agents.workspace import Workspace, hours, limits
from remit.away import Away, list_away
from remit.errors import Mend, NotWaiting, StaleWriter, UnknownName, UserError
from remit.gate.approval import (
    ALONE,
    Decision,
    decided,
    endorsed_of,
    may_hand_over,
    not_for_good,
    terms_of,
)
from remit.gate.remembered import UNDECIDED, Bound, Remembered, bind
from remit.gate.standing import Circle, Handover, Hours, Limit, quiet_of
from remit.journal.events import (
    AnyBody,
    Asked,
    Endorsed,
    Finished,
    Granted,
    HandedOver,
    Paused,
    Person,
    Replied,
    Resumed,
    Started,
    UndoWanted,
    Woken,
)
from remit.journal.facts import facts_with
from remit.journal.journal import Journal
from remit.journal.refs import given
from remit.journal.restore import restore
from remit.journal.state import CallState, State
from remit.outfit import agent_of, outfit
from remit.remembered import remember
from remit.settings import Settings
from remit.store.store import Store

RELOADS = 100  # times that a run is read again because somebody else appended to it meanwhile


class Steering(ABC):
    """The part of an App that steers runs."""

    settings: Settings
    store: Store
    journal: Journal
    lives: dict[UUID, Live]  # what this process advances now

    @abstractmethod
    async def state(self, run: UUID) -> State: ...

    @abstractmethod
    async def advance(self, run: UUID) -> State: ...

    @abstractmethod
    async def rules(self, workspace: str = "") -> Workspace:
        """Those for every agent that hold now. Raises SpecError or UserError where they cannot be used."""

    async def answer(
        self,
        run: UUID,
        decision: Decision,
        by: str,
        text: str = "",
        ask: str = "",
        seen: Callable[[Asked], bool] = lambda asked: True,
    ) -> Replied | Endorsed:
        """Record a person's word on what a run waits for. With one thing waiting, `ask` may be left out. An Endorsed is a
        yes that others must say as well. `seen`: whether it is what the person was shown.

        Raises NotWaiting with what became of it, UserError where it is unclear what is meant, or not theirs to say.
        """
        now, people = await self.now(), await self.people()

        def reply(state: State) -> Replied | Endorsed:
            asked = meant(state, ask)
            if not seen(asked):
                raise NotWaiting(f"{asked.ask_id} of run {run} asks for something else by now; look again")
            return word(state, asked, decision, by, text, now, people.about(state, asked))

        body = await self._append_outside(run, reply)
        assert isinstance(body, Replied | Endorsed)
        return body

    async def answer_all(
        self,
        run: UUID,
        decision: Decision,
        by: str,
        text: str = "",
        seen: Callable[[Asked], bool] = lambda asked: True,
    ) -> list[Replied | Endorsed]:
        """Record a person's word on each call that a run asks about now and that is theirs to decide, in one append. Each is
        for its own call, as if it had been given alone. `seen`: only those that were shown to them.
        Raises NotWaiting, UserError where there is none."""
        now, people = await self.now(), await self.people()

        def reply(state: State) -> list[AnyBody]:
            calls = [asked for asked in state.waits.values() if asked.kind == "approval" and seen(asked)]
            if not calls:
                meant(state, next(iter(state.waits), ""))
                raise NotWaiting(f"run {run} asks about no call: it is {state.status}")
            theirs = [a for a in calls if not barred(state, a, decision, by, now, people.about(state, a))]
            return [
                word(state, asked, decision, by, text, now, people.about(state, asked))
                for asked in theirs or calls[:1]
            ]

        bodies = await self._append_all(run, reply)
        return [body for body in bodies if isinstance(body, Replied | Endorsed)]

    async def answer_and_remember(
        self,
        run: UUID,
        by: str,
        wanted: Sequence[str],
        text: str = "",
        ask: str = "",
        seen: Callable[[Asked], bool] = lambda asked: True,
    ) -> Remembered:
        """Say yes to a call, and to others of that agent and tool that the same rule asks about and that are alike in what
        `wanted` names (`to`, `amount<=50`), until somebody forgets it. A crash between the two leaves the yes alone.

        Raises NotWaiting, UserError as `answer`, and where it cannot be remembered.
        """
        would = await self.would_remember(run, by, wanted, ask)
        await self.answer(run, "approve", by, text, would.ask, seen)
        return await remember(
            self.store, would.agent, would.tool, would.rule, would.bounds, by, run, would.ask
        )

    async def would_remember(self, run: UUID, by: str, wanted: Sequence[str], ask: str = "") -> Standing:
        """What would be remembered of such a yes; nothing is done. Raises NotWaiting, UserError where it cannot be."""
        state = await self.state(run)
        asked = meant(state, ask)
        call = state.calls.get(asked.call_id)
        if asked.kind != "approval" or call is None or call.judged is None or state.started is None:
            raise UserError(f"{asked.ask_id} is no call that could be remembered")
        rule, tool = call.judged.rule, outfit(agent_of(state.started)).tools.get(call.call.tool)
        if asked.persons > 1 or any(UNDECIDED in reason for reason in call.judged.reasons):
            why = "two people look each time" if asked.persons > 1 else "the rule could not be decided"
            raise UserError(f"{asked.ask_id} is asked each time: {why}; say yes without --remember")
        bounds = bind(wanted, given(state, call), tool.sinks if tool else {}, call.judged.evidence)
        if why := not_for_good(terms_of(state, asked), by, bounds, (await self.people()).about(state, asked)):
            raise UserError(f"{asked.ask_id}: {why}; say yes without --remember")
        return Standing(state.started.agent, call.call.tool, rule, bounds, asked.ask_id)

    async def hand_over(self, run: UUID, by: str, to: str, ask: str = "") -> HandedOver:
        """Let `to` decide in place of `by` what a run asks; empty: nobody any more. Raises NotWaiting, UserError where it is
        not theirs to hand over, or would go round in a circle."""
        now, people = await self.now(), await self.people()

        def hand(state: State) -> HandedOver:
            asked = meant(state, ask)
            before = state.handed.get(asked.ask_id, {}).get(by)
            if not to and before is None:
                raise UserError(f"{asked.ask_id} of run {run} is not handed over by {by}")
            rest = people.about(state, asked, but=by)
            if to and (why := may_hand_over(terms_of(state, asked), by, to, rest, now)):
                raise UserError(f"{asked.ask_id}: {why}")
            return HandedOver(ask_id=asked.ask_id, by=by, to=to)

        body = await self._append_outside(run, hand)
        assert isinstance(body, HandedOver)
        return body

    async def people(self) -> People:
        """Who may speak for whom now, and how far each yes goes."""
        workspace = await self.rules()
        return People(await list_away(self.store), limits(workspace), hours(workspace))

    async def pause(self, run: UUID, by: str, over: int | None = None) -> None:
        """Stop a run and its children, each at its next event; with `over`, the run alone as long as this takeover stands. A running
        effect is not broken off; its outcome is still recorded. Raises NotWaiting if the run has ended."""

        def paused(state: State) -> AnyBody | None:
            already = state.stopped if over is None else state.over == over
            return _unless_ended(state, Paused(by=by, over=over), already)

        await self._append_outside(run, paused)
        for child in await self._children(run) if over is None else ():
            with suppress(NotWaiting, UserError):  # it has ended, or was not begun yet
                await self.pause(child, by)

    async def resume(self, run: UUID, by: str, over: int | None = None, words: str = "") -> None:
        """Let a run and its children go on; with `over`, once this takeover is over, and it is told `words`. Raises NotWaiting if the
        run has ended."""

        def resumed(state: State) -> AnyBody | None:
            already = not state.stopped if over is None else state.over != over
            return _unless_ended(state, Resumed(by=by, over=over, words=words), already)

        for child in await self._children(run) if over is None else ():
            with suppress(NotWaiting, UserError):
                await self.resume(child, by)
        await self._append_outside(run, resumed)

    async def wake(self, run: UUID, why: str, waits: Callable[[CallState], bool]) -> bool:
        """Have the calls that sleep, and of which `waits` holds, go on before their time; whether there is any."""

        def woken(state: State) -> list[AnyBody]:
            asleep = (call for name in state.timers if (call := state.calls.get(name)) is not None)
            return [Woken(why=why, call_id=call.call.id) for call in asleep if waits(call)]

        return bool(await self._append_all(run, woken))

    async def cancel(self, run: UUID, by: str, why: str = "") -> None:
        """End a run and its children. What a tool of it is doing is broken off within a heartbeat; what became of an
        effect that was under way is found out and recorded."""
        before = await self.state(run)
        ended = Finished(status="cancelled", why=f"{by}: {why}".rstrip(": "))
        await self._append_outside(run, lambda state: _unless_ended(state, ended))
        for delegated in before.children.values():
            with suppress(NotWaiting, UserError):  # it has ended, or was not begun yet and never will be
                await self.cancel(delegated.child, by, why)
        if run in self.lives:
            self.lives[run].interrupt()
        elif any(call.doubtful for call in before.open.values()):
            with suppress(StaleWriter):  # whoever has the run does it
                await self.advance(run)

    async def put_before_person(self, run: UUID, why: str) -> None:
        """A run that cannot be advanced as things are (a tool of its spec is gone, a variable is not set) waits for a
        person, rather than being tried again and again."""

        def ask(state: State) -> Asked | None:
            if state.finished or any(ask_id.startswith("broken") for ask_id in state.waits):
                return None
            number = 1 + sum(ask_id.startswith("broken") for ask_id in state.asked)
            text = (
                f"It cannot go on: {why} Approve to try again once that is mended, or reject to end the run."
            )
            return Asked(ask_id=f"broken{number}", kind="question", text=text)

        await self._append_outside(run, ask)

    async def undo(self, run: UUID, call_id: str, by: str) -> State:
        """Take an effect back as its tool declares, once. Raises UserError where there is nothing to undo."""

        def want(state: State) -> UndoWanted | None:
            call = state.calls.get(call_id)
            if call is None or call not in state.effects:
                raise UnknownName("effect", call_id, [effect.call.id for effect in state.effects])
            tool = outfit(agent_of(state.started)).tools.get(call.call.tool) if state.started else None
            if tool is None or tool.undo is None:
                raise UserError(f"{call.call.tool} does not say how it is undone; undo it in its own system")
            if call.undone:
                raise UserError(f"{call_id} of run {run} is undone already")
            return None if f"undo:{call_id}" in state.open else UndoWanted(call_id=call_id, by=by)

        await self.state(run)  # theirs, or there is none
        await restore(self.store.as_owner(), run)  # where it lies in the archive
        await self._append_outside(run, want)
        return await self.advance(run)

    async def widen(self, run: UUID, tool: str, times: int, by: str) -> State:
        """Let the run use a tool so many times more than its goal was read to ask for. Raises UserError for a run that
        has no grant, UnknownName for no tool of its agent's that acts."""

        def more(state: State) -> Granted:
            if state.finished or state.started is None:
                raise UserError(f"run {run} has ended")
            if state.grant is None:
                raise UserError(f"run {run} has no grant: its agent's rules alone decide")
            tools = outfit(agent_of(state.started)).tools
            effects = [name for name, one in tools.items() if one.effect in ("egress", "destroy")]
            if tool not in effects:
                raise UnknownName("tool", tool, effects)
            return Granted(tools=state.grant | {tool: state.grant.get(tool, 0) + times}, by=by)

        await self._append_outside(run, more)
        return await self.state(run)

    async def now(self) -> datetime:
        """The time by the database's clock."""
        async with self.store.pool.connection() as connection:
            row = await (await connection.execute("select clock_timestamp()")).fetchone()
        assert row is not None
        now: datetime = row[0]
        return now

    async def _children(self, run: UUID) -> list[UUID]:
        """Those that have not returned yet."""
        return [delegated.child for delegated in (await self.state(run)).children.values()]

    async def _append_outside(self, run: UUID, make: Callable[[State], AnyBody | None]) -> AnyBody | None:
        """Append what `make` says of the run's state now; whoever advances it meanwhile reads it again."""

        def several(state: State) -> list[AnyBody]:
            body = make(state)
            return [] if body is None else [body]

        return next(iter(await self._append_all(run, several)), None)

    async def _append_all(self, run: UUID, make: Callable[[State], list[AnyBody]]) -> list[AnyBody]:
        """The same for several, in one append."""
        for _ in range(RELOADS):
            state = await self.state(run)
            after, bodies = state.seq, make(state)
            if not bodies:
                return []
            try:
                await self.journal.append(run, after, bodies, facts_with(state, bodies))
            except StaleWriter:
                continue
            return bodies
        raise StaleWriter(f"run {run} is being changed by somebody else all the time; try again")


@dataclass(frozen=True, slots=True)
class People:
    """What is known of people beside the journal of a run."""

    away: Sequence[Away] = ()
    limits: Sequence[Limit] = ()
    hours: Sequence[Hours] = ()

    def quiet(self, asked: Asked, now: datetime) -> str:
        """Until when nobody is asked who may decide, in words; empty where somebody is."""
        late = asked.escalates is not None and asked.escalates <= now
        quiet = quiet_of((*asked.by, *(asked.to if late else ())), self.hours)
        if asked.urgent or not quiet or not all(one is not None and one.at(now) for one in quiet):
            return ""
        first = min((one for one in quiet if one is not None), key=lambda one: one.change(now))
        return first.words(now)

    def about(self, state: State, asked: Asked, but: str = "") -> Circle:
        """With what was handed over of this question; `but`: not by this person."""
        handed = [Handover(by, to) for by, to in state.handed.get(asked.ask_id, {}).items() if by != but]
        handovers = (*handed, *(one.handover for one in self.away))
        call = state.calls.get(asked.call_id)
        if not self.limits or call is None or state.started is None:
            return Circle(handovers, self.limits)
        return Circle(handovers, self.limits, call.call.tool, _facts(state, state.started, call))


def _facts(state: State, started: Started, call: CallState) -> dict[str, object]:
    """What limits may ask about: the call as it was judged. Arguments are those that the tool would get."""
    args, judged = given(state, call), call.judged
    tool = outfit(agent_of(started)).tools.get(call.call.tool)
    with suppress(Mend):
        args = tool.validate(args) if tool and tool.validate else args
    return {
        **(judged.records if judged else {}),
        "args": dict(args),
        "person": started.person.model_dump(),
        "inputs": dict(started.inputs),
        "evidence": dict(judged.evidence) if judged else {},
        "run": {"untrusted": state.untrusted, "goal": started.goal, "counts": dict(state.counts)},
    }


@dataclass(frozen=True, slots=True)
class Standing:
    """A yes that would stand: for which calls, in place of which rule."""

    agent: str
    tool: str
    rule: str
    bounds: tuple[Bound, ...]
    ask: str


def barred(
    state: State, asked: Asked, decision: Decision, by: str, now: datetime, circle: Circle = ALONE
) -> str:
    """Why a person may not say that now to what a run asks; empty where they may."""
    try:
        word(state, asked, decision, by, "", now, circle)
    except UserError as error:
        return str(error)
    return ""


def meant(state: State, ask: str) -> Asked:
    """What of the things that a run waits for is meant. Raises NotWaiting, UserError."""
    run, waiting = state.run, list(state.waits)
    if ask in state.amended:
        raise NotWaiting(f"{ask} of run {run} waits no more: {state.amended[ask].by} has changed the call")
    if done := state.replies.get(ask):
        raise NotWaiting(f"{ask} of run {run} was already answered: {done.decision} by {done.by}")
    if state.finished is not None:
        raise NotWaiting(f"run {run} has already ended: {state.status}")
    if not waiting:
        raise NotWaiting(f"run {run} waits for nothing: it is {state.status}")
    if ask and ask not in state.waits:
        raise UnknownName("waiting item", ask, waiting)
    if not ask and len(waiting) > 1:
        raise UserError(f"run {run} waits for several things; name one: {', '.join(waiting)}")
    return state.waits[ask or waiting[0]]


def word(
    state: State, asked: Asked, decision: Decision, by: str, text: str, now: datetime, circle: Circle
) -> Replied | Endorsed:
    """A person's word on something that a run waits for. Raises NotWaiting, UserError."""
    endorsed = endorsed_of(state.calls.get(asked.call_id), asked)
    person = state.started.person if state.started else Person()
    return decided(terms_of(state, asked), endorsed, person, decision, by, text, now, circle)


def _unless_ended(state: State, body: AnyBody, already: bool = False) -> AnyBody | None:
    if state.finished is not None:
        raise NotWaiting(f"run {state.run} has already ended: {state.status}")
    return None if already else body
