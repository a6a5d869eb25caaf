"""Files that a person hands to a model: as text, or as an image."""

from __future__ import annotations

from pathlib import Path

from remit.errors import UserError
from remit.models.generate import File
from remit.models.model import Image

MAX_TEXT = 20_000_000  # bytes; some five million tokens
MAX_IMAGE = 20_000_000
_SIGNATURES = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg", b"GIF8": "image/gif"}


def read_file(path: Path) -> File:
    """Text, CSV, Markdown, code (UTF-8), or the text of a PDF. Raises UserError for anything else."""
    data = _read(path, MAX_TEXT)
    if data.startswith(b"%PDF-"):
        return File(path.name, _pdf(path))
    return File(path.name, decode(data, str(path)))


def decode(data: bytes, where: str) -> str:
    """UTF-8 text. Raises UserError for what is none."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{where}: not UTF-8 text (byte {error.start}). {_ADVICE}") from error
    if "\0" in text:
        raise UserError(f"{where}: not text. {_ADVICE}")
    return text


_ADVICE = "Give text, CSV, Markdown or PDF; an image goes with --image."


def read_image(path: Path) -> Image:
    """A PNG, JPEG, GIF or WebP. Raises UserError for anything else."""
    data = _read(path, MAX_IMAGE)
    media = media_type(data)
    if media is None:
        raise UserError(f"{path}: not a PNG, JPEG, GIF or WebP image")
    return Image(data, media)


def media_type(data: bytes) -> str | None:
    """What kind of image the bytes begin like."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((media for start, media in _SIGNATURES.items() if data.startswith(start)), None)


def _read(path: Path, limit: int) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error
    if len(data) > limit:
        raise UserError(f"{path}: larger than {limit // 1_000_000} MB; give the part that matters")
    return data


def _pdf(path: Path) -> str:
    try:
        from pypdf import PdfReader
        from pypdf.errors import PyPdfError
    except ImportError as error:
        raise UserError(f"{path}: reading PDF needs a library. pip install pypdf") from error
    try:
        text = "\n\n".join(page.extract_text() for page in PdfReader(path).pages)
    except (PyPdfError, ValueError, KeyError, OSError) as error:
        raise UserError(f"{path}: this PDF cannot be read: {error}") from error
    if not text.strip():
        raise UserError(f"{path}: this PDF holds no text, perhaps scanned pages; give them with --image")
    return text
