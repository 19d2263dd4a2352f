"""The bearer token that a client shows, read again when its file changes."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from jingxi_client.errors import ConfigurationError

_Stamp = tuple[int, int, int]


class TokenFile:
    """A file with a token; white space around it does not count. Safe to share between threads."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)
        self._lock = threading.Lock()
        self._stamp: _Stamp | None = None
        self._metadata: tuple[tuple[str, str], ...] = ()
        self._read()

    def metadata(self) -> tuple[tuple[str, str], ...]:
        """Return the metadata of a call. A file that cannot be read leaves the token as it was."""
        try:
            if self._stamp != self._stamp_now():
                self._read()
        except (OSError, ConfigurationError):
            # A file is being replaced; the service says when the old token does not do any more.
            return self._metadata
        return self._metadata

    def _read(self) -> None:
        with self._lock:
            try:
                stamp = self._stamp_now()
                token = self._path.read_text("ascii").strip()
            except OSError as error:
                raise ConfigurationError(f"token file `{self._path}` cannot be read: {error.strerror}") from error
            except UnicodeDecodeError as error:
                raise ConfigurationError(f"token file `{self._path}` holds more than ASCII") from error
            if not token or not token.isprintable() or " " in token:
                raise ConfigurationError(f"token file `{self._path}` holds no token")
            self._stamp, self._metadata = stamp, (("authorization", f"Bearer {token}"),)

    def _stamp_now(self) -> _Stamp:
        found = self._path.stat()
        return found.st_mtime_ns, found.st_size, found.st_ino
