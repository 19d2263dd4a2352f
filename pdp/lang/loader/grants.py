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
    "fields levels approver approver_level scenario reason evidence application",
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
    findings = len(reader.report.diagnostics.items)
    record = reader.record(node, _GRANT, "a grant")
    if record is None:
        return None
    resource_type, resource_id = _resource(record)
    not_before, expires_at = record.timestamp("not_before"), record.timestamp("expires_at")
    grant = GrantSpec(
        id=record.filled("id"),
        kind=record.choice("kind", _KINDS) or "",
        subject_id=record.filled("subject"),
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
        application=record.name("application", names.APPLICATION) or "",
        span=record.node.span,
    )
    if not_before is not None and expires_at is not None and expires_at <= not_before:
        hint = "the grant holds from `not_before` until just before `expires_at`"
        reader.error("bad-value", "`expires_at` is not after `not_before`", record.span("expires_at"), hint)
    # INVARIANT: an entry left out of `fields` may widen a grant, so one with any error is left out as a whole.
    return grant if len(reader.report.diagnostics.items) == findings else None


def _resource(record: Record) -> tuple[str, str]:
    node = record.get("resource")
    resource = None if node is None else record.reader.record(node, _RESOURCE, "`resource`")
    if resource is None:
        return "", ""
    return resource.filled("type"), resource.text("id")


def _fields(record: Record, known: Collection[str] | None) -> tuple[str, ...]:
    found = []
    for item in record.items("fields"):
        field = record.reader.name(item, names.FIELD, "an item of `fields`")
        if field is not None and known is not None and field not in known:
            hint = record.reader.report.did_you_mean(field, known)
            record.reader.error("unknown-field", f"the field {quote(field)} is not in the dictionary", item, hint)
        elif field is not None:
            found.append(field)
    return tuple(found)


def _levels(record: Record) -> tuple[str, ...]:
    reader = record.reader
    found = (reader.choice(item, "an item of `levels`", names.LEVELS) for item in record.items("levels"))
    return tuple(level for level in found if level is not None)
