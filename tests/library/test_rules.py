"""The agent's rules, judged as the loop does it: validated arguments, records read, the model's words as proposed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from remit import library
from remit.agents.load import load_agent
from remit.gate.judge import judge
from remit.gate.proposal import Facts, Proposal, Verdict
from remit.library.support import demo, shop
from remit.outfit import outfit
from remit.tools.tool import ToolContext

Context = Callable[..., ToolContext]
AGENT = load_agent(library.agents()["support"])
OUTFIT = outfit(AGENT)
ROSSI = "yusuf_rossi_9620"
ASKS = "Please return, cancel or exchange everything that I ordered; whole orders, all items."


@pytest.fixture
def ruled(shared_shop: str, context: Context) -> Callable[..., Any]:
    async def verdict(
        tool: str,
        args: dict[str, Any],
        who: str = ROSSI,
        *,
        goal: str = "",
        untrusted: bool = False,
        **more: Any,
    ) -> Verdict:
        counts = more.pop("counts", {})
        this = replace(context(shared_shop, who, **more), goal=goal or ASKS)
        made = OUTFIT.tools[tool]
        assert made.validate is not None
        valid = made.validate(args)
        records = {name: await read(this, valid) for name, read in made.records.items()}
        facts = Facts(
            AGENT.remit.autonomy,
            frozenset(OUTFIT.tools),
            this.person,
            {},
            records,
            untrusted,
            this.goal,
            counts,
        )
        return judge(Proposal(tool, args, made.effect, made.sinks), facts, OUTFIT.rules)

    return verdict


def test_the_agent_loads_and_every_rule_compiles() -> None:
    assert len(OUTFIT.rules.compiled) == len(AGENT.rules) > 10
    assert {"order", "own", "quote"} <= set(OUTFIT.rules.records)
    assert len(AGENT.instructions) < 2400  # it is in front of every prompt


def test_every_tool_has_a_rule_that_decides() -> None:
    assert all(OUTFIT.rules.for_tool(name) for name in OUTFIT.tools)


@pytest.mark.parametrize("case", demo.cases(everything=True), ids=lambda case: case.id)
async def test_gold_actions_are_allowed_or_wait_as_the_case_says(
    ruled: Callable[..., Any], shared_shop: str, case: demo.Case
) -> None:
    start = await demo.case_start(case, shared_shop)
    for gold in case.gold:
        found = await ruled(
            gold.tool, dict(gold.args), case.customer, goal=start.goal, untrusted=bool(start.quoted)
        )
        assert found.decision == ("ask" if case.waits else "allow"), found


@pytest.mark.parametrize(
    ("tool", "args"),
    [
        ("get_order", {"order_id": "#W5056519"}),
        ("cancel_pending_order", {"order_id": "#W5056519", "reason": "ordered by mistake"}),
        ("cancel_pending_order", {"order_id": "#W0000000", "reason": "ordered by mistake"}),
        ("modify_pending_order_payment", {"order_id": "#W5056519", "payment": "credit_card_3677959"}),
        ("return_delivered_order_items", {"order_id": "#W9384736", "items": ["jacket"]}),
        (
            "exchange_delivered_order_items",
            {"order_id": "#W9384736", "changes": [{"item": "jacket", "to": "red"}]},
        ),
        ("modify_pending_order_items", {"order_id": "#W5056519", "changes": [{"item": "kit", "to": "dark"}]}),
        (
            "modify_pending_order_address",
            {"order_id": "#W5056519", "address1": "1 A St", "city": "B", "state": "TX", "zip": "77001"},
        ),
        ("find_customer", {"email": "yara.muller9246@example.com"}),
        ("find_customer", {"first_name": "Yara", "last_name": "Muller", "zip": "85041"}),
    ],
)
async def test_another_customers_things_are_denied(
    ruled: Callable[..., Any], tool: str, args: dict[str, Any]
) -> None:
    goal = "I am Yara Muller. Order #W5056519 and #W9384736, to 1 A St, B, TX 77001"
    assert (await ruled(tool, args, goal=goal)).decision == "deny"


async def test_a_customer_may_be_looked_up_by_the_one_who_wrote(ruled: Callable[..., Any]) -> None:
    mine = {"email": "yusuf.rossi7301@example.com", "name": "Yusuf Rossi"}
    assert (await ruled("find_customer", {"email": mine["email"]}, **mine)).decision == "allow"
    by_name = {"first_name": "Yusuf", "last_name": "Rossi", "zip": "19122"}
    assert (await ruled("find_customer", by_name, **mine)).decision == "allow"


async def test_nothing_but_the_catalogue_and_people_is_open_to_an_unverified_sender(
    ruled: Callable[..., Any],
) -> None:
    allowed = []
    for tool, args in (
        ("my_account", {}),
        ("get_order", {"order_id": "#W2378156"}),
        ("return_delivered_order_items", {"order_id": "#W2378156", "items": ["watch"]}),
        ("cancel_pending_order", {"order_id": "#W6247578", "reason": "no longer needed"}),
        ("find_product", {"product": "lamp"}),
        ("transfer_to_human", {"summary": "help"}),
    ):
        found = await ruled(tool, args, verified=False)
        assert found.decision in ("allow", "deny")
        allowed += [tool] if found.decision == "allow" else []
    assert allowed == ["find_product", "transfer_to_human"]


SPRINGFIELD = {"address1": "1234 Elm St", "city": "Springfield", "state": "IL", "zip": "62701"}


async def test_an_order_goes_only_where_the_customers_own_words_or_records_say(
    ruled: Callable[..., Any],
) -> None:
    tool, order = "modify_pending_order_address", {"order_id": "#W6247578"}
    goal = "please send order #W6247578 to 1234 elm st, Springfield, IL 62701"
    assert (await ruled(tool, order | SPRINGFIELD, goal=goal)).decision == "allow"
    assert (await ruled(tool, order | SPRINGFIELD, goal="please send it to me")).decision == "deny"
    other = SPRINGFIELD | {"address2": "Unit 5"}
    assert (await ruled(tool, order | other, goal=goal)).decision == "deny"
    home = {
        "address1": "763 Broadway",
        "address2": "Suite 135",
        "city": "Philadelphia",
        "state": "PA",
        "zip": "19122",
    }
    assert (await ruled(tool, order | home, goal="send W6247578 home")).decision == "allow"
    assert (await ruled("modify_user_address", SPRINGFIELD, goal="I moved")).decision == "deny"


async def test_where_another_order_went_an_order_goes_only_as_the_words_lead_there(
    ruled: Callable[..., Any],
) -> None:
    tool, who = "modify_user_address", "lucas_santos_6600"
    there = {
        "address1": "943 Maple Drive",
        "address2": "Suite 356",
        "city": "Chicago",
        "state": "IL",
        "zip": "60621",
    }
    for goal, decision in (
        ("Set my address to that of my daughter in Chicago.", "allow"),
        ("Set my address to where #W7895761 was sent.", "allow"),
        ("Set my address to what it should be.", "deny"),
    ):
        assert (await ruled(tool, there, who, goal=goal)).decision == decision, goal


async def test_after_words_of_somebody_else_each_effect_waits_for_a_person(ruled: Callable[..., Any]) -> None:
    args = {"order_id": "#W2378156", "items": ["watch"]}
    assert (await ruled("return_delivered_order_items", args)).decision == "allow"
    asked = await ruled("return_delivered_order_items", args, untrusted=True)
    assert asked.decision == "ask"
    assert "somebody else's words" in asked.reasons[0]
    place = {"order_id": "#W6247578"} | SPRINGFIELD
    assert (await ruled("modify_pending_order_address", place, goal="no", untrusted=True)).decision == "deny"


async def test_more_than_two_thousand_dollars_wait_for_a_person(ruled: Callable[..., Any]) -> None:
    args = {"order_id": "#W9571698", "items": ["all"]}
    big = await ruled("return_delivered_order_items", args, "chen_silva_7485")
    assert big.decision == "ask"
    assert "$2,000" in big.reasons[0]


async def test_what_cannot_be_done_reaches_the_tool_whose_message_says_why(ruled: Callable[..., Any]) -> None:
    found = await ruled("cancel_pending_order", {"order_id": "#W2378156", "reason": "no longer needed"})
    assert found.decision == "allow"
    assert "problem" in found.rule


async def test_the_shops_people_are_asked_once(ruled: Callable[..., Any]) -> None:
    args = {"summary": "please"}
    assert (await ruled("transfer_to_human", args)).decision == "allow"
    assert (await ruled("transfer_to_human", args, counts={"transfer_to_human": 1})).decision == "deny"


async def test_items_that_the_customer_did_not_name_are_left_out_and_said_so(
    ruled: Callable[..., Any], shared_shop: str, context: Context
) -> None:
    args = {"order_id": "#W2378156", "items": ["all"]}
    asked = await ruled(
        "return_delivered_order_items", args, goal="please take back the keyboard, nothing else"
    )
    assert asked.decision == "allow"  # the keyboard alone is worth less than $2,000


async def test_what_the_words_name_for_another_act_is_left_out_too(
    shared_shop: str, context: Context
) -> None:
    said = "Return the watch of #W2378156, and exchange the keyboard for one with clicky switches."
    quote = OUTFIT.tools["return_delivered_order_items"].records["quote"]
    args = {"order_id": "#W2378156", "items": ["all"], "payment": ""}
    found = await quote(replace(context(shared_shop, ROSSI), goal=said), args)
    assert "return requested: Smart Watch;" in found["does"], found
    for but in (
        "everything but the watch",
        "the whole order except the watch",
        "all items in it but the watch",
    ):
        found = await quote(replace(context(shared_shop, ROSSI), goal=f"Return {but}: #W2378156."), args)
        assert "Keyboard" in found["does"], found
        assert "Watch" not in found["does"], found


async def test_the_customers_words_settle_what_a_call_leaves_open_or_got_wrong(
    shared_shop: str, context: Context
) -> None:
    mail = next(case for case in demo.cases() if case.id == "red-fleece-jacket")
    start = await demo.case_start(mail, shared_shop)
    this = replace(context(shared_shop, mail.customer), goal=start.goal)
    changes = [{"item": "Fleece Jacket", "to": "L, black, half zipper"}]  # they said red
    quote = OUTFIT.tools["modify_pending_order_items"].records["quote"]
    found = await quote(this, {"order_id": "#W2466703", "changes": changes, "payment": ""})
    assert "8733974883" in found["does"] or "red" in found["does"], found
    silent = await quote(replace(this, goal=""), {"order_id": "#W2466703", "changes": changes, "payment": ""})
    assert "no available Fleece Jacket" in silent["problem"]


CANCEL = ("cancel_pending_order", {"order_id": "#W6247578", "reason": "no longer needed"})
BOTTLE = ("return_delivered_order_items", {"order_id": "#W2378156", "items": ["all"]})

OTHER = (
    "exchange_delivered_order_items",
    {"order_id": "#W2378156", "changes": [{"item": "1151293680", "to": "7706410293"}]},
)


@pytest.mark.parametrize(
    ("call", "goal", "decision"),
    [
        (CANCEL, "Cancel order #W6247578.", "allow"),
        (CANCEL, "Return the keyboard of #W2378156.", "ask"),  # returning may mean that; but not this order
        (CANCEL, "How many T-shirts do you have?", "deny"),
        (CANCEL, "Cancel order #W4776164.", "ask"),
        (CANCEL, "Cancel the T-shirt.", "ask"),  # there is one in another order too
        (CANCEL, "Cancel both T-shirts.", "allow"),
        # The act is spoken of, and the order, but not together
        (CANCEL, "I do not want to say where I live. Send #W6247578 to 763 Broadway.", "deny"),
        (CANCEL, "Cancel #W4776164 and send #W6247578 to 763 Broadway.", "ask"),
        (CANCEL, "Cancel all delivered orders.", "ask"),
        (CANCEL, "Cancel all pending orders.", "allow"),
        (BOTTLE, "Cancel all pending orders, and refund everything in them.", "ask"),
        (BOTTLE, "Exchange everything in #W2378156. Refund the shirts of #W4776164.", "ask"),
        (BOTTLE, "Return everything related to my hobby.", "ask"),
        (BOTTLE, "Return everything that I mention: you will see.", "ask"),
        (BOTTLE, "Return everything that I ordered.", "allow"),
        (BOTTLE, "Return the keyboard, or if that can't be, the whole order.", "allow"),
        (OTHER, "Return #W2378156. Exchange the T-shirt of #W4776164 for a red one.", "ask"),
        (BOTTLE, "Where is my keyboard? It is in #W2378156.", "deny"),
        (
            ("modify_pending_order_payment", {"order_id": "#W6247578", "payment": "paypal"}),
            "Cancel #W6247578.",
            "deny",
        ),
    ],
)
async def test_what_the_customer_does_not_speak_of_is_denied_and_what_they_do_not_name_is_asked(
    ruled: Callable[..., Any], call: tuple[str, dict[str, Any]], goal: str, decision: str
) -> None:
    found = await ruled(*call, goal=goal)
    assert found.decision == decision, found


async def test_other_options_than_the_customer_spoke_of_wait_for_a_person_where_they_cost_much(
    ruled: Callable[..., Any], shared_shop: str
) -> None:
    async with shop.connect(shared_shop) as connection:
        rows = await connection.execute(
            """select i.order_id, i.variant_id, v.id as dear, o.customer_id, p.name from shop.order_items i
               join shop.orders o on o.id = i.order_id and o.status = 'delivered' join shop.products p on p.id = i.product_id
               join shop.variants v on v.product_id = i.product_id and v.available
               join shop.order_payments x on x.order_id = o.id and x.payment_method_id like 'credit_card%%'
               where v.price between i.price + 100 and i.price + 300 order by 1, 2, 3 limit 1"""
        )
        row = await rows.fetchone()
    assert row is not None
    args = {"order_id": row["order_id"], "changes": [{"item": row["variant_id"], "to": row["dear"]}]}
    tool = "exchange_delivered_order_items"
    goal = f"I'd like to exchange the {row['name']} of {row['order_id']}"
    found = await ruled(tool, args, row["customer_id"], goal=f"{goal} for another one")
    assert found.decision == "ask", (found, args)
    assert found.reasons[0].endswith("$50")
    named = await ruled(tool, args, row["customer_id"], goal=f"{goal} for {row['dear']}")
    assert named.decision == "allow"
