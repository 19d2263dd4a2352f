"""TLS, mutual TLS and tokens of all three clients: for threads, for asyncio, and offline."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import queue
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bundle_support import TRUST, Bundles
from client_support import Service, serving
from jingxi_client import Client, DecisionUnavailableError, Subject
from jingxi_client.aio import AsyncClient
from jingxi_client.offline import OfflineClient

TELLER = Subject("T1001")
PATIENT = 30.0
# What is refused is refused at once; this long the client goes on trying.
SHORT = 0.5

Ask = Callable[..., None]


@dataclass(frozen=True)
class Certificate:
    """A certificate and its key, in PEM."""

    certificate: bytes
    key: bytes


def _issued(name: str, issuer: tuple[x509.Name, ec.EllipticCurvePrivateKey] | None = None) -> tuple[Certificate, Any]:
    """Return a certificate for 127.0.0.1, of its own or an issuer's signature, and what it takes to issue others."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    by, signing = issuer or (subject, key)
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(signing, hashes.SHA256())
    )
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return Certificate(made.public_bytes(serialization.Encoding.PEM), pem), (subject, key)


@dataclass(frozen=True)
class Authority:
    """An authority with what it issued for the service and for a client."""

    roots: bytes
    server: Certificate
    client: Certificate


@pytest.fixture(scope="module")
def authority() -> Authority:
    own, issuer = _issued("Authority")
    return Authority(own.certificate, _issued("pdp", issuer)[0], _issued("counter", issuer)[0])


@pytest.fixture(scope="module")
def stranger() -> Certificate:
    """Return a certificate that nobody issued."""
    return _issued("stranger")[0]


class Served:
    """A service of decisions and of bundles, with what its callers' tokens were."""

    def __init__(self) -> None:
        self.tokens: queue.Queue[str | None] = queue.Queue()
        self.service = Service()
        self.service.before = lambda _, __, context: self.tokens.put(
            dict(context.invocation_metadata()).get("authorization")
        )
        self.bundles = Bundles()
        self.bundles.tokens = self.tokens
        self.bundles.put("verdicts")
        self.target = ""


def _served(authority: Authority, *, mutual: bool) -> Iterator[Served]:
    made = Served()
    credentials = grpc.ssl_server_credentials(
        [(authority.server.key, authority.server.certificate)], authority.roots if mutual else None, mutual
    )
    with serving(made.service, made.bundles.add_to, credentials=credentials) as port:
        made.target = f"127.0.0.1:{port}"
        yield made


@pytest.fixture
def served(authority: Authority) -> Iterator[Served]:
    yield from _served(authority, mutual=False)


@pytest.fixture
def mutual(authority: Authority) -> Iterator[Served]:
    yield from _served(authority, mutual=True)


def ask(target: str, _: Path, patience: float, **options: Any) -> None:
    with Client(target, deadline=patience, **options) as client:
        assert client.decide(["a"], subject=TELLER).verdict("a").unmasked


def ask_async(target: str, _: Path, patience: float, **options: Any) -> None:
    async def run() -> None:
        async with AsyncClient(target, deadline=patience, **options) as client:
            assert (await client.decide(["a"], subject=TELLER)).verdict("a").unmasked

    asyncio.run(run())


def ask_offline(target: str, state: Path, patience: float, **options: Any) -> None:
    with OfflineClient(target, trust=TRUST, state=state, **options) as client:
        client.wait_ready(patience)
        assert client.status().revision == 7


every_client = pytest.mark.parametrize("ask", [ask, ask_async, ask_offline])


@every_client
def test_a_service_of_ones_own_authority_is_believed(
    served: Served, authority: Authority, tmp_path: Path, ask: Ask
) -> None:
    ask(served.target, tmp_path, PATIENT, credentials=grpc.ssl_channel_credentials(authority.roots))


@every_client
def test_a_service_that_nobody_vouches_for_is_asked_nothing(
    served: Served, stranger: Certificate, tmp_path: Path, ask: Ask
) -> None:
    with pytest.raises(DecisionUnavailableError):
        ask(served.target, tmp_path, SHORT, credentials=grpc.ssl_channel_credentials(stranger.certificate))
    assert served.tokens.empty()


@every_client
def test_both_sides_show_who_they_are(mutual: Served, authority: Authority, tmp_path: Path, ask: Ask) -> None:
    own = authority.client
    ask(
        mutual.target, tmp_path, PATIENT,
        credentials=grpc.ssl_channel_credentials(authority.roots, own.key, own.certificate),
    )  # fmt: skip


@every_client
def test_a_caller_that_the_service_does_not_know_gets_nothing(
    mutual: Served, authority: Authority, stranger: Certificate, tmp_path: Path, ask: Ask
) -> None:
    for place, own in enumerate([(None, None), (stranger.key, stranger.certificate)]):
        with pytest.raises(DecisionUnavailableError):
            ask(
                mutual.target, tmp_path / str(place), SHORT,
                credentials=grpc.ssl_channel_credentials(authority.roots, *own),
            )  # fmt: skip
    assert mutual.tokens.empty()


@every_client
def test_the_token_goes_with_each_call(served: Served, authority: Authority, tmp_path: Path, ask: Ask) -> None:
    token = tmp_path / "token"
    token.write_text("counter-7\n")
    ask(
        served.target, tmp_path / "state", PATIENT,
        credentials=grpc.ssl_channel_credentials(authority.roots), token_file=token,
    )  # fmt: skip
    assert served.tokens.get(timeout=PATIENT) == "Bearer counter-7"
