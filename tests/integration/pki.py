"""Certificate authorities and certificates for tests, made on the spot."""

from __future__ import annotations

import datetime
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

_DAY = datetime.timedelta(days=1)


@dataclass(frozen=True)
class Identity:
    """A certificate with its key."""

    certificate: x509.Certificate
    private_key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def key(self) -> bytes:
        return self.private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    @property
    def serial(self) -> int:
        return self.certificate.serial_number

    def write(self, folder: Path, name: str) -> tuple[Path, Path]:
        """Write certificate and key and return their paths."""
        certificate, key = folder / f"{name}.crt", folder / f"{name}.key"
        certificate.write_bytes(self.pem)
        key.write_bytes(self.key)
        key.chmod(0o600)
        return certificate, key


class Authority(Identity):
    """A certificate that signs others."""

    @classmethod
    def make(cls, name: str = "bank CA") -> Authority:
        key = ec.generate_private_key(ec.SECP256R1())
        return cls(_sign(name, key, name, key, (), authority=True), key)

    def issue(self, common_name: str, *, dns: tuple[str, ...] = (), uri: tuple[str, ...] = (), ip: tuple[str, ...] = (),
              days: int = 7) -> Identity:  # fmt: skip
        """Return a certificate with these names; `days` below 0 gives one that has expired."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = (
            *(x509.DNSName(name) for name in dns),
            *(x509.UniformResourceIdentifier(name) for name in uri),
            *(x509.IPAddress(ipaddress.ip_address(name)) for name in ip),
        )
        issuer = self.certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
        return Identity(_sign(common_name, key, str(issuer), self.private_key, names, days=days), key)

    def server(self) -> Identity:
        """Return a certificate for this machine."""
        return self.issue("localhost", dns=("localhost",), ip=("127.0.0.1",))


def _sign(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: str,
    issuer_key: ec.EllipticCurvePrivateKey,
    names: tuple[x509.GeneralName, ...],
    *,
    authority: bool = False,
    days: int = 7,
) -> x509.Certificate:
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(min(now, now + days * _DAY) - _DAY)
        .not_valid_after(now + days * _DAY)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)] if text else [])
