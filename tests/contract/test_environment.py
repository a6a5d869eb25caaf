"""`make demo` and `make test` set themselves up once, on whatever Python there is."""

from __future__ import annotations

import importlib.util
import shutil
import sys
import venv
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """scripts/environment.py, for a checkout in tmp_path."""
    spec = importlib.util.spec_from_file_location("environment", ROOT / "scripts" / "environment.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "x"\n')
    monkeypatch.setattr(module, "ROOT", str(tmp_path))
    monkeypatch.setattr(module, "VENV", str(tmp_path / ".venv"))
    monkeypatch.setattr(module, "browser", lambda: None)
    return module


def interpreter(path: Path, script: str) -> str:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with pip, made once: it takes seconds."""
    folder = tmp_path_factory.mktemp("made") / ".venv"
    venv.create(folder, with_pip=True)
    return folder


@pytest.fixture
def quick(environment: ModuleType, made: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """As `environment`, with its virtual environment copied instead of made."""

    def create(python: str, version: tuple[int, int]) -> None:
        shutil.copytree(made, environment.VENV, symlinks=True)

    monkeypatch.setattr(environment, "create", create)
    return environment


def installs_nothing(environment: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Record what would be installed instead of downloading it."""
    done: list[str] = []
    monkeypatch.setattr(environment, "install", done.append)
    return done


def test_a_second_run_does_nothing(quick: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = installs_nothing(quick, monkeypatch)
    quick.main("test")
    quick.main("test")
    quick.main("demo")  # what tests need covers what the demo needs
    assert installed == ["local,dev"]


def test_a_changed_pyproject_is_installed_again_into_the_same_environment(
    quick: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    installed = installs_nothing(quick, monkeypatch)
    quick.main("demo")
    kept = tmp_path / ".venv" / "kept"
    kept.touch()
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "y"\n')
    quick.main("demo")
    assert installed == ["local", "local"]
    assert kept.exists()


def test_an_install_that_failed_is_tried_again(quick: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(extras: str) -> None:
        raise quick.Unusable("no network")

    with monkeypatch.context() as broken:
        broken.setattr(quick, "install", fail)
        with pytest.raises(quick.Unusable):
            quick.main("demo")
    installed = installs_nothing(quick, monkeypatch)
    quick.main("demo")
    assert installed == ["local"]


def test_a_python_without_ensurepip_borrows_pip(environment: ModuleType, tmp_path: Path) -> None:
    python = sys._base_executable  # type: ignore[attr-defined]
    script = f'case "$*" in *--without-pip*) ;; *"-m venv"*) exit 1;; esac\nexec {python} "$@"'
    bare = interpreter(tmp_path / "bare", script)
    ran: list[list[str]] = []
    really = environment.works

    def works(command: list[str]) -> bool:
        ran.append(command)
        if "--python" in command:  # the one step that needs the network
            return True
        return "--version" in command or bool(really(command))

    environment.works = works
    environment.create(bare, (3, 11))
    assert [bare, "-m", "pip", "--python", str(tmp_path / ".venv" / "bin" / "python")] in [c[:5] for c in ran]
    assert (tmp_path / ".venv" / "bin" / "python").exists()


def test_a_python_that_can_make_no_environment_says_what_to_install(
    environment: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(environment.Unusable, match="apt install python3-venv"):
        environment.create(interpreter(tmp_path / "broken", "exit 1"), (3, 11))


def test_a_python_that_is_too_old_is_passed_over_for_a_newer_one(
    environment: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    old = interpreter(folder / "python3", "echo 3 9")
    new = interpreter(folder / "python3.12", "echo 3 12")
    monkeypatch.setattr(environment.sys, "executable", old)
    monkeypatch.setenv("PATH", str(folder))
    assert environment.interpreter() == (new, (3, 12))
    Path(new).unlink()
    with pytest.raises(environment.Unusable, match=r"Python 3\.11 or later is needed"):
        environment.interpreter()
