"""Beginning a run, once for an idempotency key, however often and by whatever broken line it is asked for."""

from __future__ import annotations

import hashlib
from base64 import b64decode
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from io import BytesIO
from typing import Any, BinaryIO
from uuid import UUID, uuid4

from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json

from remit.agents.load import literals, with_team
from remit.agents.spec import Agent, Rule
from remit.api.guard import Caller, require
from remit.api.problems import FieldError, Refused, at, pointer
from remit.api.schemas import Attached, Begin
from remit.app import App
from remit.brought import Batch, Limits, Unkept, arriving
from remit.catalogue.find import Found, find_named, finder, texts_of
from remit.catalogue.work import beyond_a_browser
from remit.dispatch import open_dispatch
from remit.errors import RemitError, StaleWriter, UserError
from remit.journal.events import Person
from remit.store.store import Store

OVER_HTTP = Limits(20, 10_000_000, 10_000_000)  # as schemas.Begin says it
KEPT = timedelta(days=1)  # an idempotency key
RULES: TypeAdapter[tuple[Rule, ...]] = TypeAdapter(tuple[Rule, ...])


async def begin(
    app: App, caller: Caller, wanted: Begin, key: str | None, files: Batch | None = None
) -> tuple[UUID, bool]:
    """The run that was wanted, and whether it is new. Workers advance it. `files`: in place of those in `wanted`. Raises
    Refused."""
    run, new = await begun(app, caller, wanted, key, files)
    await hand_to_workers(app, run, wanted.priority)
    return run, new


async def hand_to_workers(app: App, run: UUID, priority: int = 0) -> None:
    async with open_dispatch(app.root.store) as dispatch:
        await dispatch.enqueue(run, priority=priority)


async def begun(
    app: App, caller: Caller, wanted: Begin, key: str | None, files: Batch | None = None
) -> tuple[UUID, bool]:
    """As `begin`, and nobody is told of it yet: whoever wants to hear it from its beginning can listen first."""
    if wanted.files and files is None:
        async with _arriving(app, wanted.files) as batch:
            return await begun(app, caller, wanted, key, batch)
    agent, version = await agent_for(app, caller, wanted)
    run, new = uuid4(), True
    if key is not None:
        run = await _chosen(app.store, caller, key, _mark(wanted, files), run)
    try:
        await app.start(
            agent,
            wanted.goal,
            person=person_of(caller, wanted),
            inputs=wanted.inputs,
            quoted=wanted.quoted,
            run=run,
            version=version,
            files=files,
        )
    except StaleWriter:  # the key began it before, or another request with that key just now
        new = False
    except RemitError:
        if key is not None:
            await _release(app.store, caller, key, run)
        raise
    return run, new


def person_of(caller: Caller, wanted: Begin) -> Person:
    """For whom the run acts. That somebody else is meant is only the caller's word, unless it is trusted to know; and
    whoever begins a run is not one of two people who look at what it does."""
    if wanted.person is None:
        return Person(id=caller.who, name=caller.who, verified=True)
    verified = "persons:assert" in caller.scopes
    return Person(**wanted.person.model_dump(), verified=verified, by=caller.who)


async def agent_for(app: App, caller: Caller, wanted: Begin) -> tuple[Agent, int | None]:
    """The agent as it is wanted, and which version of it, where it is that as it stands. Raises Refused."""
    version: int | None = None
    trusted: list[Agent] = []
    if isinstance(wanted.agent, str):
        found = await named(app, wanted.agent)
        agent, version, trusted = found.agent, found.version, [found.agent]
    else:
        require(caller, "agents:write", "a spec of your own")
        agent = await spec_of(app, wanted.agent)
    changes: dict[str, Any] = {}
    if wanted.model is not None:
        require(caller, "agents:write", "another model than the agent's")
        changes["model"], version = wanted.model, None
    if wanted.shadow:
        changes["remit"] = agent.remit.model_copy(update={"autonomy": "shadow"})
    made = agent.model_copy(update=changes)
    if caller.in_browser:
        for wrong in beyond_a_browser(app, made, trusted):
            raise at(pointer(("body", "agent", *wrong.where)), wrong.what)
    return made, version


async def named(app: App, name: str) -> Found:
    """An agent of the workspace or the library; never a file, which a name on the command line may be. Raises Refused."""
    try:
        return await find_named(app.store, name)
    except UserError as error:
        raise at("/agent", str(error)) from error


async def spec_of(app: App, spec: dict[str, Any]) -> Agent:
    """Raises Refused with each part of the spec that cannot be used."""
    team = spec.get("team")
    names = [one for one in team if isinstance(one, str)] if isinstance(team, list) else []
    try:
        agent = Agent.model_validate(with_team(spec, "", finder(await texts_of(app.store, names))))
    except ValidationError as error:
        raise _unusable("the agent", ("body", "agent"), error) from error
    except UserError as error:
        raise at("/agent", str(error)) from error
    for loc, what, name in literals(agent):
        raise at(
            pointer(("body", "agent", *loc)),
            f"{what}, which each run's journal would keep: keep it with `remit secrets set {name}` and write secret:{name}",
        )
    return agent


def rules_of(rules: list[dict[str, Any]] | None) -> tuple[Rule, ...] | None:
    """Raises Refused with each part of the rules that cannot be used."""
    if rules is None:
        return None
    try:
        return RULES.validate_python(rules)
    except ValidationError as error:
        raise _unusable("the rules", ("body", "rules"), error) from error


def _unusable(what: str, where: tuple[str, ...], error: ValidationError) -> Refused:
    wrong = [
        FieldError(pointer=pointer((*where, *one["loc"])), detail=one["msg"]) for one in error.errors()[:20]
    ]
    return Refused(422, f"{what} cannot be used: {wrong[0].pointer}: {wrong[0].detail}", wrong)


@asynccontextmanager
async def _arriving(app: App, files: Sequence[Attached]) -> AsyncIterator[Batch | None]:
    """Raises Refused."""
    sent: list[tuple[str, BinaryIO]] = []
    for place, one in enumerate(files):
        try:
            sent.append((one.name, BytesIO(b64decode(one.content, validate=True))))
        except ValueError as error:
            raise at(f"/files/{place}/content", f"is no base64: {error}") from error
    try:
        async with arriving(app.settings.data_dir, app.root.store, sent, OVER_HTTP) as batch:
            yield batch
    except Unkept as error:
        raise at("/files", str(error)) from error


def _mark(wanted: Begin, files: Batch | None) -> bytes:
    """By which two requests are known to want the same."""
    said = to_json(wanted.model_dump(exclude={"files"}))
    came = b"" if files is None else to_json([one.model_dump() for one in files.files])
    return hashlib.sha256(said + came).digest()


async def _chosen(store: Store, caller: Caller, key: str, request: bytes, run: UUID) -> UUID:
    """The run of that key: the one that it began before or is beginning now, or `run` from now on. Raises Refused where it was
    used for something else."""
    put = """
        insert into begun as old (caller, key, request, run, expires_at)
        values (%(caller)s, %(key)s, %(request)s, %(run)s, clock_timestamp() + %(kept)s)
        on conflict (caller, key) do update set released = false, (request, run) = (
            select case when free then excluded.request else old.request end,
                   case when free then excluded.run else old.run end
            from (select old.released and old.request <> excluded.request
                         and not exists (select from runs where id = old.run)) as found (free))
        returning request, run
    """
    values = {"caller": caller.key, "key": key, "request": request, "run": run, "kept": KEPT}
    async with store.pool.connection() as connection:
        await connection.execute("delete from begun where expires_at < clock_timestamp()")
        row = await (await connection.execute(put, values)).fetchone()
    assert row is not None
    before, chosen = row
    if bytes(before) != request:
        raise Refused(
            409,
            f"the Idempotency-Key was used for another body, and began run {chosen}: send another key for another run",
            [FieldError(pointer="header:Idempotency-Key", detail="was used for another body")],
        )
    found: UUID = chosen
    return found


async def forget(store: Store, caller: Caller, key: str) -> None:
    """Let a key be for another run from now on."""
    async with store.pool.connection() as connection:
        await connection.execute("delete from begun where caller = %s and key = %s", (caller.key, key))


async def _release(store: Store, caller: Caller, key: str, run: UUID) -> None:
    """A key that began nothing may be used again, for what is mended. With the same body it stays with its run: another
    request with it may be beginning that one at this moment."""
    query = """
        update begun set released = true where caller = %s and key = %s and run = %s
        and not exists (select from runs where id = %s)
    """
    async with store.pool.connection() as connection:
        await connection.execute(query, (caller.key, key, run, run))
