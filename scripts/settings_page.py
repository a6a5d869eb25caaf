"""Write docs/settings.md: every variable of the environment that Remit reads, as settings.py describes them.

`python scripts/settings_page.py` writes it; `tests/contract/test_settings_page.py` holds it to what settings.py says.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from remit.settings import Settings

PAGE = Path(__file__).resolve().parents[1] / "docs/settings.md"
TOP = """# Settings

Every variable of the environment that Remit reads; `remit doctor` shows what holds. Lists and mappings are JSON. This page is made from
`settings.py` by `python scripts/settings_page.py`.

| variable | what | without it |
|---|---|---|
"""
BESIDE = """
Read beside these, as they are about who asks and not about what runs:

| variable | what | without it |
|---|---|---|
"""
OTHERS = {
    "REMIT_USER": (
        "Who you are at the command line: approvals and changes are in this name.",
        "the login name",
    ),
    "REMIT_URL": ("Where the Python client finds Remit.", "`http://127.0.0.1:7700`"),
    "REMIT_TOKEN": ("By which token it comes; `remit tokens add` makes one.", "it must be given"),
    "REMIT_AIRLINE_URL": ("The database of the library's airline.", "one that is made for it"),
}
END = """
Keys of model providers are in the variables that their own libraries read, as `OPENAI_API_KEY`; [secrets](secrets.md) that are named
`env:NAME` are read from the variable of that name.
"""


def made() -> str:
    rows = "".join(_row(f"REMIT_{name.upper()}", *_told(one)) for name, one in Settings.model_fields.items())
    return TOP + rows + BESIDE + "".join(_row(name, *told) for name, told in OTHERS.items()) + END


def _row(name: str, what: str, without: str) -> str:
    return f"| `{name}` | {what.replace('|', chr(92) + '|')} | {without} |\n"


def _told(field: FieldInfo) -> tuple[str, str]:
    what, _, unset = (field.description or "").partition("; unset: ")
    if unset:
        return f"{what}.", unset.rstrip(".")
    if isinstance(value := field.get_default(), Path) or field.default_factory not in (None, dict):
        return what, "the system's usual place"
    return what, _written(value if value is not PydanticUndefined else {})


def _written(value: Any) -> str:
    if value is None or value in ((), {}):
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return f"{value:,g}" if value < 1e6 else str(value)
    return f"`{value}`"


if __name__ == "__main__":
    PAGE.write_text(made(), encoding="utf-8")
