"""Passwords: what they must be, and how they are kept (argon2id, RFC 9106) and compared.

To hash is made to be slow and large. It runs in threads of its own, few at once, and those that wait are counted, so
that a flood of sign-ins costs neither the event loop nor the memory.
"""

from __future__ import annotations

import asyncio
import base64
import secrets
import threading
import unicodedata
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from pdp.errors import LimitError, RequestError, Violation
from pdp.v1 import account_pb2

T = TypeVar("T")

MAX_CHARACTERS: Final = 128
AT_ONCE: Final = 2
WAITING: Final = 16
_DAY: Final = 86_400 * 10**9
_MADE_CHARACTERS: Final = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789"
_MADE_LENGTH: Final = 20


@dataclass(frozen=True, slots=True)
class PasswordRules:
    """What a password must be: `length` characters of `classes` of the four kinds (upper and lower case, digits, all
    else), none of the last `history` ones.

    `days` makes it end after a time; 0 does not, as NIST SP 800-63B (section 3.1.1.2) advises: people who must change
    their password choose weaker ones.
    """

    length: int = 12
    classes: int = 4
    history: int = 5
    days: int = 0


def check(password: str, rules: PasswordRules, name: str, field: str) -> None:
    """Raise RequestError for a password that the rules do not allow. The message never quotes it."""
    text = _normal(password)
    kinds = {_kind(character) for character in text}
    if not rules.length <= len(text) <= MAX_CHARACTERS:
        raise RequestError(Violation(field, f"must have {rules.length} to {MAX_CHARACTERS} characters"))
    if len(kinds) < rules.classes:
        words = "upper-case letters, lower-case letters, digits and other characters"
        raise RequestError(Violation(field, f"must have {rules.classes} of these: {words}"))
    if name.lower() in text.lower():
        raise RequestError(Violation(field, "must not contain the account's name"))
    if len(set(text)) < rules.length // 2:
        raise RequestError(Violation(field, "repeats too few characters too often"))


def make() -> str:
    """Return a first password, for one use; about 116 random bits."""
    while True:
        body = "".join(secrets.choice(_MADE_CHARACTERS) for _ in range(_MADE_LENGTH))
        text = "-".join(body[i : i + 5] for i in range(0, _MADE_LENGTH, 5))
        if len({_kind(character) for character in text}) == 4:
            return text


def is_same(one: str, other: str) -> bool:
    """Whether two texts are the same password."""
    return _normal(one) == _normal(other)


def is_over(kept: account_pb2.PasswordHash, rules: PasswordRules, now: int) -> bool:
    """Whether a password has reached its end; `now` in nanoseconds since 1970."""
    return rules.days > 0 and bool(kept.hash) and now - kept.since_nanos > rules.days * _DAY


def replaced(account: account_pb2.Account, hashed: str, rules: PasswordRules, now: int) -> None:
    """Give an account another password, and remember the one it had."""
    if account.HasField("password"):
        kept = [account.password, *account.password_history][: max(rules.history, 1)]
        del account.password_history[:]
        account.password_history.extend(kept)
    account.password.CopyFrom(account_pb2.PasswordHash(hash=hashed, since_nanos=now))


class Hasher:
    """Hashes and compares. `verified` counts comparisons. Safe to share between threads."""

    def __init__(
        self,
        *,
        time_cost: int = 3,
        memory_kib: int = 65_536,
        parallelism: int = 4,
        at_once: int = AT_ONCE,
        waiting: int = WAITING,
    ) -> None:
        """Take argon2's costs; the defaults are the second recommendation of RFC 9106, 64 MiB."""
        self._hasher = PasswordHasher(time_cost=time_cost, memory_cost=memory_kib, parallelism=parallelism)
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="argon2")
        self._most = at_once + waiting
        self._lock = threading.Lock()
        self._busy = 0
        self.verified = 0
        # Compared with where there is nothing to compare with, so that it takes as long. The hash of nothing known:
        # making one of a password would take every process that starts a quarter of a second.
        salt, digest = _coded(self._hasher.salt_len), _coded(self._hasher.hash_len)
        self._nothing = f"$argon2id$v=19$m={memory_kib},t={time_cost},p={parallelism}${salt}${digest}"

    async def hash(self, password: str) -> str:
        """Return the hash in its usual text form. Raises LimitError."""
        return await self._run(lambda: self._hasher.hash(_normal(password)))

    async def fits(self, hashed: str, password: str) -> bool:
        """Whether a password is the hashed one; an empty hash fits none, after the same work. Raises LimitError."""
        return await self._run(lambda: self._fits(hashed, password))

    async def fits_any(self, hashes: Iterable[str], password: str) -> bool:
        """Whether a password is one of the hashed ones. Raises LimitError."""
        return await self._run(lambda: any(self._fits(hashed, password) for hashed in hashes))

    def close(self) -> None:
        """End the threads once what they do is done."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _fits(self, hashed: str, password: str) -> bool:
        with self._lock:
            self.verified += 1
        text = _normal(password) if len(password) <= 4 * MAX_CHARACTERS else ""
        try:
            fits = self._hasher.verify(hashed or self._nothing, text)
        except (VerificationError, InvalidHashError):
            return False
        return fits and bool(hashed) and bool(text)

    async def _run(self, work: Callable[[], T]) -> T:
        with self._lock:
            if self._busy >= self._most:
                raise LimitError("too many people sign in at this moment; try again in a few seconds")
            self._busy += 1
        try:
            future = self._threads.submit(work)
        except BaseException:
            self._left(None)
            raise
        # Not with the caller, who may go away while a thread still works.
        future.add_done_callback(self._left)
        return await asyncio.wrap_future(future)

    def _left(self, _future: Future[T] | None) -> None:
        with self._lock:
            self._busy -= 1


def _coded(count: int) -> str:
    """Return random bytes as argon2's text form has them."""
    return base64.b64encode(secrets.token_bytes(count)).decode().rstrip("=")


def _normal(password: str) -> str:
    # However a keyboard makes a character, it is the same one (NIST SP 800-63B, section 3.1.1.2).
    return unicodedata.normalize("NFKC", password)


def _kind(character: str) -> str:
    if character.isupper():
        return "upper"
    if character.islower():
        return "lower"
    return "digit" if character.isdigit() else "other"
