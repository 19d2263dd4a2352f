"""What the difference between two policy sets means, in order and within bounds."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Final

from pdp.control.changes import dictionary
from pdp.control.changes.expressions import Expressions
from pdp.control.changes.failure import failure_rule_changes
from pdp.control.changes.rules import Rules
from pdp.control.changes.sides import Side
from pdp.v1 import bundle_pb2, control_pb2

MAX_BYTES: Final = 16 * 1024 * 1024
"""How long all changes of meaning together may be."""


def meaning_changes(
    before: bundle_pb2.Bundle | None, after: bundle_pb2.Bundle
) -> tuple[list[control_pb2.MeaningChange], int, int]:
    """Return what changed, by subject and id.

    The numbers say of how many changes the parts had to be left out, and how many changes altogether.
    """
    expressions = Expressions()
    old, new = Side(before, expressions), Side(after, expressions)
    rules = Rules(old, new, expressions)
    found = sorted(
        itertools.chain(
            rules.changes(),
            rules.policies(),
            dictionary.field_changes(old, new),
            dictionary.attribute_changes(old, new),
            dictionary.mask_changes(old, new),
            dictionary.message_map_changes(old, new),
            dictionary.golden_case_changes(old, new),
            failure_rule_changes(old, new),
        ),
        key=lambda change: (change.subject, change.id),
    )
    return _bounded(found)


def _bounded(found: Sequence[control_pb2.MeaningChange]) -> tuple[list[control_pb2.MeaningChange], int, int]:
    if sum(change.ByteSize() for change in found) <= MAX_BYTES:
        return list(found), 0, 0
    # What can show something in clear is the last to be left out.
    left, bare = MAX_BYTES, 0
    kept: set[int] = set()
    for number, change in sorted(enumerate(found), key=lambda item: not item[1].may_unmask):
        size = change.ByteSize()
        if size > left // 2:
            change.ClearField("parts")
            bare += 1
            size = change.ByteSize()
        if size <= left:
            kept.add(number)
            left -= size
    return [found[number] for number in sorted(kept)], bare, len(found) - len(kept)
