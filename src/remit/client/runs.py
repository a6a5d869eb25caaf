"""Begin runs, follow and steer them."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from os import PathLike, fspath
from os.path import basename
from typing import Any
from uuid import UUID, uuid4

from remit.client.parts import Held, Pages, Part, Several, W, Want, call, each, get, pages, post, stream, way
from remit.client.results import Child, Comparison, Effect, Event, Happened, Run, RunFile, RunRow, Status, Why
from remit.client.steps import Flow, Send, Steps, answered, first, followed
from remit.errors import UserError

Json = Any
Id = UUID | str
Files = Mapping[str, bytes] | Sequence[str | PathLike[str]]


class Runs(Part[W]):
    """Begin runs, follow and steer them."""

    @call
    def create(
        self,
        agent: str | Mapping[str, Json],
        goal: str,
        *,
        inputs: Mapping[str, Json] | None = None,
        quoted: str = "",
        files: Files = (),
        person: Mapping[str, str] | None = None,
        model: str | None = None,
        shadow: bool = False,
        priority: int = 0,
        key: str = "",
    ) -> Want[Run]:
        """Begin a run; it goes on without you. What is tried again here begins no second one; give a `key` of your own where
        your own process may try again. `files`: paths, or what they hold by name; 10 MB together. Raises UserError for one that
        cannot be read."""
        body: dict[str, Json] = {
            "agent": agent,
            "goal": goal,
            "inputs": dict(inputs or {}),
            "quoted": quoted,
            "files": [{"name": name, "content": b64encode(held).decode()} for name, held in held_of(files)]
            or None,
            "person": None if person is None else dict(person),
            "model": model,
            "shadow": shadow,
            "priority": priority,
        }
        return post(Run.of, "runs", body=body, headers={"idempotency-key": key or uuid4().hex}, harmless=True)

    @call
    def get(self, run: Id) -> Want[Run]:
        """How it stands."""
        return get(Run.of, "runs", run)

    @call
    def wait(self, run: Id, *, through_asks: bool = False) -> Waited:
        """The run when it has ended, or when it waits for a person; `through_asks`: only when it has ended."""
        return Waited(run, through_asks)

    @stream
    def events(self, run: Id, after: int = 0) -> Followed:
        """Each event after that number as it happens, until the run has ended; a line that breaks is taken up where it was."""
        return Followed(way("runs", run, "stream"), after)

    @stream
    def journal(self, run: Id, after: int = 0, *, page: int = 200) -> Pages[Event]:
        """The events after that number, as many as there are by now."""
        return pages(Event.of, "events", "runs", run, "events", turn="after", after=after, limit=page)

    @call
    def children(self, run: Id) -> Want[Several[Child]]:
        """The runs that it has delegated parts of its goal to, and theirs."""
        return get(each(Child, "children"), "runs", run, "children")

    @call
    def effects(self, run: Id, *, doubtful: bool = False) -> Want[Several[Effect]]:
        """All that it did to the world; `doubtful`: that of which nobody knows whether it happened."""
        return get(each(Effect, "effects"), "runs", run, "effects", doubtful=doubtful)

    @stream
    def files(self, run: Id, after: str = "", *, page: int = 200) -> Pages[RunFile]:
        """Those that came with it and those that it made, by name: those after one, as many as there are."""
        return pages(RunFile.of, "files", "runs", run, "files", turn="after", after=after, limit=page)

    @call
    def file(self, run: Id, name: str) -> Held:
        """What one of them holds, as it is now; it may be a stranger's."""
        return Held(Send("GET", way("runs", run, "files", name), harmless=True))

    @call
    def why(self, run: Id, call: str) -> Want[Why]:
        """What led to a call, and where each of its values stood before."""
        return get(Why.of, "runs", run, "calls", call, "why")

    @call
    def compare(self, run: Id, other: Id) -> Want[Comparison]:
        """What only one has, what differs and in what, and where they part."""
        return get(Comparison.of, "runs", run, "compare", **{"with": str(other)})

    @call
    def cancel(self, run: Id, why: str = "") -> Want[Run]:
        """End it and its children. What they have done stays done; what was under way is found out."""
        return post(Run.of, "runs", run, "cancel", body={"why": why})

    @call
    def pause(self, run: Id) -> Want[Run]:
        """Stop it and its children, each at its next event."""
        return post(Run.of, "runs", run, "pause", harmless=True)

    @call
    def resume(self, run: Id) -> Want[Run]:
        """Let it go on, and its children."""
        return post(Run.of, "runs", run, "resume", harmless=True)

    @call
    def fork(
        self,
        run: Id,
        at: int | None = None,
        *,
        model: str | None = None,
        instructions: str | None = None,
        rules: Sequence[Mapping[str, Json]] | None = None,
        shadow: bool = False,
    ) -> Want[Run]:
        """A new run that shares the events up to `at`, the end where it is left out, and goes on by another model, other
        instructions or other rules; `shadow`: only simulated."""
        body = {"at": at, "model": model, "instructions": instructions, "shadow": shadow}
        others = None if rules is None else [dict(rule) for rule in rules]
        return post(Run.of, "runs", run, "fork", body=body | {"rules": others})

    @call
    def widen(self, run: Id, tool: str, times: int = 1) -> Want[Run]:
        """Let it use a tool more often than its goal was read to ask for; its rules judge the call all the same."""
        return post(Run.of, "runs", run, "widen", body={"tool": tool, "times": times})

    @stream
    def list(
        self,
        *,
        status: Status | Sequence[Status] = (),
        agent: str = "",
        person: str = "",
        words: str = "",
        since: datetime | None = None,
        until: datetime | None = None,
        happened: Happened | Sequence[Happened] = (),
        tool: str = "",
        min_cost: Decimal | None = None,
        max_cost: Decimal | None = None,
        page: int = 100,
    ) -> Pages[RunRow]:
        """The newest first, as many as there are; a request brings a `page` of them."""
        return pages(
            RunRow.of,
            "runs",
            "runs",
            status=status if isinstance(status, str) else [*status],
            agent=agent,
            person=person,
            words=words,
            since=since,
            until=until,
            happened=happened if isinstance(happened, str) else [*happened],
            tool=tool,
            min_cost=min_cost,
            max_cost=max_cost,
            limit=page,
        )


@dataclass(frozen=True, slots=True)
class Followed:
    """The events of a run as they happen."""

    path: str
    after: int

    def flow(self, tries: int) -> Flow[Event]:
        return followed(self.path, self.after, Event.model_validate_json, _is_last, tries)


@dataclass(frozen=True, slots=True)
class Waited:
    """A run once it rests."""

    run: Id
    through_asks: bool

    def steps(self, tries: int) -> Steps[Run]:
        look = get(Run.of, "runs", self.run).send
        while True:
            now = Run.of((yield from answered(look, tries)))
            if now.ended or (now.asks and not self.through_asks):
                return now
            coming = Followed(way("runs", self.run, "stream"), now.events).flow(tries)
            yield from first(coming, self._enough)

    def _enough(self, event: Event) -> bool:
        return event.type == "finished" or (event.type == "asked" and not self.through_asks)


def held_of(files: Files) -> Iterator[tuple[str, bytes]]:
    """Each file's name and what it holds. Raises UserError."""
    if isinstance(files, str):
        raise UserError(f"files: {files!r} is one path: send a list of them")
    if isinstance(files, Mapping):
        yield from files.items()
        return
    for path in files:
        try:
            with open(path, "rb") as file:
                yield basename(path), file.read()
        except OSError as error:
            raise UserError(f"files: {fspath(path)} cannot be read: {error.strerror}") from error


def _is_last(event: Event) -> bool:
    return event.type == "finished"
