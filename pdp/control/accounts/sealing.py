"""The control plane's own key: seals what the store must not show, and marks what it must recognise.

All nodes have it in common, in their own configuration. Who reads the store alone learns no authenticator's secret.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import re
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from pdp.errors import ConfigError, WrongStateError
from pdp.signing import open_to_others

KEY_BYTES: Final = 32
_NONCE_BYTES = 12
_FORM = b"\x01"
_DIGITS = re.compile(rb"[0-9a-fA-F]{64}")


@dataclass(frozen=True, slots=True)
class SecretKey:
    """32 bytes."""

    _key: bytes = field(repr=False)

    @classmethod
    def make(cls) -> Self:
        """Return a new one."""
        return cls(secrets.token_bytes(KEY_BYTES))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Return the key in a file of 64 hexadecimal digits.

        Raises ConfigError when it is missing, another thing, or open to others than its owner.
        """
        try:
            with path.open("rb") as stream:
                if open_to_others(os.fstat(stream.fileno())):
                    raise ConfigError(f"others can read the secret key `{path}`; run `chmod 600` on it")
                text = stream.read(1024).strip()
        except OSError as error:
            raise ConfigError(f"cannot read the secret key `{path}`: {_words(error)}") from error
        if not _DIGITS.fullmatch(text):
            raise ConfigError(f"`{path}` holds no 64 hexadecimal digits; make a key with `openssl rand -hex 32`")
        return cls(bytes.fromhex(text.decode()))

    @classmethod
    def load_or_create(cls, path: Path) -> Self:
        """Return the key in a file, made when there is none yet. Raises ConfigError."""
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # Another process that starts at the same time may be first; then its key is the one.
            with contextlib.suppress(FileExistsError):
                handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                with os.fdopen(handle, "wb") as file:
                    file.write(f"{secrets.token_hex(KEY_BYTES)}\n".encode())
                    file.flush()
                    os.fsync(file.fileno())
        except OSError as error:
            raise ConfigError(f"cannot keep a secret key in `{path}`: {_words(error)}") from error
        return cls.load(path)

    def seal(self, data: bytes, about: str) -> bytes:
        """Return data encrypted by AES-256-GCM; it opens only as what it is `about`."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return _FORM + nonce + AESGCM(self._key).encrypt(nonce, data, about.encode())

    def open(self, sealed: bytes, about: str) -> bytes:
        """Return what was sealed. Raises WrongStateError for what another key sealed, or as something else."""
        nonce, rest = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        words = "a sealed secret does not open with this node's `control.secret_key`; all nodes need the same"
        if sealed[:1] != _FORM:
            raise WrongStateError(words)
        try:
            return AESGCM(self._key).decrypt(nonce, rest, about.encode())
        except (InvalidTag, ValueError) as error:
            raise WrongStateError(words) from error

    def tag(self, data: bytes, about: str) -> bytes:
        """Return what recognises data without showing it (HMAC-SHA-256)."""
        return hmac.digest(hmac.digest(self._key, about.encode(), "sha256"), data, hashlib.sha256)


def _words(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
