"""What a provider, somebody who pretends to be one, or whoever signs in may try."""

from __future__ import annotations

import asyncio
import base64
import gc
import http.server
import json
import socket
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest

from pdp.control import layout
from pdp.control.accounts import AccountRules, Attempt, Provider
from pdp.control.accounts.oidc import Web, flow
from pdp.control.accounts.oidc.id_token import SKEW_SECONDS
from pdp.control.accounts.oidc.provider import AWAY_SECONDS, KEPT_SECONDS, REFETCH_SECONDS
from pdp.control.accounts.oidc.rules import check_redirect, is_issuer
from pdp.control.accounts.oidc.web import MAX_BYTES
from pdp.control.kv.base import KeyValueStore
from pdp.control.kv.sqlite import SqliteStore
from pdp.errors import ConfigError, ProviderError, RequestError, SignInError
from tests.integration.accounts_steps import PASSWORD, Hands, Office, Person, office
from tests.integration.kv_steps import scenario
from tests.integration.oidc_contract import clock, provider, served
from tests.integration.oidc_provider import (
    CLIENT,
    OpenIdProvider,
    SigningKey,
    by_hmac,
    coded,
    compact,
    openid_provider,
)
from tests.integration.oidc_steps import REDIRECT, Visit, enter, hired, refused, visit
from tests.integration.pki import Authority

__all__ = ["clock", "provider", "served"]

Claims = Mapping[str, Any]
Forge = Callable[[dict[str, Any], dict[str, Any]], str]
OTHER = SigningKey("k1", "ES256")
WELL_KNOWN = "/.well-known/openid-configuration"


@asynccontextmanager
async def at(folder: Path, clock: Hands, client: Provider, **rules: Any) -> AsyncIterator[Office]:
    store: KeyValueStore = SqliteStore(folder / "control" / "control.db")
    given: dict[str, Any] = {"failure_seconds": 0, "zone": UTC, "issuer": client.rules.issuer} | rules
    try:
        async with office(store, clock, AccountRules(**given), client) as here:
            yield here
    finally:
        await store.close()


def unsigned(header: dict[str, Any], claims: dict[str, Any]) -> str:
    return compact({**header, "alg": "none"}, claims, lambda _data: b"")


def hmac_by(key: bytes) -> Forge:
    return lambda header, claims: compact({**header, "alg": "HS256"}, claims, by_hmac(key))


@pytest.fixture
def forgeries(provider: OpenIdProvider) -> Mapping[str, Forge]:
    """Tokens that are not the provider's, or not as they must be."""
    key = provider.keys[0]

    def tampered(header: dict[str, Any], claims: dict[str, Any]) -> str:
        head, body, signature = key.token({**claims, "sub": "u-9999"}).split(".")
        del body, header
        return f"{head}.{coded(json.dumps(claims).encode())}.{signature}"

    return {
        "oidc_algorithm none": unsigned,
        "oidc_algorithm None": lambda header, claims: compact({**header, "alg": "nOnE"}, claims, lambda _data: b""),
        # The public key as the secret, in the forms in which somebody may have it.
        "oidc_algorithm HS256 pem": hmac_by(key.pem),
        "oidc_algorithm HS256 jwk": hmac_by(json.dumps(key.jwk).encode()),
        "oidc_algorithm HS256 secret": hmac_by(provider.secret.encode()),
        "oidc_algorithm odd": lambda header, claims: compact({**header, "alg": ["RS256"]}, claims, key.sign),
        "oidc_signature tampered": tampered,
        "oidc_signature other key": lambda header, claims: SigningKey("other").token(claims, kid="k1"),
        "oidc_signature empty": lambda header, claims: compact(header, claims, lambda _data: b""),
        "oidc_key unknown": lambda header, claims: SigningKey("k9").token(claims),
        # An algorithm of another kind of key than the one that is named.
        "oidc_key kind": lambda header, claims: OTHER.token(claims),
        # The token brings its own key along.
        "oidc_signature own": lambda header, claims: SigningKey("other").token(
            claims, kid="k1", jwk=SigningKey("other").jwk, jku="https://evil.example/jwks", x5u="https://evil.example"
        ),
        "oidc_form critical": lambda header, claims: compact({**header, "crit": ["b64"]}, claims, key.sign),
        "oidc_form kid": lambda header, claims: compact({**header, "kid": 7}, claims, key.sign),
        "oidc_form list": lambda header, claims: compact(header, [claims], key.sign),
        "oidc_form empty": lambda header, claims: "",
        "oidc_form parts": lambda header, claims: "a.b",
        "oidc_form garbage": lambda header, claims: "é.ü.ö",
        "oidc_form huge": lambda header, claims: compact(header, {**claims, "x": "x" * 140_000}, key.sign),
    }


@scenario
async def test_no_token_but_the_provider_s_own_counts(
    tmp_path: Path, provider: OpenIdProvider, clock: Hands,
    forgeries: Mapping[str, Forge],
) -> None:  # fmt: skip
    async with at(tmp_path, clock, provider.client()) as here:
        person = await hired(here)
        for name, forge in forgeries.items():
            provider.forge = forge
            try:
                await refused(here, provider, person, name.split()[0])
            except AssertionError as error:
                raise AssertionError(name) from error
        provider.forge = None
        await enter(here, provider, person)


def wrong_claims(issuer: str, now: int) -> list[tuple[str, Claims]]:
    return [
        ("oidc_issuer", {"iss": "https://evil.example"}), ("oidc_issuer", {"iss": f"{issuer}/"}),
        ("oidc_issuer", {"iss": None}), ("oidc_issuer", {"iss": [issuer]}),
        ("oidc_audience", {"aud": "other"}), ("oidc_audience", {"aud": None}), ("oidc_audience", {"aud": []}),
        ("oidc_audience", {"aud": [CLIENT, "other"]}), ("oidc_audience", {"aud": [CLIENT, "other"], "azp": "other"}),
        ("oidc_audience", {"azp": "other"}), ("oidc_audience", {"aud": {CLIENT: 1}}),
        ("oidc_nonce", {"nonce": "other"}), ("oidc_nonce", {"nonce": None}), ("oidc_nonce", {"nonce": ["x"]}),
        ("oidc_time", {"exp": now - SKEW_SECONDS}), ("oidc_time", {"iat": now + SKEW_SECONDS + 1}),
        ("oidc_time", {"nbf": now + SKEW_SECONDS + 1}), ("oidc_time", {"iat": now - SKEW_SECONDS - 1}),
        ("oidc_form", {"exp": None}), ("oidc_form", {"iat": None}), ("oidc_form", {"exp": str(now + 300)}),
        ("oidc_form", {"exp": True}), ("oidc_form", {"exp": float("inf")}), ("oidc_form", {"nbf": "now"}),
        ("oidc_subject", {"sub": None}), ("oidc_subject", {"sub": ""}), ("oidc_subject", {"sub": 1001}),
        ("oidc_subject", {"sub": "x" * 256}),
        ("oidc_hash", {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}), ("oidc_hash", {"at_hash": 1}),
    ]  # fmt: skip


def right_claims(now: int) -> list[Claims]:
    return [
        {"aud": [CLIENT]}, {"aud": [CLIENT, "other"], "azp": CLIENT}, {"azp": CLIENT}, {"at_hash": None},
        {"exp": now - SKEW_SECONDS + 1}, {"iat": now + SKEW_SECONDS}, {"iat": now - SKEW_SECONDS}, {"nbf": now},
        {"exp": now + 0.5}, {"more": {"a": [1]}},
    ]  # fmt: skip


@scenario
async def test_what_a_token_claims_must_fit(tmp_path: Path, provider: OpenIdProvider, clock: Hands) -> None:
    async with at(tmp_path, clock, provider.client()) as here:
        person = await hired(here)
        now = clock.now // 10**9
        for reason, claims in wrong_claims(provider.issuer, now):
            provider.claims = dict(claims)
            try:
                await refused(here, provider, person, reason)
            except AssertionError as error:
                raise AssertionError((reason, claims)) from error
        for claims in right_claims(now):
            provider.claims = dict(claims)
            assert (await enter(here, provider, person)).signed.account.name == "zhang", claims


@scenario
async def test_every_algorithm_of_the_list_counts(tmp_path: Path, provider: OpenIdProvider, clock: Hands) -> None:
    algorithms = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
    provider.keys = [SigningKey(algorithm, algorithm) for algorithm in algorithms]
    keys = list(provider.keys)
    async with at(tmp_path, clock, provider.client()) as here:
        person = await hired(here)
        for key in keys:
            provider.keys = [*(other for other in keys if other is not key), key]
            await enter(here, provider, person)
        assert provider.asked["/jwks"] == 1


@scenario
async def test_a_key_without_a_name_must_be_the_only_one(
    tmp_path: Path, provider: OpenIdProvider, clock: Hands
) -> None:
    provider.header = {"kid": None}
    async with at(tmp_path, clock, provider.client()) as here:
        person = await hired(here)
        await enter(here, provider, person)
    provider.keys = [SigningKey("k2"), SigningKey("k1")]
    async with at(tmp_path, clock, provider.client()) as here:
        await refused(here, provider, person, "oidc_key")


@scenario
async def test_keys_that_are_too_weak_or_for_something_else_do_not_count(
    tmp_path: Path, provider: OpenIdProvider, clock: Hands
) -> None:
    async with at(tmp_path, clock, provider.client()) as here:
        person = await hired(here)
    good, weak = provider.keys[0], SigningKey("weak", bits=1024)
    small = weak.jwk | {"kid": "k1"}

    def weakly(_header: dict[str, Any], claims: dict[str, Any]) -> str:
        return weak.token(claims, kid="k1")

    for wrong in (
        small, good.jwk | {"use": "enc"}, good.jwk | {"alg": "RS512"},
        good.jwk | {"d": "AQAB"}, good.jwk | {"key_ops": ["encrypt"]}, good.jwk | {"n": 7}, {"kty": "RSA", "kid": "k1"},
        {"kty": "oct", "kid": "k1", "k": coded(good.pem)}, good.jwk | {"kty": "EC"}, "k1", None,
    ):  # fmt: skip
        provider.forge = (
            (lambda _header, claims: SigningKey("weak", bits=1024).token(claims, kid="k1")) if weak else None
        )
        provider.answers["/jwks"] = (200, {}, json.dumps({"keys": [wrong]}).encode())
        async with at(tmp_path, clock, provider.client()) as here:
            begun = await visit(here, provider, person)
            with pytest.raises(SignInError) as caught:
                await here.accounts.finish_oidc(begun.attempt())
            assert caught.value.reason in ("oidc_key", "oidc_signature"), wrong


@scenario
async def test_the_provider_changes_its_keys(tmp_path: Path, provider: OpenIdProvider, clock: Hands) -> None:
    seconds = [1000.0]
    client = Provider(provider.rules(), Web(provider.ca), clock=lambda: seconds[0])
    async with at(tmp_path, clock, client) as here:
        person = await hired(here)
        await enter(here, provider, person)
        provider.keys = [SigningKey("k2", "ES256")]
        await enter(here, provider, person)
        assert provider.asked["/jwks"] == 2
        # A token that names one key after another does not make us ask one time after another.
        for number in range(4):
            provider.header = {"kid": f"x{number}"}
            await refused(here, provider, person, "oidc_key")
        assert provider.asked["/jwks"] == 2
        seconds[0] += REFETCH_SECONDS
        await refused(here, provider, person, "oidc_key")
        assert provider.asked["/jwks"] == 3
        # A key that was taken back stops counting by itself.
        provider.header = {}
        seconds[0] += KEPT_SECONDS
        old, provider.keys = provider.keys[0], [SigningKey("k3")]
        provider.forge = lambda _header, claims: old.token(claims)
        await refused(here, provider, person, "oidc_key")


@scenario
async def test_what_comes_back_must_be_what_was_begun(tmp_path: Path, provider: OpenIdProvider, clock: Hands) -> None:
    async with at(tmp_path, clock, provider.client()) as here:
        person, thief = await hired(here), Person("zhang")
        mine = await visit(here, provider, person)
        theirs = await visit(here, provider, thief)
        flipped = mine.begun.handle[:-2] + ("A" if mine.begun.handle[-2] != "A" else "B") + mine.begun.handle[-1]
        for reason, more in (
            ("oidc_state", {"state": "other"}), ("oidc_state", {"state": ""}),
            ("oidc_state", {"state": theirs.begun.state}), ("oidc_handle", {"handle": flipped}),
            ("oidc_handle", {"handle": ""}), ("oidc_handle", {"handle": "x" * 100_000}),
            ("oidc_handle", {"handle": "é"}),
            ("oidc_handle", {"handle": coded(here.accounts.key.seal(b"{}", "oidc sign-in 1"))}),
            ("oidc_handle", {"handle": coded(here.accounts.key.seal(b"[1]", "totp:zhang"))}),
            # Taken from the browser or from the loopback port, it is of no use on another device.
            ("oidc_device", {"device": thief.device}), ("oidc_issuer", {"issuer": "https://evil.example"}),
            # This provider says in its redirects who it is (RFC 9207), so one that does not say it is not its own.
            ("oidc_issuer", {"issuer": ""}),
        ):  # fmt: skip
            await refused(here, provider, person, reason, mine, **more)
        # None of it used anything up, or asked the provider.
        assert provider.asked["/token"] == 0
        # Somebody gives their own code to a sign-in of another: the code is bound to the verifier.
        await refused(here, provider, person, "oidc_code", mine, code=theirs.said["code"])
        again = await visit(here, provider, person)
        done = await here.accounts.finish_oidc(again.attempt())
        assert done.signed.account.name == "zhang"
        # The verifier and the nonce are in nobody's hands.
        opened = flow.Flow.open(again.begun.handle, here.accounts.key)
        shown = again.begun.url + again.begun.handle + str(base64.urlsafe_b64decode(again.begun.handle + "==="))
        assert opened.verifier not in shown
        assert opened.nonce not in again.begun.handle


@scenario
async def test_the_provider_refuses_who_does_not_know_the_verifier(
    tmp_path: Path, provider: OpenIdProvider, clock: Hands
) -> None:
    client = provider.client()
    async with at(tmp_path, clock, client) as here:
        begun = await here.accounts.begin_oidc(REDIRECT, bytes(32))
        code = provider.browse(begun.url)["code"]
        for verifier in ("", "x" * 43):
            with pytest.raises(SignInError) as caught:
                await client.redeem(code, verifier, REDIRECT)
            assert caught.value.reason == "oidc_code"
        # Without a challenge there is no code at all.
        with pytest.raises(AssertionError, match="invalid_request"):
            provider.browse(begun.url.replace("code_challenge=", "challenge="))


@pytest.mark.parametrize("redirect", [
    "https://127.0.0.1:1/callback", "http://localhost:1/callback", "http://127.0.0.1/callback", "http://10.1.2.3:1/cb",
    "http://127.0.0.1:99999/", "http://127.0.0.1:1/cb?x=1", "http://127.0.0.1:1/cb#x", "http://127.0.0.1:1@evil.example/",
    "http://evil.example:1/", "http://[::2]:1/", "http://127.0.0.1:0/", "http://127.0.0.1:1/a b", "", "javascript:1",
    "http://127.0.0.1:1/callback\r\nX: y", "com.bank.app:/callback", "http://127.0.0.1.evil.example:1/", "http://[::1]/",
    "http://127.0.0.1:1/" + "a" * 600,
])  # fmt: skip
def test_a_redirect_stays_on_the_person_s_machine(redirect: str) -> None:
    with pytest.raises(RequestError, match="redirect_uri"):
        check_redirect(redirect)


def test_what_is_loopback_and_what_is_an_issuer() -> None:
    for redirect in (
        "http://127.0.0.1:51234/callback",
        "http://[::1]:1/",
        "http://127.0.0.1:65535",
        "http://[::1]:80/a/b",
    ):
        check_redirect(redirect)
    for text, good in (
        ("https://id.bank.example", True), ("https://id.bank.example:8443/realms/staff", True),
        ("http://localhost:8080/x", True), ("http://127.0.0.1:1", True), ("http://[::1]:1", True),
        ("http://id.bank.example", False), ("https://", False), ("https://a?", False), ("https://a#", False),
        ("https://u:p@a", False), ("https://a b", False), ("https://a:x", False), ("ftp://a", False), ("", False),
        ("https://银行.example", False), ("https://a:0", False), ("https://" + "a" * 2000, False),
    ):  # fmt: skip
        assert is_issuer(text) == good, text


@scenario
async def test_a_provider_that_is_not_as_it_must_be(tmp_path: Path, provider: OpenIdProvider, clock: Hands) -> None:
    def says(**told: Any) -> tuple[str, Callable[[], object]]:
        return WELL_KNOWN, lambda: provider.configuration.update(told)

    def answers(path: str, status: int, data: bytes, **headers: str) -> tuple[str, Callable[[], object]]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return path, lambda: provider.answers.update({path: (status, named, data)})

    elsewhere, many = f"{provider.issuer}/elsewhere", json.dumps({"keys": [{}] * 101}).encode()
    cases: list[tuple[str, tuple[str, Callable[[], object]]]] = [
        ("calls itself", says(issuer="https://evil.example")),
        ("does not support `S256`", says(code_challenge_methods_supported=["plain"])),
        ("does not support `code`", says(response_types_supported=["token"])),
        ("`token_endpoint` is no address", says(token_endpoint="http://id.bank.example/token")),  # noqa: S106
        ("`jwks_uri` is no address", says(jwks_uri="file:///etc/passwd")),
        ("`authorization_endpoint` is no address", says(authorization_endpoint="https://a\r\nX: y")),
        ("sends elsewhere", answers(WELL_KNOWN, 302, b"{}", Location=elsewhere)),
        ("status 500", answers(WELL_KNOWN, 500, b"{}")),
        ("no JSON", answers(WELL_KNOWN, 200, b"<html>")),
        ("no JSON", answers(WELL_KNOWN, 200, b"[" * 100_000)),
        ("no object", answers(WELL_KNOWN, 200, b"[]")),
        ("breaks off", answers(WELL_KNOWN, 200, b"{}", Content_Length="9")),
        (f"more than {MAX_BYTES}", answers(WELL_KNOWN, 200, b"{" + b" " * 10 * MAX_BYTES)),
        ("no list of at most", answers("/jwks", 200, b'{"keys": 1}')),
        ("no list of at most", answers("/jwks", 200, many)),
        ("sends elsewhere", answers("/token", 307, b"{}", Location=elsewhere)),
        ("no token .status 401, `invalid_client`", ("/token", lambda: setattr(provider, "secret", "other"))),
        ("no ID token", answers("/token", 200, b'{"access_token": "a"}')),
    ]
    async with at(tmp_path, clock, provider.client()) as here:
        person = await hired(here)
    for words, (path, misbehave) in cases:
        provider.reset(clock)
        client = provider.client(seconds=10)
        misbehave()
        async with at(tmp_path, clock, client) as here:
            with pytest.raises(ProviderError, match=words):
                await enter(here, provider, person)
            assert provider.asked[path], words
            assert not provider.asked["/elsewhere"]


@scenario
async def test_a_provider_that_is_away_slow_or_somebody_else(
    tmp_path: Path, provider: OpenIdProvider, clock: Hands
) -> None:
    loop = asyncio.get_running_loop()
    async with at(tmp_path, clock, provider.client()) as here:
        person = await hired(here)
    # Slow as a whole counts, not from byte to byte.
    for path, slow in ((WELL_KNOWN, provider.silent), ("/token", provider.silent), (WELL_KNOWN, provider.dripping),
                       ("/token", provider.dripping), ("/jwks", provider.dripping)):  # fmt: skip
        slow.add(path)
        began = loop.time()
        async with at(tmp_path, clock, provider.client(seconds=0.4)) as here:
            with pytest.raises(ProviderError, match="does not answer"):
                await enter(here, provider, person)
        assert loop.time() - began < 10
        slow.clear()
    # Something that takes connections and never speaks, and something that speaks no TLS.
    with (
        socket.create_server(("127.0.0.1", 0)) as mute,
        http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as plain,
    ):
        answering = threading.Thread(target=plain.handle_request)
        answering.start()
        for issuer, words in (
            (f"https://localhost:{mute.getsockname()[1]}", "does not answer"),
            (f"https://localhost:{plain.server_port}", "cannot be reached"),
        ):
            nobody = Provider(replace(provider.rules(), issuer=issuer), Web(provider.ca, seconds=0.4))
            async with at(tmp_path, clock, nobody) as here:
                with pytest.raises(ProviderError, match=words):
                    await here.accounts.begin_oidc(REDIRECT, person.device)
        answering.join()
    gc.collect()
    # Somebody whose certificate nobody vouches for.
    stranger = Provider(provider.rules(), Web())
    async with at(tmp_path, clock, stranger) as here:
        with pytest.raises(ProviderError, match=r"is not trusted .*`accounts\.oidc\.ca`"):
            await here.accounts.begin_oidc(REDIRECT, person.device)
    # One for another machine than the one that is asked.
    misnamed = Provider(
        replace(provider.rules(), issuer=f"https://localhost.localdomain:{provider.port}"), Web(provider.ca)
    )
    async with at(tmp_path, clock, misnamed) as here:
        with pytest.raises(ProviderError, match=r"is not trusted|cannot be reached"):
            await here.accounts.begin_oidc(REDIRECT, person.device)
    with pytest.raises(ConfigError, match=r"accounts\.oidc\.ca"):
        Web(tmp_path / "nothing.pem")


@scenario
async def test_while_the_provider_is_away_nobody_waits_for_it_again_and_again(tmp_path: Path, clock: Hands) -> None:
    seconds, authority = [1000.0], Authority.make("id CA")
    with openid_provider(tmp_path, clock, authority=authority) as gone:
        client = Provider(gone.rules(), Web(gone.ca), clock=lambda: seconds[0])
        port = gone.port
    async with at(tmp_path, clock, client) as here:
        person = await hired(here)
        for _ in range(2):
            with pytest.raises(ProviderError, match="cannot be reached"):
                await here.accounts.begin_oidc(REDIRECT, person.device)
        with openid_provider(tmp_path, clock, port, authority) as back:
            # Still as it was for a few seconds, without asking.
            with pytest.raises(ProviderError):
                await here.accounts.begin_oidc(REDIRECT, person.device)
            assert not back.asked
            seconds[0] += AWAY_SECONDS
            await enter(here, back, person)


@scenario
async def test_a_password_is_no_way_into_an_account_without_one(
    tmp_path: Path, provider: OpenIdProvider, clock: Hands
) -> None:
    async with at(tmp_path, clock, provider.client()) as here:
        person = await hired(here)
        here.accounts.hasher.verified = 0
        for password in ("", PASSWORD, "$argon2id$"):
            with pytest.raises(SignInError) as caught:
                await here.accounts.sign_in(Attempt(person.name, password, "", person.device))
            assert caught.value.reason == "password"
        assert here.accounts.hasher.verified == 3


@scenario
async def test_whatever_fails_looks_alike_and_takes_its_time(
    tmp_path: Path, provider: OpenIdProvider, clock: Hands
) -> None:
    loop = asyncio.get_running_loop()
    async with at(tmp_path, clock, provider.client(), failure_seconds=0.15) as here:
        person = await hired(here)
        words = set()

        async def fails(begun: Visit, **more: object) -> None:
            began = loop.time()
            with pytest.raises(SignInError) as caught:
                await here.accounts.finish_oidc(begun.attempt(**more))
            assert loop.time() - began >= 0.14
            words.add(str(caught.value))

        begun = await visit(here, provider, person)
        for more in ({"state": "x"}, {"handle": "x"}, {"device": bytes(32)}, {"issuer": "x"}, {"code": "x"}, {}):
            await fails(begun, **more)
        provider.subject = "u-9999"
        await fails(await visit(here, provider, person))
        provider.forge = unsigned
        await fails(await visit(here, provider, person))
        assert len(words) == 1
        # A provider that is away answers no sooner, so that nobody marks sign-ins as finished in a hurry.
        provider.answers["/token"] = (500, {}, b"{}")
        begun = await visit(here, provider, person)
        began = loop.time()
        with pytest.raises(ProviderError):
            await here.accounts.finish_oidc(begun.attempt())
        assert loop.time() - began >= 0.14


@scenario
async def test_beginning_leaves_nothing_behind(tmp_path: Path, provider: OpenIdProvider, clock: Hands) -> None:
    store = SqliteStore(tmp_path / "control" / "control.db")
    async with office(store, clock, provider=provider.client()) as here:
        before = await store.revision()
        begun = [await here.accounts.begin_oidc(REDIRECT, bytes(32)) for _ in range(200)]
        assert await store.revision() == before
        assert not (await store.range(layout.OIDC)).items
        assert len({one.state for one in begun} | {one.handle for one in begun}) == 400
        # What the provider told was asked for once.
        assert provider.asked == {WELL_KNOWN: 1}
        assert max(len(one.handle) for one in begun) < 2_000
    await store.close()
