"""Every error that Remit raises on purpose.

RemitError                     anything a caller may want to catch; `exit_code` is what the command line ends with
├── UserError                  the input is wrong: says what, where, and what to do
│   ├── UnknownName            a model, tool, agent or key that does not exist, with the nearest that does
│   ├── SpecError              an agent file: path, line, key
│   ├── FieldError             one field of a form; says which
│   ├── NotAsChanged           a call that a person has changed and that cannot be had so, and why
│   └── Overtaken              somebody else has changed it since it was looked at; nothing was overwritten
├── StoreError                 the database cannot be reached, started, migrated or written
├── JournalError
│   ├── StaleWriter            somebody else appended first; the loser stops
│   │   └── LeaseLost          this process could not say in time that it lives; the run is perhaps another's
│   └── UnreadableEvent        written by a newer Remit, or damaged
├── ModelError                 a provider failed; `retryable` says whether trying again can help
│   ├── UnknownPrice           the model's price is not known and no limit was set without it
│   └── WeightsError           the local model's file is missing, damaged or cannot be fetched
├── Busy                       too much is under way already; `retry_after` says when to try again
├── ToolFault                  the developer's mistake in a tool: fails loudly, never shown to the model
├── CannotTell                 looked for, and nobody can say whether an effect has happened: a person decides
└── NotWaiting                 an approval or answer for something that waits no more

Mend                           a tree of its own: what the *model* can mend. It becomes the tool's result.
Later                          no error: a tool says when it wants to be called again; the run waits and holds nothing
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from datetime import datetime


class RemitError(Exception):
    """Something Remit could not do."""

    exit_code = 1


class UserError(RemitError):
    """The input is wrong; the message says what to change."""

    exit_code = 2


class FieldError(UserError):
    """Something is wrong with one field of a form."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class Forbidden(UserError):
    """Whoever asks has not the right to it."""


class UnknownName(UserError):
    """There is no such thing; the nearest right name is offered."""

    def __init__(self, kind: str, name: str, known: Iterable[str], where: str = "") -> None:
        choices = sorted(known)
        near = difflib.get_close_matches(name, choices, n=1, cutoff=0.5)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        listing = f" Known: {', '.join(choices[:20])}." if choices and not near else ""
        super().__init__(f"{where + ': ' if where else ''}unknown {kind} {name!r}.{hint}{listing}")
        self.name = name
        self.nearest = near[0] if near else None


class NoSuchRun(UserError):
    """No run has this number (any more), or whoever was about to begin it died before."""


class SpecError(UserError):
    """An agent file that cannot be used, with the line to look at."""

    def __init__(self, message: str, path: str = "", line: int | None = None) -> None:
        where = f"{path}:{line}: " if path and line else f"{path}: " if path else ""
        super().__init__(f"{where}{message}")
        self.path, self.line = path, line


class Overtaken(UserError):
    """Somebody else has changed it since it was looked at: nothing was overwritten."""


class NotAsChanged(UserError):
    """A call that a person changed cannot be had so; nothing was recorded. `fields`: what is wrong with single arguments."""

    def __init__(self, about: str, why: str = "", fields: Mapping[str, str] | None = None) -> None:
        self.fields = dict(fields or {})
        super().__init__(f"{about}: {why or '; '.join(f'{name} {one}' for name, one in self.fields.items())}")


class StoreError(RemitError):
    """The database cannot be reached, started, migrated or written."""


class JournalError(RemitError):
    """The journal refused."""


class StaleWriter(JournalError):
    """Another worker has appended to this run since it was read; this one stops."""


class LeaseLost(StaleWriter):
    """This process may have been taken for dead; whoever has the run now goes on with it."""


class UnreadableEvent(JournalError):
    """An event that this version cannot read; upgrade Remit, or see `remit doctor`."""


class ModelError(RemitError):
    """A model provider failed. `retry_after`: seconds that the provider asked to wait, where it said."""

    def __init__(self, message: str, *, retryable: bool = False, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retryable = retryable
        self.retry_after = retry_after


class UnknownPrice(ModelError):
    """The model's price is unknown, so that a budget in money cannot hold."""


class WeightsError(ModelError):
    """The local model's weights are missing, damaged or cannot be fetched."""


class ToolFault(RemitError):
    """A tool is written wrongly; its developer must mend it."""


class Busy(RemitError):
    """Too many runs are open: nothing was begun. `retry_after`: seconds after which trying again makes sense."""

    exit_code = 7

    def __init__(self, message: str, retry_after: float = 30.0) -> None:
        super().__init__(f"{message} Try again in {retry_after:.0f} s.")
        self.retry_after = retry_after


class CannotTell(RemitError):
    """It was looked for whether an effect has happened, and nothing there says so."""


class NotWaiting(UserError):
    """Nothing waits for this answer any more; the message says what became of it."""


class Mend(Exception):
    """What a tool raises when the model can mend the call: the message becomes the tool's result."""


class Full(Mend):
    """What a tool with an effect raises where the other side takes no more for now, and nothing has happened: the call is made again in so many
    seconds, and all that goes by the same connection waits so long. `alone`: only this call does, as it is about its reader."""

    def __init__(self, why: str, seconds: float, alone: bool = False) -> None:
        super().__init__(f"{why}: try again in {seconds:.0f} s")
        self.why, self.seconds, self.alone = why, seconds, alone


class Later(Exception):
    """Call this tool again at `until` (with a time zone). For reads and tools of effect `self`: what they wait for is
    not here yet. Raises ValueError for a time without zone."""

    def __init__(self, until: datetime, why: str = "") -> None:
        if until.utcoffset() is None:
            raise ValueError(f"{until.isoformat()} has no time zone")
        super().__init__(why)
        self.until, self.why = until, why
