"""The attributes that every policy set has without declaring them."""

from __future__ import annotations

from pdp.lang.model import AllowedValue, Attribute, Label, RecordMode
from pdp.source import whole
from pdp.values import AttributeType

_NOWHERE = whole("<builtin>")


def _builtin(name: str, kind: AttributeType, label: Label, allowed: tuple[AllowedValue, ...] = ()) -> Attribute:
    return Attribute(name, kind, label, allowed, None, default_record(name, kind), _NOWHERE, builtin=True)


def default_record(name: str, kind: AttributeType) -> RecordMode:
    """Return how much of an attribute a snapshot keeps when its declaration does not say."""
    if not name.startswith("resource.") or name == "resource.type":
        return RecordMode.FULL
    return RecordMode.BUCKET if kind in {AttributeType.INT, AttributeType.DOUBLE} else RecordMode.HASH


def _value(value: str, zh: str, en: str) -> AllowedValue:
    return AllowedValue(value, Label(zh, en), _NOWHERE)


# A policy set may declare these to give labels, allowed values and what is recorded.
REQUEST = {
    attribute.name: attribute
    for attribute in (
        _builtin("subject.id", AttributeType.STRING, Label("员工号", "employee number")),
        _builtin("subject.roles", AttributeType.STRING_LIST, Label("角色", "roles")),
        _builtin("action.name", AttributeType.STRING, Label("操作", "action")),
        _builtin("resource.type", AttributeType.STRING, Label("资源类型", "resource type")),
        _builtin("resource.id", AttributeType.STRING, Label("资源编号", "resource id")),
    )
}

# What the engine itself supplies; never part of a request.
SUPPLIED = {
    attribute.name: attribute
    for attribute in (
        _builtin("now", AttributeType.TIMESTAMP, Label("现在", "now")),
        _builtin("grant.active", AttributeType.BOOL, Label("授权有效", "grant active")),
        _builtin(
            "grant.kind",
            AttributeType.STRING,
            Label("授权方式", "grant kind"),
            (
                _value("supervisor", "主管授权", "supervisor's authorisation"),
                _value("customer", "客户授权", "customer's authorisation"),
                _value("", "无授权", "no grant"),
            ),
        ),
        _builtin("grant.approver", AttributeType.STRING, Label("授权人", "approver")),
        _builtin("grant.approver_level", AttributeType.INT, Label("授权人级别", "approver level")),
        _builtin("grant.scenario", AttributeType.STRING, Label("授权场景", "scenario")),
    )
}
