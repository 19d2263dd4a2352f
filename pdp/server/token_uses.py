"""Which tokens of callers that have several are still shown to this node, so that a rotation can be finished safely."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from pdp.lang.loader.callers import CallerSpec, TokenSpec
from pdp.server.facts import TokenUse

MOST: Final = 1_000
"""Tokens that are told of: each is a series of its own. A bank rotates few at a time."""


class TokenUses:
    """When this node was last shown each token; of what was before `since` it knows nothing. Nanoseconds since 1970."""

    def __init__(self, since: int) -> None:
        self._since = since
        self._seen: dict[tuple[str, str], int] = {}

    def note(self, name: str, token: str, now: int) -> None:
        """Take note that a token, named by its caller and its id, was shown."""
        self._seen[name, token] = now

    def rotating(self, callers: Iterable[CallerSpec], now: int) -> list[TokenUse]:
        """Return for how long each token was not used, of callers with more than one that holds; forget all that there
        are no more. The rotation of another caller is told once a place is free.
        """
        held = [(caller, token) for caller in callers for token in caller.tokens]
        there = {(caller.name, token.id) for caller, token in held}
        self._seen = {key: at for key, at in self._seen.items() if key in there}
        holding: dict[str, list[str]] = {}
        for caller, token in held:
            if not caller.disabled and _holds(token, now):
                holding.setdefault(caller.name, []).append(token.id)
        found = [
            TokenUse(caller=name, token=token, unused=max(now - self._seen.get((name, token), self._since), 0) / 1e9)
            for name, tokens in sorted(holding.items())
            if len(tokens) > 1
            for token in sorted(tokens)
        ]
        return found[:MOST]


def _holds(token: TokenSpec, now: int) -> bool:
    return not token.disabled and (token.expires_at is None or token.expires_at > now)
