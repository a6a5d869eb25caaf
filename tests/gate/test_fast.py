"""What is passed over because it is seen at once to be nothing, is nothing: the quick ways say what the plain ones do."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterator
from functools import partial
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from remit.gate import addresses, parts, unseen, wording
from remit.gate.accounts import account, ibans_in, scattered_in
from remit.gate.evidence import Witness
from remit.gate.judge import judge, vouch
from remit.gate.known import _ADDRESS, Known, _values, _written
from remit.gate.masked import unmasked
from remit.gate.numbers import digits, phone, phones_in
from remit.gate.proposal import Facts, Proposal
from remit.gate.read import LONG
from remit.gate.rules import Rule, compile_rules
from remit.gate.scalars import certain, group, leaves
from remit.gate.values import canonical, found, spellings, stands
from remit.gate.wording import words
from remit.journal.body import _unkept, unkept

PIECES = (
    "a", "Dora", "x.example", "www.shop.com", "dora@x.example", "@", "://", "https", ":", "//", "/", ".", "-", "_", " ", "\n", ".com",
    "shop.com.They", "a.b.c", "x." * 9, "l" * 64, "tel:", "+49 30 1234567", "0x" + "a1" * 20, "4111 1111 1111 1111", "DE89370400440532013000",
    "account 12345", "1", "50,00", "$", "\u200b", "\x00", "\x7f", "\t", "\uff20", "\uff0e", "\uff1a", "\u0130", "ß", "ü", "é", "\u0301", "\u0958",
    "\ud800", " dot ", "[at]", "(.)", "&#46;", "%2e", "\u3002", "D E", "call 030 ", "DE89.3704/0044-0532 0130 00", "1.2.3.4/", "<", ">", '"', "'", "(", ")", "mailto:", "javascript:", "data:", "https://localhost", "http:\u200b//a", "?q=1", "#", "\\", "K", "ı", "²", "１", "1e-7",
)  # fmt: skip
texts = st.lists(st.sampled_from(PIECES) | st.text(max_size=4), max_size=14).map("".join)
long = texts.map(lambda text: text * 9)
scalars = texts | st.integers() | st.floats() | st.booleans() | st.none()
trees = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=10,
)
KINDS = st.sampled_from(
    ["email", "url", "text", "phone", "account", "amount", "person", "path", "id:order", "other"]
)
MANY = settings(max_examples=150)

_ATOM = re.compile(r"[a-z0-9!#$%&'*+/=?^_`{|}~.-]", re.IGNORECASE)


def _in_local(c: str) -> bool:
    return bool(_ATOM.match(c)) if c.isascii() else unicodedata.category(c)[0] in "LMN"


def _in_host(c: str) -> bool:
    return c in ".-_" or c.isalnum() or unicodedata.category(c)[0] == "M"


def addresses_letter_by_letter(text: str) -> Iterator[str]:
    for at in (place for place, c in enumerate(text) if c == "@"):
        first, last = at, at + 1
        while first > 0 and at - first < 80 and _in_local(text[first - 1]):
            first -= 1
        while last < len(text) and last - at < 260 and _in_host(text[last]):
            last += 1
        local, domain = text[first:at], text[at + 1 : last].rstrip(".-_")
        around = text[first - 1 : first] + text[last : last + 1]
        if "//" not in local and "@" not in around and domain:
            local = local.lstrip("'`*|~{=?&!#$/^.")
            if local:
                yield f"{local}@{domain}"


@MANY
@given(texts)
def test_addresses_are_found_as_letter_by_letter(text: str) -> None:
    assert list(addresses.emails_in(text)) == list(addresses_letter_by_letter(text))


@MANY
@given(texts)
def test_names_of_hosts_are_found_as_if_looked_for_everywhere(text: str) -> None:
    quick = [(one.span(), one[0]) for one in addresses._bare(text)]
    assert quick == [(one.span(), one[0]) for one in addresses._BARE.finditer(text)]


def test_a_name_of_many_long_labels_is_found_wherever_it_begins() -> None:
    for many in range(1, 12):
        for label in ("l", "1", "l" * 62, "1" * 63, "1" * 64):
            for before in ("", " ", "//", "@", "x/", "." * 70, "a" * 600, "x.com:1234567", "x.com/a "):
                text = before + f"{label}." * many + "com and so on"
                quick = [one.span() for one in addresses._bare(text)]
                assert quick == [one.span() for one in addresses._BARE.finditer(text)]


def test_an_address_is_as_long_as_it_may_be() -> None:
    for local in (1, 79, 80, 81, 200):
        for domain in (1, 258, 259, 260, 400):
            text = f"<{'a' * local}@{'b' * domain}>"
            assert list(addresses.emails_in(text)) == list(addresses_letter_by_letter(text))


@MANY
@given(trees | st.dictionaries(texts, scalars) | st.just({"a": 1 << 63}) | st.just({"a": -(1 << 9_000)}))
def test_what_a_journal_keeps_is_seen_at_once_only_where_it_does(tree: Any) -> None:
    assert bool(unkept(tree)) == bool(_unkept(tree, 0))


@MANY
@given(st.text("aB \t\n\v\f\r\x1c\x1d\x1e\x1f\x85\u00a0é\u0130\x00", max_size=12) | texts)
def test_case_and_blanks_of_a_text_do_not_matter(text: str) -> None:
    plain = " ".join(unicodedata.normalize("NFC", text.casefold()).split())
    assert canonical("text", text) == plain


@MANY
@given(texts)
def test_unseen_characters_are_seen_as_by_looking_at_each(text: str) -> None:
    assert unseen.has_unseen(text) == (unseen._UNSEEN.search(text) is not None)


def leading(seen: str) -> list[tuple[str, str]]:
    every = [("url", link) for link in (*addresses.urls_in(seen), *parts._without_host(seen))]
    every += [("url", one[0]) for one in parts._SHARE.finditer(seen)]
    every += [("email", one) for one in addresses_letter_by_letter(seen) if "." in one.partition("@")[2]]
    every += [("email", one[0]) for one in parts._QUOTED_MAIL.finditer(seen)]
    ibans = [one for one in ibans_in(seen) if parts._FOUR_DIGITS.search(seen)]
    every += [("account", one) for one in ibans]
    every += [("account", one[0]) for one in parts._CARD.finditer(seen) if parts._luhn(one[0])]
    every += [("account", one[1]) for one in parts._NAMED.finditer(seen)]
    every += [("account", one) for one in scattered_in(seen) if one not in map(account, ibans)]
    every += [("account", one[0]) for one in parts._WALLET.finditer(seen) if len(one[0]) > 24]
    every += [
        ("phone", one) for one in phones_in(seen) if len(form := phone(one) or "") > 7 and form[0] == "+"
    ]
    every += [("phone", one[1]) for one in parts._CALLED.finditer(seen)]
    return every + [("url", one[0]) for one in parts._NUMBERED.finditer(seen)]


@MANY
@given(texts)
def test_what_leads_somewhere_is_found_without_looking_for_signs_of_it_first(text: str) -> None:
    seen = digits(unseen._UNSEEN.sub("", text))
    every = leading(seen)
    for value in sorted((value for _, value in every), key=len, reverse=True):
        seen = seen.replace(value, " ")
    every += leading(unmasked(seen)) if unmasked(seen) != seen else []
    every += [("hidden", mark) for mark in unseen.hidden(text)]
    assert parts.parts_of(text) == list(dict.fromkeys(every))


@MANY
@given(KINDS, st.lists(scalars, max_size=6))
def test_what_is_passed_over_has_no_form_and_holds_nothing(kind: str, several: list[Any]) -> None:
    kept = list(map(repr, group(several).worth(kind)))
    for one in several:
        if one is not None and repr(one) not in kept:
            assert spellings(kind, one) == ()
            assert not isinstance(one, str) or not found(kind, one)


@MANY
@given(trees)
def test_all_scalars_are_found_at_once_and_each_text_once(tree: Any) -> None:
    found = group(tree)
    assert sorted(found.texts) == sorted({leaf for leaf in leaves(tree) if isinstance(leaf, str)})
    others = [leaf for leaf in leaves(tree) if not isinstance(leaf, str)]
    assert sorted(map(repr, found.others)) == sorted(map(repr, others))


@MANY
@given(KINDS, trees | st.lists(long), scalars | long)
def test_a_value_is_among_those_of_a_record_exactly_if_one_of_them_has_its_form(
    kind: str, tree: Any, one: Any
) -> None:
    forms = {form for leaf in leaves(tree) for form in spellings(kind, leaf)} - {""}
    asked = [form for leaf in (one, *leaves(tree)) if (form := canonical(kind, leaf)) is not None]
    for first in (asked, asked[::-1]):
        several = group(tree)
        assert [several.has(kind, form) for form in first] == [form in forms for form in first]


@MANY
@given(st.text("abB9_+.-@ ", max_size=12) | texts)
def test_nothing_can_be_picked_out_of_an_address_but_itself(text: str) -> None:
    if _ADDRESS.fullmatch(text):
        assert found("email", text) == frozenset(spellings("email", text))


def test_an_address_without_a_dot_may_be_one() -> None:
    several = ["https://localhost", "http:\u200b//a", "a.b"]
    assert group([*several, "nothing", 5]).worth("url") == several


def test_a_long_text_is_among_those_of_a_record_that_has_it() -> None:
    for text in ("a" * 61, "A long text. " * 5, "\u0130" * 61, "1" * 61, "1.5" * 30):
        form = canonical("text", text)
        assert form is not None
        assert group({"note": text}).has("text", form)
        assert not group({"note": text[1:], "other": f"{text}!"}).has("text", form)


@MANY
@given(st.lists(st.tuples(trees, trees, st.booleans()), max_size=3), st.lists(scalars, max_size=3))
def test_what_trusted_sources_said_is_what_one_by_one_they_said(reads: Any, others: list[Any]) -> None:
    known, plain = Known(), set[str]()
    said, told = set[str](), set[str]()
    for count, (result, given_, trusted) in enumerate(reads):
        known.learn(result, trusted, "a source", given_)
        told |= {w for leaf in leaves(given_) if isinstance(leaf, str) for w in words(leaf)} - said
        for leaf in leaves(result) if trusted else ():
            if not isinstance(leaf, str) or len(leaf) <= LONG:
                plain.update(spellings("text", leaf))
            if len(str(leaf)) <= LONG:
                said |= {word for word in words(str(leaf)) if word not in told}
        for leaf in (*others, *leaves([one for one, _, _ in reads])):
            if (form := canonical("text", leaf)) is not None:
                assert known._texts.learn(known._reads).may_vouch(form) == (form in plain)
                assert known._glance.learn(known._reads).has_text(form) or form not in plain
        spoken = [
            set(words(str(leaf))) for leaf in (*others, *leaves([[one, given_] for one, given_, _ in reads]))
        ]
        for several in (*spoken, said, said | {"nowhere"}, *({word} for word in said)):
            assert known.says(several) == (several <= said)
            if count % 2:
                assert known.words() == said


@MANY
@given(KINDS, st.lists(st.tuples(trees, trees, st.booleans()), max_size=4), scalars)
def test_what_is_asked_between_two_results_changes_nothing_of_what_is_known_after(
    kind: str, reads: Any, other: Any
) -> None:
    often, once = Known(), Known()
    every = (other, *leaves([[result, told] for result, told, _ in reads]))
    forms = {form for leaf in every for form in spellings(kind, leaf)}
    for number, (result, told, trusted) in enumerate(reads):
        often.learn(result, trusted, partial(str, number), told)
        once.learn(result, trusted, str(number), told)
        for form in forms:
            assert often.who(kind, form).trusted[:1] or not often.vouches(kind, form)
    for form in forms:
        assert often.vouches(kind, form) == once.vouches(kind, form)
        assert often.who(kind, form) == once.who(kind, form)


def said_leaf_by_leaf(kind: str, reads: Any) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """The sources that vouch for each value, and the strangers who say it, with every value picked out of everything."""
    vouching, telling = dict[str, list[str]](), dict[str, list[str]]()
    written = set[str]()
    for number, (result, told, trusted) in enumerate(reads):
        written |= {one for leaf in leaves(told) for one in _written(kind, leaf)} - vouching.keys()
        for leaf in leaves(result):
            said = vouching if trusted else telling
            for one in set(spellings(kind, leaf)) if trusted else _values(kind, leaf):
                if one and (not trusted or one not in written):
                    said.setdefault(one, []).append(str(number))
    return vouching, telling


JSON_PIECES = ("dora@x.example", "bob@y.example", "Dora@X.example", "\"", "\\", "\n", "\x7f", "\x08", "\u200b", "ß", "\uff20", " ", "<", ">", ",", "K", "x.example",
    "https://x.example/a", "http://X.EXAMPLE:80/b", "www.shop.com", "https://[::1]/a", "mailto:", "@", "e", ":", ".", "\ud800", "\u0130", "ü@x.example")  # fmt: skip
leads = st.lists(st.sampled_from(JSON_PIECES), max_size=4).map("".join)
results = st.recursive(
    leads | st.sampled_from(JSON_PIECES) | st.integers(0, 99),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(leads, inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=60)
@given(st.sampled_from(["email", "url"]), st.lists(st.tuples(results, results, st.booleans()), max_size=5))
def test_who_says_an_address_is_found_without_picking_every_address_out_of_every_text(
    kind: str, reads: Any
) -> None:
    known = Known()
    every = leaves([[result, told] for result, told, _ in reads])
    forms = {form for leaf in every for form in _values(kind, leaf)} | set(spellings(kind, "eve@y.example"))
    for number, (result, told, trusted) in enumerate(reads, 1):
        known.learn(result, trusted, str(number - 1), told)
        vouching, telling = said_leaf_by_leaf(kind, reads[:number])
        for form in sorted(forms):
            assert known.vouches(kind, form) == (form in vouching)
            who = known.who(kind, form)
            assert list(who.trusted) == list(dict.fromkeys(vouching.get(form, [])))[:3]
            assert list(who.untrusted) == list(dict.fromkeys(telling.get(form, [])))[:3]


@settings(max_examples=80)
@given(KINDS, trees | results, scalars | leads)
def test_what_stands_in_a_record_is_what_is_found_by_going_through_it(
    kind: str, record: Any, one: Any
) -> None:
    records = {"order": record}
    forms = {form for leaf in leaves(certain(records)) for form in spellings(kind, leaf)} - {""}
    for leaf in (one, *leaves(records)):
        form = canonical(kind, leaf)
        if form is not None:
            assert Witness(Facts(records=records))._recorded(kind, form) == (form in forms)


@MANY
@given(KINDS, st.lists(st.tuples(trees, trees, st.booleans(), st.booleans()), max_size=5), scalars)
def test_what_is_put_off_is_known_as_if_it_had_been_taken_in_at_once(
    kind: str, reads: Any, other: Any
) -> None:
    def tell(known: Known, about: list[Any], number: int) -> None:
        result, told, trusted, _ = about[number]
        known.learn(result, trusted, str(number), told)

    at_once, late = Known(), Known()
    every = (other, *leaves([[result, told] for result, told, _, _ in reads]))
    forms = {form for leaf in every for form in spellings(kind, leaf)}
    for number, (result, told, trusted, now) in enumerate(reads):
        at_once.learn(result, trusted, str(number), told)
        if now:
            late.learn(result, trusted, str(number), told)
        else:
            late.put_off(tell, reads, number)
        if number % 2:
            for form in forms:
                assert late.vouches(kind, form) == at_once.vouches(kind, form)
    for form in forms:
        assert late.who(kind, form) == at_once.who(kind, form)
        assert late.choice(kind, form) == at_once.choice(kind, form)
    assert late.words() == at_once.words()


def test_whom_the_run_acts_for_is_looked_up_anew_where_it_is_another() -> None:
    known = Known()
    for one in ("ann", "bob"):
        facts = Facts(person={"email": f"{one}@x.example"}, inputs={"to": f"{one}@y.example"}, known=known)
        for _ in range(2):
            assert vouch("ann@x.example", facts, "email") == ("person" if one == "ann" else "unvouched")
            assert vouch("ann@y.example", facts, "email") == ("grant" if one == "ann" else "unvouched")
    assert vouch("bob@x.example", Facts(known=known), "email") == "unvouched"


WORDS = st.lists(
    st.sampled_from(("a", "the", "pay", "Dora", "7", "12", "345", "x", "not", "\u200b", "ß", "-"))
)


@MANY
@given(WORDS.map(" ".join), WORDS.map(" ".join), st.sets(st.sampled_from(("dora", "345", "ss"))))
def test_a_text_says_what_it_says_whatever_is_looked_at_first(text: str, goal: str, said: set[str]) -> None:
    every = words(text)
    telling = [word for word in every if wording._tells(word)]
    asked = [word for word in words(goal) if wording._tells(word)]
    if sum(word.isdecimal() and len(word) < 3 for word in every) > wording.NUMBERS:
        plain = "written"
    elif telling and f" {' '.join(telling)} " in f" {' '.join(asked)} ":
        plain = "grant"
    else:
        plain = "composed" if set(telling) - set(asked) <= said else "written"
    assert wording.worded(text, goal, lambda others: others <= said) == plain


@MANY
@given(trees)
def test_a_call_has_the_digest_that_it_always_had(tree: Any) -> None:
    plain = json.dumps(["pay", {"a": tree}], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    digest = hashlib.sha256(plain.encode("utf-8", "replace")).hexdigest()
    assert Proposal("pay", {"a": tree}, "egress").digest == digest


@MANY
@given(
    trees,
    st.sampled_from(["read", "self"]),
    st.sampled_from(["shadow", "draft", "ask", "act"]),
    st.none() | st.just({"pay": 1}),
)
def test_a_look_of_which_no_rule_speaks_is_allowed_as_where_more_is_asked_of_it(
    tree: Any, effect: Any, autonomy: Any, left: Any
) -> None:
    facts = Facts(autonomy=autonomy, tools=frozenset({"look"}), untrusted=True, left=left, known=Known())
    rules = compile_rules([Rule(("pay",), "deny", "true")], workspace=[Rule(("pay",), "ask", "true")])
    at_once = judge(Proposal("look", {"a": tree}, effect), facts, rules)
    assert at_once == judge(Proposal("look", {"a": tree}, effect, {"gone": "text"}), facts, rules)
    assert judge(Proposal("other", {"a": tree}, effect), facts, rules).decision == "deny"


def test_words_are_those_that_a_reader_sees() -> None:
    known = Known()
    known.learn("He\x7fllo there", True, "a source")
    assert known.says({"hello"})
    assert not known.says({"he"})


@MANY
@given(KINDS, texts, texts)
def test_a_text_that_was_searched_before_is_searched_the_same(kind: str, text: str, other: str) -> None:
    for value in (canonical(kind, text), canonical(kind, other)):
        if value is not None:
            assert stands(kind, value, text) == stands(kind, value, text + " " * 5_000)


CONDITIONS = (
    "has(args.amount) && args.amount > 5", "run.untrusted && args.missing == 1", "!run.untrusted", "!has(args.note) && run.goal == 'g'",
    "args.amount && has(args.note)", "(run.untrusted && has(args.note)) && args.note == 'b'", "has(args.note) || run.untrusted", "true", "false",
    "'note' in args && args.amount == 7", "run.counts.pay > 1", "run.counts[args.note] > 1", "size(run) == 3", "person.id == 'ann'",
    "order.total > 5", "inputs.mail == 'm'", "evidence.note == 'grant'", "size(labels.read) == 0", "has(args.amount) && !has(args.amount)",
    "evidence.note != 'unvouched'", "evidence.note in ['grant', 'record'] && !(evidence.to in ['grant'])", "'grant' == evidence['note']",
    "!(evidence.to == 'unvouched') && has(args.note)", "evidence.to in []", "evidence.to in ['grant', args.note]", "evidence['[]'] == 'grant'",
    "evidence.to == evidence.note", "evidence.to in ['grant', 'record'] && evidence.note != 'unvouched' && run.untrusted",
    "evidence.to != 'grant' && evidence.to == 'grant'", "has(evidence.to) && evidence.to == 'grant'", "evidence.exists(evidence, evidence == 'to')",
    "args.exists(run, run == 'note')", "run.untrusted && run.untrusted == false", "has(order.total) && has(args.amount)",
    "args.amount <= 7", "7 >= args.amount", "2.5 < args.amount", "args.amount == 2.5", "args.amount == 7.0", "7 != args.amount", "args.amount > 7u",
    "args.note == 'b'", "'b' != args.note", "args.note < 'c'", "args['note'] == 'b'", "args.amount == 9007199254740993", "args.amount < -1 || true",
    "args.amount > 9007199254740992.0", "args.amount >= 9007199254740991", "has(args.amount) && args.amount > 1 && args.amount < 7.5", "args.amount == true",
    "run.untrusted && args.note != 'b' && args.amount > 0", "!(args.amount > 5)", "args.amount > order.total", "args.note == ''", "args.amount == null",
    "args.amount > 0 && true", "args.amount > 0 && false", "args[args.note] == 7", "args.note == b'b'", "args.amount.size > 5",
)  # fmt: skip
values = st.sampled_from(
    [1, 2.5, 7, 7.0, -2, -0.0, 2**53, 2**53 + 1, 1 << 62, [1], -(2**53) - 1, 2.0**53, 1e300, "", "five", "b", "note", "pay", True, None]
)  # fmt: skip
facts = st.fixed_dictionaries(
    {
        "args": st.dictionaries(st.sampled_from(["amount", "note"]), values),
        "run": st.fixed_dictionaries(
            {
                "untrusted": st.booleans(),
                "goal": st.just("g"),
                "counts": st.dictionaries(st.just("pay"), st.integers(0, 3)),
            }
        ),
        "person": st.just({"id": "ann"}),
        "inputs": st.just({"mail": "m"}),
        "evidence": st.dictionaries(
            st.sampled_from(["note", "to", "[]"]),
            st.sampled_from(["grant", "record", "unvouched"]) | st.just(7),
        ),
        "labels": st.just({"read": []}),
        "order": st.dictionaries(st.just("total"), values),
    }
)


@settings(max_examples=80)
@given(
    st.lists(st.sampled_from(CONDITIONS), min_size=1, max_size=9), st.lists(facts, min_size=1, max_size=30)
)
def test_rules_that_are_left_out_unasked_would_not_have_held(conditions: list[str], several: Any) -> None:
    rules = compile_rules([Rule(("t",), "ask", one) for one in conditions], ["order"])
    for given_ in several:
        each = [one.holds(given_) for one in rules.for_tool("t")]
        first = rules.first("t", given_)
        if first is None:
            assert any(isinstance(held, str) for held in each)
        else:
            assert each[:first] == [False] * first
            assert first == len(each) or each[first] is True
        seen = {name: given_[name] for name in ("args", "evidence")}
        seen["run"] = {"untrusted": given_["run"]["untrusted"]}
        assert rules.first("t", seen, lambda given_=given_: given_) == first
        asked = rules.asked_of("t")
        assert asked is not None
        run = {name: value for name, value in given_["run"].items() if {f"run.{name}", "run.*"} & asked}
        named = {name: value for name, value in given_.items() if name in asked} | {"run": run}
        assert [one.holds(named) for one in rules.for_tool("t")] == each


numbers = (
    st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False) | st.integers(-9, 9)
)
near = st.builds(lambda base, off: base + off, st.sampled_from([2**53, -(2**53), 2**62]), st.integers(-2, 2))
plain = numbers | near | st.sampled_from(["", "a", "A", "b'", "ä", "日本", '"'])
OPS = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])


@settings(max_examples=80)
@given(st.lists(st.tuples(OPS, plain, st.booleans()), min_size=1, max_size=3), st.lists(plain, max_size=4))
def test_numbers_and_words_compare_as_they_do_in_cel(told: list[tuple[str, Any, bool]], asked: Any) -> None:
    rules = [
        Rule(("t",), "ask", f"{json.dumps(one)} {op} args.a" if turned else f"args.a {op} {json.dumps(one)}")
        for op, one, turned in told
    ]
    compiled = compile_rules(rules)
    for value in (*asked, *(one for _, one, _ in told)):
        seen = {"args": {"a": value}, "run": {"untrusted": False}}
        each = [one.holds(seen) for one in compiled.for_tool("t")]
        first = compiled.first("t", seen)
        if first is None:
            assert any(isinstance(one, str) for one in each)
        else:
            assert each[:first] == [False] * first
            assert first == len(each) or each[first] is True


def test_beside_an_argument_that_cel_cannot_be_given_a_comparison_stays_undecided() -> None:
    rules = compile_rules([Rule(("t",), "ask", "args.a > 5")])
    for odd in (1 << 64, -(1 << 63) - 1):
        seen = {"args": {"a": 7, "b": odd}, "run": {"untrusted": False}}
        assert isinstance(rules.for_tool("t")[0].holds(seen), str)
        assert rules.first("t", seen) is None
