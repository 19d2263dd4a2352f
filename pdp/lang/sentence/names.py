"""What people call attributes, their values, and fields, in one language."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from pdp.lang.model import AllowedValue, Label
from pdp.lang.resolved import ResolvedSet
from pdp.lang.sentence.text import quoted
from pdp.values import AttributeType

# What no policy set can declare, called so that it fits into a sentence.
SUPPLIED: Mapping[str, Label] = {
    "now": Label("当前时间", "current time"),
    "grant.active": Label("有效授权", "valid authorisation"),
    "grant.kind": Label("授权类型", "kind of authorisation"),
    "grant.approver": Label("授权人", "approver"),
    "grant.approver_level": Label("授权人级别", "approver level"),
    "grant.scenario": Label("授权场景", "scenario of the authorisation"),
}
_GRANT_KINDS = {
    "supervisor": Label("主管授权", "authorisation by a supervisor"),
    "customer": Label("客户本人授权", "authorisation by the customer"),
}
# Attributes that say where a request comes from; a scope on them reads as a place: 「在柜面系统的客户查询菜单中」.
PLACES = frozenset(
    f"context.{word}"
    for word in ("application", "system", "subsystem", "channel", "module", "menu", "page", "transaction", "scenario")
) | {"action.name"}
# What the label of such an attribute may end in without being part of the place's name: 菜单码, menu code.
_CODES_ZH = ("编号", "代码", "名称", "码", "号")
_CODES_EN = (" code", " number", " id", " ID", " name", " no.")
_JOINING_ZH = ("或", "且", "和", "、", "，", "；")
_WITHOUT_ARTICLE = ("the ", "a ", "an ", "how ", "what ", "when ", "where ", "which ", "who ", "whether ", "whose ")
_JOINING_EN = (" or ", " and ", ",", ";")


def text_of(label: Label, *, chinese: bool) -> str:
    """Return a label in a language, in the other one where this one is empty."""
    return (label.zh or label.en) if chinese else (label.en or label.zh)


class Names:
    """The names of one policy set in one language; what carries the same name is told apart by its id."""

    def __init__(self, resolved: ResolvedSet, *, chinese: bool) -> None:
        self.chinese = chinese
        labels = {name: attribute.label for name, attribute in resolved.attributes.items()}
        self._attributes = self._distinct({**labels, **SUPPLIED})
        self._nouns = {name: text if chinese else the(text) for name, text in self._attributes.items()}
        self._joining = _JOINING_ZH if chinese else _JOINING_EN
        fields = self._distinct({name: field.label for name, field in resolved.fields.items()})
        self._fields = {name: _apart(text, self._joining) for name, text in fields.items()}
        self._values = {name: self._value_names(a.allowed) for name, a in resolved.attributes.items()}
        self._bools = {name for name, a in resolved.attributes.items() if a.type.element is AttributeType.BOOL}
        self._values["grant.kind"] = {kind: text_of(label, chinese=chinese) for kind, label in _GRANT_KINDS.items()}
        self._values["grant.scenario"] = self._values.get("context.scenario", {})

    def _distinct(self, labels: Mapping[str, Label]) -> dict[str, str]:
        texts = {name: _clean(text_of(label, chinese=self.chinese)) or name for name, label in labels.items()}
        counts = Counter(texts.values())
        return {name: text if counts[text] == 1 else self._with(text, name) for name, text in texts.items()}

    def _value_names(self, allowed: Iterable[AllowedValue]) -> dict[Any, str]:
        texts = {item.value: _clean(text_of(item.label, chinese=self.chinese)) for item in allowed}
        counts = Counter(texts.values())
        return {
            value: self._with(text, str(value)) if counts[text] > 1 else _apart(text, self._joining)
            for value, text in texts.items()
            if text
        }

    def _with(self, text: str, name: str) -> str:
        return f"{text}（{name}）" if self.chinese else f"{text} ({name})"

    def attribute(self, name: str) -> str:
        """Return an attribute's label; its dotted name when it has none."""
        return self._attributes.get(name, name)

    def noun(self, name: str) -> str:
        """Return an attribute's label with its article."""
        return self._nouns.get(name, name)

    def field(self, name: str) -> str:
        """Return a field's label; its id when it has none or is not in the dictionary."""
        return self._fields.get(name) or _apart(name, self._joining)

    def value(self, attribute: str, value: Any) -> str | None:
        """Return the label of an attribute's allowed value, None when it has none."""
        known = self._values.get(attribute)
        if not known or (isinstance(value, bool) and attribute not in self._bools):
            return None
        return known.get(value)

    def place(self, attribute: str) -> str:
        """Return what a place of this attribute is called: 菜单 for an attribute labelled 菜单码."""
        text = self.attribute(attribute)
        for ending in _CODES_ZH if self.chinese else _CODES_EN:
            if text.endswith(ending) and len(text) > len(ending):
                return text.removesuffix(ending)
        return text


def _clean(text: str) -> str:
    """A label in several lines or with padding is one line in a sentence."""
    return " ".join(text.split())


def _apart(text: str, joining: tuple[str, ...]) -> str:
    """Put a text in quotes that would otherwise be misread as a list of texts."""
    return quoted(text) if text.startswith("not ") or any(mark in text for mark in joining) else text


def the(text: str) -> str:
    """Return an English noun with its article; a dotted name or a Chinese label has none."""
    if not text.isascii() or text.startswith(_WITHOUT_ARTICLE) or ("." in text and " " not in text):
        return text
    return f"the {text}"
