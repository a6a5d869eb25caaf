"""Amounts and telephone numbers in one form each, and where they stand in free text. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation

from remit.gate.unseen import has_unseen

LONGEST = 100  # characters of a number with all that belongs to it

_ISO = """
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF
    CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD
    HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD
    LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK
    PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SYP SZL THB TJS TMT
    TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VED VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWG BTC ETH
"""
_WRITTEN = """
    $=USD us$=USD ca$=CAD c$=CAD au$=AUD a$=AUD nz$=NZD hk$=HKD s$=SGD r$=BRL €=EUR £=GBP ¥=JPY ₹=INR ₽=RUB ₩=KRW
    ₺=TRY ₪=ILS zł=PLN kč=CZK dollar=USD dollars=USD euro=EUR euros=EUR pound=GBP pounds=GBP yen=JPY rupees=INR
"""
_CODES = frozenset(_ISO.split())
_NAMES = dict(pair.split("=") for pair in _WRITTEN.split())
_MONEY = r"(?:(?:US|CA|AU|NZ|HK|[CASR])?\$|[€£¥₹₽₩₺₪]|zł|Kč|[A-Za-z]{3,7})"
_DIGITS = r"[0-9]{1,30}(?:[.,'’\u00a0\u2009\u202f][0-9]{1,30}){0,12}"
_WHOLE = re.compile(rf"([-+−]?)\s?({_MONEY})?\s?([-+−]?)\s?([0-9][0-9.,'’ \u00a0\u2009\u202f]{{0,60}})\s?({_MONEY})?", re.I)  # fmt: skip
_AMOUNT = re.compile(rf"(?<![\w.,:/#'’-])((?:[-−])?(?:{_MONEY}\s?)?)({_DIGITS})(?![\w%:/]|[.,'’-][0-9])(\s?{_MONEY}(?!\w))?|(?<![\w.,:/#'’-])({_DIGITS})({_MONEY})(?!\w)", re.I)  # fmt: skip
_SCALES = re.compile(
    r"\s?(?:%|percent|thousand|million|billion|trillion|hundred|dozen|lakh|crore|mio|mrd|tausend)\b", re.I
)
_SPACES = str.maketrans(dict.fromkeys("’\u00a0\u2009\u202f", "'"))

_PHONE = re.compile(
    r"(?:(?<![\w@#.,$€£:/+-])|(?<=\btel:)|(?<=:)(?=\+))(?:\+\s?|\()?[0-9](?:(?:[ \-./\u00a0\u2011]|\)[ -]?|[ -]?\()?[0-9]){2,19}"
    r"(?:\s?(?:ext\.?|x|#)\s?[0-9]{1,6})?(?![\w@%]|[ \-./(]?[0-9])",
    re.I,
)
_EXTENSION = re.compile(r"\s*(?:;?ext[.=]?|x|#)\s*([0-9]{1,6})\Z", re.I)


def amount(text: str) -> str | None:
    """A number, with its currency where one is given: `1234.5 EUR`.

    A single comma before three digits parts thousands, a single point never does: where it is doubtful the smaller is meant.
    """
    text = digits(text.strip())
    match = _WHOLE.fullmatch(text) if 0 < len(text) <= LONGEST and not has_unseen(text) else None
    if match is None or (match[1] and match[3]) or (match[2] and match[5]):
        return None
    currency = _currency(match[2] or match[5] or "")
    number = _number(match[4].strip().replace(" ", "'"))
    if currency is None or number is None:
        return None
    minus = (match[1] or match[3]) in ("-", "−") and number != "0"
    return f"{'-' * minus}{number} {currency}".strip()


def amount_of(number: float) -> str | None:
    """A JSON number as an amount; None for one that is not finite."""
    try:
        plain = format(Decimal(repr(number)), "f")
    except (InvalidOperation, ValueError):  # an int that is too long to be written out
        return None
    if not plain.lstrip("-").replace(".", "").isdigit() or len(plain) > 400:
        return None
    sign, plain = ("-", plain[1:]) if plain.startswith("-") else ("", plain)
    whole, _, part = plain.partition(".")
    trimmed = _trimmed(whole, part)
    return trimmed if trimmed == "0" else sign + trimmed


def amounts_in(text: str) -> Iterator[str]:
    """What may be an amount, as it is written: no percentage, no part of a date, a version or an id."""
    text = digits(text)
    for match in _AMOUNT.finditer(text):
        if _SCALES.match(text, match.end()) or _SCALES.match(text, match.end(2) if match[2] else match.end()):
            continue
        number = match[2] or match[4]
        before, after = (match[1] or "").strip(), (match[3] or match[5] or "").strip()
        sign, before = (before[:1], before[1:].strip()) if before[:1] in ("-", "−") else ("", before)
        currency = (_currency(before) and before) or (_currency(after) and after) or ""
        if not currency and (match[5] or (match[1] or "")[-1:].isalpha()):  # 50k, 5th, W50
            continue
        yield f"{sign}{number} {currency}".strip()


def phone(text: str) -> str | None:
    """Digits, with a plus where the number is international (`+` or `00`), and its extension."""
    text = digits(text.strip())
    if len(text) > LONGEST or has_unseen(text):
        return None
    text = text[4:] if text[:4].lower() == "tel:" else text
    extension = ""
    if match := _EXTENSION.search(text):
        text, extension = text[: match.start()], f";ext={match[1]}"
    if not re.fullmatch(r"[+(]{0,2}[0-9][0-9\s().\-/\u2011\u2013]{1,60}", text.strip()):
        return None
    abroad = text.lstrip("( ").startswith(("+", "00"))
    number = re.sub(r"[^0-9]", "", text.replace("(0)", "") if abroad else text)
    number = number.removeprefix("00") if not text.lstrip("( ").startswith("+") else number
    return f"{'+' * abroad}{number}{extension}" if 3 <= len(number) <= 15 else None


def phones_in(text: str) -> Iterator[str]:
    for match in _PHONE.finditer(digits(text)):
        yield match[0]


def digits(text: str) -> str:
    """The digits of all scripts, and the wide forms of letters and signs, in ASCII."""
    if text.isascii():
        return text
    return "".join(_ascii(c) for c in text)


def _ascii(character: str) -> str:
    if "\uff01" <= character <= "\uff5e":
        return chr(ord(character) - 0xFEE0)
    if character.isdecimal():
        return str(unicodedata.decimal(character))
    return character


def _currency(written: str) -> str | None:
    """Its code; "" for none, None for what is no currency."""
    if not written:
        return ""
    return _NAMES.get(written.lower()) or (written.upper() if written.upper() in _CODES else None)


def _number(written: str) -> str | None:
    written = written.translate(_SPACES)
    groups = re.split(r"[.,']", written)
    if not all(groups):
        return None
    marks = re.sub(r"[0-9]", "", written)
    if not marks:
        return _trimmed(written, "")
    last, part = marks[-1], ""
    thousands = len(groups[-1]) == 3 and len(groups[0]) <= 3 and groups[0] != "0"
    alone = len(marks) == 1 and (last == "." or (last == "," and not thousands))
    mixed = marks.count(last) == 1 and len(marks) > 1 and last != "'"
    if alone or mixed:
        part, groups, marks = groups[-1], groups[:-1], marks[:-1]
    if len(set(marks)) > 1 or any(len(group) != 3 for group in groups[1:]):
        return None
    if len(groups) > 1 and len(groups[0]) > 3:
        return None
    return _trimmed("".join(groups), part)


def _trimmed(whole: str, part: str) -> str:
    whole, part = whole.lstrip("0") or "0", part.rstrip("0")
    return f"{whole}.{part}" if part else whole
