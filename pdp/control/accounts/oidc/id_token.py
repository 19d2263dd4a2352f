"""Whether an ID token is for us and of now, and whom it names (OpenID Connect Core 1.0, section 3.1.3.7).

The signature is joserfc's; in which algorithms count and whose key it is, the token has no say. What it claims is
judged here, by the server's clock.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import math
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from joserfc import jws
from joserfc.errors import JoseError

from pdp.control.accounts.oidc.provider import Provider, Tokens
from pdp.control.accounts.oidc.rules import MAX_SUBJECT
from pdp.errors import SignInError

ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
"""The signatures that count: by a public key alone."""
SKEW_SECONDS: Final = 60
"""By how much the provider's clock may differ from ours."""

_MAX_LIST = 50


class _Registry(jws.JWSRegistry):
    """Headers that nobody knows are left alone (RFC 7515, section 4), and there may be some."""

    max_header_length = 4096


_REGISTRY = _Registry(algorithms=ALGORITHMS, strict_check_header=False)


class Identity(NamedTuple):
    """Whom a token names, and whether the provider has seen a second factor that counts."""

    issuer: str
    subject: str
    second_factor: bool


async def verify(tokens: Tokens, provider: Provider, nonce: str, began: int, now: int) -> Identity:
    """Return whom a token names; `began` is when the sign-in began and `now` the present, in nanoseconds since 1970.

    Raises SignInError, whose reason tells what is wrong, and ProviderError.
    """
    claims = await _signed_claims(tokens.id_token, provider)
    rules = provider.rules
    if claims.get("iss") != rules.issuer:
        raise SignInError("oidc_issuer")
    _check_audience(claims, rules.client_id)
    _check_times(claims, began / 10**9, now / 10**9)
    if not _same(claims.get("nonce"), nonce):
        raise SignInError("oidc_nonce")
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= MAX_SUBJECT:
        raise SignInError("oidc_subject")
    _check_access_token(claims, tokens)
    methods = claims.get("amr")
    methods = methods[:_MAX_LIST] if isinstance(methods, list) else []
    seen = claims.get("acr") in rules.second_factor_acr or any(m in rules.second_factor_amr for m in methods)
    return Identity(rules.issuer, subject, seen)


async def _signed_claims(token: str, provider: Provider) -> Mapping[str, Any]:
    try:
        header = jws.extract_compact(token.encode("ascii"), registry=_REGISTRY).headers()
    except (JoseError, ValueError) as error:
        raise SignInError("oidc_form") from error
    algorithm, kid = header.get("alg"), header.get("kid")
    if algorithm not in ALGORITHMS:
        raise SignInError("oidc_algorithm")
    # Whoever marks something as critical relies on our knowing it, and we know no extension.
    if "crit" in header or not isinstance(kid, str | None):
        raise SignInError("oidc_form")
    key = await provider.key(kid, algorithm)
    if key is None:
        raise SignInError("oidc_key")
    try:
        claims = json.loads(jws.deserialize_compact(token, key, registry=_REGISTRY).payload)
    except JoseError as error:
        raise SignInError("oidc_signature") from error
    except (ValueError, RecursionError) as error:
        raise SignInError("oidc_form") from error
    if not isinstance(claims, dict):
        raise SignInError("oidc_form")
    return claims


def _check_audience(claims: Mapping[str, Any], client_id: str) -> None:
    audience, party = claims.get("aud"), claims.get("azp")
    audiences = audience if isinstance(audience, list) else [audience]
    # A token for several is ours only when it was us who asked for it.
    if client_id not in audiences or (party != client_id if len(audiences) > 1 else party not in (None, client_id)):
        raise SignInError("oidc_audience")


def _check_times(claims: Mapping[str, Any], began: float, now: float) -> None:
    expires, issued = _seconds(claims.get("exp")), _seconds(claims.get("iat"))
    valid_from = _seconds(claims.get("nbf", 0))
    if expires is None or issued is None or valid_from is None:
        raise SignInError("oidc_form")
    # One that is older than the question is the answer to another one.
    if expires + SKEW_SECONDS <= now or not began - SKEW_SECONDS <= issued <= now + SKEW_SECONDS:
        raise SignInError("oidc_time")
    if valid_from > now + SKEW_SECONDS:
        raise SignInError("oidc_time")


def _check_access_token(claims: Mapping[str, Any], tokens: Tokens) -> None:
    """See that the access token, if the ID token speaks of one, is the one that came with it (section 3.1.3.6)."""
    said = claims.get("at_hash")
    if said is None:
        return
    header = json.loads(base64.urlsafe_b64decode(tokens.id_token.partition(".")[0] + "=="))
    digest = hashlib.new(f"sha{header['alg'][2:]}", tokens.access_token.encode()).digest()
    half = base64.urlsafe_b64encode(digest[: len(digest) // 2]).decode().rstrip("=")
    if not _same(said, half):
        raise SignInError("oidc_hash")


def _seconds(said: Any) -> float | None:
    is_number = isinstance(said, int | float) and not isinstance(said, bool) and math.isfinite(said)
    return float(said) if is_number else None


def _same(said: Any, wanted: str) -> bool:
    return isinstance(said, str) and hmac.compare_digest(said.encode("utf-8", "replace"), wanted.encode())
