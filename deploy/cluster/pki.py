"""A private PKI: one authority for each thing that is guarded, and certificates for servers and clients.

The authorities are apart because a certificate of one must not open what another guards: a business system that may ask
for decisions must not reach the control store. For trying out and tests. In production the bank's own PKI issues the
same certificates, and no authority's key lies beside the servers'.
"""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from deploy.cluster.processes import write_private

_DAY: Final = datetime.timedelta(days=1)
_AUTHORITY_DAYS: Final = 3650
_LEAF_DAYS: Final = 397
_RENEW_DAYS: Final = 30
# So that a clock that is a little behind takes the certificate, too.
_BEFORE: Final = datetime.timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Files:
    """What one end of a TLS connection needs, as PEM files: whom it believes, what it shows, and the key to that."""

    ca: Path
    certificate: Path
    key: Path


class Authority:
    """Issues certificates into its folder, `NAME.crt` and `NAME.key`, and keeps them over restarts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ca = folder / "ca.crt"
        self._key_file = folder / "ca.key"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not self.ca.exists():
            self._make()

    def issue(self, name: str, hosts: Sequence[str] = (), *, renew: bool = False, days: int = _LEAF_DAYS) -> Files:
        """Return a certificate whose common name is `name`: for servers at `hosts` (names and addresses), for clients
        without. One that holds for a month more is kept unless `renew`, or unless the hosts are others.
        """
        files = Files(self.ca, self.folder / f"{name}.crt", self.folder / f"{name}.key")
        if not renew and _is_good(files.certificate, hosts) and files.key.exists():
            return files
        key = ec.generate_private_key(ec.SECP256R1())
        usage = [ExtendedKeyUsageOID.CLIENT_AUTH, *([ExtendedKeyUsageOID.SERVER_AUTH] if hosts else [])]
        builder = _builder(name, days).add_extension(x509.ExtendedKeyUsage(usage), critical=False)
        if hosts:
            builder = builder.add_extension(x509.SubjectAlternativeName(_names(hosts)), critical=False)
        authority = x509.load_pem_x509_certificate(self.ca.read_bytes())
        signer = load_pem_private_key(self._key_file.read_bytes(), None)
        if not isinstance(signer, ec.EllipticCurvePrivateKey):
            raise TypeError(f"`{self._key_file}` is no EC key")
        made = (
            builder.issuer_name(authority.subject)
            .public_key(key.public_key())
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
            .sign(signer, hashes.SHA256())
        )
        write_private(files.key, _private(key))
        write_private(files.certificate, made.public_bytes(Encoding.PEM), 0o644)
        return files

    def _make(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = f"Jingxi {self.folder.name} CA"
        usage = x509.KeyUsage(
            digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False, key_encipherment=False,
            data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
        )  # fmt: skip
        made = (
            _builder(name, _AUTHORITY_DAYS)
            .issuer_name(_subject(name))
            .public_key(key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        write_private(self._key_file, _private(key))
        write_private(self.ca, made.public_bytes(Encoding.PEM), 0o644)


class Pki:
    """The authorities, each in a folder of its own below `folder`."""

    def __init__(self, folder: Path) -> None:
        self.etcd = Authority(folder / "etcd")
        """The control store: its members, and the nodes as clients."""
        self.postgres = Authority(folder / "postgres")
        """The snapshot store: its servers, and users by common name."""
        self.nodes = Authority(folder / "nodes")
        """The decision ports: the nodes as servers."""
        self.callers = Authority(folder / "callers")
        """The business systems, as clients of the decision ports."""


def _builder(name: str, days: int) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_subject(name))
        .serial_number(x509.random_serial_number())
        .not_valid_before(min(now, now + days * _DAY) - _BEFORE)
        .not_valid_after(now + days * _DAY)
    )


def _subject(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _names(hosts: Sequence[str]) -> list[x509.GeneralName]:
    found: list[x509.GeneralName] = []
    for host in hosts:
        try:
            found.append(x509.IPAddress(ipaddress.ip_address(host)))
        except ValueError:
            found.append(x509.DNSName(host))
    return found


def _is_good(path: Path, hosts: Sequence[str]) -> bool:
    try:
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError):
        return False
    if certificate.not_valid_after_utc < datetime.datetime.now(datetime.UTC) + _RENEW_DAYS * _DAY:
        return False
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return not hosts
    return list(extension.value) == _names(hosts)


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
