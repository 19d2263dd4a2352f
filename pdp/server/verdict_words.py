"""A mask and a reason in words, for terminals and for staff."""

from __future__ import annotations

from pdp.v1 import types_pb2


def mask_words(mask: types_pb2.Mask) -> str:
    """Return `mobile = keep(prefix=3, suffix=4)`, without the name for a mask written inside a rule."""
    parameters = ", ".join(f"{key}={_plain(value)}" for key, value in sorted(mask.parameters.items()))
    body = f"{mask.algorithm}({parameters})"
    return f"{mask.name} = {body}" if mask.name else body


def reason_words(reason: types_pb2.Reason) -> str:
    """Return why, such as `by core-counter/junior under grant G1`."""
    match reason.kind:
        case types_pb2.REASON_KIND_RULE:
            grant = f" under grant {reason.grant_id}" if reason.grant_id else ""
            undecided = " because its condition could not be decided" if reason.undecided else ""
            return f"by {reason.rule}{grant}{undecided}"
        case types_pb2.REASON_KIND_UNKNOWN_FIELD:
            return "because the dictionary does not have the field"
        case _:
            return "by the dictionary's default"


def _plain(value: types_pb2.Value) -> str:
    kind = value.WhichOneof("kind")
    if kind is None:
        return "?"
    held = getattr(value, kind)
    if kind.endswith("_list"):
        return "[" + ", ".join(str(item) for item in held.values) + "]"
    return str(held).lower() if isinstance(held, bool) else str(held)
