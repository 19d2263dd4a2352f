"""The folder for what must last: the spool, the embedded store, keys, bundles; for one server alone.

| path | holds |
|---|---|
| lock, shipping.lock | the process id of the server that has the folder; held by its shipper |
| keys/ | `resource`, by which resource ids are hashed, and the key that signs checkpoints |
| keys/control/ | the key that signs revisions, and `secret`, which seals what accounts keep, where none are named |
| spool/ | records on their way to the store |
| store/ | the embedded store |
| bundles/ | bundles on their way to the store |
| control/ | the embedded control store |
| applied/ | the revision that the node decided by last |
| siem/ | how far each output of security events has come |
| node | the name of the node |
| restoring | that a restore has begun and not ended |

Nobody but the server's user may read or write any of it.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import stat
from pathlib import Path
from typing import Final, Self

from pdp.errors import ConfigError, EvidenceError
from pdp.server.settings import NODE_FILE, Settings, kept_name
from pdp.signing import NodeKey, sync_folder

RESOURCE_KEY_BYTES: Final = 32
RESTORING: Final = "restoring"
_FOLDERS = ("keys", "spool", "store", "bundles", "control", "applied")
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


def is_needed(settings: Settings) -> bool:
    """Whether there must be one; see `Settings.keeps`."""
    return settings.keeps


def resource_keys(settings: Settings) -> Path:
    """Return the file of the keys by which resource ids are hashed, `id hex` a line, the last one in use."""
    return settings.audit.resource_keys or settings.data_folder / "keys" / "resource"


class DataFolder:
    """The folder of a server that runs; `close` leaves it to the next one."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self._lock = lock

    @classmethod
    def open(cls, settings: Settings) -> Self:
        """Make what is missing of the settings' folder and take it.

        Raises ConfigError when it cannot be made, is open to others, or another server has it.
        """
        path = settings.data_folder
        try:
            _own(path)
            if (path / RESTORING).exists():
                raise ConfigError(
                    f"a restore into the data folder `{path}` was not finished, so not all of it is there; remove the "
                    "folder and restore into a new one"
                )
            lock = _take(path)
            try:
                for name in _FOLDERS:
                    _own(path / name, tighten=True)
                if settings.audit.resource_keys is None:
                    _make_resource_key(resource_keys(settings))
                NodeKey.load_or_create(path / "keys")
                _keep_name(settings)
            except BaseException:
                os.close(lock)
                raise
        except EvidenceError as error:
            raise ConfigError(str(error)) from error
        except OSError as error:
            raise ConfigError(
                f"cannot keep anything in the data folder `{path}`: {(error.strerror or str(error)).lower()} "
                f"(`{error.filename}`); name a folder that this user can write by `data` or `--data`, "
                "or keep nothing with `audit.durability: off` and `staff.listen: off`"
            ) from error
        return cls(path, lock)

    @property
    def spool(self) -> Path:
        """Where records wait for the store, a folder for each life of a process."""
        return self.path / "spool"

    @property
    def bundles(self) -> Path:
        """Where bundles wait for the store, each under its hash."""
        return self.path / "bundles"

    def close(self) -> None:
        """Let another server have it."""
        os.close(self._lock)


def _keep_name(settings: Settings) -> None:
    """Remember the node's name. Raises ConfigError when the folder is that of another: its chains bear that name."""
    path, name = settings.data_folder, settings.node_name
    kept = kept_name(path)
    if not kept:
        write_new(path / NODE_FILE, f"{name}\n".encode())
    elif kept != name:
        raise ConfigError(
            f"the data folder `{path}` is that of node `{kept}`, not of `{name}`; leave `node` out or set it to "
            f"`{kept}`, or give this node a folder of its own by `--data`"
        )


def write_new(path: Path, data: bytes) -> None:
    """Write a file that is whole or not there, for this user alone, and durable on return. Raises OSError."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def _own(path: Path, *, tighten: bool = False) -> None:
    """Have a folder that is ours alone; `tighten` takes from others what they may do in one that is there.

    Raises ConfigError and OSError.
    """
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = path.stat()
    if found.st_uid not in {0, os.geteuid()}:
        raise ConfigError(f"the data folder `{path}` belongs to another user; name one of your own by `--data`")
    mode = stat.S_IMODE(found.st_mode)
    if not mode & _OTHERS:
        return
    # What systemd made for us is empty and may be readable. Anything else may be a folder with another purpose.
    ours = tighten or not any(path.iterdir()) or (path / "lock").exists()
    if mode & _OTHERS_WRITE or not ours:
        may = "write" if mode & _OTHERS_WRITE else "look into"
        raise ConfigError(
            f"others can {may} the data folder `{path}`; `chmod 700 {path}` if it serves nothing else, "
            "or name another by `--data`"
        )
    path.chmod(0o700)


def _take(path: Path) -> int:
    """Return the descriptor that holds the lock. Raises ConfigError when another process has it."""
    handle = os.open(path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(handle, 20, 0).decode("ascii", "replace").strip()
        os.close(handle)
        raise ConfigError(
            f"another server (process {holder or 'unknown'}) uses the data folder `{path}`; "
            "give each server one of its own by `data` or `--data`"
        ) from None
    except BaseException:
        os.close(handle)
        raise
    os.ftruncate(handle, 0)
    os.pwrite(handle, b"%d\n" % os.getpid(), 0)
    return handle


def _make_resource_key(path: Path) -> None:
    if path.exists():
        return
    write_new(path, f"{secrets.token_hex(4)} {secrets.token_hex(RESOURCE_KEY_BYTES)}\n".encode())
