"""Reads grants, in `Test` documents and in grants files."""

from __future__ import annotations

from collections.abc import Collection

from pdp.lang.loader import names
from pdp.lang.loader.nodes import Node
from pdp.lang.loader.reader import Reader, Record, Shape
from pdp.lang.loader.report import quote
from pdp.lang.model import GrantSpec
from pdp.source import Span

_GRANT = Shape(
    "grant",
    "id kind subject resource not_before expires_at",
    "fields levels approver approver_level scenario reason evidence",
)
_RESOURCE = Shape("resource of a grant", "type", "id")
_KINDS = {kind: kind for kind in ("supervisor", "customer")}


def read_grants(
    reader: Reader, items: list[Node], seen: dict[str, Span], fields: Collection[str] | None = None
) -> list[GrantSpec]:
    """Return the grants of a list; those that are wrong are reported and left out.

    `seen` holds the ids used so far; with `fields`, the names of all fields, others are refused.
    """
    grants = []
    for item in items:
        grant = _read_grant(reader, item, fields)
        if grant is None:
            continue
        message = f"the grant id {quote(grant.id)} is used twice"
        if reader.is_new(seen, grant.id, grant.span, message):
            grants.append(grant)
    return grants


def _read_grant(reader: Reader, node: Node, fields: Collection[str] | None) -> GrantSpec | None:
    record = reader.record(node, _GRANT)
    if record is None:
        return None
    for key in ("id", "subject"):
        _require_text(record, key)
    resource_type, resource_id = _resource(record)
    not_before, expires_at = record.timestamp("not_before"), record.timestamp("expires_at")
    grant = GrantSpec(
        id=record.text("id"),
        kind=record.choice("kind", _KINDS) or "",
        subject_id=record.text("subject"),
        resource_type=resource_type,
        resource_id=resource_id,
        fields=_fields(record, fields),
        levels=_levels(record),
        not_before=not_before or 0,
        expires_at=expires_at or 0,
        approver=record.text("approver"),
        approver_level=record.whole("approver_level"),
        scenario=record.text("scenario"),
        reason=record.text("reason"),
        evidence=record.text("evidence"),
        span=record.node.span,
    )
    if not_before is None or expires_at is None or not grant.id:
        return None
    if expires_at <= not_before:
        hint = "the grant holds from `not_before` until just before `expires_at`"
        reader.error("bad-value", "`expires_at` is not after `not_before`", record.span("expires_at"), hint)
    return grant


def _require_text(record: Record, key: str) -> None:
    node = record.get(key)
    if node is not None and getattr(node, "value", None) == "" and getattr(node, "style", ""):
        record.reader.error("bad-value", f"`{key}` is empty", node)


def _resource(record: Record) -> tuple[str, str]:
    node = record.get("resource")
    resource = None if node is None else record.reader.record(node, _RESOURCE, "`resource`")
    if resource is None:
        return "", ""
    _require_text(resource, "type")
    return resource.text("type"), resource.text("id")


def _fields(record: Record, known: Collection[str] | None) -> tuple[str, ...]:
    found = record.names("fields", names.FIELD)
    for item in record.items("fields") if known is not None else ():
        field = getattr(item, "value", None)
        if field in found and field not in known:
            hint = record.reader.report.did_you_mean(field, known)
            record.reader.error("unknown-field", f"the field {quote(field)} is not in the dictionary", item, hint)
    return found


def _levels(record: Record) -> tuple[str, ...]:
    reader = record.reader
    found = (reader.choice(item, "an item of `levels`", names.LEVELS) for item in record.items("levels"))
    return tuple(level for level in found if level is not None)
