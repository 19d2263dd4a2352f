"""A folder of backups: chains of one full backup and the incremental ones after it.

A backup names the one before it by the hash of that one's header, so none can be left out, exchanged or put in between.
"""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pdp.errors import BackupError
from pdp.server.backup.entries import INDEX, Index, Watermarks
from pdp.server.backup.keys import BackupKey
from pdp.server.backup.sealed import SealedReader
from pdp.values import NANOS

SUFFIX: Final = ".jxbackup"
FULL: Final = "full"
INCREMENTAL: Final = "incremental"
_LOCK = ".lock"


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup as its header tells it, which without the key nobody has vouched for.

    `sequence` counts from 1, the full one, in the chain named `chain`; `digest` is the header's SHA-256; `hash` is that
    of the records' chains; with `node_only` the stores are not in it.
    """

    path: Path
    name: str
    kind: str
    chain: str
    sequence: int
    previous: str
    digest: str
    node: str
    key_id: str
    created_nanos: int
    version: str
    hash: str
    node_only: bool
    size: int

    @classmethod
    def of(cls, reader: SealedReader) -> Backup:
        """Return what a header says. Raises BackupError."""
        said = reader.header
        try:
            return cls(
                reader.path, reader.path.name.removesuffix(SUFFIX), str(said["kind"]), str(said["chain"]),
                int(said["sequence"]), str(said["previous"]), reader.digest.hex(), str(said["node"]), reader.key_id,
                int(said["created_nanos"]), str(said["version"]),
                str(said["hash"]), bool(said["node_only"]), reader.size,
            )  # fmt: skip
        except (KeyError, ValueError, TypeError) as error:
            raise BackupError(f"the header of the backup `{reader.path}` is damaged") from error

    @property
    def created(self) -> str:
        """When it was begun, in UTC."""
        return _moment(self.created_nanos).isoformat(timespec="seconds").replace("+00:00", "Z")

    def plain(self) -> dict[str, Any]:
        """Return it as plain data for JSON."""
        return {
            "name": self.name, "kind": self.kind, "chain": self.chain, "sequence": self.sequence, "node": self.node,
            "key_id": self.key_id, "created": self.created, "version": self.version, "node_only": self.node_only,
            "bytes": self.size,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Chain:
    """A full backup and what follows it, in order, as far as it holds together; `problems` tell why no further."""

    backups: tuple[Backup, ...]
    problems: tuple[str, ...] = ()

    @property
    def first(self) -> Backup:
        """The full one."""
        return self.backups[0]

    @property
    def last(self) -> Backup:
        """The newest one."""
        return self.backups[-1]

    def upto(self, name: str) -> Chain:
        """Return the chain as it was when a backup was made."""
        at = [backup.name for backup in self.backups].index(name)
        return Chain(self.backups[: at + 1])


def name_of(kind: str, now: int) -> str:
    """Return the name of a backup that is begun now; names stand in the order of time."""
    return f"{_moment(now):%Y%m%dT%H%M%S.%f}Z-{kind}"


def read(folder: Path) -> tuple[list[Chain], list[str]]:
    """Return the chains of a folder, oldest first, and what in it is no backup or belongs to no chain.

    Raises BackupError when there is no such folder.
    """
    found: list[Backup] = []
    problems: list[str] = []
    try:
        paths = sorted(path for path in folder.iterdir() if path.name.endswith(SUFFIX))
    except OSError as error:
        raise BackupError(f"cannot look into `{folder}`: {(error.strerror or str(error)).lower()}") from error
    for path in paths:
        if path.name.startswith("."):
            continue
        try:
            with SealedReader(path) as reader:
                found.append(Backup.of(reader))
        except BackupError as error:
            problems.append(str(error))
    chains = [_chain(first, found) for first in found if first.kind == FULL and first.sequence == 1]
    held = {backup.path for chain in chains for backup in chain.backups}
    for chain in chains:
        problems += chain.problems
    problems += [
        f"the backup `{backup.name}` follows one that is not there; it cannot be restored"
        for backup in found
        if backup.path not in held and not any(backup.chain == chain.first.chain and chain.problems for chain in chains)
    ]
    return sorted(chains, key=lambda chain: chain.first.created_nanos), problems


def _chain(first: Backup, found: Sequence[Backup]) -> Chain:
    backups = [first]
    rest = sorted((b for b in found if b.chain == first.chain and b.sequence > 1), key=lambda backup: backup.sequence)
    for backup in rest:
        last = backups[-1]
        if backup.sequence != last.sequence + 1 or backup.previous != last.digest:
            words = f"the backup `{backup.name}` does not follow `{last.name}`: one between is missing or exchanged"
            return Chain(tuple(backups), (words,))
        backups.append(backup)
    return Chain(tuple(backups))


def newest(folder: Path, name: str | None = None) -> Chain:
    """Return the newest chain, or that of a backup up to this one. Raises BackupError when there is none."""
    chains, problems = read(folder)
    if name is not None:
        wanted = name.removesuffix(SUFFIX)
        for chain in chains:
            if any(backup.name == wanted for backup in chain.backups):
                return chain.upto(wanted)
        more = f": {problems[0]}" if problems else "; `pdp backup list` shows those that there are"
        raise BackupError(f"there is no backup `{wanted}` in `{folder}` that can be restored{more}")
    if not chains:
        more = f": {problems[0]}" if problems else ""
        raise BackupError(f"there is no full backup in `{folder}`{more}")
    return chains[-1]


def index_of(backup: Backup, key: BackupKey) -> Index:
    """Return a backup's index. Raises BackupError."""
    with SealedReader(backup.path, key) as reader:
        if reader.digest.hex() != backup.digest:
            raise BackupError(f"the backup `{backup.path}` was exchanged meanwhile")
        return Index.unpack(reader.section(INDEX), backup.path)


def watermarks(chain: Chain, key: BackupKey) -> Watermarks:
    """Return how far a chain goes. Raises BackupError."""
    return Watermarks([index_of(backup, key) for backup in chain.backups])


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Have a folder, made if need be, for one backup alone. Raises BackupError when another one is being made there."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise BackupError(f"cannot write to `{folder}`: {(error.strerror or str(error)).lower()}") from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BackupError(f"another backup is being made in `{folder}`; wait for it to end") from error
        for left in folder.glob(f".*{SUFFIX}.part"):
            # Of one that was killed.
            left.unlink()
        yield
    finally:
        os.close(handle)


def prune(chains: Sequence[Chain], keep: int) -> list[Backup]:
    """Remove all chains but the last `keep`, and return what went. Raises OSError."""
    gone: list[Backup] = []
    for chain in chains[:-keep] if len(chains) > keep else ():
        # The full one last: without it the others could not be told to be of a chain.
        for backup in reversed(chain.backups):
            with contextlib.suppress(FileNotFoundError):
                backup.path.unlink()
            gone.append(backup)
    return gone


def chain_id(node: str, now: int) -> str:
    """Return what names a new chain."""
    return hashlib.sha256(f"{node}\0{now}\0{os.urandom(8).hex()}".encode()).hexdigest()[:16]


def _moment(nanos: int) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(nanos // 1000 / (NANOS // 1000), datetime.UTC)
