"""Whether a text says anything that was not said to the model by somebody who may: word by word, not by meaning. Pure.

What no rule can know is whether a sentence is true or wise. What can be known is where its words come from: a title made of
the goal's words and of names that a trusted source gave carries nothing that a stranger wrote, and nothing out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Set
from functools import lru_cache

from remit.gate.numbers import digits
from remit.gate.unseen import as_seen, has_unseen

MOST = 300  # characters of a text that is looked at so: a title, a subject, a line
NUMBERS = 3  # of at most two digits, that a text may have of its own
_WORD = re.compile(r"[^\W_]+")
# Of ASCII, each letter as a small one and a blank in place of what is in no word: many times as fast as the pattern
_PARTED = "".join(one.lower() if one.isalnum() else " " for one in map(chr, range(128))).encode() + bytes(128)
# Words of English that say nothing by themselves. Negations are not among them, nor what stands for a decision.
_ENGLISH = """a an the this that these those there here it its i me my mine you your yours we us our ours he him his she her hers
    they them their theirs am is are was were be been being has have had do does did will would shall should can could may
    might must and or but so if as at by for from in into of on onto to up with about re ve ll d s m"""
_PLAIN = frozenset(_ENGLISH.split())
_TELLS_NOTHING = _PLAIN | frozenset("abcdefghijklmnopqrstuvwxyz") | frozenset(map(str, range(100)))
_TELLS_NOTHING |= frozenset(f"{number:02}" for number in range(10))


def worded(text: str, goal: str, trusted: Callable[[Set[str]], bool]) -> str:
    """`grant` for a text that restates the goal, `composed` for one whose words stand in the goal or are all trusted, else
    `written`. `trusted` is asked only where the goal is not enough, and about the others."""
    if len(text) > MOST:
        return "written"
    every = words(text)
    # Most texts are written: that one word is nobody's is seen before all that it would take to be more.
    others = set(every) - _known(goal)
    if not text.isascii():
        others = set(filter(_tells, others))
    if others and not trusted(others):
        return "written"
    if sum(word.isdecimal() and len(word) < 3 for word in every) > NUMBERS:
        return "written"
    telling = [] if others else [word for word in every if _tells(word)]
    return "grant" if telling and f" {' '.join(telling)} " in f" {_goal(goal)} " else "composed"


def restates(text: str, goal: str) -> bool:
    """Whether a text is a passage of the goal in other grammar: its words, but for the plain ones, numbers of two digits and
    single letters, follow each other in the goal as they do in the text. "I have seen it there" for "say that you've seen it
    there". No word of the goal is left out between them, so that a "not" cannot be."""
    return worded(text, goal, lambda others: False) == "grant"


def composed(text: str, goal: str, trusted: Set[str]) -> bool:
    """Whether each word that tells something stands in the goal or among `trusted`, in whatever order."""
    return worded(text, goal, lambda others: others <= trusted) != "written"


def words(text: str) -> list[str]:
    """The words of a text and its numbers, in one form each."""
    if text.isascii() and not has_unseen(text):
        return text.encode().translate(_PARTED).decode().split()
    return _WORD.findall(digits(as_seen(text)).casefold())


def _tells(word: str) -> bool:
    return len(word) > 1 and word not in _PLAIN and not (len(word) == 2 and word.isdecimal())


@lru_cache(maxsize=32)
def _goal(goal: str) -> str:
    return " ".join(filter(_tells, words(goal)))


@lru_cache(maxsize=32)
def _known(goal: str) -> frozenset[str]:
    """The words that need nobody's word: those of the goal that tell something, and of ASCII those that tell nothing."""
    return frozenset(filter(_tells, words(goal))) | _TELLS_NOTHING
