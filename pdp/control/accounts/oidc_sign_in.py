"""Signing in at an OpenID provider (requirement B15): whom it names, as the account that carries the identity.

What the account may and must is as with a password: its state, locks, windows, networks, devices and second factor. An
identity that no account carries is nobody; accounts and identities are asked for and approved like any other right.
"""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from pdp.control.accounts import devices, identities
from pdp.control.accounts.book import copied
from pdp.control.accounts.oidc import OidcRules, Provider
from pdp.control.accounts.oidc.flow import MARKED_SECONDS, Flow
from pdp.control.accounts.oidc.rules import check_redirect
from pdp.control.accounts.sign_in import Attempt, SignedIn, SignIns
from pdp.control.keeping import Stale
from pdp.control.kv.base import Put, Unchanged
from pdp.errors import PdpError, SignInError, WrongStateError
from pdp.v1 import account_pb2

if TYPE_CHECKING:
    from pdp.control.accounts.oidc.id_token import Identity


class Begun(NamedTuple):
    """A sign-in at the provider that was begun: what the browser is shown, and what finishes it."""

    url: str
    handle: str
    state: str


@dataclass(frozen=True, slots=True)
class OidcAttempt:
    """What somebody shows to finish. `code` is the provider's, `second` one of the account's own; `issuer` is what the
    redirect says, empty for nothing. The rest is as in `Attempt`.
    """

    handle: str = field(repr=False)
    state: str = field(repr=False)
    code: str = field(repr=False)
    device: bytes = field(repr=False)
    second: str = field(default="", repr=False)
    issuer: str = ""
    device_name: str = ""
    address: str = ""
    certificate: str = ""


class OidcSignIns(SignIns):
    """From somebody at the provider to somebody here."""

    def __init__(self, *arguments: Any, provider: Provider | None = None, **more: Any) -> None:
        """`provider` is None where people sign in by passwords alone."""
        super().__init__(*arguments, **more)
        self._known_provider = provider

    @property
    def oidc_rules(self) -> OidcRules | None:
        """What is set about the provider; None where people sign in by passwords alone."""
        return None if self._known_provider is None else self._known_provider.rules

    @property
    def provider(self) -> Provider:
        """The provider. Raises WrongStateError where there is none."""
        if self._known_provider is None:
            raise WrongStateError("the settings name no OpenID provider (`accounts.oidc.issuer`); sign in by password")
        return self._known_provider

    async def begin_oidc(self, redirect_uri: str, device: bytes) -> Begun:
        """Return where the browser goes, and what finishes the sign-in.

        Raises RequestError for a redirect that leaves this person's machine and for what is no device's secret,
        WrongStateError without a provider, ProviderError.
        """
        provider = self.provider
        check_redirect(redirect_uri)
        devices.check(device, "")
        flow = Flow.begin(provider.rules.issuer, redirect_uri, device, self._clock())
        url = flow.url(await provider.metadata(), provider.rules)
        return Begun(url, flow.seal(self.key), flow.state)

    async def finish_oidc(self, attempt: OidcAttempt) -> SignedIn:
        """Begin a session by what the provider sent back.

        Raises SignInError for whatever does not fit, RequestError for what is no device's secret, ProviderError when
        the provider does not say.
        """
        provider = self.provider
        devices.check(attempt.device, attempt.device_name)
        loop = asyncio.get_running_loop()
        soonest = loop.time() + self.rules.failure_seconds
        try:
            identity = await self._identify(provider, attempt)
            return await self._insist(lambda: self._sign_in_as(identity, attempt))
        except PdpError:
            # INVARIANT: whatever fails waits, so that the marks of sign-ins that were used up stay few.
            await asyncio.sleep(soonest - loop.time())
            raise

    async def _identify(self, provider: Provider, attempt: OidcAttempt) -> Identity:
        issuer = provider.rules.issuer
        flow = Flow.open(attempt.handle, self.key)
        flow.check(issuer, attempt.state, attempt.device, self._clock())
        names_itself = (await provider.metadata()).names_itself
        if attempt.issuer != issuer and (attempt.issuer or names_itself):
            raise SignInError("oidc_issuer")
        await self._use_up(flow)
        tokens = await provider.redeem(attempt.code, flow.verifier, flow.redirect_uri)
        # With it comes joserfc: see `oidc.provider`.
        from pdp.control.accounts.oidc.id_token import verify  # noqa: PLC0415

        return await verify(tokens, provider, flow.nonce, flow.began, self._clock())

    async def _use_up(self, flow: Flow) -> None:
        """Take note that a sign-in was finished, however it ends. Raises SignInError when it was already."""
        lease = await self._store.grant(MARKED_SECONDS)
        try:
            # Random, so that whose it is can be told even when the store does not say what became of it.
            await self._commit([Unchanged(flow.mark, 0)], [Put(flow.mark, secrets.token_bytes(16), lease)])
        except Stale:
            await self._store.revoke(lease)
            raise SignInError("oidc_used") from None

    async def _sign_in_as(self, identity: Identity, attempt: OidcAttempt) -> SignedIn:
        wanted = account_pb2.OidcIdentity(issuer=identity.issuer, subject=identity.subject)
        item = await self._store.get(identities.key_of(wanted))
        found = None if item is None else await self._find(item.value.decode())
        if found is None or found.account.oidc != wanted:
            raise SignInError("oidc_unknown", identity=identity.subject)
        account = copied(found.account)
        self._check_standing(account)
        shown = Attempt(
            account.name, "", attempt.second, attempt.device, attempt.device_name, attempt.address, attempt.certificate
        )
        second = "oidc-mfa" if identity.second_factor else self._second_factor(account, shown, self._clock())
        return await self._admit(found, account, shown, "oidc", second)
