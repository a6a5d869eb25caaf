"""Handing a part of the goal to another agent: a child run, within what is left of this run's remit."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Literal
from uuid import UUID, uuid5

from remit.agents.grant import left
from remit.agents.live import Live
from remit.agents.spec import Agent, Budget, Inherited, RemitSpec, Rule
from remit.errors import Mend
from remit.gate.confidentiality import resolved, strictest
from remit.gate.fields import REST
from remit.gate.known import Known
from remit.journal.events import Acted, Delegated, Person, Returned, Started
from remit.journal.refs import given
from remit.journal.state import CallState, State
from remit.tools.tool import Json, Tool, ToolContext

LADDER = ("shadow", "draft", "ask", "act")
NAME = "delegate"
OWN_WORDS: dict[str, Literal["system"]] = {"status": "system", "report": "system", "output": "system"}


def delegate_tool(team: Sequence[Agent]) -> Tool:
    """The tool by which an agent hands work to one of its team."""
    about = "; ".join(f"{member.name}: {member.description or 'no description'}" for member in team)
    schema: dict[str, Json] = {
        "type": "object",
        "properties": {
            "agent": {"type": "string", "enum": [member.name for member in team], "description": about},
            "task": {"type": "string", "description": "What it should do, with all that it needs to know."},
        },
        "required": ["agent", "task"],
        "additionalProperties": False,
    }
    text = "Hand a part of the work to another agent and get its report. Several at once work side by side."
    names = [member.name for member in team]

    def validate(args: Mapping[str, Json]) -> Mapping[str, Json]:
        if args.get("agent") not in names:
            raise Mend(f"{NAME}: agent is one of {', '.join(names)}")
        if not isinstance(args.get("task"), str):
            raise Mend(f"{NAME}: task is missing: say in words what {args['agent']} should do")
        return args

    return Tool(NAME, text, schema, _never, effect="self", validate=validate)


async def _never(context: ToolContext, args: object) -> Json:
    raise AssertionError("the loop itself delegates")


def narrow(parent: Agent, child: Agent, state: State, tools: Collection[Tool]) -> Agent:
    """The child's spec inside what is left of the parent's remit: never more autonomy, money, tokens, steps, time,
    destinations or knowledge; what the parent asks about or denies stands before the child's own rules, and of the parent's `tools`
    the child may do no more than the parent is allowed."""
    mine, its, times = parent.remit, child.remit, 1 + state.extensions
    budget = Budget(
        money=its.budget.money,
        tokens=its.budget.tokens,
        steps=min(its.budget.steps, mine.budget.steps * times),
        wall=min(its.budget.wall, mine.budget.wall * times),
    )
    if mine.budget.money is not None:
        left = max(Decimal(0), mine.budget.money * times - state.spent)
        budget = budget.model_copy(
            update={"money": left if budget.money is None else min(budget.money, left)}
        )
    if mine.budget.tokens is not None:
        lent = sum(other.tokens for other in state.children.values())
        some = max(1, mine.budget.tokens * times - state.tokens - lent)
        budget = budget.model_copy(
            update={"tokens": some if budget.tokens is None else min(budget.tokens, some)}
        )
    deadlines = [remit.deadline for remit in (mine, its) if remit.deadline is not None]
    remit = RemitSpec(
        autonomy=LADDER[min(LADDER.index(mine.autonomy), LADDER.index(its.autonomy))],
        budget=budget,
        destinations=tuple(host for host in its.destinations if host in mine.destinations),
        deadline=min(deadlines, default=None),
    )
    workspace = tuple(dict.fromkeys((*parent.workspace, *child.workspace)))
    inherited = (
        *(
            rule.model_copy(update={"above": rule.above + 1})
            for rule in parent.inherited
            if rule.allow is None
        ),
        *(Inherited(**dict(rule)) for rule in parent.rules if rule.allow is None),
        *(_unless_allowed(parent, tool.name) for tool in tools if _refuses(parent, tool)),
        *(_still_read(tool.name) for tool in tools if _looks(tool) and not _speaks(child.rules, tool)),
    )
    model = parent.model if child.model == "auto" else child.model
    guardian = parent.guardian or child.guardian
    same = {
        "remit": remit,
        "inherited": inherited,
        "workspace": workspace,
        "model": model,
        "guardian": guardian,
        "purpose": tuple(sorted(parent.purposes | child.purposes if child.purpose else parent.purposes)),
        "knowledge": tuple(name for name in child.knowledge if name in parent.knowledge),
    }
    return child.model_copy(update=same | _reading(parent, child))


def _reading(parent: Agent, child: Agent) -> dict[str, Json]:
    """A child reads behind its parent's airlock; forms of its own hold for what its parent has none for."""
    if parent.reading == "open":
        return {}
    forms = {
        **parent.airlock.forms,
        **{k: v for k, v in child.airlock.forms.items() if k not in parent.airlock.forms},
    }
    return {"reading": "airlock", "airlock": parent.airlock.model_copy(update={"forms": forms})}


def passed_on(live: Live, call: CallState) -> str | None:
    """Why a task is sent back: a child would read there what an airlock keeps from its parent."""
    veil = live.transcript.veil
    if veil is None or call.call.tool != NAME or veil.given(call) == "nothing":
        return None
    return "a task to another agent is in words of your own, without references"


def _refuses(parent: Agent, tool: Tool) -> bool:
    """Whether the parent is denied what none of its rules decides. Else it is asked about, by the child too."""
    if _looks(tool):
        return _speaks((*parent.inherited, *parent.rules), tool)
    return parent.remit.autonomy in ("act", "shadow")


def _unless_allowed(parent: Agent, tool: str) -> Inherited:
    """That what no rule allows the parent is denied to its child."""
    whole = (*parent.inherited, *parent.rules)
    allows = [rule.allow for rule in whole if rule.allow is not None and _about(rule, tool)]
    any_of = " || ".join(f"({condition}\n)" for condition in allows)  # a comment ends with its line
    why = f"no rule of {parent.name}, which delegated, allows it"
    return Inherited(tool=tool, deny=f"!({any_of})" if allows else "true", because=why)


def _still_read(tool: str) -> Inherited:
    """That a look of which the child's own rules do not speak is allowed, as it would be without inherited ones."""
    return Inherited(tool=tool, allow="true")


def _looks(tool: Tool) -> bool:
    return tool.effect in ("read", "self")


def _speaks(rules: Sequence[Rule], tool: Tool) -> bool:
    return any(_about(rule, tool.name) for rule in rules)


def _about(rule: Rule, tool: str) -> bool:
    return any(fnmatchcase(tool, one) for one in ((rule.tool,) if isinstance(rule.tool, str) else rule.tool))


def child_of(run: UUID, call_id: str) -> UUID:
    """The id of the child run of a call: the same however often it is begun."""
    return uuid5(run, call_id)


def confided(known: Known, value: Json) -> tuple[list[str], dict[str, str]]:
    """The labels of what not everybody may have, of all that was read, and those of its values that stand in `value`."""
    if not known.labelled:
        return [], {}
    held = known.held()
    return sorted(label.written for label in held.read), held.carried(value)


async def delegate(live: Live, call: CallState) -> None:
    """Begin the child run of a call; after a crash go on where it was left. Its report comes with `collect`."""
    started, args = live.state.started, given(live.state, call)
    if call.delegated is None:
        member = next(member for member in live.spec.team if member.name == args["agent"])
        spec = narrow(live.spec, member, live.state, live.tools.values())
        live.write(
            Delegated(
                call_id=call.call.id,
                child=child_of(live.run, call.call.id),
                agent=member.name,
                spec=spec.model_dump(mode="json", by_alias=True, exclude_defaults=True),
                money=spec.remit.budget.money or Decimal(0),
                tokens=spec.remit.budget.tokens or 0,
                grant=None if (rest := left(live.state, call)) is None else dict(rest),
            )
        )
    delegated = call.delegated
    assert delegated is not None
    labels, values = confided(live.known, args["task"])
    await live.settled()
    await live.begin(
        delegated.child,
        Started(
            goal=started.goal if started else "",
            agent=delegated.agent,
            spec=delegated.spec,
            person=started.person if started else Person(),
            inputs=started.inputs if started else {},
            parent=live.run,
            task=str(args["task"]),
            counts=live.state.counts,
            untrusted=live.state.untrusted,
            confidential=labels,
            values=values,
            grant=delegated.grant,
            workspace=live.workspace,
        ),
    )


def counted(child: State) -> dict[str, int]:
    """How often its own tools, and those of its children, succeeded: its counts went on from its parent's."""
    before = child.started.counts if child.started else {}
    return {
        tool: times - before.get(tool, 0)
        for tool, times in child.counts.items()
        if times > before.get(tool, 0)
    }


async def collect(live: Live, call: CallState) -> None:
    """Take the report of a child that has ended; nothing while it has not."""
    assert call.delegated is not None
    child, known = await live.look_at(call.delegated.child)
    if child.started is None:  # a crash came between
        await delegate(live, call)
    if child.finished is None:
        return
    result = {"status": child.finished.status, "report": child.finished.report or child.finished.why}
    if child.finished.output is not None:
        result["output"] = child.finished.output
    # What an agent behind the airlock writes has nothing of strangers' words in it; why a run ended may have.
    behind = live.spec.reading == "airlock" and bool(child.finished.report)
    labels, values = confided(known, result)
    # What it made of what it read is as confidential as all of that: it may have told it in words of its own.
    whose = strictest(*(resolved(word, {}) for word in labels)).written if labels else ""
    live.write(
        Returned(
            call_id=call.call.id,
            child=call.delegated.child,
            status=child.finished.status,
            money=child.money + child.reserved,
            tokens=child.tokens,
            seconds=child.seconds,
            counts=counted(child),
        ),
        Acted(
            call_id=call.call.id,
            tool=NAME,
            effect="self",
            result=result,
            integrity="untrusted" if child.untrusted else "system",
            fields=OWN_WORDS if behind and child.untrusted else {},
            confidential={REST: "workspace", "report": whose, "output": whose} if whose else {},
            values=values,
            source=call.delegated.agent,
        ),
    )
