"""Account numbers in one form, and where they stand in free text. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from remit.gate.numbers import LONGEST, digits
from remit.gate.unseen import has_unseen

FEWEST = 10  # digits that an IBAN has, where it is looked for among other words
_SHAPE = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}")
_IBAN = re.compile(r"(?<!\w)[A-Za-z]{2}[0-9]{2}(?:[ \u00a0-]?[A-Za-z0-9]){11,30}")
_RUN = re.compile(r"(?<![\w@])[0-9](?:[ \u00a0-]?[0-9]){3,33}(?!\w)(?![ -][0-9])")
_TOKEN = re.compile(r"(?<![\w@-])[A-Za-z0-9]{1,64}(?:-[A-Za-z0-9]{1,64}){0,8}(?![\w@]|-\w)")
_AFTER_COUNTRY = re.compile(r"[0-9](?<=[A-Za-z]{2}[0-9])[0-9]")
_BETWEEN = "[^0-9A-Za-z]{0,3}"  # what may stand between the letters and digits of an IBAN that stand apart
_NO_DIGITS = bytes(code for code in range(256) if not 48 <= code < 58)
_NO_LETTERS = bytes(code for code in range(256) if not chr(code).isascii() or not chr(code).isalnum())
_COUNTRIES = """
    AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29
    ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20
    LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29
    PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30
"""
_LENGTHS = {pair[:2]: int(pair[2:]) for pair in _COUNTRIES.split()}


def account(text: str) -> str | None:
    """An IBAN without spaces in capitals where its check digits are right; else letters and digits.

    Letters of one case are put in capitals; where both stand they mean something, as in a Bitcoin address.
    """
    text = digits(text.strip())
    if len(text) > LONGEST or has_unseen(text):
        return None
    plain = re.sub(r"[\s\-]", "", text)
    if not plain.isascii() or not plain.isalnum() or not any(c.isdigit() for c in plain):
        return None
    return plain.upper() if is_iban(plain) or plain in (plain.upper(), plain.lower()) else plain


def is_iban(plain: str) -> bool:
    """Whether letters and digits without spaces are an IBAN: form, length of the country, check digits."""
    plain = plain.upper()
    if not _SHAPE.fullmatch(plain) or len(plain) != _LENGTHS.get(plain[:2], len(plain)):
        return False
    return int("".join(str(int(c, 36)) for c in plain[4:] + plain[:4])) % 97 == 1


def accounts_in(text: str) -> Iterator[str]:
    """What may be an account: IBANs, and runs of digits and letters with at least four digits, each as long as it is."""
    text = digits(text)
    spans = [(match.start(), end) for match in _IBAN.finditer(text) if (end := _end(match, text))]
    yield from (text[first:end] for first, end in spans)
    for pattern in (_RUN, _TOKEN):
        for first, end in spans:  # no group of a longer number is a number of its own
            text = f"{text[:first]}{'.' * (end - first)}{text[end:]}"
        spans = []
        for match in pattern.finditer(text):
            spans.append(match.span())
            if sum(c.isdigit() for c in match[0]) >= 4:
                yield match[0]


def ibans_in(text: str) -> Iterator[str]:
    """What has the form of an IBAN, whether its check digits are right or not."""
    text = digits(text)
    for match in _IBAN.finditer(text):
        end = _end(match, text)
        first = re.split(r"[ \u00a0]", match[0])[0]
        if end:
            yield text[match.start() : end]
        elif len(first) >= 15 and sum(c.isdigit() for c in first) >= 10:
            yield first


def scattered_in(text: str) -> Iterator[str]:
    """IBANs whose check digits are right, written so that no form would take them and a person would: `DE89.3704/0044 …`."""
    told = text.encode(errors="replace")
    if len(told.translate(None, _NO_DIGITS)) < FEWEST:
        return
    close = told.translate(None, _NO_LETTERS).decode()
    for match in _AFTER_COUNTRY.finditer(close):
        first = match.start() - 2
        country = close[first : first + 2].upper()
        plain = close[first : first + _LENGTHS.get(country, 0)].upper()
        if sum(c.isdigit() for c in plain) >= FEWEST and is_iban(plain):
            apart = rf"(?<![0-9A-Za-z]){_BETWEEN.join(plain)}(?![0-9A-Za-z])"
            if re.search(apart, text, re.IGNORECASE):
                yield plain


def _end(match: re.Match[str], text: str) -> int | None:
    """Where the IBAN ends that begins what may go on with the words that follow it."""
    for end in range(match.end(), match.start() + 14, -1):
        if not text[end : end + 1].isalnum() and is_iban(re.sub(r"[\s\-]", "", text[match.start() : end])):
            return end
    return None
