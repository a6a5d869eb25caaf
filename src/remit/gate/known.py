"""What a run has read, found again by kind of value: who says that an address is one, and where a stranger wrote it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from math import log2
from types import MappingProxyType
from typing import Any

from remit.gate.confidentiality import Label
from remit.gate.fields import REST, TRUSTED, at
from remit.gate.glance import Glance, Strangers, Texts
from remit.gate.held import UNSAID, Held, Secrecy
from remit.gate.numbers import digits
from remit.gate.parts import parts_of
from remit.gate.read import LONG, Read
from remit.gate.scalars import Group, leaves, worth
from remit.gate.unseen import as_seen, has_unseen
from remit.gate.values import found, spellings, stands
from remit.gate.wording import words
from remit.journal.refs import Pointer

Json = Any
SOURCES = 3  # of one value that are remembered, on either side
_ALIKE: Mapping[str, str] = MappingProxyType({})  # all of a result has one integrity
_ADDRESS = re.compile(
    r"[A-Za-z0-9](?:[\w+.-]{0,60}\w)?@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,200}[A-Za-z0-9])?", re.A
)
# Kinds of which a piece stands, in small letters, in every text in which one of them does
LETTERED = ("email", "url")
_HOST = re.compile(r"[^/]*//([^/:?]*).*", re.DOTALL)
PICKED = ("email", "url", "phone", "account", "amount")  # kinds that are told from the words around them


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where a value was read, first first; empty where it was not."""

    trusted: tuple[str, ...] = ()  # sources in whose results it stands as a whole
    untrusted: tuple[str, ...] = ()  # sources in whose results it stands anywhere


@dataclass(slots=True)
class _Index:
    """The values of one kind in the first `upto` results, and what strangers said in the first `heard`: to pick values out of
    their texts takes long, and is only asked where nothing vouches for one."""

    upto: int = 0
    heard: int = 0
    written: set[str] = field(default_factory=set)  # by the model, before a trusted source said them
    trusted: dict[str, list[Read]] = field(default_factory=dict)  # where it was said
    untrusted: dict[str, list[Read]] = field(default_factory=dict)
    # Links, addresses, … that the model wrote: a sentence in which a trusted source repeats one is not the source's own.
    leads: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Known:
    """What the run has read, in order. Learning keeps a reference; the work is done when somebody asks, once for a kind.

    A trusted source vouches for a value that stands in its result as a whole leaf, of the right kind: not for what is
    part of a sentence there, and not for what the model itself had written into a call before, for a search repeats its
    question and a directory tells what it was just told.
    """

    _heard: list[Read] = field(default_factory=list)
    _untold: list[Any] = field(default_factory=list)  # what was put off
    _tell: Callable[[Known, Any, Any], None] | None = None
    _about: Any = None
    _indexes: dict[str, _Index] = field(default_factory=dict)
    _glance: Glance = field(default_factory=Glance)
    _texts: Texts = field(default_factory=Texts)
    _strangers: Strangers = field(default_factory=Strangers)
    _words: set[str] = field(default_factory=set)  # of what trusted sources said
    _told: set[str] = field(default_factory=set)  # that the model wrote before
    _worded: int = 0  # results that are in them
    labelled: bool = False  # something was read of which a tool says who may have it
    _held: dict[bool, Held] = field(default_factory=dict)
    # Of what is known before anything is read, each with what it was made of
    beforehand: dict[str, tuple[Mapping[str, Json], Group]] = field(default_factory=dict)

    def learn(
        self,
        result: Json,
        trusted: bool,
        source: str | Callable[[], str],
        given: Json = None,
        fields: Mapping[str, str] = _ALIKE,
        call: str = "",
        member: bool = False,
        secrecy: Secrecy = UNSAID,
    ) -> None:
        """Take in a result, in the order of the journal. `source` in words; `given`: the arguments of the call.

        A call that changed something is learned too, as untrusted where its result is nobody's record: what was
        given to it must be known before what is read later. `fields`, where a result has parts of different integrity, say
        it of each instead of `trusted` and `member`. `call`: its number, where references may point into its result.
        `secrecy`: who may have what is in it.
        """
        self.take(Read(result, trusted, source, given, fields, call, member, secrecy))

    def take(self, read: Read) -> None:
        """The same of a result that is put together already."""
        self._reads.append(read)
        if read.secrecy is not UNSAID:
            secrecy = read.secrecy
            self.labelled = self.labelled or bool(secrecy.declared or secrecy.values or secrecy.had)

    def put_off(self, tell: Callable[[Known, Any, Any], None], about: Any, one: Any) -> None:
        """Take something in by `tell(known, about, one)`, which calls `learn` or `take`, not before somebody asks: most of what a run does
        is never asked about. In the order in which it was put off and learned. It must have no labels."""
        if self._about is not about:
            self._hear()
            self._tell, self._about = tell, about
        self._untold.append(one)

    def _hear(self) -> None:
        untold, self._untold = self._untold, []
        for one in untold:
            assert self._tell is not None
            self._tell(self, self._about, one)

    @property
    def _reads(self) -> list[Read]:
        if self._untold:
            self._hear()
        return self._heard

    def held(self, all_: bool = False) -> Held:
        """What of it not everybody may have; `all_`: with what only the workspace may."""
        held = self._held.setdefault(all_, Held(all_))
        held.learn(self._reads)
        return held

    def confided(self, pointer: Pointer) -> Label:
        """Who may have what a reference points to."""
        return self.held().pointed(pointer, self._reads)

    def vouches(self, kind: str, value: str) -> bool:
        """Whether a trusted source has said a value (canonical)."""
        if kind == "text":  # what leads somewhere in each text is only looked for where it may matter
            reads = self._reads
            if not self._glance.learn(reads).has_text(value) or not self._texts.learn(reads).may_vouch(value):
                return False
        elif kind == "email":
            vouched = self._glance.learn(self._reads).vouches(value)
            if vouched is not None:
                return vouched
        return value in self._index(kind).trusted

    def who(self, kind: str, value: str) -> Evidence:
        """Who has said a value (canonical)."""
        if kind in LETTERED and value.isascii() and "[" not in value:
            return Evidence(self._vouching(kind, value), self._telling(kind, value))
        index = self._index(kind)
        for read in self._reads[index.heard :]:
            for leaf, trusted in read.leaves() if not read.trusted or read.fields else ():
                for one in _values(kind, leaf) if not trusted else ():
                    _note(index.untrusted, one, read)
        index.heard = len(self._reads)
        untrusted: Iterable[Read] = index.untrusted.get(value, ())
        if not untrusted and kind not in PICKED:
            untrusted = (read for read in self._reads if _said(kind, value, read))
        vouched = tuple(read.source for read in index.trusted.get(value, ()))
        return Evidence(vouched, tuple(dict.fromkeys(read.source for read in untrusted))[:SOURCES])

    def named(self, kind: str, value: str) -> tuple[str, ...]:
        """The strangers who have said a value (canonical), else whoever else has."""
        if kind in LETTERED and value.isascii() and "[" not in value:
            return self._telling(kind, value) or self._vouching(kind, value)
        who = self.who(kind, value)
        return who.untrusted or who.trusted

    def _vouching(self, kind: str, value: str) -> tuple[str, ...]:
        """The trusted sources that say a value."""
        if not self.vouches(kind, value):
            return ()
        return tuple(read.source for read in self._index(kind).trusted[value])

    def _telling(self, kind: str, value: str) -> tuple[str, ...]:
        """The strangers who say a value of a kind that keeps its letters. It is looked for in their texts: to pick every value
        out of them takes long, and is not needed where nobody asks for more than one."""
        piece = value if kind == "email" else _HOST.sub(r"\1", value)
        said: dict[str, None] = {}
        for read in self._strangers.saying(piece, self._reads):
            if len(said) < SOURCES and _tells(kind, value, read):
                said[read.source] = None
        return tuple(said)

    def says(self, several: Set[str]) -> bool:
        """Whether each of several words is one of those that trusted sources said, but that the model had not written before."""
        if several <= self._words:
            return True
        glance = self._glance.learn(self._reads)
        for word in several:
            if word not in self._words and not glance.has_word(word):
                return False  # most words are nowhere in it, and that is seen sooner
        return several <= self.words()

    def words(self) -> Set[str]:
        """The words of what trusted sources said, but those that the model had written before."""
        for read in self._reads[self._worded :]:
            own = words(" ".join(one for one in read.told() if isinstance(one, str)))
            self._told |= {word for word in own if word not in self._words}
            if said := [text for one in read.vouched() if len(text := str(one)) <= LONG]:
                self._words |= {word for word in words(" ".join(said)) if word not in self._told}
        self._worded = len(self._reads)
        self._glance.learn(self._reads).know()
        return self._words

    def choice(self, kind: str, value: str, beside: Sequence[Json] = ()) -> float | None:
        """Bits that the run has told by choosing among the values of a kind that members of the workspace named, with this one
        and the calls `beside` it; None where no member named it, or the model had written it before.

        Who sees the fetches learns from each which of n + 1 was chosen (n known by then, or none), log2(n + 1) bits at
        the most: somebody could have named an address for every letter of a secret.
        """
        named: set[str] = set()
        written: set[str] = set()
        bits = 0.0
        for read in self._reads:
            bits += self._chosen(kind, read.given, named, written)
            for leaf in read.of_members():
                named |= _values(kind, leaf) - written
        if value not in named:
            return None
        bits += sum(self._chosen(kind, given, named, written) for given in beside)
        return bits + log2(len(named) + 1)

    def _chosen(self, kind: str, given: Json, named: Set[str], written: set[str]) -> float:
        forms = {form for leaf in leaves(given) for form in _values(kind, leaf)}
        written |= forms - named
        return len(forms & named) * log2(len(named) + 1)

    def pointed(self, kind: str, pointer: Pointer) -> list[tuple[Json, bool]]:
        """Each scalar that a reference points to, and whether a trusted source says exactly that, and not because the model
        had told it. Empty where nothing is known of it."""
        place = next((i for i, read in enumerate(self._reads) if read.call == pointer.call), None)
        if place is None:
            return []
        read = self._reads[place]
        fields = read.fields or {REST: "system" if read.trusted else "untrusted"}
        try:
            said = list(at(read.result, fields, pointer.steps))
        except LookupError:
            return []
        return [(leaf, says in TRUSTED and not self._echoed(kind, leaf, place)) for leaf, says in said]

    def _echoed(self, kind: str, leaf: Json, place: int) -> bool:
        """Whether a trusted leaf may only repeat what the model had written until then. What has no form in which it could
        be looked up is taken for an echo where anything that the model wrote stands in it."""
        if forms := _whole(kind, leaf):
            return not any(form in self._index(kind).trusted for form in forms)
        if has_unseen(str(leaf)):
            return True  # what is not what it looks like is no value, whoever says it
        text = str(leaf).casefold()
        given = (value for read in self._reads[: place + 1] for value in _told(read.given))
        return any((words := as_seen(str(value)).casefold().strip()) and words in text for value in given)

    def _index(self, kind: str) -> _Index:
        index = self._indexes.get(kind)
        if index is None:
            index = self._indexes[kind] = _Index()
        if index.upto == len(self._reads):
            return index
        for read in self._reads[index.upto :]:
            for leaf in worth(kind, read.told()):
                index.written.update([one for one in _written(kind, leaf) if one not in index.trusted])
                if kind == "text" and isinstance(leaf, str):
                    index.leads.update(_plain(lead) for _, lead in parts_of(leaf))
            for leaf in worth(kind, read.vouched()):
                if index.leads and isinstance(leaf, str):
                    plain = _plain(leaf)
                    if any(lead in plain for lead in index.leads):
                        continue
                for value in _whole(kind, leaf):
                    if value and value not in index.written:
                        _note(index.trusted, value, read)
        index.upto = len(self._reads)
        return index


def _told(given: Json) -> Iterator[Json]:
    """What the model gave to a call; the names of the arguments are not its own."""
    for value in given.values() if isinstance(given, Mapping) else (given,):
        yield from leaves(value)


def _plain(text: str) -> str:
    return digits(as_seen(text)).casefold()


def _values(kind: str, leaf: Json) -> frozenset[str]:
    """A leaf as a whole, and what can be picked out of it."""
    if kind == "email" and isinstance(leaf, str) and leaf.isascii() and "@" not in leaf:
        return frozenset()  # so many texts hold no address that it is worth a look
    whole = frozenset(_whole(kind, leaf))
    if kind == "email" and isinstance(leaf, str) and _ADDRESS.fullmatch(leaf):
        return whole  # nothing else can be picked out of it
    return whole | found(kind, leaf) if kind in PICKED and isinstance(leaf, str) else whole


def _written(kind: str, leaf: Json) -> frozenset[str]:
    """The same of what the model wrote, where an id or a path in a sentence is told to the tool as well."""
    inside = kind not in PICKED and isinstance(leaf, str) and kind.partition(":")[0] in ("id", "path")
    return _values(kind, leaf) | found(kind, leaf) if inside else _values(kind, leaf)


def _whole(kind: str, leaf: Json) -> tuple[str, ...]:
    return () if isinstance(leaf, str) and len(leaf) > LONG else spellings(kind, leaf)


def _tells(kind: str, value: str, read: Read) -> bool:
    """Whether a stranger's words in a result hold a value, among all that can be picked out of them."""
    return any(value in _values(kind, leaf) for leaf, trusted in read.leaves() if not trusted)


def _said(kind: str, value: str, read: Read) -> bool:
    """Whether somebody untrusted said it."""
    if read.trusted and not read.fields:
        return False
    return any(
        stands(kind, value, leaf) for leaf, trusted in read.leaves() if not trusted and isinstance(leaf, str)
    )


def _note(said: dict[str, list[Read]], value: str, read: Read) -> None:
    """The first of different sources that say a value."""
    before = said.get(value)
    if before is None:
        said[value] = [read]
    elif len(before) < SOURCES and all(one.source != read.source for one in before):
        before.append(read)
