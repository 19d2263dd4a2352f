"""Signing in at an OpenID provider (OpenID Connect Core 1.0): authorization code with PKCE, for programs on people's
machines (RFC 8252).

| module | holds |
|---|---|
| rules | what is set about the provider, and what may stand in a redirect |
| web | HTTP to the provider, bounded in time and size |
| provider | what it tells of itself, its keys, and codes for tokens |
| id_token | whether an ID token is for us, and whom it names |
| flow | what is remembered between the beginning and the end of a sign-in |

Who may sign in is `oidc_sign_in`'s: an identity that no account carries is nobody.
"""

from __future__ import annotations

from pdp.control.accounts.oidc.provider import Provider
from pdp.control.accounts.oidc.rules import OidcRules
from pdp.control.accounts.oidc.web import Web

__all__ = ["OidcRules", "Provider", "Web"]
