"""What agents may look up."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from remit.client.results.result import Result

Confidentiality = Literal["public", "workspace", "person", "secret"]


class KnowledgeSource(Result):
    """A source of documents, and how much is in it. `vouched_by` None: what stands in it is strangers' words."""

    name: str
    title: str
    about: str
    confidentiality: Confidentiality
    language: str
    by: str
    at: datetime
    vouched_by: str | None
    vouched_at: datetime | None
    documents: int
    size: int
    characters: int
    changed_at: datetime | None


class KnowledgeDocument(Result):
    """A document, without its text. `folder`: that it was synced from; empty: somebody added it."""

    name: str
    title: str
    kind: str
    sha256: str
    size: int
    characters: int
    folder: str
    by: str
    at: datetime


class DocumentText(Result):
    """A part of a document's text; `next`: where the next begins."""

    document: str
    title: str
    by: str
    heading: str
    starts: int
    text: str
    next: int | None
    characters: int


class Passage(Result):
    """A passage that was found; its score is to be compared within one answer only."""

    source: str
    document: str
    title: str
    by: str
    heading: str
    starts: int
    text: str
    score: float
