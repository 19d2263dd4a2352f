"""The provider: what it tells of itself (OpenID Connect Discovery 1.0), its keys, and codes for tokens (RFC 6749).

What it told is kept for an hour. A key that is not known is looked for anew, for providers change their keys, but not
more often than every half minute: a token that names some key must not make us ask without end. While the provider is
away, who signs in is told so at once for a few seconds.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, TypeVar

from pdp.control.accounts.oidc.rules import OidcRules, endpoint
from pdp.control.accounts.oidc.web import Web
from pdp.errors import ProviderError, SignInError

# Taken where it is needed: it is a tenth of what every process and command imports, for sign-ins at a provider alone.
if TYPE_CHECKING:
    from joserfc import jwk

    Key = jwk.RSAKey | jwk.ECKey

T = TypeVar("T")

KEPT_SECONDS: Final = 3600.0
"""How long what the provider tells is believed."""
AWAY_SECONDS: Final = 5.0
"""How long a provider that was away is not asked again."""
REFETCH_SECONDS: Final = 30.0
"""How often a key that is not known makes us look at the provider's keys anew."""
MAX_KEYS: Final = 100
MIN_RSA_BITS: Final = 2048
_MAX_RSA_BITS: Final = 8192
_WELL_KNOWN = "/.well-known/openid-configuration"
_BITS_A_CHARACTER = 6
_RESPONSE, _CHALLENGE = "code", "S256"


class Metadata(NamedTuple):
    """Where the provider is asked what; whether its redirects name it (RFC 9207), and whether a secret is shown by HTTP
    Basic.
    """

    authorization: str
    token: str
    keys: str
    names_itself: bool
    basic: bool


class Tokens(NamedTuple):
    """What a code was good for; an access token is empty when there is none."""

    id_token: str
    access_token: str


class _Told(Generic[T]):
    """Something that the provider tells, asked for once at a time."""

    def __init__(self, fetch: Callable[[], Awaitable[T]], clock: Callable[[], float]) -> None:
        self._fetch = fetch
        self._clock = clock
        self._lock = asyncio.Lock()
        self._value: T | None = None
        self._at = 0.0
        self._trouble: ProviderError | None = None
        self._anew_at = -REFETCH_SECONDS

    async def get(self) -> T:
        """Return it. Raises ProviderError."""
        async with self._lock:
            if self._value is not None and self._clock() - self._at < KEPT_SECONDS:
                return self._value
            return await self._ask()

    async def get_anew(self, seen: T) -> T | None:
        """Return it as it is now, for who has `seen` an older one; None when that was asked too often.

        Raises ProviderError.
        """
        async with self._lock:
            if self._value is not None and self._value is not seen:
                # Somebody else asked while this one waited.
                return self._value
            if self._clock() - self._anew_at < REFETCH_SECONDS:
                return None
            self._anew_at = self._clock()
            return await self._ask()

    async def _ask(self) -> T:
        if self._trouble is not None and self._clock() - self._at < AWAY_SECONDS:
            raise ProviderError(str(self._trouble))
        try:
            self._value, self._trouble = await self._fetch(), None
        except ProviderError as error:
            self._value, self._trouble = None, error
            raise
        finally:
            self._at = self._clock()
        return self._value


class Provider:
    """Lives in one event loop. Everything raises ProviderError while the provider is away or answers as none."""

    def __init__(self, rules: OidcRules, web: Web, *, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` gives seconds."""
        self.rules = rules
        self._web = web
        self._metadata = _Told(self._discover, clock)
        self._keys = _Told(self._fetch_keys, clock)

    async def metadata(self) -> Metadata:
        """Return where the provider is asked what."""
        return await self._metadata.get()

    async def redeem(self, code: str, verifier: str, redirect_uri: str) -> Tokens:
        """Return the tokens that a code is good for. Raises SignInError for a code that the provider does not take."""
        rules, metadata = self.rules, await self.metadata()
        form = {
            "grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri, "code_verifier": verifier,
        }  # fmt: skip
        basic = metadata.basic and bool(rules.client_secret)
        if not basic:
            form["client_id"] = rules.client_id
            form |= {"client_secret": rules.client_secret} if rules.client_secret else {}
        answer = await self._web.post(
            metadata.token, form, user=rules.client_id, password=rules.client_secret if basic else ""
        )
        if answer.data.get("error") == "invalid_grant":
            raise SignInError("oidc_code")
        if answer.status != 200:
            words = str(answer.data.get("error", "no reason"))[:60]
            raise ProviderError(
                f"the OpenID provider gives no token (status {answer.status}, `{words}`); look at `accounts.oidc`"
            )
        id_token, access_token = answer.data.get("id_token"), answer.data.get("access_token", "")
        if not isinstance(id_token, str) or not isinstance(access_token, str):
            raise ProviderError("the OpenID provider gives no ID token; look at `accounts.oidc.scopes`")
        return Tokens(id_token, access_token)

    async def key(self, kid: str | None, algorithm: str) -> Key | None:
        """Return the key that a token of an algorithm names by `kid`; None when there is none, or more than one could
        be meant.
        """
        known = await self._keys.get()
        found = _pick(known, kid, algorithm)
        if found is None:
            anew = await self._keys.get_anew(known)
            found = None if anew is None else _pick(anew, kid, algorithm)
        return found

    async def _discover(self) -> Metadata:
        told = await self._web.get(self.rules.issuer.rstrip("/") + _WELL_KNOWN)
        if told.get("issuer") != self.rules.issuer:
            raise ProviderError(
                f"the OpenID provider calls itself `{str(told.get('issuer'))[:200]}`, and `accounts.oidc.issuer` is "
                f"`{self.rules.issuer}`; they must be the same, to the last `/`"
            )
        for name, wanted in (("response_types_supported", _RESPONSE), ("code_challenge_methods_supported", _CHALLENGE)):
            supported = told.get(name)
            if supported is not None and wanted not in _texts(supported):
                raise ProviderError(f"the OpenID provider does not support `{wanted}` in its `{name}`, which is needed")
        methods = told.get("token_endpoint_auth_methods_supported")
        return Metadata(
            _address(told, "authorization_endpoint"),
            _address(told, "token_endpoint"),
            _address(told, "jwks_uri"),
            told.get("authorization_response_iss_parameter_supported") is True,
            methods is None or "client_secret_basic" in _texts(methods),
        )

    async def _fetch_keys(self) -> list[Key]:
        told = (await self._web.get((await self.metadata()).keys)).get("keys")
        if not isinstance(told, list) or len(told) > MAX_KEYS:
            raise ProviderError(f"the OpenID provider's keys are no list of at most {MAX_KEYS}")
        return [key for key in map(_key, told) if key is not None]


def _address(told: Mapping[str, Any], name: str) -> str:
    found = told.get(name)
    if not isinstance(found, str) or endpoint(found) is None:
        raise ProviderError(f"the OpenID provider's `{name}` is no address that begins with `https://`")
    return found


def _texts(told: Any) -> list[str]:
    return [item for item in told if isinstance(item, str)] if isinstance(told, list) else []


def _key(told: Any) -> Key | None:
    """Return a public key for signatures; None for any other, which the provider may have for others."""
    from joserfc import errors, jwk  # noqa: PLC0415 - see above

    if not isinstance(told, dict) or told.get("use", "sig") != "sig" or "d" in told:
        return None
    kind = {"RSA": jwk.RSAKey, "EC": jwk.ECKey}.get(str(told.get("kty")))
    modulus = len(str(told.get("n", ""))) * _BITS_A_CHARACTER
    if kind is None or (kind is jwk.RSAKey and not MIN_RSA_BITS <= modulus <= _MAX_RSA_BITS + _BITS_A_CHARACTER):
        return None
    try:
        key: Key = kind.import_key(told)  # type: ignore[attr-defined]
    except (errors.JoseError, ValueError, TypeError, KeyError):
        return None
    return key if isinstance(key, jwk.ECKey) or key.public_key.key_size >= MIN_RSA_BITS else None


def _pick(keys: Iterable[Key], kid: str | None, algorithm: str) -> Key | None:
    from joserfc import jwk  # noqa: PLC0415 - see above

    kind = jwk.ECKey if algorithm.startswith("ES") else jwk.RSAKey
    fitting = [key for key in keys if isinstance(key, kind) and key.alg in (None, algorithm)]
    if kid is not None:
        fitting = [key for key in fitting if key.kid == kid]
    return fitting[0] if len(fitting) == 1 else None
