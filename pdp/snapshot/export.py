"""Writes records to a file for people and programs: CSV, JSON lines, a workbook, or evidence that can be verified.

An export is itself recorded before its first byte leaves, and so is its end, with the number of records and the SHA-256
of what left, or why it ended early (requirement A39).
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import secrets
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Protocol

from google.protobuf import json_format

from pdp.errors import LimitError, PdpError, RequestError, Violation
from pdp.snapshot.chain import StreamKey
from pdp.snapshot.evidence import file as evidence_file
from pdp.snapshot.export_rows import cells, headings, safe
from pdp.snapshot.filter import Node, nodes
from pdp.snapshot.filter.names import NAMES
from pdp.snapshot.query import Asking, where
from pdp.snapshot.store.base import Place, Reader, Sql, StoredRecord, StreamState
from pdp.v1 import snapshot_pb2, snapshot_service_pb2

BEGIN, END = "snapshot.export", "snapshot.export.end"
"""Kinds of the records of an export."""
MAX_REASON: Final = 512
MAX_EVIDENCE: Final = 1_000_000
"""Single records of one evidence file: where they stand is in memory."""
_BATCH = 500
_CHUNK = 64 * 1024
_LANGUAGES = ("zh", "en")

Record = Callable[[snapshot_pb2.Operation], None]
"""Makes the record of an operation durable, or raises SpoolError."""


class Piece(NamedTuple):
    """Bytes of the file, how many records were taken so far, and how many there will be (-1: not known)."""

    data: bytes
    records: int
    expected: int


class FileWriter(Protocol):
    """Writes one format."""

    def begin(self) -> bytes:
        """Return what stands before the records."""

    def add(self, record: StoredRecord) -> bytes:
        """Return what can leave already once this record is in."""

    def end(self) -> Iterator[bytes]:
        """Yield the rest, piece by piece."""

    def close(self) -> None:
        """Let go of what it holds, also after a failure."""


@dataclass(frozen=True, slots=True)
class Order:
    """A checked request for an export, and who asks from where."""

    filter: Node | None
    text: str
    form: snapshot_service_pb2.ExportFormat
    reason: str
    language: str
    actor: str
    address: str
    now: int


def check(asking: Asking, request: snapshot_service_pb2.ExportSnapshotsRequest, actor: str, address: str) -> Order:
    """Return the order of a request. Raises FilterError and RequestError."""
    found: list[Violation] = []
    if request.format not in (*_WRITERS, snapshot_service_pb2.EXPORT_FORMAT_EVIDENCE):
        found.append(Violation("format", "must be CSV, JSON lines, XLSX or EVIDENCE"))
    if not request.reason.strip():
        found.append(Violation("reason", "is required; the export is recorded with it"))
    elif len(request.reason.encode()) > MAX_REASON:
        found.append(Violation("reason", f"is longer than {MAX_REASON} bytes"))
    if request.language not in ("", *_LANGUAGES):
        found.append(Violation("language", "must be `zh` or `en`"))
    if found:
        raise RequestError(*found)
    now = asking.clock()
    return Order(
        asking.filter(request.filter, now), request.filter, request.format, request.reason.strip(),
        request.language or "zh", actor, address, now,
    )  # fmt: skip


def export(
    reader: Reader,
    order: Order,
    clock: Callable[[], int],
    record: Record,
    is_broken_off: Callable[[], bool] = lambda: False,
) -> Generator[Piece, None, None]:
    """Yield a file with all records up to now that meet the filter, oldest first.

    Closing the generator is recorded as an export that was broken off; so is a failure once `is_broken_off` says so.
    Raises StoreError, EvidenceError and what `record` raises; without a record of the export nothing is read.
    """
    export_id = secrets.token_hex(16)
    form = snapshot_service_pb2.ExportFormat.Name(order.form).removeprefix("EXPORT_FORMAT_")
    details = {
        "filter": order.text, "format": form,
        "reason": order.reason, "language": order.language, "export": export_id,
    }  # fmt: skip
    record(_operation(BEGIN, order, clock(), details, success=True))
    digest, count, why = hashlib.sha256(), 0, "broken off"
    try:
        for piece in _pieces(reader, order):
            digest.update(piece.data)
            count = piece.records
            yield piece
        why = ""
    except Exception as error:
        if not is_broken_off():
            why = error.code if isinstance(error, PdpError) else type(error).__name__
        raise
    finally:
        ended = {"export": export_id, "records": str(count), "sha256": digest.hexdigest()} | (
            {"why": why} if why else {}
        )
        record(_operation(END, order, clock(), ended, success=not why))


def _operation(kind: str, order: Order, at: int, details: dict[str, str], *, success: bool) -> snapshot_pb2.Operation:
    return snapshot_pb2.Operation(
        id=secrets.token_hex(16), time_nanos=at, actor=order.actor, kind=kind, success=success, details=details,
        address=order.address,
    )  # fmt: skip


def _pieces(reader: Reader, order: Order) -> Iterator[Piece]:
    # What comes in meanwhile would make it endless.
    time = NAMES["time"]
    until = nodes.Compare("<=", time, nodes.Constant(time.kind, order.now))
    condition = where(reader, until if order.filter is None else nodes.All((until, order.filter)))
    expected, _ = reader.count(condition, exact=False)
    if order.form == snapshot_service_pb2.EXPORT_FORMAT_EVIDENCE:
        return _evidence(reader, order, condition, expected)
    return _written(reader, order, condition, expected)


def _written(reader: Reader, order: Order, condition: Sql | None, expected: int) -> Iterator[Piece]:
    count = 0
    writer = _WRITERS[order.form](order.language)
    try:
        yield Piece(writer.begin(), 0, expected)
        for page in _pages(reader, condition):
            data = b"".join([writer.add(found) for found in page])
            count += len(page)
            yield from (Piece(data[at : at + _CHUNK], count, expected) for at in range(0, len(data) or 1, _CHUNK))
        yield from (Piece(data, count, expected) for data in writer.end())
    finally:
        writer.close()


def _pages(reader: Reader, condition: Sql | None) -> Iterator[list[StoredRecord]]:
    after: Place | None = None
    while page := reader.select(condition, after=after, oldest_first=True, limit=_BATCH):
        yield page
        after = page[-1].place


def _evidence(reader: Reader, order: Order, condition: Sql | None, expected: int) -> Iterator[Piece]:
    """Yield whole streams where all is asked for, which shows that nothing is missing; else single records."""
    origin = _Counted(reader)
    yield Piece(b"", 0, expected)
    if order.filter is None:
        data = evidence_file.write_streams(origin)
    else:
        data = evidence_file.write_selection(reader, origin.chosen(_chosen(reader, condition)))
    waiting: list[bytes] = []
    size = 0
    for part in data:
        waiting.append(part)
        size += len(part)
        if size >= _CHUNK:
            yield Piece(b"".join(waiting), origin.count, expected)
            waiting, size = [], 0
    yield Piece(b"".join(waiting), origin.count, expected)


def _chosen(reader: Reader, condition: Sql | None) -> dict[StreamKey, set[int]]:
    found: dict[StreamKey, set[int]] = {}
    count = 0
    for page in _pages(reader, condition):
        count += len(page)
        if count > MAX_EVIDENCE:
            raise LimitError(f"more than {MAX_EVIDENCE} single records; export a shorter time, or all records")
        for record in page:
            found.setdefault(record.stream, set()).add(record.sequence)
    return found


class _Counted:
    """A reader that counts the records that are taken for a file."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.count = 0

    def streams(self) -> list[StreamState]:
        return self._reader.streams()

    def checkpoints(self, node: str | None = None, since: int = 0) -> Iterator[tuple[str, int, bytes]]:
        return self._reader.checkpoints(node, since)

    def records(self, key: StreamKey, start: int = 0, *, bare: bool = False) -> Iterator[StoredRecord]:
        for record in self._reader.records(key, start, bare=bare):
            self.count += 1
            yield record

    def chosen(self, chosen: dict[StreamKey, set[int]]) -> Iterator[StoredRecord]:
        """Yield records of streams, those of one after another."""
        for key, sequences in sorted(chosen.items()):
            last = max(sequences)
            for record in self._reader.records(key, min(sequences)):
                if record.sequence > last:
                    break
                if record.sequence in sequences:
                    self.count += 1
                    yield record


class _Lines:
    """CSV, in UTF-8 with a byte order mark so that spreadsheets see it, and safe to be opened in one."""

    def __init__(self, language: str) -> None:
        self._language = language
        self._buffer = io.StringIO(newline="")
        self._csv = csv.writer(self._buffer)

    def begin(self) -> bytes:
        return b"\xef\xbb\xbf" + self._row(headings(self._language))

    def add(self, record: StoredRecord) -> bytes:
        return self._row(cells(record))

    def end(self) -> Iterator[bytes]:
        return iter(())

    def close(self) -> None:
        self._buffer.close()

    def _row(self, values: Iterable[Any]) -> bytes:
        self._csv.writerow([safe(value) for value in values])
        row = self._buffer.getvalue().encode()
        self._buffer.seek(0)
        self._buffer.truncate()
        return row


class _Json:
    """One complete record a line, in protobuf's JSON form, with its place in its chain."""

    def __init__(self, _language: str) -> None:
        pass

    def begin(self) -> bytes:
        return b""

    def add(self, record: StoredRecord) -> bytes:
        found = {
            "stream": record.stream._asdict(),
            "sequence": record.sequence,
            "chain": record.chain.hex(),
            "record": json_format.MessageToDict(snapshot_pb2.Record.FromString(record.body)),
        }
        return json.dumps(found, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"

    def end(self) -> Iterator[bytes]:
        return iter(())

    def close(self) -> None:
        pass


def _sheets(language: str) -> FileWriter:
    from pdp.snapshot.export_sheets import Sheets  # noqa: PLC0415 - with openpyxl, which is long to import

    return Sheets(language)


_WRITERS: Final[dict[int, Callable[[str], FileWriter]]] = {
    snapshot_service_pb2.EXPORT_FORMAT_CSV: _Lines,
    snapshot_service_pb2.EXPORT_FORMAT_JSON_LINES: _Json,
    snapshot_service_pb2.EXPORT_FORMAT_XLSX: _sheets,
}
