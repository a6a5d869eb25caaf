"""What the gate vouches for is what happens: programs that take a value read it as its canonical form says, or refuse it."""

from __future__ import annotations

import posixpath
from decimal import Decimal
from email.utils import getaddresses
from urllib.parse import unquote, urlsplit

import httpx
import idna
from hypothesis import example, given, settings
from hypothesis import strategies as st

from remit.gate import addresses
from remit.gate.accounts import is_iban
from remit.gate.values import canonical

pieces = st.sampled_from(
    ["a", "B", "x.example", "evil.example", "good.example", "127.0.0.1", "0x7f", "[::1]", "1", "8", "ß", "İ", "ﬃ", "Ａ", "é", "e\u0301", "例え", "xn--",
     "http", "https", "ftp", "HTTPS", ":", "//", "/", "\\", "@", "＠", "／", "．", "。", "｡", "℀", "．．", "..", ".", "?", "#", "&", "=", ";", "%", "%2e", "%2F", "%40",
     "%00", "%0d%0a", "%5c", "%zz", ":80", ":443", ":0443", ":99999", "\t", "\n", "\r", " ", "\u00a0", "\u200b", "\u00ad", "\u2028", "<", ">", '"', "'", "`", "(", ")",
     "[", "]", "|", "^", "{", "}", ",", "+", "-", "_", "~", "*", "$", "!", "mailto:", "javascript:", "localhost", "www.", "com", "\ud800", "\0"]
)  # fmt: skip
texts = st.lists(pieces, max_size=12).map("".join)
urls = (
    texts.map("https://{}".format) | texts.map("http://good.example{}".format) | texts | st.text(max_size=20)
)


def ascii_host(host: str) -> str:
    """As it goes over the wire."""
    bare = host.strip("[]").rstrip(".").lower()
    return bare if bare.isascii() else idna.encode(bare, uts46=True).decode().rstrip(".")


@settings(max_examples=400)
@given(urls)
@example("https://good.example\\@evil.example/")
@example("https://good.example%2f@evil.example/")
@example("https://good.example#@evil.example/")
@example("https://evil.example\t.good.example/")
@example("https://good.example:443:80/")
@example("https://[::1].good.example/")
@example("https://faß.example/")
@example("https://good.example。evil.example/")
@example("https://ℛ.example/")
@example("A://A ")
@example("https://good.example/x ")
def test_a_url_leads_every_reader_to_the_host_and_port_of_its_form(text: str) -> None:
    form = canonical("url", text)
    if form is None:
        return
    whole = urlsplit(form)
    assert whole.hostname is not None
    assert (whole.username, whole.password, whole.fragment) == (None, None, "")
    for seen in (text, text.strip(), form):
        try:
            other = httpx.URL(seen)
        except (httpx.InvalidURL, UnicodeError):
            continue
        if other.host:
            assert ascii_host(other.raw_host.decode()) == ascii_host(whole.hostname), (text, form)
            assert other.scheme == whole.scheme
            assert (other.port or addresses_port(other.scheme)) == (
                whole.port or addresses_port(whole.scheme)
            )
        try:
            third = urlsplit(seen)
            named = third.hostname
        except ValueError:
            continue
        if third.netloc and named:
            assert ascii_host(named) == ascii_host(whole.hostname), (text, form)


def addresses_port(scheme: str) -> int | None:
    return int(addresses.PORTS.get(scheme, 0)) or None


@settings(max_examples=300)
@given(texts.map("https://x.example/{}".format))
@example("https://x.example///..")
@example("https://x.example/a//../b")
def test_a_url_asks_a_server_for_what_its_form_says(text: str) -> None:
    form = canonical("url", text)
    if form is None:
        return
    try:
        asked, said = httpx.URL(text.strip()), httpx.URL(form)
    except (httpx.InvalidURL, UnicodeError):
        return
    one, other = (unquote(resolved(url.raw_path.decode())) for url in (said, asked))
    assert one == other or one.rstrip("/") == other.rstrip("/"), (text, form)  # `/a/..` may end in a slash


def resolved(path: str) -> str:
    """A request's path as servers resolve its dot segments."""
    way, mark, query = path.partition("?")
    kept: list[str] = []
    segments = way.split("/")[1:]
    for number, segment in enumerate(segments):
        plain = segment.replace("%2e", ".").replace("%2E", ".")
        if plain == "..":
            kept = kept[:-1]
        elif plain != ".":
            kept.append(segment)
        if plain in (".", "..") and number == len(segments) - 1:
            kept.append("")
    return "/" + "/".join(kept) + mark + query


mails = st.lists(
    pieces | st.sampled_from(["a@x.example", "Ann", "<", ">", "@x.example", '"', ";", ":", "+tag"]),
    max_size=9,
).map("".join)


@settings(max_examples=400)
@given(mails)
@example("a@good.example <b@evil.example>")
@example('"a@good.example" <b@evil.example>')
@example("<a@good.example> b@evil.example")
@example("a@good.example(b@evil.example)")
@example("a@evil.example,b@good.example")
@example("a@[127.0.0.1]")
@example("=?utf-8?q?a=40evil.example?= <b@good.example>")
def test_mail_goes_to_the_one_address_that_its_form_says(text: str) -> None:
    form = canonical("email", text)
    if form is None:
        return
    assert form.count("@") == 1
    assert not set(form) & set(' \t\r\n,;:<>()[]\\"')
    read = [address for _, address in getaddresses([text.strip()]) if address]
    assert len(read) <= 1, (text, read)
    for address in read:  # none: a mail program refuses it
        assert canonical("email", address) == form, (text, read)


@settings(max_examples=300)
@given(
    st.lists(
        st.sampled_from(["a", "b", "..", ".", "", "/", "c d", "..a", "\\", "~", "é", " "]), max_size=8
    ).map("/".join)
)
def test_a_path_is_where_the_system_finds_it_and_never_above(text: str) -> None:
    form = canonical("path", text)
    if form is None:
        return
    plain = posixpath.normpath(text)
    assert form == ("/" + plain.lstrip("/") if text.startswith("/") else plain)
    assert ".." not in form.split("/")


@given(st.from_regex(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}", fullmatch=True), st.data())
def test_an_iban_with_one_sign_other_is_another_account_or_none(text: str, data: st.DataObject) -> None:
    digits = int("".join(str(int(c, 36)) for c in text[4:] + text[:2] + "00")) % 97
    whole = f"{text[:2]}{98 - digits:02}{text[4:]}"
    assert canonical("account", whole) == whole
    place = data.draw(st.integers(0, len(whole) - 1))
    sign = data.draw(st.sampled_from("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
    other = whole[:place] + sign + whole[place + 1 :]
    assert (canonical("account", other) == whole) is (other == whole)
    assert not (
        other != whole
        and is_iban(other)
        and is_iban(whole)
        and sign.isdigit()
        and whole[place].isdigit()
        and place > 1
    )


@given(
    st.lists(
        st.sampled_from(
            [*"0123456789", ".", ",", "'", " ", "-", "+", "EUR", "$", "€", "e", "k", "%", "٣", "１", "\u00a0"]
        ),
        max_size=9,
    ).map("".join)
)
def test_an_amount_is_never_more_than_a_program_reads_in_the_same_words(text: str) -> None:
    form = canonical("amount", text)
    try:
        read = Decimal(text.replace("_", ""))
    except ArithmeticError:
        return
    if form is not None and read.is_finite():
        assert Decimal(form.partition(" ")[0]) == read


@given(
    pieces.flatmap(lambda piece: st.lists(st.just(piece) | pieces, max_size=10)).map("".join),
    st.sampled_from(["email", "phone", "account", "url", "path", "amount", "person", "id:x", "text"]),
)
@example("https://x.example/", "url")
def test_a_form_is_its_own_form_and_has_one_reading(text: str, kind: str) -> None:
    form = canonical(kind, text)
    if form is None:
        return
    assert canonical(kind, form) == form
    for spaced in (f" {form}", f"{form} ", f"{form}\n", f" {form}\n"):
        if kind == "url":  # browsers strip it; httpx sends it along, in the path or as part of the host
            assert canonical(kind, spaced) is None
        elif kind != "path":
            assert canonical(kind, spaced) == form


def test_a_blank_around_a_url_is_read_by_programs_in_two_ways() -> None:
    for text, sent in {
        "https://x.example/a ": "/a%20",
        "https://x.example/?q ": "/?q%20",
        " https://x.example/": "%20https://x.example/",
    }.items():
        assert httpx.URL(text).raw_path.decode() == sent
        assert httpx.URL(text.strip()).raw_path.decode() != sent
        assert canonical("url", text) is None
