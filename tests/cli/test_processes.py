"""Commands as processes: Ctrl-C, a worker and those who follow its work, SIGTERM."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import pytest

from remit.settings import Settings
from tests.cli.typed import DONE, data, remit, script, spec

ROOT = Path(__file__).parents[2]
LONG = 30.0  # seconds after which something has gone wrong
HOLD = {"tool": "hold", "args": {}}


def mark(text: str) -> Any:
    return {"tool": "mark", "args": {"text": text}}


class Scene:
    """A folder with an agent, its script, what it has marked, and the pipe that holds it up."""

    def __init__(self, folder: Path, here: Settings) -> None:
        self.folder, self.started = folder, list[subprocess.Popen[str]]()
        self.marks, self.pipe = folder / "marks", folder / "pipe"
        self.marks.touch()
        os.mkfifo(self.pipe)
        self.environment = {
            **os.environ,
            "REMIT_DATABASE_URL": str(here.database_url),
            "REMIT_DATA_DIR": str(here.data_dir),
            "REMIT_USER": "olga",
            "REMIT_TEST_MARKS": str(self.marks),
            "REMIT_TEST_PIPE": str(self.pipe),
            "PYTHONPATH": str(ROOT),
        }

    def goal(self, *turns: Any) -> list[str]:
        """What stands behind `remit run` for a run of these turns."""
        rules = [{"tool": ["mark", "hold"], "allow": "true"}]
        agent = spec(self.folder, tools=["tests.cli.slow"], rules=rules)
        return ["go", "--agent", agent, "--model", script(self.folder, *turns)]

    def start(self, *words: str) -> subprocess.Popen[str]:
        code = "from remit.cli.main import main; main()"
        process = subprocess.Popen(
            [sys.executable, "-c", code, *words],
            env=self.environment,
            cwd=self.folder,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.started.append(process)
        return process

    def reach_hold(self) -> IO[str]:
        """Blocks until a tool is held; closing what this returns lets it go."""
        return self.pipe.open("w")


@pytest.fixture
def scene(tmp_path: Path, here: Settings) -> Iterator[Scene]:
    made = Scene(tmp_path, here)
    yield made
    for process in made.started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def read_until(stream: IO[str] | None, words: str) -> str:
    """Everything up to the line that holds `words`; blocks until it comes."""
    assert stream is not None
    seen = ""
    for line in stream:
        seen += line
        if words in line:
            return seen
    raise AssertionError(f"{words!r} never came:\n{seen}")


def until(true: Callable[[], bool]) -> None:
    """Look again and again; each look asks the database."""
    end = time.monotonic() + LONG
    while not true():
        assert time.monotonic() < end, "it never came to be"


def test_ctrl_c_pauses_at_the_next_event_and_resume_goes_on_and_repeats_nothing(scene: Scene) -> None:
    process = scene.start("run", *scene.goal(mark("one"), HOLD, mark("two"), DONE))
    held = scene.reach_hold()
    process.send_signal(signal.SIGINT)
    assert "remit resume" in read_until(process.stderr, "Ctrl-C again leaves at once")
    until(lambda: bool(data("show")["status"] == "paused"))
    held.close()
    out, _ = process.communicate(timeout=LONG)
    assert process.returncode == 3
    assert "did hold ok" in out  # what was running is not broken off
    assert "status  paused" in out
    assert "next: remit resume" in out
    assert scene.marks.read_text() == "one\n"

    again = scene.start("resume", "last")
    out, _ = again.communicate(timeout=LONG)
    assert again.returncode == 0
    assert "It is done." in out
    assert scene.marks.read_text() == "one\ntwo\n"


def test_a_second_ctrl_c_leaves_at_once_and_resume_goes_on(scene: Scene) -> None:
    process = scene.start("run", *scene.goal(mark("one"), HOLD, mark("two"), DONE))
    with scene.reach_hold():
        process.send_signal(signal.SIGINT)
        read_until(process.stderr, "Ctrl-C again")
        until(lambda: bool(data("show")["status"] == "paused"))
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=LONG)  # with the tool still held
        assert process.returncode == 130
        assert "Traceback" not in said
    again = scene.start("resume", "last", "--quiet")
    scene.reach_hold().close()
    out, _ = again.communicate(timeout=LONG)
    assert again.returncode == 0
    assert "It is done." in out
    assert scene.marks.read_text() == "one\ntwo\n"


def test_a_worker_takes_up_what_is_detached_and_watch_follows_it_to_its_end(scene: Scene) -> None:
    worker = scene.start("worker", "--name", "w1", "--concurrency", "4")
    read_until(worker.stderr, "w1 advances up to 4 runs at once")
    run = data("run", *scene.goal(mark("one"), HOLD, DONE), "--detach")["run"]
    watching = scene.start("watch", run)
    read_until(watching.stdout, "thought hold")
    scene.reach_hold().close()
    out, _ = watching.communicate(timeout=LONG)
    assert watching.returncode == 0
    assert "It is done." in out
    worker.send_signal(signal.SIGTERM)
    _, said = worker.communicate(timeout=LONG)
    assert worker.returncode == 0
    assert "Traceback" not in said
    assert scene.marks.read_text() == "one\n"
    assert "0 alive" in remit("doctor").stdout


def test_ctrl_c_on_watch_stops_only_the_watching(scene: Scene) -> None:
    worker = scene.start("worker")
    read_until(worker.stderr, "Ctrl-C stops it")
    run = data("run", *scene.goal(HOLD, mark("one"), DONE), "--detach")["run"]
    held = scene.reach_hold()
    watching = scene.start("watch", run)
    read_until(watching.stdout, "thought hold")
    watching.send_signal(signal.SIGINT)
    _, said = watching.communicate(timeout=LONG)
    assert (watching.returncode, said) == (130, "")
    held.close()
    assert remit("watch", run).exit_code == 0
    assert scene.marks.read_text() == "one\n"


def test_a_worker_told_to_stop_finishes_what_it_is_doing(scene: Scene) -> None:
    worker = scene.start("worker")
    read_until(worker.stderr, "Ctrl-C stops it")
    run = data("run", *scene.goal(HOLD, mark("one"), DONE), "--detach")["run"]
    held = scene.reach_hold()
    worker.send_signal(signal.SIGTERM)
    held.close()
    worker.communicate(timeout=LONG)
    assert worker.returncode == 0
    assert data("resume", run)["report"] == "It is done."  # it may have come that far already
    assert scene.marks.read_text() == "one\n"


def test_an_approval_left_to_a_worker_is_carried_out_there(scene: Scene) -> None:
    words = scene.goal(mark("one"), DONE)
    spec(scene.folder, tools=["tests.cli.slow"], rules=[{"tool": "mark", "ask": "true"}])
    run = data("run", *words)["run"]
    assert data("approve", run, "--later")["status"] == "running"
    assert scene.marks.read_text() == ""
    worker = scene.start("worker")
    assert remit("watch", run).exit_code == 0
    assert scene.marks.read_text() == "one\n"
    worker.send_signal(signal.SIGINT)
    worker.communicate(timeout=LONG)
    assert worker.returncode == 0
