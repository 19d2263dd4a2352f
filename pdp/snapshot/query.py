"""Finds records again: pages of a list, and numbers by group. `watch` follows what comes in.

What a client gets to carry from one call to the next is signed with a key of the host, bound to the filter and the
order, and says what `now` stood for at the first page: so pages fit each other, and nobody can send a place that is not
from here.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pdp.errors import FilterError, RequestError, Violation
from pdp.snapshot.filter import Node, Schema, compile_filter, nodes
from pdp.snapshot.filter.names import NAMES
from pdp.snapshot.store.base import Place, Reader, Sql, StoredRecord
from pdp.snapshot.store.where import Writer
from pdp.snapshot.store.where_postgres import PostgresWriter
from pdp.snapshot.store.where_sqlite import SqliteWriter
from pdp.v1 import snapshot_pb2, snapshot_service_pb2
from pdp.values import INT_MAX, INT_MIN, NANOS, AttributeType, format_timestamp

PAGE: Final = 50
MAX_PAGE: Final = 1_000
MAX_PAGE_BYTES: Final = 16 * 1024 * 1024
"""A page ends where its records come to so much, even if it is shorter than was asked for."""
GROUPS: Final = 20
MAX_GROUPS: Final = 1_000
MAX_PERIODS: Final = 100_000
MAX_TOKEN: Final = 256 * 1024
_MAC = 16
DAY: Final = 86_400 * NANOS
_HOUR = 3_600 * NANOS
_SEVERITIES = ("NONE", "LOW", "MEDIUM", "HIGH")


class Tokens:
    """Writes and reads what clients carry. Nodes that share a key read each other's."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def write(self, purpose: str, data: Mapping[str, Any], pack: Callable[[bytes], bytes] = bytes) -> str:
        """Return a token. `pack` makes what it holds smaller."""
        body = pack(json.dumps(data, separators=(",", ":")).encode())
        return base64.urlsafe_b64encode(self._mac(purpose, body) + body).decode("ascii")

    def read(self, purpose: str, token: str, field: str, unpack: Callable[[bytes], bytes] = bytes) -> dict[str, Any]:
        """Return what a token holds. Raises RequestError for one that was not written here for this purpose."""
        try:
            data = base64.b64decode(token[:MAX_TOKEN].encode("ascii"), altchars=b"-_", validate=True)
        except (ValueError, binascii.Error):
            data = b""
        mac, body = data[:_MAC], data[_MAC:]
        if len(token) > MAX_TOKEN or not hmac.compare_digest(mac, self._mac(purpose, body)):
            message = "does not belong to this filter and order, or to another server; begin again without it"
            raise RequestError(Violation(field, message))
        found: dict[str, Any] = json.loads(unpack(body))
        return found

    def _mac(self, purpose: str, body: bytes) -> bytes:
        return hmac.digest(self._key, purpose.encode() + b"\0" + body, hashlib.sha256)[:_MAC]


@dataclass(frozen=True, slots=True)
class Asking:
    """What every question needs: the names of filters, tokens, the clock, and where a day begins.

    `clock` gives nanoseconds since 1970; `offset` is the host's distance from UTC in seconds, by which hours and days
    begin where records are grouped.
    """

    schema: Schema
    tokens: Tokens
    clock: Callable[[], int]
    offset: int = 0

    def filter(self, text: str, now: int) -> Node | None:
        """Return a filter. Raises FilterError."""
        return compile_filter(text, self.schema, now)


@dataclass(frozen=True, slots=True)
class Page:
    """Some records; `next` is the token of the page that follows, empty after the last one."""

    records: list[StoredRecord]
    next: str
    total: int
    exact: bool


def writer_for(reader: Reader) -> Writer:
    """Return what writes conditions for a store."""
    return SqliteWriter() if reader.dialect == "sqlite" else PostgresWriter()


def where(reader: Reader, node: Node | None) -> Sql | None:
    """Return a filter as the store's condition."""
    return None if node is None else writer_for(reader).sql(node)


def entry(record: StoredRecord) -> snapshot_service_pb2.SnapshotEntry:
    """Return a record as lists show it."""
    return snapshot_service_pb2.SnapshotEntry(
        stream=snapshot_pb2.Stream(**record.stream._asdict()),
        sequence=record.sequence,
        record=snapshot_pb2.Record.FromString(record.body),
    )


def list_page(reader: Reader, asking: Asking, request: snapshot_service_pb2.ListSnapshotsRequest) -> Page:
    """Return one page, newest first unless the request says otherwise.

    Raises FilterError, RequestError for a wrong size or token, and StoreError.
    """
    size = request.page_size or PAGE
    if not 0 < size <= MAX_PAGE:
        raise RequestError(Violation("page_size", f"is {size}, must be 1 to {MAX_PAGE}, or 0 for {PAGE}"))
    purpose = f"list\0{int(request.oldest_first)}\0{request.filter}"
    after: Place | None = None
    now = asking.clock()
    if request.page_token:
        held = asking.tokens.read(purpose, request.page_token, "page_token")
        now, after = held["now"], tuple(held["after"])
    condition = where(reader, asking.filter(request.filter, now))
    # One more than asked for tells whether there is a page after this one.
    found = reader.select(condition, after=after, oldest_first=request.oldest_first, limit=size + 1)
    total, exact = reader.count(condition, exact=request.exact_count)
    token = ""
    fitting = _fitting(found[:size])
    if len(found) > fitting:
        found = found[:fitting]
        token = asking.tokens.write(purpose, {"now": now, "after": found[-1].place})
    return Page(found, token, total, exact)


def _fitting(records: Sequence[StoredRecord]) -> int:
    """Return how many records one answer carries; at least one."""
    size = 0
    for number, record in enumerate(records):
        size += len(record.body)
        if number and size > MAX_PAGE_BYTES:
            return number
    return len(records)


def statistics(
    reader: Reader, asking: Asking, request: snapshot_service_pb2.GetSnapshotStatsRequest
) -> snapshot_service_pb2.GetSnapshotStatsResponse:
    """Return how many records there are, and in each group.

    Raises FilterError, RequestError for a wrong time, limit or name of a group, and StoreError.
    """
    now = asking.clock()
    node = _within(asking.filter(request.filter, now), *_span(request, now))
    limit = request.limit or GROUPS
    if not 0 < limit <= MAX_GROUPS:
        raise RequestError(Violation("limit", f"is {limit}, must be 1 to {MAX_GROUPS}, or 0 for {GROUPS}"))
    response = snapshot_service_pb2.GetSnapshotStatsResponse()
    condition = where(reader, node)
    for _, count, flagged in reader.group(condition, Sql("severity", {}), limit=MAX_GROUPS, in_order=True):
        response.total += count
        response.flagged += flagged
    if not request.group_by:
        return response
    writer = writer_for(reader)
    if request.group_by in ("hour", "day"):
        span = _HOUR if request.group_by == "hour" else DAY
        by = writer.period(span, -asking.offset * NANOS)
        rows = reader.group(condition, by, limit=MAX_PERIODS, in_order=True)
    else:
        term = _TERMS.get(request.group_by)
        if term is None:
            names = ", ".join(f"`{name}`" for name in (*_TERMS, "hour", "day"))
            raise RequestError(Violation("group_by", f"`{request.group_by[:40]}` is none of {names}"))
        rows = reader.group(condition, writer.sql_of(term), limit=limit, in_order=False)
    for key, count, flagged in rows:
        response.groups.add(key=_group_key(request.group_by, key), count=count, flagged=flagged)
    return response


_TERMS: Final[Mapping[str, nodes.Term]] = {
    "severity": NAMES["severity"],
    "subject.id": NAMES["subject.id"],
    "caller": NAMES["caller"],
    "action": NAMES["action.name"],
    "application": nodes.Fact(("attributes", "context.application"), AttributeType.STRING),
    "menu": nodes.Fact(("attributes", "context.menu"), AttributeType.STRING),
}


def _group_key(group: str, key: Any) -> str:
    match group:
        case "severity":
            return _SEVERITIES[key] if 0 <= key < len(_SEVERITIES) else str(key)
        case "hour" | "day":
            return format_timestamp(int(key))
        case _:
            return key or ""


def _span(request: snapshot_service_pb2.GetSnapshotStatsRequest, now: int) -> tuple[int, int]:
    begin = getattr(request, "from")
    until = request.to.seconds * NANOS + request.to.nanos if request.HasField("to") else now
    start = begin.seconds * NANOS + begin.nanos if request.HasField("from") else until - DAY
    # What is recorded at this moment counts.
    end = until if request.HasField("to") else now + 1
    for name, moment in (("from", start), ("to", end)):
        if not INT_MIN <= moment <= INT_MAX:
            raise RequestError(Violation(name, "is not a time in the years 1678 to 2262"))
    if start > end:
        raise RequestError(Violation("from", "is later than `to`; exchange them"))
    return start, end


def _within(node: Node | None, start: int, end: int) -> Node:
    time = NAMES["time"]
    bounds = (
        nodes.Compare(">=", time, nodes.Constant(time.kind, start)),
        nodes.Compare("<", time, nodes.Constant(time.kind, end)),
    )
    return nodes.All(bounds if node is None else (*bounds, node))


def underline(text: str, error: FilterError) -> str:
    """Return the line of a filter that an error is about, with a caret below its column.

    Chinese characters are two columns wide on a terminal.
    """
    lines = text.split("\n")
    offset = max(error.column - 1, 0)
    for line in lines:
        if offset <= len(line):
            width = sum(2 if ord(char) > 0x1100 else 1 for char in line[:offset])
            return f"  {line}\n  {' ' * width}^"
        offset -= len(line) + 1
    return f"  {lines[-1]}\n  {' ' * len(lines[-1])}^"
