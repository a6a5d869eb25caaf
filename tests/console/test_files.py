"""Files in the browser: they come with a run that is begun there, whole or not at all, and are taken along from its page by who may
see it."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from remit import brought
from remit.agents.context import opening
from remit.agents.spec import Agent
from remit.app import App
from remit.brought import STALE, Limits, folder_of, safe_name
from remit.console import uploads
from remit.errors import UserError
from remit.journal.index import list_runs
from remit.testing import ScriptedModel
from tests.agents.test_loop import call, finish
from tests.console.conftest import SignIn
from tests.console.test_runs import text
from tests.console.test_start import desk, first, typed

__all__ = ["desk"]
SALES = ("sales.csv", b"month,amount\n1,2\n", "text/csv")
Part = tuple[str, tuple[str, bytes, str]]


def parts(*files: tuple[str, bytes, str]) -> list[Part]:
    return [("files", one) for one in files]


async def sent(browser: httpx.AsyncClient, *files: tuple[str, bytes, str], **more: Any) -> httpx.Response:
    return await browser.post("/runs/new", data=await typed(browser, **more), files=parts(*files))


def lies(app: App) -> list[str]:
    """All that lies in the data folder of runs, and of those that never began."""
    home = app.settings.data_dir
    return sorted(str(one.relative_to(home)) for one in (home / "runs").rglob("*") if one.is_file())


async def test_files_come_with_a_run_and_lie_in_its_folder_before_it_begins(
    app: App, browser: httpx.AsyncClient, desk: str
) -> None:
    answer = await sent(browser, SALES, ("Bericht \u00e4.txt", b"", "text/plain"))
    body = await first(app, answer)
    assert [(one.name, one.bytes) for one in body.files] == [("sales.csv", 17), ("Bericht ä.txt", 0)]
    assert body.inputs == {}
    run = answer.headers["location"].removeprefix("/runs/")
    assert lies(app) == [f"runs/{run}/Bericht ä.txt", f"runs/{run}/sales.csv"]
    assert (folder_of(app.settings.data_dir, UUID(run)) / "sales.csv").read_bytes() == SALES[1]
    assert 'Files in your folder: ["sales.csv","Bericht ä.txt"]' in opening(body, "")
    assert "sales.csv" not in opening(body, "", veiled=True)
    page = await text(browser, f"/runs/{run}")
    assert "Came with it" in page
    assert "17 bytes" in page


async def test_a_form_without_files_sends_one_without_a_name_and_begins_a_run_without_any(
    app: App, browser: httpx.AsyncClient, desk: str
) -> None:
    body = await first(app, await sent(browser, ("", b"", "application/octet-stream")))
    assert (body.agent, body.files, lies(app)) == (desk, [], [])


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("../../etc/passwd", "is a path"),
        ("..", "no name"),
        (" ", "no name"),
        ("C:\\fake\\x.txt", "is a path"),
        ("/etc/passwd", "is a path"),
        ("x\u202etxt.exe", "U+202E"),
        ("x\u3164.txt", "nobody sees"),
        ("a\u0007b", "U+0007"),
        ("a\nb", "U+000A"),
        ("a\udc80", "U+DC80"),
        ("x" * 201, "too long"),
        (".0.part", "while they are written"),
    ],
    ids=["up", "dots", "none", "windows", "root", "turned", "filler", "bell", "line", "half", "long", "part"],
)
def test_a_name_that_leads_elsewhere_or_hides_something_is_none(name: str, says: str) -> None:
    with pytest.raises(UserError, match=re.escape(says)):
        safe_name(name)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("../../etc/passwd", "is a path"),
        ("..", "no name"),
        ("x\u202etxt.exe", "U+202E"),
        (".0.part", "written"),
    ],
    ids=["up", "dots", "turned", "part"],
)
async def test_such_a_name_is_refused_at_its_field_and_what_was_typed_stays(
    app: App, browser: httpx.AsyncClient, desk: str, name: str, says: str
) -> None:
    answer = await sent(browser, SALES, (name, b"x", "text/plain"), goal="keep this goal")
    assert answer.status_code == 422, answer.headers
    assert 'id="wrong-files"' in answer.text
    assert says in answer.text
    assert "keep this goal</textarea>" in answer.text
    assert "Choose the files again" in answer.text
    assert "\u202e" not in answer.text
    assert (await list_runs(app.store, agent=desk), lies(app)) == ([], [])


def test_names_are_kept_in_one_code_with_plain_spaces() -> None:
    assert safe_name(" Bildschirmfoto 9.41\u202fAM a\u0308.png ") == "Bildschirmfoto 9.41 AM ä.png"
    assert safe_name(".env") == ".env"


@pytest.mark.parametrize(
    ("limits", "files", "says"),
    [
        (
            Limits(1, 100, 100),
            (SALES, ("b", b"", "")),
            "2 files are too many: up to 1 files, 100 bytes together",
        ),
        (Limits(9, 16, 100), (SALES,), "sales.csv is too large: up to 9 files, 16 bytes each"),
        (Limits(9, 20, 33), (SALES, ("b", SALES[1], "")), "too large together"),
        (Limits(9, 20, 40), (SALES, ("SALES.csv", b"", "")), "one name"),
        (Limits(9, 20, 40), (SALES, SALES), "one name"),
    ],
    ids=["many", "large", "together", "case", "twice"],
)
async def test_too_much_is_said_at_the_field_and_nothing_of_it_is_kept(
    app: App,
    browser: httpx.AsyncClient,
    desk: str,
    monkeypatch: pytest.MonkeyPatch,
    limits: Limits,
    files: tuple[tuple[str, bytes, str], ...],
    says: str,
) -> None:
    monkeypatch.setattr(uploads, "FROM_A_BROWSER", limits)
    answer = await sent(browser, *files)
    assert answer.status_code == 422
    assert says in answer.text
    assert (await list_runs(app.store, agent=desk), lies(app)) == ([], [])


async def test_what_is_beyond_any_limit_is_not_even_read(browser: httpx.AsyncClient) -> None:
    form = {"content-type": "multipart/form-data; boundary=x", "content-length": "400000000"}
    assert (await browser.post("/runs/new", content=b"", headers=form)).status_code == 413
    plain = {"content-type": "application/x-www-form-urlencoded", "content-length": "90000000"}
    assert (await browser.post("/runs/new", content=b"", headers=plain)).status_code == 413
    elsewhere = form | {"content-length": "90000000"}
    assert (await browser.post("/policy/edit", content=b"", headers=elsewhere)).status_code == 413


async def test_a_form_with_files_begins_one_run_however_often_it_is_sent(
    app: App, browser: httpx.AsyncClient, desk: str
) -> None:
    form = await typed(browser)
    answers = [await browser.post("/runs/new", data=form, files=parts(SALES)) for _ in range(3)]
    (where,) = {answer.headers["location"] for answer in answers}
    run = where.removeprefix("/runs/")
    other = await browser.post("/runs/new", data=form, files=parts(("sales.csv", b"month,amount\n1,3\n", "")))
    assert other.status_code == 422
    assert "begun a run already" in other.text
    assert lies(app) == [f"runs/{run}/sales.csv"]
    assert (folder_of(app.settings.data_dir, UUID(run)) / "sales.csv").read_bytes() == SALES[1]
    assert len(await list_runs(app.store, agent=desk)) == 1


async def test_what_the_run_did_to_a_file_is_not_undone_by_the_form_sent_again(
    app: App, browser: httpx.AsyncClient, desk: str
) -> None:
    form = await typed(browser)
    answer = await browser.post("/runs/new", data=form, files=parts(SALES))
    root = folder_of(app.settings.data_dir, UUID(answer.headers["location"].removeprefix("/runs/")))
    (root / "sales.csv").write_text("changed")
    await browser.post("/runs/new", data=form, files=parts(SALES))
    assert (root / "sales.csv").read_text() == "changed"


async def test_a_crash_before_the_run_begins_leaves_files_that_the_form_sent_again_takes_up(
    app: App, browser: httpx.AsyncClient, desk: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    form = await typed(browser)

    async def dies(*_: Any, **__: Any) -> None:
        raise RuntimeError("the power is gone")

    with monkeypatch.context() as broken:
        broken.setattr(type(app.journal), "append", dies)
        with pytest.raises(RuntimeError):
            await browser.post("/runs/new", data=form, files=parts(SALES))
    assert await list_runs(app.store, agent=desk) == []
    (left,) = [one for one in lies(app) if "/." not in one]
    answer = await browser.post("/runs/new", data=form, files=parts(SALES))
    assert left == f"runs/{answer.headers['location'].removeprefix('/runs/')}/sales.csv"


async def test_what_was_left_of_runs_that_never_began_is_swept_once_they_cannot_begin(
    app: App, browser: httpx.AsyncClient, browser_of: SignIn, desk: str
) -> None:
    home = app.settings.data_dir
    kept = (await sent(browser, SALES)).headers["location"].removeprefix("/runs/")
    never = uuid4()
    spec = Agent.model_validate({"name": "desk", "model": "scripted:desk"})
    theirs = await app.within("acme").start(spec, "go", model=ScriptedModel([finish()]))
    (home / "runs" / str(theirs)).mkdir()
    for mark, run in (
        ("a" * 32, str(never)),
        ("b" * 32, kept),
        ("e" * 32, str(theirs)),
        ("c" * 32, "../../x"),
        ("d" * 32, str(uuid4())),
    ):
        place = home / "runs" / ".arriving" / mark
        place.mkdir(parents=True)
        (place / "run").write_text(run)
        (home / "runs" / run).mkdir(exist_ok=True) if mark[0] in "ad" else None
        if mark[0] != "d":  # that one is under way
            os.utime(place, (0, os.stat(place).st_mtime - STALE - 60))
    (home / "runs" / str(never) / "half.txt").write_text("x")
    await sent(browser, SALES)
    assert [one.name for one in (home / "runs" / ".arriving").iterdir()] == ["d" * 32]
    assert not (home / "runs" / str(never)).exists()
    assert (home / "runs" / kept / "sales.csv").exists()
    assert (home / "runs" / str(theirs)).exists()


async def test_a_run_whose_files_are_on_another_machine_asks_instead_of_going_on_without(
    app: App, browser: httpx.AsyncClient, desk: str, tmp_path: Path
) -> None:
    run = UUID((await sent(browser, SALES)).headers["location"].removeprefix("/runs/"))
    root = folder_of(app.settings.data_dir, run)
    shutil.move(root, tmp_path / "away")
    state = await app.advance(run)
    assert state.status == "waiting"
    (asked,) = state.waits.values()
    assert "where it was begun" in asked.text
    assert (await app.advance(run)).seq == state.seq
    page = await text(browser, f"/runs/{run}")
    assert "not here any more" in page
    shutil.move(tmp_path / "away", root)
    await app.answer(run, "approve", "ann", "")
    assert (await app.advance(run)).finished is not None


@pytest.fixture
async def worked(app: App, browser: httpx.AsyncClient) -> str:
    """A run with files of its own, some of which are nothing to be taken along."""
    spec = Agent.model_validate({"name": "desk", "model": "scripted:desk", "tools": ["tests.agents.world"]})
    run = await app.start(spec, "go", model=ScriptedModel([call("charge", amount=1), finish()], by_turn=True))
    root = folder_of(app.settings.data_dir, run)
    (root / "out").mkdir(parents=True)
    (root / "out" / "<script>alert(1)<script>").write_text("<script>alert(3)</script>")
    (root / "a\u202eb.txt").write_text("x")
    (root / "page.html").write_text("<script>alert(3)</script>")
    (root / os.fsdecode(b"\xff.txt")).write_text("in no address")
    (root / "link").symlink_to("/etc/passwd")
    (root / "away").symlink_to(app.settings.data_dir)
    return str(run)


async def test_a_runs_page_lists_its_files_and_each_is_saved_and_never_shown(
    browser: httpx.AsyncClient, worked: str
) -> None:
    page = await text(browser, f"/runs/{worked}")
    assert "In its folder since" in page
    assert "<script>alert" not in page
    assert "\u202e" not in page
    assert "a&lt;U+202E&gt;b.txt" in page
    assert ">link</a>" not in page
    for path, name in (
        ("page.html", '"page.html"'),
        ("out/<script>alert(1)<script>", '"_script_alert_1__script_"'),
    ):
        answer = await browser.get(f"/runs/{worked}/file", params={"path": path})
        assert answer.status_code == 200
        assert answer.headers["content-disposition"].startswith(
            f"attachment; filename={name}; filename*=UTF-8''"
        )
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-length"] == str(len(answer.content))
        assert answer.text == "<script>alert(3)</script>"


@pytest.mark.parametrize(
    "path",
    [
        "",
        ".",
        "..",
        "../../remit.toml",
        "/etc/passwd",
        "link",
        "away/runs",
        "out",
        "none",
        "a\x00b",
        "x" * 300,
    ],
)
async def test_no_path_leads_out_of_a_runs_folder(browser: httpx.AsyncClient, worked: str, path: str) -> None:
    answer = await browser.get(f"/runs/{worked}/file", params={"path": path})
    assert answer.status_code == 404
    assert "root:" not in answer.text


async def test_who_does_not_see_a_run_has_none_of_its_files(
    app: App, browser: httpx.AsyncClient, browser_of: SignIn, stranger: httpx.AsyncClient
) -> None:
    spec = Agent.model_validate({"name": "desk", "model": "scripted:desk"})
    theirs = await app.within("acme").start(spec, "go", model=ScriptedModel([finish()]))
    root = folder_of(app.settings.data_dir, theirs)
    root.mkdir(parents=True)
    (root / "secret.txt").write_text("theirs")
    answer = await browser.get(f"/runs/{theirs}/file", params={"path": "secret.txt"})
    assert (answer.status_code, "theirs" in answer.text) == (404, False)
    viewer = await browser_of("vi", "viewer")
    assert (await viewer.post("/runs/new", data={}, files=parts(SALES))).status_code == 403
    viewer.cookies.clear()
    assert (await viewer.get(f"/runs/{theirs}/file", params={"path": "secret.txt"})).status_code == 303


async def test_a_page_lists_no_more_than_so_many(
    app: App, browser: httpx.AsyncClient, worked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("remit.console.pages.files.MOST", 2)
    page = await text(browser, f"/runs/{worked}")
    assert "It has more: the first 2 are listed." in page


def test_sizes_are_said_as_people_say_them() -> None:
    assert [brought.size(n) for n in (0, 1, 999, 1_000, 64_000_000, 1_250_000_000)] == [
        "0 bytes", "1 byte", "999 bytes", "1 kB", "64 MB", "1.2 GB",
    ]  # fmt: skip
