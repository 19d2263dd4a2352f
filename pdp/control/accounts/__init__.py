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
| travel, unusual, raising | what is unusual about a sign-in, and how it is kept for a review |
| requests | accounts and rights by request |
| reviews | what was unusual, and what somebody found of it |
| due, confirming | when rights must be looked at again, and that somebody did |
| telling | accounts in words, without secrets |

All of it is in the manner of `Revisions`: each change is one transaction that holds only if nothing that it was made
from has changed, so several nodes count the same failures and never approve twice.
"""

from __future__ import annotations

from pdp.control.accounts.confirming import Confirmations, ReviewPage
from pdp.control.accounts.credentials import AccountRules
from pdp.control.accounts.due import ReviewRules
from pdp.control.accounts.oidc import OidcRules, Provider, Web
from pdp.control.accounts.oidc_sign_in import Begun, OidcAttempt, OidcSignIns
from pdp.control.accounts.passwords import Hasher, PasswordRules
from pdp.control.accounts.requests import Executed, RequestPage
from pdp.control.accounts.reviews import AnomalyPage, Reviewed, Reviews
from pdp.control.accounts.sealing import SecretKey
from pdp.control.accounts.sessions import SessionRules, Signed
from pdp.control.accounts.sign_in import Attempt, SignedIn
from pdp.control.accounts.travel import PlaceTable
from pdp.control.accounts.unusual import AnomalyRules

__all__ = [
    "AccountRules", "Accounts", "AnomalyPage", "AnomalyRules", "Attempt", "Begun", "Executed", "Hasher", "OidcAttempt",
    "OidcRules", "PasswordRules", "PlaceTable", "Provider", "RequestPage", "ReviewPage", "ReviewRules", "Reviewed",
    "SecretKey", "SessionRules", "Signed", "SignedIn", "Web",
]  # fmt: skip


class Accounts(OidcSignIns, Reviews, Confirmations):
    """Everything that is done to accounts, sessions, requests and reviews. It may raise ControlStoreError and
    BlobError.
    """
