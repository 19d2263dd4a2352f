"""TLS for the grpcio transport: certificates from files, read again when they change.

A new pair of certificate and key is taken into use by the next connection; connections that stand go on as they are. A
new pair that cannot be used is refused, and the old one goes on.
"""

from __future__ import annotations

import contextlib
import logging
import os
import ssl
import stat
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc

from pdp.errors import ConfigError
from pdp.server import logs

_MAX_BYTES = 1024 * 1024

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """The files that TLS needs, all PEM: the certificate with its chain, its key, and who signs clients' certificates.

    With `require_client_certificate` a client must show a certificate of `client_ca` (mutual TLS).
    """

    certificate: Path
    key: Path
    client_ca: Path | None = None
    require_client_certificate: bool = False

    @property
    def paths(self) -> tuple[Path, ...]:
        """Every file."""
        return tuple(path for path in (self.certificate, self.key, self.client_ca) if path is not None)


@dataclass(frozen=True, slots=True)
class _Material:
    certificate: bytes
    key: bytes
    client_ca: bytes | None

    def configuration(self) -> grpc.ServerCertificateConfiguration:
        return grpc.ssl_server_certificate_configuration(
            [(self.key, self.certificate)], root_certificates=self.client_ca
        )


def server_credentials(files: TlsFiles) -> grpc.ServerCredentials:
    """Return credentials that follow the files. TLS 1.2 is the least that grpc speaks.

    Raises ConfigError when a file is missing, unreadable, not PEM, or the key is not the certificate's.
    """
    if files.require_client_certificate != (files.client_ca is not None):
        raise ConfigError(
            "`tls.client_ca` and `tls.require_client_certificate` go together, for grpc asks a client for a "
            "certificate only when it must have one; set both, or leave out both and give the callers tokens"
        )
    follower = Follower(files)
    return grpc.dynamic_ssl_server_credentials(
        follower.first,
        follower.fetch,  # type: ignore[arg-type]  # the stubs forget that None means "as before"
        require_client_authentication=files.require_client_certificate,
    )


class Follower:
    """Gives grpc the certificate to use, asked before every handshake, from grpc's own threads."""

    def __init__(self, files: TlsFiles) -> None:
        self._files = files
        self._lock = threading.Lock()
        self._seen = _state(files)
        self._material = read(files)
        self.first = self._material.configuration()
        _warn_of_open_key(files.key)

    def fetch(self) -> grpc.ServerCertificateConfiguration | None:
        """Return the new certificate when the files changed and can be used, else None, which keeps the old one."""
        # A handshake is not to wait for another one's look at the files.
        if not self._lock.acquire(blocking=False):
            return None
        try:
            return self._look()
        except Exception as error:  # grpc would refuse the connection; the old certificate is better
            logs.event(log, logging.ERROR, "tls.failed", "cannot look at the certificate", error=type(error).__name__)
            return None
        finally:
            self._lock.release()

    def _look(self) -> grpc.ServerCertificateConfiguration | None:
        state = _state(self._files)
        if state == self._seen:
            return None
        # INVARIANT: remembered before reading, so that a file written meanwhile is seen as changed the next time.
        self._seen = state
        try:
            material = read(self._files)
        except ConfigError as error:
            logs.event(
                log, logging.ERROR, "tls.refused", "the new certificate cannot be used; the old one goes on",
                reason=str(error),
            )  # fmt: skip
            return None
        _warn_of_open_key(self._files.key)
        if material == self._material:
            return None
        self._material = material
        logs.event(
            log, logging.INFO, "tls.replaced", "new connections see a new certificate",
            certificate=str(self._files.certificate),
        )  # fmt: skip
        return material.configuration()


def read(files: TlsFiles) -> _Material:
    """Read the files and judge whether they belong together. Raises ConfigError."""
    certificate, key = _bytes(files.certificate, "certificate"), _bytes(files.key, "key")
    if b"ENCRYPTED" in key.partition(b"\n")[0] or b"Proc-Type: 4,ENCRYPTED" in key:
        raise ConfigError(
            f"tls.key: `{files.key}` is encrypted, and nobody is there to type its password; "
            "write it without with `openssl pkey`, readable by the service alone"
        )
    client_ca = None if files.client_ca is None else _bytes(files.client_ca, "client_ca")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        with _descriptor(certificate) as certificate_path, _descriptor(key) as key_path:
            context.load_cert_chain(certificate_path, key_path, password="")
    except (ssl.SSLError, OSError, ValueError) as error:
        raise ConfigError(_pair_problem(files, certificate, key, error)) from error
    if client_ca is not None:
        _check_ca(context, client_ca, files)
    return _Material(certificate, key, client_ca)


def _pair_problem(files: TlsFiles, certificate: bytes, key: bytes, error: Exception) -> str:
    if b"-----BEGIN CERTIFICATE-----" not in certificate:
        return f"tls.certificate: `{files.certificate}` holds no certificate in PEM form"
    if b"PRIVATE KEY-----" not in key:
        return f"tls.key: `{files.key}` holds no private key in PEM form"
    if "KEY_VALUES_MISMATCH" in str(error):
        return (
            f"tls.key: `{files.key}` is not the key of the first certificate in `{files.certificate}`; "
            "put the server's own certificate first, then its chain"
        )
    reason = getattr(error, "reason", None) or type(error).__name__
    return f"`{files.certificate}` and `{files.key}` cannot be used ({reason})"


def _check_ca(context: ssl.SSLContext, client_ca: bytes, files: TlsFiles) -> None:
    try:
        context.load_verify_locations(cadata=client_ca.decode("ascii"))
    except (ssl.SSLError, UnicodeDecodeError) as error:
        raise ConfigError(f"tls.client_ca: `{files.client_ca}` holds no certificates in PEM form") from error
    if not context.get_ca_certs():
        raise ConfigError(
            f"tls.client_ca: `{files.client_ca}` holds no authority's certificate; "
            "name the one that signs the clients' certificates, not a client's"
        )


def _bytes(path: Path, key: str) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"tls.{key}: `{path}`: {(error.strerror or str(error)).lower()}") from error
    if len(data) > _MAX_BYTES:
        raise ConfigError(f"tls.{key}: `{path}` is larger than 1 MiB, which no certificate is")
    return data


@contextlib.contextmanager
def _descriptor(data: bytes) -> Iterator[str]:
    """Give bytes a path in memory: OpenSSL judges files only, and what is judged must be what is used."""
    fd = os.memfd_create("pdp-tls", os.MFD_CLOEXEC)
    try:
        with os.fdopen(os.dup(fd), "wb") as file:
            file.write(data)
        yield f"/proc/self/fd/{fd}"
    finally:
        os.close(fd)


def _state(files: TlsFiles) -> tuple[tuple[int, int, int] | None, ...]:
    return tuple(_stat(path) for path in files.paths)


def _stat(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _warn_of_open_key(path: Path) -> None:
    with contextlib.suppress(OSError):  # it was read a moment ago; the next look will tell
        if path.stat().st_mode & (stat.S_IROTH | stat.S_IWOTH):
            logs.event(
                log, logging.WARNING, "tls.key_open", "every user of this machine can read the private key",
                key=str(path), mend=f"chmod 600 {path}",
            )  # fmt: skip
