"""What leads somewhere in a free text: links, addresses, account numbers, and what a reader does not see. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from remit.gate.accounts import ibans_in
from remit.gate.addresses import emails_in, may_link, urls_in
from remit.gate.numbers import digits
from remit.gate.unseen import as_seen, has_unseen, hidden

# Cards, and the wallets that money is most often asked to; and a number after a word that says what it is.
_WALLET = re.compile(
    r"(?<!\w)(?:0x[0-9A-Fa-f]{40}|(?:bc1|tb1)[0-9a-z]{20,80}|[13][1-9A-HJ-NP-Za-km-z]{25,34})(?!\w)"
)
_CARD = re.compile(r"(?<![\w.])[0-9](?:[ -]?[0-9]){12,18}(?!\w)(?![ -][0-9])")
_NAMED = re.compile(
    r"\b(?:account|acct|a/c|iban|konto\w{0,6}|kto|compte|cuenta|conto|routing|sort code|bic)\b[^\n0-9]{0,20}"
    r"([A-Za-z]{0,4}[0-9](?:[ -]?[0-9]){3,20})(?!\w)",
    re.IGNORECASE,
)
_LONG_WORD = re.compile(r"[0-9A-Za-z]{25}")
DIGITS = "0123456789"
# Of ASCII, what may stand in a text in which nothing leads anywhere: anything seen but these
_IN_NONE = bytes(one for one in range(128) if chr(one) not in f".:@{DIGITS}" and not has_unseen(chr(one)))
_FOUR_DIGITS = re.compile(r"[0-9](?:[ -]?[0-9]){3}")
_COLON = re.compile(r":(?=[^\s/])[^\s<>\"]{1,200}")
_BEFORE = re.compile(r"(?:data|javascript|vbscript|file|blob|tel|sms|facetime)\s{0,3}\Z", re.IGNORECASE)


def parts_of(text: str) -> list[tuple[str, str]]:
    """Kind and value, as they are written, of all that is a sink of its own in a text that goes out; each once.

    Kinds: `url`, `email`, `account`, and `hidden`, whose value is the character as `U+200B`. A link that no program
    would read in one way is among them too: it has no canonical form, so nothing can vouch for it.
    """
    if text.isascii() and not text.encode().translate(None, _IN_NONE):
        return []
    unseen = has_unseen(text)
    seen = digits(as_seen(text) if unseen else text)
    found = [("url", link) for link in urls_in(seen)] if may_link(seen) else []
    if ":" in seen:
        found += [("url", link) for link in _without_host(seen)]
    if "@" in seen:
        found += [("email", one) for one in emails_in(seen) if "." in one.partition("@")[2]]
    if any(
        map(seen.__contains__, DIGITS)
    ):  # ten searches for one character each are faster than one for any of them
        found += [("account", one) for one in _accounts_in(seen)]
    if unseen:
        found += [("hidden", mark) for mark in hidden(text)]
    return list(dict.fromkeys(found))


def _accounts_in(text: str) -> Iterator[str]:
    if _FOUR_DIGITS.search(text):
        yield from ibans_in(text)
        yield from (match[0] for match in _CARD.finditer(text) if _luhn(match[0]))
        yield from (match[1] for match in _NAMED.finditer(text))
    if _LONG_WORD.search(text):
        yield from (match[0] for match in _WALLET.finditer(text))


def _without_host(text: str) -> Iterator[str]:
    """Links that run something, hold their content in themselves or dial a number."""
    for match in _COLON.finditer(text):
        before = _BEFORE.search(text, max(0, match.start() - 14), match.start())
        if before is not None and not text[before.start() - 1 : before.start()].isalnum():
            yield before[0] + match[0]


def _luhn(number: str) -> bool:
    """Whether the check digit of a card number is right."""
    plain = [int(c) for c in reversed(re.sub(r"[ -]", "", number))]
    return sum(plain[::2]) % 10 == -sum(sum(divmod(2 * one, 10)) for one in plain[1::2]) % 10
