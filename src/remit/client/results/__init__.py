"""What the API answers, as types, a module for each noun. An answer may have more fields than these by now; they are kept, as
attributes."""

from remit.client.results.agents import Agent, Draft, Mistake, Model, ModelKey, Tool, Version
from remit.client.results.budgets import Budget
from remit.client.results.connections import Connection, ConnectionKind, Trial
from remit.client.results.intakes import Intake
from remit.client.results.knowledge import (
    Confidentiality,
    DocumentText,
    KnowledgeDocument,
    KnowledgeSource,
    Passage,
)
from remit.client.results.looking import Change, Comparison, Origin, Parting, Row, Totals, Value, Why
from remit.client.results.people import (
    Consent,
    Doubt,
    FoundPerson,
    Interaction,
    KnownPerson,
    Link,
    PersonState,
    Profile,
    Rejected,
    SetAside,
    Taken,
)
from remit.client.results.result import OPEN, Happened, Integrity, Period, Result, Status
from remit.client.results.retention import Foreseen, InstallationRule, Retained, Retention, RetentionRule
from remit.client.results.runs import (
    Ask,
    Changed,
    Checked,
    Child,
    Effect,
    Event,
    Person,
    Run,
    RunFile,
    RunRow,
)
from remit.client.results.segments import Segment, SegmentSize
from remit.client.results.triggers import Firing, Refusal, Trigger
from remit.client.results.webhooks import Delivery, Webhook

__all__ = [
    "OPEN",
    "Agent",
    "Ask",
    "Budget",
    "Change",
    "Changed",
    "Checked",
    "Child",
    "Comparison",
    "Confidentiality",
    "Connection",
    "ConnectionKind",
    "Consent",
    "Delivery",
    "DocumentText",
    "Doubt",
    "Draft",
    "Effect",
    "Event",
    "Firing",
    "Foreseen",
    "FoundPerson",
    "Happened",
    "InstallationRule",
    "Intake",
    "Integrity",
    "Interaction",
    "KnowledgeDocument",
    "KnowledgeSource",
    "KnownPerson",
    "Link",
    "Mistake",
    "Model",
    "ModelKey",
    "Origin",
    "Parting",
    "Passage",
    "Period",
    "Person",
    "PersonState",
    "Profile",
    "Refusal",
    "Rejected",
    "Result",
    "Retained",
    "Retention",
    "RetentionRule",
    "Row",
    "Run",
    "RunFile",
    "RunRow",
    "Segment",
    "SegmentSize",
    "SetAside",
    "Status",
    "Taken",
    "Tool",
    "Totals",
    "Trial",
    "Trigger",
    "Value",
    "Version",
    "Webhook",
    "Why",
]
