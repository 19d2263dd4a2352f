"""Which revision a node should decide by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from pdp.v1 import control_pb2


class Wanted(NamedTuple):
    """A revision by number and bundle hash; `candidate` when it is that of a running rollout."""

    number: int
    bundle_hash: str
    candidate: bool = False


def is_concerned(labels: Mapping[str, str], rollout: control_pb2.Rollout | None) -> bool:
    """Whether the candidate of a rollout decides on a node with these labels."""
    return (
        rollout is not None
        and rollout.state == control_pb2.ROLLOUT_STATE_RUNNING
        and all(labels.get(name) == value for name, value in rollout.labels.items())
    )


def wanted(
    labels: Mapping[str, str], head: control_pb2.Head | None, rollout: control_pb2.Rollout | None
) -> Wanted | None:
    """Return what a node with these labels should decide by; None before the first publication.

    INVARIANT: whoever asks has read the rollout before the head. The other way round a promotion in between would leave
    the head of before and a rollout that has ended: the node would see its revision go back.
    """
    if rollout is not None and is_concerned(labels, rollout):
        return Wanted(rollout.revision, rollout.bundle_hash, candidate=True)
    return None if head is None else Wanted(head.revision, head.bundle_hash)
