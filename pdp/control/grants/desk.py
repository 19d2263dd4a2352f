"""Leads grants from being asked for to their end; every step is one transaction on what was read before.

A grant holds while `active/ID` stands there, under a lease that ends with it even if nobody cleans up.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from google.protobuf.message import DecodeError

from pdp.control import keeping, layout
from pdp.control.grants import consent, ids
from pdp.control.grants.knowing import Knowing
from pdp.control.grants.rules import (
    ASKED_SECONDS,
    Authority,
    Dictionary,
    check_content,
    same,
    validity_of,
    wrong_fields,
)
from pdp.control.kv.base import Delete, KeyValue, KeyValueStore, Put, Unchanged
from pdp.control.steps import Who, check_reason, moment
from pdp.errors import (
    AccessDeniedError,
    BlobError,
    ConflictError,
    ControlStoreError,
    LeaseEndedError,
    NotFoundError,
    RequestError,
    Violation,
    WrongStateError,
)
from pdp.v1 import account_pb2, bundle_pb2, grant_service_pb2

_SECOND: Final = 10**9
_SKEW: Final = 5 * _SECOND
"""Clocks of nodes differ: who approved must be believed by one whose clock is late."""
_MOST_LEASE: Final = 86_400
_CONSENT_SECONDS: Final = 3_600
"""Longer than a consent may be old, and shorter than any is asked for again."""
_MOST_SCANNED: Final = 5_000

STEPS: Final = ("asked", "approved", "consented", "refused", "revoked")

State = account_pb2.GrantState
_WORDS = {
    State.GRANT_STATE_ASKED: "waits for a decision",
    State.GRANT_STATE_ACTIVE: "was given already",
    State.GRANT_STATE_REFUSED: "was refused",
    State.GRANT_STATE_REVOKED: "was taken back",
    State.GRANT_STATE_EXPIRED: "has expired",
    State.GRANT_STATE_USED_UP: "was used as often as it may be",
}


class Made(NamedTuple):
    """A grant, and the revision of the control store from which on all who know it see it as it is."""

    record: account_pb2.GrantRecord
    revision: int


class Revoked(NamedTuple):
    """A grant that nobody honours any more; `silent` are the nodes that did not say so but can honour none by now."""

    record: account_pb2.GrantRecord
    revision: int
    silent: Sequence[str]


class Page(NamedTuple):
    """Grants, newest first; `after` is where the next page begins, empty at the end."""

    records: Sequence[account_pb2.GrantRecord]
    after: str


class GrantDesk:
    """`dictionary` tells the fields that there are; `clock` the time in nanoseconds since 1970.

    Every method raises ControlStoreError when the store is away; then the step may or may not have been done.
    """

    def __init__(
        self,
        store: KeyValueStore,
        dictionary: Dictionary = lambda: None,
        *,
        knowing: Knowing | None = None,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self._store = store
        self._dictionary = dictionary
        self._knowing = knowing or Knowing(store)
        self._clock = clock
        self.steps: Counter[str] = Counter(dict.fromkeys(STEPS, 0))
        """How often each of STEPS was done here."""

    async def ask(self, request: grant_service_pb2.AskForGrantRequest, who: Authority) -> account_pb2.GrantRecord:
        """Ask for a grant. Raises RequestError, and AccessDeniedError beyond one's reach."""
        check_content(request, self._dictionary(), ("resource_type", "resource_id", "reason"))
        check_reason(Who(who.name, request.reason))
        now = self._clock()
        record = account_pb2.GrantRecord(
            grant=bundle_pb2.Grant(
                id=ids.new_id(now), kind="supervisor", subject_id=request.subject_id or who.name,
                resource_type=request.resource_type, resource_id=request.resource_id, fields=_once(request.fields),
                levels=_once(request.levels), scenario=request.scenario, reason=request.reason,
                application=request.application,
            ),
            max_uses=request.max_uses, application=request.application, branch=request.branch or who.branch,
            validity_nanos=validity_of(request),
        )  # fmt: skip
        _step(record, State.GRANT_STATE_ASKED, Who(who.name, request.reason), now)
        # Else somebody could have it decided on where nobody knows the subject.
        who.check_reach(record)
        if who.branch and same(who.name, record.grant.subject_id) and record.branch != who.branch:
            raise RequestError(Violation("branch", f"is `{record.branch}`, and that of `{who.name}` is `{who.branch}`"))
        await self._write(record, 0)
        self.steps["asked"] += 1
        return record

    async def approve(self, request: grant_service_pb2.ApproveGrantRequest, who: Authority) -> Made:
        """Give what was asked for. Raises NotFoundError, AccessDeniedError, WrongStateError and RequestError."""
        check_reason(Who(who.name, request.reason))
        record, modified = await self._read(request.id)
        who.check_approves(record)
        self._check_state(record, State.GRANT_STATE_ASKED)
        # The dictionary may have become stricter since it was asked for.
        if wrong := wrong_fields(record.grant.fields, self._dictionary()):
            raise WrongStateError("; ".join(f"{found.field}: {found.description}" for found in wrong))
        now = self._clock()
        validity = min(record.validity_nanos, validity_of(request, record.validity_nanos))
        grant = record.grant
        grant.approver, grant.approver_level = who.name, who.level
        grant.not_before_nanos, grant.expires_at_nanos = now - _SKEW, now + validity
        _step(record, State.GRANT_STATE_ACTIVE, Who(who.name, request.reason), now)
        made = await self._activate(record, modified, validity)
        self.steps["approved"] += 1
        return made

    async def refuse(self, grant_id: str, who: Authority, reason: str) -> account_pb2.GrantRecord:
        """Refuse a grant that was asked for. Raises as `approve`."""
        check_reason(Who(who.name, reason), required=True)
        record, modified = await self._read(grant_id)
        who.check_approves(record)
        self._check_state(record, State.GRANT_STATE_ASKED)
        _step(record, State.GRANT_STATE_REFUSED, Who(who.name, reason), self._clock())
        await self._write(record, modified)
        self.steps["refused"] += 1
        return record

    async def revoke(self, grant_id: str, who: Authority, reason: str) -> Revoked:
        """Take a grant back, and return once no node honours it. Again is no error, and waits again.

        Who asked, who it is for and who has authority may. Raises as `approve`.
        """
        check_reason(Who(who.name, reason), required=True)
        record, modified = await self._read(grant_id)
        if who.name not in (record.steps[0].actor, record.grant.subject_id):
            who.check_reach(record)
        if record.state != State.GRANT_STATE_REVOKED:
            self._check_state(
                record, State.GRANT_STATE_ASKED, State.GRANT_STATE_ACTIVE, State.GRANT_STATE_USED_UP
            )  # fmt: skip
            was_asked = record.state == State.GRANT_STATE_ASKED
            _step(record, State.GRANT_STATE_REVOKED, Who(who.name, reason), self._clock())
            if was_asked:
                revision = await self._write(record, modified)
                self.steps["revoked"] += 1
                return Revoked(record, revision, ())
            key = layout.active_key(grant_id)
            active = await self._store.get(key)
            modified = await self._write(record, modified, Delete(key), Put(layout.GRANTED, b""))
            self.steps["revoked"] += 1
            if active is not None and active.lease:
                with contextlib.suppress(ControlStoreError):  # it ends by itself
                    await self._store.revoke(active.lease)
        silent = await self._knowing.wait(modified)
        return Revoked(await self._counted(record), modified, silent)

    async def consent(
        self, request: grant_service_pb2.RecordConsentRequest, who: Authority, caller: str, key: str
    ) -> Made:
        """Record that a customer consented, as the system `caller` says and signs by `key`; the same id once only.

        Raises RequestError, AccessDeniedError, and ConflictError for an id that was another consent's.
        """
        needed = ("subject_id", "resource_type", "resource_id", "evidence", "consent_id")
        check_content(request, self._dictionary(), needed)
        now = self._clock()
        consent.verify(caller, key, request, now)
        digest = hashlib.sha256(consent.statement(caller, request)).hexdigest()
        name = hashlib.sha256(f"{caller}\0{request.consent_id}".encode()).hexdigest()
        known = await self._store.get(layout.CONSENTS + name)
        if known is not None:
            return await self._known_consent(known, digest)
        validity = validity_of(request)
        record = account_pb2.GrantRecord(
            grant=bundle_pb2.Grant(
                id=ids.new_id(now), kind="customer", subject_id=request.subject_id,
                resource_type=request.resource_type, resource_id=request.resource_id, fields=_once(request.fields),
                levels=_once(request.levels), scenario=request.scenario, evidence=request.evidence,
                not_before_nanos=now - _SKEW, expires_at_nanos=now + validity, application=request.application,
            ),
            max_uses=request.max_uses, application=request.application, branch=who.branch, validity_nanos=validity,
            consent_id=request.consent_id,
        )  # fmt: skip
        _step(record, State.GRANT_STATE_ACTIVE, Who(who.name), now)
        marked = Put(layout.CONSENTS + name, f"{record.grant.id} {digest}".encode())
        try:
            made = await self._activate(record, 0, validity, marked)
        except ConflictError:
            known = await self._store.get(layout.CONSENTS + name)
            if known is None:
                raise
            return await self._known_consent(known, digest)
        self.steps["consented"] += 1
        return made

    async def get(self, grant_id: str) -> account_pb2.GrantRecord:
        """Return a grant as it is now. Raises NotFoundError."""
        record, _ = await self._read(grant_id)
        return await self._counted(record)

    async def list(
        self,
        *,
        after: str = "",
        limit: int = 100,
        state: State = State.GRANT_STATE_UNSPECIFIED,
        subject_id: str = "",
        for_approval_by: Authority | None = None,
        reach: Authority | None = None,
    ) -> Page:
        """Return grants, newest first, at most `limit`: those for one subject, in one state, that somebody may decide
        on, within somebody's reach. There may be fewer, and still more to come.
        """
        found: list[account_pb2.GrantRecord] = []
        scanned = 0
        while True:
            page = await self._store.range(layout.GRANTS, after=after, limit=min(1_000, max(limit, 100)))
            for item in page.items:
                after, scanned = item.key, scanned + 1
                record = self._shown(item)
                if (
                    (not state or record.state == state)
                    and (not subject_id or same_subject(record, subject_id))
                    and (for_approval_by is None or _is_for(record, for_approval_by))
                    and (reach is None or _reaches(record, reach))
                ):
                    found.append(await self._counted(record))
                    if len(found) == limit:
                        more = page.more or item is not page.items[-1]
                        return Page(found, after if more else "")
            if not page.more:
                return Page(found, "")
            if scanned >= _MOST_SCANNED:
                return Page(found, after)

    async def forget(self, before: int) -> int:
        """Forget grants that ended before a time, and return how many. `before` is in nanoseconds since 1970."""
        gone, after = 0, ids.key_before(before)
        while True:
            page = await self._store.range(layout.GRANTS, after=after)
            for item in page.items:
                after = item.key
                record = self._shown(item)
                if record.state in (State.GRANT_STATE_ASKED, State.GRANT_STATE_ACTIVE):
                    continue
                changes = [Delete(item.key), Delete(layout.uses_key(record.grant.id))]
                done = await self._store.commit([Unchanged(item.key, item.modified)], changes)
                gone += done.succeeded
            if not page.more:
                return gone

    async def _activate(
        self, record: account_pb2.GrantRecord, modified: int, validity: int, *more: Put
    ) -> Made:  # fmt: skip
        active = account_pb2.ActiveGrant(grant=record.grant, max_uses=record.max_uses).SerializeToString()
        seconds = min(max(math.ceil(validity / _SECOND) + 1, 2), _MOST_LEASE)
        lease = await self._store.grant(seconds)
        try:
            held = [Put(layout.active_key(record.grant.id), active, lease), Put(layout.GRANTED, b"")]
            marks: list[Put] = []
            if more:
                # Not the grant's own: a short one must not be recorded a second time while its statement counts.
                marks_lease = await self._store.grant(_CONSENT_SECONDS)
                marks = [Put(item.key, item.value, marks_lease) for item in more]
            revision = await self._write(record, modified, *held, *marks, new=[item.key for item in more])
        except (ConflictError, LeaseEndedError):
            with contextlib.suppress(ControlStoreError):  # it ends by itself
                await self._store.revoke(lease)
            raise
        return Made(record, revision)

    async def _write(
        self, record: account_pb2.GrantRecord, modified: int, *more: Put | Delete, new: Sequence[str] = ()
    ) -> int:
        """Write a record that was last written at a revision, 0 for never, and what goes with it; return the revision.

        Raises ConflictError when somebody else was first.
        """
        key = ids.grant_key(record.grant.id)
        own = Put(key, record.SerializeToString())
        conditions = [Unchanged(key, modified), *(Unchanged(name, 0) for name in new)]
        try:
            done = await keeping.commit(self._store, conditions, [own, *more], witness=own)
        except keeping.Stale:
            raise await self._conflict(record.grant.id) from None
        return done.revision

    async def _conflict(self, grant_id: str) -> ConflictError:
        found = await self._store.get(ids.grant_key(grant_id))
        if found is None:
            return ConflictError("somebody else was first; look again")
        record = self._shown(found)
        last = record.steps[-1]
        words = f"somebody else was first: grant `{grant_id}` {_WORDS[record.state]} by `{last.actor}`"
        return ConflictError(words, last.actor, last.time_nanos, found.version)

    async def _known_consent(self, known: KeyValue, digest: str) -> Made:
        grant_id, _, before = known.value.decode().partition(" ")
        if before != digest:
            raise ConflictError("another consent was recorded under this `consent_id`; give each its own")
        record, _ = await self._read(grant_id)
        return Made(await self._counted(record), known.modified)

    async def _read(self, grant_id: str) -> tuple[account_pb2.GrantRecord, int]:
        if not ids.is_id(grant_id):
            raise RequestError(Violation("id", "is no id of a grant"))
        found = await self._store.get(ids.grant_key(grant_id))
        if found is None:
            raise NotFoundError(f"there is no grant `{grant_id}`")
        return self._shown(found), found.modified

    def _shown(self, item: KeyValue) -> account_pb2.GrantRecord:
        """Return a record with the state that it has by now."""
        try:
            record = account_pb2.GrantRecord.FromString(item.value)
        except DecodeError as error:
            raise BlobError(f"the record `{item.key}` in the control store is damaged") from error
        now = self._clock()
        if (record.state == State.GRANT_STATE_ACTIVE and now >= record.grant.expires_at_nanos) or (
            record.state == State.GRANT_STATE_ASKED
            and now >= record.steps[0].time_nanos + ASKED_SECONDS * _SECOND
        ):  # fmt: skip
            record.state = State.GRANT_STATE_EXPIRED
        return record

    async def _counted(self, record: account_pb2.GrantRecord) -> account_pb2.GrantRecord:
        if record.max_uses and (found := await self._store.get(layout.uses_key(record.grant.id))) is not None:
            record.uses = account_pb2.GrantUses.FromString(found.value).count
            if record.uses >= record.max_uses and record.state == State.GRANT_STATE_ACTIVE:
                record.state = State.GRANT_STATE_USED_UP
        return record

    def _check_state(self, record: account_pb2.GrantRecord, *states: int) -> None:
        if record.state in states:
            return
        name, last = record.grant.id, record.steps[-1]
        if record.state == State.GRANT_STATE_EXPIRED:
            raise WrongStateError(f"grant `{name}` has expired")
        raise WrongStateError(f"grant `{name}` {_WORDS[record.state]} by `{last.actor}` at {moment(last.time_nanos)}")


def same_subject(record: account_pb2.GrantRecord, subject_id: str) -> bool:
    """Whether a grant is for this subject."""
    return record.grant.subject_id == subject_id


def _is_for(record: account_pb2.GrantRecord, who: Authority) -> bool:
    return record.state == State.GRANT_STATE_ASKED and who.approves(record)


def _reaches(record: account_pb2.GrantRecord, who: Authority) -> bool:
    if who.name in (record.steps[0].actor, record.grant.subject_id):
        return True
    try:
        who.check_reach(record)
    except AccessDeniedError:
        return False
    return True


def _once(items: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(items))


def _step(record: account_pb2.GrantRecord, state: State, who: Who, now: int) -> None:
    record.state = state
    record.steps.add(state=state, actor=who.actor, time_nanos=now, reason=who.reason)
