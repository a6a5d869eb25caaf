from __future__ import annotations

import base64
import os
import stat
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pydantic import SecretStr

from remit.errors import UnknownName, UserError
from remit.settings import Settings
from remit.store.secrets import (
    bound_to,
    key_of,
    list_secrets,
    remove_secret,
    seal,
    sealed_secrets,
    set_secret,
    unseal,
)
from remit.store.store import Store

VALUE = "canary-0815"


async def opened(store: Store, name: str) -> str:
    return unseal(key_of(store.settings), name, (await sealed_secrets(store, [name]))[name])


async def test_a_secret_is_kept_sealed_and_opens_with_the_key(store: Store, database_url: str) -> None:
    await set_secret(store, "CRM", VALUE, "ann")
    assert await opened(store, "CRM") == VALUE
    async with await psycopg.AsyncConnection.connect(database_url) as connection:
        row: Any = await (await connection.execute("select sealed from secrets")).fetchone()
    assert VALUE.encode() not in row[0]
    key = store.settings.data_dir / "secret.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert [path.name for path in store.settings.data_dir.iterdir() if "secret" in path.name] == [
        "secret.key"
    ]


async def test_setting_it_again_replaces_it_and_removing_it_ends_it(store: Store) -> None:
    await set_secret(store, "CRM", VALUE, "ann")
    await set_secret(store, "CRM", "another-one", "bob")
    assert await opened(store, "CRM") == "another-one"
    assert [(one.name, one.by, one.readable) for one in await list_secrets(store)] == [("CRM", "bob", True)]
    await remove_secret(store, "CRM", "ann")
    assert await list_secrets(store) == []
    with pytest.raises(UnknownName):
        await remove_secret(store, "CRM", "ann")


async def test_a_sealed_value_under_another_name_or_changed_does_not_open(store: Store) -> None:
    key = key_of(store.settings, make=True)
    sealed = seal(key, "A", VALUE)
    assert unseal(key, "A", sealed) == VALUE
    with pytest.raises(UserError, match="damaged, or is not the one"):
        unseal(key, "B", sealed)
    with pytest.raises(UserError, match="damaged"):
        unseal(key, "A", sealed[:-1] + bytes([sealed[-1] ^ 1]))
    with pytest.raises(UserError, match="another key"):
        unseal(os.urandom(32), "A", sealed)


async def test_another_machine_without_the_key_says_what_to_bring(store: Store, tmp_path: Path) -> None:
    await set_secret(store, "CRM", VALUE, "ann")
    with pytest.raises(UserError, match=r"no key for secrets on this machine.*REMIT_SECRET_KEY"):
        key_of(Settings(data_dir=tmp_path / "elsewhere"))
    (store.settings.data_dir / "secret.key").unlink()
    key_of(store.settings, make=True)
    assert [one.readable for one in await list_secrets(store)] == [False]


def test_a_key_from_the_environment_is_used_and_a_wrong_one_refused(tmp_path: Path) -> None:
    raw = os.urandom(32)
    given = Settings(data_dir=tmp_path, secret_key=SecretStr(base64.b64encode(raw).decode()))
    assert key_of(given, make=True) == raw
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(UserError, match="REMIT_SECRET_KEY is no key"):
        key_of(Settings(data_dir=tmp_path, secret_key=SecretStr("hunter2")))


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    key = key_of(settings, make=True)
    assert key_of(settings, make=True) == key
    (tmp_path / "secret.key").chmod(0o644)
    with pytest.raises(UserError, match="chmod 600"):
        key_of(settings)


@pytest.mark.parametrize("name", ["", "1A", "A B", "A:B", "ä", "A" * 65])
async def test_a_name_that_could_not_be_referred_to_is_refused(store: Store, name: str) -> None:
    with pytest.raises(UserError, match="no name for a secret"):
        await set_secret(store, name, VALUE, "ann")


@pytest.mark.parametrize("value", ["", "12345", "a\0bcdefg", "x" * 64_001])
async def test_a_value_that_could_not_be_hidden_is_refused(store: Store, value: str) -> None:
    with pytest.raises(UserError, match="could not be"):
        await set_secret(store, "A", value, "ann")


async def test_secrets_of_workspaces_do_not_mix_and_open_in_no_other(store: Store) -> None:
    a, b = store.within("a"), store.within("b")
    await set_secret(a, "PAY", "of workspace a", "ann")
    await set_secret(b, "PAY", "of workspace b", "bo")
    await set_secret(store, "PAY", "of the first one", "cy")
    for name, given in (("a", "of workspace a"), ("b", "of workspace b"), ("default", "of the first one")):
        sealed = (await sealed_secrets(store.as_owner(name), ["PAY"]))["PAY"]
        assert unseal(key_of(store.settings), bound_to(name, "PAY"), sealed) == given
        assert name == "default" or await sealed_secrets(store.within(name), ["PAY"]) == {"PAY": sealed}
    taken = (await sealed_secrets(a, ["PAY"]))["PAY"]
    with pytest.raises(UserError, match="damaged"):  # by whoever can write to the table
        unseal(key_of(store.settings), bound_to("b", "PAY"), taken)
    await remove_secret(a, "PAY", "ann")
    assert [one.by for one in await list_secrets(b)] == ["bo"]
    assert await list_secrets(a) == []
