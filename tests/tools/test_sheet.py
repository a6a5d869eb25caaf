from __future__ import annotations

import csv
import io
import zipfile
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook

from remit.tools import Tool, ToolContext, tables
from remit.tools.call import call
from remit.tools.sheet import sheet_describe, sheet_read, sheet_write


async def done(tool: Tool, context: ToolContext, **args: Any) -> Any:
    outcome = await call(tool, context, args)
    assert outcome.status == "ok", outcome.result
    return outcome.result


async def mended(tool: Tool, context: ToolContext, **args: Any) -> str:
    outcome = await call(tool, context, args)
    assert outcome.status == "mend", outcome
    return str(outcome.result)


def put(context: ToolContext, name: str, data: bytes) -> None:
    context.root.mkdir(parents=True, exist_ok=True)
    (context.root / name).write_bytes(data)


@pytest.fixture
def book(context: ToolContext) -> ToolContext:
    made = Workbook()
    page = made.active
    assert page is not None
    page.title = "Sales"
    page.append(["day", "item", "price", "paid", None])
    page.append([date(2026, 1, 2), "tea", 2.5, True, None])
    page.append([datetime(2026, 1, 3, 4, 5), "milk", 3, False, "note"])
    page.append([])
    page.append([None, "=1+1", None, None])
    made.create_sheet("Empty")
    out = io.BytesIO()
    made.save(out)
    put(context, "sales.xlsx", out.getvalue())
    return context


async def test_a_workbook_is_read_with_its_types(book: ToolContext) -> None:
    answer = await done(sheet_read, book, path="sales.xlsx")
    assert answer["sheets"] == ["Sales", "Empty"]
    assert answer["columns"] == ["day", "item", "price", "paid"]
    assert answer["rows"][0] == ["2026-01-02", "tea", 2.5, True]
    assert answer["rows"][1] == ["2026-01-03T04:05:00", "milk", 3, False, "note"]
    assert answer["next"] is None
    assert (await done(sheet_read, book, path="sales.xlsx", sheet="Empty"))["rows"] == []
    assert "it has: Sales, Empty" in await mended(sheet_read, book, path="sales.xlsx", sheet="Sale")


async def test_pages_of_rows_join_to_all(context: ToolContext) -> None:
    await done(sheet_write, context, path="n.csv", rows=[[n] for n in range(25)], columns=["n"])
    rows: list[Any] = []
    offset = 0
    while offset is not None:
        page = await done(sheet_read, context, path="n.csv", offset=offset, limit=10)
        rows, offset = rows + page["rows"], page["next"]
    assert rows == [[n] for n in range(25)]


@pytest.mark.parametrize(
    ("data", "row"),
    [
        (b"a,b\n1,x\n", [1, "x"]),
        ("\ufeffa;b\r\n1;Käse\r\n".encode(), [1, "Käse"]),
        ("a\tb\n1\tx\n".encode("utf-16"), [1, "x"]),
        (b"a|b\n1|x\n", [1, "x"]),
        (b'a,b\n1,"x, ""y""\nz"\n', [1, 'x, "y"\nz']),
        (b"a,b\n1,K\xe4se\n", [1, "K\ufffdse"]),
        (b"a,b\n007,1e5\n", ["007", "1e5"]),
        (b"a,b\n-1.50,2026-02-30\n", [-1.5, "2026-02-30"]),
        (b"a,b\n2026-02-03,+4\n", ["2026-02-03", "+4"]),
        (b"a,b\n1,x\0y\n", [1, "x\u2400y"]),
    ],
)
async def test_a_csv_of_any_habit_is_read(context: ToolContext, data: bytes, row: list[Any]) -> None:
    put(context, "t.csv", data)
    answer = await done(sheet_read, context, path="t.csv")
    assert (answer["columns"], answer["rows"]) == (["a", "b"], [row])


@pytest.mark.parametrize("name", ["t.csv", "t.xlsx"])
async def test_what_is_written_is_read_back(context: ToolContext, name: str) -> None:
    rows = [{"item": "tea", "price": 2.5, "paid": True}, {"item": "Käse", "price": 3}]
    written = await done(sheet_write, context, path=name, rows=rows)
    assert (written["rows"], written["columns"]) == (2, ["item", "price", "paid"])
    answer = await done(sheet_read, context, path=name)
    assert answer["columns"] == ["item", "price", "paid"]
    assert answer["rows"] == [["tea", 2.5, True if name == "t.xlsx" else "true"], ["Käse", 3]]


DANGEROUS = [
    "=1+1",
    "+cmd|' /C calc'!A0",
    "-2+3",
    "@SUM(A1)",
    "\t=1+1",
    "\r=1",
    '=HYPERLINK("http://x")',
    "＝1+1",
]


@pytest.mark.parametrize("text", DANGEROUS)
async def test_nothing_that_is_written_is_computed_when_opened(context: ToolContext, text: str) -> None:
    await done(sheet_write, context, path="t.csv", rows=[[text, "-12.5", "+4", -3]])
    await done(sheet_write, context, path="t.xlsx", rows=[[text, "-12.5"]])
    with (context.root / "t.csv").open(encoding="utf-8-sig", newline="") as file:
        assert next(csv.reader(file)) == [f"'{text}", "-12.5", "+4", "-3"]
    page = load_workbook(context.root / "t.xlsx").active
    assert page is not None
    cell = page.cell(1, 1)
    assert cell.data_type == "s"
    assert cell.quotePrefix
    xml = zipfile.ZipFile(context.root / "t.xlsx").read("xl/worksheets/sheet1.xml").decode()
    assert "<f>" not in xml


cells = st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.text(max_size=20)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.lists(cells, min_size=1, max_size=4), max_size=5))
async def test_whatever_the_cells_a_file_is_written_that_opens_and_computes_nothing(
    context: ToolContext, rows: list[list[Any]]
) -> None:
    for name in ("t.csv", "t.xlsx"):
        await done(sheet_write, context, path=name, rows=rows)
        await done(sheet_read, context, path=name, header=False)
    page = load_workbook(context.root / "t.xlsx").active
    assert page is not None
    assert all(cell.data_type != "f" for row in page.iter_rows() for cell in row)
    with (context.root / "t.csv").open(encoding="utf-8-sig", newline="") as file:
        assert all(tables.harmless(cell) for row in csv.reader(file) for cell in row)


async def test_a_description_counts_and_sums(book: ToolContext) -> None:
    answer = await done(sheet_describe, book, path="sales.xlsx")
    assert answer["rows"] == 2  # the formula was never computed, so its row is empty
    by_name = {column["name"]: column for column in answer["columns"]}
    price = by_name["price"]
    assert (price["type"], price["filled"], price["min"], price["max"], price["sum"]) == (
        "number",
        2,
        2.5,
        3,
        5.5,
    )
    assert (by_name["day"]["type"], by_name["day"]["min"]) == ("date", "2026-01-02")
    assert (by_name["paid"]["type"], by_name["item"]["type"]) == ("boolean", "text")
    assert by_name["E"]["filled"] == 1


async def test_many_rows_are_described_without_holding_them(context: ToolContext) -> None:
    put(context, "n.csv", b"n,t\n" + b"".join(b"%d,0.1\n" % n for n in range(30_000)))
    answer = await done(sheet_describe, context, path="n.csv")
    n, t = answer["columns"]
    assert (n["sum"], n["min"], n["max"], n["distinct"]) == (449985000, 0, 29999, "more than 1000")
    assert t["sum"] == 3000.0


def bomb() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("[Content_Types].xml", b"<Types/>")
        with packed.open("xl/worksheets/sheet1.xml", "w") as part:
            for _ in range(320):
                part.write(b" " * 1_000_000)
    return out.getvalue()


def entities() -> bytes:
    """A workbook whose only text is the billion laughs."""
    made, out = Workbook(), io.BytesIO()
    made.active["A1"] = "x"  # type: ignore[index]
    made.save(out)
    packed, changed = zipfile.ZipFile(out), io.BytesIO()
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    with zipfile.ZipFile(changed, "w") as target:
        for name in packed.namelist():
            data = packed.read(name)
            if name == "xl/worksheets/sheet1.xml":
                data = f"<!DOCTYPE s [<!ENTITY l0 'ha'>{laughs}]>".encode() + data.replace(b">x<", b">&l9;<")
                assert b"&l9;<" in data
            target.writestr(name, data)
    return changed.getvalue()


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("t.xlsx", b"not a zip", "not an xlsx workbook"),
        ("t.xlsx", b"", "not an xlsx workbook"),
        ("t.xlsx", bomb, "unpacks to"),
        ("t.xlsx", entities, "damaged"),
        ("t.pdf", b"%PDF", "must end in .xlsx or .csv"),
        ("t.csv", b"a\n" + b"x" * 200_000, "not a csv file"),
    ],
)
async def test_a_file_that_is_not_what_it_says_is_answered(
    context: ToolContext, name: str, data: Any, said: str
) -> None:
    put(context, name, data() if callable(data) else data)
    for reads in (sheet_read, sheet_describe):
        assert said in await mended(reads, context, path=name)


async def test_a_workbook_cut_anywhere_is_answered(book: ToolContext) -> None:
    whole = (book.root / "sales.xlsx").read_bytes()
    for end in range(0, len(whole), 97):
        put(book, "cut.xlsx", whole[:end])
        await mended(sheet_read, book, path="cut.xlsx")
    for at in range(0, len(whole), 53):
        put(book, "torn.xlsx", whole[:at] + b"\0\xff\0" + whole[at + 3 :])
        outcome = await call(sheet_read, book, {"path": "torn.xlsx"})
        assert outcome.status in ("ok", "mend"), outcome


async def test_rows_that_do_not_fit_are_answered(context: ToolContext, tmp_path: Path) -> None:
    assert "all as objects" in await mended(sheet_write, context, path="t.csv", rows=[[1], {"a": 1}])
    assert "not one of the columns" in await mended(
        sheet_write, context, path="t.csv", rows=[{"b": 1}], columns=["a"]
    )
    assert "500 are the limit" in await mended(sheet_write, context, path="t.csv", rows=[[1] * 501])
    assert "more than 32,767" in await mended(sheet_write, context, path="t.csv", rows=[["x" * 40_000]])
    assert "sheet:" in await mended(sheet_write, context, path="t.xlsx", rows=[[1]], sheet="a/b")
    assert "leads out" in await mended(sheet_write, context, path="../t.csv", rows=[[1]])
    assert not (tmp_path / "t.csv").exists()
