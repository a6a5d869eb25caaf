"""What an agent says while it works, as it says it, and then its report, for streams of words."""

from __future__ import annotations

from dataclasses import dataclass

from remit.feed import Said
from remit.journal.events import Answered, Event


@dataclass(frozen=True, slots=True)
class Piece:
    """Some of what is said; `another`: with it something else begins than what was said just before."""

    text: str
    another: bool = False


NOTHING = Piece("")


class Speech:
    """What has been said down a stream, so that nothing of it is said twice: a model that is told to look back, or whose
    report is checked, says the same again."""

    def __init__(self) -> None:
        self._now = ""  # of the answer under way, sent or held
        self._sent = 0  # characters of it
        self._last = ""  # the answer before
        self._any = False

    def of(self, one: Event | Said | None) -> Piece:
        """What is to be sent of it now."""
        if isinstance(one, Said):
            self._now += one.text
            return NOTHING if self._last.startswith(self._now) else self._send(self._now)
        answered = one.body if one is not None else None
        if not isinstance(answered, Answered) or answered.purpose != "act":
            return NOTHING
        text, again = answered.text, answered.text.strip() == self._last.strip() and not self._sent
        if not text.startswith(self._now[: self._sent]):
            self._sent = 0  # it was tried again, and came out otherwise
        piece = NOTHING if again or not text.strip() else self._send(text)
        self._now, self._sent, self._last = "", 0, text
        return piece

    def end(self, text: str) -> Piece:
        """The last words, unless they are what was said just before."""
        return NOTHING if text.strip() == self._last.strip() else self._send(text)

    def _send(self, text: str) -> Piece:
        another = self._any and not self._sent and bool(text)
        rest, self._sent = text[self._sent :], len(text)
        self._any = self._any or bool(rest)
        return Piece(rest, another)
