"""Reads callers files: which systems may ask, by what they are known, and what each may ask about."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pdp.lang.loader import names
from pdp.lang.loader.nodes import Mapping as MappingNode
from pdp.lang.loader.nodes import Node, Scalar, Sequence
from pdp.lang.loader.reader import Name, Reader, Record, Shape
from pdp.source import Span

MAX_CALLERS = 4_096
MAX_RATE = 1_000_000

_DOCUMENT = Shape("Callers document", "kind callers")
_CALLER = Shape(
    "caller",
    "name applications subjects",
    "title certificates tokens calls grants consent_key bundles reports rate disabled",
)
_TOKEN = Shape("token", "id sha256", "expires_at disabled")
_RATE = Shape("rate", "per_second", "burst")

CALLER_NAME = Name("caller name", names.APPLICATION.pattern, names.APPLICATION.rule)
TOKEN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
CALL_WORDS = {call: call for call in ("decide", "explain")}
# What every token begins with, so that people and secret scanners know one when they see it.
TOKEN_PREFIX = "jx_"  # noqa: S105 - not a token
_MISPLACED = "if a token itself stands here, it is no secret any more: make another with `pdp caller token`"
GRANT_WORDS = {word: word for word in ("ask", "consent")}
DIGEST = re.compile(r"[0-9a-f]{64}")
CERTIFICATE = re.compile(r"(?:dns|uri|cn):[^\s*](?:[^*\x00-\x1f\x7f]*[^\s*])?")


@dataclass(frozen=True, slots=True)
class TokenSpec:
    """A bearer token, of which only the SHA-256 is known. `expires_at` is in nanoseconds since 1970, None for never."""

    id: str
    sha256: str
    expires_at: int | None = None
    disabled: bool = False


@dataclass(frozen=True, slots=True)
class RateSpec:
    """How many decisions a second a caller may ask for in the long run, and how many at once."""

    per_second: int
    burst: int


@dataclass(frozen=True, slots=True)
class CallerSpec:
    """A system that may ask.

    `certificates` are names with their kind, such as `dns:counter.bank.example`; `applications` and `subjects` hold
    what stands in the file, `*` for all, and a subject may end in `*`. `grants` holds `ask` and `consent`, and
    `consent_key` the Ed25519 key, in hexadecimal, by which the caller signs what customers consented to. `bundles`
    lets it decide by itself from what the service hands out, `reports` tell what it let through while cut off.
    """

    name: str
    certificates: tuple[str, ...]
    tokens: tuple[TokenSpec, ...]
    applications: tuple[str, ...]
    subjects: tuple[str, ...]
    calls: tuple[str, ...] = ("decide",)
    rate: RateSpec | None = None
    disabled: bool = False
    grants: tuple[str, ...] = ()
    consent_key: str = ""
    bundles: bool = False
    reports: bool = True


class CallersReader:
    """Reads the documents of one file; names, certificates and tokens must be new in the whole file."""

    def __init__(self, reader: Reader) -> None:
        self.callers: list[CallerSpec] = []
        self._reader = reader
        self._names: dict[str, Span] = {}
        self._certificates: dict[str, Span] = {}
        self._hashes: dict[str, Span] = {}

    def read(self, document: Node) -> None:
        """Read one document. A caller with any error is left out as a whole."""
        record = self._reader.record(document, _DOCUMENT)
        items = [] if record is None else record.items("callers")
        if record is not None and len(self.callers) + len(items) > MAX_CALLERS:
            self._reader.error("too-large", f"there are more than {MAX_CALLERS:,} callers", record.span("callers"))
            return
        for item in items:
            findings = len(self._reader.report.diagnostics.items)
            caller = self._caller(item)
            # INVARIANT: what is left out of a caller may widen it, so one with any error is left out as a whole.
            if caller is not None and len(self._reader.report.diagnostics.items) == findings:
                self.callers.append(caller)

    def _caller(self, node: Node) -> CallerSpec | None:
        reader = self._reader
        record = reader.record(node, _CALLER, "a caller")
        if record is None:
            return None
        record.label("title")
        name = record.name("name", CALLER_NAME) or ""
        if name:
            reader.is_new(self._names, name, record.span("name"), f"the caller `{name}` is written twice")
        certificates = tuple(filter(None, (self._certificate(item) for item in record.items("certificates"))))
        tokens = self._tokens(record)
        if not record.get("certificates") and not record.get("tokens"):
            hint = "add `tokens: […]`, which `pdp caller token` makes, or `certificates: […]`"
            reader.error("missing-key", "nothing tells this caller from others", node, hint)
        return CallerSpec(
            name=name,
            certificates=certificates,
            tokens=tokens,
            applications=self._applications(record),
            subjects=self._subjects(record),
            calls=self._calls(record),
            rate=self._rate(record),
            disabled=record.flag("disabled"),
            grants=self._grants(record),
            consent_key=self._consent_key(record),
            bundles=record.flag("bundles"),
            reports=record.get("reports") is None or record.flag("reports"),
        )

    def _certificate(self, node: Node) -> str | None:
        text = self._reader.text(node, "an item of `certificates`")
        if text is None:
            return None
        if not CERTIFICATE.fullmatch(text):
            message = "a certificate is known by one exact name with its kind, without wildcards"
            hint = "write `dns:counter.bank.example`, `uri:spiffe://bank/counter` or `cn:counter`"
            self._reader.error("bad-value", message, node, hint)
            return None
        # Host names are compared without regard to case, all else as written.
        text = text.lower() if text.startswith("dns:") else text
        message = f"the certificate name `{text}` is written twice"
        return text if self._reader.is_new(self._certificates, text, node.span, message, "duplicate-value") else None

    def _tokens(self, record: Record) -> tuple[TokenSpec, ...]:
        # INVARIANT: no message here quotes what was written. It may be a token that somebody put in place of its hash.
        reader = self._reader
        seen: dict[str, Span] = {}
        found = []
        for item in record.items("tokens"):
            if not isinstance(item, MappingNode):
                hint = f"write the line that `pdp caller token` shows; {_MISPLACED}"
                reader.error("wrong-type", "a token must be a mapping", item, hint)
                continue
            token = reader.record(item, _TOKEN)
            if token is not None:
                expires_at, disabled = token.timestamp("expires_at"), token.flag("disabled")
                found.append(TokenSpec(self._token_id(token, seen), self._hash(token), expires_at, disabled))
        return tuple(found)

    def _token_id(self, token: Record, seen: dict[str, Span]) -> str:
        node = token.get("id")
        text = node.value if isinstance(node, Scalar) else ""
        if node is not None and (not TOKEN_ID.fullmatch(text) or text.startswith(TOKEN_PREFIX)):
            hint = f"use letters, digits, `.`, `_` and `-`, such as `2026-11`; {_MISPLACED}"
            self._reader.error("bad-id", "this is not a token id", node, hint)
        elif node is not None:
            self._reader.is_new(seen, text, node.span, f"the token id `{text}` is used twice")
        return text

    def _hash(self, token: Record) -> str:
        node = token.get("sha256")
        text = node.value if isinstance(node, Scalar) else ""
        if node is not None and not DIGEST.fullmatch(text):
            message = "`sha256` must be the hash of a token, 64 lower-case hexadecimal digits in quotes"
            hint = f"write the line that `pdp caller token` shows; {_MISPLACED}"
            self._reader.error("bad-value", message, node, hint)
        elif node is not None:
            message = "two tokens have the same `sha256`"
            self._reader.is_new(self._hashes, text, node.span, message, "duplicate-value")
        return text

    def _applications(self, record: Record) -> tuple[str, ...]:
        found = []
        for item in record.items("applications"):
            text = self._reader.text(item, "an item of `applications`")
            if text == "*" or (text is not None and self._reader.is_name(text, item, names.APPLICATION)):
                found.append(text)
        return self._some(record, "applications", found)

    def _subjects(self, record: Record) -> tuple[str, ...]:
        found = []
        for item in record.items("subjects"):
            text = self._reader.text(item, "an item of `subjects`")
            if text is None:
                continue
            if not text or "*" in text[:-1]:
                hint = 'write a whole id, the beginning of ids such as `"T*"`, or `"*"` for all'
                self._reader.error("bad-value", "a subject is an id that may end in one `*`", item, hint)
                continue
            found.append(text)
        return self._some(record, "subjects", found)

    def _some(self, record: Record, key: str, found: list[str]) -> tuple[str, ...]:
        node = record.get(key)
        if isinstance(node, Sequence) and not node.items:
            self._reader.error("bad-value", f"`{key}` is empty", node, 'write `["*"]` for all')
        return tuple(found)

    def _calls(self, record: Record) -> tuple[str, ...]:
        if record.get("calls") is None:
            return ("decide",)
        found = (self._reader.choice(item, "an item of `calls`", CALL_WORDS) for item in record.items("calls"))
        return tuple(dict.fromkeys(call for call in found if call is not None))

    def _grants(self, record: Record) -> tuple[str, ...]:
        found = (self._reader.choice(item, "an item of `grants`", GRANT_WORDS) for item in record.items("grants"))
        words = tuple(dict.fromkeys(word for word in found if word is not None))
        if "consent" in words and record.get("consent_key") is None:
            hint = 'add `consent_key: "…"`, the 64 hexadecimal digits of the key by which this caller signs consents'
            self._reader.error("missing-key", "who records consents must sign them", record.span("grants"), hint)
        return words

    def _consent_key(self, record: Record) -> str:
        node = record.get("consent_key")
        text = node.value if isinstance(node, Scalar) else ""
        if node is not None and not DIGEST.fullmatch(text):
            message = "`consent_key` must be the 32 bytes of an Ed25519 public key, 64 lower-case hexadecimal digits"
            self._reader.error("bad-value", message, node, "the raw public key, in quotes; never the private one")
            return ""
        return text

    def _rate(self, record: Record) -> RateSpec | None:
        node = record.get("rate")
        rate = None if node is None else self._reader.record(node, _RATE, "`rate`")
        if rate is None:
            return None
        per_second = rate.whole("per_second", 1, 1, MAX_RATE)
        return RateSpec(per_second, rate.whole("burst", per_second, 1, MAX_RATE))
