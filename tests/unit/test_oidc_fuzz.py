"""Whatever a provider, a token or a handle says, it ends in an answer or in one of our own errors."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from typing import Any, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pdp.control.accounts import OidcRules, Provider, SecretKey, Web
from pdp.control.accounts.oidc.flow import Flow
from pdp.control.accounts.oidc.id_token import verify
from pdp.control.accounts.oidc.provider import Tokens, _key
from pdp.control.accounts.oidc.rules import check_redirect, endpoint
from pdp.control.accounts.oidc.web import _answer
from pdp.errors import ProviderError, RequestError, SignInError
from tests.integration.oidc_provider import SigningKey, coded, compact
from tests.strategies import examples

T = TypeVar("T")

ISSUER = "https://id.bank.example"
RULES = OidcRules(ISSUER, "jingxi")
NOW = 1_800_000_000
KEYS = [SigningKey("k1"), SigningKey("k2", "ES256")]
ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
METADATA = {
    "issuer": ISSUER, "authorization_endpoint": f"{ISSUER}/a", "token_endpoint": f"{ISSUER}/t",
    "jwks_uri": f"{ISSUER}/k",
}  # fmt: skip


class Canned(Web):
    """What a provider said, without asking it."""

    def __init__(self, *told: Mapping[str, Any]) -> None:
        # Without TLS, which it has no use for.
        self._told = list(told)

    async def get(self, url: str) -> Mapping[str, Any]:
        del url
        return self._told.pop(0)


def done(work: Coroutine[Any, Any, T]) -> T:
    """Return what a coroutine returns that waits for nobody."""
    try:
        work.send(None)
    except StopIteration as end:
        found: T = end.value
        return found
    raise AssertionError


def known() -> Provider:
    keys = {"keys": [key.jwk for key in KEYS]}
    return Provider(RULES, Canned(METADATA, keys, keys))


def judged(token: str, access: str = "") -> str:
    """Return whom a token names, or why it is refused."""
    try:
        return done(verify(Tokens(token, access), known(), "n", NOW * 10**9, NOW * 10**9)).subject
    except SignInError as error:
        return error.reason


GOOD = {"iss": ISSUER, "aud": "jingxi", "nonce": "n", "sub": "u", "iat": NOW, "exp": NOW + 60}


@given(st.text() | st.binary().map(coded), st.text(max_size=30))
def test_any_text_as_a_token(token: str, more: str) -> None:
    assert judged(token).startswith("oidc_")
    head, body, signature = KEYS[0].token(GOOD).split(".")
    for cut in (f"{head}.{body}.{more}", f"{more}.{body}.{signature}", f"{head}.{more}.{signature}"):
        assert judged(cut).startswith("oidc_")


@given(st.dictionaries(st.sampled_from(["alg", "kid", "crit", "b64", "typ", "jwk", "x5c", "zip", "x"]), ANY))
def test_any_header(header: dict[str, Any]) -> None:
    found = judged(compact({"alg": "RS256", "kid": "k1", **header}, GOOD, KEYS[0].sign))
    # What the header says besides changes nothing; what it says of the key and the algorithm must be right.
    assert found.startswith("oidc_") or (found == "u" and header.get("alg", "RS256") == "RS256")


@given(st.dictionaries(st.sampled_from([*GOOD, "azp", "nbf", "at_hash", "acr", "amr"]), ANY))
def test_any_claims(claims: dict[str, Any]) -> None:
    for key in KEYS:
        found = judged(key.token({**GOOD, **claims}))
        assert found.startswith("oidc_") or found == {**GOOD, **claims}["sub"]


@given(ANY)
def test_any_payload(payload: Any) -> None:
    assert judged(compact({"alg": "RS256", "kid": "k1"}, payload, KEYS[0].sign)).startswith("oidc_")


@given(st.sampled_from(KEYS), st.dictionaries(st.sampled_from(["kty", "n", "e", "x", "y", "crv", "use", "alg", "kid",
                                                                "key_ops", "x5c", "oth", "p"]), ANY), ANY)  # fmt: skip
def test_any_key(key: SigningKey, parts: dict[str, Any], other: Any) -> None:
    _key(other)
    found = _key(key.jwk | parts)
    assert found is None or not found.is_private


@given(st.dictionaries(st.sampled_from([*METADATA, "response_types_supported", "code_challenge_methods_supported",
                                        "token_endpoint_auth_methods_supported"]), ANY))  # fmt: skip
def test_any_metadata(told: dict[str, Any]) -> None:
    provider = Provider(RULES, Canned({**METADATA, **told}))
    try:
        found = done(provider.metadata())
    except ProviderError:
        return
    assert all(endpoint(url) for url in (found.authorization, found.token, found.keys))


@given(ANY)
def test_any_set_of_keys(told: Any) -> None:
    provider = Provider(RULES, Canned(METADATA, {"keys": told}, {"keys": told}))
    try:
        assert done(provider.key("k1", "RS256")) is None
    except ProviderError:
        return


@given(st.text() | st.binary().map(coded))
def test_any_handle(handle: str) -> None:
    with pytest.raises(SignInError) as caught:
        Flow.open(handle, SecretKey.make())
    assert caught.value.reason == "oidc_handle"


HEADS = (
    b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
)  # fmt: skip


@given(st.binary(max_size=400), st.sampled_from(HEADS))
def test_any_answer(data: bytes, head: bytes) -> None:
    try:
        assert isinstance(_answer("https://a", head + data).data, dict)
    except ProviderError:
        return


@settings(max_examples=examples(100))
@given(st.text(), st.sampled_from(["http://127.0.0.1:1", "https://a", "http://127.0.0.1:", "http://[::1]:1/"]))
def test_any_address(text: str, start: str) -> None:
    for candidate in (text, start + text):
        try:
            check_redirect(candidate)
        except RequestError:
            continue
        # What is taken is this machine for whoever else reads it.
        parts = endpoint(candidate)
        assert parts is not None
        assert parts.hostname in ("127.0.0.1", "::1")
        assert not parts.query


def test_what_is_good_is_taken() -> None:
    assert [judged(key.token(GOOD)) for key in KEYS] == ["u", "u"]
    assert judged(compact({"alg": "RS256"}, GOOD, KEYS[0].sign)) == "u"


def test_who_waits_for_keys_that_others_fetch_anew_sees_them_too() -> None:
    class Slow(Canned):
        async def get(self, url: str) -> Mapping[str, Any]:
            await asyncio.sleep(0)
            return await super().get(url)

    old, new = ({"keys": [key.jwk]} for key in KEYS)
    provider = Provider(RULES, Slow(METADATA, old, new))

    async def ask() -> list[Any]:
        return await asyncio.gather(*(provider.key("k2", "ES256") for _ in range(4)))

    assert [key.kid for key in asyncio.run(ask()) if key] == ["k2"] * 4
