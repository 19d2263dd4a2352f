"""Keys that hash resource ids and attributes, so that a record can be found by them but does not tell them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pdp.errors import ConfigError

KEY_BYTES = 16
"""Length of a hash: HMAC-SHA-256 cut as RFC 2104 §5 allows."""
_MIN_SECRET = 16
_BLOCK = 64
_INNER, _OUTER = (bytes(number ^ pad for number in range(256)) for pad in (0x36, 0x5C))


@dataclass(frozen=True, slots=True)
class ResourceKeys:
    """Keys by id, in the order of their coming into use: the last one is in use, the others find older records."""

    keys: Mapping[str, bytes] = field(repr=False)

    @property
    def current(self) -> tuple[str, bytes]:
        """The key in use, with its id."""
        return list(self.keys.items())[-1]

    @classmethod
    def read(cls, path: Path) -> ResourceKeys:
        """Read a file with `id hex` a line. Raises ConfigError, which never quotes a key."""
        try:
            text = path.read_text(encoding="ascii")
        except (OSError, ValueError) as error:
            raise ConfigError(f"the key file `{path}` cannot be read: {_reason(error)}") from None
        keys: dict[str, bytes] = {}
        for number, line in enumerate(text.splitlines(), 1):
            if not line.strip() or line.startswith("#"):
                continue
            try:
                name, secret = line.split()
                key = bytes.fromhex(secret)
            except ValueError:
                raise ConfigError(f"{path}:{number}: must be an id and a key in hexadecimal digits") from None
            if len(key) < _MIN_SECRET or name in keys or len(name) > 64:
                raise ConfigError(
                    f"{path}:{number}: the key is shorter than {_MIN_SECRET} bytes, or its id is twice there"
                )
            keys[name] = key
        if not keys:
            raise ConfigError(f"the key file `{path}` holds no key; make one with `openssl rand -hex 32`")
        return cls(keys)

    def of_resource(self, kind: str, resource_id: str) -> Sequence[str]:
        """Return the hashes that a resource may be recorded under, in hexadecimal digits: one for each key."""
        return [Hash(key).resource(kind, resource_id).hex() for key in self.keys.values()]


class Hash:
    """HMAC-SHA-256 (RFC 2104) under one key. `hmac.digest` gives the same in more than twice the time."""

    __slots__ = ("_inner", "_outer")

    def __init__(self, key: bytes) -> None:
        block = (key if len(key) <= _BLOCK else hashlib.sha256(key).digest()).ljust(_BLOCK, b"\0")
        self._inner = hashlib.sha256(block.translate(_INNER))
        self._outer = hashlib.sha256(block.translate(_OUTER))

    def digest(self, message: bytes) -> bytes:
        """Return the first bytes of a message's HMAC."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(message)
        outer.update(inner.digest())
        return outer.digest()[:KEY_BYTES]

    def resource(self, kind: str, resource_id: str) -> bytes:
        """Return the hash of a resource's type and id."""
        return self.digest(f"{kind}\0{resource_id}".encode())

    def value(self, name: str, value: bytes) -> bytes:
        """Return the hash of an attribute's value. It differs by attribute, so that they cannot be joined."""
        return self.digest(b"attribute\0%b\0%b" % (name.encode(), value))


def _reason(error: Exception) -> str:
    return (error.strerror or str(error)).lower() if isinstance(error, OSError) else "it is not plain ASCII"
