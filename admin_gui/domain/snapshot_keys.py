"""The public keys of nodes that somebody trusts, read from files of their own."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

_SUFFIXES: Final = (".pub", ".pem")
_BEGIN: Final = b"-----BEGIN PUBLIC KEY-----"
_END: Final = b"-----END PUBLIC KEY-----"
_MOST_BYTES: Final = 1024 * 1024
_ID_DIGITS: Final = 16


class KeysError(Exception):
    """Keys that cannot be read; the message says which and how to mend it."""


@dataclass(frozen=True, slots=True)
class NodeKeys:
    """Ed25519 keys by id: the first 16 hexadecimal digits of the SHA-256 of a key's 32 bytes."""

    keys: Mapping[str, Ed25519PublicKey] = field(default_factory=dict)

    def knows(self, key_id: str) -> bool:
        """Whether there is a key of this id."""
        return key_id in self.keys

    def has_signed(self, key_id: str, signature: bytes, message: bytes) -> bool:
        """Whether a known key has made a signature."""
        try:
            self.keys[key_id].verify(signature, message)
        except (InvalidSignature, KeyError):
            return False
        return True


def read_keys(*paths: Path) -> NodeKeys:
    """Return the keys of PEM files, and of all `.pub` and `.pem` files of folders; private ones are passed over.

    Raises KeysError where there is none, or one that is not Ed25519.
    """
    keys: dict[str, Ed25519PublicKey] = {}
    for path in paths:
        try:
            files = sorted(one for one in path.iterdir() if one.suffix in _SUFFIXES) if path.is_dir() else [path]
            found = [key for file in files for key in _keys_of(file)]
        except OSError as error:
            raise KeysError(f"cannot read `{path}`: {(error.strerror or str(error)).lower()}") from error
        if not found:
            raise KeysError(f"no public key in `{path}`; choose a node's `node.pub`, or a folder of such files")
        keys |= {hashlib.sha256(key.public_bytes_raw()).hexdigest()[:_ID_DIGITS]: key for key in found}
    return NodeKeys(keys)


def _keys_of(path: Path) -> Iterator[Ed25519PublicKey]:
    with path.open("rb") as stream:
        text = stream.read(_MOST_BYTES)
    for block in text.split(_BEGIN)[1:]:
        body, end, _ = block.partition(_END)
        try:
            key = load_pem_public_key(_BEGIN + body + end + b"\n")
        except (ValueError, UnsupportedAlgorithm) as error:
            raise KeysError(f"`{path}` holds a damaged public key; copy it again") from error
        if not isinstance(key, Ed25519PublicKey):
            raise KeysError(f"`{path}` holds a key that is not Ed25519; nodes sign with such ones alone")
        yield key
