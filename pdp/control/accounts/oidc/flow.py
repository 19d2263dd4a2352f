"""What is remembered between the beginning and the end of a sign-in: sealed, in the hands of the program that began it.

The nodes keep nothing for a sign-in that is begun, so beginning many of them fills no store, and any node may finish.
The program cannot read what it holds: the verifier (RFC 7636) and the nonce are the nodes' alone. It is good for one
use and five minutes; that it was used is a key in the store, under a lease that outlasts it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from dataclasses import asdict, dataclass
from typing import Final, Self
from urllib.parse import urlencode

from pdp.control import layout
from pdp.control.accounts import devices
from pdp.control.accounts.oidc.provider import Metadata
from pdp.control.accounts.oidc.rules import OidcRules
from pdp.control.accounts.sealing import SecretKey
from pdp.errors import SignInError, WrongStateError

SECONDS: Final = 300
"""How long a person may take at the provider."""
MARKED_SECONDS: Final = 2 * SECONDS
"""How long it is known that a sign-in was finished: longer than it is good for, should the nodes' clocks differ."""
_MAX_HANDLE: Final = 8_192
_BYTES = 32
_ABOUT = "oidc sign-in 1"


@dataclass(frozen=True, slots=True)
class Flow:
    """A sign-in that was begun. `began` is in nanoseconds since 1970, `device` the hash of the device's secret."""

    issuer: str
    state: str
    nonce: str
    verifier: str
    redirect_uri: str
    device: str
    began: int

    @classmethod
    def begin(cls, issuer: str, redirect_uri: str, device: bytes, now: int) -> Self:
        """Return a new one."""
        state, nonce, verifier = (secrets.token_urlsafe(_BYTES) for _ in range(3))
        return cls(issuer, state, nonce, verifier, redirect_uri, devices.digest(device).hex(), now)

    @classmethod
    def open(cls, handle: str, key: SecretKey) -> Self:
        """Return the one that a handle holds. Raises SignInError."""
        try:
            if len(handle) > _MAX_HANDLE:
                raise SignInError("oidc_handle")
            sealed = base64.b64decode(handle.encode("ascii") + b"=" * (-len(handle) % 4), altchars=b"-_", validate=True)
            return cls(**json.loads(key.open(sealed, _ABOUT)))
        except (WrongStateError, binascii.Error, ValueError, TypeError) as error:
            raise SignInError("oidc_handle") from error

    def seal(self, key: SecretKey) -> str:
        """Return the handle."""
        sealed = key.seal(json.dumps(asdict(self)).encode(), _ABOUT)
        return base64.urlsafe_b64encode(sealed).decode().rstrip("=")

    @property
    def mark(self) -> str:
        """Where it stands that it was used."""
        return layout.OIDC + hashlib.sha256(self.state.encode()).hexdigest()

    def check(self, issuer: str, state: str, device: bytes, now: int) -> None:
        """Raise SignInError for what was begun at another provider or device, has another state, or is over."""
        if self.issuer != issuer:
            raise SignInError("oidc_handle")
        if not hmac.compare_digest(devices.digest(device).hex(), self.device):
            raise SignInError("oidc_device")
        if not hmac.compare_digest(state.encode("utf-8", "replace"), self.state.encode()):
            raise SignInError("oidc_state")
        if not 0 <= now - self.began + SECONDS * 10**9 <= 2 * SECONDS * 10**9:
            raise SignInError("oidc_over")

    def url(self, metadata: Metadata, rules: OidcRules) -> str:
        """Return where the person's browser goes."""
        challenge = base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).decode().rstrip("=")
        asked = {
            "response_type": "code", "client_id": rules.client_id, "redirect_uri": self.redirect_uri,
            "scope": " ".join(rules.scopes), "state": self.state, "nonce": self.nonce,
            "code_challenge": challenge, "code_challenge_method": "S256",
        }  # fmt: skip
        if rules.second_factor_acr:
            asked["acr_values"] = " ".join(rules.second_factor_acr)
        joined = "&" if "?" in metadata.authorization else "?"
        return f"{metadata.authorization}{joined}{urlencode(asked)}"
