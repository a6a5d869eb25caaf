"""How many parts an SMS has, each of which is charged: 3GPP TS 23.038 for the alphabet, 23.040 for what a part holds. Pure.

One character outside the alphabet (a curly quote, an emoji) makes a part of 160 characters one of 70.
"""

from __future__ import annotations

from dataclasses import dataclass

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
BASIC = frozenset(LETTERS + "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./:;<=>?¡ÄÖÑÜ§¿äöñüà")
ESCAPED = frozenset("\f^{}\\[~]|€")  # each takes two
WIDE = 0xFFFF  # beyond it a character takes two units of UTF-16


@dataclass(frozen=True, slots=True)
class Parts:
    """`odd`: the first character that is not in the alphabet; empty: all are."""

    count: int
    odd: str = ""

    @property
    def holds(self) -> int:
        """Units of the only part; of several each holds a few less."""
        return 70 if self.odd else 160


def parts_of(text: str) -> Parts:
    odd = next((one for one in text if one not in BASIC and one not in ESCAPED), "")
    if odd:
        sizes, alone, each = [1 + (ord(one) > WIDE) for one in text], 70, 67
    else:
        sizes, alone, each = [1 + (one in ESCAPED) for one in text], 160, 153
    if sum(sizes) <= alone:
        return Parts(1, odd)
    count, left = 0, 0
    for size in sizes:  # what takes two units is never parted
        if size > left:
            count, left = count + 1, each
        left -= size
    return Parts(count, odd)
