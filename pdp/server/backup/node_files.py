"""What belongs to a node alone: its keys, its name and its configuration, as files in a backup."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Final, NamedTuple

from pdp.errors import BackupError
from pdp.server.data_folder import resource_keys, write_new
from pdp.server.settings import NODE_FILE, Settings
from pdp.snapshot.evidence.checkpoint import FLOOR_NAME, STATE_NAME

DATA: Final = "data"
CONFIGURATION: Final = "configuration"
RESTORED: Final = "restored"
"""Below the restored data folder: the configuration, to be looked at and put where it belongs."""
KEYS: Final = "keys"
"""In the data folder the node's keys, in the configuration the public keys of the other nodes."""
_MOST_BYTES: Final = 64 * 1024 * 1024
_MOST_FILES: Final = 10_000
_NOT_KEPT: Final = frozenset({STATE_NAME, FLOOR_NAME})
"""What a restored node must not take up again: it would contradict the store that goes with it."""


class NodeFile(NamedTuple):
    """A file: `name` begins with `data/` or `configuration/`."""

    name: str
    data: bytes


def collect(settings: Settings, config: Path | None, public: Path | None, *, tls: bool) -> Iterator[NodeFile]:
    """Yield the files of a node; `public` is the folder or file of all nodes' public keys.

    Passwords that settings name by `{file: …}` are not among them, nor are TLS keys and certificates unless `tls` says
    so. Raises BackupError for a file that cannot be read.
    """
    folder = settings.data_folder
    yield from _found(folder / NODE_FILE, f"{DATA}/{NODE_FILE}", required=False)
    keys = folder / KEYS
    for path in sorted(keys.rglob("*")) if keys.is_dir() else ():
        if path.is_file() and not path.name.startswith(".") and path.name not in _NOT_KEPT:
            yield from _found(path, f"{DATA}/{KEYS}/{path.relative_to(keys).as_posix()}", required=True)
    # Keys in places of their own go where a node without such settings looks for them, and beside the configuration.
    if settings.audit.resource_keys is not None:
        yield from _found(resource_keys(settings), f"{CONFIGURATION}/audit.resource_keys", required=True)
    named: dict[str, Path | None] = {
        "pdp.yaml": config, "callers": settings.callers, "grants": settings.grants, "policies": settings.policies,
        KEYS: None if public is not None and public.is_file() else public,
        f"{KEYS}/nodes.pem": public if public is not None and public.is_file() else None,
        "control.trust": settings.control.trust, "control.signing_key": settings.control.signing_key,
        "control.secret_key": settings.control.secret_key,
    }  # fmt: skip
    if tls:
        named |= {
            "tls.certificate": settings.tls.certificate, "tls.key": settings.tls.key,
            "tls.client_ca": settings.tls.client_ca, "control.ca": settings.control.ca,
            "control.certificate": settings.control.certificate, "control.key": settings.control.key,
            "staff.certificate": settings.staff.certificate, "staff.key": settings.staff.key,
            "staff.client_ca": settings.staff.client_ca,
        }  # fmt: skip
    for name, place in named.items():
        if place is not None:
            yield from _all(place, f"{CONFIGURATION}/{name}")


def _all(place: Path, name: str) -> Iterator[NodeFile]:
    if not place.is_dir():
        yield from _found(place, name, required=True)
        return
    count = 0
    for path in sorted(place.rglob("*")):
        inner = path.relative_to(place)
        if not path.is_file() or any(part.startswith(".") for part in inner.parts):
            continue
        count += 1
        if count > _MOST_FILES:
            raise BackupError(f"there are more than {_MOST_FILES} files below `{place}`; is that the right folder?")
        yield from _found(path, f"{name}/{inner.as_posix()}", required=True)


def _found(path: Path, name: str, *, required: bool) -> Iterator[NodeFile]:
    try:
        with path.open("rb") as stream:
            data = stream.read(_MOST_BYTES + 1)
    except FileNotFoundError:
        if required:
            raise BackupError(f"`{path}` is not there any more; make the backup again") from None
        return
    except OSError as error:
        raise BackupError(f"cannot read `{path}`: {(error.strerror or str(error)).lower()}") from error
    if len(data) > _MOST_BYTES:
        raise BackupError(f"`{path}` is larger than {_MOST_BYTES} bytes; is it what the settings should name?")
    yield NodeFile(name, data)


def restore(folder: Path, file: NodeFile) -> Path:
    """Write a file below a new data folder and return where. Raises BackupError for a name that leads elsewhere."""
    parts = PurePosixPath(file.name).parts
    if len(parts) < 2 or parts[0] not in {DATA, CONFIGURATION} or ".." in parts or file.name.startswith("/"):
        raise BackupError(f"a file of the backup is called `{file.name}`, which is no name for one")
    target = folder.joinpath(*([] if parts[0] == DATA else [RESTORED]), *parts[1:])
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_new(target, file.data)
    return target


def is_empty(folder: Path) -> bool:
    """Whether a folder can take a restore: it is not there, or nothing is in it."""
    return not folder.exists() or (folder.is_dir() and not os.listdir(folder))  # noqa: PTH208 - closed at once
