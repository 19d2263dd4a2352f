"""The key that backups are encrypted with: 32 bytes in hexadecimal, in a file of its owner alone."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from pdp.errors import BackupError
from pdp.signing import open_to_others, sync_folder

KEY_BYTES: Final = 32
_MOST_TEXT = 4096
_ID_DIGITS = 16
_NAMING = b"jingxi backup key 1"


@dataclass(frozen=True, slots=True)
class BackupKey:
    """A key. `id` is no secret: it tells which key a backup needs."""

    secret: bytes = field(repr=False)
    id: str

    @classmethod
    def of(cls, secret: bytes) -> Self:
        """Return a key of 32 bytes with its id."""
        return cls(secret, hmac.digest(secret, _NAMING, hashlib.sha256).hex()[:_ID_DIGITS])

    @classmethod
    def load(cls, path: Path) -> Self:
        """Return the key in a file. Raises BackupError when it is none, or when others can read the file."""
        try:
            with path.open("rb") as stream:
                if open_to_others(os.fstat(stream.fileno())):
                    raise BackupError(f"others can read the backup key `{path}`; run `chmod 600 {path}`")
                text = stream.read(_MOST_TEXT)
        except OSError as error:
            raise BackupError(
                f"cannot read the backup key `{path}`: {(error.strerror or str(error)).lower()}"
            ) from error
        try:
            secret = bytes.fromhex(text.decode("ascii").strip())
        except ValueError:
            secret = b""
        if len(secret) != KEY_BYTES:
            raise BackupError(
                f"`{path}` holds no backup key, which is {2 * KEY_BYTES} hexadecimal digits; "
                "make one with `pdp backup key --new FILE`"
            )
        return cls.of(secret)

    def derive(self, salt: bytes, purpose: bytes) -> bytes:
        """Return the 32 bytes for one purpose of one file: no two files share what they are encrypted with."""
        return HKDF(SHA256(), KEY_BYTES, salt, b"jingxi backup 1 " + purpose).derive(self.secret)


def make(path: Path) -> BackupKey:
    """Make a key in a new file that its owner alone can read. Raises BackupError when there is a file already."""
    secret = secrets.token_bytes(KEY_BYTES)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as stream:
            stream.write(secret.hex().encode() + b"\n")
            stream.flush()
            os.fsync(stream.fileno())
        sync_folder(path.absolute().parent)
    except FileExistsError as error:
        raise BackupError(f"`{path}` is there already; a key that is overwritten opens no backup any more") from error
    except OSError as error:
        raise BackupError(f"cannot write the backup key `{path}`: {(error.strerror or str(error)).lower()}") from error
    return BackupKey.of(secret)
