"""Outside systems that agents may be connected to."""

from __future__ import annotations

from typing import Literal

from remit.client.parts import Part, Several, W, Want, call, each, get, none, post, way
from remit.client.results import Connection, ConnectionKind, Trial
from remit.client.steps import Send


class Connections(Part[W]):
    """By name; their keys are written, and never answered."""

    @call
    def list(self) -> Want[Several[Connection]]:
        """By name."""
        return get(each(Connection, "connections"), "connections")

    @call
    def get(self, name: str) -> Want[Connection]:
        """Whether it works, and who used it last."""
        return get(Connection.of, "connections", name)

    @call
    def set(
        self,
        name: str,
        kind: ConnectionKind,
        *,
        address: str = "",
        header: str = "Authorization",
        key: str = "",
        role: str = "",
        person: Literal["", "id", "email"] = "",
        smtp: str = "",
        imap: str = "",
        user: str = "",
        trusts: str = "",
        sent: Literal["remit", "server"] = "remit",
        unsubscribe: str = "",
        signing: str = "",
        number: str = "",
        whatsapp: str = "",
        callback: str = "",
        rate: str = "",
        track: str = "",
        leave: str = "",
    ) -> Want[Connection]:
        """In place of the one of that name. A secret that is left out stays, where the same servers get it."""
        body = {
            "kind": kind,
            "address": address,
            "header": header,
            "key": key,
            "role": role,
            "person": person,
        }
        body |= {"smtp": smtp, "imap": imap, "user": user, "trusts": trusts, "sent": sent}
        body |= {"unsubscribe": unsubscribe, "signing": signing}
        body |= {"number": number, "whatsapp": whatsapp, "callback": callback}
        body |= {"rate": rate, "track": track, "leave": leave}
        return Want(Send("PUT", way("connections", name), {}, body, harmless=True), Connection.of)

    @call
    def test(self, name: str) -> Want[Trial]:
        """Reach it as a run would; nothing is sent or changed there."""
        return post(Trial.of, "connections", name, "try", harmless=True)

    @call
    def remove(self, name: str) -> Want[None]:
        """Runs that have begun keep it."""
        return Want(Send("DELETE", way("connections", name), harmless=True), none)
