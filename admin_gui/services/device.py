"""The secret of this device, which a session counts only together with.

It stands in the file that `pdp login` keeps as well, so that both are one device of an account's. The tokens there are
the command line's; this program keeps its own in memory alone.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import secrets
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

DEVICE_BYTES: Final = 32


class DeviceFileError(Exception):
    """A file that cannot be used; the message says which, why and how to mend it."""


def device_secret(path: Path | None = None) -> bytes:
    """Return the secret, made when there is none yet. Raises DeviceFileError."""
    at = path or place()
    found = _read(at)
    data = found or {"device": "", "ports": {}}
    if not data.get("device"):
        data["device"] = base64.urlsafe_b64encode(secrets.token_bytes(DEVICE_BYTES)).decode().rstrip("=")
        if not _write(at, data, new=found is None):
            # Another window was first: both are the same device.
            return device_secret(at)
    try:
        secret = base64.b64decode(data["device"] + "=", altchars=b"-_", validate=True)
    except (binascii.Error, TypeError, ValueError) as error:
        raise _damaged(at) from error
    if len(secret) != DEVICE_BYTES:
        raise _damaged(at)
    return secret


def place() -> Path:
    """Return where the file is: `~/.config/jingxi/session`."""
    home = os.environ.get("XDG_CONFIG_HOME")
    return (Path(home) if home else Path.home() / ".config") / "jingxi" / "session"


def _read(path: Path) -> dict[str, Any] | None:
    """Return what the file holds; None for no file."""
    try:
        with path.open("rb") as file:
            if os.name == "posix" and os.fstat(file.fileno()).st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise DeviceFileError(f"others can read `{path}`, which is this device's secret; run `chmod 600` on it")
            found = json.load(file)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DeviceFileError(f"cannot read `{path}`: {(error.strerror or str(error)).lower()}") from error
    except ValueError as error:
        raise _damaged(path) from error
    if not isinstance(found, Mapping) or not isinstance(found.get("ports"), Mapping):
        raise _damaged(path)
    return dict(found)


def _write(path: Path, data: Mapping[str, Any], *, new: bool) -> bool:
    """Write the file; of several programs that make a `new` one at the same time only one does, which is told."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(data, file)
        return _put(temporary, path, new=new)
    except OSError as error:
        raise DeviceFileError(f"cannot write `{path}`: {(error.strerror or str(error)).lower()}") from error


def _put(temporary: Path, path: Path, *, new: bool) -> bool:
    if new:
        try:
            os.link(temporary, path)
        except FileExistsError:
            temporary.unlink()
            return False
        except OSError:
            # A file system without links: who comes last has made it.
            temporary.replace(path)
        else:
            temporary.unlink()
        return True
    temporary.replace(path)
    return True


def _damaged(path: Path) -> DeviceFileError:
    return DeviceFileError(f"`{path}` is damaged; remove it and sign in anew")
