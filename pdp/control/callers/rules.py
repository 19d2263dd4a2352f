"""What a caller may look like, and which changes let it do more: those need a second person (requirement B2)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from pdp.control.accounts.names import MAX_TEXT
from pdp.errors import RequestError, Violation
from pdp.lang.loader.callers import (
    CALL_WORDS,
    CALLER_NAME,
    CERTIFICATE,
    DIGEST,
    GRANT_WORDS,
    MAX_RATE,
    TOKEN_ID,
    TOKEN_PREFIX,
    CallerSpec,
    RateSpec,
    TokenSpec,
)
from pdp.lang.loader.names import APPLICATION
from pdp.v1 import caller_pb2

ANY: Final = "*"
MAX_CALLERS: Final = 2_048
MAX_NAME: Final = 64
MAX_TOKENS: Final = 10
MAX_ITEMS: Final = 200
"""Certificates, applications or subjects of one caller."""
MAX_CALLER_BYTES: Final = 64 * 1024
MIN_TOKEN_SECONDS: Final = 60
MAX_TOKEN_SECONDS: Final = 3_650 * 86_400
_SUBJECT = re.compile(r"[^*\x00-\x1f\x7f]*[^\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class TokenWish:
    """A token that is wanted: its id, the day's date when empty, and for how many seconds it holds, 0 for ever."""

    id: str = ""
    seconds: int = 0


def check(caller: caller_pb2.Caller) -> None:
    """Raise RequestError with everything that is wrong with a caller as it is to be, tokens left aside."""
    problems = list(_problems(caller))
    if problems:
        raise RequestError(*problems)


def check_wish(wish: TokenWish) -> None:
    """Raise RequestError for a token that cannot be made."""
    if wish.id and (not TOKEN_ID.fullmatch(wish.id) or wish.id.startswith(TOKEN_PREFIX)):
        # INVARIANT: what was written is not quoted. It may be a token.
        raise RequestError(Violation("token.id", "is letters, digits, `.`, `_` and `-`, such as `2026-11`, at most 64"))
    if wish.seconds and not MIN_TOKEN_SECONDS <= wish.seconds <= MAX_TOKEN_SECONDS:
        raise RequestError(Violation("token.validity", "is 1 minute to 3,650 days; leave it out for ever"))


def normal(caller: caller_pb2.Caller) -> caller_pb2.Caller:
    """Return what people state of a caller in one form: host names in lower case, nothing twice, with defaults."""
    made = caller_pb2.Caller(
        name=caller.name, owner=caller.owner.strip(), description=caller.description.strip(),
        certificates=_once(_lower(name) for name in caller.certificates), applications=_once(caller.applications),
        subjects=_once(caller.subjects), calls=_once(caller.calls) or ["decide"], grants=_once(caller.grants),
        consent_key=caller.consent_key, bundles=caller.bundles,
        reports=caller.reports if caller.HasField("reports") else True,
    )  # fmt: skip
    if caller.HasField("rate"):
        rate = caller.rate
        made.rate.CopyFrom(caller_pb2.CallerRate(per_second=rate.per_second, burst=rate.burst or rate.per_second))
    return made


def widens(before: caller_pb2.Caller | None, after: caller_pb2.Caller) -> list[str]:
    """Return which parts of a caller let it, or whoever passes as it, do more than before; of a new one `caller`.

    Owner and description are for people. Whatever is not named here is no more than it was.
    """
    return ["caller"] if before is None else list(_wider(before, after))


def spec_of(caller: caller_pb2.Caller) -> CallerSpec:
    """Return a caller as the decision port knows callers."""
    return CallerSpec(
        name=caller.name,
        certificates=tuple(caller.certificates),
        tokens=tuple(
            TokenSpec(token.id, token.sha256.hex(), token.expires_nanos or None) for token in caller.tokens
        ),
        applications=tuple(caller.applications),
        subjects=tuple(caller.subjects),
        calls=tuple(caller.calls),
        rate=RateSpec(caller.rate.per_second, caller.rate.burst) if caller.HasField("rate") else None,
        disabled=caller.disabled,
        grants=tuple(caller.grants),
        consent_key=caller.consent_key,
        bundles=caller.bundles,
        reports=caller.reports if caller.HasField("reports") else True,
    )  # fmt: skip


def caller_of(spec: CallerSpec) -> caller_pb2.Caller:
    """Return a caller of a callers file in the form of managed ones, for people to see."""
    caller = caller_pb2.Caller(
        name=spec.name, certificates=spec.certificates, applications=spec.applications, subjects=spec.subjects,
        calls=spec.calls, grants=spec.grants, consent_key=spec.consent_key, bundles=spec.bundles,
        reports=spec.reports, disabled=spec.disabled,
        tokens=[
            caller_pb2.CallerToken(id=token.id, sha256=bytes.fromhex(token.sha256), expires_nanos=token.expires_at or 0)
            for token in spec.tokens if not token.disabled
        ],
    )  # fmt: skip
    if spec.rate is not None:
        caller.rate.CopyFrom(caller_pb2.CallerRate(per_second=spec.rate.per_second, burst=spec.rate.burst))
    return caller


def _problems(caller: caller_pb2.Caller) -> Iterator[Violation]:
    if not CALLER_NAME.pattern.fullmatch(caller.name) or len(caller.name) > MAX_NAME:
        yield Violation("caller.name", f"is {CALLER_NAME.rule}, at most {MAX_NAME}")
    if not caller.owner.strip():
        yield Violation("caller.owner", "is required: the person who answers for it")
    for name in ("owner", "description"):
        text = getattr(caller, name)
        if len(text) > MAX_TEXT or not text.isprintable():
            yield Violation(f"caller.{name}", f"is at most {MAX_TEXT} characters in one line")
    for part in ("certificates", "applications", "subjects"):
        if len(getattr(caller, part)) > MAX_ITEMS:
            yield Violation(f"caller.{part}", f"are at most {MAX_ITEMS}")
    if caller.ByteSize() > MAX_CALLER_BYTES:
        yield Violation("caller", f"has at most {MAX_CALLER_BYTES} bytes")
    yield from _wrong_items(caller)
    if not caller.applications:
        yield Violation("caller.applications", "is empty; write `*` for all")
    if not caller.subjects:
        yield Violation("caller.subjects", "is empty; write `*` for all")
    if "consent" in caller.grants and not caller.consent_key:
        yield Violation("caller.consent_key", "is required: who records consents must sign them")
    if caller.consent_key and not DIGEST.fullmatch(caller.consent_key):
        yield Violation("caller.consent_key", "is a raw Ed25519 public key, 64 lower-case hexadecimal digits")
    if caller.HasField("rate"):
        rate = caller.rate
        if not 1 <= rate.per_second <= MAX_RATE or not 0 <= rate.burst <= MAX_RATE:
            yield Violation("caller.rate", f"is 1 to {MAX_RATE:,} a second, and as many at once")


def _wrong_items(caller: caller_pb2.Caller) -> Iterator[Violation]:
    for index, name in enumerate(caller.certificates):
        if not CERTIFICATE.fullmatch(name):
            yield Violation(
                f"caller.certificates[{index}]", "is one exact name with its kind, such as `dns:counter.bank.example`"
            )
    for index, application in enumerate(caller.applications):
        if application != ANY and not APPLICATION.pattern.fullmatch(application):
            yield Violation(f"caller.applications[{index}]", f"is {APPLICATION.rule}, or `*` for all")
    for index, subject in enumerate(caller.subjects):
        if not _SUBJECT.fullmatch(subject):
            yield Violation(f"caller.subjects[{index}]", "is an id that may end in one `*`")
    for part, words in (("calls", CALL_WORDS), ("grants", GRANT_WORDS)):
        for index, word in enumerate(getattr(caller, part)):
            if word not in words:
                yield Violation(f"caller.{part}[{index}]", f"is one of {', '.join(f'`{known}`' for known in words)}")


def _wider(before: caller_pb2.Caller, after: caller_pb2.Caller) -> Iterator[str]:
    if before.disabled and not after.disabled:
        yield "enabled"
    for part in ("certificates", "calls", "grants"):
        if set(getattr(after, part)) - set(getattr(before, part)):
            yield part
    if {(t.sha256, t.expires_nanos) for t in after.tokens} - {(t.sha256, t.expires_nanos) for t in before.tokens}:
        yield "tokens"
    if ANY not in before.applications and set(after.applications) - set(before.applications):
        yield "applications"
    if not all(any(_covers(known, subject) for known in before.subjects) for subject in after.subjects):
        yield "subjects"
    if after.consent_key and after.consent_key != before.consent_key:
        yield "consent_key"
    if before.HasField("rate") and (
        not after.HasField("rate")
        or after.rate.per_second > before.rate.per_second
        or after.rate.burst > before.rate.burst
    ):
        yield "rate"
    for part in ("bundles", "reports"):
        if getattr(after, part) and not getattr(before, part):
            yield part


def _covers(known: str, subject: str) -> bool:
    """Whether one subject of a caller holds all that another does."""
    return known == subject or (known.endswith(ANY) and subject.startswith(known[:-1]))


def _lower(name: str) -> str:
    return name.lower() if name.startswith("dns:") else name


def _once(items: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(items))
