"""Which variant of a product a customer means by their words: options, their second names, the cheapest.

As `match`: pure, and what the words do not settle raises Mend with the candidates.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from decimal import Decimal

from remit.errors import Mend
from remit.library.support.match import YES_NO_NONE, Item, Options, describe, spans_of, tokens

_CHEAPEST = re.compile(r"\b(cheapest|lowest[- ]price\w*|least expensive)\b", re.I)
_DEAREST = re.compile(r"\b(most expensive|highest[- ]price\w*|priciest|dearest)\b", re.I)
_NO = {"no", "not", "non", "without", "isn", "doesn"}


@dataclass(frozen=True, slots=True)
class Variant:
    """Something the shop sells."""

    id: str
    options: Options
    available: bool
    price: Decimal


def find_variant(name: str, variants: Sequence[Variant], old: Item, text: str, said: str = "") -> Variant:
    """The available variant that `text` asks for instead of `old`: an id, or options in words.

    Options that are not mentioned stay as they are, but where no such variant is left, the one that fits `text` and
    differs from `old` only in what the customer `said` is meant. `cheapest` and `most expensive` are understood, and free
    what is not mentioned. Raises Mend, with the candidates, where that leaves none or several.
    """
    if found := re.search(r"\b\d{10}\b", text):
        return _by_id(name, variants, old, found[0])
    asked = requested(variants, text, old.options)
    superlative = _CHEAPEST.search(text) or _DEAREST.search(text)
    if not asked and not superlative:
        raise Mend(f"no option of a {name} in {text!r}; its options are: {choices(variants)}")
    fitting = [v for v in variants if v.available and all(fits(v, keys, values) for keys, values in asked)]
    if superlative and fitting:
        return _extreme(name, fitting, dearest=not _CHEAPEST.search(text))
    touched = {key for keys, _ in asked for key in keys}
    kept = [
        v
        for v in fitting
        if all(v.options.get(k) == old.options.get(k) for k in old.options if k not in touched)
    ]
    if len(kept) == 1:
        return kept[0]
    heard = set(tokens(said))
    if heard and not fitting and not set(tokens(text)) <= heard:  # an option that the customer never spoke of
        fitting = [v for v in variants if v.available]
    if meant := _meant(fitting, old, heard):
        return meant
    raise Mend(_which(name, kept or fitting, old, text, bool(kept), variants))


def _by_id(name: str, variants: Sequence[Variant], old: Item, wanted: str) -> Variant:
    variant = next((v for v in variants if v.id == wanted), None)
    if variant is None:
        raise Mend(f"{wanted} is not a {name}; an item can only become another variant of the same product")
    if variant.id == old.id:
        raise Mend(
            f"{wanted} is the {name} that the customer has. Write in `to` what they want instead; if they want their "
            "money back, return it"
        )
    if not variant.available:
        alike = sorted((v for v in variants if v.available), key=lambda v: -_shared(v, old))
        raise Mend(f"{wanted} is not available. Available {name}s: {prices(alike[:6])}")
    return variant


def _which(
    name: str, found: Sequence[Variant], old: Item, text: str, exact: bool, variants: Sequence[Variant]
) -> str:
    if exact:
        return f"{text!r} may be any of: {prices(found)}. Give the id in `to`."
    now = f"{name} ({describe(old.options)})"
    if not found:
        return (
            f"no available {name} is {text!r}. Options: {choices([v for v in variants if v.available])}. "
            "Use what the customer named as second choice, else leave this item as it is."
        )
    near = sorted(found, key=lambda v: -_shared(v, old))
    return (
        f"no available {now} becomes {text!r} with the rest unchanged. Available with it: {prices(near[:6])}. "
        "If the customer accepts one of these, give its id in `to`; else leave this item as it is."
    )


def _meant(variants: Sequence[Variant], old: Item, heard: Set[str]) -> Variant | None:
    """The one that differs from `old` only in what was heard, and in most of it. None where that is none or several."""
    said = [v for v in variants if v.id != old.id and all(set(tokens(new)) <= heard for new in news(v, old))]
    most = max((len(news(v, old)) for v in said), default=0)
    best = [v for v in said if len(news(v, old)) == most]
    return best[0] if most and len(best) == 1 else None


def news(variant: Variant, old: Item) -> list[str]:
    """The values in which a variant differs from what the customer has."""
    return [value for key, value in variant.options.items() if old.options.get(key) != value]


def _shared(variant: Variant, old: Item) -> int:
    return sum(1 for key, value in old.options.items() if variant.options.get(key) == value)


def _extreme(name: str, found: Sequence[Variant], *, dearest: bool) -> Variant:
    price = max(v.price for v in found) if dearest else min(v.price for v in found)
    at = [v for v in found if v.price == price]
    if len(at) > 1:
        raise Mend(f"several {name}s cost ${price}: {prices(at)}. Give the id in `to`.")
    return at[0]


def fits(variant: Variant, keys: frozenset[str], values: frozenset[str]) -> bool:
    return any(variant.options.get(key) in values for key in keys)


def prices(variants: Iterable[Variant]) -> str:
    """Variants in words, with ids and prices."""
    return "; ".join(f"{v.id} ({describe(v.options)}) ${v.price}" for v in variants)


def choices(variants: Sequence[Variant]) -> str:
    """`color: black | red; size: S | M`."""
    known = _known(variants)
    return "; ".join(f"{key}: {' | '.join(values)}" for key, values in known.items())


def _known(variants: Sequence[Variant]) -> dict[str, list[str]]:
    known: dict[str, list[str]] = {}
    for variant in variants:
        for key, value in variant.options.items():
            if value not in known.setdefault(key, []):
                known[key].append(value)
    return known


def requested(
    variants: Sequence[Variant], text: str, old: Options
) -> list[tuple[frozenset[str], frozenset[str]]]:
    """What `text` asks for: (options it may mean, values it accepts), all of which must hold.

    The longest reading wins (`not resistant`, not `resistant`). A value that several options have belongs to the
    one that is named nearest. Of two values of one option, the one that the item has now is what it is changed
    from (`clicky instead of linear`).
    """
    words, known = tokens(text), _known(variants)
    spans: list[tuple[int, int, str, str]] = []
    for key, values in known.items():
        for value in values:
            if value in YES_NO_NONE:
                continue
            spans += [(start, end, key, value) for start, end in spans_of(words, tokens(value))]
    spans = [
        s
        for s in spans
        if not any(o[0] <= s[0] and s[1] <= o[1] and o[1] - o[0] > s[1] - s[0] for o in spans)
    ]
    spans += _yes_no(words, known)
    asked: dict[frozenset[str], set[str]] = {}
    for start, end in sorted({(s[0], s[1]) for s in spans}):
        here = [s for s in spans if (s[0], s[1]) == (start, end)]
        keys = _nearest(words, start, end, {s[2] for s in here})
        asked.setdefault(keys, set()).update(s[3] for s in here if s[2] in keys)
    settled = {key for keys in asked for key in keys}
    asked.update(_loose(words, known, settled))
    return [(keys, frozenset(_changed(keys, values, old))) for keys, values in asked.items()]


def _changed(keys: frozenset[str], values: set[str], old: Options) -> set[str]:
    now = {old.get(key, "") for key in keys}
    return values - now if len(values) > 1 and values - now else values


def _yes_no(words: Sequence[str], known: Mapping[str, Sequence[str]]) -> list[tuple[int, int, str, str]]:
    """`waterproof` is yes, `not waterproof` no, `no backlight` none: only where the option itself is named."""
    found = []
    for key, values in known.items():
        plain = [value for value in values if value in YES_NO_NONE]
        for start, end in spans_of(words, tokens(key)):
            around = [*words[max(0, start - 2) : start], *words[end : end + 2]]
            off = next((value for value in plain if value in ("no", "none")), None)
            if off and (_NO & set(around) or off in around):
                found.append((start, end, key, off))
            elif "yes" in plain and (len(tokens(key)) == 1 or "yes" in around):
                found.append((start, end, key, "yes"))
    return found


def _nearest(words: Sequence[str], start: int, end: int, keys: set[str]) -> frozenset[str]:
    """Of several options that have the value at words[start:end], those named nearest to it (within two words)."""
    if len(keys) == 1:
        return frozenset(keys)
    shared = set.intersection(*(set(tokens(key)) for key in keys))
    distance: dict[str, float] = {}
    for key in keys:
        own = [word for word in tokens(key) if word not in shared]
        for index, word in enumerate(words):
            if any(word.startswith(part) for part in own):
                gap = (
                    start - index if index < start else index - end + 1.5
                )  # before counts as nearer than after
                if 0 < gap <= 2.5:
                    distance[key] = min(gap, distance.get(key, gap))
    if not distance:
        return frozenset(keys)
    return frozenset(key for key, gap in distance.items() if gap == min(distance.values()))


def _loose(
    words: Sequence[str], known: Mapping[str, Sequence[str]], settled: set[str]
) -> dict[frozenset[str], set[str]]:
    """A word that stands in one value of the whole product only (`Google`), for options not mentioned otherwise."""
    owners: dict[str, set[tuple[str, str]]] = {}
    for key, values in known.items():
        for value in values:
            for word in tokens(value):
                owners.setdefault(word, set()).add((key, value))
    out: dict[frozenset[str], set[str]] = {}
    for word in words:
        if len(word) > 3 and len(owners.get(word, ())) == 1:
            key, value = next(iter(owners[word]))
            if key not in settled:
                out.setdefault(frozenset({key}), set()).add(value)
    return out
