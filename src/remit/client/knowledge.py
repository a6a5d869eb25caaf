"""What agents may look up: sources, and the documents in them."""

from __future__ import annotations

from remit.client.parts import Part, Several, W, Want, asked_for, call, each, get, given, none, way
from remit.client.results import Confidentiality, DocumentText, KnowledgeDocument, KnowledgeSource, Passage
from remit.client.steps import Send


class Knowledge(Part[W]):
    """Sources by name, documents by their name within a source, as `returns/late.md`."""

    @call
    def list(self) -> Want[Several[KnowledgeSource]]:
        """All sources, by name."""
        return get(each(KnowledgeSource, "sources"), "knowledge")

    @call
    def add(
        self,
        name: str,
        *,
        title: str = "",
        about: str = "",
        confidentiality: Confidentiality = "workspace",
        language: str = "english",
        vouched: bool = False,
    ) -> Want[KnowledgeSource]:
        """A source without documents. `vouched`: what stands in it is so; else it is read as strangers' words."""
        body = _said(title, about, confidentiality, language, vouched) | {"name": name}
        return Want(Send("POST", way("knowledge"), {}, body), KnowledgeSource.of)

    @call
    def change(
        self,
        name: str,
        *,
        title: str = "",
        about: str = "",
        confidentiality: Confidentiality = "workspace",
        language: str = "english",
        vouched: bool = False,
    ) -> Want[KnowledgeSource]:
        """All that is said of a source, in place of what was."""
        body = _said(title, about, confidentiality, language, vouched)
        return Want(Send("PUT", way("knowledge", name), {}, body, harmless=True), KnowledgeSource.of)

    @call
    def remove(self, name: str) -> Want[None]:
        """A source with all its documents, at once."""
        return Want(Send("DELETE", way("knowledge", name), {}, harmless=True), none)

    @call
    def documents(self, name: str, *, after: str = "", limit: int = 100) -> Want[Several[KnowledgeDocument]]:
        """Of a source, by name: those after one, some at a time."""
        return get(
            each(KnowledgeDocument, "documents"), "knowledge", name, "documents", after=after, limit=limit
        )

    @call
    def put(self, name: str, document: str, content: str, *, base64: bool = False) -> Want[KnowledgeDocument]:
        """Keep a document in place of the one of its name; its kind is told by the end of that. `base64`: that is what the
        content is, as of a PDF."""
        body, asked = given({"content": content, "base64": base64}), asked_for({"document": document})
        return Want(
            Send("PUT", way("knowledge", name, "documents"), asked, body, harmless=True), KnowledgeDocument.of
        )

    @call
    def forget(self, name: str, document: str) -> Want[None]:
        """Remove a document with its passages, at once."""
        asked = asked_for({"document": document})
        return Want(Send("DELETE", way("knowledge", name, "documents"), asked, harmless=True), none)

    @call
    def read(self, name: str, document: str, *, start: int = 0) -> Want[DocumentText]:
        """A part of a document's text; `next` is where the next begins."""
        return get(DocumentText.of, "knowledge", name, "text", document=document, start=start)

    @call
    def search(self, name: str, question: str, *, limit: int = 5) -> Want[Several[Passage]]:
        """The best passages of a source, as agents find them."""
        return get(each(Passage, "passages"), "knowledge", name, "search", question=question, limit=limit)


def _said(
    title: str, about: str, confidentiality: Confidentiality, language: str, vouched: bool
) -> dict[str, object]:
    """Of a source, as its body has it."""
    said = {"title": title, "about": about, "confidentiality": confidentiality, "language": language}
    return given({**said, "vouched": vouched})
