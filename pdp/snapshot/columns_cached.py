"""`columns.stored` several times as fast: for shippers, who draw the columns of every record.

Records are parsed by a view of their messages, made from the real ones, in which what repeats from record to record
(attributes, verdicts) stays bytes. What such bytes come to in JSON is worked out once and kept by the bytes. Anything
unusual is left to `columns` itself. The result is always the same (`tests/unit/test_columns_cached.py`), but for bytes
that are damaged in a place that no column is drawn from, which are not looked at here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from json.encoder import encode_basestring
from typing import Any, Final, NamedTuple, TypeVar

from google.protobuf import descriptor_pb2, message_factory
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError

from pdp.snapshot import columns
from pdp.v1 import decision_service_pb2, snapshot_pb2, types_pb2

Row = tuple[int, str, str, int, str, str, str, str]
"""The columns in the order of `columns.NAMES`."""

T = TypeVar("T")
K = TypeVar("K", bytes, str, tuple[bytes, ...], tuple[str, ...])

MOST: Final = 16_384
"""Entries of a cache; then it begins anew."""
LONGEST: Final = 4_096
"""Bytes of an entry; longer ones hardly come twice."""

_Field = descriptor_pb2.FieldDescriptorProto


def _view(pool_file: descriptor_pb2.FileDescriptorProto, real: Any, opened: Mapping[str, Any]) -> None:
    """Add a view of a message: sub-messages are bytes but those in `opened`, which are views of their own."""
    message = pool_file.message_type.add(name=real.name)
    for field in real.fields:
        added = message.field.add(name=field.name, number=field.number)
        added.label = _Field.LABEL_REPEATED if field.is_repeated else _Field.LABEL_OPTIONAL
        if field.message_type is not None and field.message_type.name in opened:
            added.type, added.type_name = _Field.TYPE_MESSAGE, f".view.{field.message_type.name}"
        elif field.message_type is not None:
            # Repeated, so that one that is empty differs from none, and all parts of one in several parts are there.
            added.type, added.label = _Field.TYPE_BYTES, _Field.LABEL_REPEATED
        elif field.enum_type is not None:
            added.type = _Field.TYPE_INT32
        else:
            added.type = field.type


def _make_views() -> Mapping[str, Callable[[bytes], Any]]:
    """Return the parsers of the views by the names of their messages."""
    messages = (snapshot_pb2.Record, snapshot_pb2.Snapshot, decision_service_pb2.DecideRequest)
    parties = (types_pb2.Subject, types_pb2.Action, types_pb2.Resource)
    opened = {message.DESCRIPTOR.name: message.DESCRIPTOR for message in messages}
    file = descriptor_pb2.FileDescriptorProto(name="view.proto", package="view", syntax="proto3")
    for message in (*messages, *parties):
        _view(file, message.DESCRIPTOR, opened)
    pool = DescriptorPool()
    pool.Add(file)
    return {
        view.name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"view.{view.name}")).FromString
        for view in file.message_type
    }


_VIEWS: Final = _make_views()
_parse: Final = _VIEWS["Record"]
_ENTRIES: Final[Mapping[str, Any]] = {
    "action": types_pb2.Action,
    "context": decision_service_pb2.DecideRequest,
    "resource": types_pb2.Resource,
    "subject": types_pb2.Subject,
}


class _UnusualError(Exception):
    """Something that the fast way leaves to `columns`."""


class _Subject(NamedTuple):
    """What a subject comes to. Attributes are JSON, `"root.name":value,` for each, by name."""

    id: str
    roles: str
    attributes: str


class _Party(NamedTuple):
    """What an action or a resource comes to, as JSON; an action has a name and no id."""

    name: str
    id: str
    attributes: str


class ColumnCache:
    """Draws columns and remembers what came up. For one thread."""

    def __init__(self) -> None:
        self._subjects: dict[bytes, _Subject] = {}
        self._actions: dict[bytes, _Party] = {}
        self._resources: dict[bytes, _Party] = {}
        self._contexts: dict[tuple[bytes, ...], str] = {}
        self._entries: dict[str, dict[bytes, tuple[str, str]]] = {root: {} for root in _ENTRIES}
        self._verdicts: dict[tuple[bytes, ...], tuple[str, str, str]] = {}
        self._verdict: dict[bytes, tuple[str, str, str]] = {}
        self._lists: dict[tuple[str, ...], str] = {}
        self._texts: dict[str, str] = {}

    def row(self, body: bytes) -> Row:
        """Return the columns of what is to be stored: those of `columns.stored`, in the same order."""
        try:
            view = _parse(body)
            if not view.operation and view.HasField("snapshot"):
                return self._decision(view.snapshot)
        except (DecodeError, _UnusualError):
            pass
        return tuple(columns.stored(body).values())

    def _decision(self, snapshot: Any) -> Row:
        if snapshot.grants or snapshot.obligations or snapshot.diagnostics:
            raise _UnusualError
        request = snapshot.facts
        # The parts of a message one after another are the message.
        data = b"".join(request.subject)
        subject = self._subjects.get(data) or self._subject(data)
        data = b"".join(request.action)
        action = self._actions.get(data) or self._action(data)
        data = b"".join(request.resource)
        resource = self._resources.get(data) or self._resource(data)
        entries = tuple(request.context)
        context = self._contexts.get(entries)
        if context is None:
            context = self._context(entries)
        verdicts = tuple(snapshot.verdicts)
        hidden, shown, rules = self._verdicts.get(verdicts) or self._verdict_lists(verdicts)
        attributes = f"{action.attributes}{context}{resource.attributes}{subject.attributes}"[:-1]
        facts = (
            f'{{"action":{action.name},"approvers":[],"attributes":{{{attributes}}},"grants":[],'
            f'"hash":{self._text(snapshot.policy_hash)},'
            f'"latency":{snapshot.latency_micros},"masked":{hidden},"obligations":[],'
            f'"request_id":{encode_basestring(snapshot.request_id)},"resource_id":{resource.id},'
            f'"resource_type":{resource.name},"revision":{snapshot.revision},"roles":{subject.roles},'
            f'"rules":{rules},"source":"{columns.SOURCES.get(snapshot.source, "unspecified")}","undecided":[],'
            f'"unmasked":{shown}}}'
        )
        if "\\u0000" in facts:
            facts = columns.without_zeros(facts)
        return (
            snapshot.time_nanos,
            columns.clean(snapshot.decision_id),
            "decision",
            snapshot.severity,
            subject.id,
            columns.clean(snapshot.caller),
            snapshot.resource_key.hex()[: columns.LONGEST],
            facts,
        )

    def _subject(self, data: bytes) -> _Subject:
        view = _VIEWS["Subject"](data)
        attributes = self._fragments("subject", tuple(view.attributes))
        return _keep(self._subjects, data, _Subject(columns.clean(view.id), self._list(view.roles), attributes))

    def _action(self, data: bytes) -> _Party:
        view = _VIEWS["Action"](data)
        found = _Party(self._text(view.name), "", self._fragments("action", tuple(view.attributes)))
        return _keep(self._actions, data, found)

    def _resource(self, data: bytes) -> _Party:
        view = _VIEWS["Resource"](data)
        attributes = self._fragments("resource", tuple(view.attributes))
        return _keep(self._resources, data, _Party(self._text(view.type), encode_basestring(view.id), attributes))

    def _context(self, entries: tuple[bytes, ...]) -> str:
        return _keep(self._contexts, entries, self._fragments("context", entries))

    def _fragments(self, root: str, entries: tuple[bytes, ...]) -> str:
        known = self._entries[root]
        found = [known.get(entry) or self._pair(known, root, entry) for entry in entries]
        by_name = dict(sorted(found))
        # Of a name that stands twice the last counts: that is for the real parser.
        if len(by_name) != len(found):
            raise _UnusualError
        return "".join(by_name.values())

    @staticmethod
    def _pair(known: dict[bytes, tuple[str, str]], root: str, entry: bytes) -> tuple[str, str]:
        real = _ENTRIES[root]
        name = "context" if root == "context" else "attributes"
        tag = real.DESCRIPTOR.fields_by_name[name].number << 3 | 2
        message = real.FromString(_varint(tag) + _varint(len(entry)) + entry)
        ((key, value),) = getattr(message, name).items()
        plain = columns.plain_value(value)
        fragment = "" if plain is None else f"{encode_basestring(f'{root}.{key}')}:{columns.plain_json(plain)},"
        return _keep(known, entry, (key, fragment))

    def _verdict_lists(self, verdicts: tuple[bytes, ...]) -> tuple[str, str, str]:
        """Return the fields that are masked and those that are shown, and the rules."""
        known = self._verdict
        each = [known.get(verdict) or self._one_verdict(verdict) for verdict in verdicts]
        hidden, shown = (",".join(filter(None, (one[at] for one in each))) for at in (0, 1))
        rules = ",".join(filter(None, dict.fromkeys(one[2] for one in each)))
        return _keep(self._verdicts, verdicts, (f"[{hidden}]", f"[{shown}]", f"[{rules}]"))

    def _one_verdict(self, data: bytes) -> tuple[str, str, str]:
        verdict = snapshot_pb2.RecordedVerdict.FromString(data)
        fields = ",".join(map(encode_basestring, verdict.fields))
        rule = encode_basestring(verdict.rule) if verdict.rule else ""
        is_shown = verdict.effect == types_pb2.EFFECT_UNMASK
        return _keep(self._verdict, data, ("", fields, rule) if is_shown else (fields, "", rule))

    def _list(self, texts: Iterable[str]) -> str:
        key = tuple(texts)
        found = self._lists.get(key)
        if found is None:
            found = _keep(self._lists, key, columns.plain_json(list(key)))
        return found

    def _text(self, text: str) -> str:
        return self._texts.get(text) or _keep(self._texts, text, encode_basestring(text))


def _keep(cache: dict[K, T], key: K, value: T) -> T:
    size = len(key) if isinstance(key, bytes | str) else sum(map(len, key))
    if size <= LONGEST:
        if len(cache) >= MOST:
            cache.clear()
        cache[key] = value
    return value


def _varint(number: int) -> bytes:
    """Return a number as protobuf writes it."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
