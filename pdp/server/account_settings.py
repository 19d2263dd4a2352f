"""Accounts as the settings want them."""

from __future__ import annotations

from pathlib import Path

from pdp.control.accounts import (
    AccountRules,
    Accounts,
    PasswordRules,
    Provider,
    ReviewRules,
    SecretKey,
    SessionRules,
    Web,
)
from pdp.control.kv.base import KeyValueStore
from pdp.server.settings import Settings


def make_accounts(settings: Settings, store: KeyValueStore) -> Accounts:
    """Return the accounts of a store. Raises ConfigError for a key, certificates or places that cannot be used."""
    found = settings.accounts
    oidc = found.oidc.rules()
    rules = AccountRules(
        passwords=PasswordRules(
            found.password_length, found.password_classes, found.password_history, found.password_days
        ),
        sessions=SessionRules(found.session_seconds, min(found.idle_seconds, found.session_seconds)),
        second_factor=found.second_factor,
        anomalies=found.anomalies.rules(),
        review=ReviewRules(found.review_days, found.review_overdue == "limit"),
        issuer="" if oidc is None else oidc.issuer,
    )
    provider = None if oidc is None else Provider(oidc, Web(found.oidc.ca))
    return Accounts(store, _key(settings), rules, provider=provider)


def own_key(data_folder: Path) -> Path:
    """Return where the key is that a server makes for itself."""
    return data_folder / "keys" / "control" / "secret"


def _key(settings: Settings) -> SecretKey:
    named = settings.control.secret_key
    if named is not None:
        return SecretKey.load(named)
    return SecretKey.load_or_create(own_key(settings.data_folder))
