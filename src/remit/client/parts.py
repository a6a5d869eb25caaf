"""What a method of the client is made of: a description of what it asks for, which AsyncClient awaits and Client does at once.

    class Runs(Part[W]):
        @call
        def get(self, run: UUID | str) -> Want[Run]:
            return get(Run.of, "runs", run)

Of `Runs[AsyncWire]`, `get` is a function to be awaited for a Run; of `Runs[Wire]`, one that returns it. Type checkers and editors
see exactly that: `call` and `stream` are descriptors that are typed by whose method is asked for.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import update_wrapper, wraps
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, Self, TypeAlias, TypeVar, cast, overload
from urllib.parse import quote

from remit.client.results import Result
from remit.client.steps import Flow, Send, Steps, answered, heard_of, paged
from remit.client.wire import AsyncWire, Wire
from remit.errors import UserError

P = ParamSpec("P")
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
R = TypeVar("R", bound=Result)
W = TypeVar("W", bound=AsyncWire | Wire)
Several: TypeAlias = list[T]  # where `list` is a method


class Part(Generic[W]):
    """Some of what there is to do, by one way of sending."""

    def __init__(self, wire: W) -> None:
        self._wire = wire


class One(Protocol[T_co]):
    """A description of what is asked for."""

    def steps(self, tries: int) -> Steps[T_co]: ...


class Many(Protocol[T_co]):
    """A description of what comes one after the other."""

    def flow(self, tries: int) -> Flow[T_co]: ...


class _Method:
    """As the function that describes it is called, documented and typed."""

    def __init__(self, wanted: Callable[..., Any]) -> None:
        self.wanted = wanted
        update_wrapper(cast("Callable[..., Any]", self), wanted)

    def of(self, part: Part[Any], owner: type, take: Callable[[Any], Any]) -> Callable[..., Any]:
        wanted = self.wanted.__get__(part, owner)

        @wraps(wanted)
        def asked(*given: Any, **named: Any) -> Any:
            return take(wanted(*given, **named))

        return asked


class call(_Method, Generic[P, T]):
    """A method that comes to one thing."""

    def __init__(self, wanted: Callable[Concatenate[Any, P], One[T]]) -> None:
        super().__init__(wanted)

    @overload
    def __get__(self, part: None, owner: type) -> Self: ...
    @overload
    def __get__(self, part: Part[AsyncWire], owner: type) -> Callable[P, Coroutine[Any, Any, T]]: ...
    @overload
    def __get__(self, part: Part[Wire], owner: type) -> Callable[P, T]: ...
    def __get__(self, part: Part[Any] | None, owner: type) -> Any:
        if part is None:
            return self
        wire = part._wire
        return self.of(part, owner, lambda one: wire.run(one.steps(wire.tries)))


class stream(_Method, Generic[P, T]):
    """A method that comes to any number of things, one after the other."""

    def __init__(self, wanted: Callable[Concatenate[Any, P], Many[T]]) -> None:
        super().__init__(wanted)

    @overload
    def __get__(self, part: None, owner: type) -> Self: ...
    @overload
    def __get__(self, part: Part[AsyncWire], owner: type) -> Callable[P, AsyncGenerator[T, None]]: ...
    @overload
    def __get__(self, part: Part[Wire], owner: type) -> Callable[P, Generator[T, None, None]]: ...
    def __get__(self, part: Part[Any] | None, owner: type) -> Any:
        if part is None:
            return self
        wire = part._wire
        return self.of(part, owner, lambda many: wire.each(many.flow(wire.tries)))


@dataclass(frozen=True, slots=True)
class Want(Generic[T]):
    """One answer."""

    send: Send
    read: Callable[[Any], T]

    def steps(self, tries: int) -> Steps[T]:
        return self.read((yield from answered(self.send, tries)))


@dataclass(frozen=True, slots=True)
class Pages(Generic[T]):
    """A list that comes by page; `turn`: the parameter that turns to the next."""

    send: Send
    key: str
    read: Callable[[Any], T]
    turn: str = "cursor"

    def flow(self, tries: int) -> Flow[T]:
        return paged(self.send, self.key, self.turn, self.read, tries)


@dataclass(frozen=True, slots=True)
class Held:
    """What an answer holds, as it is."""

    send: Send

    def steps(self, tries: int) -> Steps[bytes]:
        heard = yield from heard_of(self.send, tries)
        return heard.content if heard is not None else b""


def get(read: Callable[[Any], T], *path: object, **query: Any) -> Want[T]:
    return Want(Send("GET", way(*path), asked_for(query), harmless=True), read)


def pages(read: Callable[[Any], T], key: str, *path: object, turn: str = "cursor", **query: Any) -> Pages[T]:
    return Pages(Send("GET", way(*path), asked_for(query), harmless=True), key, read, turn)


def post(
    read: Callable[[Any], T],
    *path: object,
    body: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
    harmless: bool = False,
) -> Want[T]:
    return Want(Send("POST", way(*path), {}, given(body or {}), headers or {}, harmless), read)


def none(answer: Any) -> None:
    """Reads what is not answered with anything."""


def each(kind: type[R], key: str) -> Callable[[Any], list[R]]:
    """Reads a list that comes whole."""
    return lambda found: [kind.of(one) for one in found[key]]


def way(*path: object) -> str:
    """A path of these parts, each of which stays one. Raises UserError for what would be another path."""
    parts = [str(part) for part in path]
    for part in parts:
        if part in ("", ".", ".."):
            raise UserError(f"{part!r} is no name or number of anything: say which one is meant")
    return "/" + "/".join(quote(part, safe="") for part in parts)


def asked_for(query: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters as they are sent, without what is left out: None, False, or empty."""
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in query.items()
        if not (value is None or value is False or (isinstance(value, str | list | tuple) and not value))
    }


def given(body: Mapping[str, Any]) -> dict[str, Any]:
    """A body without what is left out."""
    return {name: value for name, value in body.items() if value is not None}
