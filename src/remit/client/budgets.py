"""What the workspace and its agents may spend on models."""

from __future__ import annotations

from decimal import Decimal

from remit.client.parts import Part, Several, W, Want, asked_for, call, each, get, given, none, way
from remit.client.results import Budget, Period
from remit.client.steps import Send


class Budgets(Part[W]):
    """For a day or a month, of one `agent` or, where none is named, of the workspace."""

    @call
    def set(
        self,
        period: Period,
        *,
        money: Decimal | str | None = None,
        tokens: int | None = None,
        agent: str = "",
    ) -> Want[Budget]:
        """In US dollars, in tokens, or both; in place of what is set."""
        body = given({"money": None if money is None else str(money), "tokens": tokens})
        return Want(
            Send("PUT", way("budgets", period), asked_for({"agent": agent}), body, harmless=True), Budget.of
        )

    @call
    def remove(self, period: Period, *, agent: str = "") -> Want[None]:
        """It limits nothing any more."""
        return Want(Send("DELETE", way("budgets", period), asked_for({"agent": agent}), harmless=True), none)

    @call
    def list(self) -> Want[Several[Budget]]:
        """All of them, the workspace's first."""
        return get(each(Budget, "budgets"), "budgets")
