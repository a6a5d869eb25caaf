"""People by what is true of them, named."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from remit.client.parts import Part, Several, W, Want, call, each, get, none, post, way
from remit.client.results import FoundPerson, Segment, SegmentSize
from remit.client.steps import Send

Json = Any


class Segments(Part[W]):
    """By name. Who is in one is asked of the graph each time."""

    @call
    def list(self) -> Want[Several[Segment]]:
        """By name."""
        return get(each(Segment, "segments"), "segments")

    @call
    def get(self, name: str) -> Want[Segment]:
        """With how many they are now."""
        return get(Segment.of, "segments", name)

    @call
    def set(self, name: str, segment: Mapping[str, Json], *, note: str = "") -> Want[Segment]:
        """In place of the one of that name: `match` and `conditions`."""
        body = {"segment": dict(segment), "note": note}
        return Want(Send("PUT", way("segments", name), {}, body, harmless=True), Segment.of)

    @call
    def remove(self, name: str) -> Want[None]:
        """With how many they were; nobody who is in it."""
        return Want(Send("DELETE", way("segments", name), {}, harmless=True), none)

    @call
    def count(self, segment: Mapping[str, Json]) -> Want[SegmentSize]:
        """How many they would be; nothing is saved."""
        body = {"segment": dict(segment)}
        return post(SegmentSize.of, "segments", "count", body=body, harmless=True)

    @call
    def people(self, name: str, *, after: int = 0, limit: int = 50) -> Want[Several[FoundPerson]]:
        """Who is in it now, by number, after the person of that number."""
        return get(each(FoundPerson, "people"), "segments", name, "people", after=after, limit=limit)
