"""A file of encrypted, authenticated sections: nobody without the key reads or changes a bit of it unseen.

    line      `jingxi backup 1`
    4 bytes   length of the header (big-endian)
    header    JSON in clear: what can be told without the key
    32 bytes  HMAC-SHA-256 over the header
    sections  one after the other, each of chunks: 4 bytes length, AES-256-GCM of at most 1 MiB, 16 bytes tag
    trailer   8 bytes (big-endian) for each section: where it begins

Each section is one zlib stream. A chunk's nonce is the section's number, the chunk's number and whether it is the
section's last (the STREAM construction of Hoang, Reyhanitabar, Rogaway and Vizár, 2015); the header's hash is
authenticated with each. So what is cut off, moved, doubled or put in from elsewhere does not open. The keys are drawn
from the backup key and the file's own salt (HKDF-SHA-256), so no nonce is ever used twice with one key.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
import struct
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from pdp.errors import BackupError
from pdp.server.backup.keys import BackupKey
from pdp.signing import sync_folder

MAGIC: Final = b"jingxi backup 1\n"
SECTIONS: Final = 3
CHUNK: Final = 1024 * 1024
_TAG = 16
_MOST_HEADER = 64 * 1024
_SALT = 32
_LEVEL = 3
_LENGTH = struct.Struct(">I")
_OFFSETS = struct.Struct(f">{SECTIONS}Q")
_NONCE = struct.Struct(">BxxxxxxIB")
_MAC = hashlib.sha256().digest_size


class SealedWriter:
    """Writes a file that is whole or not there: under another name until `commit`, and gone if that is not reached."""

    def __init__(self, path: Path, key: BackupKey, header: Mapping[str, Any]) -> None:
        """Raises OSError. `salt` and `key_id` are added to the header."""
        self.path = path
        self._part = path.with_name(f".{path.name}.part")
        salt = secrets.token_bytes(_SALT)
        self.header = {**header, "key_id": key.id, "salt": salt.hex()}
        said = json.dumps(self.header, sort_keys=True, separators=(",", ":")).encode()
        self.digest = hashlib.sha256(said).digest()
        self._cipher = AESGCM(key.derive(salt, b"body"))
        self._offsets: list[int] = []
        self._buffer = bytearray()
        self._number = 0
        self._pack = zlib.compressobj(_LEVEL)
        handle = os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        self._file: IO[bytes] = os.fdopen(handle, "wb")
        self._file.write(MAGIC + _LENGTH.pack(len(said)) + said)
        self._file.write(hmac.digest(key.derive(salt, b"header"), said, hashlib.sha256))
        self._offsets.append(self._file.tell())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._file.closed:
            self._file.close()
            self._part.unlink(missing_ok=True)

    @property
    def size(self) -> int:
        """Bytes on disk so far."""
        return self.path.stat().st_size if self._file.closed else self._file.tell()

    def write(self, data: bytes) -> None:
        """Add bytes to the section. Raises OSError."""
        self._take(self._pack.compress(data))

    def next_section(self) -> None:
        """End the section and begin the next one. Raises OSError."""
        self._end_section()
        self._offsets.append(self._file.tell())

    def commit(self) -> None:
        """End the last section and put the file in its place, durable on return. Raises OSError."""
        self._end_section()
        if len(self._offsets) != SECTIONS:
            raise AssertionError(f"{len(self._offsets)} sections were written")
        self._file.write(_OFFSETS.pack(*self._offsets))
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._part.rename(self.path)
        sync_folder(self.path.parent)

    def _end_section(self) -> None:
        self._take(self._pack.flush())
        self._seal(bytes(self._buffer), last=True)
        self._buffer.clear()
        self._number = 0
        self._pack = zlib.compressobj(_LEVEL)

    def _take(self, packed: bytes) -> None:
        self._buffer += packed
        # One is kept back: the last chunk of a section says that it is.
        while len(self._buffer) > CHUNK:
            self._seal(bytes(self._buffer[:CHUNK]), last=False)
            del self._buffer[:CHUNK]

    def _seal(self, plain: bytes, *, last: bool) -> None:
        nonce = _NONCE.pack(len(self._offsets) - 1, self._number, last)
        sealed = self._cipher.encrypt(nonce, plain, self.digest)
        self._file.write(_LENGTH.pack(len(sealed)) + sealed)
        self._number += 1


class SealedReader:
    """Opens a file; with a key its sections too. Every method raises BackupError for what is damaged."""

    def __init__(self, path: Path, key: BackupKey | None = None) -> None:
        """Read the header; with a key, make sure that it is what was written."""
        self.path = path
        try:
            self._file = path.open("rb")
        except OSError as error:
            raise BackupError(f"cannot read the backup `{path}`: {(error.strerror or str(error)).lower()}") from error
        try:
            self._begin(key)
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return os.fstat(self._file.fileno()).st_size

    def section(self, number: int) -> Iterator[bytes]:
        """Yield the bytes of a section, piece by piece; at the end it is certain that it was all of them."""
        if self._cipher is None:
            raise BackupError(f"without the key nothing but the header of `{self.path}` can be read")
        self._file.seek(self._offsets[number])
        end = [*self._offsets[1:], self.size - _OFFSETS.size][number]
        unpack = zlib.decompressobj()
        at = 0
        while True:
            sealed = self._chunk(end)
            plain, is_last = self._open(number, at, sealed)
            at += 1
            try:
                piece = unpack.decompress(plain, CHUNK)
                while piece or unpack.unconsumed_tail:
                    yield piece
                    # Whoever wrote a small chunk must not be able to fill the memory by it.
                    piece = unpack.decompress(unpack.unconsumed_tail, CHUNK)
            except zlib.error as error:
                raise BackupError(f"the backup `{self.path}` does not unpack") from error
            if is_last:
                break
        if self._file.tell() != end or not unpack.eof:
            raise BackupError(f"the backup `{self.path}` is damaged: section {number} does not end where it should")

    def _begin(self, key: BackupKey | None) -> None:
        path = self.path
        if self._file.read(len(MAGIC)) != MAGIC:
            raise BackupError(f"`{path}` is no backup, or one of another program version")
        length = self._file.read(_LENGTH.size)
        size = _LENGTH.unpack(length)[0] if len(length) == _LENGTH.size else _MOST_HEADER + 1
        if size > _MOST_HEADER:
            raise BackupError(f"the header of the backup `{path}` is damaged")
        said = self._file.read(size)
        mac = self._file.read(_MAC)
        try:
            self.header: dict[str, Any] = json.loads(said)
            salt, self.key_id = bytes.fromhex(self.header["salt"]), str(self.header["key_id"])
        except (ValueError, KeyError, TypeError) as error:
            raise BackupError(f"the header of the backup `{path}` is damaged") from error
        self.digest = hashlib.sha256(said).digest()
        self._cipher = None
        if key is None:
            return
        if key.id != self.key_id:
            raise BackupError(f"the backup `{path}` needs the key `{self.key_id}`, and this one is `{key.id}`")
        if not hmac.compare_digest(hmac.digest(key.derive(salt, b"header"), said, hashlib.sha256), mac):
            raise BackupError(f"the header of the backup `{path}` was changed")
        self._cipher = AESGCM(key.derive(salt, b"body"))
        first = self._file.tell()
        if self.size < first + _OFFSETS.size:
            raise BackupError(f"the backup `{path}` was cut off")
        self._file.seek(-_OFFSETS.size, os.SEEK_END)
        self._offsets = _OFFSETS.unpack(self._file.read(_OFFSETS.size))
        if (
            list(self._offsets) != sorted(self._offsets)
            or self._offsets[0] != first
            or (self._offsets[-1] > self.size - _OFFSETS.size)
        ):
            raise BackupError(f"the backup `{path}` was cut off, or its end was changed")

    def _chunk(self, end: int) -> bytes:
        head = self._file.read(_LENGTH.size)
        size = _LENGTH.unpack(head)[0] if len(head) == _LENGTH.size else 0
        if not _TAG <= size <= CHUNK + _TAG or self._file.tell() + size > end:
            raise BackupError(f"the backup `{self.path}` was cut off or changed at byte {self._file.tell()}")
        return self._file.read(size)

    def _open(self, section: int, at: int, sealed: bytes) -> tuple[bytes, bool]:
        assert self._cipher is not None  # noqa: S101 - as `section` has seen
        for last in (False, True):
            try:
                return self._cipher.decrypt(_NONCE.pack(section, at, last), sealed, self.digest), last
            except InvalidTag:
                continue
        raise BackupError(f"the backup `{self.path}` was changed before byte {self._file.tell()}")
