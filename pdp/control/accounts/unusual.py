"""What is unusual about a sign-in (requirement B21): classes, how grave each is, and what is done about it.

Everything here is a question about one account and one moment; `raising` keeps what is found.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Final, NamedTuple

from pdp.control.accounts import devices, failures, places
from pdp.control.accounts.travel import NEAR_KM, PlaceTable
from pdp.v1 import account_pb2, anomaly_pb2
from pdp.v1.anomaly_pb2 import (
    ANOMALY_ACTION_FLAG,
    ANOMALY_ACTION_LOCK,
    ANOMALY_ACTION_RECORD,
    ANOMALY_CLASS_EMERGENCY_PUBLICATION,
    ANOMALY_CLASS_IMPOSSIBLE_TRAVEL,
    ANOMALY_CLASS_MANY_FAILURES,
    ANOMALY_CLASS_NEW_DEVICE,
    ANOMALY_CLASS_NEW_NETWORK,
    ANOMALY_CLASS_ODD_HOUR,
    ANOMALY_CLASS_UNUSED_ACCOUNT,
    ANOMALY_SEVERITY_HIGH,
    ANOMALY_SEVERITY_LOW,
    ANOMALY_SEVERITY_MEDIUM,
    Anomaly,
    OpenAnomaly,
)

Class = anomaly_pb2.AnomalyClass
Action = anomaly_pb2.AnomalyAction

MANY: Final = 2 * failures.EVERY
"""So many failures in a row, the second lock, and each lock after it, are worth a look by themselves."""
MAX_NETWORKS: Final = 20
_DAY: Final = 86_400 * 10**9

SEVERITIES: Final[Mapping[Class, anomaly_pb2.AnomalySeverity]] = {
    ANOMALY_CLASS_NEW_DEVICE: ANOMALY_SEVERITY_MEDIUM,
    ANOMALY_CLASS_NEW_NETWORK: ANOMALY_SEVERITY_LOW,
    ANOMALY_CLASS_ODD_HOUR: ANOMALY_SEVERITY_LOW,
    ANOMALY_CLASS_MANY_FAILURES: ANOMALY_SEVERITY_MEDIUM,
    ANOMALY_CLASS_IMPOSSIBLE_TRAVEL: ANOMALY_SEVERITY_HIGH,
    ANOMALY_CLASS_UNUSED_ACCOUNT: ANOMALY_SEVERITY_MEDIUM,
    ANOMALY_CLASS_EMERGENCY_PUBLICATION: ANOMALY_SEVERITY_HIGH,
}
USUAL_ACTIONS: Final[Mapping[Class, Action]] = {
    ANOMALY_CLASS_NEW_DEVICE: ANOMALY_ACTION_FLAG,
    ANOMALY_CLASS_NEW_NETWORK: ANOMALY_ACTION_RECORD,
    ANOMALY_CLASS_ODD_HOUR: ANOMALY_ACTION_RECORD,
    ANOMALY_CLASS_MANY_FAILURES: ANOMALY_ACTION_FLAG,
    ANOMALY_CLASS_IMPOSSIBLE_TRAVEL: ANOMALY_ACTION_FLAG,
    ANOMALY_CLASS_UNUSED_ACCOUNT: ANOMALY_ACTION_FLAG,
}
"""Nothing locks unless a bank says so: whoever knows a name could otherwise lock its owner out."""


@dataclass(frozen=True, slots=True)
class AnomalyRules:
    """What is usual, and what is done about what is not. Hours are whole ones of the zone of `AccountRules`, from
    `usual_from` to before `usual_to`; `unused_days` 0 for never; `kmh` is the fastest that anybody travels.
    """

    actions: Mapping[Class, Action] = field(default_factory=lambda: USUAL_ACTIONS)
    usual_from: int = 6
    usual_to: int = 22
    unused_days: int = 90
    kmh: int = 900
    places: PlaceTable | None = None

    def action(self, kind: Class) -> Action:
        """Return what is done about a class."""
        return self.actions.get(kind, USUAL_ACTIONS.get(kind, ANOMALY_ACTION_FLAG))


class Sign(NamedTuple):
    """One thing that is unusual, what is done about it, and what is known of it."""

    kind: Class
    action: Action
    details: Mapping[str, str]

    @property
    def word(self) -> str:
        """Its class as people write it, such as `new_device`."""
        return class_word(self.kind)

    @property
    def locks(self) -> bool:
        """Whether the account is to be locked."""
        return self.action == ANOMALY_ACTION_LOCK


def of_sign_in(
    account: account_pb2.Account, address: str, now: int, rules: AnomalyRules, zone: tzinfo | None, *, known: bool
) -> list[Sign]:
    """Return what is unusual when somebody shows all that an account needs.

    `known` is whether the device is; `now` is in nanoseconds since 1970, `address` empty on this machine's socket file.
    """
    found = _found(account, address, now, rules, zone, known=known)
    return [Sign(kind, rules.action(kind), details) for kind, details in found]


def of_failure(account: account_pb2.Account, rules: AnomalyRules) -> list[Sign]:
    """Return what is unusual about an account after one more failure was counted."""
    count = account.failures.count
    if count < MANY or count % failures.EVERY:
        return []
    kind = ANOMALY_CLASS_MANY_FAILURES
    return [Sign(kind, rules.action(kind), {"failures": str(count)})]


def remember(account: account_pb2.Account, address: str, now: int, *, proven: bool) -> None:
    """Take note of where and when an account was used; its network is known from now on when that was `proven` by
    all factors.
    """
    account.last_sign_in_nanos = now
    account.last_sign_in_address = address
    if not proven:
        return
    network = places.network_of(address)
    kept = [known for known in account.recent_networks if known != network][: MAX_NETWORKS - 1]
    if network:
        account.recent_networks[:] = [network, *kept]


def keep(account: account_pb2.Account, found: Iterable[Anomaly], device: bytes, name: str) -> None:
    """Note of which device a rule kept somebody out who had shown all factors, until that is reviewed."""
    ids = {anomaly.id for anomaly in found if anomaly.action == ANOMALY_ACTION_LOCK}
    for known in account.open_anomalies:
        if known.id in ids:
            known.device_hash, known.device_name = device, name


def excuse(account: account_pb2.Account, known: OpenAnomaly, anomaly: Anomaly) -> None:
    """Let what kept somebody out pass the next time: it was they. Where they were is no beginning of a journey."""
    if not known.device_hash:
        return
    devices.used(account, known.device_hash, known.device_name, anomaly.address, anomaly.last_nanos)
    remember(account, anomaly.address, anomaly.last_nanos, proven=True)
    account.last_sign_in_address = ""


def class_word(kind: int) -> str:
    """Return a class as people write it, such as `new_device`."""
    if kind not in Class.values():
        return str(kind)
    return Class.Name(kind).removeprefix("ANOMALY_CLASS_").lower()


def _found(
    account: account_pb2.Account, address: str, now: int, rules: AnomalyRules, zone: tzinfo | None, *, known: bool
) -> Iterator[tuple[Class, Mapping[str, str]]]:
    if not known and account.devices:
        yield ANOMALY_CLASS_NEW_DEVICE, {}
    network = places.network_of(address)
    # Accounts of before networks were kept are known by their devices' last ones.
    networks = set(account.recent_networks) or {places.network_of(d.last_address) for d in account.devices}
    if networks and network not in networks:
        yield ANOMALY_CLASS_NEW_NETWORK, {"network": network or "this machine"}
    hour = datetime.fromtimestamp(now // 10**9, zone).hour
    if not account.windows and not _is_usual(hour, rules):
        yield ANOMALY_CLASS_ODD_HOUR, {"hour": f"{hour:02d}"}
    if account.failures.count >= failures.EVERY:
        yield ANOMALY_CLASS_MANY_FAILURES, {"failures": str(account.failures.count)}
    since = account.last_sign_in_nanos or account.created_nanos
    if since and rules.unused_days and now - since > rules.unused_days * _DAY:
        yield ANOMALY_CLASS_UNUSED_ACCOUNT, {"days": str((now - since) // _DAY)}
    if account.last_sign_in_nanos and rules.places is not None:
        yield from _travel(account, address, now, rules, rules.places)


def _travel(
    account: account_pb2.Account, address: str, now: int, rules: AnomalyRules, table: PlaceTable
) -> Iterator[tuple[Class, Mapping[str, str]]]:
    seconds = (now - account.last_sign_in_nanos) / 1e9
    found = table.journey(account.last_sign_in_address, address, seconds)
    if found is not None and found.km > NEAR_KM and found.kmh > rules.kmh:
        speed = {} if found.kmh == float("inf") else {"kmh": f"{found.kmh:.0f}"}
        details = {"from": found.start, "to": found.end, "km": f"{found.km:.0f}", "seconds": f"{max(seconds, 0):.0f}"}
        yield ANOMALY_CLASS_IMPOSSIBLE_TRAVEL, details | speed


def _is_usual(hour: int, rules: AnomalyRules) -> bool:
    if rules.usual_from <= rules.usual_to:
        return rules.usual_from <= hour < rules.usual_to
    # Over midnight.
    return hour >= rules.usual_from or hour < rules.usual_to
