"""`columns.stored` several times as fast: for shippers, who draw the columns of every record.

Records are parsed by a view of their messages, made from the real ones, in which what repeats from record to record
(attributes, verdicts) stays bytes. What such bytes come to in JSON is worked out once and kept by the bytes. Anything
unusual is left to `columns` itself. The result is always the same (`tests/unit/test_columns_cached.py`), but for bytes
that are damaged in a place that no column is drawn from, which are not looked at here.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Mapping
from json.encoder import encode_basestring
from typing import Any, Final, TypeVar

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


def _make_view() -> Callable[[bytes], Any]:
    # An action is bytes too: there are few, while the rest of a request is new in its details again and again.
    messages = (
        snapshot_pb2.Record, snapshot_pb2.Snapshot, decision_service_pb2.DecideRequest, types_pb2.Subject,
        types_pb2.Resource,
    )  # fmt: skip
    opened = {message.DESCRIPTOR.name: message.DESCRIPTOR for message in messages}
    file = descriptor_pb2.FileDescriptorProto(name="view.proto", package="view", syntax="proto3")
    for descriptor in opened.values():
        _view(file, descriptor, opened)
    pool = DescriptorPool()
    pool.Add(file)
    parse: Callable[[bytes], Any] = message_factory.GetMessageClass(
        pool.FindMessageTypeByName("view.Record")
    ).FromString
    return parse


_parse: Final = _make_view()
_ENTRIES: Final[Mapping[str, Any]] = {
    "context": decision_service_pb2.DecideRequest,
    "resource": types_pb2.Resource,
    "subject": types_pb2.Subject,
}


class _UnusualError(Exception):
    """Something that the fast way leaves to `columns`."""


_Key = TypeVar("_Key", bytes, str, tuple[bytes, ...], tuple[str, ...])


class ColumnCache:
    """Draws columns and remembers what came up. For one thread."""

    def __init__(self) -> None:
        self._entries: dict[str, dict[bytes, tuple[str, str, int]]] = {root: {} for root in _ENTRIES}
        # Attributes are JSON, `"root.name":value,` for each, by name; all come with their marks.
        self._actions: dict[bytes, tuple[str, str, int]] = {}
        self._contexts: dict[tuple[bytes, ...], tuple[str, int]] = {}
        self._resources: dict[tuple[bytes, ...], tuple[str, int]] = {}
        self._subjects: dict[tuple[bytes, ...], tuple[str, int]] = {}
        self._verdicts: dict[tuple[bytes, ...], tuple[str, str, str, int]] = {}
        self._verdict: dict[bytes, tuple[str, str, str, int]] = {}
        self._lists: dict[tuple[str, ...], tuple[str, int]] = {}
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
        subject, resource = request.subject, request.resource
        # What was seen before is looked up right here: a call for each would take as long again.
        data = b"".join(request.action)  # the parts of a message, one after another, are the message
        action, of_action, mark = self._actions.get(data) or self._action(data)
        key = tuple(request.context)
        of_context, bits = self._contexts.get(key) or self._fragments("context", self._contexts, key)
        mark |= bits
        key = tuple(resource.attributes)
        of_resource, bits = self._resources.get(key) or self._fragments("resource", self._resources, key)
        mark |= bits
        key = tuple(subject.attributes)
        of_subject, bits = self._subjects.get(key) or self._fragments("subject", self._subjects, key)
        mark |= bits
        key = tuple(snapshot.verdicts)
        hidden, shown, rules, bits = self._verdicts.get(key) or self._verdict_lists(key)
        mark |= bits
        texts, names = self._texts, tuple(subject.roles)
        roles, bits = self._lists.get(names) or self._list(names)
        mark_a, mark_b = marks.split(mark | bits)
        policy_hash, kind = snapshot.policy_hash, resource.type
        facts = (
            f'{{"action":{action},"approvers":[],'
            f'"attributes":{{{f"{of_action}{of_context}{of_resource}{of_subject}"[:-1]}}},"grants":[],'
            f'"hash":{texts.get(policy_hash) or self._text(policy_hash)},"latency":{snapshot.latency_micros},'
            f'"masked":{hidden},"obligations":[],"request_id":{encode_basestring(snapshot.request_id)},'
            f'"resource_id":{encode_basestring(resource.id)},"resource_type":{texts.get(kind) or self._text(kind)},'
            f'"revision":{snapshot.revision},"roles":{roles},'
            f'"rules":{rules},"source":"{columns.SOURCES.get(snapshot.source, "unspecified")}","undecided":[],'
            f'"unmasked":{shown}}}'
        )
        if "\\" in facts:
            facts = columns.without_zeros(facts)
        clean = columns.clean
        return (
            snapshot.time_nanos,
            clean(snapshot.decision_id),
            "decision",
            snapshot.severity,
            clean(subject.id),
            clean(snapshot.caller),
            snapshot.resource_key.hex()[: columns.LONGEST],
            mark_a,
            mark_b,
            facts,
        )

    def _action(self, data: bytes) -> tuple[str, str, int]:
        action = types_pb2.Action.FromString(data)
        mark, found = marks.bit("action", action.name), ""
        for name in sorted(action.attributes):
            plain = columns.plain_value(action.attributes[name])
            found += _fragment("action", name, plain)
            mark |= _mark("action", name, plain)
        return _keep(self._actions, data, (encode_basestring(action.name), found, mark))

    def _fragments(
        self, root: str, cache: dict[tuple[bytes, ...], tuple[str, int]], entries: tuple[bytes, ...]
    ) -> tuple[str, int]:
        """Return the attributes that JSON has a value for."""
        known = self._entries[root]
        found = sorted(known.get(entry) or self._pair(root, entry) for entry in entries)
        # Of a name that stands twice the last counts: that is for the real parser.
        if len({name for name, _, _ in found}) != len(found):
            raise _UnusualError
        mark = functools.reduce(operator.or_, (one[2] for one in found), 0)
        return _keep(cache, entries, ("".join(one[1] for one in found), mark))

    def _pair(self, root: str, entry: bytes) -> tuple[str, str, int]:
        real = _ENTRIES[root]
        name = "context" if root == "context" else "attributes"
        tag = real.DESCRIPTOR.fields_by_name[name].number << 3 | 2
        message = real.FromString(_varint(tag) + _varint(len(entry)) + entry)
        ((key, value),) = getattr(message, name).items()
        plain = columns.plain_value(value)
        return _keep(self._entries[root], entry, (key, _fragment(root, key, plain), _mark(root, key, plain)))

    def _verdict_lists(self, verdicts: tuple[bytes, ...]) -> tuple[str, str, str, int]:
        """Return the fields that are masked and those that are shown, and the rules."""
        known = self._verdict
        each = [known.get(verdict) or self._one_verdict(verdict) for verdict in verdicts]
        hidden = ",".join(filter(None, (one[0] for one in each)))
        shown = ",".join(filter(None, (one[1] for one in each)))
        rules = ",".join(filter(None, dict.fromkeys(one[2] for one in each)))
        mark = functools.reduce(operator.or_, (one[3] for one in each), 0)
        return _keep(self._verdicts, verdicts, (f"[{hidden}]", f"[{shown}]", f"[{rules}]", mark))

    def _one_verdict(self, data: bytes) -> tuple[str, str, str, int]:
        verdict = snapshot_pb2.RecordedVerdict.FromString(data)
        fields = ",".join(map(encode_basestring, verdict.fields))
        rule = encode_basestring(verdict.rule) if verdict.rule else ""
        is_shown = verdict.effect == types_pb2.EFFECT_UNMASK
        mark = marks.bit("rules", verdict.rule) if verdict.rule else 0
        if is_shown:
            for field in verdict.fields:
                mark |= marks.bit("unmasked", field)
        return _keep(self._verdict, data, ("", fields, rule, mark) if is_shown else (fields, "", rule, mark))

    def _list(self, roles: tuple[str, ...]) -> tuple[str, int]:
        mark = functools.reduce(operator.or_, (marks.bit("roles", role) for role in roles), 0)
        return _keep(self._lists, roles, (columns.plain_json(list(roles)), mark))

    def _text(self, text: str) -> str:
        return _keep(self._texts, text, encode_basestring(text))


def _fragment(root: str, name: str, plain: Any) -> str:
    return "" if plain is None else f"{encode_basestring(f'{root}.{name}')}:{columns.plain_json(plain)},"


def _mark(root: str, name: str, plain: Any) -> int:
    return marks.bit(f"{root}.{name}", plain) if isinstance(plain, str) else 0


def _keep(cache: dict[_Key, T], key: _Key, value: T) -> T:
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
