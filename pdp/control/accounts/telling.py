"""Accounts in words: for those who ask, and for the record, with nothing that is secret."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pdp.control.accounts.permissions import level_word, permission_word
from pdp.control.steps import moment
from pdp.v1 import account_pb2


def without_secrets(account: account_pb2.Account) -> account_pb2.Account:
    """Return an account as others may see it; of recovery codes only how many are left."""
    told = account_pb2.Account()
    told.CopyFrom(account)
    if told.HasField("password"):
        told.password.hash = ""
    told.ClearField("password_history")
    told.ClearField("pending_totp")
    if told.HasField("totp"):
        told.totp.sealed_secret = b""
    left = len(told.recovery_hashes)
    del told.recovery_hashes[:]
    told.recovery_hashes.extend([b""] * left)
    for device in told.devices:
        device.secret_hash = b""
    for anomaly in told.open_anomalies:
        anomaly.device_hash = b""
    return told


def without_device(session: account_pb2.Session) -> account_pb2.Session:
    """Return a session as others may see it."""
    told = account_pb2.Session()
    told.CopyFrom(session)
    told.device_hash = b""
    return told


def right_words(rights: Iterable[account_pb2.Right]) -> str:
    """Return rights as people write them, such as `policy-read, grant-approve@applications=loans`."""
    return ", ".join(sorted(map(right_word, rights)))


def right_word(right: account_pb2.Right) -> str:
    """Return a right as people write it; `pdp account ask --right` reads the same."""
    scopes = [
        f"{name}={'+'.join(names)}"
        for name, names in (("applications", right.scope.applications), ("branches", right.scope.branches))
        if names
    ]
    return "@".join([permission_word(right.permission), *scopes])


def identity_word(identity: account_pb2.OidcIdentity) -> str:
    """Return an identity in words; empty for none."""
    return f"{identity.subject} at {identity.issuer}" if identity.subject else ""


def differences(before: account_pb2.Account | None, after: account_pb2.Account) -> Mapping[str, str]:
    """Return what a change changed, `NAME.before` and `NAME.after` for each part that differs."""
    old, new = _parts(before or account_pb2.Account()), _parts(after)
    told: dict[str, str] = {}
    for name, value in new.items():
        if old[name] != value:
            told[f"{name}.before"] = old[name]
            told[f"{name}.after"] = value
    return told


def _parts(account: account_pb2.Account) -> Mapping[str, str]:
    state = account_pb2.AccountState.Name(account.state).removeprefix("ACCOUNT_STATE_").lower()
    return {
        "owner": account.owner,
        "branch": account.branch,
        "level": level_word(account.level) if account.level else "",
        "rights": right_words(account.rights),
        "state": state if account.state else "",
        "locked_by": account.locked_by,
        "compromised": "yes" if account.compromised else "",
        "networks": ", ".join(account.networks),
        "windows": "; ".join(_window(window) for window in account.windows),
        "authority_level": str(account.authority_level),
        "certificates": ", ".join(account.certificates),
        "identity": identity_word(account.oidc),
        "factors": ", ".join(_factors(account)),
        "confirmed": _confirmed(account),
    }


def _factors(account: account_pb2.Account) -> Iterable[str]:
    if account.HasField("password"):
        yield "password"
    if account.totp.confirmed:
        yield "totp"


def _confirmed(account: account_pb2.Account) -> str:
    last = account.rights_confirmed
    return f"{moment(last.time_nanos)} by {last.actor}" if last.actor else ""


def _window(window: account_pb2.TimeWindow) -> str:
    days = ",".join(map(str, window.days)) or "1-7"
    return f"{days} {_clock(window.from_minute)}-{_clock(window.to_minute)}"


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"
