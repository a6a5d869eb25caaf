"""Files handed to a model."""

from __future__ import annotations

from pathlib import Path

import pytest

from remit.errors import UserError
from remit.models import material
from remit.models.material import read_file, read_image

PNG = b"\x89PNG\r\n\x1a\n" + b"rest"


def pdf(text: str) -> bytes:
    """A PDF of one page with that text."""
    stream = f"BT /F1 12 Tf 50 700 Td ({text}) Tj ET".encode() if text else b""
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    made, offsets = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        offsets.append(len(made))
        made += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    start = len(made)
    made += b"xref\n0 6\n0000000000 65535 f \n" + table
    return made + b"trailer << /Size 6 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF" % start


def test_text_is_read_without_its_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"\xef\xbb\xbfname;\xc3\xa9")
    assert (read_file(path).name, read_file(path).text) == ("a.csv", "name;é")


@pytest.mark.parametrize("data", [b"\xff\xfe\x00x", b"PK\x03\x04\x00\x00", PNG])
def test_what_is_no_text_is_refused_with_what_would_do(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(data)
    with pytest.raises(UserError, match=r"a\.bin: not .*Give text, CSV, Markdown or PDF"):
        read_file(path)


def test_what_cannot_be_read_or_is_too_large_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="No such file"):
        read_file(tmp_path / "gone")
    with pytest.raises(UserError, match="cannot be read"):
        read_file(tmp_path)
    monkeypatch.setattr(material, "MAX_TEXT", 3)
    (tmp_path / "long").write_text("long")
    with pytest.raises(UserError, match="larger than"):
        read_file(tmp_path / "long")


def test_the_text_of_a_pdf_is_read(tmp_path: Path) -> None:
    pytest.importorskip("pypdf")
    path = tmp_path / "a.pdf"
    path.write_bytes(pdf("Invoice 17"))
    assert read_file(path).text.strip() == "Invoice 17"


@pytest.mark.parametrize(
    ("data", "says"), [(b"%PDF-1.4\ngarbage", "cannot be read"), (pdf(""), "holds no text")]
)
def test_a_pdf_without_text_or_sense_is_explained(tmp_path: Path, data: bytes, says: str) -> None:
    pytest.importorskip("pypdf")
    path = tmp_path / "a.pdf"
    path.write_bytes(data)
    with pytest.raises(UserError, match=says):
        read_file(path)


@pytest.mark.parametrize(
    ("data", "media"),
    [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF89a", "image/gif"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
    ],
)
def test_an_image_is_known_by_its_first_bytes(tmp_path: Path, data: bytes, media: str) -> None:
    path = tmp_path / "wrong.txt"
    path.write_bytes(data)
    assert read_image(path).media_type == media


def test_what_is_no_image_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"RIFF    WAVE")
    with pytest.raises(UserError, match="not a PNG, JPEG, GIF or WebP"):
        read_image(path)
