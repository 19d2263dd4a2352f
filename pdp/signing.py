"""Keys that sign checkpoints and bundles: Ed25519 (RFC 8032), a node's own and those that a verifier trusts."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Final, Self

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from pdp.errors import EvidenceError

PRIVATE_NAME: Final = "node.key"
PUBLIC_NAME: Final = "node.pub"
_ID_DIGITS = 16
_SUFFIXES = (".pub", ".pem")
_BEGIN = b"-----BEGIN "
_PUBLIC = b"-----BEGIN PUBLIC KEY-----"
_END = b"-----END PUBLIC KEY-----"
_MOST_BYTES = 1024 * 1024


def key_id(public: Ed25519PublicKey) -> str:
    """Return the id of a key: the first 16 hexadecimal digits of the SHA-256 of its 32 bytes."""
    return hashlib.sha256(public.public_bytes_raw()).hexdigest()[:_ID_DIGITS]


@dataclass(frozen=True, slots=True)
class NodeKey:
    """The key that a node signs with."""

    private: Ed25519PrivateKey = field(repr=False)
    id: str

    @classmethod
    def of(cls, private: Ed25519PrivateKey) -> Self:
        """Return a key with its id."""
        return cls(private, key_id(private.public_key()))

    @classmethod
    def load_or_create(cls, folder: Path) -> Self:
        """Return the key in `folder`/node.key (PEM, PKCS #8), made when there is none yet; node.pub stands beside it.

        Raises EvidenceError when the file is damaged, no Ed25519 key, or open to others than its owner.
        """
        path = folder / PRIVATE_NAME
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            made = Ed25519PrivateKey.generate().private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            # Another process that starts at the same time may be first; then its key is the one.
            with contextlib.suppress(FileExistsError):
                _write_new(path, made)
        loaded = cls.load(path)
        _keep_public(folder / PUBLIC_NAME, loaded.public_pem())
        return loaded

    @classmethod
    def load(cls, path: Path) -> Self:
        """Return the key in a file. Raises EvidenceError as `load_or_create`, and when there is none."""
        try:
            with path.open("rb") as stream:
                if open_to_others(os.fstat(stream.fileno())):
                    raise EvidenceError(f"others can read the signing key `{path}`; run `chmod 600` on it")
                pem = stream.read(_MOST_BYTES)
        except OSError as error:
            raise EvidenceError(f"cannot read the signing key `{path}`: {_reason(error)}") from error
        try:
            private = serialization.load_pem_private_key(pem, None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise EvidenceError(f"`{path}` is no private key in PEM without a password; restore it") from error
        if not isinstance(private, Ed25519PrivateKey):
            raise EvidenceError(f"the signing key `{path}` is no Ed25519 key")
        return cls.of(private)

    def sign(self, message: bytes) -> bytes:
        """Return the signature, 64 bytes."""
        return self.private.sign(message)

    def public_pem(self) -> bytes:
        """Return the public key as a PEM file has it."""
        return self.private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )


class Verdict(Enum):
    """What a signature is worth."""

    GOOD = "good"
    BAD = "bad"
    UNKNOWN_KEY = "unknown_key"


@dataclass(frozen=True, slots=True)
class TrustedKeys:
    """Public keys by id, several so that a node's key can be replaced by another."""

    keys: Mapping[str, Ed25519PublicKey]

    @classmethod
    def of(cls, *keys: NodeKey) -> Self:
        """Return the public halves of keys."""
        return cls({key.id: key.private.public_key() for key in keys})

    @classmethod
    def load(cls, path: Path) -> Self:
        """Return the keys of a PEM file, or of all `.pub` and `.pem` files of a folder; private keys are passed over.

        Raises EvidenceError when there is none, or one that is not Ed25519.
        """
        try:
            files = sorted(p for p in path.iterdir() if p.suffix in _SUFFIXES) if path.is_dir() else [path]
            keys = [found for file in files for found in _public_keys(file)]
        except OSError as error:
            raise EvidenceError(f"cannot read the trusted keys `{path}`: {_reason(error)}") from error
        if not keys:
            raise EvidenceError(f"no public key in `{path}`; copy the nodes' `{PUBLIC_NAME}` files there")
        return cls({key_id(key): key for key in keys})

    def verify(self, key: str, signature: bytes, message: bytes) -> Verdict:
        """Return what a signature is worth; `key` is a key's id."""
        public = self.keys.get(key)
        if public is None:
            return Verdict.UNKNOWN_KEY
        try:
            public.verify(signature, message)
        except InvalidSignature:
            return Verdict.BAD
        return Verdict.GOOD


def _public_keys(path: Path) -> Iterator[Ed25519PublicKey]:
    with path.open("rb") as stream:
        pem = stream.read(_MOST_BYTES)
    if _BEGIN not in pem:
        raise EvidenceError(f"`{path}` is no PEM file")
    for block in pem.split(_PUBLIC)[1:]:
        body, ended, _ = block.partition(_END)
        try:
            public = serialization.load_pem_public_key(_PUBLIC + body + ended + b"\n")
        except (ValueError, UnsupportedAlgorithm) as error:
            raise EvidenceError(f"`{path}` holds a damaged public key") from error
        if not isinstance(public, Ed25519PublicKey):
            raise EvidenceError(f"`{path}` holds a key that is not Ed25519")
        yield public


def _keep_public(path: Path, pem: bytes) -> None:
    """Let `path` hold a public key; another one is kept beside it, as it still counts for what it signed."""
    try:
        held = path.read_bytes()
    except FileNotFoundError:
        held = b""
    if held == pem:
        return
    if held:
        try:
            (old,) = TrustedKeys.load(path).keys
        except (EvidenceError, ValueError):
            old = "damaged"
        path.replace(path.with_name(f"{path.stem}-{old}{path.suffix if old != 'damaged' else ''}"))
    with contextlib.suppress(FileExistsError):
        _write_new(path, pem)


def _write_new(path: Path, data: bytes) -> None:
    """Write a file of its owner alone, whole or not at all. Raises FileExistsError when there is one."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    with contextlib.suppress(FileNotFoundError):
        part.unlink()  # of a process that was killed here and had this number
    fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with open(fd, "wb") as stream:  # noqa: PTH123 - the descriptor is open already
            stream.write(data)
            stream.flush()
            os.fsync(fd)
        os.link(part, path)
    finally:
        part.unlink()
    sync_folder(path.parent)


def open_to_others(found: os.stat_result) -> bool:
    """Whether others than we can use a secret's file.

    A file of root's that its group may read, and no more, is not open to us who are not root: so systemd
    (`LoadCredential`) and Kubernetes (`fsGroup`) hand a secret to one user.
    """
    handed_over = found.st_uid == 0 != os.geteuid()
    return bool(found.st_mode & (stat.S_IRWXO | stat.S_IRWXG & ~(stat.S_IRGRP if handed_over else 0)))


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
