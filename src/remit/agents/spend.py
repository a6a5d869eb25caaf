"""Budgets of the workspace and of the agent, in the loop: a step waits until there is room for it. What is checked is each step
of the model; what a guardian or a check by a model takes beside it is counted, and not set aside before."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from remit.agents.live import Live
from remit.agents.think import ANSWER_TOKENS, estimate, over_limit, size
from remit.errors import UnknownPrice
from remit.journal.events import Slept, Woken
from remit.journal.purse import Short, Spender

LIMIT = "budget"  # what such a sleep waits for
SOON = 15.0  # seconds until it is tried again, where the room is only set aside for calls under way
EACH = 0.1  # seconds more for each run that waits so, up to
LONGEST = 600.0


@dataclass(frozen=True, slots=True)
class Lack:
    """A budget that has no room for a step that may take so much."""

    of: Short
    money: Decimal
    tokens: int

    @property
    def used_up(self) -> bool:
        """Whether there was no room even if nothing was set aside."""
        return self._beyond(Decimal(0), 0)

    def _beyond(self, aside_money: Decimal, aside_tokens: int) -> bool:
        of = self.of
        if of.money is not None and self.money > 0 and of.spent_money + aside_money + self.money > of.money:
            return True
        return of.tokens is not None and of.spent_tokens + aside_tokens + self.tokens > of.tokens

    def until(self, now: datetime) -> datetime:
        """When there may be room: in the next period, or soon where calls under way may take less than is set aside."""
        if not self.used_up:
            return now + timedelta(seconds=min(SOON + EACH * self.of.line, LONGEST))
        day = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        if self.of.period == "day":
            return day + timedelta(days=1)
        return (day.replace(day=1) + timedelta(days=32)).replace(day=1)

    def words(self, now: datetime) -> str:
        """What the run waits for."""
        of, day = self.of, now.astimezone(UTC)
        span = f"{day:%B}" if of.period == "month" else f"{day.day} {day:%B}"
        name = f"the budget of {of.agent} for {span}" if of.agent else f"the workspace's budget for {span}"
        spent, aside, full, more = [], [], False, ""
        if of.money is not None and self.money > 0:
            full |= of.spent_money >= of.money
            spent.append(f"${of.spent_money:,.2f} of ${of.money:,.2f}")
            aside += [f"${of.aside_money:,.4f}"] if of.aside_money else []
            more = f", and the next step may cost ${self.money:,.4f}"
        if of.tokens is not None:
            full |= of.spent_tokens >= of.tokens
            spent.append(f"{of.spent_tokens:,} of {of.tokens:,} tokens")
            aside += [f"{of.aside_tokens:,} tokens"] if of.aside_tokens else []
        text = f"{name} {'is used up' if full else 'has no room for the next step'}: {' and '.join(spent)} are spent"
        text += f", {' and '.join(aside)} set aside for steps under way" if aside else ""
        return f"{text}{'' if full else more}. An owner can raise it in Settings → Budgets"


async def paid(live: Live, work: Callable[[Live], Awaitable[None]]) -> bool:
    """Have a model do the next step, where the budgets have room for it; else the run sleeps until they may. False: it does."""
    if live.state.short is not None:
        return await room_again(live)
    if sleep := await _no_room(live):
        live.write(sleep)
        return False
    await work(live)
    return True


async def room_again(live: Live) -> bool:
    """Whether a run that waits for a budget, and for nothing else, may go on: it was raised, or a new day or month has begun."""
    state = live.state
    if state.short is None or state.waits or len(state.timers) > 1:
        return False
    woken = Woken(why="there is room in the budget")
    if stop := over_limit(live):
        live.write(woken, stop)
        return True
    sleep = await _no_room(live)
    if sleep is None:
        live.write(woken)
        return True
    if state.short.until <= live.leases.now():
        live.write(sleep)
    return False


async def rest(live: Live) -> None:
    """The run makes no call now: tell what it has spent, and give back what was set aside."""
    if live.purse is not None and await live.purse.counts(live.workspace):
        await live.purse.rest(_spender(live), live.state.finished is not None)


async def _no_room(live: Live) -> Slept | None:
    """None where the next step is set aside, or nobody limits it. Raises UnknownPrice."""
    purse, price = live.purse, live.model.price
    if purse is None or not await purse.counts(live.workspace):
        return None
    if price is None and purse.in_money(live.workspace, live.spec.name):
        raise UnknownPrice(
            f"{live.model.name}: its price is unknown, so the workspace's budget in money cannot hold. Set REMIT_PRICE_INPUT "
            "and REMIT_PRICE_OUTPUT (US dollars a million tokens), or give the budget in tokens"
        )
    await live.settled()  # so that others see that it runs, and count what it sets aside
    characters = size(live)
    money = Decimal(0) if price is None or price.free else estimate(price, characters)
    tokens = characters // 3 + ANSWER_TOKENS
    short = await purse.set_aside(_spender(live), money, tokens)
    return _sleep(live, [Lack(one, money, tokens) for one in short]) if short else None


def _spender(live: Live) -> Spender:
    state = live.state
    lost = state.reserved if state.finished else Decimal(0)  # of a call whose answer never came
    money, tokens = state.money - state.below_money + lost, state.tokens - state.below_tokens
    return Spender(live.run, live.workspace, live.spec.name, money, tokens)


def _sleep(live: Live, lacks: Sequence[Lack]) -> Slept:
    now = live.leases.now()
    last = max(lacks, key=lambda one: one.until(now))
    until = last.until(now)
    if (deadline := live.spec.remit.deadline) is not None:
        until = min(until, deadline)
    return Slept(until=until, why=last.words(now), limit=LIMIT)
