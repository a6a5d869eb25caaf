from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from remit.agents.check import Claim
from remit.journal.state import State
from remit.library.support.check import settled, shortcoming
from remit.library.support.tools import cancel_pending_order
from remit.tools.tool import ToolContext

GOAL = "Cancel order #W8268610, and send order #W2702727 to my new address 1 A St."
CANCEL = {
    "tool": "cancel_pending_order",
    "args": {"order_id": "#W8268610"},
    "result": "order #W8268610 is cancelled",
}
MOVE = {
    "tool": "modify_pending_order_address",
    "args": {"order_id": "#W2702727"},
    "result": "now goes to 1 A St",
}


@pytest.mark.parametrize(
    ("goal", "report", "effects", "problem"),
    [
        (GOAL, "Both done.", [CANCEL, MOVE], ""),
        (
            GOAL,
            "#W8268610 is cancelled. #W2702727 is delivered, so its address can't be changed.",
            [CANCEL],
            "",
        ),
        (GOAL, "", [CANCEL, MOVE], "finish with an answer"),
        (GOAL, "Done.", [CANCEL], "order #W2702727"),
        (GOAL, "#W8268610 is cancelled, #W2702727 too.", [CANCEL], "'address'"),
        (GOAL, "#W8268610 was cancelled. The address of #W2702727 was changed.", [CANCEL], "was changed"),
        ("Cancel my lamp", "Thank you, I will cancel it.", [], "nothing was changed"),
        ("Cancel my lamp", "The lamp was cancelled.", [], "not done"),
        ("Cancel my lamp", "It can't be cancelled: it is delivered.", [], ""),
        ("Cancel order #W5056519", "I can't cancel an order that is not yours.", [], ""),
        ("What is the total of #W6729841?", "You ordered two items, it was paid by card: $829.43.", [], ""),
        (
            "Exchange my boots",
            "Done",
            [{"tool": "exchange_delivered_order_items", "args": {}, "result": ""}],
            "",
        ),
        ("Please return it", "left to people", [{"tool": "transfer_to_human", "args": {}, "result": ""}], ""),
    ],
)
def test_a_request_that_is_not_dealt_with_is_named(
    goal: str, report: str, effects: list[dict[str, Any]], problem: str
) -> None:
    found = shortcoming(goal, report, effects)
    assert problem in found
    assert bool(found) == bool(problem)


@pytest.mark.parametrize(
    ("resource", "verdict"), [("real", "not met"), ("away", "cannot verify"), (None, "cannot verify")]
)
async def test_an_effect_that_the_shop_does_not_have_is_not_met(
    shared_shop: str, context: Callable[..., ToolContext], resource: str | None, verdict: str
) -> None:
    url = {"real": shared_shop, "away": "postgresql://nobody@127.0.0.1:1/none", None: None}[resource]
    this = context(shared_shop, "yusuf_taylor_7149")
    claim = Claim(GOAL, "Both done.", None, [CANCEL, MOVE], State(run=this.run), this, {"shop": url})
    found, detail = await settled(claim)
    assert found == verdict
    assert detail


async def test_effects_that_the_shop_has_are_met(shop_url: str, context: Callable[..., ToolContext]) -> None:
    this = context(shop_url, "yusuf_taylor_7149")
    args = {"order_id": "#W8268610", "reason": "no longer needed"}
    result = await cancel_pending_order.call(this, args)
    effects = [{"tool": "cancel_pending_order", "args": args, "result": result}]
    claim = Claim(
        "Cancel order #W8268610", "Done.", None, effects, State(run=this.run), this, {"shop": shop_url}
    )
    assert await settled(claim) == ("met", "1 written, all in the shop's database")
