"""What this user's tools know of staff ports: sessions, the secret of this device, and whom TLS trusts.

It stands in `~/.config/jingxi/session`, for its user alone.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import stat
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from pdp.cli.exits import CommandError

DEVICE_HEADER: Final = "x-jingxi-device"
_DEVICE_BYTES = 32


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of one staff port: whether it speaks TLS, and the paths of PEM files, empty for none."""

    name: str = ""
    token: str = ""
    tls: bool = False
    ca: str = ""
    certificate: str = ""
    key: str = ""


class SessionFile:
    """The file. Everything raises CommandError when it cannot be read or written."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or _place()
        self._data = self._read()

    def known(self, address: str) -> Known | None:
        """Return what is known of a staff port."""
        found = self._data["ports"].get(address)
        return None if found is None else Known(**found)

    def keep(self, address: str, known: Known) -> None:
        """Remember a staff port."""
        self._data["ports"][address] = asdict(known)
        self._write()

    def device(self) -> bytes:
        """Return the secret of this device, made when there is none yet."""
        if not self._data["device"]:
            self._data["device"] = _coded(secrets.token_bytes(_DEVICE_BYTES))
            self._write()
        return base64.urlsafe_b64decode(self._data["device"] + "=")

    def metadata(self, address: str) -> list[tuple[str, str]]:
        """Return what a call shows at a staff port; nothing without a session."""
        known = self.known(address)
        if known is None or not known.token:
            return []
        return [("authorization", f"Bearer {known.token}"), (DEVICE_HEADER, _coded(self.device()))]

    def _read(self) -> dict[str, Any]:
        empty: dict[str, Any] = {"device": "", "ports": {}}
        try:
            with self.path.open("rb") as file:
                if os.fstat(file.fileno()).st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                    raise CommandError(f"others can read `{self.path}`, which signs you in; run `chmod 600` on it")
                found = json.load(file)
        except FileNotFoundError:
            return empty
        except OSError as error:
            raise CommandError(f"cannot read `{self.path}`: {(error.strerror or str(error)).lower()}") from error
        except ValueError as error:
            raise CommandError(f"`{self.path}` is damaged; remove it and sign in anew") from error
        if not _is_ours(found):
            raise CommandError(f"`{self.path}` is damaged; remove it and sign in anew")
        return {**empty, **found}

    def _write(self) -> None:
        temporary = self.path.with_name(f".{self.path.name}.{secrets.token_hex(4)}")
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(self._data, file)
            temporary.replace(self.path)
        except OSError as error:
            raise CommandError(f"cannot write `{self.path}`: {(error.strerror or str(error)).lower()}") from error


def _place() -> Path:
    home = os.environ.get("XDG_CONFIG_HOME")
    return (Path(home) if home else Path.home() / ".config") / "jingxi" / "session"


def _is_ours(found: object) -> bool:
    if not isinstance(found, Mapping) or not isinstance(found.get("ports"), Mapping):
        return False
    fields = set(Known.__slots__)
    return all(isinstance(port, Mapping) and set(port) <= fields for port in found["ports"].values())


def _coded(secret: bytes) -> str:
    return base64.urlsafe_b64encode(secret).decode().rstrip("=")
