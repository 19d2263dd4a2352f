"""The form of a request: the attributes that the rules need, with labels and allowed values, and what was entered."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from admin_gui.domain.say import Say, plain
from jingxi_client._gen.pdp.v1 import bundle_pb2, decision_service_pb2, types_pb2

SECTIONS: Final[Mapping[str, Say]] = {
    "subject": Say("谁", "Who"),
    "action": Say("做什么", "What for"),
    "resource": Say("看谁的资料", "About whom"),
    "context": Say("在哪里、怎样", "Where and how"),
}
_OWN: Final = {
    "subject.id": (bundle_pb2.ATTRIBUTE_TYPE_STRING, Say("操作员", "operator")),
    "subject.roles": (bundle_pb2.ATTRIBUTE_TYPE_STRING_LIST, Say("岗位角色", "roles")),
    "action.name": (bundle_pb2.ATTRIBUTE_TYPE_STRING, Say("操作", "operation")),
    "resource.type": (bundle_pb2.ATTRIBUTE_TYPE_STRING, Say("对象类型", "kind of resource")),
    "resource.id": (bundle_pb2.ATTRIBUTE_TYPE_STRING, Say("对象编号", "number of the resource")),
}
"""What every request has, whether a policy set declares it or not."""
_NAME = re.compile(r"(?<![\w.])(?:subject|action|resource|context)(?:\.[a-z_][a-z0-9_]*)+")
_LISTS: Final[Mapping[int, tuple[str, type]]] = {
    bundle_pb2.ATTRIBUTE_TYPE_STRING_LIST: ("string_list", str),
    bundle_pb2.ATTRIBUTE_TYPE_INT_LIST: ("int_list", int),
    bundle_pb2.ATTRIBUTE_TYPE_DOUBLE_LIST: ("double_list", float),
}


@dataclass(frozen=True, slots=True)
class Choice:
    """A value that an attribute may take."""

    value: Any
    label: Say


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the form: one attribute. `used` says that a rule asks for it."""

    name: str
    label: Say
    type: int
    choices: tuple[Choice, ...]
    used: bool

    @property
    def section(self) -> str:
        """`subject`, `action`, `resource` or `context`."""
        return self.name.partition(".")[0]

    @property
    def is_list(self) -> bool:
        """Whether it takes several values."""
        return self.type in _LISTS


def entries(bundle: bundle_pb2.Bundle) -> list[Entry]:
    """Return the lines of the form: those that rules ask for first, in the order of their declaration."""
    used = set(_used(bundle))
    declared = {attribute.name: attribute for attribute in bundle.attributes}
    names = [*_OWN, *(name for name in declared if name not in _OWN)]
    found = [_entry(name, declared.get(name), name in used or name in _OWN) for name in names]
    found = [entry for entry in found if entry.section in SECTIONS]
    order = list(SECTIONS)
    return sorted(found, key=lambda entry: (order.index(entry.section), not entry.used))


def _entry(name: str, attribute: bundle_pb2.AttributeDefinition | None, used: bool) -> Entry:
    if attribute is None:
        kind, label = _OWN[name]
        return Entry(name, label, kind, (), used)
    choices = tuple(
        Choice(value_of(allowed.value), Say(allowed.label.zh, allowed.label.en)) for allowed in attribute.allowed_values
    )
    label = Say(attribute.label.zh, attribute.label.en)
    return Entry(name, label if any(label) else plain(name), attribute.type, choices, used)


def _used(bundle: bundle_pb2.Bundle) -> Iterable[str]:
    for policy in bundle.policies:
        yield from (clause.attribute for clause in policy.scope)
        texts = [variable.expression.text for variable in policy.variables]
        texts += [expression.text for rule in policy.rules for expression in rule.when]
        for text in texts:
            yield from _NAME.findall(text)


def value_of(value: types_pb2.Value) -> Any:
    """Return what a Value holds as a plain value; None for nothing."""
    kind = value.WhichOneof("kind")
    if kind is None:
        return None
    held = getattr(value, kind)
    if kind in ("string_list", "int_list", "double_list"):
        return list(held.values)
    if kind == "string_map":
        return dict(held.entries)
    if kind in ("timestamp_value", "duration_value"):
        return held.ToJsonString()
    return held


def entered(entry: Entry, text: str) -> Any:
    """Return what was typed as the attribute's plain value, None for nothing. Raises ValueError."""
    text = text.strip()
    if not text:
        return None
    if entry.is_list:
        _, make = _LISTS[entry.type]
        return [make(part.strip()) for part in re.split("[,，、;；]", text) if part.strip()]
    match entry.type:
        case bundle_pb2.ATTRIBUTE_TYPE_INT:
            return int(text)
        case bundle_pb2.ATTRIBUTE_TYPE_DOUBLE:
            return float(text)
        case bundle_pb2.ATTRIBUTE_TYPE_BOOL:
            if text.lower() not in ("true", "false"):
                raise ValueError(text)
            return text.lower() == "true"
        case bundle_pb2.ATTRIBUTE_TYPE_TIMESTAMP:
            found = datetime.datetime.fromisoformat(text)
            if found.tzinfo is None:
                raise ValueError(text)
            return found.isoformat()
        case bundle_pb2.ATTRIBUTE_TYPE_STRING_MAP:
            pairs = (part.partition("=") for part in re.split("[,，]", text))
            return {key.strip(): value.strip() for key, _, value in pairs}
    return text


def shown(value: Any) -> str:
    """Return a plain value as it is typed."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, Mapping):
        return ", ".join(f"{key}={item}" for key, item in value.items())
    return str(value)


def wire(kind: int, value: Any) -> types_pb2.Value:
    """Return a plain value as it travels. Raises ValueError for one that the type cannot hold."""
    made = types_pb2.Value()
    if kind in _LISTS:
        name, make = _LISTS[kind]
        getattr(made, name).values.extend(make(item) for item in value)
        return made
    match kind:
        case bundle_pb2.ATTRIBUTE_TYPE_INT:
            made.int_value = int(value)
        case bundle_pb2.ATTRIBUTE_TYPE_DOUBLE:
            made.double_value = float(value)
        case bundle_pb2.ATTRIBUTE_TYPE_BOOL:
            made.bool_value = bool(value)
        case bundle_pb2.ATTRIBUTE_TYPE_TIMESTAMP:
            made.timestamp_value.FromJsonString(str(value))
        case bundle_pb2.ATTRIBUTE_TYPE_DURATION:
            made.duration_value.FromJsonString(str(value))
        case bundle_pb2.ATTRIBUTE_TYPE_STRING_MAP:
            made.string_map.entries.update(value)
        case _:
            made.string_value = str(value)
    return made


def values_of(request: decision_service_pb2.DecideRequest) -> dict[str, Any]:
    """Return what a request says, by dotted name."""
    found: dict[str, Any] = {
        "subject.id": request.subject.id,
        "subject.roles": list(request.subject.roles),
        "action.name": request.action.name,
        "resource.type": request.resource.type,
        "resource.id": request.resource.id,
    }
    found = {name: value for name, value in found.items() if value}
    for section, attributes in (
        ("subject", request.subject.attributes), ("action", request.action.attributes),
        ("resource", request.resource.attributes), ("context", request.context),
    ):  # fmt: skip
        found |= {f"{section}.{name}": value_of(value) for name, value in attributes.items()}
    return found


def request_of(
    lines: Iterable[Entry], values: Mapping[str, Any], fields: Sequence[str], grant_ids: Sequence[str] = ()
) -> decision_service_pb2.DecideRequest:
    """Return the request that values by dotted name make. Raises ValueError."""
    made = decision_service_pb2.DecideRequest(fields=fields, grant_ids=grant_ids)
    made.subject.id = str(values.get("subject.id") or "")
    made.subject.roles.extend(map(str, values.get("subject.roles") or ()))
    made.action.name = str(values.get("action.name") or "")
    made.resource.type = str(values.get("resource.type") or "")
    made.resource.id = str(values.get("resource.id") or "")
    for line in lines:
        value = values.get(line.name)
        if value is None or line.name in _OWN:
            continue
        name = line.name.partition(".")[2]
        held = made.context if line.section == "context" else getattr(made, line.section).attributes
        held[name].CopyFrom(wire(line.type, value))
    return made
