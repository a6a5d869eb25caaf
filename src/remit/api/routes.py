"""How a server finds what answers: routers put together, and applications below a path."""

from __future__ import annotations

import re

from fastapi import APIRouter
from starlette.routing import BaseRoute, Mount
from starlette.types import ASGIApp


def routes_of(*routers: APIRouter) -> list[BaseRoute]:
    """Their routes, in this order, to be added to those of any number of servers: FastAPI works out anew for each server what
    its routes take and answer, which is a quarter of a second for all of ours, and the same for each. An operation is called
    as its function is."""
    together = APIRouter(generate_unique_id_function=lambda route: route.name)
    for router in routers:
        together.include_router(router)
    return together.routes


class Below(Mount):
    """An application with all that is below a path, also where a line ends in it (%0A), which Starlette's own leaves to others."""

    def __init__(self, path: str, app: ASGIApp) -> None:
        super().__init__(path, app)
        self.path_regex = re.compile(self.path_regex.pattern, re.DOTALL)
