"""Keys of model providers that the workspace has. They are written and never read: no answer has one."""

from __future__ import annotations

import os
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field

from remit.api.guard import Looks, Served, Settles, documented, require_sure, require_whole
from remit.api.problems import Refused, at
from remit.api.schemas import Sent
from remit.errors import UnknownName, UserError
from remit.models.keys import KEYED, LONGEST, SHORTEST, KeptKey, list_keys, remove_key, set_key

router = APIRouter(prefix="/keys", tags=["keys"])
Provider = Annotated[str, Path(max_length=100, description=f"One of {', '.join(KEYED)}.")]


class NewKey(Sent):
    """A provider's key."""

    key: str = Field(
        description=f"{SHORTEST} to {LONGEST:,} letters, digits and signs, without a blank.",
        json_schema_extra={"writeOnly": True, "format": "password"},
    )


class KeyOut(BaseModel):
    """A key that is kept, without its value."""

    provider: str = Field(examples=["anthropic"])
    by: str = Field(description="Who set it.")
    set_at: datetime
    readable: bool = Field(
        description="false: it is sealed under another key than this machine's; set it again."
    )
    used: bool = Field(
        description="false: it is not readable, or the server's environment has one: that is used."
    )


class KeyPage(BaseModel):
    """All of them, by provider."""

    keys: list[KeyOut]


@router.get("", summary="List keys of model providers", **documented("agents:read"))
async def list_provider_keys(app: Served, caller: Looks) -> KeyPage:
    """Whose there are, who set them and when; not for a token of single agents."""
    require_whole(caller)
    return KeyPage(keys=[_out(one) for one in await list_keys(app.store)])


@router.put("/{provider}", summary="Set the key of a model provider", **documented("settings:write", 404))
async def set_provider_key(app: Served, caller: Settles, provider: Provider, wanted: NewKey) -> KeyOut:
    """In place of the one that is there. It is kept sealed, and used within two seconds for runs of this workspace only, where the
    server's environment has none."""
    require_sure(caller)
    try:
        made = await set_key(app.store, provider, wanted.key, caller.who)
    except UnknownName as error:
        raise Refused(404, str(error)) from error
    except UserError as error:
        raise at("/key", str(error)) from error
    app.keys.forget()
    return _out(made)


@router.delete(
    "/{provider}",
    status_code=204,
    summary="Remove the key of a model provider",
    **documented("settings:write", 404),
)
async def remove_provider_key(app: Served, caller: Settles, provider: Provider) -> None:
    """It is forgotten, and used no more within two seconds."""
    require_sure(caller)
    try:
        await remove_key(app.store, provider, caller.who)
    except UnknownName as error:
        raise Refused(404, str(error)) from error
    app.keys.forget()


def _out(kept: KeptKey) -> KeyOut:
    known = KEYED.get(kept.provider)  # None: this version knows the provider no more
    used = kept.readable and known is not None and not known.unlocked(os.environ)
    return KeyOut(provider=kept.provider, by=kept.by, set_at=kept.set_at, readable=kept.readable, used=used)
