"""What a client does, written once, as steps: nothing here waits and nothing here knows the network.

A generator yields a step to whoever takes it (`wire.py`: one that awaits, one that blocks) and is given what came of it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

from remit.client.errors import Unreachable, problem

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
LONGEST = 60.0  # seconds that are waited before one more try
BUSY = (429, 502, 503, 504)


@dataclass(frozen=True, slots=True)
class Send:
    """Send this, and be told the answer, or that it is Lost."""

    method: str
    path: str
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    harmless: bool = False  # what is sent twice comes to the same
    streamed: bool = False  # its answer is read by ReadLine


@dataclass(frozen=True, slots=True)
class ReadLine:
    """Be told one more line of the answer that is streamed; None at its end, or that it is Lost."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Go on after these seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Item(Generic[T_co]):
    """Hand this to whoever called, and go on when they want more."""

    value: T_co


@dataclass(frozen=True, slots=True)
class Lost:
    """There was no answer, or no more of it; `unsent`: the server cannot have begun."""

    error: Unreachable
    unsent: bool


Step: TypeAlias = Send | ReadLine | Pause
Steps: TypeAlias = Generator[Step, Any, T]  # comes to a T
Flow: TypeAlias = Generator[Step | Item[T], Any, None]  # comes to any number of T, one after the other


def answered(send: Send, tries: int) -> Steps[Any]:
    """The answer's JSON. Raises ApiError, Unreachable."""
    heard = yield from heard_of(send, tries)
    return heard.json() if heard is not None and heard.content else None


def heard_of(send: Send, tries: int) -> Steps[httpx.Response | None]:
    """The answer; None where one to an earlier try was lost, and there is nothing more to be done. Raises ApiError, Unreachable. What
    may have changed something is tried again only where the server did not begin it, or where it comes to the same."""
    lost = False
    for tried in range(1, tries + 1):
        last = tried == tries
        heard: httpx.Response | Lost = yield send
        if isinstance(heard, Lost):
            if last or not (send.harmless or heard.unsent):
                raise heard.error
            lost = lost or not heard.unsent
            yield Pause(backoff(tried))
        elif heard.status_code < 400:
            return heard
        elif lost and send.method == "DELETE" and heard.status_code == 404:
            return None  # by the try whose answer was lost
        else:
            again = heard.status_code == 429 or (send.harmless and heard.status_code in BUSY)
            wait = waits(heard, tried) if again and not last else None
            if wait is None:
                raise problem(heard.status_code, document(heard))
            yield Pause(wait)
    raise AssertionError("the last try has returned or raised")


def paged(send: Send, key: str, turn: str, read: Callable[[Any], T], tries: int) -> Flow[T]:
    """What stands under `key` on each page, from the first to the last; `turn`: the parameter that turns to the `next`."""
    while True:
        page = yield from answered(send, tries)
        for one in page[key]:
            yield Item(read(one))
        if page["next"] is None:
            return
        send = replace(send, query={**send.query, turn: page["next"]})


def followed(
    path: str, after: int, read: Callable[[str], T], is_last: Callable[[T], bool], tries: int
) -> Flow[T]:
    """What a stream says after that number, over as many lines as break; ends after the last, or where the server says that
    nothing comes any more. Raises ApiError, Unreachable."""
    broken = 0
    while True:
        seen = after
        wait: float | None = None
        told = {"last-event-id": str(after), "accept": "text/event-stream"}
        heard: httpx.Response | Lost | None = yield Send(
            "GET", path, headers=told, harmless=True, streamed=True
        )
        if isinstance(heard, Lost):
            pass
        elif heard is not None and heard.status_code == 204:
            return
        elif heard is not None and heard.status_code >= 400:
            wait = waits(heard, broken + 1) if heard.status_code in BUSY and broken < tries else None
            if wait is None:
                raise problem(heard.status_code, document(heard))
        else:
            number, data = "", ""
            while isinstance(line := (yield ReadLine()), str):
                name, _, value = line.partition(": ")
                if name == "id":
                    number = value
                elif name == "data":
                    data = value
                elif not line and number:
                    one, after, number = read(data), int(number), ""
                    yield Item(one)
                    if is_last(one):
                        return
            heard = line
        broken = 0 if after > seen else broken + 1
        if isinstance(heard, Lost) and broken > tries:
            raise heard.error
        yield Pause(wait or (backoff(broken) if broken else 0.0))


def first(flow: Flow[T], enough: Callable[[T], bool]) -> Steps[T | None]:
    """The first that is enough, with which the flow is left; None where it ends before."""
    heard: Any = None
    while True:
        try:
            step = flow.send(heard)
        except StopIteration:
            return None
        if not isinstance(step, Item):
            heard = yield step
        elif enough(step.value):
            flow.close()
            return step.value
        else:
            heard = None


def only(steps: Steps[T]) -> Flow[T]:
    """What the steps come to, as a flow of one."""
    yield Item((yield from steps))


def backoff(tries: int) -> float:
    """Seconds before one more try: longer each time, and not for all callers at the same moment."""
    return float(min(LONGEST, 0.25 * 2**tries) * random.uniform(0.5, 1.0))


def waits(answer: httpx.Response, tries: int) -> float | None:
    """As long as the server asks for; None where that is too long to sit and wait."""
    try:
        asked = float(answer.headers.get("retry-after", ""))
    except ValueError:
        return backoff(tries)
    return asked if asked <= LONGEST else None


def document(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        return None
