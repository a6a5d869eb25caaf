"""What each kind of file becomes, and what is not taken, with why."""

from __future__ import annotations

import io

import pytest

from remit.errors import UserError
from remit.knowledge import text as limits
from remit.knowledge.text import named, read


def test_markdown_stays_and_its_first_heading_is_its_title() -> None:
    found = read("a/returns.md", "\ufeffIntro\r\n\r\n# Our returns #\r\ntext   \r\n".encode())
    assert (found.title, found.headed, found.text) == (
        "Our returns",
        True,
        "Intro\n\n# Our returns #\ntext\n",
    )


def test_a_page_loses_its_scripts_and_keeps_its_headings() -> None:
    page = b"<html><head><title>T</title><script>evil()</script></head><body><h1>Fees</h1><p>A &amp; B</p><h2>Late</h2>x</body>"
    found = read("fees.html", page)
    assert found.title == "Fees"
    assert found.text == "# Fees\n\nA & B\n\n## Late\nx"


def test_a_row_of_a_table_reads_alone() -> None:
    found = read("prices.csv", b'item,price,note\nboots,20.00,\nhat,5,"red,\n blue",more\n')
    assert found.text == "item: boots; price: 20.00\n\nitem: hat; price: 5; note: red, blue; more\n\n"
    assert read("prices.csv", b"a;b\n1,5;2\n").text == "a: 1,5; b: 2\n\n"
    assert read("prices.tsv", b"a\tb\n1\t2\n").text == "a: 1; b: 2\n\n"


def test_a_pdf_has_its_text_and_its_pages() -> None:
    found = read("contract.pdf", pdf("Notice is three months", "Second page"))
    assert "Notice is three months" in found.text
    assert found.text[found.pages[1] :].startswith("Second page")
    assert found.title == "contract"


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("a.exe", b"x", "cannot be read; text (.txt), Markdown"),
        ("a", b"x", "cannot be read"),
        ("a.txt", b"\xff\x00x", "no UTF-8 text"),
        ("a.txt", b"a\x00b", "is no text"),
        ("a.txt", b" \n", "no text in it"),
        ("a.html", b"<script>x</script>", "no text in it"),
        ("a.csv", b"only,a,header\n", "no text in it"),
        ("a.pdf", b"%PDF-1.4 broken", "this PDF cannot be read"),
    ],
)
def test_what_is_no_document_is_told_why(name: str, data: bytes, says: str) -> None:
    with pytest.raises(UserError, match=r".+") as raised:
        read(name, data)
    assert str(raised.value).startswith(f"{name}:")
    assert says in str(raised.value)


def test_what_is_too_large_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "LARGEST", 10)
    with pytest.raises(UserError, match="part it"):
        read("a.txt", b"x" * 11)
    monkeypatch.setattr(limits, "LARGEST", 1_000)
    monkeypatch.setattr(limits, "LONGEST", 10)
    with pytest.raises(UserError, match="11 characters"):
        read("a.txt", b"x" * 11)


@pytest.mark.parametrize(
    "name", ["", "..", "a/../b.md", "/", "a\u202eb.md", "x" * 201, "a\x00.md", "a\ud800.md"]
)
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(UserError):
        named(name)


def test_a_name_is_a_path_within_the_source() -> None:
    assert named("/a//b\\c.md") == "a/b/c.md"


def pdf(*pages: str) -> bytes:
    """A PDF with a line of text a page."""
    from pypdf import PdfWriter
    from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

    writer = PdfWriter()
    for words in pages:
        page = writer.add_blank_page(200, 200)
        font = DictionaryObject({NameObject("/Type"): NameObject("/Font"), NameObject("/Subtype"): NameObject("/Type1"),
                                 NameObject("/BaseFont"): NameObject("/Helvetica")})  # fmt: skip
        page[NameObject("/Resources")] = DictionaryObject(
            {NameObject("/Font"): DictionaryObject({NameObject("/F1"): font})}
        )
        stream = DecodedStreamObject()
        stream.set_data(f"BT /F1 12 Tf 10 100 Td ({words}) Tj ET".encode())
        page[NameObject("/Contents")] = writer._add_object(stream)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()
