"""Numbers the masks of a bundle by strictness, so that a client need not know how algorithms compare."""

from __future__ import annotations

from pdp.engine.wire_masks import mask_parameters
from pdp.masks import catalogue
from pdp.v1 import bundle_pb2, types_pb2


def rank_masks(bundle: bundle_pb2.Bundle) -> None:
    """Write the place of every mask of rules and fields among all masks of the bundle: from 1, equal ones alike."""
    known: dict[bytes, catalogue.Strictness] = {}

    def key(mask: types_pb2.Mask) -> catalogue.Strictness:
        wire = mask.SerializeToString(deterministic=True)
        if wire not in known:
            known[wire] = catalogue.strictness(mask.algorithm, mask_parameters(mask))
        return known[wire]

    rules = [rule for policy in bundle.policies for rule in policy.rules if rule.HasField("mask")]
    masks = [*bundle.masks, *(field.default_mask for field in bundle.fields), *(rule.mask for rule in rules)]
    ranks = {strictness: number for number, strictness in enumerate(sorted({key(mask) for mask in masks}), start=1)}
    for field in bundle.fields:
        field.default_strictness = ranks[key(field.default_mask)]
    for rule in rules:
        rule.strictness = ranks[key(rule.mask)]
