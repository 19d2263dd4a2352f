"""Reads the files of a policy folder as text."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from pdp.lang.loader.lines import position
from pdp.lang.loader.report import Report, quote
from pdp.source import SourceFile, Span, whole

MAX_FILE_BYTES = 16 * 1024 * 1024
MAX_FILES = 10_000
_SUFFIXES = (".yaml", ".yml")


def read_folder(root: Path, report: Report) -> list[SourceFile]:
    """Return the YAML files below a folder by relative name; what cannot be read is reported and left out."""
    problem = _folder_problem(root)
    if problem:
        hint = "name the folder that holds the policy files"
        report.error("no-folder", problem, whole(root), hint)
        return []
    found = sorted(_yaml_files(root, report))
    if not found:
        hint = "policy files end in `.yaml` or `.yml` and do not begin with a dot"
        report.error("empty-folder", f"{quote(str(root))} holds no policy files", whole(root), hint)
    if len(found) > MAX_FILES:
        message = f"{quote(str(root))} holds {len(found)} policy files; {MAX_FILES} are read"
        report.error("too-large", message, whole(root))
    resolved = root.resolve()
    sources = (_read_file(name, path, resolved, report) for name, path in found[:MAX_FILES])
    return [source for source in sources if source is not None]


def _folder_problem(root: Path) -> str:
    shown = quote(str(root))
    try:
        if root.is_dir():
            return ""
        return f"{shown} is not a folder" if root.exists() else f"{shown} does not exist"
    except OSError as error:
        return f"{shown} cannot be read: {_reason(error)}"


def source_of(name: str, text: str, report: Report) -> SourceFile | None:
    """Return a text as a source file without its byte-order mark; None, reported, when it cannot be used."""
    if len(text) > MAX_FILE_BYTES:
        _too_large(name, report)
        return None
    return SourceFile(name, text.removeprefix("\ufeff"))


def _yaml_files(root: Path, report: Report) -> Iterator[tuple[str, Path]]:
    def unreadable(error: OSError) -> None:
        place = Path(error.filename or root)
        name = _name(root, place) if place != root else str(root)
        report.error("unreadable", f"the folder {quote(name)} cannot be read: {_reason(error)}", whole(name))

    for folder, folders, files in os.walk(root, onerror=unreadable):
        here = Path(folder)
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in folders:
            if (here / name).is_symlink():
                place = _name(root, here / name)
                message = f"the link {quote(place)} to another folder is not followed"
                report.warning("linked-folder", message, whole(place), "move the files into the policy folder")
        for name in files:
            if name.endswith(_SUFFIXES) and not name.startswith("."):
                yield _name(root, here / name), here / name


def _name(root: Path, path: Path) -> str:
    """Return the name below the folder; bytes of a file name that are not UTF-8 as escapes."""
    return os.fsencode(path.relative_to(root).as_posix()).decode("utf-8", "backslashreplace")


def _read_file(name: str, path: Path, root: Path, report: Report) -> SourceFile | None:
    try:
        if path.is_symlink() and not path.resolve(strict=True).is_relative_to(root):
            hint = "copy the file into the policy folder"
            report.error("outside-folder", f"the link {quote(name)} leads out of the folder", whole(name), hint)
            return None
        if not path.is_file():
            report.error("unreadable", f"{quote(name)} is not a regular file", whole(name))
            return None
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except (OSError, RuntimeError) as error:  # RuntimeError: links that lead to each other, before Python 3.13
        report.error("unreadable", f"{quote(name)} cannot be read: {_reason(error)}", whole(name))
        return None
    if len(data) > MAX_FILE_BYTES:
        _too_large(name, report)
        return None
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8").removeprefix("\ufeff")
        line, column = position(before, len(before))
        message = f"the file is not UTF-8: byte `0x{data[error.start]:02x}` at offset {error.start}"
        hint = "save it as UTF-8; editors on Chinese Windows may have saved it as GBK or UTF-16"
        report.error("not-utf8", message, Span(name, line, column, line, column + 1), hint)
        return None
    return source_of(name, text, report)


def _too_large(name: str, report: Report) -> None:
    message = f"the file is larger than {MAX_FILE_BYTES // 1024 // 1024} MiB"
    report.error("too-large", message, whole(name), "split it into several files")


def _reason(error: Exception) -> str:
    reason = error.strerror if isinstance(error, OSError) else None
    return (reason or str(error)).lower()
