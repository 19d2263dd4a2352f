"""The bundle that a record was made by: what it declared, how it kept that, and what its masks were."""

from __future__ import annotations

from typing import NamedTuple

from google.protobuf.message import DecodeError

from pdp.engine.bundle import parse
from pdp.engine.request import TYPES
from pdp.engine.wire_masks import mask_message
from pdp.errors import BundleError
from pdp.masks import catalogue
from pdp.snapshot.replay.evidence import Witness
from pdp.snapshot.store.base import Reader
from pdp.v1 import bundle_pb2, snapshot_pb2, types_pb2
from pdp.values import AttributeType

FULL = mask_message("", "full", catalogue.complete("full", {}))


class Mask(NamedTuple):
    """A mask as an answer tells it: `shown` is its name, or its algorithm when it has none; `wire` all of it."""

    shown: str
    wire: bytes


def mask_of(message: types_pb2.Mask) -> Mask:
    """Return a mask in the form in which masks are compared."""
    return Mask(message.name or message.algorithm, message.SerializeToString(deterministic=True))


class Origin:
    """What replays need of the bundle that decided."""

    def __init__(self, bundle: bundle_pb2.Bundle) -> None:
        self.types: dict[str, AttributeType] = {a.name: TYPES[a.type] for a in bundle.attributes}
        self.keeps_id = any(
            a.name == "resource.id" and a.record == bundle_pb2.RECORD_MODE_FULL for a in bundle.attributes
        )
        self.witness = Witness(bundle)
        self._masks: dict[tuple[str, str, int, str], Mask] = {}
        self._fields = {field.id: field for field in bundle.fields}
        self._rules = {f"{policy.id}/{rule.id}": rule for policy in bundle.policies for rule in policy.rules}

    def mask(self, field: str, verdict: snapshot_pb2.RecordedVerdict) -> Mask:
        """Return the mask of a recorded verdict; without its parameters (`wire` empty) where the bundle lacks it."""
        key = field, verdict.rule, verdict.kind, verdict.mask
        known = self._masks.get(key)
        if known is None:
            known = self._masks[key] = self._mask(field, verdict)
        return known

    def _mask(self, field: str, verdict: snapshot_pb2.RecordedVerdict) -> Mask:
        found: types_pb2.Mask | None = None
        rule = self._rules.get(verdict.rule)
        definition = self._fields.get(field)
        if verdict.kind == types_pb2.REASON_KIND_UNKNOWN_FIELD:
            found = FULL
        elif rule is not None and rule.HasField("mask"):
            found = rule.mask
        elif definition is not None:
            found = definition.default_mask
        mask = None if found is None else mask_of(found)
        # What the record says counts; the bundle only adds the parameters.
        return mask if mask is not None and mask.shown == verdict.mask else Mask(verdict.mask, b"")


def read_origin(reader: Reader, policy_hash: str) -> Origin | None:
    """Return what the store has of a bundle; None when it is not there or damaged. Raises StoreError."""
    data = reader.bundle(policy_hash)
    if data is None:
        return None
    try:
        signed = bundle_pb2.SignedBundle.FromString(data)
        return Origin(parse(signed)) if signed.hash == policy_hash else None
    except (DecodeError, BundleError):
        return None
