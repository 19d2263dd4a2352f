"""The people of the demonstration who sign in: each with a password, a one-time code and a device, over TLS.

A clerk of the bank would use `pdp login` and `pdp grant`; this speaks the same services itself, to be quick about it.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import hmac
import ipaddress
import secrets
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from demo_service import PATIENCE
from google.protobuf import duration_pb2
from google.protobuf.json_format import MessageToDict

from jingxi_client._gen.pdp.v1 import (
    account_pb2,
    account_service_pb2,
    account_service_pb2_grpc,
    grant_service_pb2,
    grant_service_pb2_grpc,
    snapshot_service_pb2,
    snapshot_service_pb2_grpc,
)

_STEP_SECONDS = 30
_DAY = datetime.timedelta(days=1)
_RISK, _REASON = "low: a demonstration", "looked at"


@dataclass
class Person:
    """Somebody with an account."""

    name: str
    password: str
    device: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    token: str = ""

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """What a call shows: the session, and the device that it counts on."""
        device = base64.urlsafe_b64encode(self.device).decode().rstrip("=")
        return ("authorization", f"Bearer {self.token}"), ("x-jingxi-device", device)


class Staff:
    """A connection to the staff port. What goes wrong is raised as grpc.RpcError."""

    def __init__(self, address: str, authority: bytes) -> None:
        self._channel = grpc.secure_channel(address, grpc.ssl_channel_credentials(authority))
        self._sessions = account_service_pb2_grpc.SessionServiceStub(self._channel)
        self._accounts = account_service_pb2_grpc.AccountServiceStub(self._channel)
        self._grants = grant_service_pb2_grpc.GrantServiceStub(self._channel)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up."""
        self._channel.close()

    def found(self, token: str) -> tuple[Person, Person]:
        """Make the first two administrators, who from then on do nothing alone."""
        first = Person("admin-1", _password())
        self._sessions.CreateFirstAccount(
            account_service_pb2.CreateFirstAccountRequest(
                token=token, name=first.name, owner="Chen Wei", password=first.password
            ),
            timeout=PATIENCE,
        )
        self._begin(first)
        admin = account_pb2.Account(name="admin-2", owner="Zhou Min", level=account_pb2.ACCOUNT_LEVEL_ADMIN)
        wanted = (account_pb2.PERMISSION_ACCOUNT_ASK, account_pb2.PERMISSION_ACCOUNT_REVIEW)
        for permission in (*wanted, account_pb2.PERMISSION_ACCOUNT_APPROVE):
            admin.rights.add(permission=permission)
        return first, self._hire(admin, first, first)

    def hire(self, name: str, permission: int, branch: str, admins: tuple[Person, Person], level: int = 0) -> Person:
        """Make an account with one right in one branch: one administrator asks, the other one approves.

        Who approves grants may look at all records too.
        """
        manages = permission == account_pb2.PERMISSION_GRANT_APPROVE
        account = account_pb2.Account(
            name=name, owner=name, branch=branch, authority_level=level,
            level=account_pb2.ACCOUNT_LEVEL_MANAGER if manages else account_pb2.ACCOUNT_LEVEL_USER,
        )  # fmt: skip
        account.rights.add(permission=permission, scope=account_pb2.Scope(branches=[branch]))
        if manages:
            account.rights.add(permission=account_pb2.PERMISSION_SNAPSHOT_READ)
        return self._hire(account, *admins)

    def ask(self, person: Person, **wanted: Any) -> str:
        """Ask for a grant and return its id; it is to hold for `seconds`."""
        seconds = wanted.pop("seconds")
        request = grant_service_pb2.AskForGrantRequest(validity=duration_pb2.Duration(seconds=seconds), **wanted)
        return str(self._grants.AskForGrant(request, timeout=PATIENCE, metadata=person.metadata).grant.grant.id)

    def approve(self, person: Person, grant_id: str, reason: str) -> int:
        """Give a grant, and return the state of grants from which on it counts."""
        request = grant_service_pb2.ApproveGrantRequest(id=grant_id, reason=reason)
        return int(self._grants.ApproveGrant(request, timeout=PATIENCE, metadata=person.metadata).grant_revision)

    def snapshots(self, person: Person, condition: str) -> list[Any]:
        """Return the decisions that meet a filter, newest first, as plain data."""
        return _listed(self._channel, condition, person.metadata)

    def may_approve(self, person: Person, grant_id: str) -> bool:
        """Whether somebody can give a grant; nobody is asked twice who could."""
        try:
            self.approve(person, grant_id, "own request")
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.PERMISSION_DENIED:
                return False
            raise
        return True

    def _hire(self, wanted: account_pb2.Account, asker: Person, judge: Person) -> Person:
        asked = self._accounts.AskForRights(
            account_service_pb2.AskForRightsRequest(
                kind=account_pb2.REQUEST_KIND_CREATE, wanted=wanted, risk=_RISK, reason=_REASON
            ),
            timeout=PATIENCE, metadata=asker.metadata,
        ).request.id  # fmt: skip
        mine = {"timeout": PATIENCE, "metadata": judge.metadata}
        self._accounts.ReviewRequest(account_service_pb2.ReviewRequestRequest(id=asked, reason=_REASON), **mine)
        self._accounts.ApproveRequest(account_service_pb2.ApproveRequestRequest(id=asked, reason=_REASON), **mine)
        done = self._accounts.ExecuteRequest(account_service_pb2.ExecuteRequestRequest(id=asked), **mine)
        person = Person(wanted.name, done.password)
        self._begin(person, change=True)
        return person

    def _begin(self, person: Person, *, change: bool = False) -> None:
        """Sign in for the first time: put a password of one's own in place of the first one, and set up codes."""
        person.token = self._sessions.SignIn(
            account_service_pb2.SignInRequest(name=person.name, password=person.password, device=person.device),
            timeout=PATIENCE,
        ).token
        mine = {"timeout": PATIENCE, "metadata": person.metadata}
        if change:
            new = _password()
            self._sessions.ChangePassword(
                account_service_pb2.ChangePasswordRequest(old_password=person.password, new_password=new), **mine
            )
            person.password = new
        uri = self._sessions.BeginTotp(account_service_pb2.BeginTotpRequest(password=person.password), **mine).uri
        code = _code(parse_qs(urlsplit(uri).query)["secret"][0])
        self._sessions.ConfirmTotp(account_service_pb2.ConfirmTotpRequest(code=code), **mine)


def snapshots_here(data: Path, condition: str) -> list[Any]:
    """Return the decisions that meet a filter of a service at whose socket nobody signs in but its own user."""
    with grpc.insecure_channel(f"unix:{data / 'staff.sock'}") as channel:
        return _listed(channel, condition, ())


def _listed(channel: grpc.Channel, condition: str, metadata: Sequence[tuple[str, str]]) -> list[Any]:
    stub = snapshot_service_pb2_grpc.SnapshotServiceStub(channel)
    found: list[Any] = []
    token = ""
    while True:
        request = snapshot_service_pb2.ListSnapshotsRequest(filter=condition, page_size=1_000, page_token=token)
        page = stub.ListSnapshots(request, timeout=PATIENCE, metadata=metadata)
        found += [MessageToDict(entry.record.snapshot) for entry in page.entries]
        token = page.next_page_token
        if not token:
            return found


def write_certificate(folder: Path) -> tuple[Path, Path]:
    """Make a certificate for this machine that signs itself, and return the paths of it and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "jingxi demo")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _DAY)
        .not_valid_after(now + _DAY)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    certificate, private = folder / "staff.pem", folder / "staff.key"
    certificate.write_bytes(made.public_bytes(Encoding.PEM))
    private.touch(0o600)
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return certificate, private


def _password() -> str:
    return f"Demo-{secrets.token_urlsafe(16)}-7a"


def _code(secret: str) -> str:
    """Return the one-time code of now (RFC 6238), as an authenticator shows it."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    digest = hmac.digest(key, struct.pack(">Q", int(time.time()) // _STEP_SECONDS), hashlib.sha1)
    at = digest[-1] & 15
    return f"{(struct.unpack_from('>I', digest, at)[0] & 0x7FFFFFFF) % 1_000_000:06d}"
