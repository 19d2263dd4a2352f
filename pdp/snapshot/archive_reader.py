"""Archives as a store that can be asked: one or several files, read from end to end for each question.

The memory is that of a page and a batch of records, whatever the files hold. A question takes about a minute for each
million records, so somebody with many questions does better to bring an archive into a store of its own.
"""

# ruff: noqa: D102 - `store.base` tells what methods do

from __future__ import annotations

import heapq
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, Final, Literal

from google.protobuf.message import DecodeError

from pdp.errors import EvidenceError, StoreError
from pdp.snapshot import columns
from pdp.snapshot.archive import SUFFIX
from pdp.snapshot.chain import StreamKey
from pdp.snapshot.evidence.file import EvidenceFile
from pdp.snapshot.store.base import Link, Place, Sql, StoredRecord, StreamState
from pdp.snapshot.store.batch import Batch

_BATCH: Final = 1_000


class ArchiveReader:
    """See `store.base.Reader`. Its records come with columns that were drawn out of them anew, and only in lists.

    `parts` are the files, each a `passes.Source`: they are verified one by one, for between the checkpoints of one
    archive and the next there may be others. Raises EvidenceError when a file is damaged, holds single records only, or
    a stream stands in two of them.
    """

    whole: Final = False
    dialect: Final[Literal["sqlite"]] = "sqlite"

    def __init__(self, paths: Sequence[Path]) -> None:
        """Open files, and all archives of folders."""
        self._files: dict[StreamKey, EvidenceFile] = {}
        self._states: list[StreamState] = []
        self._opened: list[EvidenceFile] = []
        for path in _files(paths):
            self._add(path)
        self._states.sort(key=lambda state: state.key)
        self._stopping = threading.local()

    def _add(self, path: Path) -> None:
        file = EvidenceFile(path)
        if file.form != "streams":
            raise EvidenceError(f"`{path}` holds single records with proofs, not whole chains; verify it as it is")
        for state in file.streams():
            if state.key in self._files:
                raise EvidenceError(f"`{path}` holds a chain that another of the archives holds too; leave one out")
            self._files[state.key] = file
            self._states.append(state)
        self._opened.append(file)

    @property
    def parts(self) -> tuple[EvidenceFile, ...]:
        """The files."""
        return tuple(self._opened)

    def close(self) -> None:
        for file in self._opened:
            file.close()

    def streams(self) -> list[StreamState]:
        return list(self._states)

    def recent_streams(self, day: int) -> list[StreamState]:
        return [state for state in self._states if state.key.day >= day or not state.closed]

    def strays(self) -> int:
        return 0

    def bundle(self, hash: str) -> bytes | None:  # noqa: A002 - an archive holds records only
        return None

    def records(self, key: StreamKey, start: int = 0, *, bare: bool = False) -> Iterator[StoredRecord]:
        file = self._files.get(key)
        if file is not None:
            yield from file.records(key, start, bare=bare)

    def links(self, key: StreamKey) -> Iterator[Sequence[Link]]:
        file = self._files.get(key)
        if file is not None:
            yield from file.links(key)

    def checkpoints(self, node: str | None = None, since: int = 0) -> Iterator[tuple[str, int, bytes]]:
        last: tuple[str, int, bytes] | None = None
        merged = heapq.merge(*(file.checkpoints(node, since) for file in self._opened))
        for found in merged:
            # Archives of one day or of days that follow each other share some.
            if found != last:
                yield found
            last = found

    def select(
        self, where: Sql | None, *, after: Place | None, oldest_first: bool, limit: int, bare: bool = False
    ) -> list[StoredRecord]:
        del bare  # the columns are drawn already
        pick = heapq.nsmallest if oldest_first else heapq.nlargest
        found = (
            record
            for record in self._matching(where)
            if after is None or (record.place > after if oldest_first else record.place < after)
        )
        return pick(limit, found, key=lambda record: record.place)

    def count(self, where: Sql | None, *, exact: bool) -> tuple[int, bool]:
        if where is None:
            return sum(state.count for state in self._states), True
        return (sum(1 for _ in self._matching(where)), True) if exact else (-1, False)

    def find(self, record_id: str) -> StoredRecord | None:
        text = record_id.encode()
        for state in self._states:
            for record in self._read(state.key):
                # Looking for the text first spares taking nearly all of them apart.
                if text in record.body:
                    drawn = _drawn(record)
                    if drawn.columns["id"] == record_id:
                        return drawn
        return None

    def group(self, where: Sql | None, by: Sql, *, limit: int, in_order: bool) -> list[tuple[Any, int, int]]:
        groups: dict[Any, tuple[int, int]] = {}
        with closing(Batch()) as batch:
            for records in self._batches():
                for key, count, flagged in batch.grouped([record.columns for record in records], where, by):
                    before = groups.get(key, (0, 0))
                    groups[key] = (before[0] + count, before[1] + flagged)
        rows = [(key, count, flagged) for key, (count, flagged) in groups.items()]
        # None is a key like any other and comes first.
        rows.sort(key=lambda row: (row[0] is not None, row[0] if row[0] is not None else 0))
        if not in_order:
            rows.sort(key=lambda row: row[1], reverse=True)
        return rows[:limit]

    @contextmanager
    def interruptible(self) -> Iterator[Callable[[], None]]:
        stop = threading.Event()
        before, self._stopping.event = getattr(self._stopping, "event", None), stop
        try:
            yield stop.set
        finally:
            self._stopping.event = before

    def _matching(self, where: Sql | None) -> Iterator[StoredRecord]:
        if where is None:
            for records in self._batches():
                yield from records
            return
        with closing(Batch()) as batch:
            for records in self._batches():
                for index in batch.matching([record.columns for record in records], where):
                    yield records[index]

    def _batches(self) -> Iterator[list[StoredRecord]]:
        for state in self._states:
            rows = self._read(state.key)
            while batch := [_drawn(record) for record in islice(rows, _BATCH)]:
                yield batch

    def _read(self, key: StreamKey) -> Iterator[StoredRecord]:
        stop: threading.Event | None = getattr(self._stopping, "event", None)
        for record in self._files[key].records(key):
            if stop is not None and stop.is_set():
                raise StoreError("the question was broken off")
            yield record


def open_archives(paths: Sequence[Path]) -> ArchiveReader:
    """Open evidence files of whole chains, and the archives in folders. Raises EvidenceError."""
    return ArchiveReader(paths)


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            found = sorted(path.glob(f"snapshots-*{SUFFIX}"))
            if not found:
                raise EvidenceError(f"there is no archive in `{path}`; they are called `snapshots-…{SUFFIX}`")
            yield from found
        else:
            yield path


def _drawn(record: StoredRecord) -> StoredRecord:
    try:
        return record._replace(columns=columns.extract(record.body))
    except DecodeError as error:
        name = "/".join(map(str, record.stream))
        raise EvidenceError(
            f"record {record.sequence} of the chain `{name}` cannot be read; verify the archive"
        ) from error
