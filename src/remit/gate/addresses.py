"""E-mail addresses, URLs and paths in one form each, and where they stand in free text. Pure.

Each function of one value says None for what is no such thing; it never raises. What a program could read in two ways
(a user name before a host, a backslash, an IP address in octal) is no such thing.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import idna

from remit.gate.unseen import has_unseen

EMAIL, URL, PATH = 400, 8_192, 4_096  # characters; what is longer is no such thing
PORTS = {"http": "80", "https": "443", "ws": "80", "wss": "443", "ftp": "21"}

_LABELS = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_ALNUM = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_IN_SCHEME = f"{_ALNUM}+.-"
_IN_LOCAL = f"{_ALNUM}!#$%&'*+/=?^_`{{|}}~.-"  # of ASCII
_IN_HOST = f"{_ALNUM}.-_"
_NOT_SHOWN = frozenset(',;:"@()[]\\<>')
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{0,20})://([^/?#]*)([^?#]*)(\?[^#]*)?(#.*)?")
_NOT_FIRST = "0123456789+.-"  # of a scheme
_ENDS_URL = re.compile(r"[\s<>\"`{}|^]")
_BARE = re.compile(
    r"(?:(?<![\w@.\-/\\])|(?<=[/\\][/\\])|(?<=:[/\\]))(?:[\w-]{1,63}\.){1,8}(?:xn--[a-z0-9-]{1,59}|[^\W\d_]{2,24})(?![\w@-])"
    r"(?::\d{1,5})?(?:[/?#][^\s<>\"`{}|^]*)?"
)
_LONGEST = 8 * 64 + 1  # characters before its last dot, and one more
_DOT = re.compile(r"\.[^\W\d_]{2}")  # stands in each of them
_NEXT_SENTENCE = re.compile(r"[A-Z][a-z]{2,}")
_WHOLE_HOST = re.compile(r"(?:https?://)?(?:[a-z0-9-]{1,63}\.){1,8}[a-z]{2,24}")
_NOT_QUOTED = re.compile(r"%(?![0-9A-Fa-f]{2})")
_QUOTED = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_SAFE = "/:@!$&'()*+,;=-._~%[]"
# Where a name without a scheme or a path is a link rather than a file or an abbreviation.
_WORDS = """
    com net org info biz edu gov mil int io ai app dev xyz online site website store shop tech cloud page link click
    club live pro name mobi blog news email top example test invalid onion
"""
_GENERIC = frozenset(_WORDS.split())
_ENDINGS = "py md sh rs pl ps so cc ml tf pm js ts go do in is it to am at me my no us zip mov cab"  # of files, and words
_FILES = frozenset(_ENDINGS.split())
# The top-level domains of more than two letters that there are (IANA, 3 October 2026)
_TOP = frozenset(Path(__file__).with_name("tlds.txt").read_text(encoding="ascii").split()) - _FILES


def host(text: str) -> str | None:
    """A host name in lower case, international names in ASCII (IDNA 2008 with UTS 46), or an IP address."""
    name = text.strip().removesuffix(".")
    if not name or len(name) > 253:
        return None
    if name.startswith("[") and name.endswith("]"):
        try:
            return f"[{ipaddress.IPv6Address(name[1:-1]).compressed}]" if "%" not in name else None
        except ValueError:
            return None
    if not name.isascii():
        try:
            name = idna.encode(name, uts46=True).decode().removesuffix(".")
        except UnicodeError:
            return None
    name = name.lower()
    if not _LABELS.fullmatch(name) or ("xn--" in name and not _international(name)):
        return None
    last = name.rpartition(".")[2]
    if last.isdigit() or last.startswith("0x"):  # 127.1, 0x7f.1 and 017700000001 are read in several ways
        try:
            return str(ipaddress.IPv4Address(name))
        except ValueError:
            return None
    return name


def _international(name: str) -> bool:
    """Whether all programs read the same name in the ASCII of an international one."""
    try:
        return idna.encode(idna.decode(name)).decode() == name
    except UnicodeError:
        return False


def email(text: str) -> str | None:
    """`local@host` in lower case; a display name is dropped, a tag (`+shop`) is kept."""
    text = text.strip()
    if len(text) > EMAIL or "@" not in unicodedata.normalize("NFKC", text) or has_unseen(text):
        return None
    if text.endswith(">"):
        shown, _, text = text[:-1].partition("<")
        shown = shown.strip()
        quoted = len(shown) > 1 and shown[0] == shown[-1] == '"' and not set(shown[1:-1]) & set('"\\')
        if not quoted and set(unicodedata.normalize("NFKC", shown)) & _NOT_SHOWN:
            return None  # several addresses, or a group, or a name that a program could read as an address
    if text[:7].lower() == "mailto:":
        text = text[7:]
    local, _, domain = unicodedata.normalize("NFKC", text.strip()).partition("@")
    name = host(domain) if not domain[:1].isspace() and "[" not in domain else None
    if name is None or not 0 < len(local) <= 64 or not all(_in_local(c) for c in local.strip(_IN_LOCAL)):
        return None
    if local[0] == "." or local[-1] == "." or ".." in local:
        return None
    return f"{_lower(local)}@{name}"


def url(text: str) -> str | None:
    """Scheme, host, port where it is not the scheme's own, path and query; a name without a scheme is https.

    The path has no dot segments and one percent-encoding; the query is kept as it is; a fragment is dropped. With a
    blank at its end it is none: some strip it, some send it as part of the host or the path.
    """
    if not text or len(text) > URL or has_unseen(text) or re.search(r"[\s\\<>\"`{}|^]", text):
        return None
    parts = _SCHEME.fullmatch(text)
    if parts is None:
        bare = text.removeprefix("//")
        parts = _SCHEME.fullmatch(f"https://{bare}") if _BARE.fullmatch(bare) else None
    if parts is None:
        return None
    scheme, (authority, path, query) = parts[1].lower(), (parts[2], parts[3], parts[4] or "")
    name, port = _authority(authority, scheme)
    way = _url_path(path)
    if name is None or port is None or way is None:
        return None
    return f"{scheme}://{name}{port}{way}{query}"


def origin(text: str) -> str | None:
    """Scheme, host and port of a URL."""
    whole = url(text)
    return None if whole is None else "/".join(whole.split("/", 3)[:3])


def path(text: str) -> str | None:
    """A path without `.`, `..` and doubled slashes. One that climbs above where it starts is no path."""
    if not text.strip() or len(text) > PATH or has_unseen(text) or "\n" in text or "\r" in text:
        return None
    text = unicodedata.normalize("NFC", text)
    found = _climb(text.split("/"))
    if found is None or ("\\" in text and _climb(re.split(r"[/\\]", text)) is None):
        return None
    way = "/".join(found)
    return f"/{way}" if text.startswith("/") else way or "."


def emails_in(text: str) -> Iterator[str]:
    """What may be an e-mail address: everything that hangs together around an @, as it is written."""
    at, plain = text.find("@"), text.isascii()
    while at >= 0:
        first, last = at, at + 1
        if plain:  # many times as fast as character by character
            first = max(0, at - 80)
            first += len(text[first:at].rstrip(_IN_LOCAL))
            after = text[last : at + 260]
            last += len(after) - len(after.lstrip(_IN_HOST))
        else:
            while first > 0 and at - first < 80 and _in_local(text[first - 1]):
                first -= 1
            while last < len(text) and last - at < 260 and _in_host(text[last]):
                last += 1
        local, domain = text[first:at], text[at + 1 : last].rstrip(".-_")
        around = text[first - 1 : first] + text[last : last + 1]
        if "//" not in local and "@" not in around and domain:  # not a user name in a URL
            local = local.lstrip("'`*|~{=?&!#$/^.")
            if local:
                yield f"{local}@{domain}"
        at = text.find("@", at + 1)


def urls_in(text: str) -> list[str]:
    """What may be a URL, as it is written: with a scheme, and names that a reader's program makes a link of."""
    found, rest, upto, at = list[str](), list[str](), 0, text.find("://")
    while at >= 0:
        first = at - len(_scheme_at_end(text[max(0, at - 21) : at]))
        if first < at:
            end = _ENDS_URL.search(text, at + 3)
            stop = end.start() if end else len(text)
            found += _read(_trimmed(text[first:stop]))
            rest.append(text[upto:first])
            upto = stop
        at = text.find("://", max(upto, at + 3))
    rest.append(text[upto:])
    for piece in rest:
        for match in _bare(piece) if _DOT.search(piece) else ():
            if _links(match[0]):
                found += _read(_trimmed(match[0]))
    return found


def _scheme_at_end(text: str) -> str:
    """The longest scheme that a text ends with: a letter, then letters, digits and three signs."""
    return text[len(text.rstrip(_IN_SCHEME)) :].lstrip(_NOT_FIRST)


def _bare(text: str) -> Iterator[re.Match[str]]:
    """What `_BARE` finds. Each of them begins where a run of letters, digits, `_`, `-` and dots does, and has a dot before two
    letters in it: only such runs are looked at, since most of a text is none."""
    if not text.isascii():
        yield from _BARE.finditer(text)
        return
    upto, tried = 0, -1
    for dot in _DOT.finditer(text):
        if dot.start() < upto:
            continue
        near = max(0, dot.start() - _LONGEST)
        first = near + len(text[near : dot.start()].rstrip(_IN_HOST))
        if first < upto or first == tried:
            continue
        tried = first
        if match := _BARE.match(text, first):
            upto = match.end()
            yield match


def _links(bare: str) -> bool:
    name = re.split(r"[:/?#]", bare, maxsplit=1)[0].lower()
    last = name.rpartition(".")[2]
    if name.startswith("www.") or last in _GENERIC or last in _TOP or last.startswith("xn--"):
        return True
    return len(bare) > len(name) + 1 or (len(last) == 2 and last not in _FILES) or not last.isascii()


def _trimmed(link: str) -> str:
    """Without the punctuation of the sentence around it."""
    while link and (
        link[-1] in ".,;:!?'*_~\u2019\u201d\u00bb"
        or (link[-1] in ")]" and link.count(link[-1]) > link.count("(["[link[-1] == "]"]))
    ):
        link = link[:-1]
    return link


def _read(link: str) -> tuple[str, ...]:
    """A link, and what it is where the next sentence follows it without a blank: "our page www.shop.com.They are"."""
    host, dot, word = link.rpartition(".")
    if not dot or not "A" <= word[:1] <= "Z" or not _NEXT_SENTENCE.fullmatch(word):
        return (link,)
    return (link, host) if word.lower() not in _GENERIC and _WHOLE_HOST.fullmatch(host) else (link,)


def _authority(authority: str, scheme: str) -> tuple[str | None, str | None]:
    """Host, and port with its colon or nothing; None for what is wrong. User names are."""
    name, colon, port = authority.rpartition(":")
    if not colon or "]" in port:
        name, port = authority, ""
    if "@" in authority or "%" in authority:
        return None, None
    if port and not (port.isascii() and port.isdigit() and int(port[:6]) < 65_536):
        return None, None
    number = str(int(port)) if port else ""
    return host(name), "" if not number or PORTS.get(scheme) == number else f":{number}"


def _url_path(path: str) -> str | None:
    if _NOT_QUOTED.search(path):
        return None
    try:
        path = quote(path, safe=_SAFE)
    except UnicodeEncodeError:  # half a character
        return None
    path = _QUOTED.sub(_requoted, path)
    kept: list[str] = []
    segments = path.split("/")[1:]
    if ".." in segments and "" in segments[:-1]:  # what it takes back, programs do not agree on
        return None
    for number, segment in enumerate(segments, 1):
        if segment == "..":
            kept = kept[:-1]
        elif segment != ".":
            kept.append(segment)
        if segment in (".", "..") and number == len(segments):
            kept.append("")
    return "/" + "/".join(kept)


def _requoted(match: re.Match[str]) -> str:
    character = chr(int(match[1], 16))
    return character if character in _UNRESERVED else f"%{match[1].upper()}"


def _climb(segments: list[str]) -> list[str] | None:
    kept: list[str] = []
    for segment in segments:
        if segment == "..":
            if not kept:
                return None
            kept.pop()
        elif segment not in ("", "."):
            kept.append(segment)
    return kept


def _in_local(character: str) -> bool:
    if character.isascii():
        return character in _IN_LOCAL
    return unicodedata.category(character)[0] in "LMN"


def _in_host(character: str) -> bool:
    return character in ".-_" or character.isalnum() or unicodedata.category(character)[0] == "M"


def _lower(text: str) -> str:
    return unicodedata.normalize("NFKC", text.lower())
