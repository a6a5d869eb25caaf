"""Settings: what whoever runs the server has set, and where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from pydantic import SecretStr

from remit.api.catalog import without_password
from remit.console.show import here, needs, page, plain
from remit.settings import Settings
from remit.store.store import where

router = APIRouter()
DATABASES = ("database_url", "listen_url")  # of which only where they are is told


@dataclass(frozen=True, slots=True)
class Setting:
    """One of `Settings`, as it holds now."""

    variable: str
    what: str
    value: str
    chosen: bool  # by whoever runs the server; else it is what holds where nothing is said


@router.get("/settings/workspace", dependencies=[needs("settings:read")])
async def workspace(request: Request) -> HTMLResponse:
    return page(request, "workspace.html", settings=settled(here(request).settings))


def settled(settings: Settings) -> list[Setting]:
    """All settings, those that somebody chose first; no key and no password."""
    found = [
        Setting(
            f"REMIT_{name.upper()}",
            field.description or "",
            _said(name, getattr(settings, name)),
            name in settings.model_fields_set,
        )
        for name, field in type(settings).model_fields.items()
    ]
    return sorted(found, key=lambda one: not one.chosen)


def _said(name: str, value: Any) -> str:
    if value is None or value in ({}, ()):
        return "not set"
    if isinstance(value, SecretStr):
        return "set, and not shown"
    if name in DATABASES:
        return where(str(value))
    if name == "model":
        return ", ".join(without_password(part.strip()) for part in str(value).split(","))
    return plain(value) if isinstance(value, dict) else str(value)
