"""Texts in tar archives, plain or packed by gzip."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
import tempfile
import zlib
from pathlib import Path
from typing import BinaryIO, Final, Self, cast

from pdp.control.sources.text import MAX_FILES, SUFFIXES, check_path, check_size, normal, of
from pdp.errors import SourcesError
from pdp.signing import sync_folder
from pdp.v1 import control_pb2

MAX_UNPACKED: Final = 128 * 1024 * 1024
"""Bytes of an archive once it is unpacked, with what is no policy file."""
_MAX_MEMBERS = 4 * MAX_FILES
_CHUNK = 1024 * 1024
_GZIP = b"\x1f\x8b"


def read_tar(archive: Path) -> control_pb2.Sources:
    """Return the policy files of an archive, which the loader would read if it were unpacked.

    Nothing is unpacked to disk. Raises SourcesError for what is no archive, for links, devices and paths that lead out
    of it, and for bounds that are exceeded.
    """
    try:
        with archive.open("rb") as raw:
            packed = raw.peek(2)[:2] == _GZIP
            stream = cast("BinaryIO", gzip.GzipFile(fileobj=raw)) if packed else raw
            bounded = _Bounded(stream, archive)
            with tarfile.open(fileobj=bounded, mode="r|", tarinfo=_Member, encoding="utf-8") as members:
                files = _files(members, archive)
            # Only at its very end does a packed stream tell whether it is whole.
            while bounded.read(_CHUNK):
                pass
            return of(files)
    except OSError as error:
        if isinstance(error, gzip.BadGzipFile):
            raise SourcesError(f"`{archive}` is damaged: {error}") from error
        raise SourcesError(f"cannot read `{archive}`: {(error.strerror or str(error)).lower()}") from error
    except (tarfile.TarError, EOFError, zlib.error, ValueError) as error:
        raise SourcesError(f"`{archive}` is no tar archive, or it is damaged: {error}") from error


def write_tar(sources: control_pb2.Sources, archive: Path) -> None:
    """Write a text as an archive, packed when the name ends in `.gz` or `.tgz`; the same text gives the same bytes.

    Raises SourcesError.
    """
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.PAX_FORMAT) as members:
        for file in normal(sources).files:
            data = file.text.encode()
            member = tarfile.TarInfo(file.path)
            member.size, member.mode = len(data), 0o644
            members.addfile(member, io.BytesIO(data))
    data = made.getvalue()
    if archive.name.endswith((".gz", ".tgz")):
        data = gzip.compress(data, mtime=0)
    try:
        fd, part = tempfile.mkstemp(prefix=f".{archive.name[:100]}-", dir=archive.parent)
        try:
            with open(fd, "wb") as stream:  # noqa: PTH123 - the descriptor is open already
                stream.write(data)
                stream.flush()
                os.fsync(fd)
            Path(part).replace(archive)
        except BaseException:
            Path(part).unlink(missing_ok=True)
            raise
        sync_folder(archive.parent)
    except OSError as error:
        raise SourcesError(f"cannot write `{archive}`: {(error.strerror or str(error)).lower()}") from error


def _files(members: tarfile.TarFile, archive: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    total = 0
    for number, member in enumerate(members):
        if number >= _MAX_MEMBERS:
            raise SourcesError(f"`{archive}` holds more than {_MAX_MEMBERS} entries")
        path = member.name.removeprefix("./")
        if member.isdir():
            continue
        if not member.isreg():
            raise SourcesError(f"`{path!a}` in `{archive}` is a link or a device; put the file itself there", path)
        parts = path.split("/")
        if path.startswith("/") or ".." in parts:
            raise SourcesError(f"`{path!a}` in `{archive}` leads out of the policy folder", path)
        if not path.endswith(SUFFIXES) or any(part.startswith(".") for part in parts):
            continue
        check_path(path)
        if path in found:
            raise SourcesError(f"`{path}` is in `{archive}` twice", path)
        total += member.size
        check_size(path, member.size, total)
        stream = members.extractfile(member)
        data = b"" if stream is None else stream.read()
        try:
            found[path] = data.decode().removeprefix("\ufeff")
        except UnicodeDecodeError as error:
            raise SourcesError(f"`{path}` in `{archive}` is not UTF-8: save it as UTF-8", path) from error
    return found


class _Member(tarfile.TarInfo):
    """An entry. A damaged one, or an archive that ends too early, is no end: files would be missing in silence."""

    @classmethod
    def fromtarfile(cls, archive: tarfile.TarFile) -> Self:
        try:
            return super().fromtarfile(archive)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]
            raise
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(str(error)) from error


class _Bounded(io.RawIOBase):
    """A stream that ends with an error after so many bytes: few packed bytes can unpack to very many."""

    def __init__(self, stream: BinaryIO, archive: Path) -> None:
        super().__init__()
        self._stream = stream
        self._archive = archive
        self._left = MAX_UNPACKED

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(min(size, self._left + 1) if size >= 0 else self._left + 1)
        self._left -= len(data)
        if self._left < 0:
            raise SourcesError(f"`{self._archive}` unpacks to more than {MAX_UNPACKED // 1024 // 1024} MiB")
        return data
