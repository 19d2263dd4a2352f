"""Which account carries which identity at the OpenID provider: one place in the store for each identity.

It is written in the transaction that changes the account, so that no two accounts ever carry the same one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

from pdp.control import layout
from pdp.control.accounts.oidc.rules import MAX_SUBJECT, is_issuer
from pdp.control.kv.base import Delete, KeyValueStore, Put, Unchanged
from pdp.errors import RequestError, Violation, WrongStateError
from pdp.v1 import account_pb2


class Moved(NamedTuple):
    """What a transaction that changes an account must see and write besides."""

    conditions: Sequence[Unchanged]
    changes: Sequence[Put | Delete]


def check(identity: account_pb2.OidcIdentity, place: str) -> None:
    """Raise RequestError for what no provider says of anybody."""
    if not identity.issuer:
        raise RequestError(
            Violation(f"{place}.issuer", "is required, for the settings name no provider (`accounts.oidc.issuer`)")
        )
    if not is_issuer(identity.issuer):
        raise RequestError(Violation(f"{place}.issuer", "is no issuer such as `https://id.bank.example/realms/staff`"))
    if not 0 < len(identity.subject) <= MAX_SUBJECT or not identity.subject.isprintable():
        raise RequestError(Violation(f"{place}.subject", f"is 1 to {MAX_SUBJECT} characters in one line"))


def key_of(identity: account_pb2.OidcIdentity) -> str:
    """Return where it stands which account carries an identity."""
    # No issuer has a blank, so no two identities have one text.
    text = f"{identity.issuer} {identity.subject}"
    return layout.IDENTITIES + hashlib.sha256(text.encode()).hexdigest()


async def check_free(store: KeyValueStore, account: account_pb2.Account) -> None:
    """Raise WrongStateError when another account carries the identity that this one is to carry."""
    item = await store.get(key_of(account.oidc)) if account.HasField("oidc") else None
    if item is not None and item.value.decode() != account.name:
        raise WrongStateError("another account carries this identity; one of them has to give it up first")


async def moved(store: KeyValueStore, before: account_pb2.Account | None, after: account_pb2.Account) -> Moved:
    """Return what goes with a change of an account. Raises WrongStateError."""
    old = key_of(before.oidc) if before is not None and before.HasField("oidc") else ""
    new = key_of(after.oidc) if after.HasField("oidc") else ""
    if old == new:
        return Moved([], [])
    await check_free(store, after)
    written = [Put(new, after.name.encode())] if new else []
    removed = [Delete(old)] if old else []
    return Moved([Unchanged(new, 0)] if new else [], [*written, *removed])
