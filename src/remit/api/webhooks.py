"""Who is told of what happens in runs, and how that went."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from remit.api.guard import Connects, Served, documented, require_sure
from remit.api.problems import Refused, at
from remit.api.schemas import Sent, Text
from remit.errors import UnknownName, UserError
from remit.journal.search import Place, place
from remit.webhooks import deliver, kept
from remit.webhooks.deliver import Delivery
from remit.webhooks.kept import EVENTS, Webhook

router = APIRouter(prefix="/webhooks", tags=["webhooks"])
Name = Annotated[Text, Field(min_length=1, max_length=200)]
State = Literal["due", "done", "dead"]


class NewWebhook(Sent):
    """An address to be told."""

    url: Text = Field(
        max_length=2000,
        description="Where messages are posted to: https, and on the public internet unless REMIT_WEBHOOK_ALLOW names it.",
        examples=["https://crm.example/remit"],
    )
    events: list[Name] = Field(
        min_length=1,
        max_length=20,
        description="Of what: " + "; ".join(f"`{k}`: {v}" for k, v in EVENTS.items()),
    )
    agents: list[Name] = Field(
        [], max_length=100, description="Only of runs of these agents; none named: of all."
    )


class WebhookOut(BaseModel):
    """An address that is told, and of what."""

    id: UUID
    url: str
    events: list[str]
    agents: list[str]
    by: str = Field(description="Who added it.")
    created_at: datetime
    failing_since: datetime | None = Field(
        description="Since when nothing was received; null: the last message was."
    )
    disabled_at: datetime | None
    disabled_why: str


class WebhookMade(WebhookOut):
    """A new one."""

    secret: str = Field(description="Messages are signed with it. It is shown this once.")


class SecretOut(BaseModel):
    """A new secret."""

    secret: str = Field(
        description="It is shown this once. For a day, messages are signed with the old one too."
    )


class WebhookPage(BaseModel):
    """All of them, the oldest first."""

    webhooks: list[WebhookOut]


class DeliveryOut(BaseModel):
    """A message, and how its sending went."""

    id: UUID
    number: str = Field(description="`webhook-id` of the message: the same each time that it is sent.")
    message: dict[str, Any] = Field(description="What is told.")
    state: State = Field(
        description="due: it is sent (again) at `due_at`; done: it was received; dead: given up."
    )
    attempts: int
    due_at: datetime
    tried_at: datetime | None
    status: int | None = Field(description="Of the last answer; null: there was none.")
    said: str = Field(description="The beginning of the last answer, or why there was none.")


class DeliveryPage(BaseModel):
    """Messages, the newest first."""

    deliveries: list[DeliveryOut]
    next: str | None = Field(
        description="Send it as `cursor` for the page after this one; null: there is none."
    )


@router.get("", summary="List webhooks", **documented("connections:write"))
async def list_webhooks(app: Served, caller: Connects) -> WebhookPage:
    """Who is told of what. Their addresses may hold secrets: who sees them may change them."""
    return WebhookPage(webhooks=[_out(one) for one in await kept.list_webhooks(app.store)])


@router.post("", status_code=201, summary="Add a webhook", **documented("connections:write", 400))
async def add_webhook(app: Served, caller: Connects, wanted: NewWebhook, response: Response) -> WebhookMade:
    """Have an address told of events. Messages say what happened where, and nothing that was said there; they are signed as
    Standard Webhooks has it, sent until they are received, for three days, and perhaps more than once or in another order."""
    require_sure(caller)
    try:
        made, secret = await kept.add_webhook(app.store, wanted.url, wanted.events, wanted.agents, caller.who)
    except UnknownName as error:
        raise at("/events", str(error)) from error
    except UserError as error:
        raise at("/url", str(error).removeprefix("url: ")) from error
    response.headers["Location"] = f"/api/v1/webhooks/{made.id}"
    return WebhookMade(**_out(made).model_dump(), secret=secret)


@router.get("/{webhook}", summary="See a webhook", **documented("connections:write", 404))
async def get_webhook(app: Served, caller: Connects, webhook: UUID) -> WebhookOut:
    """Of what it is told, and whether that arrives."""
    return _out(await kept.get_webhook(app.store, webhook))


@router.delete(
    "/{webhook}", status_code=204, summary="Remove a webhook", **documented("connections:write", 404)
)
async def remove_webhook(app: Served, caller: Connects, webhook: UUID) -> None:
    """It is told nothing any more, and what it was told is forgotten."""
    await kept.remove(app.store, webhook, caller.who)


@router.post("/{webhook}/disable", summary="Disable a webhook", **documented("connections:write", 404))
async def disable_webhook(app: Served, caller: Connects, webhook: UUID) -> WebhookOut:
    """What happens from now on it is never told; what is due waits."""
    return _out(await kept.disable(app.store, webhook, caller.who, f"by {caller.who}"))


@router.post("/{webhook}/enable", summary="Enable a webhook", **documented("connections:write", 404))
async def enable_webhook(app: Served, caller: Connects, webhook: UUID) -> WebhookOut:
    """It is told again, from now on, and of what was due."""
    return _out(await kept.enable(app.store, webhook, caller.who))


@router.post("/{webhook}/rotate", summary="Make a new secret", **documented("connections:write", 404))
async def rotate_secret(app: Served, caller: Connects, webhook: UUID) -> SecretOut:
    """For a day messages bear two signatures, one by each secret."""
    require_sure(caller)
    return SecretOut(secret=await kept.rotate(app.store, webhook, caller.who))


@router.post("/{webhook}/test", summary="Send a message to try it", **documented("connections:write", 404))
async def test_webhook(app: Served, caller: Connects, webhook: UUID) -> DeliveryOut:
    """A message `webhook.test`, sent at once; the answer says how that went."""
    return _delivery(await deliver.try_out(app.store, webhook, caller.who))


@router.get("/{webhook}/deliveries", summary="List messages", **documented("connections:write", 404))
async def list_deliveries(
    app: Served,
    caller: Connects,
    webhook: UUID,
    state: Annotated[State | None, Query(description="Only these.")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str, Query(max_length=100, description="`next` of the page before.")] = "",
) -> DeliveryPage:
    """What it was told in the last 30 days, and what it is to be told still."""
    try:
        older = place(cursor) if cursor else None
    except UserError as error:
        raise at("?cursor", "is none of ours: send `next` of the page before, or leave it out") from error
    found = await deliver.list_deliveries(app.store, webhook, state=state or "", limit=limit + 1, older=older)
    last = found[limit - 1] if len(found) > limit else None
    return DeliveryPage(
        deliveries=[_delivery(one) for one in found[:limit]],
        next=str(Place(last.at, last.id)) if last else None,
    )


@router.post(
    "/{webhook}/deliveries/{delivery}/resend",
    summary="Send a message again",
    **documented("connections:write", 404),
)
async def resend(app: Served, caller: Connects, webhook: UUID, delivery: UUID) -> DeliveryOut:
    """At once, with its number; where it is not received, by and by, as if it were new."""
    try:
        return _delivery(await deliver.resend(app.store, webhook, delivery))
    except UnknownName as error:
        raise Refused(404, str(error)) from error


def _out(webhook: Webhook) -> WebhookOut:
    return WebhookOut.model_validate(webhook, from_attributes=True)


def _delivery(delivery: Delivery) -> DeliveryOut:
    return DeliveryOut.model_validate(delivery, from_attributes=True)
