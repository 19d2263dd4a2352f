"""The state folder: what a client keeps on its disk. Its form is in docs/guides/client-contract.md, "State folder"."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from pathlib import Path

from google.protobuf.message import DecodeError

from jingxi_client._files import write_whole
from jingxi_client._gen.pdp.v1 import bundle_pb2
from jingxi_client._gen.pdp.v1 import decision_service_pb2 as api
from jingxi_client.errors import ConfigurationError

try:
    import fcntl
except ImportError:  # Windows; the client itself runs there
    fcntl = None  # type: ignore[assignment]

_ID = re.compile(r"[0-9a-f]{32}")


class StateFolder:
    """One folder, locked for this process until `close`. Raises ConfigurationError when it cannot be had."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        if fcntl is None:
            raise ConfigurationError("a state folder needs a system with `flock`, such as Linux; leave `state` out")
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise ConfigurationError(f"state folder `{self.path}` cannot be used: {error.strerror}") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock)
            raise ConfigurationError(
                f"state folder `{self.path}` is in use by another client; give each process a folder of its own"
            ) from error
        try:
            (self.path / "maps").mkdir(mode=0o700, exist_ok=True)
            self.client_id = self._client_id()
        except OSError as error:
            os.close(self._lock)
            raise ConfigurationError(f"state folder `{self.path}` cannot be used: {error.strerror}") from error

    def close(self) -> None:
        """Let another process have the folder."""
        os.close(self._lock)

    def read_map(self, application: str, name: str) -> api.GetMessageMapResponse | None:
        """Return the message map that was kept, None when there is none that can be read."""
        try:
            found = api.GetMessageMapResponse.FromString(self._map_path(application, name).read_bytes())
        except (OSError, DecodeError):
            return None
        return found if (found.message_map.application, found.message_map.name) == (application, name) else None

    def keep_map(self, application: str, name: str, found: api.GetMessageMapResponse) -> None:
        """Keep a message map in place of an earlier one. Raises OSError."""
        data = found.SerializeToString(deterministic=True)
        path = self._map_path(application, name)
        if not path.exists() or path.read_bytes() != data:
            write_whole(path, data)

    def read_bundle(self) -> bytes | None:
        """Return the serialized SignedBundle that was kept, None when there is none."""
        try:
            return (self.path / "bundle.pb").read_bytes()
        except OSError:
            return None

    def keep_bundle(self, signed: bundle_pb2.SignedBundle) -> None:
        """Keep a bundle in place of an earlier one. Raises OSError."""
        write_whole(self.path / "bundle.pb", signed.SerializeToString(deterministic=True))

    def _map_path(self, application: str, name: str) -> Path:
        digest = hashlib.sha256(application.encode() + b"\0" + name.encode()).hexdigest()
        return self.path / "maps" / f"{digest}.pb"

    def _client_id(self) -> str:
        path = self.path / "client-id"
        try:
            text = path.read_text("ascii").strip()
        except FileNotFoundError:
            text = secrets.token_hex(16)
            write_whole(path, text.encode())
        except UnicodeDecodeError:
            text = ""
        if _ID.fullmatch(text) is None:
            raise ConfigurationError(f"`{path}` holds no client id; restore it, or begin with a new folder")
        return text
