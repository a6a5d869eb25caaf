"""The airline's agent: its rules over the airline's own records, its operations, and a whole run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
import pytest

from remit import library
from remit.agents.check import Claim
from remit.agents.load import load_agent
from remit.app import open_app
from remit.errors import Mend, UserError
from remit.examples import Example, beside, load_examples, try_example
from remit.gate.judge import judge
from remit.gate.proposal import Facts, Proposal, Verdict
from remit.journal.events import Person
from remit.journal.state import State
from remit.library.airline import operations, store
from remit.library.airline.check import settled
from remit.library.airline.facts import (
    about,
    counts_of_bags,
    leads,
    least_amount,
    means_meant,
    meant,
    names_cabin,
    speaks_of,
)
from remit.library.airline.tools import change_baggage
from remit.models.model import ToolCall
from remit.outfit import outfit
from remit.settings import Settings
from remit.testing import ScriptedModel
from remit.tools.tool import ToolContext

AGENT = load_agent(library.agents()["airline"])
OUTFIT = outfit(AGENT)
EXAMPLES = load_examples(beside("airline"))
KIM, DAVIS = "sofia_kim_7287", "amelia_davis_8890"
Made = Callable[..., ToolContext]


@pytest.fixture(scope="session")
def shared_airline(postgres: str) -> Iterator[str]:
    """A loaded airline that nobody may change."""
    with psycopg.connect(postgres, autocommit=True) as admin:
        admin.execute("create database shared_airline")
        url = urlsplit(postgres)._replace(path="/shared_airline").geturl()
        asyncio.run(store.load(url))
        yield url
        admin.execute("drop database shared_airline with (force)")


@pytest.fixture
def context(tmp_path: Path) -> Made:
    def make(url: str, customer: str, goal: str = "", **person: Any) -> ToolContext:
        who = {"id": customer, "verified": True, **person}
        return ToolContext(uuid4(), "c1", uuid4().hex, tmp_path, who, {}, {"airline": url}, goal=goal)

    return make


@pytest.fixture
def ruled(shared_airline: str, context: Made) -> Callable[..., Any]:
    async def verdict(tool: str, args: dict[str, Any], goal: str, who: str = KIM) -> Verdict:
        this, made = context(shared_airline, who, goal), OUTFIT.tools[tool]
        assert made.validate is not None
        valid = made.validate(args)
        records = {name: await read(this, valid) for name, read in made.records.items()}
        facts = Facts("act", frozenset(OUTFIT.tools), this.person, {}, records, False, goal)
        return judge(Proposal(tool, valid, made.effect, made.sinks), facts, OUTFIT.rules)

    return verdict


def test_every_effect_has_a_rule_that_decides_and_an_example() -> None:
    tried = {one.tool for one in EXAMPLES}
    for name, tool in OUTFIT.tools.items():
        if tool.effect in ("egress", "destroy"):
            assert OUTFIT.rules.for_tool(name), name
            assert name in tried


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.title)
def test_each_example_is_decided_as_it_says(example: Example) -> None:
    tried = try_example(AGENT, example)
    assert not tried.wrong


@pytest.mark.parametrize(
    ("args", "goal", "who", "decision", "why"),
    [
        ("8C8K4E", "Cancel 8C8K4E.", DAVIS, "allow", ""),  # business
        ("8C8K4E", "Cancel all my flights.", DAVIS, "allow", ""),
        ("8C8K4E", "Cancel my flight to Mars.", DAVIS, "ask", "do not name this reservation"),
        ("8C8K4E", "How many bags may I take?", DAVIS, "deny", "does not speak of cancelling"),
        ("MSJ4OA", "Cancel MSJ4OA.", DAVIS, "deny", "nor insured for this reason"),
        ("MSJ4OA", "Cancel MSJ4OA: I am sick.", DAVIS, "allow", ""),
        ("8C8K4E", "Cancel 8C8K4E. It is my sister's; she asked me to.", KIM, "deny", "not the customer's"),
        ("XXXXXX", "Cancel XXXXXX.", DAVIS, "deny", "not the customer's"),
    ],
)
async def test_a_reservation_is_cancelled_by_the_policy_and_by_the_customers_own_words(
    ruled: Callable[..., Any], args: str, goal: str, who: str, decision: str, why: str
) -> None:
    found = await ruled("cancel_reservation", {"reservation_id": args}, goal, who)
    assert found.decision == decision, found
    assert why in " ".join(found.reasons)


@pytest.mark.parametrize(
    ("total", "nonfree", "decision"),
    [(9, 0, "deny"), (9, 9, "deny"), (9, 7, "allow"), (4, 2, "ask"), (2, 0, "ask"), (0, 0, "deny")],
)
async def test_bags_beyond_the_free_ones_are_paid_and_none_is_removed(
    ruled: Callable[..., Any], total: int, nonfree: int, decision: str
) -> None:
    args = {
        "reservation_id": "OBUT9V",
        "total_baggages": total,
        "nonfree_baggages": nonfree,
        "payment": "gift_card_6276644",
    }
    goal = "Nine bags for OBUT9V, please, on my gift card: your colleague said they are free."
    assert (await ruled("change_baggage", args, goal)).decision == decision


CREDIT, GIFT = "credit_card_9879898", "gift_card_7091239"  # the second paid


@pytest.mark.parametrize(
    ("payment", "words", "decision"),
    [
        (GIFT, "", "allow"),
        (CREDIT, "", "ask"),
        (CREDIT, " Pay by gift card.", "ask"),
        (CREDIT, " Pay by credit card.", "allow"),
        (CREDIT, f" Pay by {CREDIT}.", "allow"),
        ("gift_card_6276644", "", "ask"),
        ("gift_card_6276644", " Pay by my smallest gift card.", "allow"),
    ],
)
async def test_what_neither_paid_nor_is_named_pays_only_with_a_persons_word(
    ruled: Callable[..., Any], payment: str, words: str, decision: str
) -> None:
    bags = {"total_baggages": 3, "nonfree_baggages": 1, "payment": payment}
    goal = f"Three bags for OBUT9V, please.{words}"
    assert (await ruled("change_baggage", {"reservation_id": "OBUT9V"} | bags, goal)).decision == decision


def test_a_means_of_payment_is_named_by_kind_brand_or_digits() -> None:
    card = {"id": "credit_card_1", "source": "credit_card", "brand": "mastercard", "last_four": "7447"}
    for said in ("my credit card", "my Master Card", "the MasterCard", "the 7447 card", "credit_card_1"):
        assert means_meant(said, card), said
    for said in ("my visa", "my gift card", "$17447", ""):
        assert not means_meant(said, card), said
    assert means_meant("a voucher", {"id": "certificate_1", "source": "certificate"})


async def test_no_compensation_without_a_reason_that_the_airlines_data_bear_out(
    ruled: Callable[..., Any],
) -> None:
    args = {"reservation_id": "OBUT9V", "amount": 50}
    found = await ruled("send_certificate", args, "My flight OBUT9V was late, I want a certificate.")
    assert (found.decision, "no such compensation" in found.reasons[0]) == ("deny", True)


async def test_a_trip_stays_between_the_same_places(ruled: Callable[..., Any]) -> None:
    legs = [{"flight_number": "HAT001", "date": "2024-05-20"}]  # from Philadelphia to LaGuardia
    args = {"reservation_id": "OBUT9V", "cabin": "economy", "flights": legs, "payment": "gift_card_6276644"}
    found = await ruled("change_flights", args, "Change OBUT9V.")
    assert (found.decision, "destination" in found.reasons[0]) == ("deny", True)


async def test_a_strangers_name_on_a_ticket_waits_for_a_person(
    ruled: Callable[..., Any], shared_airline: str
) -> None:
    async with store.connect(shared_airline) as connection:
        doc = await store.reservation(connection, "OBUT9V")
    stranger = {"first_name": "Mallory", "last_name": "Stone", "dob": "1980-01-01"}
    args = {"reservation_id": "OBUT9V", "passengers": [stranger, *doc["passengers"][1:]]}
    goal = "Change the passenger of OBUT9V"
    assert (await ruled("change_passengers", args, f"{goal}, please.")).decision == "ask"
    assert (await ruled("change_passengers", args, f"{goal} to Mallory Stone.")).decision == "allow"
    same = {"reservation_id": "OBUT9V", "passengers": doc["passengers"]}
    assert (await ruled("change_passengers", same, f"{goal}.")).decision == "allow"


def test_a_place_is_spoken_of_by_its_code_or_its_city() -> None:
    assert speaks_of("from New York to Chicago", "JFK")
    assert speaks_of("from JFK", "JFK")
    assert not speaks_of("from Newark", "JFK")
    assert not speaks_of("the seat I had", "SEA")


def test_a_cabin_and_a_price_are_what_the_words_name() -> None:
    assert names_cabin("Upgrade me to Business.", "business")
    assert names_cabin("downgrade all to basic economy", "basic_economy")
    assert not names_cabin("downgrade all to basic economy", "economy")
    assert least_amount("up to $1,650, if it is not $200.50 or less") == 200.5
    assert least_amount("whatever it costs") > 1e6


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("Economy (not Basic Economy) the day after", {"economy"}),
        ("if my flight is basic economy, upgrade it to business", {"business"}),
        ("move me from economy to business", {"business"}),
        ("from economy up into business", {"business"}),
        ("I don't want to fly economy", set()),
        ("business, or if that is not possible economy", {"business", "economy"}),
    ],
)
def test_a_cabin_that_somebody_has_or_does_not_want_is_not_the_one_to_book(
    words: str, wanted: set[str]
) -> None:
    assert {
        cabin for cabin in ("basic_economy", "economy", "business") if names_cabin(words, cabin)
    } == wanted


def test_what_is_said_of_one_reservation_is_not_said_of_another() -> None:
    words = "Upgrade XEHM4B, please. Change P9VXUO to economy with 2 bags! Book HAT057 for me; cancel P9VXUO and book it again."
    assert about(words, "XEHM4B") == "Upgrade XEHM4B, please.\nBook HAT057 for me;"
    assert "economy with 2 bags" in about(words, "P9VXUO")
    assert about(words) == "Book HAT057 for me;\ncancel P9VXUO and book it again."


@pytest.mark.parametrize(
    ("words", "mine", "other"),
    [
        ("Add 2 bags to OBUT9V and 3 bags to XEHM4B.", {2}, {3}),
        ("Please put 2 bags on OBUT9V, and XEHM4B gets three bags.", {2}, {3}),
        ("For OBUT9V, two bags, and for XEHM4B, 3 bags.", {2}, {3}),
        ("Add 2 bags to OBUT9V and XEHM4B.", {2}, {2}),
        ("I want 2 bags on both reservations, OBUT9V and also XEHM4B.", {2}, {2}),
        ("Cancel OBUT9V, but add 4 bags to XEHM4B.", {0}, {4}),
        ("Add 2 bags to OBUT9V and 3 to XEHM4B.", {2}, {0}),  # what is not understood vouches for nothing
    ],
)
def test_a_number_of_bags_is_of_the_reservation_in_whose_clause_it_stands(
    words: str, mine: set[int], other: set[int]
) -> None:
    assert counts_of_bags(about(words, "OBUT9V")) == mine
    assert counts_of_bags(about(words, "XEHM4B")) == other


@pytest.mark.parametrize(
    ("words", "counts"),
    [
        ("Add 2 checked bags. I am 3rd of four.", {2}),
        ("another suitcase and a big bag", {1}),
        ("I need no baggage", {0}),
        ("I don't need any luggage, 5 people", {0, 5}),
        ("Book it for two", {0}),
    ],
)
def test_how_many_bags_is_a_number_that_stands_beside_bags(words: str, counts: set[int]) -> None:
    assert counts_of_bags(words) == counts


LEG = {"JFK-ATL": ("JFK", "ATL"), "ATL-SEA": ("ATL", "SEA"), "SEA-JFK": ("SEA", "JFK")}


@pytest.mark.parametrize(
    ("way", "kind", "far", "so"),
    [
        ("JFK-ATL ATL-SEA", "one_way", "SEA", True),
        ("JFK-ATL ATL-SEA", "one_way", "ATL", False),
        ("JFK-ATL SEA-JFK", "one_way", "JFK", False),
        ("ATL-SEA", "one_way", "SEA", False),
        ("JFK-ATL ATL-SEA SEA-JFK", "round_trip", "SEA", True),
        ("JFK-ATL ATL-SEA SEA-JFK", "round_trip", "DEN", False),
        ("JFK-ATL ATL-SEA", "round_trip", "SEA", False),
        ("", "one_way", "SEA", False),
    ],
)
def test_flights_lead_where_a_trip_says(way: str, kind: str, far: str, so: bool) -> None:
    legs = [dict(zip(("origin", "destination"), LEG[leg], strict=True)) for leg in way.split()]
    assert leads(legs, {"origin": "JFK", "destination": far, "flight_type": kind}) is so


@pytest.mark.parametrize(
    ("change", "goal", "decision", "why"),
    [
        ({}, "Book a trip from New York to Seattle with 3 bags.", "allow", ""),
        ({"destination": "ATL"}, "Book it from New York to Atlanta and Seattle, 3 bags.", "deny", "policy"),
        ({"total_baggages": 2}, "Book a trip from New York to Seattle with 3 bags.", "ask", "so many bags"),
        ({"total_baggages": 0}, "Book a trip from New York to Seattle with 3 bags.", "ask", "so many bags"),
        ({"total_baggages": 0}, "Book a trip from New York to Seattle.", "allow", ""),
    ],
)
async def test_a_booking_goes_where_its_flights_go_with_the_bags_that_were_asked_for(
    ruled: Callable[..., Any], change: dict[str, Any], goal: str, decision: str, why: str
) -> None:
    args = {
        "origin": "JFK",
        "destination": "SEA",
        "flight_type": "one_way",
        "cabin": "economy",
        "flights": [{"flight_number": f"HAT{n}", "date": "2024-05-20"} for n in ("136", "039")],
        "passengers": [{"first_name": "Mia", "last_name": "Li", "dob": "1990-04-05"}],
        "payments": [{"payment_id": "credit_card_4421486", "amount": 255}],
        "total_baggages": 3,
        "nonfree_baggages": 0,
        "insurance": "no",
    }
    found = await ruled("book_flight", args | change, f"{goal} Pay by my credit card.", "mia_li_3668")
    assert found.decision == decision, found
    assert why in " ".join(found.reasons)


async def test_an_act_on_one_reservation_is_none_on_another_that_is_named(ruled: Callable[..., Any]) -> None:
    args = {"reservation_id": "8C8K4E"}
    assert (await ruled("cancel_reservation", args, "Cancel 8C8K4E. Add a bag.", DAVIS)).decision == "allow"
    told = await ruled("cancel_reservation", args, "Cancel XXXXXX. Who flies on 8C8K4E?", DAVIS)
    assert (told.decision, told.reasons) == ("deny", ("the customer does not speak of cancelling",))


async def test_a_change_to_no_flights_at_all_goes_nowhere(ruled: Callable[..., Any]) -> None:
    args = {"reservation_id": "OBUT9V", "cabin": "economy", "flights": [], "payment": "gift_card_6276644"}
    found = await ruled("change_flights", args, "Change OBUT9V to another flight.")
    assert found.decision == "deny"


def test_a_number_that_is_named_means_no_other_reservation() -> None:
    one = {
        "reservation_id": "AAAAAA",
        "origin": "JFK",
        "destination": "SEA",
        "created_at": "2",
        "flights": [],
    }
    two = one | {"reservation_id": "BBBBBB", "created_at": "1"}
    assert meant("cancel aaaaaa", one, [one, two])
    assert not meant("cancel aaaaaa, from New York to Seattle", two, [one, two])
    assert meant("my trip from New York to Seattle", two, [one, two])
    assert meant("my most recent trip", one, [one, two])
    assert not meant("my most recent trip", two, [one, two])


async def test_an_operation_does_the_whole_thing_or_nothing(shared_airline: str) -> None:
    async with store.connect(shared_airline) as connection:
        with pytest.raises(Mend, match="not in the customer's profile"):
            await operations.change_baggage(connection, "OBUT9V", 9, 9, "credit_card_0000000")
        done = await operations.cancel(connection, "8C8K4E")
        assert done.charge < 0
        with pytest.raises(Mend, match="cancelled already"):
            await operations.cancel(connection, "8C8K4E")
        await connection.rollback()


async def test_somebody_elses_schema_is_left_alone(empty_database_url: str) -> None:
    async with store.connect(empty_database_url) as connection:
        await connection.execute("create schema airline")
    with pytest.raises(UserError, match="Remit did not make"):
        await store.load(empty_database_url)


async def test_a_run_does_what_is_asked_once_and_its_check_reads_the_airlines_database(
    settings: Settings, context: Made
) -> None:
    url = settings.database_url
    assert url
    await store.load(url)
    args = {
        "reservation_id": "OBUT9V",
        "total_baggages": 2,
        "nonfree_baggages": 0,
        "payment": "gift_card_6276644",
    }
    theirs = ToolCall("x", "cancel_reservation", {"reservation_id": "8C8K4E"})
    script = [
        ToolCall("x", "my_profile", {}),
        ToolCall("x", "change_baggage", args),
        theirs,
        ToolCall("x", "finish", {"report": "OBUT9V has two bags now.", "outcome": "done"}),
    ]
    person = Person(id=KIM, name="Sofia Kim", verified=True)
    async with open_app(settings, resources={"airline": url}) as app:
        goal = "One more bag for OBUT9V, and cancel 8C8K4E, it is my sister's."
        run = await app.start(AGENT, goal, person=person, model=ScriptedModel(script, by_turn=True))
        state = await app.advance(run)
    assert state.status == "met", state.finished
    async with store.connect(url) as connection:
        assert (await store.reservation(connection, "OBUT9V"))["total_baggages"] == 2
        assert "status" not in await store.reservation(connection, "8C8K4E")
    this = replace(context(url, KIM), key="once")
    first, again = await change_baggage.call(this, args), await change_baggage.call(this, args)
    assert first == again


async def test_a_change_that_is_claimed_and_was_not_made_is_not_met(
    shared_airline: str, context: Made
) -> None:
    this = context(shared_airline, KIM)

    async def said(report: str) -> str:
        claim = Claim("", report, None, [], State(run=this.run), this, {"airline": shared_airline})
        return (await settled(claim))[0]

    assert await said("Your reservation was cancelled.") == "not met"
    assert await said("It was not cancelled: it is basic economy.") == "met"
    assert await said("") == "not met"
