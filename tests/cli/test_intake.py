"""`remit graph intake` and `remit graph sync`."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from tests.cli.typed import remit

pytestmark = pytest.mark.usefixtures("here")
WEBHOOK = "name: orders\nwebhook: standard\nrow: {kind: purchase, email: /customer/email}\n"
DATABASE = """
name: visits
database: shop
query: select * from visits
cursor: id
row: {id: /id, at: /at, kind: visit, email: /email}
"""


def test_an_intake_is_set_given_its_secret_paused_and_removed(tmp_path: Path) -> None:
    file = tmp_path / "orders.yaml"
    file.write_text(WEBHOOK)
    done = remit("graph", "intake", "set", str(file))
    assert "/hooks/default/orders" in done.stdout
    done = remit("graph", "intake", "secret", "orders", "--json")
    assert json.loads(done.stdout)["secret"].startswith("whsec_")
    given = remit("graph", "intake", "secret", "orders", "--given", input="whsec_" + "A" * 44 + "\n")
    assert given.stdout.strip() == "whsec_" + "A" * 44
    assert remit("graph", "intake", "pause", "orders").stdout == "orders: paused\n"
    assert remit("graph", "intake", "resume", "orders").stdout == "orders: on\n"
    (one,) = json.loads(remit("graph", "intake", "list", "--json").stdout)
    assert (one["name"], one["path"], one["taken"]) == ("orders", "/hooks/default/orders", 0)
    assert "orders" in remit("graph", "intake", "list").stdout
    refused = remit("graph", "sync", "orders")
    assert (refused.exit_code, "is a webhook" in refused.stderr) == (2, True)
    assert remit("graph", "intake", "rm", "orders").exit_code == 0
    assert "There is none" in remit("graph", "intake", "list").stdout
    missing = remit("graph", "intake", "rm", "orders")
    assert (missing.exit_code, "intake" in missing.stderr) == (2, True)


def test_a_database_is_read_at_once(tmp_path: Path) -> None:
    shop = tmp_path / "shop.db"
    with sqlite3.connect(shop) as connection:
        connection.execute("create table visits (id integer, at text, email text)")
        connection.execute("insert into visits values (1, '2026-05-01T10:00:00Z', 'ann@shop.example')")
        connection.execute("insert into visits values (2, 'yesterday', 'bo@shop.example')")
    (tmp_path / "visits.yaml").write_text(DATABASE)
    assert remit("connections", "add", "shop", "--sql", f"sqlite:///{shop}").exit_code == 0
    assert "remit graph sync visits" in remit("graph", "intake", "set", str(tmp_path / "visits.yaml")).stdout
    done = remit("graph", "sync")
    assert done.stdout == "visits: 1 taken in, 0 were there already, 1 set aside\n"
    assert json.loads(remit("graph", "sync", "visits", "--json").stdout)["visits"]["new"] == 0
    assert "ann@shop.example" in remit("graph", "search", "ann").stdout
