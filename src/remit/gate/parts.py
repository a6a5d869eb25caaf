"""What leads somewhere in a free text: links, addresses, account numbers, and what a reader does not see. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from remit.gate.accounts import account, ibans_in, scattered_in
from remit.gate.addresses import emails_in, urls_in
from remit.gate.masked import may_be_masked, unmasked
from remit.gate.numbers import digits, phone, phones_in
from remit.gate.unseen import as_seen, has_unseen, hidden

# Cards, and the wallets that money is most often asked to.
_WALLET = re.compile(
    r"(?<!\w)(?:0x[0-9A-Fa-f]{40}|(?:(?:bc|tb)1|(?:[a-z]{3,8}|ln(?:bc|tb)[0-9]{1,12}[munp]?)1)[02-9ac-hj-np-z]{20,300}"
    r"|LNURL1[02-9AC-HJ-NP-Z]{20,300}|[13][1-9A-HJ-NP-Za-km-z]{25,34}"
    r"|(?<![/=&?.-])(?=\w*[0-9])(?=\w*[A-Z])(?=\w*[a-z])[1-9A-HJ-NP-Za-km-z]{30,110})(?!\w)"
)
_CARD = re.compile(
    r"(?<![\w.])[0-9](?:(?:[ -]?[0-9]){12,18}|[0-9]{3}(?:([._/\u2013])[0-9]{2,7})(?:\1[0-9]{2,7}){1,3})(?!\w)(?![ -][0-9])"
)
# A number after a word that says what it is: an account, or one to be called.
_NAMED = re.compile(
    r"\b(?:account|acct|a/c|iban|konto\w{0,6}|kto|blz|compte|cuenta|conto|rekening|clabe|bsb|ifsc|swift|routing|sort code|bic)\b"
    r"[^\n0-9]{0,20}([A-Za-z]{0,4}[0-9](?:[ -]?[0-9]){3,20})(?!\w)",
    re.IGNORECASE,
)
CALLED = ("call", "dial", "ring", "phone", "tel", "mobile", "cell", "hotline", "whatsapp", "telefon", "handy")
_CALLED = re.compile(
    rf"\b(?:{'|'.join(CALLED)})\b"
    r"[^\n0-9+]{0,20}"
    r"(?!(?:19|20)[0-9]{2}-|[0-9]{1,2}[./][0-9]{1,2}[./])([0-9](?:[ ()./-]{0,2}[0-9]){6,14})(?![\w:]|[ -][0-9])",
    re.IGNORECASE,
)
_LONG_WORD = re.compile(r"[0-9A-Za-z]{25}")
DIGITS = "0123456789"
# Of ASCII, what is no sign of anything that leads somewhere
_IN_NONE = bytes(
    one for one in range(128) if chr(one) not in f".:@\\&%([{{<{DIGITS}" and not has_unseen(chr(one))
)
_FEWEST = 4  # digits of the shortest number that leads anywhere
_LONG_RUN = re.compile(r"\S{25}")  # of letters and digits, in which a wallet may be
_JOINED = re.compile(r"[.:]\S")  # no end of a sentence, or of what is followed by a list
_FOUR_DIGITS = re.compile(r"[0-9](?:[ -]?[0-9]){3}")
_COLON = re.compile(r":(?=[^\s/])[^\s<>\"]{1,200}")
_SCHEMES = """data javascript vbscript file blob tel sms facetime skype callto sip sips xmpp magnet intent tg viber msteams
    zoommtg search-ms view-source jar ldap ldaps smb ssh upi"""
_OPENED = frozenset(_SCHEMES.split())
_SCHEME = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-"
_RUN = ("javascript", "vbscript")  # which browsers read with ends of lines in them
_SHARE = re.compile(r"(?<![\w\\])\\\\[\w.-]{1,255}\\")
_NUMBERED = re.compile(
    r"[0-9](?<![\w.@/-][0-9])[0-9]{0,2}(?:\.[0-9]{1,3}){3}(?::[0-9]{1,5})?(?:/[^\s<>\"]*|(?<=:[0-9]{2}))"
)
# Addresses that no program here writes, and that mail goes to all the same
_QUOTED_MAIL = re.compile(
    r"(?:\"[^\"\n]{1,64}\"|\([^()\n]{0,64}\))@[\w-]{1,63}\.[\w.-]{2,200}|[\w.+-]{1,64}@\[[^\]\s]{2,60}\]"
)


def parts_of(text: str) -> list[tuple[str, str]]:
    """Kind and value, as they are written, of all that is a sink of its own in a text that goes out; each once.

    Kinds: `url`, `email`, `phone`, `account`, and `hidden`, whose value is the character as `U+200B`. A link that no program
    would read in one way is among them too: it has no canonical form, so nothing can vouch for it. What is left of the text
    is read once more as it is meant, where it may be masked.
    """
    if text.isascii():
        signs = text.encode().translate(None, _IN_NONE).decode()
        if "dot" not in text.lower():
            if not signs.strip(".:"):  # links, and nothing else
                return list(dict.fromkeys(_links_in(text))) if signs else []
            if _is_prose(text, signs):
                return []
        unseen = has_unseen(signs)
        seen = as_seen(text) if unseen else text
    else:
        unseen = has_unseen(text)
        seen = signs = digits(as_seen(text) if unseen else text)
    found = _parts_in(seen, signs)
    if may_be_masked(signs) or "dot" in seen.lower():
        left = seen
        for value in sorted((value for _, value in found), key=len, reverse=True):
            left = left.replace(value, " ")
        if (meant := unmasked(left)) != left:
            found += _parts_in(meant, meant)
    if unseen:
        found += [("hidden", mark) for mark in hidden(text)]
    return list(dict.fromkeys(found))


def _is_prose(text: str, signs: str) -> bool:
    """Whether it is seen at once that nothing in a text in ASCII without "dot" leads anywhere: no sign of it but points and colons at the
    ends of words, and fewer digits than any number has, in short words."""
    numbers = signs.replace(".", "").replace(":", "")
    if len(numbers) >= _FEWEST or numbers.strip(DIGITS) or _JOINED.search(text):
        return False
    return _LONG_RUN.search(text) is None


def _parts_in(seen: str, signs: str) -> list[tuple[str, str]]:
    """`signs`: its characters, at least those that are a sign of what leads somewhere."""
    found = _links_in(seen) if "." in signs or ":" in signs else []
    if "\\" in signs:
        found += [("url", match[0]) for match in _SHARE.finditer(seen)]
    if "@" in signs:
        found += [("email", one) for one in emails_in(seen) if "." in one.partition("@")[2]]
        if any(map(seen.__contains__, ('"@', ")@", "@["))):
            found += [("email", match[0]) for match in _QUOTED_MAIL.finditer(seen)]
    if any(
        map(signs.__contains__, DIGITS)
    ):  # ten searches for one character each are faster than one for any of them
        found += [("account", one) for one in _accounts_in(seen)]
        found += [("phone", one) for one in _phones_in(seen)]
        if seen.count(".") > 2:
            found += [("url", match[0]) for match in _NUMBERED.finditer(seen)]
    return found


def _links_in(seen: str) -> list[tuple[str, str]]:
    found = [("url", link) for link in urls_in(seen)]
    if seen.count(":") > seen.count("://"):
        found += [("url", link) for link in _without_host(seen)]
    return found


def _accounts_in(text: str) -> Iterator[str]:
    plain = set()
    if _FOUR_DIGITS.search(text):
        for one in ibans_in(text):
            plain.add(account(one))
            yield one
        yield from (match[0] for match in _CARD.finditer(text) if _luhn(match[0]))
        yield from (match[1] for match in _NAMED.finditer(text))
    yield from (one for one in scattered_in(text) if one not in plain)
    if _LONG_WORD.search(text):
        yield from (match[0] for match in _WALLET.finditer(text))


def _phones_in(text: str) -> Iterator[str]:
    """Numbers that somebody would call: international ones, and those of which the text says what they are."""
    if "+" in text:
        abroad = ((one, phone(one)) for one in phones_in(text))
        yield from (one for one, form in abroad if form is not None and form[0] == "+" and len(form) > 7)
    if any(map(text.lower().__contains__, CALLED)):
        yield from (match[1] for match in _CALLED.finditer(text))


def _without_host(text: str) -> Iterator[str]:
    """Links that run something, hold their content in themselves or dial a number."""
    for match in _COLON.finditer(text):
        before = text[max(0, match.start() - 40) : match.start()].rstrip()
        word = before[len(before.rstrip(_SCHEME)) :]
        name = word.lower()
        if name in _OPENED or name.startswith("ms-") or name.rpartition("-")[2] in _OPENED:
            yield word + match[0]
        elif "".join(before.split()).lower().endswith(_RUN):
            yield before.split(" ")[-1] + match[0]


def _luhn(number: str) -> bool:
    """Whether the check digit of a card number is right, of thirteen digits at least."""
    plain = [int(c) for c in reversed(re.sub(r"[^0-9]", "", number))]
    return (
        len(plain) > 12 and sum(plain[::2]) % 10 == -sum(sum(divmod(2 * one, 10)) for one in plain[1::2]) % 10
    )
