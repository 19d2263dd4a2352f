"""TLS on a real socket: who gets in, which versions, and certificates that change under a running server."""

from __future__ import annotations

import logging
import re
import shutil
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest
from cryptography import x509

from pdp.errors import ConfigError
from pdp.lang.loader.callers import CallerSpec
from pdp.server.callers import Registry
from pdp.server.tls import TlsFiles, server_credentials
from pdp.v1 import decision_service_pb2, decision_service_pb2_grpc, types_pb2
from tests.integration.guarded import Guarded
from tests.integration.pki import Authority, Identity

PATIENCE = 30
Stub = decision_service_pb2_grpc.DecisionServiceStub
REQUEST = decision_service_pb2.DecideRequest(subject=types_pb2.Subject(id="T1"), fields=["mobile"])
CALLERS = (
    CallerSpec("by-dns", ("dns:counter.bank",), (), ("*",), ("*",)),
    CallerSpec("by-uri", ("uri:spiffe://bank/loans",), (), ("*",), ("*",)),
    CallerSpec("by-cn", ("cn:柜面 01",), (), ("*",), ("*",)),
)


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority.make()


@pytest.fixture
def files(authority: Authority, tmp_path: Path) -> TlsFiles:
    certificate, key = authority.server().write(tmp_path, "server")
    return TlsFiles(certificate, key)


@pytest.fixture
def mutual(authority: Authority, files: TlsFiles, tmp_path: Path) -> TlsFiles:
    client_ca = tmp_path / "clients.crt"
    client_ca.write_bytes(authority.pem)
    return TlsFiles(files.certificate, files.key, client_ca, require_client_certificate=True)


@pytest.fixture
def serve() -> Iterator[Callable[[TlsFiles], int]]:
    running: list[Guarded] = []

    def start(files: TlsFiles) -> int:
        running.append(Guarded(Registry(CALLERS), credentials=server_credentials(files)))
        return running[-1].port

    yield start
    for one in running:
        one.server.stop(0).wait(PATIENCE)


@pytest.fixture
def connect(authority: Authority) -> Iterator[Callable[..., Stub]]:
    channels: list[grpc.Channel] = []

    def open_channel(port: int, client: Identity | None = None, trusted: bytes | None = None) -> Stub:
        credentials = grpc.ssl_channel_credentials(
            trusted or authority.pem, None if client is None else client.key, None if client is None else client.pem
        )
        # Connections of its own, or a second channel would travel on the first one's.
        options = [("grpc.use_local_subchannel_pool", 1)]
        channels.append(grpc.secure_channel(f"127.0.0.1:{port}", credentials, options))
        return Stub(channels[-1])

    yield open_channel
    for channel in channels:
        channel.close()


def ask(stub: Stub) -> str:
    return stub.Decide(REQUEST, timeout=PATIENCE).decision_id


def shown_certificate(port: int, authority: Authority) -> int:
    """Return the serial number of the certificate that a new connection sees."""
    context = ssl.create_default_context(cadata=authority.pem.decode())
    context.set_alpn_protocols(["h2"])
    with (
        socket.create_connection(("127.0.0.1", port), PATIENCE) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as encrypted,
    ):
        found = encrypted.getpeercert(binary_form=True)
        assert found is not None
        return x509.load_der_x509_certificate(found).serial_number


@pytest.mark.parametrize(
    ("names", "caller"),
    [
        ({"dns": ("x.bank", "counter.bank")}, "by-dns"),
        ({"uri": ("spiffe://bank/loans",)}, "by-uri"),
        ({"common_name": "柜面 01"}, "by-cn"),
    ],
)
def test_a_certificate_tells_the_caller(
    authority: Authority, mutual: TlsFiles, serve: Callable[..., int], connect: Callable[..., Stub],
    names: dict[str, object], caller: str,
) -> None:  # fmt: skip
    client = authority.issue(**({"common_name": "unknown"} | names))  # type: ignore[arg-type]
    assert ask(connect(serve(mutual), client)) == caller


def test_a_good_certificate_of_nobody_is_not_enough(
    authority: Authority, mutual: TlsFiles, serve: Callable[..., int], connect: Callable[..., Stub]
) -> None:
    # The name is right, but it is a common name and not a DNS name.
    with pytest.raises(grpc.RpcError) as raised:
        ask(connect(serve(mutual), authority.issue("counter.bank")))
    assert raised.value.code() is grpc.StatusCode.UNAUTHENTICATED


def test_mutual_tls_refuses_strangers(
    authority: Authority, mutual: TlsFiles, serve: Callable[..., int], connect: Callable[..., Stub]
) -> None:
    port = serve(mutual)
    strangers = {
        "no certificate": None,
        "another authority": Authority.make().issue("x", dns=("counter.bank",)),
        "an authority of the same name": Authority.make("bank CA").issue("x", dns=("counter.bank",)),
        "expired": authority.issue("x", dns=("counter.bank",), days=-1),
    }
    for name, client in strangers.items():
        with pytest.raises(grpc.RpcError) as raised:
            ask(connect(port, client))
        assert raised.value.code() is grpc.StatusCode.UNAVAILABLE, name
    assert ask(connect(port, authority.issue("x", dns=("counter.bank",)))) == "by-dns"


def test_plain_text_is_refused(files: TlsFiles, serve: Callable[..., int]) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{serve(files)}") as channel, pytest.raises(grpc.RpcError) as raised:
        ask(Stub(channel))
    assert raised.value.code() is grpc.StatusCode.UNAVAILABLE


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl command")
@pytest.mark.parametrize(("version", "spoken"), [("tls1_1", False), ("tls1_2", True), ("tls1_3", True)])
def test_nothing_below_tls_1_2(files: TlsFiles, serve: Callable[..., int], version: str, spoken: bool) -> None:
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{serve(files)}", f"-{version}", "-alpn", "h2"]
    if not spoken:
        command += ["-cipher", "ALL:@SECLEVEL=0"]  # or this end would be the one to refuse
    ended = subprocess.run(command, input=b"", capture_output=True, timeout=PATIENCE, check=False)
    assert (b"BEGIN CERTIFICATE" in ended.stdout) is spoken
    # Refused by the server: this end said its hello and got nothing back.
    assert (re.search(rb"has read 0 bytes and written [1-9]", ended.stdout) is None) is spoken


def test_a_new_certificate_counts_for_new_connections(
    authority: Authority, files: TlsFiles, serve: Callable[..., int], connect: Callable[..., Stub],
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    caplog.set_level(logging.INFO)
    port = serve(files)
    old = connect(port)
    first = shown_certificate(port, authority)
    assert unauthenticated(old)

    new = authority.server()
    new.write(files.certificate.parent, "server")
    assert shown_certificate(port, authority) == new.serial != first
    assert unauthenticated(connect(port))
    assert unauthenticated(old)
    assert [record.pdp_event[0] for record in caplog.records if "tls" in record.name] == ["tls.replaced"]  # type: ignore[attr-defined]


def unauthenticated(stub: Stub) -> bool:
    """Whether a call comes through and is judged there (these clients show no certificate)."""
    with pytest.raises(grpc.RpcError) as raised:
        ask(stub)
    return raised.value.code() is grpc.StatusCode.UNAUTHENTICATED


def test_a_broken_new_certificate_changes_nothing(
    authority: Authority, files: TlsFiles, serve: Callable[..., int], connect: Callable[..., Stub],
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    port = serve(files)
    first, good = shown_certificate(port, authority), files.certificate.read_bytes()
    stranger = authority.server()

    def refusals() -> list[str]:
        found = [record.pdp_event for record in caplog.records if "tls" in record.name]  # type: ignore[attr-defined]
        assert {name for name, _ in found} <= {"tls.refused"}
        return [details["reason"] for _, details in found]

    files.certificate.write_bytes(stranger.pem)
    assert shown_certificate(port, authority) == first
    assert "is not the key of the first certificate" in refusals()[-1]
    assert shown_certificate(port, authority) == first
    assert len(refusals()) == 1  # said once, not at every connection
    files.certificate.unlink()
    assert shown_certificate(port, authority) == first
    assert "no such file" in refusals()[-1]
    files.certificate.write_bytes(b"rubbish")
    assert shown_certificate(port, authority) == first
    assert "holds no certificate in PEM form" in refusals()[-1]
    assert unauthenticated(connect(port))
    files.certificate.write_bytes(good)
    assert shown_certificate(port, authority) == first
    stranger.write(files.certificate.parent, "server")
    assert shown_certificate(port, authority) == stranger.serial


def test_a_symbolic_link_that_leads_elsewhere_counts(
    authority: Authority, tmp_path: Path, serve: Callable[..., int]
) -> None:
    # As Kubernetes swaps the files of a secret.
    issued = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        issued.append(authority.server())
        issued[-1].write(tmp_path / name, "tls")
    (tmp_path / "data").symlink_to("a")
    port = serve(TlsFiles(tmp_path / "data" / "tls.crt", tmp_path / "data" / "tls.key"))
    assert shown_certificate(port, authority) == issued[0].serial
    (tmp_path / "next").symlink_to("b")
    (tmp_path / "next").rename(tmp_path / "data")
    assert shown_certificate(port, authority) == issued[1].serial


def test_a_new_client_authority_counts(
    authority: Authority, mutual: TlsFiles, serve: Callable[..., int], connect: Callable[..., Stub]
) -> None:
    port, other = serve(mutual), Authority.make("other CA")
    client = other.issue("x", dns=("counter.bank",))
    with pytest.raises(grpc.RpcError):
        ask(connect(port, client))
    assert mutual.client_ca is not None
    mutual.client_ca.write_bytes(authority.pem + other.pem)  # both, while the clients change
    assert ask(connect(port, client)) == "by-dns"
    assert ask(connect(port, authority.issue("x", dns=("counter.bank",)))) == "by-dns"
    mutual.client_ca.write_bytes(other.pem)
    with pytest.raises(grpc.RpcError):
        ask(connect(port, authority.issue("x", dns=("counter.bank",))))


BROKEN = {
    "no certificate file": ("certificate", None, "tls.certificate: `.*` *: no such file"),
    "no key file": ("key", None, "tls.key: `.*`: no such file"),
    "no certificate": ("certificate", b"x", "tls.certificate: .* holds no certificate in PEM form"),
    "no key": ("key", b"x", "tls.key: .* holds no private key in PEM form"),
    "an empty file": ("key", b"", "tls.key: .* holds no private key"),
    "a damaged certificate": (
        "certificate", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "cannot be used"
    ),
    "no authority": ("client_ca", b"x", "tls.client_ca: .* holds no certificates in PEM form"),
    "a huge file": ("key", b"x" * 2_000_000, "larger than 1 MiB"),
}  # fmt: skip


@pytest.mark.parametrize(("which", "content", "message"), BROKEN.values(), ids=BROKEN)
def test_unusable_files_are_refused_at_start(mutual: TlsFiles, which: str, content: bytes | None, message: str) -> None:
    path: Path = getattr(mutual, which)
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(ConfigError, match=message):
        server_credentials(mutual)


def test_a_client_certificate_is_no_authority(authority: Authority, mutual: TlsFiles) -> None:
    assert mutual.client_ca is not None
    mutual.client_ca.write_bytes(authority.issue("counter").pem)
    with pytest.raises(ConfigError, match="no authority's certificate"):
        server_credentials(mutual)


def test_an_encrypted_key_is_refused(mutual: TlsFiles) -> None:
    mutual.key.write_bytes(b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n")
    with pytest.raises(ConfigError, match="is encrypted"):
        server_credentials(mutual)


def test_optional_client_certificates_are_refused(mutual: TlsFiles) -> None:
    for files in (
        TlsFiles(mutual.certificate, mutual.key, mutual.client_ca),
        TlsFiles(mutual.certificate, mutual.key, require_client_certificate=True),
    ):
        with pytest.raises(ConfigError, match="go together"):
            server_credentials(files)


def test_a_key_that_all_can_read_is_warned_of(files: TlsFiles, caplog: pytest.LogCaptureFixture) -> None:
    server_credentials(files)
    assert not caplog.records
    files.key.chmod(0o644)
    server_credentials(files)
    assert caplog.records[0].pdp_event[0] == "tls.key_open"  # type: ignore[attr-defined]
