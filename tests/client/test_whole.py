"""The client has all that the API has: each operation, each parameter of it, each field of its answers."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import product
from typing import Any, cast
from uuid import UUID

import pytest
from pydantic import BaseModel

from remit.api.server import describe, make_api
from remit.app import App
from remit.client import Ask, Client, Draft, results
from remit.client.agents import Agents
from remit.client.parts import Part, _Method, call
from remit.client.steps import Send
from remit.errors import UserError

Json = Any
DOCUMENT: dict[str, Json] = describe(make_api(cast(App, None)))
WITHOUT: dict[str, str] = {}  # operation -> why no method of the client asks for it
RUN = UUID(int=1)
ASK = Ask.model_construct(run=RUN, id="a1", digest="d")
DRAFT = Draft.model_construct(name="desk", rev=3)
# By how a parameter is annotated: what it is given here, each in a call of its own
GIVEN: dict[str, tuple[Json, ...]] = {
    "Id": (RUN,), "Id | None": (RUN,), "str": ("x",), "str | None": ("x",), "int": (7,), "float": (0.5,), "int | None": (7,), "bool": (True,), "Ask": (ASK,), "Draft": (DRAFT,),
    "Draft | None": (DRAFT,), "Any": ({"x": 1},), "Period": ("day",), "Confidentiality": ("public",), "datetime | None": (datetime(2026, 11, 22, tzinfo=UTC),),
    "Decimal | None": ("0.5",), "Decimal | str | None": ("0.5",), "Mapping[str, Any] | None": ({"x": 1},),
    "Mapping[str, Json]": ({"x": 1},), "Sequence[Mapping[str, Json]]": (({"x": 1},),),
    "Mapping[str, Json] | None": ({"x": 1},), "Mapping[str, str] | None": ({"id": "C1"},), "Sequence[str]": (("x",),),
    "Sequence[Mapping[str, Json]] | None": (({"x": 1},),), "str | Mapping[str, Any]": ("x", {"x": 1}),
    "str | Mapping[str, Json]": ("x", {"x": 1}), "Status | Sequence[Status]": ("met",), "Happened | Sequence[Happened]": ("asked",),
    "Literal['', 'due', 'done', 'dead']": ("due",), "Files": ({"a.csv": b"1"},),
    "ConnectionKind": ("mail",), "Literal['', 'id', 'email']": ("id",), "Literal['remit', 'server']": ("server",),
}  # fmt: skip


def methods() -> Iterator[tuple[str, Part[Any], _Method]]:
    """Each method of the client that asks for something, by its name as one calls it."""
    client = Client("http://x.example", "remit_x")
    parts = {"": client, **{name: part for name, part in vars(client).items() if isinstance(part, Part)}}
    for name, part in parts.items():
        for called, method in inspect.getmembers_static(type(part)):
            if isinstance(method, _Method):
                yield f"{name}.{called}".lstrip("."), part, method


def sent(part: Part[Any], method: _Method, **named: Json) -> Iterator[tuple[Send, str]]:
    """What it sends first, with every parameter given, and which parameter turns its pages."""
    asked = [
        one
        for one in inspect.signature(method.wanted).parameters.values()
        if one.name not in ("self", *named)
    ]
    for values in product(*(GIVEN[str(one.annotation)] for one in asked)):
        more = {one.name: value for one, value in zip(asked, values, strict=True)}
        wanted: Any = method.wanted(part, **named, **more)
        step = next(wanted.steps(1) if isinstance(method, call) else wanted.flow(1))
        assert isinstance(step, Send)
        yield step, getattr(wanted, "turn", "")


def operation(send: Send) -> Json:
    """The one of the document that answers this; an address that says what it is, is meant before one that is open."""
    there = send.path.strip("/").split("/")
    fits: list[tuple[int, Json]] = []
    for path, known in DOCUMENT["paths"].items():
        parts = path.strip("/").split("/")
        if send.method.lower() in known and len(parts) == len(there):
            pairs = list(zip(parts, there, strict=True))
            if all(a.startswith("{") or a == b for a, b in pairs):
                fits.append((sum(a == b for a, b in pairs), known[send.method.lower()]))
    assert fits, f"{send.method} {send.path} is none of the API's"
    return max(fits, key=lambda fit: fit[0])[1]


def resolved(schema: Json) -> Json:
    return DOCUMENT["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]] if "$ref" in schema else schema


def test_every_operation_of_the_api_is_asked_for_by_a_method_of_the_client() -> None:
    known = {one["operationId"] for all_of in DOCUMENT["paths"].values() for one in all_of.values()}
    reached = {
        operation(send)["operationId"] for _, part, method in methods() for send, _ in sent(part, method)
    }
    assert reached == known - WITHOUT.keys()


def test_every_parameter_and_every_field_of_a_body_can_be_sent() -> None:
    queries: dict[str, set[str]] = {}
    bodies: dict[str, set[str]] = {}
    for _, part, method in methods():
        for send, turn in sent(part, method):
            name = operation(send)["operationId"]
            queries.setdefault(name, set()).update({*send.query, *([turn] if turn else [])})
            bodies.setdefault(name, set()).update(send.body or {})
    for all_of in DOCUMENT["paths"].values():
        for one in all_of.values():
            name = one["operationId"]
            known = {each["name"] for each in one.get("parameters", []) if each["in"] == "query"}
            if name == "stream_events":
                known = set()  # it sends Last-Event-ID instead
            if name == "list_firings":
                known -= {"cursor"} - queries[name]
            assert queries[name] == known, name
            body = one.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
            assert bodies[name] == set(resolved(body).get("properties", {})), name


OURS = {
    "Run": results.Run, "RunRow": results.RunRow, "Child": results.Child, "Ask": results.Ask, "Changed": results.Changed,
    "EventOut": results.Event, "Person": results.Person, "Checked": results.Checked, "EffectOut": results.Effect, "ToolOut": results.Tool,
    "ModelOut": results.Model, "RunFileOut": results.RunFile, "KeyOut": results.ModelKey, "WhyOut": results.Why, "ValueOut": results.Value, "Origin": results.Origin,
    "ComparisonOut": results.Comparison, "TotalsOut": results.Totals, "RowOut": results.Row, "ChangeOut": results.Change,
    "Parting": results.Parting, "AgentOut": results.Agent, "DraftOut": results.Draft, "WrongOut": results.Mistake,
    "VersionWhole": results.Version, "TriggerOut": results.Trigger, "FiringOut": results.Firing, "RefusalOut": results.Refusal,
    "WebhookMade": results.Webhook, "DeliveryOut": results.Delivery, "BudgetOut": results.Budget,
    "RuleOut": results.RetentionRule, "InstallationRule": results.InstallationRule, "DoneOut": results.Retained,
    "KeepingOut": results.Keeping, "TakenAway": results.TakenAway, "RetentionOut": results.Retention, "Foreseen": results.Foreseen, "SourceOut": results.KnowledgeSource, "ConnectionOut": results.Connection, "TrialOut": results.Trial,
    "DocumentOut": results.KnowledgeDocument, "DocumentText": results.DocumentText, "PassageOut": results.Passage,
    "TakenOut": results.Taken, "SetAsideOut": results.SetAside, "ErasureOut": results.Erasure, "ErasureForeseen": results.ErasureForeseen, "PersonOut": results.KnownPerson, "ProfileOut": results.Profile,
    "LimitOut": results.Limit, "LinkOut": results.Link, "StateOut": results.PersonState, "FoundOut": results.FoundPerson, "InteractionOut": results.Interaction,
    "RejectedOut": results.Rejected, "IntakeOut": results.Intake, "ConsentOut": results.Consent, "DoubtOut": results.Doubt,
    "AccountFoundOut": results.FoundAccount, "AccountNameOut": results.AccountName, "AccountLinkOut": results.AccountLink,
    "AccountStateOut": results.AccountState, "MemberOut": results.Member, "AccountOut": results.KnownAccount, "StatementOut": results.Statement,
    "BelongingOut": results.Belonging, "RelationOut": results.Relation, "TiesOut": results.Ties, "SegmentOut": results.Segment, "SizeOut": results.SegmentSize, "PlaybookOut": results.Playbook, "QualityOut": results.Quality,
    "RoundOut": results.Round, "DecisionOut": results.Decision, "OptionOut": results.Option, "BarredOut": results.RuledOut, "UrgencyOut": results.Urgent,
    "IntervalOut": results.Interval, "CandidateOut": results.Candidate, "RailOut": results.Guardrail,
    "ContactOut": results.Contact, "AgainstOut": results.Against, "WayOut": results.Way, "SuppressionOut": results.Suppression,
    "TalkRow": results.ConversationRow, "LineOut": results.Line, "TakeoverOut": results.Takeover, "WordsOut": results.Words, "TalkOut": results.Conversation,
    "OutlookOut": results.Outlook, "ContactRulesOut": results.ContactRules,
}  # fmt: skip
OF_THE_JOURNAL = {"Checked": {"type", "v", "big"}}  # how the event is kept, which says nothing of the check
# Pages of lists, answers of which a client hands on one field, and those that another here has all of
NOT_OURS = {
    "AgentRow",
    "VersionOut",
    "WebhookOut",
    "SecretOut",
    "IntakeSecretOut",
    "TriggerSecret",
    "SendingOut",
}


@pytest.mark.parametrize("theirs", OURS)
def test_results_have_the_fields_that_the_api_answers(theirs: str) -> None:
    ours: type[BaseModel] = OURS[theirs]
    known = set(DOCUMENT["components"]["schemas"][theirs]["properties"])
    assert set(ours.model_fields) == known - OF_THE_JOURNAL.get(theirs, set())


def test_every_answer_of_the_api_is_a_type_of_the_client() -> None:
    answered = {
        schema["$ref"].rsplit("/", 1)[1]
        for all_of in DOCUMENT["paths"].values()
        for one in all_of.values()
        for status, answer in one["responses"].items()
        for schema in [answer.get("content", {}).get("application/json", {}).get("schema", {})]
        if status.startswith("2") and "$ref" in schema
    }
    assert {name for name in answered if not name.endswith("Page")} <= OURS.keys() | NOT_OURS


@pytest.mark.parametrize("name", ["", ".", ".."])
def test_a_name_never_makes_another_address(name: str) -> None:
    client = Client("http://x.example", "remit_x")
    with pytest.raises(UserError, match="no name"):
        client.agents.get(name)


def test_what_is_no_letter_in_a_name_stays_in_it() -> None:
    client = Client("http://x.example", "remit_x")
    ((send, _),) = sent(client.agents, Agents.get, name="a/b?c")
    assert send.path == "/agents/a%2Fb%3Fc"
