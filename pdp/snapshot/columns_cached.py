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
from collections.abc import Callable, Mapping
from json.encoder import encode_basestring
from typing import Any, Final, NamedTuple, TypeVar

from google.protobuf import descriptor_pb2, message_factory
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError

from pdp.snapshot import columns, marks
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

_DELIMITED = frozenset(
    {_DECISION_ID, _REQUEST_ID, _POLICY_HASH, _CALLER, _FACTS, _RESOURCE_KEY, _BUCKETS, _HASHES, _WITHHELD}
)
_NANOS = struct.Struct("<q").unpack_from
_MICROS = struct.Struct("<I").unpack_from
_LATENCY_BYTES = 6

_Field = descriptor_pb2.FieldDescriptorProto


def _make_views() -> list[Callable[[bytes], Any]]:
    """Return parsers of a request and a subject in which sub-messages stay bytes, but for a request's resource."""
    opened: Any = types_pb2.Resource.DESCRIPTOR
    real: tuple[Any, ...] = (decision_service_pb2.DecideRequest.DESCRIPTOR, types_pb2.Subject.DESCRIPTOR, opened)
    file = descriptor_pb2.FileDescriptorProto(name="view.proto", package="view", syntax="proto3")
    for descriptor in real:
        message = file.message_type.add(name=descriptor.name)
        for field in descriptor.fields:
            added = message.field.add(name=field.name, number=field.number)
            added.label = _Field.LABEL_REPEATED if field.is_repeated else _Field.LABEL_OPTIONAL
            if field.message_type is opened:
                added.type, added.type_name = _Field.TYPE_MESSAGE, f".view.{opened.name}"
            elif field.message_type is not None:
                # Repeated, so that one that is empty differs from none, and all parts of one in several are there.
                added.type, added.label = _Field.TYPE_BYTES, _Field.LABEL_REPEATED
            else:
                added.type = field.type
    pool = DescriptorPool()
    pool.Add(file)
    return [
        message_factory.GetMessageClass(pool.FindMessageTypeByName(f"view.{each.name}")).FromString for each in real[:2]
    ]


_parse_request, _parse_subject = _make_views()
_ENTRIES: Final[Mapping[str, Any]] = {
    "context": decision_service_pb2.DecideRequest,
    "resource": types_pb2.Resource,
    "subject": types_pb2.Subject,
}


class _UnusualError(Exception):
    """Something that the fast way leaves to `columns`."""


class _Request(NamedTuple):
    """What facts without their subject come to: pieces of JSON, and the marks of their texts."""

    action: str
    attributes: str
    resource: str
    mark: int


class _Subject(NamedTuple):
    """What a subject without its id comes to."""

    attributes: str
    roles: str
    mark: int


class _Outcome(NamedTuple):
    """What stands behind a record's facts and what is kept besides them, but for the latency."""

    severity: int
    masked: str
    rules: str
    mark: int


_Key = TypeVar("_Key", bytes, tuple[bytes, ...])


class ColumnCache:
    """Draws columns and remembers what came up. For one thread."""

    def __init__(self) -> None:
        self._requests: dict[bytes, _Request] = {}
        self._subjects: dict[bytes, _Subject] = {}
        self._outcomes: dict[bytes, _Outcome] = {}
        self._texts: dict[bytes, str] = {}
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
        found: dict[int, bytes] = {}
        facts = b""
        revision = time = 0
        # The lengths are read right here: a call for each would take as long again.
        while at < size:
            tag = body[at]
            if tag in _DELIMITED:
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
                else:
                    found[tag] = body[at:end]
                at = end
            elif tag == _TIME:
                (time,) = _NANOS(body, at + 1)
                at += 9
            elif tag == _REVISION:
                revision, at = _length(body, at + 1)
            else:
                break
        if at > size:
            raise _UnusualError
        latency = 0
        if body[-_LATENCY_BYTES:-4] == _LATENCY:
            (latency,) = _MICROS(body, size - 4)
            size -= _LATENCY_BYTES
        # Where those six bytes were the end of something else, what is before them is no message.
        data = body[at:size]
        outcome = self._outcomes.get(data) or self._outcome(data)
        subject_id, of_subject, asked = self._facts(facts)
        get = found.get
        data = get(_POLICY_HASH, b"")
        policy_hash = self._texts.get(data) or self._text(data)
        mark_a, mark_b = marks.split(outcome.mark | of_subject.mark | asked.mark)
        told = (
            f'{{"action":{asked.action},"approvers":[],'
            f'"attributes":{{{f"{asked.attributes}{of_subject.attributes}"[:-1]}}},"grants":[],'
            f'"hash":{policy_hash},"latency":{latency},{outcome.masked},'
            f'"request_id":{encode_basestring(get(_REQUEST_ID, b"").decode())},{asked.resource},'
            f'"revision":{revision},"roles":{of_subject.roles},{outcome.rules}}}'
        )
        if "\\" in told:
            told = columns.without_zeros(told)
        clean = columns.clean
        return (
            time,
            clean(get(_DECISION_ID, b"").decode()),
            "decision",
            outcome.severity,
            clean(subject_id.decode()),
            clean(get(_CALLER, b"").decode()),
            get(_RESOURCE_KEY, b"").hex()[: columns.LONGEST],
            mark_a,
            mark_b,
            told,
        )

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
            _marks("rules", rules) | _marks("unmasked", shown) | _marks("obligations", obligations),
        )
        return _keep(self._outcomes, data, made)

    def _subject(self, data: bytes) -> _Subject:
        subject = _parse_subject(data)
        if subject.id or subject.ByteSize() != len(data):
            raise _UnusualError
        attributes, mark = self._group("subject", tuple(subject.attributes))
        roles = list(subject.roles)
        made = _Subject(attributes, columns.plain_json(roles), mark | _marks("roles", roles))
        return _keep(self._subjects, data, made)

    def _request(self, data: bytes) -> _Request:
        request = _parse_request(data)
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
            mark | bits | more,
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

    def _text(self, text: bytes) -> str:
        return _keep(self._texts, text, encode_basestring(text.decode()))


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
