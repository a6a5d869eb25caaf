from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from remit.errors import ToolFault, UnknownName, UserError
from remit.tools import registry
from remit.tools.registry import Registry, build, installed, resolve


def module(name: str, source: str) -> ModuleType:
    made = ModuleType(name)
    exec(f"from remit.tools import tool\n{source}", vars(made))
    return made


@pytest.fixture
def two() -> Registry:
    source = "@tool\ndef {0}_read() -> None: ...\n@tool\ndef {0}_write() -> None: ...\nTOOLS = ({0}_read, {0}_write)"
    return build({name: module(name, source.format(name)) for name in ("shop", "mail")})


def names(spec: list[str], known: Registry) -> list[str]:
    return [tool.name for tool in resolve(spec, known)]


def test_a_spec_names_tools_and_families_in_its_order_each_once(two: Registry) -> None:
    assert names(["mail_write", "mail.*", "shop"], two) == [
        "mail_write",
        "mail_read",
        "shop_read",
        "shop_write",
    ]
    assert names(["*"], two) == list(two)
    assert names([], two) == []


@pytest.mark.parametrize(
    ("wrong", "near"),
    [("mail_raed", "'mail_read'"), ("shp.*", "'shop.*'"), ("no.such.module", "Known"), ("a b.c", "Known")],
)
def test_an_unknown_name_is_answered_with_the_nearest(two: Registry, wrong: str, near: str) -> None:
    with pytest.raises(UnknownName, match=near.replace(".", r"\.").replace("*", r"\*")):
        resolve([wrong], two)


def test_a_dotted_path_brings_a_third_partys_tools(
    two: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "theirs.py").write_text(
        "from remit.tools import tool\n@tool(name='greet')\ndef hello() -> str: ...\nTOOLS = (hello,)\n"
    )
    (tmp_path / "clash.py").write_text(
        "from remit.tools import tool\n@tool\ndef greet() -> str: ...\nTOOLS = (greet,)\n"
    )
    (tmp_path / "bare.py").write_text("")
    (tmp_path / "needy.py").write_text("import not_installed_anywhere\n")
    (tmp_path / "torn.py").write_text("def (\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert names(["theirs"] if "theirs" in two else ["theirs:hello"], two) == ["greet"]
    assert names(["theirs:greet"], two) == ["greet"]
    with pytest.raises(UnknownName, match="theirs:hello"):
        resolve(["theirs:helo"], two)
    with pytest.raises(UserError, match="second tool called 'greet'"):
        resolve(["theirs:greet", "clash:greet"], two)
    with pytest.raises(ToolFault, match="bare has no TOOLS"):
        resolve(["bare:"], two)
    with pytest.raises(UserError, match="needs the package 'not_installed_anywhere'"):
        resolve(["needy:x"], two)
    with pytest.raises(UserError, match="does not import"):
        resolve(["torn:x"], two)


def test_a_package_adds_a_family_by_its_entry_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / "weather-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: weather\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[remit.tools]\nweather = weather_tools\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ToolFault, match="package 'weather' do not load"):
        registry.installed.__wrapped__()
    (tmp_path / "weather_tools.py").write_text(
        "from remit.tools import tool\n@tool(effect='read')\ndef weather_now() -> str: ...\nTOOLS = (weather_now,)\n"
    )
    known = registry.installed.__wrapped__()
    assert names(["weather.*"], known) == ["weather_now"]


def test_two_tools_of_one_name_are_refused(two: Registry) -> None:
    source = "@tool\ndef same() -> None: ...\nTOOLS = (same,)"
    with pytest.raises(ToolFault, match="two tools are called 'same'"):
        build({"a": module("a", source), "b": module("b", source)})
    with pytest.raises(ToolFault, match="no TOOLS"):
        build({"a": module("a", "")})


def test_the_families_declare_what_they_do() -> None:
    known = installed()
    assert {"files", "sql", "http", "sheet", "python"} <= set(known.families)
    effects = {tool.name: tool.effect for tool in known.values()}
    assert (effects["sql_query"], effects["sql_execute"], effects["sql_schema"]) == (
        "read",
        "destroy",
        "read",
    )
    assert (effects["http_get"], effects["http_request"]) == ("egress", "destroy")
    assert (effects["files_read"], effects["files_write"]) == ("read", "self")
    assert effects["python_run"] == "read"
    for name, tool in known.items():
        assert tool.description
        for argument in tool.schema["properties"].values():
            assert argument.get("description"), tool.name
        sends = ("mail_send", "mail_reply", "slack_post", "slack_reply", "chat_reply")
        ours = name in ("wait", *sends, "sms_send", "sms_reply", "whatsapp_send", "whatsapp_reply")
        assert tool.integrity == ("system" if ours else "untrusted")


def test_listing_the_tools_loads_no_heavy_library() -> None:
    code = (
        "import sys; from remit.tools.registry import installed; installed();"
        "print([m for m in ('sqlalchemy','openpyxl','httpx','pydantic_monty','psycopg') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"
