"""How long a text is to a model, and how it is cut to fit. Pure."""

from __future__ import annotations

from collections.abc import Iterator

_BREAKS = ("\n\n", "\n", ". ", " ")  # where a text is cut, best first


def weight(text: str) -> int:
    """Thirds of a token: a Latin letter is one, anything else counts as a token of its own."""
    return len(text) + 2 * (len(text) - len(text.encode("ascii", "ignore")))


def tokens(text: str) -> int:
    """Tokens that the text is at most, near enough for any tokenizer in use."""
    return -(-weight(text) // 3)


def chunks(text: str, limit: int) -> list[str]:
    """The text in pieces of at most `limit` tokens (at least 1), cut at paragraphs, lines, sentences or words
    where that goes. Joined, they are the text again."""
    if limit < 1:
        raise ValueError("a chunk holds at least one token")
    made: list[str] = []
    current: list[str] = []
    room = 3 * limit
    for piece in _pieces(text, room, _BREAKS):
        size = weight(piece)
        if current and size > room:
            made.append("".join(current))
            current, room = [], 3 * limit
        current.append(piece)
        room -= size
    return [*made, "".join(current)] if current else made


def _pieces(text: str, limit: int, breaks: tuple[str, ...]) -> Iterator[str]:
    """Pieces of at most `limit` thirds of a token, as large as the breaks allow."""
    if weight(text) <= limit:
        yield text
    elif breaks:
        *heads, last = text.split(breaks[0])
        for part in [*(head + breaks[0] for head in heads), *([last] if last else [])]:
            yield from _pieces(part, limit, breaks[1:])
    else:
        middle = len(text) // 2
        yield from _pieces(text[:middle], limit, ())
        yield from _pieces(text[middle:], limit, ())
