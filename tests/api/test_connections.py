"""Connections over the API: described, tried, removed, and their keys never answered."""

from __future__ import annotations

from tests.api.conftest import Client
from tests.channels.servers import PASSWORD, USER, mail_host


async def test_a_mailbox_is_set_tried_seen_and_removed_and_its_password_is_never_answered(
    client: Client,
) -> None:
    api = await client()
    async with mail_host() as host:
        wanted = {
            "kind": "mail",
            "address": USER,
            "smtp": f"smtp://localhost:{host.smtp}",
            "imap": f"imap://localhost:{host.imap}",
            "key": PASSWORD,
        }
        made = await api.put("/connections/desk", json=wanted)
        assert (made.status_code, made.json()["healthy"]) == (200, None)
        tried = await api.post("/connections/desk/try")
        assert tried.json()["works"], tried.json()
        (seen,) = (await api.get("/connections")).json()["connections"]
        assert (seen["name"], seen["where"], seen["secrets"]) == ("desk", USER, ["secret:desk.key"])
        assert seen["healthy"]
        assert PASSWORD not in made.text + tried.text + (await api.get("/connections/desk")).text
        assert host.taken == []
    assert (await api.delete("/connections/desk")).status_code == 204
    assert (await api.get("/connections/desk")).status_code == 404


async def test_what_cannot_be_a_connection_is_said_at_its_field(client: Client) -> None:
    api = await client()
    wrong = {"kind": "mail", "address": USER, "smtp": "mail.example", "key": PASSWORD}
    answer = await api.put("/connections/desk", json=wrong)
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["pointer"] == "/smtp"
    assert "smtps://mail.example" in error["detail"]
