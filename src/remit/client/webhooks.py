"""Who is told over HTTP of what happens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from remit.client.parts import Pages, Part, Several, W, Want, call, each, get, none, pages, post, stream, way
from remit.client.results import Delivery, Webhook
from remit.client.runs import Id
from remit.client.steps import Send


class Webhooks(Part[W]):
    """Who is told of what happens; messages that come are checked by `remit.client.verify`."""

    @call
    def create(self, url: str, events: Sequence[str], agents: Sequence[str] = ()) -> Want[Webhook]:
        """The answer's `secret` is shown this once."""
        body = {"url": url, "events": [*events], "agents": [*agents]}
        return post(Webhook.of, "webhooks", body=body)

    @call
    def get(self, webhook: Id) -> Want[Webhook]:
        """Of what it is told, and whether that arrives."""
        return get(Webhook.of, "webhooks", webhook)

    @call
    def disable(self, webhook: Id) -> Want[Webhook]:
        """What happens from now on it is never told; what is due waits."""
        return post(Webhook.of, "webhooks", webhook, "disable", harmless=True)

    @call
    def enable(self, webhook: Id) -> Want[Webhook]:
        """It is told again, from now on, and of what was due."""
        return post(Webhook.of, "webhooks", webhook, "enable", harmless=True)

    @call
    def rotate(self, webhook: Id) -> Want[str]:
        """A new secret, shown this once; for a day messages are signed with both."""
        return post(lambda found: str(found["secret"]), "webhooks", webhook, "rotate")

    @call
    def test(self, webhook: Id) -> Want[Delivery]:
        """Send a message now, and say how that went."""
        return post(Delivery.of, "webhooks", webhook, "test")

    @stream
    def deliveries(
        self, webhook: Id, state: Literal["", "due", "done", "dead"] = "", *, page: int = 100
    ) -> Pages[Delivery]:
        """What it was told, the newest first."""
        return pages(Delivery.of, "deliveries", "webhooks", webhook, "deliveries", state=state, limit=page)

    @call
    def resend(self, webhook: Id, delivery: Id) -> Want[Delivery]:
        """Send a message again, now."""
        return post(Delivery.of, "webhooks", webhook, "deliveries", delivery, "resend")

    @call
    def remove(self, webhook: Id) -> Want[None]:
        """It is told nothing any more."""
        return Want(Send("DELETE", way("webhooks", webhook), harmless=True), none)

    @call
    def list(self) -> Want[Several[Webhook]]:
        """The oldest first."""
        return get(each(Webhook, "webhooks"), "webhooks")
