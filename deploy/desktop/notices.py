"""What stands in the folder that was made, under which licence, and how old a system may be to run it."""

from __future__ import annotations

import importlib.metadata
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path

HERE = Path(__file__).resolve().parent
_TEXT = re.compile(r"licen[cs]e|copying|notice|authors", re.IGNORECASE)
_GLIBC = re.compile(rb"GLIBC_(\d+)\.(\d+)")
_QT = ("pyside6", "shiboken6")
_STARTER = "pyinstaller"
_HEAD = """Jingxi desktop, {version}

This folder needs no Python. It needs Linux on {machine} with glibc {glibc} or newer and, for a window, X11 or Wayland.
Begin with ./pdp-admin; ./pdp is the command line.

What it is made of, with licences; the texts are in the folder LICENCES. Qt and PySide6 are used unchanged, as shared
libraries under the LGPL version 3: they are files of their own below _internal/PySide6 and _internal/shiboken6, and may
be replaced by other builds of the same version. Their source code: https://download.qt.io/official_releases/QtForPython/
and https://download.qt.io/official_releases/qt/

"""


def write(folder: Path, sources: Iterable[Path], version: str) -> str:
    """Write NOTICE.txt and LICENCES for what was copied or compiled from these files. Returns the least glibc.

    Raises LookupError for a package that says nothing of its licence.
    """
    files = {source.resolve() for source in sources}
    texts = folder / "LICENCES"
    shutil.rmtree(texts, ignore_errors=True)
    lines = [_own(texts), _python(texts)]
    claimed: set[Path] = set()
    for package in sorted(importlib.metadata.distributions(), key=lambda one: one.name.lower()):
        mine = {Path(str(package.locate_file(file))).resolve() for file in package.files or ()}
        claimed |= mine
        if files & mine or package.name == _STARTER:
            lines.append(_package(package, texts))
    prefixes = [Path(prefix).resolve() for prefix in (sys.prefix, sys.base_prefix)]
    system = {file for file in files - claimed if ".so" in file.name and not any(map(file.is_relative_to, prefixes))}
    lines += sorted(_system(file, texts) for file in system)
    glibc = least_glibc(folder)
    head = _HEAD.format(version=version, machine=sysconfig.get_platform(), glibc=glibc)
    (folder / "NOTICE.txt").write_text(head + "\n".join(dict.fromkeys(lines)) + "\n", encoding="utf-8")
    return glibc


def least_glibc(folder: Path) -> str:
    """Return the newest version of glibc's symbols that any file asks for."""
    found = {(2, 17)}
    for file in folder.rglob("*"):
        if file.is_file() and not file.is_symlink():
            data = file.read_bytes()
            if data.startswith(b"\x7fELF"):
                found |= {(int(major), int(minor)) for major, minor in _GLIBC.findall(data)}
    return "{}.{}".format(*max(found))


def _own(texts: Path) -> str:
    _copy(HERE.parent.parent / "LICENSE", texts / "jingxi")
    return "jingxi: Apache-2.0"


def _python(texts: Path) -> str:
    _copy(Path(sysconfig.get_path("stdlib")) / "LICENSE.txt", texts / "python")
    return f"python {sysconfig.get_python_version()}: PSF-2.0"


def _package(package: importlib.metadata.Distribution, texts: Path) -> str:
    told = package.metadata
    classified = [line.rpartition(" :: ")[2] for line in told.get_all("Classifier") or () if line.startswith("License")]
    licence = told.get("License-Expression") or ", ".join(classified) or (told.get("License") or "").split("\n")[0]
    if not licence:
        raise LookupError(f"`{package.name}` says nothing of its licence; look it up before it is shipped")
    for file in package.files or ():
        if ".dist-info" in str(file) and _TEXT.search(file.name):
            _copy(Path(str(package.locate_file(file))), texts / package.name)
    if package.name.lower().startswith(_QT):
        # Its wheels carry no text.
        licence = "LGPL-3.0-only"
        for file in (HERE / "licenses").iterdir():
            _copy(file, texts / package.name)
    if package.name == _STARTER:
        licence = "GPL-2.0-or-later WITH Bootloader-exception; of it only what starts the two programs is in the folder"
    return f"{package.name} {package.version}: {licence}"


def _system(file: Path, texts: Path) -> str:
    """Return the line of a library of the system that built it; Debian keeps the licences of its packages."""
    for path in (file, Path(str(file).removeprefix("/usr"))):
        try:
            told = subprocess.run(  # noqa: S603 - a path is all that is given
                ["dpkg-query", "--search", str(path)],  # noqa: S607
                capture_output=True, text=True, check=False,
            ).stdout  # fmt: skip
        except FileNotFoundError:
            break
        name = told.partition(":")[0]
        if name:
            _copy(Path("/usr/share/doc") / name / "copyright", texts / name)
            return f"{name} (system's): see LICENCES/{name}"
    return f"{file.name} (system's): see the package of the system that it was built on"


def _copy(file: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(file, folder / file.name)
