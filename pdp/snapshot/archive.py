"""Archives: one compressed evidence file of each (retention, day), which outlives its records in the store.

A file holds whole streams with the checkpoints that cover them: all that verification needs but the public keys.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pdp.errors import EvidenceError, StoreError
from pdp.signing import TrustedKeys, sync_folder
from pdp.snapshot.chain import StreamKey
from pdp.snapshot.evidence import file as evidence_file
from pdp.snapshot.evidence.file import EvidenceFile
from pdp.snapshot.evidence.verify import verify
from pdp.snapshot.holds import iso
from pdp.snapshot.store.base import Reader, StreamState

SUFFIX: Final = ".jxe.gz"
_CHUNK = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Archived:
    """An archive that was read back and is good; `sha256` is that of the file, in hexadecimal."""

    path: Path
    retention: str
    day: int
    streams: int
    records: int
    sha256: str


def archive_name(retention: str, day: int) -> str:
    """Return the name of a partition's archive: `snapshots-long-2026-03-02.jxe.gz`."""
    return f"snapshots-{retention}-{iso(day)}{SUFFIX}"


def write_archive(reader: Reader, retention: str, day: int, folder: Path, trusted: TrustedKeys) -> Archived:
    """Write the archive of a (retention, day) into a folder; one that is there already and good is left alone.

    The file gets its name only when it is on the disk, was read back and verified, and holds just what the store has;
    only its owner can read it. Raises StoreError when there are no records or some may still come, EvidenceError when
    they cannot be verified or another file has the name, and OSError.
    """
    states = _states(reader, retention, day)
    path = folder / archive_name(retention, day)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.exists():
        check_archive(path, states, trusted)
    else:
        with _own_folder(folder / f".{path.name}.part") as own:
            part = own / path.name
            evidence_file.save(part, evidence_file.write_streams(reader, sorted(states)))
            part.chmod(0o400)
            _make_durable(part)
            check_archive(part, states, trusted)
            try:
                # Unlike a rename it never takes the place of another file.
                path.hardlink_to(part)
            except FileExistsError as error:
                raise EvidenceError(f"`{path}` has come into being meanwhile; try again") from error
            sync_folder(folder)
    return Archived(path, retention, day, len(states), sum(state.count for state in states.values()), _digest(path))


def _states(reader: Reader, retention: str, day: int) -> dict[StreamKey, StreamState]:
    """Return the streams of a partition. Raises StoreError when there are none, or one that has not ended."""
    what = f"class `{retention}` of {iso(day)}"
    states = {
        state.key: state
        for state in reader.streams()
        if (state.key.retention, state.key.day) == (retention, day) and state.count and not state.dropped
    }
    if not states:
        raise StoreError(f"there are no records of {what}")
    for key, state in states.items():
        if not state.closed:
            name = f"{key.node}/{key.boot}"
            raise StoreError(f"records of {what} may still come: the stream `{name}` has not ended; archive it later")
    return states


def check_archive(path: Path, states: Mapping[StreamKey, StreamState], trusted: TrustedKeys) -> None:
    """Read an archive back. Raises EvidenceError when it is damaged or does not hold just these streams."""
    file = EvidenceFile(path)
    report = verify(file, trusted, deep=False)
    if not report.is_complete:
        found = "; ".join(finding.sentence.en for finding in report.faults[:3])
        raise EvidenceError(f"the archive `{path.name}` cannot be verified: {found}; run `pdp snapshot verify`")
    held = {state.key: (state.count, state.chain, state.closed) for state in file.streams()}
    if held != {state.key: (state.count, state.chain, state.closed) for state in states.values()}:
        raise EvidenceError(
            f"the archive `{path}` does not hold what the store has of its day; move it away and try again"
        )


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _make_durable(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _own_folder(path: Path) -> Iterator[Path]:
    """Give an empty folder that nobody else can use meanwhile; what a crash left in it goes. Raises StoreError."""
    path.mkdir(mode=0o700, exist_ok=True)
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StoreError(f"somebody else writes this archive now, in `{path}`; try again later") from error
        _empty(path)
        try:
            yield path
        finally:
            _empty(path)
            path.rmdir()
    finally:
        os.close(descriptor)


def _empty(path: Path) -> None:
    for left in path.iterdir():
        left.unlink()
