"""What a text of a policy set may be, and its one serialized form."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Final

from pdp.errors import SourcesError
from pdp.lang.loader.files import MAX_FILE_BYTES, MAX_FILES
from pdp.v1 import control_pb2

__all__ = [
    "MAX_BYTES", "MAX_FILES", "MAX_FILE_BYTES", "MAX_PATH", "check_path", "digest", "normal", "of", "serialize",
    "texts",
]  # fmt: skip

MAX_BYTES: Final = 48 * 1024 * 1024
"""All files of a text together, in UTF-8: a message of the staff port holds 64 MiB."""
MAX_PATH: Final = 512
"""Bytes of a path in UTF-8."""
SUFFIXES: Final = (".yaml", ".yml")
_MAX_NAME = 255
_SHOWN = 120


def of(files: Mapping[str, str]) -> control_pb2.Sources:
    """Return a text from its files by path. Raises SourcesError as `normal`."""
    return _checked((path, files[path]) for path in sorted(files))


def normal(sources: control_pb2.Sources) -> control_pb2.Sources:
    """Return a text as it is kept: its files in the order of their paths, and nothing else.

    Raises SourcesError, with the path, for one that is no text: no file at all, a path that a policy folder cannot
    have or has twice, or a bound that is exceeded.
    """
    return _checked(sorted((file.path, file.text) for file in sources.files))


def serialize(sources: control_pb2.Sources) -> bytes:
    """Return the one serialized form of a text that `normal` made."""
    return sources.SerializeToString(deterministic=True)


def digest(sources: control_pb2.Sources) -> str:
    """Return the SHA-256 of a text that `normal` made, in hexadecimal."""
    return hashlib.sha256(serialize(sources)).hexdigest()


def texts(sources: control_pb2.Sources) -> dict[str, str]:
    """Return the files by path."""
    return {file.path: file.text for file in sources.files}


def check_path(path: str) -> None:
    """Raise SourcesError for a path that the loader would not read out of a policy folder."""
    problem = _path_problem(path, _shown(path))
    if problem:
        raise SourcesError(problem, path)


def _checked(files: Iterable[tuple[str, str]]) -> control_pb2.Sources:
    found = control_pb2.Sources()
    seen: set[str] = set()
    total = 0
    for path, text in files:
        check_path(path)
        if path in seen:
            raise SourcesError(f"`{_shown(path)}` is there twice", path)
        seen.add(path)
        if len(seen) > MAX_FILES:
            raise SourcesError(f"there are more than {MAX_FILES} files", path)
        size = len(text.encode("utf-8", "surrogatepass"))
        total += size
        check_size(path, size, total)
        try:
            found.files.add(path=path, text=text)
        except (ValueError, UnicodeError) as error:
            raise SourcesError(f"`{_shown(path)}` is not text that UTF-8 can hold", path) from error
    if not seen:
        raise SourcesError("there is no policy file; they end in `.yaml` or `.yml` and do not begin with a dot")
    _check_folders(seen)
    return found


def check_size(path: str, size: int, total: int) -> None:
    """Raise SourcesError for a file, or files up to this one, that have too many bytes."""
    if size > MAX_FILE_BYTES:
        raise SourcesError(
            f"`{_shown(path)}` is larger than {MAX_FILE_BYTES // 1024 // 1024} MiB; split it into several files", path
        )
    if total > MAX_BYTES:
        raise SourcesError(
            f"the files up to `{_shown(path)}` have together more than {MAX_BYTES // 1024 // 1024} MiB", path
        )


def _check_folders(paths: set[str]) -> None:
    """See that no file stands where others need a folder."""
    for path in paths:
        parts = path.split("/")[:-1]
        for end in range(1, len(parts) + 1):
            folder = "/".join(parts[:end])
            if folder in paths:
                raise SourcesError(f"`{_shown(folder)}` is a file and the folder of `{_shown(path)}` at once", path)


def _path_problem(path: str, shown: str) -> str:
    parts = path.split("/")
    if not path.endswith(SUFFIXES):
        return f"`{shown}` is no name of a policy file; they end in `.yaml` or `.yml`"
    if path.startswith("/") or ".." in parts:
        return f"`{shown}` leads out of the policy folder"
    if any(part in ("", ".") for part in parts):
        return f"`{shown}` is not written as a path below the policy folder; leave out `.` and doubled slashes"
    if any(part.startswith(".") for part in parts):
        return f"`{shown}` begins with a dot, so it would not be read"
    if "\\" in path or any(unicodedata.category(letter) in ("Cc", "Cs") for letter in path):
        return f"`{shown}` has a backslash, a control character or bytes that are not UTF-8 in its name; rename it"
    if len(path.encode()) > MAX_PATH or any(len(part.encode()) > _MAX_NAME for part in parts):
        return f"`{shown}` is longer than {MAX_PATH} bytes, or a name in it than {_MAX_NAME}"
    return ""


def _shown(path: str) -> str:
    text = path if len(path) <= _SHOWN else path[:_SHOWN] + "…"
    return "".join(letter if letter.isprintable() else f"\\x{ord(letter):02x}" for letter in text)
