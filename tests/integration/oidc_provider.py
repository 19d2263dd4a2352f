"""A small OpenID provider on a real socket with TLS: discovery, authorization with PKCE, tokens, keys that change.

It signs by `cryptography` alone, so that what verifies is held against something else than itself. Whatever a provider,
or who pretends to be one, may do wrong is set by hand.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import hmac
import http.client
import json
import secrets
import ssl
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote_plus, urlencode, urlsplit

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pdp.control.accounts import OidcRules, Provider, Web
from tests.integration.pki import Authority

CLIENT = "jingxi"
SECRET = "s3cret: with / what = needs % coding"  # noqa: S105 - of a provider that lives for a test
PATIENCE = 30.0
_HASHES: dict[str, Callable[[], hashes.HashAlgorithm]] = {
    "256": hashes.SHA256, "384": hashes.SHA384, "512": hashes.SHA512,
}  # fmt: skip
_CURVES: dict[str, tuple[str, int, ec.EllipticCurve]] = {
    "ES256": ("P-256", 32, ec.SECP256R1()), "ES384": ("P-384", 48, ec.SECP384R1()),
    "ES512": ("P-521", 66, ec.SECP521R1()),
}  # fmt: skip


def coded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def number(value: int, size: int = 0) -> str:
    return coded(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))


@functools.cache
def _rsa(_name: str, bits: int) -> rsa.RSAPrivateKey:
    # Making one takes a while, and tests share them.
    return rsa.generate_private_key(65537, bits)


@dataclass
class SigningKey:
    """A key of the provider, by which it signs with one algorithm."""

    kid: str
    algorithm: str = "RS256"
    bits: int = 2048
    private: Any = None

    def __post_init__(self) -> None:
        if self.algorithm in _CURVES:
            self.private = self.private or ec.generate_private_key(_CURVES[self.algorithm][2])
        else:
            self.private = _rsa(self.kid, self.bits)

    @property
    def jwk(self) -> dict[str, Any]:
        numbers = self.private.public_key().public_numbers()
        named = {"kid": self.kid, "use": "sig", "alg": self.algorithm}
        if self.algorithm in _CURVES:
            curve, size, _ = _CURVES[self.algorithm]
            return {"kty": "EC", "crv": curve, "x": number(numbers.x, size), "y": number(numbers.y, size), **named}
        return {"kty": "RSA", "n": number(numbers.n), "e": number(numbers.e), **named}

    @property
    def pem(self) -> bytes:
        found: bytes = self.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        return found

    def sign(self, data: bytes) -> bytes:
        digest = _HASHES[self.algorithm[2:]]()
        if self.algorithm in _CURVES:
            size = _CURVES[self.algorithm][1]
            r, s = decode_dss_signature(self.private.sign(data, ec.ECDSA(digest)))
            return r.to_bytes(size, "big") + s.to_bytes(size, "big")
        pss = padding.PSS(padding.MGF1(digest), digest.digest_size)
        scheme = pss if self.algorithm.startswith("PS") else padding.PKCS1v15()
        signature: bytes = self.private.sign(data, scheme, digest)
        return signature

    def token(self, claims: Mapping[str, Any], **header: Any) -> str:
        return compact({"alg": self.algorithm, "kid": self.kid, "typ": "JWT", **header}, claims, self.sign)


def compact(header: Mapping[str, Any], claims: Any, sign: Callable[[bytes], bytes]) -> str:
    """Return a token; what is None in the header is left out."""
    kept = {name: value for name, value in header.items() if value is not None}
    body = f"{coded(json.dumps(kept).encode())}.{coded(json.dumps(claims).encode())}"
    return f"{body}.{coded(sign(body.encode()))}"


def by_hmac(key: bytes) -> Callable[[bytes], bytes]:
    return lambda data: hmac.digest(key, data, "sha256")


@dataclass
class _Code:
    redirect_uri: str
    challenge: str
    nonce: str
    client_id: str


@dataclass
class OpenIdProvider:
    """The provider, and how it behaves.

    `claims` and `header` come over what a token would say (None leaves it out); `forge` makes the token from header and
    claims; `answers` gives status, headers and body at a path instead of the usual; at paths in `silent` it says
    nothing until the end, and at those in `dripping` a byte now and then.
    """

    clock: Callable[[], int]
    issuer: str = ""
    port: int = 0
    secret: str = SECRET
    keys: list[SigningKey] = field(default_factory=lambda: [SigningKey("k1")])
    subject: str = "u-1001"
    claims: dict[str, Any] = field(default_factory=dict)
    header: dict[str, Any] = field(default_factory=dict)
    forge: Callable[[dict[str, Any], dict[str, Any]], str] | None = None
    configuration: dict[str, Any] = field(default_factory=dict)
    answers: dict[str, tuple[int, dict[str, str], bytes]] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    dripping: set[str] = field(default_factory=set)
    asked: Counter[str] = field(default_factory=Counter)
    codes: dict[str, _Code] = field(default_factory=dict)
    ended: threading.Event = field(default_factory=threading.Event)
    ca: Path = Path()
    trust: ssl.SSLContext = field(default_factory=ssl.create_default_context)

    def reset(self, clock: Callable[[], int]) -> None:
        """Behave well again."""
        fresh = OpenIdProvider(clock)
        for name in ("clock", "secret", "keys", "subject", "claims", "header", "forge", "configuration", "answers",
                     "silent", "dripping", "asked", "codes"):  # fmt: skip
            setattr(self, name, getattr(fresh, name))

    def rules(self, **more: Any) -> OidcRules:
        given: dict[str, Any] = {"issuer": self.issuer, "client_id": CLIENT, "client_secret": self.secret} | more
        return OidcRules(**given)

    def client(self, seconds: float = PATIENCE, **more: Any) -> Provider:
        """Return what asks this provider."""
        return Provider(self.rules(**more), Web(self.ca, seconds=seconds))

    def browse(self, url: str) -> dict[str, str]:
        """Go to an authorization URL as a browser whose user is signed in; return what the redirect says."""
        parts = urlsplit(url)
        assert f"{parts.scheme}://{parts.netloc}" == self.issuer
        connection = http.client.HTTPSConnection("localhost", self.port, context=self.trust, timeout=PATIENCE)
        try:
            connection.request("GET", f"{parts.path}?{parts.query}")
            response = connection.getresponse()
            body = response.read()
            assert response.status == 302, (response.status, body)
            self.location = str(response.headers["Location"])
        finally:
            connection.close()
        return {name: values[0] for name, values in parse_qs(urlsplit(self.location).query).items()}

    def told(self) -> dict[str, Any]:
        usual = {
            "issuer": self.issuer, "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token", "jwks_uri": f"{self.issuer}/jwks",
            "response_types_supported": ["code"], "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256", "ES256"], "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": True,
            "token_endpoint_auth_methods_supported": ["client_secret_basic"],
        }  # fmt: skip
        return {name: value for name, value in (usual | self.configuration).items() if value is not None}

    def authorize(self, asked: Mapping[str, str]) -> tuple[int, dict[str, str], Any]:
        redirect = urlsplit(asked["redirect_uri"])
        proper = (
            asked.get("client_id") == CLIENT
            and asked.get("response_type") == "code"
            and "openid" in asked.get("scope", "").split()
            and asked.get("code_challenge_method") == "S256"
            and len(asked.get("code_challenge", "")) == 43
            and redirect.hostname in ("127.0.0.1", "::1")
            and redirect.path == "/callback"
        )
        if not proper:
            return 400, {}, {"error": "invalid_request"}
        code = secrets.token_urlsafe(16)
        self.codes[code] = _Code(asked["redirect_uri"], asked["code_challenge"], asked["nonce"], asked["client_id"])
        answer = urlencode({"code": code, "state": asked["state"], "iss": self.issuer})
        return 302, {"Location": f"{asked['redirect_uri']}?{answer}"}, {}

    def exchange(self, form: Mapping[str, str], authorization: str) -> tuple[int, dict[str, str], Any]:
        name, secret = form.get("client_id", ""), form.get("client_secret", "")
        if authorization.startswith("Basic "):
            name, _, secret = base64.b64decode(authorization[6:]).decode().partition(":")
            name, secret = unquote_plus(name), unquote_plus(secret)
        if (name, secret) != (CLIENT, self.secret):
            return 401, {}, {"error": "invalid_client"}
        # Once: whatever comes of it, nobody shows it again.
        found = self.codes.pop(form.get("code", ""), None)
        challenge = coded(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        if found is None or found.redirect_uri != form.get("redirect_uri") or found.challenge != challenge:
            return 400, {}, {"error": "invalid_grant"}
        access = secrets.token_urlsafe(16)
        return 200, {}, {"access_token": access, "token_type": "Bearer", "id_token": self.id_token(found, access)}

    def id_token(self, code: _Code, access: str) -> str:
        now, key = self.clock() // 10**9, self.keys[-1]
        half = hashlib.new(f"sha{key.algorithm[2:]}", access.encode()).digest()
        usual = {
            "iss": self.issuer, "sub": self.subject, "aud": code.client_id, "nonce": code.nonce, "iat": now,
            "exp": now + 300, "at_hash": coded(half[: len(half) // 2]),
        }  # fmt: skip
        claims = {name: value for name, value in (usual | self.claims).items() if value is not None}
        header = {"alg": key.algorithm, "kid": key.kid, "typ": "JWT", **self.header}
        return self.forge(header, claims) if self.forge else compact(header, claims, key.sign)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    provider: OpenIdProvider
    timeout = PATIENCE

    def setup(self) -> None:
        try:
            self.request.do_handshake()
        except OSError:
            # Somebody who does not trust the certificate.
            self.request.close()
        super().setup()

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        routes: dict[str, Callable[[], tuple[int, dict[str, str], Any]]] = {
            "/.well-known/openid-configuration": lambda: (200, {}, self.provider.told()),
            "/jwks": lambda: (200, {}, {"keys": [key.jwk for key in self.provider.keys]}),
            "/authorize": lambda: self.provider.authorize(asked),
        }
        self._answer(parts.path, routes.get(parts.path))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        form = {name: values[0] for name, values in parse_qs(body).items()}
        shown = self.headers.get("Authorization", "")
        self._answer(self.path, (lambda: self.provider.exchange(form, shown)) if self.path == "/token" else None)

    def _answer(self, path: str, act: Callable[[], tuple[int, dict[str, str], Any]] | None) -> None:
        provider = self.provider
        provider.asked[path] += 1
        if path in provider.silent:
            provider.ended.wait(PATIENCE)
            return
        if path in provider.dripping:
            while not provider.ended.wait(0.05):
                self.wfile.write(b"H")
                self.wfile.flush()
            return
        if path in provider.answers:
            status, headers, data = provider.answers[path]
        else:
            status, headers, found = act() if act else (404, {}, {"error": "not_found"})
            data = json.dumps(found).encode()
        self.send_response(status)
        for name, value in ({"Content-Type": "application/json", "Content-Length": str(len(data))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_arguments: Any) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_arguments: Any) -> None:
        """Say nothing: who asks may go away at any time."""


@contextmanager
def openid_provider(
    folder: Path, clock: Callable[[], int], port: int = 0, authority: Authority | None = None
) -> Iterator[OpenIdProvider]:
    """Serve."""
    authority = authority or Authority.make("id CA")
    certificate, key = authority.server().write(folder, "id")
    ca = folder / "id-ca.pem"
    ca.write_bytes(authority.pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    handler = type("Handler", (_Handler,), {})
    server = _Server(("127.0.0.1", port), handler)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    provider = OpenIdProvider(clock, f"https://localhost:{server.server_port}", server.server_port, ca=ca)
    provider.trust = ssl.create_default_context(cafile=str(ca))
    handler.provider = provider  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield provider
    finally:
        provider.ended.set()
        server.shutdown()
        server.server_close()
        thread.join()
