"""What a policy set declares, for those who edit rules: attributes, fields and masks with their labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

import yaml

from admin_gui.domain.form import value_of
from admin_gui.domain.say import Say, plain
from jingxi_client._gen.pdp.v1 import bundle_pb2

Kind = Literal["text", "int", "double", "bool", "list", "other"]
_KINDS: Final[Mapping[int, Kind]] = {
    bundle_pb2.ATTRIBUTE_TYPE_STRING: "text",
    bundle_pb2.ATTRIBUTE_TYPE_INT: "int",
    bundle_pb2.ATTRIBUTE_TYPE_DOUBLE: "double",
    bundle_pb2.ATTRIBUTE_TYPE_BOOL: "bool",
    bundle_pb2.ATTRIBUTE_TYPE_STRING_LIST: "list",
}


@dataclass(frozen=True, slots=True)
class Value:
    """A value to choose, as it is typed."""

    text: str
    label: Say


@dataclass(frozen=True, slots=True)
class Known:
    """An attribute. `values` are all that it may be, none when it may be anything."""

    name: str
    label: Say
    kind: Kind
    values: tuple[Value, ...] = ()


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What may be chosen. It is empty until a text without errors has been read once."""

    attributes: Mapping[str, Known] = field(default_factory=dict)
    fields: tuple[Value, ...] = ()
    masks: tuple[Value, ...] = ()
    obligations: tuple[Value, ...] = ()

    @property
    def is_known(self) -> bool:
        """Whether there is anything in it."""
        return bool(self.fields)


_YES: Final = (Value("true", Say("是", "yes")), Value("false", Say("否", "no")))
_BUILT_IN: Final = (
    Known("grant.active", Say("已获授权", "authorised"), "bool", _YES),
    Known("grant.kind", Say("授权种类", "kind of authorisation"), "text", (
        Value("supervisor", Say("主管授权", "by a supervisor")), Value("customer", Say("客户授权", "by the customer")),
    )),
    Known("grant.approver", Say("授权人", "approver"), "text"),
    Known("grant.approver_level", Say("授权人级别", "approver level"), "int"),
    Known("grant.scenario", Say("授权场景", "scenario of the authorisation"), "text"),
    Known("subject.id", Say("操作员", "operator"), "text"),
    Known("subject.roles", Say("岗位角色", "roles"), "list"),
    Known("action.name", Say("操作", "operation"), "text"),
    Known("resource.type", Say("对象类型", "kind of resource"), "text"),
    Known("resource.id", Say("对象编号", "number of the resource"), "text"),
)  # fmt: skip
_OBLIGATIONS: Final = (
    Value("watermark", Say("叠加水印", "watermark")),
    Value("require_reason", Say("填写原因", "ask for a reason")),
    Value("alert(severity=low)", Say("告警：低", "alert: low")),
    Value("alert(severity=medium)", Say("告警：中", "alert: medium")),
    Value("alert(severity=high)", Say("告警：高", "alert: high")),
)
EMPTY: Final = Catalogue({known.name: known for known in _BUILT_IN}, obligations=_OBLIGATIONS)
_ALL: Final = Value("all", Say("全部字段", "all fields"))


def catalogue(bundle: bundle_pb2.Bundle, texts: Iterable[str] = ()) -> Catalogue:
    """Return what a bundle declares; only `texts`, those that it was made of, have the labels of masks."""
    said = mask_labels(texts)
    attributes = {known.name: known for known in _BUILT_IN} | {
        attribute.name: _attribute(attribute) for attribute in bundle.attributes
    }
    fields = [Value(found.id, _label(found.label, found.id)) for found in bundle.fields]
    levels, categories = _sorted(found.level for found in bundle.fields), _sorted(f.category for f in bundle.fields)
    tags = _sorted(tag for found in bundle.fields for tag in found.tags)
    selectors = [
        *(Value(f"level:{name}", Say(f"{name} 级", f"level {name}")) for name in levels),
        *(Value(f"category:{name}", Say(f"类别 {name}", f"category {name}")) for name in categories),
        *(Value(f"tag:{name}", Say(f"标签 {name}", f"tag {name}")) for name in tags),
    ]
    masks = [Value(mask.name, said.get(mask.name, plain(mask.name))) for mask in bundle.masks]
    return Catalogue(attributes, (_ALL, *selectors, *fields), tuple(masks), _OBLIGATIONS)


def mask_labels(texts: Iterable[str]) -> dict[str, Say]:
    """Return the labels of the named masks of texts; what cannot be read has none."""
    found: dict[str, Say] = {}
    for text in texts:
        if "kind: Masks" not in text:
            continue
        try:
            documents = list(yaml.safe_load_all(text))
        except yaml.YAMLError:
            continue
        for document in documents:
            masks = document.get("masks") if isinstance(document, dict) and document.get("kind") == "Masks" else None
            for name, mask in (masks if isinstance(masks, dict) else {}).items():
                label = mask.get("label") if isinstance(mask, dict) else None
                if isinstance(label, dict):
                    found[str(name)] = Say(str(label.get("zh", "")), str(label.get("en", "")))
                elif isinstance(label, str):
                    found[str(name)] = plain(label)
    return found


def _attribute(attribute: bundle_pb2.AttributeDefinition) -> Known:
    kind = _KINDS.get(attribute.type, "other")
    values = tuple(
        Value(str(value_of(allowed.value)), Say(allowed.label.zh, allowed.label.en))
        for allowed in attribute.allowed_values
    )
    return Known(attribute.name, _label(attribute.label, attribute.name), kind, _YES if kind == "bool" else values)


def _label(label: object, name: str) -> Say:
    found = Say(getattr(label, "zh", ""), getattr(label, "en", ""))
    return found if any(found) else plain(name)


def _sorted(names: Iterable[str]) -> list[str]:
    return sorted({name for name in names if name})
