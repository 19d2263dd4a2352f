"""Texts in folders."""

from __future__ import annotations

import os
import secrets
from pathlib import Path, PurePosixPath

from pdp.control.sources.text import normal, of
from pdp.errors import PolicyError, SourcesError
from pdp.lang.diagnostics import Diagnostics
from pdp.lang.loader.files import read_folder as load_files
from pdp.lang.loader.report import Report
from pdp.signing import sync_folder
from pdp.source import SourceFile
from pdp.v1 import control_pb2


def read_folder(folder: Path) -> control_pb2.Sources:
    """Return the text that the policy loader reads out of a folder.

    Raises PolicyError with every diagnostic when a part of it cannot be read, and SourcesError for what cannot be kept.
    """
    files, report = _files(folder)
    if report.diagnostics.has_errors:
        raise PolicyError(f"`{folder}` cannot be read; `pdp check {folder}` shows why", report.diagnostics.sorted())
    return of({file.name: file.text for file in files})


def write_folder(sources: control_pb2.Sources, folder: Path, *, replace: bool = False) -> None:
    """Write a text into a folder, each file whole or not at all.

    A folder that holds anything is refused, unless `replace`: then its policy files that the text does not have are
    removed, and what is no policy file stays. Raises SourcesError.
    """
    files = {file.path: file.text for file in normal(sources).files}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        root = folder.resolve(strict=True)
        if any(root.iterdir()) and not replace:
            raise SourcesError(f"`{folder}` is not empty; name another, or say that it may be replaced")
        # What is in the way of a folder must be gone first, and nothing else: a crash then loses no file of the text.
        gone = [name for name in _present(root) if name not in files]
        folders = {parent.as_posix() for path in files for parent in PurePosixPath(path).parents}
        for name in folders.intersection(gone):
            (root / name).unlink()
        for path, text in files.items():
            _write(root, path, text)
        for name in sorted(set(gone) - folders):
            (root / name).unlink()
            _remove_empty(root, (root / name).parent)
    except OSError as error:
        place = error.filename or folder
        raise SourcesError(f"cannot write `{place}`: {(error.strerror or str(error)).lower()}", str(place)) from error


def _files(folder: Path) -> tuple[list[SourceFile], Report]:
    report = Report(Diagnostics())
    return load_files(folder, report), report


def _present(root: Path) -> list[str]:
    """Return the policy files that are there, be they readable as such or not."""
    found = []
    for here, folders, files in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".")]
        place = Path(here).relative_to(root)
        found += [
            (place / name).as_posix() for name in files if name.endswith((".yaml", ".yml")) and not name.startswith(".")
        ]
    return sorted(found)


def _write(root: Path, path: str, text: str) -> None:
    place = root / path
    place.parent.mkdir(parents=True, exist_ok=True)
    if not place.parent.resolve(strict=True).is_relative_to(root):
        raise SourcesError(f"the folder of `{path}` is a link that leads out of `{root}`; remove it", path)
    data = text.encode()
    if place.is_file() and not place.is_symlink() and place.read_bytes() == data:
        return
    # The loader passes over names that begin with a dot, so a part that a crash leaves is never read.
    part = place.with_name(f".part-{secrets.token_hex(8)}")
    fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        with open(fd, "wb") as stream:  # noqa: PTH123 - the descriptor is open already
            stream.write(data)
            stream.flush()
            os.fsync(fd)
        part.replace(place)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    sync_folder(place.parent)


def _remove_empty(root: Path, folder: Path) -> None:
    while folder != root and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent
