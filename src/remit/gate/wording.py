"""Whether a text says anything that was not said to the model by somebody who may: word by word, not by meaning. Pure.

What no rule can know is whether a sentence is true or wise. What can be known is where its words come from: a title made of
the goal's words and of names that a trusted source gave carries nothing that a stranger wrote, and nothing out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Set
from functools import lru_cache

from remit.gate.numbers import digits
from remit.gate.unseen import as_seen

MOST = 300  # characters of a text that is looked at so: a title, a subject, a line
NUMBERS = 3  # of at most two digits, that a text may have of its own
_WORD = re.compile(r"[^\W_]+")
# Words of English that say nothing by themselves. Negations are not among them, nor what stands for a decision.
_ENGLISH = """a an the this that these those there here it its i me my mine you your yours we us our ours he him his she her hers
    they them their theirs am is are was were be been being has have had do does did will would shall should can could may
    might must and or but so if as at by for from in into of on onto to up with about re ve ll d s m"""
_PLAIN = frozenset(_ENGLISH.split())


def restates(text: str, goal: str) -> bool:
    """Whether a text is a passage of the goal in other grammar: its words, but for the plain ones, numbers of two digits and
    single letters, follow each other in the goal as they do in the text. "I have seen it there" for "say that you've seen it
    there". No word of the goal is left out between them, so that a "not" cannot be."""
    if len(text) > MOST or _own_numbers(text) > NUMBERS:
        return False
    said = " ".join(_telling(text))
    return bool(said) and f" {said} " in f" {_goal(goal)} "


def composed(text: str, goal: str, trusted: Set[str]) -> bool:
    """Whether each word that tells something stands in the goal or among `trusted`, in whatever order."""
    if len(text) > MOST or _own_numbers(text) > NUMBERS:
        return False
    known = _goal_words(goal)
    return all(word in known or word in trusted for word in _telling(text))


def words(text: str) -> Iterator[str]:
    """The words of a text and its numbers, in one form each."""
    return (match[0] for match in _WORD.finditer(digits(as_seen(text)).casefold()))


def _telling(text: str) -> list[str]:
    return [word for word in words(text) if word not in _PLAIN and len(word) > 1 and not _small(word)]


def _small(word: str) -> bool:
    return len(word) < 3 and word.isdecimal()


def _own_numbers(text: str) -> int:
    return sum(word.isdecimal() and len(word) < 3 for word in words(text))


@lru_cache(maxsize=32)
def _goal(goal: str) -> str:
    return " ".join(_telling(goal))


@lru_cache(maxsize=32)
def _goal_words(goal: str) -> frozenset[str]:
    return frozenset(_telling(goal))
