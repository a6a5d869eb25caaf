"""How pages are made: the templates, and the words that they share for times, money and states."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from math import floor, log10
from pathlib import Path
from typing import Any

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from remit.access.roles import RIGHTS, Access
from remit.age import age_in_words
from remit.app import App
from remit.brought import size
from remit.console.diffs import marked
from remit.console.watch import Watch
from remit.errors import Forbidden
from remit.gate.unseen import shown
from remit.said import brief, first_line, plainly, said
from remit.store.store import Sight

HERE = Path(__file__).parent
TONES = {  # of a state, a verdict or an outcome: which colour says it
    "met": "good", "ok": "good", "allow": "good", "approve": "good",
    "published": "good", "runs": "good", "live": "good", "published, draft": "live", "draft": "live", "archived": "off",
    "running": "live", "queued": "live",
    "waiting": "wait", "paused": "wait", "ask": "wait", "mend": "wait", "cannot verify": "unsure", "simulated": "wait",
    "cancelled": "off", "new": "off", "active": "good", "back": "live", "quiet": "wait", "dormant": "off",
    "shadow": "live", "ramp": "wait", "off": "off",
}  # fmt: skip

# By what browsers call themselves, the particular before what others say of themselves too
BROWSERS = {
    "Edg/": "Edge", "OPR/": "Opera", "Firefox/": "Firefox", "Chrome/": "Chrome", "Safari/": "Safari", "curl/": "curl",
}  # fmt: skip
SYSTEMS = {
    "Android": "Android", "iPhone": "iPhone", "iPad": "iPad", "Windows": "Windows", "Mac OS": "macOS", "Linux": "Linux",
}  # fmt: skip


def ago(at: datetime, now: datetime | None = None) -> str:
    """`3 min ago`; of another year with the year."""
    seconds = ((now or datetime.now(UTC)) - at).total_seconds()
    if seconds < 0:
        return "in " + span(-seconds)
    return "just now" if seconds < 10 else f"{span(seconds)} ago"


def span(seconds: float) -> str:
    for length, name in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= length:
            return f"{int(seconds // length)} {name}"
    return f"{int(seconds)} s"


def exact(at: datetime) -> str:
    return f"{at.astimezone():%A %d %B %Y, %H:%M:%S %Z}"


def dollars(amount: Decimal | float | None) -> str:
    """Small amounts with what matters of them: `$0.0042`, `$12.30`."""
    if amount is None:
        return "unknown"
    value = Decimal(amount)
    text = f"${value:,.2f}" if value >= 1 or not value else f"${value:.4f}"
    return text[:-2] if re.search(r"\.\d\d00$", text) else text


def alike(values: Sequence[float]) -> list[str]:
    """Numbers with their signs, all with as many places as three digits of the largest take."""
    most = max(map(abs, values))
    places = min(6, max(0, 2 - floor(log10(most)))) if most else 0
    return [f"{one:+,.{places}f}" for one in values]


def plain(value: Any) -> str:
    """A value as a person reads it, with what is unseen spelled out: a text as it is, all else as JSON."""
    return shown(
        value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str, indent=1)
    )


def browser(agent: str) -> str:
    """What a browser calls itself, in two words: `Firefox on Linux`."""
    which = next((name for mark, name in BROWSERS.items() if mark in agent), "")
    system = next((name for mark, name in SYSTEMS.items() if mark in agent), "")
    return f"{which} on {system}" if which and system else which or agent[:60] or "not told"


def tone(word: str) -> str:
    return TONES.get(word, "bad")


ENVIRONMENT = Environment(
    loader=FileSystemLoader(HERE / "templates"),
    autoescape=select_autoescape(default=True, default_for_string=True),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
ENVIRONMENT.filters |= {
    "ago": ago,
    "moment": datetime.fromisoformat,
    "exact": exact,
    "span": span,
    "age": age_in_words,
    "size": size,
    "dollars": dollars,
    "marked": marked,
    "alike": alike,
    "plain": plain,
    "tone": tone,
    "seen": shown,
    "said": said,
    "brief": brief,
    "plainly": plainly,
    "browser": browser,
    "first_line": first_line,
}


class Unsure(Forbidden):
    """Whoever asks may, but has to show first that it is they."""


def let_in(request: Request, access: Access) -> None:
    """What whoever asks may do, and see: all of the workspace, or what is of the agents for which they may look."""
    request.state.access, request.state.rights = access, access.rights
    request.state.sees = request.state.within = access.agents("runs:read")


def here(request: Request) -> App:
    """The App of the workspace in which whoever asks is at work: no more of it than they may do with what the route does."""
    root: App = request.app.state.remit
    return root.within(request.state.workspace, request.state.within)


def all_seen(request: Request) -> App:
    """The same with all that they may look at, though it be more than what they may act on."""
    root: App = request.app.state.remit
    return root.within(request.state.workspace, request.state.sees)


def watch_of(request: Request) -> Watch:
    """What looks after what waits there."""
    watches: dict[Sight, Watch] = request.app.state.watches
    sight = (request.state.workspace, request.state.sees)
    if sight not in watches:
        watches[sight] = Watch(all_seen(request).store)
    return watches[sight]


def require(request: Request, right: str) -> None:
    """Raises Forbidden where whoever is signed in lacks a right of `roles.RIGHTS` in the whole workspace."""
    if right not in request.state.rights:
        raise Forbidden(f"Your role does not allow this: it takes the right {right}. {RIGHTS[right]}")


def needs(right: str) -> Any:
    """A dependency of a route, or of all routes of a router: whoever asks has the right, before anything else is looked at."""

    async def has(request: Request) -> None:
        require(request, right)

    return Depends(has)


def needs_of_agent(right: str) -> Any:
    """The same for what is of some agent each: a right for some of them suffices, and of others nothing is there."""

    async def has(request: Request) -> None:
        agents: frozenset[str] | None = request.state.access.agents(right)
        if agents is not None and not agents:
            require(request, right)
        before = request.state.within
        request.state.within = agents if before is None or agents is None else before & agents

    return Depends(has)


def require_sure(request: Request) -> None:
    """Raises Unsure where whoever is signed in did not show lately that it is they, though they have a password to show, or a provider that knows them."""
    if not request.state.session.sure:
        raise Unsure("Confirm first that it is you.")


def page(request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """A whole page, or a fragment of one where the template is one."""
    text = ENVIRONMENT.get_template(template).render(
        request=request,
        path=request.url.path,
        who=request.state.who,
        rights=request.state.rights,
        can=values.pop("can", request.state.access.any),
        at_work=request.state.session,
        waiting=watch_of(request).count,
        **values,
    )
    return HTMLResponse(text, status)
