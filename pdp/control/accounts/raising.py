"""Keeps what is unusual as something to look at, in the very transaction that found it.

Of one class an account has one open anomaly: while it is open the same adds to it, so that whoever tries all night
fills no store.
"""

from __future__ import annotations

import collections
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from pdp.control import layout
from pdp.control.accounts.book import Book, Counter, copied, leads
from pdp.control.accounts.permissions import allows
from pdp.control.accounts.telling import differences
from pdp.control.accounts.unusual import SEVERITIES, Sign
from pdp.control.kv.base import Put, Unchanged
from pdp.control.published import parse
from pdp.v1 import account_pb2, anomaly_pb2, control_pb2
from pdp.v1.account_pb2 import ACCOUNT_STATE_ACTIVE, ACCOUNT_STATE_LOCKED, PERMISSION_SECURITY_REVIEW
from pdp.v1.anomaly_pb2 import (
    ANOMALY_ACTION_FLAG,
    ANOMALY_ACTION_LOCK,
    ANOMALY_ACTION_RECORD,
    ANOMALY_CLASS_EMERGENCY_PUBLICATION,
    ANOMALY_STATE_OPEN,
)

_MILLI: Final = 10**6
_LAST_MILLI: Final = 1 << 44


class Raised(NamedTuple):
    """What is to be written with an account: conditions and changes; the anomalies that wait for a review now; whether
    they lock the account, and what of it changes by that.
    """

    conditions: Sequence[Unchanged] = ()
    changes: Sequence[Put] = ()
    anomalies: Sequence[anomaly_pb2.Anomaly] = ()
    locks: bool = False
    details: Mapping[str, str] = MappingProxyType({})


class Raising(Book):
    """Base of what finds something unusual."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.unusual: collections.Counter[str] = collections.Counter()
        """How often each class was found on this node since it started, whatever was done about it."""

    async def _raise(self, account: account_pb2.Account, signs: Sequence[Sign], address: str) -> Raised:
        """Return how signs are kept; `account`, a copy that the caller is to write, is changed for it, and locked when
        a sign says so and it may be.
        """
        kept = [sign for sign in signs if sign.action != ANOMALY_ACTION_RECORD]
        if not kept:
            return Raised()
        counter = await self._counter_to_lock(account) if any(sign.locks for sign in kept) else None
        locks = counter is not None
        conditions, anomalies = [] if counter is None else [counter.unchanged], []
        before = copied(account)
        for sign in kept:
            anomaly, modified = await self._opened(account, sign)
            anomaly.action = ANOMALY_ACTION_LOCK if sign.locks and locks else max(anomaly.action, ANOMALY_ACTION_FLAG)
            anomaly.address = address
            anomaly.details.clear()
            anomaly.details.update(sign.details)
            conditions.append(Unchanged(layout.ANOMALIES + anomaly.id, modified))
            anomalies.append(anomaly)
            if sign.locks and locks and not account.locked_by:
                account.state, account.locked_by = ACCOUNT_STATE_LOCKED, anomaly.id
                account.state_reason = f"locked by rule: {sign.word}; review the anomaly {anomaly.id}"
                account.version += 1
                account.epoch += 1
        changes = [put_anomaly(anomaly) for anomaly in anomalies]
        if counter is not None:
            changes.append(counter.next)
        return Raised(conditions, changes, anomalies, locks, differences(before, account) if locks else {})

    async def _counter_to_lock(self, account: account_pb2.Account) -> Counter | None:
        """Return the counter that must stay as it is for a rule to lock an account; None when it may not.

        INVARIANT: never the last active Admin, and never somebody whom nobody else is there to unlock.
        """
        counter = await self._counter()
        others = [other for other in await self.all_accounts() if other.name != account.name]
        judged = any(allows(other, PERMISSION_SECURITY_REVIEW) for other in others)
        led = not leads(account) or any(leads(other) for other in others)
        return counter if judged and led and account.state == ACCOUNT_STATE_ACTIVE else None

    async def _opened(self, account: account_pb2.Account, sign: Sign) -> tuple[anomaly_pb2.Anomaly, int]:
        """Return the open anomaly of a sign, a new one if there is none, with one more; and when it was written."""
        now = self._clock()
        for known in account.open_anomalies:
            if known.kind != sign.kind:
                continue
            item = await self._store.get(layout.ANOMALIES + known.id)
            if item is not None:
                found = parse(anomaly_pb2.Anomaly, item.value, item.key)
                if found.state == ANOMALY_STATE_OPEN:
                    found.count += 1
                    found.last_nanos = now
                    return found, item.modified
        made = new_anomaly(sign.kind, account.name, now)
        kept = [known for known in account.open_anomalies if known.kind != sign.kind]
        del account.open_anomalies[:]
        account.open_anomalies.extend([*kept, anomaly_pb2.OpenAnomaly(kind=sign.kind, id=made.id)])
        return made, 0

    def _count(self, signs: Iterable[Sign]) -> None:
        self.unusual.update(sign.word for sign in signs)


def told_signs(signs: Iterable[Sign], raised: Raised) -> Mapping[str, str]:
    """Return what the record tells of signs: their words, what waits for a review, and what a lock changed."""
    words = ", ".join(sign.word for sign in signs)
    ids = ", ".join(anomaly.id for anomaly in raised.anomalies)
    return {**({"unusual": words} if words else {}), **({"anomalies": ids} if ids else {}), **raised.details}


def new_anomaly(kind: anomaly_pb2.AnomalyClass, account: str, now: int) -> anomaly_pb2.Anomaly:
    """Return an open anomaly; ids stand in the order of time, the newest first."""
    return anomaly_pb2.Anomaly(
        id=f"{_LAST_MILLI - now // _MILLI:011x}{secrets.token_hex(3)}", kind=kind, severity=SEVERITIES[kind],
        action=ANOMALY_ACTION_FLAG, state=ANOMALY_STATE_OPEN, account=account, count=1, first_nanos=now,
        last_nanos=now,
    )  # fmt: skip


def of_publication(
    actor: str, reason: str, address: str, clock: Callable[[], int]
) -> Callable[[control_pb2.Revision], Put]:
    """Return what makes, of a revision that somebody publishes without an approval, the review that it needs after."""

    def made(revision: control_pb2.Revision) -> Put:
        anomaly = new_anomaly(ANOMALY_CLASS_EMERGENCY_PUBLICATION, actor, clock())
        anomaly.address = address
        anomaly.details.update({"revision": str(revision.number), "draft": revision.draft, "reason": reason[:500]})
        return put_anomaly(anomaly)

    return made


def put_anomaly(anomaly: anomaly_pb2.Anomaly) -> Put:
    """Return the change that writes an anomaly."""
    return Put(layout.ANOMALIES + anomaly.id, anomaly.SerializeToString(deterministic=True))
