"""`columns.stored` many times as fast: for shippers, who draw the columns of every record.

A record is gone through as it lies, field by field; no message is made of it. What repeats from record to record stays
bytes, and what such bytes come to in JSON is worked out once and kept by the bytes: who asks but for the id, what is
asked for, and what the outcome is, in which `recorder` writes a record. Anything unusual is left to `columns` itself.
The result is always the same (`tests/unit/test_columns_cached.py`), but for bytes that are damaged in a place that no
column is drawn from, which are not looked at here.
"""

from __future__ import annotations

import functools
import operator
import struct
from collections.abc import Mapping
from json.encoder import encode_basestring
from typing import Any, Final, NamedTuple, TypeVar

from google.protobuf.message import DecodeError

from pdp.snapshot import columns, marks
from pdp.snapshot.views import parse_request, parse_subject
from pdp.v1 import decision_service_pb2, snapshot_pb2, types_pb2

Row = tuple[int, str, str, int, str, str, str, int, int, str]
"""The columns in the order of `columns.NAMES`."""

T = TypeVar("T")

MOST: Final = 16_384
"""Entries of a cache; then it begins anew."""
LONGEST: Final = 4_096
"""Bytes of an entry; longer ones hardly come twice."""

# Tags of snapshot_pb2; `test_columns_cached` compares them with the descriptors.
_RECORD_SNAPSHOT = 0x0A
_DECISION_ID, _REQUEST_ID, _REVISION, _POLICY_HASH, _TIME, _CALLER = 0x0A, 0x12, 0x18, 0x22, 0x29, 0x32
_FACTS, _RESOURCE_KEY, _BUCKETS, _HASHES, _WITHHELD = 0x3A, 0x42, 0x52, 0x5A, 0x62
_LATENCY = b"\x9d\x01"
# Tags of decision_service_pb2.DecideRequest and types_pb2.Subject.
_SUBJECT, _SUBJECT_ID = 0x12, 0x0A

_SAID = frozenset({_DECISION_ID, _REQUEST_ID, _POLICY_HASH, _CALLER})
_KEPT = frozenset({_FACTS, _RESOURCE_KEY, _BUCKETS, _HASHES, _WITHHELD})
_ID_BYTES = 32
_ID = bytes((_DECISION_ID, _ID_BYTES))
_NANOS = struct.Struct("<q").unpack_from
_MICROS = struct.Struct("<I").unpack_from
_LATENCY_BYTES = 6

_ENTRIES: Final[Mapping[str, Any]] = {
    "context": decision_service_pb2.DecideRequest,
    "resource": types_pb2.Resource,
    "subject": types_pb2.Subject,
}


class _UnusualError(Exception):
    """Something that the fast way leaves to `columns`."""


_Version = tuple[int, str]
"""revision, hash as JSON"""
_Head = tuple[bytes, bytes, _Version, int, bytes, int]
"""decision id, request id, version, time and caller, which a record begins with, and where the next field is"""


class _Request(NamedTuple):
    """What facts without their subject come to: pieces of JSON, and the marks of their texts.

    Each of the attributes, which come before those of the subject, ends with a comma.
    """

    action: str
    attributes: str
    resource: str
    mark_a: int
    mark_b: int


class _Subject(NamedTuple):
    """What a subject without its id comes to."""

    attributes: str
    roles: str
    mark_a: int
    mark_b: int


class _Outcome(NamedTuple):
    """What stands behind a record's facts and what is kept besides them, but for the latency."""

    severity: int
    masked: str
    rules: str
    mark_a: int
    mark_b: int


_Key = TypeVar("_Key", bytes, tuple[bytes, ...])


class ColumnCache:
    """Draws columns and remembers what came up. For one thread."""

    def __init__(self) -> None:
        self._requests: dict[bytes, _Request] = {}
        self._subjects: dict[bytes, _Subject] = {}
        self._outcomes: dict[bytes, _Outcome] = {}
        # By the fields that say the version, of so many bytes in the last record that had them elsewhere.
        self._versions: dict[bytes, _Version] = {}
        self._version_bytes = 0
        self._callers: dict[bytes, str] = {}
        # Attributes are JSON, `"root.name":value,` for each, by name; all come with their marks.
        self._entries: dict[str, dict[bytes, tuple[str, str, int]]] = {root: {} for root in _ENTRIES}
        self._actions: dict[bytes, tuple[str, str, int]] = {}
        self._groups: dict[str, dict[tuple[bytes, ...], tuple[str, int]]] = {root: {} for root in _ENTRIES}

    def row(self, body: bytes) -> Row:
        """Return the columns of what is to be stored: those of `columns.stored`, in the same order."""
        try:
            return self._decision(body)
        except (_UnusualError, DecodeError, UnicodeDecodeError, IndexError, struct.error):
            return tuple(columns.stored(body).values())

    def _decision(self, body: bytes) -> Row:
        size = len(body)
        length, at = _length(body, 1)
        if body[0] != _RECORD_SNAPSHOT or at + length != size:
            raise _UnusualError
        decision_id, request_id, (revision, policy_hash), time, caller, at = self._head(body, at)
        facts = resource_key = b""
        # The lengths are read right here: a call for each would take as long again.
        while at < size:
            tag = body[at]
            if tag not in _KEPT:
                break
            length = body[at + 1]
            at += 2
            if length > 127:
                if body[at] > 127:
                    raise _UnusualError
                length += (body[at] - 1) << 7
                at += 1
            end = at + length
            if tag == _FACTS:
                facts += body[at:end]  # the parts of a message, one after another, are the message
            elif tag == _RESOURCE_KEY:
                resource_key = body[at:end]
            at = end
        if at > size:
            raise _UnusualError
        latency = 0
        if body[-_LATENCY_BYTES:-4] == _LATENCY and at + _LATENCY_BYTES <= size:
            (latency,) = _MICROS(body, size - 4)
            size -= _LATENCY_BYTES
        # Where those six bytes were the end of something else, what is before them is no message.
        data = body[at:size]
        severity, masked, rules, a, b = self._outcomes.get(data) or self._outcome(data)
        subject_id, (own, roles, own_a, own_b), (action, attributes, resource, asked_a, asked_b) = self._facts(facts)
        told = (
            f'{{"action":{action},"approvers":[],'
            f'"attributes":{{{f"{attributes}{own}" if own else attributes[:-1]}}},"grants":[],'
            f'"hash":{policy_hash},"latency":{latency},{masked},'
            f'"request_id":{encode_basestring(request_id.decode())},{resource},'
            f'"revision":{revision},"roles":{roles},{rules}}}'
        )
        if "\\" in told:
            told = columns.without_zeros(told)
        return (
            time,
            columns.clean(decision_id.decode()),
            "decision",
            severity,
            columns.clean(subject_id.decode()),
            self._callers.get(caller) or self._caller(caller),
            resource_key.hex()[: columns.LONGEST],
            a | own_a | asked_a,
            b | own_b | asked_b,
            told,
        )

    def _head(self, body: bytes, at: int) -> _Head:
        """Read what stands before the facts, in few steps where it is written as in the record before."""
        if body[at : at + 2] != _ID:
            return self._any_head(body, at)
        begin = at + 4 + _ID_BYTES
        end = begin + body[begin - 1]
        rest = end + self._version_bytes
        version = self._versions.get(body[end:rest])
        if version is None or body[begin - 2] != _REQUEST_ID or body[rest] != _TIME or body[begin - 1] > 127:
            return self._any_head(body, at)
        (time,) = _NANOS(body, rest + 1)
        rest += 9
        caller = b""
        if body[rest] == _CALLER:
            first = rest + 2
            rest = first + body[rest + 1]
            if rest > first + 127:
                return self._any_head(body, at)
            caller = body[first:rest]
        return body[at + 2 : begin - 2], body[begin:end], version, time, caller, rest

    def _any_head(self, body: bytes, at: int) -> _Head:
        """Read it in whatever order, and remember how the version was written."""
        found: dict[int, bytes] = {}
        revision = time = last = 0
        is_usual = True
        from_ = to = -1
        while at < len(body):
            tag = body[at]
            if tag == _TIME:
                to = at
                (time,) = _NANOS(body, at + 1)
                at += 9
            elif tag == _REVISION:
                revision, at = _length(body, at + 1)
            elif tag in _SAID:
                length, begin = _length(body, at + 1)
                at = begin + length
                found[tag] = body[begin:at]
                if tag == _REQUEST_ID:
                    from_ = at
            else:
                break
            is_usual = is_usual and last < tag
            last = tag
        version = revision, encode_basestring(found.get(_POLICY_HASH, b"").decode())
        if is_usual and 0 <= from_ <= to:
            self._version_bytes = to - from_
            _keep(self._versions, body[from_:to], version)
        get = found.get
        return get(_DECISION_ID, b""), get(_REQUEST_ID, b""), version, time, get(_CALLER, b""), at

    def _facts(self, facts: bytes) -> tuple[bytes, _Subject, _Request]:
        """Return the subject's id, and what the rest of it and of the facts come to."""
        subject = subject_id = b""
        if facts and facts[0] == _SUBJECT:
            subject, facts = _cut(facts)
            if subject and subject[0] == _SUBJECT_ID:
                subject_id, subject = _cut(subject)
        return (
            subject_id,
            self._subjects.get(subject) or self._subject(subject),
            self._requests.get(facts) or self._request(facts),
        )

    def _outcome(self, data: bytes) -> _Outcome:
        snapshot = snapshot_pb2.Snapshot.FromString(data)
        held = (
            snapshot.decision_id, snapshot.request_id, snapshot.revision, snapshot.policy_hash, snapshot.time_nanos,
            snapshot.caller, snapshot.HasField("facts"), snapshot.resource_key,
        )  # fmt: skip
        # What stands in the first part of a record must not stand here again, be it empty.
        if any(held) or snapshot.grants or snapshot.diagnostics or snapshot.ByteSize() != len(data):
            raise _UnusualError
        shown, hidden, rules = columns.verdict_lists(snapshot.verdicts)
        obligations = [obligation.type for obligation in snapshot.obligations]
        write = columns.plain_json
        made = _Outcome(
            snapshot.severity,
            f'"masked":{write(hidden)},"obligations":{write(obligations)}',
            f'"rules":{write(rules)},"source":"{columns.SOURCES.get(snapshot.source, "unspecified")}","undecided":[],'
            f'"unmasked":{write(shown)}',
            *marks.split(_marks("rules", rules) | _marks("unmasked", shown) | _marks("obligations", obligations)),
        )
        return _keep(self._outcomes, data, made)

    def _subject(self, data: bytes) -> _Subject:
        subject = parse_subject(data)
        if subject.id or subject.ByteSize() != len(data):
            raise _UnusualError
        attributes, mark = self._group("subject", tuple(subject.attributes))
        roles = list(subject.roles)
        made = _Subject(attributes[:-1], columns.plain_json(roles), *marks.split(mark | _marks("roles", roles)))
        return _keep(self._subjects, data, made)

    def _request(self, data: bytes) -> _Request:
        request = parse_request(data)
        resource = request.resource
        if request.subject or request.ByteSize() != len(data):
            raise _UnusualError
        key = b"".join(request.action)
        action, of_action, mark = self._actions.get(key) or self._action(key)
        of_context, bits = self._group("context", tuple(request.context))
        of_resource, more = self._group("resource", tuple(resource.attributes))
        made = _Request(
            action,
            f"{of_action}{of_context}{of_resource}",
            f'"resource_id":{encode_basestring(resource.id)},"resource_type":{encode_basestring(resource.type)}',
            *marks.split(mark | bits | more),
        )
        # There are more ids than a cache holds.
        return made if resource.id else _keep(self._requests, data, made)

    def _action(self, data: bytes) -> tuple[str, str, int]:
        action = types_pb2.Action.FromString(data)
        mark, found = marks.bit("action", action.name), ""
        for name in sorted(action.attributes):
            plain = columns.plain_value(action.attributes[name])
            found += _fragment("action", name, plain)
            mark |= _mark("action", name, plain)
        return _keep(self._actions, data, (encode_basestring(action.name), found, mark))

    def _group(self, root: str, entries: tuple[bytes, ...]) -> tuple[str, int]:
        """Return the attributes that JSON has a value for."""
        group = self._groups[root].get(entries)
        if group is not None:
            return group
        known = self._entries[root]
        found = sorted(known.get(entry) or self._pair(root, entry) for entry in entries)
        # Of a name that stands twice the last counts: that is for the real parser.
        if len({name for name, _, _ in found}) != len(found):
            raise _UnusualError
        mark = functools.reduce(operator.or_, (one[2] for one in found), 0)
        return _keep(self._groups[root], entries, ("".join(one[1] for one in found), mark))

    def _pair(self, root: str, entry: bytes) -> tuple[str, str, int]:
        real = _ENTRIES[root]
        name = "context" if root == "context" else "attributes"
        tag = real.DESCRIPTOR.fields_by_name[name].number << 3 | 2
        message = real.FromString(_varint(tag) + _varint(len(entry)) + entry)
        ((key, value),) = getattr(message, name).items()
        plain = columns.plain_value(value)
        return _keep(self._entries[root], entry, (key, _fragment(root, key, plain), _mark(root, key, plain)))

    def _caller(self, caller: bytes) -> str:
        return _keep(self._callers, caller, columns.clean(caller.decode()))


def _fragment(root: str, name: str, plain: Any) -> str:
    return "" if plain is None else f"{encode_basestring(f'{root}.{name}')}:{columns.plain_json(plain)},"


def _mark(root: str, name: str, plain: Any) -> int:
    return marks.bit(f"{root}.{name}", plain) if isinstance(plain, str) else 0


def _marks(name: str, texts: list[str]) -> int:
    return functools.reduce(operator.or_, (marks.bit(name, text) for text in texts), 0)


def _keep(cache: dict[_Key, T], key: _Key, value: T) -> T:
    size = len(key) if isinstance(key, bytes) else sum(map(len, key))
    if size <= LONGEST:
        if len(cache) >= MOST:
            cache.clear()
        cache[key] = value
    return value


def _cut(data: bytes) -> tuple[bytes, bytes]:
    """Return what the first field of a message holds, which has a length, and the fields after it."""
    length, at = data[1], 2
    if length > 127:
        length, at = _length(data, 1)
    end = at + length
    if end > len(data):
        raise _UnusualError
    return data[at:end], data[end:]


def _length(data: bytes, at: int) -> tuple[int, int]:
    """Return a number as protobuf writes it, of at most four bytes, and where it ends."""
    number = shift = 0
    while shift < 28:
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, at
        shift += 7
    raise _UnusualError


def _varint(number: int) -> bytes:
    """Return a number as protobuf writes it."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
