"""Make .venv and install Remit in it, once.

Runs on whatever `python3` the machine has, with its standard library only; so the syntax is that of Python
3.6, and a newer interpreter is looked for where this one is too old. A stamp in .venv keyed on pyproject.toml
lets the next call return at once.
"""

import hashlib
import os
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(ROOT, ".venv")
OLDEST = (3, 11)
EXTRAS = {"demo": "local", "test": "local,dev"}
COVERS = {"demo": ("demo", "test"), "test": ("test",)}  # whose stamp is enough for whom


class Unusable(Exception):
    """The machine lacks something; the message says what to install."""


def say(text):
    sys.stdout.write("remit: " + text + "\n")
    sys.stdout.flush()


def version_of(python):
    """(major, minor) of an interpreter, or None where it does not run."""
    try:
        out = subprocess.check_output(
            [python, "-c", "import sys; print(*sys.version_info[:2])"], stderr=subprocess.DEVNULL
        )
        major, minor = out.decode().split()
    except (OSError, subprocess.CalledProcessError, ValueError):
        return None
    return int(major), int(minor)


def interpreter():
    """The first Python that is new enough: the one that runs this, else one on the PATH."""
    names = ["python3.13", "python3.12", "python3.11", "python3.14", "python3"]
    for python in [sys.executable] + [path for path in map(shutil.which, names) if path]:
        version = version_of(python)
        if version and version >= OLDEST:
            return python, version
    raise Unusable(
        f"Python 3.11 or later is needed and none was found (this is {sys.executable}, {sys.version.split()[0]}). "
        "Install one, or say which: make test PYTHON=/path/to/python3"
    )


def venv_python():
    return os.path.join(VENV, "bin", "python")


def works(command):
    return subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0


def has_pip():
    return works([venv_python(), "-m", "pip", "--version"])


def create(python, version):
    """A virtual environment with pip. Some systems ship Python without ensurepip: then the system's pip or a
    uv on the PATH puts pip in. Raises Unusable where nothing can."""
    say(f"making .venv with Python {version[0]}.{version[1]} ({python})")
    shutil.rmtree(VENV, ignore_errors=True)
    ways = [
        [[python, "-m", "venv", VENV]],
        [
            [python, "-m", "venv", "--without-pip", VENV],
            [python, "-m", "pip", "--python", venv_python(), "install", "--quiet", "pip"],
        ],
    ]
    uv = shutil.which("uv")
    if uv:
        ways.append([[uv, "venv", "--quiet", "--seed", "--python", python, VENV]])
    for way in ways:
        if all(works(command) for command in way) and has_pip():
            return
        shutil.rmtree(VENV, ignore_errors=True)
    raise Unusable(
        f"this Python ({python}) can make no virtual environment: it has neither ensurepip nor pip. Install one of them "
        "(Debian, Ubuntu: apt install python3-venv), or uv, and run make again."
    )


def install(extras):
    """pip install -e with one line of progress: a terminal sees it move, a log sees every tenth package."""
    say("installing Remit and its libraries, once; a few minutes on a slow line")
    command = [venv_python(), "-m", "pip", "install", "--disable-pip-version-check", "--no-color"]
    command += ["--progress-bar", "off", "-e", f"{ROOT}[{extras}]"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True
    )
    log, seen, terminal = [], 0, sys.stdout.isatty()
    for line in process.stdout:
        log.append(line)
        if line.startswith("Collecting "):
            seen += 1
            name = line.split()[1].split("<")[0].split(">")[0].split("=")[0]
            if terminal:
                sys.stdout.write(f"\r\033[K  {seen}  {name}")
                sys.stdout.flush()
            elif seen % 10 == 0:
                say(f"  {seen} packages found, now {name}")
        elif line.startswith("Installing collected packages"):
            if terminal:
                sys.stdout.write("\r\033[K")
            say(f"  unpacking {line.count(',') + 1} packages")
    if process.wait():
        sys.stdout.write("".join(log[-25:]))
        raise Unusable("pip could not install Remit; its last words are above. Mend that and run make again.")


def stamp(target):
    """Its name changes with pyproject.toml and with where this checkout lies (an editable install points there)."""
    digest = hashlib.sha256()
    with open(os.path.join(ROOT, "pyproject.toml"), "rb") as file:
        digest.update(file.read())
    digest.update(ROOT.encode())
    return os.path.join(VENV, f".remit-{target}-{digest.hexdigest()[:16]}")


def browser():
    """A Chromium for the tests in a browser. Where none can be had it says so, and those tests fail: all others still run."""
    subprocess.call([venv_python(), os.path.join(ROOT, "scripts", "chromium.py")])


def main(target):
    if not any(os.path.exists(stamp(one)) for one in COVERS[target]) or not version_of(venv_python()):
        python, version = interpreter()
        if version_of(venv_python()) != version or not has_pip():
            create(python, version)
        install(EXTRAS[target])
        open(stamp(target), "w").close()
    if target == "test":
        browser()


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in EXTRAS:
        sys.exit("usage: environment.py demo|test")
    try:
        main(sys.argv[1])
    except Unusable as error:
        sys.exit("remit: " + str(error))
    except KeyboardInterrupt:
        sys.exit(130)
