"""The revision in force of a restored control store: that it decides as it should, and above what nodes have seen."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from pdp.control import layout, signatures
from pdp.control.kv.base import KeyValueStore, Put, Unchanged
from pdp.control.published import Published
from pdp.engine.program import Program
from pdp.errors import BackupError
from pdp.server import golden
from pdp.server.grants import GrantTable
from pdp.signing import NodeKey, TrustedKeys
from pdp.v1 import control_pb2

ACTOR = "restore"


class HeadInForce(NamedTuple):
    """What is in force: the revision, 0 for none, and how many of its own scenarios came out as expected."""

    revision: int
    golden_cases: int


def with_key(trusted: TrustedKeys, key: NodeKey) -> TrustedKeys:
    """Return trusted keys with one more."""
    return TrustedKeys({**trusted.keys, **TrustedKeys.of(key).keys})


async def try_head(store: KeyValueStore, trusted: TrustedKeys) -> HeadInForce:
    """Do with the revision in force what a node does before it decides by it.

    Raises RefusedError for one that is not signed by a trusted key, BlobError for one that is damaged, and
    GoldenCaseError when it decides its scenarios otherwise than expected.
    """
    published = Published(store)
    head = await published.head()
    if head is None:
        return HeadInForce(0, 0)
    signed = await published.bundle(await published.revision(head.revision))
    signatures.verify(signed, trusted)
    if hashlib.sha256(signed.bundle).hexdigest() != head.bundle_hash:
        raise BackupError(f"revision {head.revision} in the backup is not the one that was in force")
    grants = GrantTable()
    program = Program.from_bundle(signed, grants=grants)
    golden.verify(program, grants)
    return HeadInForce(head.revision, len(program.bundle.golden_cases))


async def raise_head(store: KeyValueStore, key: NodeKey, floor: int, now: int) -> HeadInForce:
    """Sign the text in force anew under the number after `floor`, so that nodes that have applied any up to it go on.

    A rollout that was running ends: the nodes that it was for may be gone. Raises BackupError when there is nothing in
    force, or when it is above the floor already.
    """
    published = Published(store)
    head, rollout = await published.head(), await published.rollout()
    if head is None:
        raise BackupError("there is no revision in force in the backup, so none can be raised above `--revision-floor`")
    highest = max(head.revision, *((rollout.revision, rollout.fallback) if rollout else (0, 0)))
    if highest > floor:
        raise BackupError(f"the backup has revision {highest} already; `--revision-floor` must not be below it")
    old = await published.revision(head.revision)
    number = floor + 1
    step = control_pb2.Step(
        kind=control_pb2.STEP_KIND_ROLLED_BACK, actor=ACTOR, time_nanos=now, sources=old.sources, base=old.number,
        reason=f"restored from a backup; nodes may have applied revisions up to {floor}",
    )  # fmt: skip
    revision = control_pb2.Revision(
        number=number, bundle_hash=old.bundle_hash, key_id=key.id,
        signature=signatures.sign(key, number, old.bundle_hash), sources=old.sources, previous=old.number,
        rollback_of=old.number, steps=[step],
    )  # fmt: skip
    raised = control_pb2.Head(revision=number, bundle_hash=old.bundle_hash, since_nanos=now)
    changes = [
        Put(layout.revision_key(number), revision.SerializeToString(deterministic=True)),
        Put(layout.HEAD, raised.SerializeToString(deterministic=True)),
    ]
    if rollout is not None and rollout.state == control_pb2.ROLLOUT_STATE_RUNNING:
        rollout.state = control_pb2.ROLLOUT_STATE_STOPPED
        rollout.stopped_because = "restored from a backup"
        rollout.steps.add(kind=control_pb2.STEP_KIND_STOPPED, actor=ACTOR, time_nanos=now)
        changes.append(Put(layout.ROLLOUT, rollout.SerializeToString(deterministic=True)))
    done = await store.commit([Unchanged(layout.revision_key(number), 0)], changes)
    if not done.succeeded:
        raise BackupError(f"there is a revision {number} already; choose another `--revision-floor`")
    return HeadInForce(number, 0)
