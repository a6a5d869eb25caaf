"""Outside systems that agents may be connected to, as a browser may describe them; their keys are written and never answered."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field

from remit.api.guard import Caller, Connects, Looks, Served, documented, require_whole
from remit.api.problems import at
from remit.api.schemas import Sent, Text
from remit.app import App
from remit.connections import kept
from remit.connections.form import Form, keep
from remit.connections.kept import Kind, Row
from remit.connections.pace import paces_of
from remit.connections.trial import try_out
from remit.errors import FieldError

router = APIRouter(prefix="/connections", tags=["connections"])
Named = Annotated[str, Path(max_length=31, description="As agents have it: `crm`.")]
Word = Annotated[Text, Field(max_length=2000)]


class NewConnection(Sent):
    """What a connection should be. A secret that is left out stays as it is, where the same servers get it."""

    kind: Kind
    address: Word = Field(
        "", description="Of an API, a server or a database; of a mailbox its own, as `desk@shop.example`."
    )
    header: Word = Field("Authorization", description="In which a key is sent.")
    key: Word = Field("", description="The key, the password of a mailbox, the token of Slack or Twilio.")
    role: Word = Field("", description="Of a database: the role as which statements run.")
    person: Literal["", "id", "email"] = Field("", description="Of a database: whose rows are shown.")
    smtp: Word = Field(
        "", description="Of a mailbox: where it sends.", examples=["smtps://mail.shop.example"]
    )
    imap: Word = Field(
        "", description="Of a mailbox: where it reads.", examples=["imaps://mail.shop.example"]
    )
    user: Word = Field(
        "", description="Of a mailbox: as whom to sign in; empty: by its address. Of Twilio: the account."
    )
    trusts: Word = Field("", description="Of a mailbox: the mail host whose word on a sender counts.")
    sent: Literal["remit", "server"] = Field("remit", description="Of a mailbox: who keeps what is sent.")
    unsubscribe: Word = Field("", description="Of a mailbox: where readers of marketing leave.")
    signing: Word = Field("", description="Of Slack: the secret by which it signs events.")
    number: Word = Field("", description="Of Twilio: by which SMS are written.", examples=["+4915112345678"])
    whatsapp: Word = Field("", description="Of Twilio: the sender for WhatsApp.")
    callback: Word = Field(
        "", description="Of Twilio: where it tells this server what came in and what arrived."
    )
    rate: Word = Field(
        "",
        description="Of what sends: how fast, several with commas; `none` is as fast as it goes.",
        examples=["60/m, 1000/d"],
    )
    track: Word = Field(
        "",
        description="Of a mailbox: what is heard of marketing: `opens`, `clicks`; `service`: of all else too.",
    )
    leave: Word = Field("", description="Of Twilio: how marketing by SMS says that it ends.")


class ConnectionOut(BaseModel):
    """A connection, without its secrets."""

    name: str
    kind: Kind
    where: str = Field(description="The address, or the reference to it.")
    secrets: list[str] = Field(description="The references to its secrets.")
    by: str = Field(description="Who changed it last.")
    at: datetime
    healthy: bool | None = Field(
        description="As far as is known, by a trial or a run; null: nobody has tried."
    )
    tried: str = Field(description="What came of the last trial.")
    tried_at: datetime | None
    used_by: str = Field(description="The agent of which a run used it last.")
    used_run: UUID | None
    used_at: datetime | None
    went: str = Field(description="What went wrong when a run last used it.")
    pace: list[str] = Field(
        description="How fast it may send, how many wait for that, and whether its provider takes no more for now."
    )


class ConnectionPage(BaseModel):
    """All of them, by name."""

    connections: list[ConnectionOut]


class TrialOut(BaseModel):
    """What came of trying it."""

    works: bool
    words: str


@router.get("", summary="List connections", **documented("agents:read"))
async def list_connections(app: Served, caller: Looks) -> ConnectionPage:
    """What agents of the workspace may be connected to, and whether it works."""
    require_whole(caller)
    return ConnectionPage(
        connections=[await _out(app, row) for row in await kept.list_connections(app.store)]
    )


@router.get("/{name}", summary="See a connection", **documented("agents:read", 404))
async def get_connection(app: Served, caller: Looks, name: Named) -> ConnectionOut:
    """Whether it works, and who used it last."""
    require_whole(caller)
    return await _out(app, await kept.connection_of(app.store, name))


@router.put("/{name}", summary="Set a connection", **documented("connections:write"))
async def set_connection(app: Served, caller: Connects, name: Named, wanted: NewConnection) -> ConnectionOut:
    """In place of the one of that name, if there is one. Runs that have begun keep what they began with. An MCP server's tools
    are read and pinned on its page. What lies in the server's own network, and databases, take the scope `settings:write`."""
    require_whole(caller)
    try:
        await keep(app.store, Form(name, **wanted.model_dump()), caller.who, _within(caller))
    except FieldError as error:
        raise at(f"/{error.field}", str(error)) from error
    return await _out(app, await kept.connection_of(app.store, name))


@router.post("/{name}/try", summary="Try a connection", **documented("connections:write", 404))
async def try_connection(app: Served, caller: Connects, name: Named) -> TrialOut:
    """Reach the system as a run would: sign in, and change or send nothing."""
    require_whole(caller)
    row = await kept.connection_of(app.store, name)
    trial = await try_out(app, name, row.linked, _within(caller))
    return TrialOut(works=trial.works, words=trial.words)


@router.delete(
    "/{name}", status_code=204, summary="Remove a connection", **documented("connections:write", 404)
)
async def remove_connection(app: Served, caller: Connects, name: Named) -> None:
    """Runs that have begun keep it; new ones of agents that use it are refused."""
    require_whole(caller)
    await kept.remove_connection(app.store, name, caller.who)


def _within(caller: Caller) -> bool:
    return "settings:write" in caller.scopes


async def _out(app: App, row: Row) -> ConnectionOut:
    linked = row.linked
    same = ("name", "by", "at", "healthy", "tried", "tried_at", "used_by", "used_run", "used_at", "went")
    told = {name: getattr(row, name) for name in same}
    told["pace"] = [one.words for one in await paces_of(app.root.store, app.store.workspace, row)]
    return ConnectionOut(kind=linked.kind, where=linked.where, secrets=linked.names, **told)
