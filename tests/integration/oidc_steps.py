"""Signing in at the provider of `oidc_provider`, step by step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from pdp.control.accounts import Begun, OidcAttempt, SignedIn
from pdp.errors import SignInError
from pdp.v1 import account_pb2
from tests.integration.accounts_steps import USER, Office, Person
from tests.integration.oidc_provider import OpenIdProvider

REDIRECT = "http://127.0.0.1:51234/callback"


def identity(subject: str, issuer: str = "") -> account_pb2.OidcIdentity:
    return account_pb2.OidcIdentity(issuer=issuer, subject=subject)


@dataclass
class Visit:
    """A sign-in that was begun, and what the redirect said."""

    person: Person
    begun: Begun
    said: Mapping[str, str]

    def attempt(self, **more: object) -> OidcAttempt:
        shown: dict[str, object] = {
            "handle": self.begun.handle, "state": self.said["state"], "code": self.said["code"],
            "issuer": self.said.get("iss", ""), "device": self.person.device,
        }  # fmt: skip
        return OidcAttempt(**(shown | more))  # type: ignore[arg-type]


async def visit(here: Office, provider: OpenIdProvider, person: Person) -> Visit:
    """Begin, and go to the provider as a browser."""
    begun = await here.accounts.begin_oidc(REDIRECT, person.device)
    return Visit(person, begun, provider.browse(begun.url))


async def enter(here: Office, provider: OpenIdProvider, person: Person, **more: object) -> SignedIn:
    """Sign in at the provider."""
    return await here.accounts.finish_oidc((await visit(here, provider, person)).attempt(**more))


async def refused(
    here: Office, provider: OpenIdProvider, person: Person, reason: str, at: Visit | None = None, **more: object
) -> SignInError:
    """Sign in at the provider, which fails for a reason that nobody outside is told."""
    begun = at or await visit(here, provider, person)
    with pytest.raises(SignInError) as caught:
        await here.accounts.finish_oidc(begun.attempt(**more))
    assert caught.value.reason == reason
    return caught.value


async def hired(here: Office, name: str = "zhang", subject: str = "u-1001") -> Person:
    """Make two Admins, and somebody who signs in at the provider."""
    one, two = await here.admins(2)
    return await here.hire(one, two, name, USER, oidc=identity(subject))
