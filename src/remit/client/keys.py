"""Keys of model providers, which are written and never read."""

from __future__ import annotations

from remit.client.parts import Part, Several, W, Want, call, each, get, none, way
from remit.client.results import ModelKey
from remit.client.steps import Send


class Keys(Part[W]):
    """Of the workspace, by provider; used where the server's environment has none."""

    @call
    def set(self, provider: str, key: str) -> Want[ModelKey]:
        """In place of the one that is there."""
        return Want(Send("PUT", way("keys", provider), {}, {"key": key}, harmless=True), ModelKey.of)

    @call
    def remove(self, provider: str) -> Want[None]:
        """It is used no more."""
        return Want(Send("DELETE", way("keys", provider), harmless=True), none)

    @call
    def list(self) -> Want[Several[ModelKey]]:
        """Whose there are, without their values."""
        return get(each(ModelKey, "keys"), "keys")
