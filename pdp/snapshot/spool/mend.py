"""Putting a damaged file out of the way without losing what is left of it, and without taking anything twice.

The file goes to `<folder>/quarantine/<boot>-<number>/`, where it stays until somebody deletes it. Records up to the
first gap of their stream take its place, in a file of the same name. Records after a gap cannot go on in their stream,
because its chain is broken; they become the first records of new streams of a boot of their own, behind an Operation
`spool.salvaged` that says where they come from and how many are missing. So whoever reads the spool gets them without
doing anything about it.

Every step can be repeated: the intent is written first, the names of what is made follow from the name of the
quarantine folder, and nothing else is done with a boot until the report, the last file, is there.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pdp.snapshot.chain import StreamKey, genesis, hasher, link
from pdp.snapshot.spool.files import LOCK, QUARANTINE, SIDES, make_folder, segment_name, sync_folder, write_file
from pdp.snapshot.spool.recover import Found, Sorted, find_rows, sort_out
from pdp.snapshot.spool.segment import Header, Row, SegmentWriter, Start
from pdp.v1 import snapshot_pb2

_INTENT = "intent.json"
_REPORT = "report.json"


class Intent(NamedTuple):
    """What is known about a damaged file from elsewhere; `expected` and `bounds` are as in `scan`.

    `reached` says how far streams came at least, where no later file takes them on.
    """

    reason: str
    header: Header
    starts: dict[int, Start]
    expected: dict[StreamKey, int]
    bounds: dict[StreamKey, int]
    time_nanos: int
    reached: dict[StreamKey, int]


class Mended(NamedTuple):
    """What came of it: `first` is the first bad (stream, sequence), if the damage was in a record."""

    entry: Path
    file: Path
    reason: str
    first: tuple[StreamKey, int] | None
    kept: int
    saved: int
    missing: int


def begin(path: Path, intent: Intent) -> Path:
    """Write down what is to be done with a file; return its quarantine folder, for `finish`. Raises OSError."""
    base = path.parent.parent / QUARANTINE
    make_folder(base)
    name = f"{intent.header.boot}-{intent.header.number:08d}"
    number = 1
    while (base / name).exists():
        number += 1
        name = f"{intent.header.boot}-{intent.header.number:08d}-{number}"
    entry = base / name
    entry.mkdir(mode=0o700)
    write_file(entry / _INTENT, _dump(intent))
    sync_folder(base)
    return entry


def pending(folders: Iterable[Path]) -> list[Path]:
    """Return the quarantine folders whose file is not wholly dealt with."""
    return [
        found.parent
        for folder in folders
        for found in sorted((folder / QUARANTINE).glob(f"*/{_INTENT}"))
        if not (found.parent / _REPORT).exists()
    ]


def boot_of(entry: Path) -> str:
    """Return the boot whose file a quarantine folder is for."""
    return entry.name[:16]


def finish(entry: Path) -> Mended:
    """Do what was begun, or the rest of it. Raises OSError, sqlite3.Error."""
    intent = _load((entry / _INTENT).read_text("utf-8"))
    header = intent.header
    home = entry.parent.parent
    path = home / header.boot / segment_name(header.number)
    moved = entry / path.name
    spare = entry / "spare.db"
    if not (entry / "moved").exists():
        # INVARIANT: from here on the name in the boot's folder is that of the replacement.
        for side in SIDES[:2]:
            with contextlib.suppress(FileNotFoundError):
                path.with_name(path.name + side).rename(moved.with_name(moved.name + side))
        path.with_name(path.name + "-shm").unlink(missing_ok=True)
        sync_folder(path.parent)
        write_file(entry / "moved", "")
    found = find_rows(moved, header) if moved.exists() else Found({}, {}, 0)
    starts = {**intent.starts, **found.starts}
    for number, start in intent.starts.items():
        if starts[number].first == start.first and start.chain:
            starts[number] = start
    streams = _sort(intent, found, starts)
    _write_salvage(home, _salvage_boot(entry), intent, path, streams)
    if not path.exists():
        for side in SIDES:
            spare.with_name(spare.name + side).unlink(missing_ok=True)
        _write_kept(spare, header, starts, streams)
        spare.rename(path)
        sync_folder(path.parent)
    moved.with_name(moved.name + "-shm").unlink(missing_ok=True)
    bad = [(found.key, found.first_bad) for found in streams.values() if found.first_bad is not None]
    mended = Mended(
        entry,
        path,
        intent.reason,
        bad[0] if bad else None,
        sum(len(found.kept) for found in streams.values()),
        sum(len(found.saved) for found in streams.values()),
        sum(found.missing for found in streams.values()),
    )
    report = {"reason": mended.reason, "kept": mended.kept, "saved": mended.saved, "missing": mended.missing}
    write_file(entry / _REPORT, json.dumps(report))
    return mended


def _sort(intent: Intent, found: Found, starts: Mapping[int, Start]) -> dict[int, Sorted]:
    streams = {}
    for number, start in starts.items():
        key = start.key
        streams[number] = sort_out(
            key,
            found.rows.get(number, {}),
            (start.first, start.chain),
            expected=intent.expected.get(key, 0),
            bound=intent.bounds.get(key),
            reached=intent.reached.get(key, 0),
            algorithm=intent.header.algorithm,
        )
    return streams


def _write_kept(path: Path, header: Header, starts: Mapping[int, Start], streams: Mapping[int, Sorted]) -> None:
    writer = SegmentWriter(path, header._replace(mended=True), starts.values())
    try:
        rows: list[Row] = []
        for number, found in streams.items():
            if found.kept and found.anchor is not None:
                # Below what the store has: never read out, but it holds the chain value that the next one needs.
                rows.append((number, found.anchor[0], b"", found.anchor[1]))
            rows += [(number, record.sequence, record.body, record.chain) for record in found.kept]
        if rows:
            writer.write(rows, ())
    finally:
        writer.close()
    sync_folder(path.parent)


def _write_salvage(home: Path, boot: str, intent: Intent, file: Path, streams: Mapping[int, Sorted]) -> None:
    broken = {number: found for number, found in streams.items() if found.saved or found.missing}
    folder = home / boot
    if not broken or folder.exists():
        return
    hidden = home / f".new-{boot}"
    shutil.rmtree(hidden, ignore_errors=True)
    hidden.mkdir(mode=0o700)
    write_file(hidden / LOCK, "")
    header = intent.header._replace(boot=boot, number=1, mended=False)
    new = hasher(header.algorithm)
    starts: list[Start] = []
    rows: list[Row] = []
    for number, found in broken.items():
        key = found.key._replace(boot=boot)
        chain = genesis(key, header.algorithm)
        starts.append(Start(number, key, 0, chain))
        bodies = [_operation(boot, intent, file, found), *(record.body for record in found.saved)]
        for sequence, body in enumerate(bodies):
            chain = link(chain, sequence, body, new)
            rows.append((number, sequence, body, chain))
    writer = SegmentWriter(hidden / segment_name(1), header, starts)
    try:
        writer.write(rows, ())
    finally:
        writer.close()
    sync_folder(hidden)
    hidden.rename(folder)
    sync_folder(home)


def _operation(boot: str, intent: Intent, file: Path, found: Sorted) -> bytes:
    """Return the record that stands before what was saved of a stream."""
    key = found.key
    details = {
        "file": f"{key.boot}/{file.name}",
        "reason": intent.reason,
        "boot": key.boot,
        "retention": key.retention,
        "day": str(key.day),
        "first_bad": str(found.first_bad),
        "saved": str(len(found.saved)),
        "missing": str(found.missing),
        "places": _ranges([record.sequence for record in found.saved]),
    }
    operation = snapshot_pb2.Operation(
        id=f"spool-{boot}-{key.retention}-{key.day}",
        time_nanos=intent.time_nanos,
        actor="system",
        kind="spool.salvaged",
        success=not found.missing,
        details=details,
    )
    return snapshot_pb2.Record(operation=operation).SerializeToString(deterministic=True)


def _ranges(numbers: list[int]) -> str:
    """Return ascending numbers as `3-5,8`, the first hundred ranges of them."""
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    text = ",".join(str(low) if low == high else f"{low}-{high}" for low, high in ranges[:100])
    return text if len(ranges) <= 100 else f"{text},…"


def _salvage_boot(entry: Path) -> str:
    return hashlib.sha256(b"spool.salvaged\x00" + entry.name.encode()).hexdigest()[:16]


def _dump(intent: Intent) -> str:
    return json.dumps(
        {
            "reason": intent.reason,
            "header": list(intent.header),
            "starts": [[s.id, list(s.key), s.first, s.chain.hex()] for s in intent.starts.values()],
            "expected": [[list(key), value] for key, value in intent.expected.items()],
            "bounds": [[list(key), value] for key, value in intent.bounds.items()],
            "time_nanos": intent.time_nanos,
            "reached": [[list(key), value] for key, value in intent.reached.items()],
        }
    )


def _load(text: str) -> Intent:
    held: dict[str, Any] = json.loads(text)
    return Intent(
        held["reason"],
        Header(*held["header"]),
        {row[0]: Start(row[0], StreamKey(*row[1]), row[2], bytes.fromhex(row[3])) for row in held["starts"]},
        {StreamKey(*key): value for key, value in held["expected"]},
        {StreamKey(*key): value for key, value in held["bounds"]},
        held["time_nanos"],
        # Not in those that an earlier version began.
        {StreamKey(*key): value for key, value in held.get("reached", ())},
    )
