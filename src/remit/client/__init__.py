"""The API from Python: typed results, tries that are safe to repeat, errors that say what to do.

async with Client("http://127.0.0.1:7700", token) as remit:
    run = await remit.runs.create("assistant", "Which month sold most?")
    run = await remit.runs.wait(run.id)
    print(run.status, run.report)
"""

from remit.client.client import Client
from remit.client.errors import (
    ApiError,
    Conflict,
    NotAllowed,
    NotFound,
    NotSignedIn,
    TooMuch,
    Unavailable,
    Unreachable,
    Unusable,
    Wrong,
)
from remit.client.results import Agent, Ask, Comparison, Delivery, Effect, Event, Run, RunRow, Tool, Webhook
from remit.webhooks.sign import BadSignature, verify

__all__ = [
    "Agent",
    "ApiError",
    "Ask",
    "BadSignature",
    "Client",
    "Comparison",
    "Conflict",
    "Delivery",
    "Effect",
    "Event",
    "NotAllowed",
    "NotFound",
    "NotSignedIn",
    "Run",
    "RunRow",
    "TooMuch",
    "Tool",
    "Unavailable",
    "Unreachable",
    "Unusable",
    "Webhook",
    "Wrong",
    "verify",
]
