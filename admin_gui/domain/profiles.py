"""Connections that are remembered: where a service is, whom to trust there, and what to show."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from admin_gui.domain.failure import Failure
from admin_gui.domain.say import Say

_MOST: Final = 50
_NO_ADDRESS: Final = Say(
    "地址应为 主机:端口 或 unix:/路径。", "An address is host:port, or unix: and the path of a socket file."
)
_NO_PORT: Final = Say("端口应为 1 至 65535。", "A port is 1 to 65535.")
_BOTH: Final = Say("证书与私钥须一并填写。", "Certificate and key go together.")


@dataclass(frozen=True, slots=True)
class Profile:
    """A connection. Paths are of PEM files, empty for none; `account` is who signed in last. Nothing here is secret."""

    address: str
    name: str = ""
    ca: str = ""
    certificate: str = ""
    key: str = ""
    account: str = ""

    @property
    def title(self) -> str:
        """What it is called."""
        return self.name or self.address


def problem(profile: Profile) -> Say | None:
    """Return what is wrong with a profile, in words."""
    address = profile.address
    if address.startswith("unix:"):
        return None if len(address) > len("unix:") else _NO_ADDRESS
    host, colon, port = address.rpartition(":")
    if not colon or not host or any(character.isspace() or character in "/@" for character in address):
        return _NO_ADDRESS
    if not port.isascii() or not port.isdigit() or not 0 < int(port) < 65_536:
        return _NO_PORT
    return _BOTH if bool(profile.certificate) != bool(profile.key) else None


def read(text: str) -> list[Profile]:
    """Return profiles as `write` wrote them; what is no profile is left out."""
    try:
        found = json.loads(text or "[]")
    except ValueError:
        return []
    return [_profile(item) for item in found if _is_profile(item)][:_MOST] if isinstance(found, list) else []


def write(profiles: Iterable[Profile]) -> str:
    """Return profiles as a text."""
    return json.dumps([asdict(profile) for profile in profiles], ensure_ascii=False)


def put(profiles: Sequence[Profile], profile: Profile) -> list[Profile]:
    """Return profiles with this one first, in place of the one with its address."""
    return [profile, *(one for one in profiles if one.address != profile.address)][:_MOST]


def used(profiles: Sequence[Profile], address: str, account: str) -> list[Profile]:
    """Return profiles with the one of an address first, and who signed in there."""
    for profile in profiles:
        if profile.address == address:
            return put(profiles, replace(profile, account=account or profile.account))
    return list(profiles)


def connecting(failure: Failure) -> Failure:
    """Return a failure to reach a service by what is behind it, where gRPC's words tell."""
    if failure.code == "DEADLINE_EXCEEDED":
        return replace(failure, reason="NO_ANSWER")
    if failure.code != "UNAVAILABLE" or failure.reason:
        return failure
    words = failure.message.lower()
    for reason, signs in _SIGNS:
        if any(sign in words for sign in signs):
            return replace(failure, reason=reason)
    return replace(failure, reason="NO_ANSWER")


_SIGNS: Final = (
    ("TLS_NAME", ("hostname verification", "peer name", "is not in peer certificate")),
    ("TLS_CLIENT", ("certificate_required", "bad_certificate", "alert_unknown_ca", "tlsv1_alert", "tlsv13_alert",
                    "sslv3_alert")),
    ("TLS_UNTRUSTED", ("certificate_verify_failed", "certificate verify failed", "unable to get local issuer",
                       "self signed", "self-signed", "expired")),
    ("TLS_NONE", ("wrong_version_number", "ssl handshake failed", "handshake", "http_request", "http1.x")),
    ("NO_HOST", ("dns resolution failed", "name or service not known", "name resolution", "domain name not found")),
    ("NO_SOCKET", ("no such file", "permission denied")),
    ("NOBODY_LISTENS", ("connection refused",)),
)  # fmt: skip


def _is_profile(item: Any) -> bool:
    if not isinstance(item, dict) or not set(item) <= set(Profile.__slots__):
        return False
    return bool(item.get("address")) and all(isinstance(value, str) for value in item.values())


def _profile(item: dict[str, str]) -> Profile:
    return Profile(**item)
