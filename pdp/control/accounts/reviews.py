"""What somebody must look at, and what they found (requirement B21: manual review, recovery)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from pdp.control import layout
from pdp.control.accounts import unusual
from pdp.control.accounts.book import copied, put_account
from pdp.control.accounts.raising import put_anomaly
from pdp.control.accounts.requests import Requests
from pdp.control.accounts.unusual import class_word
from pdp.control.kv.base import Delete, Unchanged
from pdp.control.published import parse
from pdp.control.steps import Who, check_reason
from pdp.errors import AccessDeniedError, ConflictError, NotFoundError, RequestError, Violation
from pdp.v1 import account_pb2, anomaly_pb2
from pdp.v1.account_pb2 import (
    ACCOUNT_STATE_ACTIVE,
    ACCOUNT_STATE_CLOSED,
    ACCOUNT_STATE_LOCKED,
    PERMISSION_SECURITY_REVIEW,
)
from pdp.v1.anomaly_pb2 import (
    ANOMALY_ACTION_LOCK,
    ANOMALY_CLASS_EMERGENCY_PUBLICATION,
    ANOMALY_STATE_COMPROMISED,
    ANOMALY_STATE_LEGITIMATE,
    ANOMALY_STATE_OPEN,
)

MAX_KEPT: Final = 10_000
"""Reviewed anomalies; of more the oldest go. The record of operations keeps all of it for longer."""
_PAGE: Final = 200


class AnomalyPage(NamedTuple):
    """Anomalies, the newest first; `next` is where the next page begins, empty for none."""

    anomalies: Sequence[anomaly_pb2.Anomaly]
    next: str


class Waiting(NamedTuple):
    """Open anomalies of a class: how many accounts or publications, and since when, in nanoseconds since 1970."""

    number: int
    since: int


class Reviewed(NamedTuple):
    """What a review changed: the anomaly, and its account before and after, None where there is none."""

    anomaly: anomaly_pb2.Anomaly
    before: account_pb2.Account | None
    after: account_pb2.Account | None


class Reviews(Requests):
    """Listing, judging and forgetting what is unusual."""

    async def list_anomalies(
        self,
        *,
        after: str = "",
        limit: int = 100,
        state: anomaly_pb2.AnomalyState = anomaly_pb2.ANOMALY_STATE_UNSPECIFIED,
        kind: anomaly_pb2.AnomalyClass = anomaly_pb2.ANOMALY_CLASS_UNSPECIFIED,
        account: str = "",
    ) -> AnomalyPage:
        """Return anomalies of a state, a class and an account, each where it is given; the newest first."""
        found: list[anomaly_pb2.Anomaly] = []
        start = layout.ANOMALIES + after if after else ""
        while True:
            page = await self._store.range(layout.ANOMALIES, after=start, limit=_PAGE)
            for item in page.items:
                anomaly = parse(anomaly_pb2.Anomaly, item.value, item.key)
                if (state and anomaly.state != state) or (kind and anomaly.kind != kind):
                    continue
                if account and anomaly.account != account:
                    continue
                if len(found) == limit:
                    return AnomalyPage(found, found[-1].id)
                found.append(anomaly)
            if not page.more:
                return AnomalyPage(found, "")
            start = page.items[-1].key

    async def open_anomalies(self) -> Mapping[anomaly_pb2.AnomalyClass, Waiting]:
        """Return what waits for a review, by class."""
        found: dict[anomaly_pb2.AnomalyClass, Waiting] = {}
        after = ""
        while True:
            page = await self.list_anomalies(after=after, limit=_PAGE, state=ANOMALY_STATE_OPEN)
            for anomaly in page.anomalies:
                number, since = found.get(anomaly.kind, Waiting(0, anomaly.first_nanos))
                found[anomaly.kind] = Waiting(number + 1, min(since, anomaly.first_nanos))
            if not page.next:
                return found
            after = page.next

    async def review_anomaly(self, anomaly_id: str, verdict: anomaly_pb2.AnomalyState, who: Who) -> Reviewed:
        """Say what an anomaly was; the reason, what was found, is required.

        A legitimate one unlocks the account that it locked, and what locked it is known from then on. After a
        compromised one the account is locked, its sessions end, and it is unlocked only after a reset. Raises
        RequestError, NotFoundError, AccessDeniedError for who may not and for one's own, ConflictError when somebody
        was faster, WrongStateError when it would lock the last Admin.
        """
        check_reason(who, required=True)
        if verdict not in (ANOMALY_STATE_LEGITIMATE, ANOMALY_STATE_COMPROMISED):
            raise RequestError(Violation("verdict", "is required: legitimate or compromised"))
        done = await self._insist(lambda: self._review(anomaly_id, verdict, who))
        if done.after is not None:
            await self.drop_sessions(done.after.name)
        return done

    async def forget_anomalies(self, before: int) -> None:
        """Forget what was reviewed before a time, in nanoseconds since 1970, and the oldest of too many. What is open
        stays: an account has one of each class at most.
        """
        count, start = 0, ""
        while True:
            page = await self._store.range(layout.ANOMALIES, after=start, limit=_PAGE)
            for item in page.items:
                anomaly = parse(anomaly_pb2.Anomaly, item.value, item.key)
                if anomaly.state == ANOMALY_STATE_OPEN:
                    continue
                count += 1
                if anomaly.reviewed_nanos < before or count > MAX_KEPT:
                    await self._store.commit([Unchanged(item.key, item.modified)], [Delete(item.key)])
            if not page.more:
                return
            start = page.items[-1].key

    async def _review(self, anomaly_id: str, verdict: anomaly_pb2.AnomalyState, who: Who) -> Reviewed:
        acting = await self._acting(who.actor, PERMISSION_SECURITY_REVIEW)
        is_id = anomaly_id.isascii() and anomaly_id.isalnum() and len(anomaly_id) <= 64
        item = await self._store.get(layout.ANOMALIES + anomaly_id) if is_id else None
        if item is None:
            raise NotFoundError(f"there is no anomaly `{anomaly_id[:64]}`")
        anomaly = parse(anomaly_pb2.Anomaly, item.value, item.key)
        if anomaly.account == who.actor:
            raise AccessDeniedError(f"`{who.actor}` cannot review what they did themselves")
        if anomaly.state != ANOMALY_STATE_OPEN:
            raise ConflictError(
                f"`{anomaly.reviewer}` reviewed this already", anomaly.reviewer, anomaly.reviewed_nanos
            )  # fmt: skip
        anomaly.state, anomaly.reviewer, anomaly.note = verdict, who.actor, who.reason
        anomaly.reviewed_nanos = self._clock()
        conditions = {c.key: c for c in (acting.unchanged, Unchanged(item.key, item.modified))}
        if anomaly.kind == ANOMALY_CLASS_EMERGENCY_PUBLICATION:
            await self._commit(list(conditions.values()), [put_anomaly(anomaly)])
            return Reviewed(anomaly, None, None)
        found = await self._find(anomaly.account)
        changes = [put_anomaly(anomaly)]
        after = None
        if found is not None and found.account.state != ACCOUNT_STATE_CLOSED:
            after = await self._judged(found.account, anomaly)
            counter = await self._check_an_admin_stays(after)
            conditions |= {c.key: c for c in (found.unchanged, counter.unchanged)}
            changes += [put_account(after), counter.next]
        await self._commit(list(conditions.values()), changes)
        return Reviewed(anomaly, None if found is None else found.account, after)

    async def _judged(
        self, account: account_pb2.Account, anomaly: anomaly_pb2.Anomaly
    ) -> account_pb2.Account:  # fmt: skip
        """Return an account as it is after a review."""
        after = copied(account)
        left = [known for known in account.open_anomalies if known.id != anomaly.id]
        del after.open_anomalies[:]
        after.open_anomalies.extend(left)
        if anomaly.state == ANOMALY_STATE_COMPROMISED:
            after.state, after.compromised, after.locked_by = ACCOUNT_STATE_LOCKED, True, ""
            after.state_reason = f"compromised: {class_word(anomaly.kind)}, reviewed by {anomaly.reviewer}"
            after.epoch += 1
            after.version += 1
            return after
        for known in account.open_anomalies:
            if known.id == anomaly.id:
                unusual.excuse(after, known, anomaly)
        if account.locked_by == anomaly.id:
            other = await self._other_lock(left)
            after.locked_by = other
            if other:
                after.state_reason = f"locked by rule; review the anomaly {other}"
            else:
                after.state, after.state_reason = ACCOUNT_STATE_ACTIVE, ""
                after.ClearField("failures")
        if (after.state, after.locked_by) != (account.state, account.locked_by):
            after.version += 1
        return after

    async def _other_lock(self, left: Sequence[anomaly_pb2.OpenAnomaly]) -> str:
        """Return another open anomaly that locks; empty for none."""
        for known in left:
            item = await self._store.get(layout.ANOMALIES + known.id)
            if item is not None:
                found = parse(anomaly_pb2.Anomaly, item.value, item.key)
                if (found.state, found.action) == (ANOMALY_STATE_OPEN, ANOMALY_ACTION_LOCK):
                    return found.id
        return ""
