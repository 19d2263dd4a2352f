"""The accounts of the people who work with the system, as the control store keeps them.

| module | holds |
|---|---|
| names | what accounts are called, bounds |
| permissions | levels, rights and where they hold |
| passwords, totp, recovery | the factors |
| devices, places | from where and when |
| failures | locks after failed sign-ins |
| sealing | the key that all nodes have in common |
| book | accounts in the store |
| sessions, credentials | who is signed in, and what they do about their own |
| sign_in | the first account, signing in |
| oidc, oidc_sign_in, identities | signing in at an OpenID provider, and who carries which identity |
| requests | accounts and rights by request |
| telling | accounts in words, without secrets |

All of it is in the manner of `Revisions`: each change is one transaction that holds only if nothing that it was made
from has changed, so several nodes count the same failures and never approve twice.
"""

from __future__ import annotations

from pdp.control.accounts.credentials import AccountRules
from pdp.control.accounts.oidc import OidcRules, Provider, Web
from pdp.control.accounts.oidc_sign_in import Begun, OidcAttempt, OidcSignIns
from pdp.control.accounts.passwords import Hasher, PasswordRules
from pdp.control.accounts.requests import Executed, RequestPage, Requests
from pdp.control.accounts.sealing import SecretKey
from pdp.control.accounts.sessions import SessionRules, Signed
from pdp.control.accounts.sign_in import Attempt, SignedIn

__all__ = [
    "AccountRules", "Accounts", "Attempt", "Begun", "Executed", "Hasher", "OidcAttempt", "OidcRules", "PasswordRules",
    "Provider", "RequestPage", "SecretKey", "SessionRules", "Signed", "SignedIn", "Web",
]  # fmt: skip


class Accounts(OidcSignIns, Requests):
    """Everything that is done to accounts, sessions and requests. It may raise ControlStoreError and BlobError."""
