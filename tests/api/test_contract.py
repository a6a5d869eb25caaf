"""The document is exact: whatever is sent, no answer is a fault of the server, and none is another than it says."""

from __future__ import annotations

import asyncio
import os
from typing import Any, cast
from uuid import uuid4

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import checks

from remit.access.roles import RIGHTS
from remit.api.server import describe, make_api
from remit.api.tokens import add_token
from remit.app import App
from remit.testing import ScriptedModel
from tests.agents.test_loop import call, finish
from tests.api.test_runs import SPEC
from tests.live import serving

DOCUMENT: dict[str, Any] = describe(make_api(cast(App, None)))
SCHEMA = schemathesis.openapi.from_dict(DOCUMENT)
OPERATIONS = [f"{method.upper()} {path}" for path, methods in DOCUMENT["paths"].items() for method in methods]
LONG = bool(os.environ.get("REMIT_CHAOS_LONG"))
HELD = (
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
)


async def three(app: App) -> list[str]:
    """A run that has ended, one that asks, and none."""
    app.models["scripted:test"] = ScriptedModel([call("send", to="x@y.example", text="hi")], by_turn=True)
    app.models["auto"] = ScriptedModel([finish()], by_turn=True)
    from remit.agents.spec import Agent

    ended, asking = [await app.start(Agent.model_validate(SPEC), "write to them") for _ in range(2)]
    await app.advance(asking)
    await app.cancel(ended, "ann")
    return [str(ended), str(asking), str(uuid4())]


@pytest.mark.parametrize("name", OPERATIONS)
async def test_whatever_is_sent_the_answer_is_one_that_the_document_has(app: App, name: str) -> None:
    method, path = name.split(" ")
    ended, asking, none = await three(app)
    runs = [ended, none] if path.endswith("/stream") else [ended, asking, none]  # one that goes on never ends
    _, secret = await add_token(app.store, "t", "ann", tuple(RIGHTS), None)

    def hold(base_url: str) -> None:
        @given(case=SCHEMA[path][method].as_strategy(), run=st.sampled_from(runs), real=st.booleans())
        @settings(
            max_examples=60 if LONG else 4,
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.explicit, Phase.generate],
        )
        def every(case: Any, run: str, real: bool) -> None:
            if "run" in case.path_parameters and (real or path.endswith("/stream")):
                case.path_parameters |= {"run": run}
            if "ask" in case.path_parameters and real:
                case.path_parameters |= {"ask": "a1.1"}
            answer = case.call(base_url=base_url, headers={"Authorization": f"Bearer {secret}"}, timeout=30)
            case.validate_response(answer, checks=HELD)

        every()

    async with serving(app) as url:
        await asyncio.to_thread(hold, f"{url}/api/v1")


def test_each_operation_says_what_it_is() -> None:
    for methods in DOCUMENT["paths"].values():
        for operation in methods.values():
            assert {"summary", "description", "operationId", "security", "tags"} <= operation.keys()
            assert {"401", "403", "422", "500", "503"} <= operation["responses"].keys()
            for status, answer in operation["responses"].items():
                if int(status) >= 400:
                    assert list(answer["content"]) == ["application/problem+json"]
    assert DOCUMENT["openapi"].startswith("3.1")
    assert {tag["name"] for tag in DOCUMENT["tags"]} >= {
        tag for methods in DOCUMENT["paths"].values() for one in methods.values() for tag in one["tags"]
    }
