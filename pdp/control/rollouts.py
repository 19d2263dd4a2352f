"""The end of a rollout: its candidate takes force everywhere, or is taken back.

Neither needs a key: what takes force was signed when the rollout began, so that any node can stop one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pdp.control import keeping, layout
from pdp.control.desk import Desk, InForce
from pdp.control.kv.base import Put, Unchanged
from pdp.control.steps import Who, check_reason, moment
from pdp.errors import NotFoundError, RequestError, Violation, WrongStateError
from pdp.v1 import control_pb2, policy_service_pb2

SAMPLE: Final = 0.1
MIN_COMPARED: Final = 100
MAX_LABELS: Final = 16
_MAX_LABEL = 128

_ENDED = {
    control_pb2.ROLLOUT_STATE_PROMOTED: "promoted",
    control_pb2.ROLLOUT_STATE_STOPPED: "stopped",
}


class Rollouts(Desk):
    """The work on rollouts. Everything may raise ControlStoreError and BlobError."""

    async def promote(self, revision: int, who: Who) -> control_pb2.Rollout:
        """Put the candidate of the running rollout, which has this number, in force everywhere.

        Raises RequestError, NotFoundError when there was no rollout, and WrongStateError when none or another runs.
        """
        check_reason(who)
        self._may("promote", who.actor, None)
        return await self._insist(lambda: self._end(revision, who, control_pb2.ROLLOUT_STATE_PROMOTED))

    async def stop(self, revision: int, who: Who) -> control_pb2.Rollout:
        """Take the candidate of the running rollout, which has this number, back; a reason is required.

        Raises as `promote`.
        """
        check_reason(who, required=True)
        self._may("stop", who.actor, None)
        return await self._insist(lambda: self._end(revision, who, control_pb2.ROLLOUT_STATE_STOPPED))

    async def _end(self, revision: int, who: Who, state: control_pb2.RolloutState) -> control_pb2.Rollout:
        now = await self.in_force()
        rollout = now.rollout
        _check_running(now, revision)
        candidate = await self.published.revision(rollout.revision)
        rollout.state = state
        if state == control_pb2.ROLLOUT_STATE_PROMOTED:
            kind, number, digest = control_pb2.STEP_KIND_PROMOTED, rollout.revision, rollout.bundle_hash
        else:
            kind, number, digest = control_pb2.STEP_KIND_STOPPED, rollout.fallback, rollout.fallback_hash
            rollout.stopped_because = who.reason
        step = self._step(kind, who, candidate.sources, now.head.revision)
        rollout.steps.append(step)
        head = control_pb2.Head(revision=number, bundle_hash=digest, since_nanos=step.time_nanos)
        ended = rollout.SerializeToString(deterministic=True)
        put = Put(layout.ROLLOUT, ended)
        await keeping.commit(
            self._store,
            [Unchanged(layout.HEAD, now.head_modified), Unchanged(layout.ROLLOUT, now.rollout_modified)],
            [Put(layout.HEAD, head.SerializeToString(deterministic=True)), put,
             Put(layout.ended_key(rollout.revision), ended)],
            witness=put,
        )  # fmt: skip
        return rollout


def _check_running(now: InForce, revision: int) -> None:
    rollout = now.rollout
    if not now.rollout_modified:
        raise NotFoundError("there was no rollout yet")
    if not now.running:
        last = rollout.steps[-1]
        raise WrongStateError(
            f"the rollout of revision {rollout.revision} does not run any more: `{last.actor}` {_ENDED[rollout.state]} "
            f"it at {moment(last.time_nanos)}"
        )
    if rollout.revision != revision:
        raise WrongStateError(
            f"the rollout that runs is of revision {rollout.revision}, not {revision}; look at it first"
        )


def check_canary(canary: policy_service_pb2.Canary) -> None:
    """Raise RequestError for a rollout that cannot be."""
    wrong = []
    if not canary.labels:
        wrong.append(Violation("canary.labels", "name at least one label of the nodes that go first"))
    wrong += _wrong_labels(canary.labels)
    # Written so that what is no number does not pass.
    if not 0 <= canary.sample <= 1:
        wrong.append(Violation("canary.sample", f"is {canary.sample}, must be 0 to 1; 0 for {SAMPLE}"))
    if canary.HasField("max_difference") and not 0 <= canary.max_difference <= 1:
        wrong.append(Violation("canary.max_difference", f"is {canary.max_difference}, must be 0 to 1"))
    if canary.min_compared < 0:
        wrong.append(Violation("canary.min_compared", f"is {canary.min_compared}, must not be negative"))
    if wrong:
        raise RequestError(*wrong)


def _wrong_labels(labels: Mapping[str, str]) -> list[Violation]:
    if len(labels) > MAX_LABELS:
        return [Violation("canary.labels", f"has {len(labels)} labels, at most {MAX_LABELS}")]
    if any(not name or max(len(name), len(value)) > _MAX_LABEL for name, value in labels.items()):
        return [
            Violation("canary.labels", f"a label has a name, and at most {_MAX_LABEL} characters in name and value")
        ]
    return []
