"""Who may give which grant, and what one may be for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from google.protobuf import duration_pb2

from pdp.errors import AccessDeniedError, RequestError, Violation
from pdp.v1 import account_pb2

USUAL_SECONDS: Final = 30 * 60
MOST_SECONDS: Final = 24 * 3600
MOST_USES: Final = 1_000_000
MOST_FIELDS: Final = 512
MOST_TEXT: Final = 256
"""Bytes of any name or reference."""
ASKED_SECONDS: Final = 24 * 3600
"""What nobody has decided by then has lapsed."""
_LEVELS: Final = ("C1", "C2", "C3")
_SECOND: Final = 10**9
_TEXTS: Final = (
    "subject_id", "branch", "application", "resource_type", "resource_id", "scenario", "evidence", "consent_id",
)  # fmt: skip


class FieldFacts(NamedTuple):
    """What the dictionary in force says of a field."""

    level: str
    never_unmask: bool


Dictionary = Callable[[], Mapping[str, FieldFacts] | None]
"""Returns the fields of the dictionary in force by their ids; None before there is one."""


def everywhere(application: str, branch: str) -> bool:
    """Whether somebody without bounds has authority."""
    del application, branch
    return True


@dataclass(frozen=True, slots=True)
class Authority:
    """Who does something, and how far it reaches.

    `level` is that of the business, `branch` the own one; `reaches` tells whether this one has authority in an
    application and a branch.
    """

    name: str
    level: int = 0
    branch: str = ""
    reaches: Callable[[str, str], bool] = everywhere

    def check_reach(self, record: account_pb2.GrantRecord) -> None:
        """Raise AccessDeniedError when a grant is outside."""
        if not self.reaches(record.application, record.branch):
            raise AccessDeniedError(
                f"`{self.name}` has no authority over the branch `{record.branch}` in the application "
                f"`{record.application}`"
            )

    def check_approves(self, record: account_pb2.GrantRecord) -> None:
        """Raise AccessDeniedError when this one may neither give nor refuse a grant."""
        if same(self.name, record.steps[0].actor):
            raise AccessDeniedError("nobody decides on what they asked for themselves")
        if same(self.name, record.grant.subject_id):
            raise AccessDeniedError("nobody decides on what is for themselves")
        self.check_reach(record)

    def approves(self, record: account_pb2.GrantRecord) -> bool:
        """Whether this one may give or refuse a grant."""
        try:
            self.check_approves(record)
        except AccessDeniedError:
            return False
        return True


def same(one: str, other: str) -> bool:
    """Whether two names are one person's; systems do not agree on capitals."""
    return one.casefold() == other.casefold()


def check_content(request: Any, dictionary: Mapping[str, FieldFacts] | None, required: Sequence[str]) -> None:
    """Raise RequestError, with every wrong place, for what an AskForGrantRequest or a RecordConsentRequest asks for."""
    found = [Violation(name, "is required") for name in required if not getattr(request, name).strip()]
    for name in _TEXTS:
        size = len(getattr(request, name, "").encode())
        if size > MOST_TEXT:
            found.append(Violation(name, f"has {size} bytes, at most {MOST_TEXT} are kept"))
    if len(request.fields) > MOST_FIELDS:
        found.append(Violation("fields", f"has {len(request.fields)} entries, at most {MOST_FIELDS} are kept"))
    else:
        found += wrong_fields(request.fields, dictionary)
    found += [
        Violation(f"levels[{at}]", f"is `{level[:16]}`, and no grade: write C1, C2 or C3")
        for at, level in enumerate(request.levels)
        if level not in _LEVELS
    ]
    if not 0 <= request.max_uses <= MOST_USES:
        found.append(Violation("max_uses", f"is {request.max_uses}, must be 0 to {MOST_USES:,}"))
    if found:
        raise RequestError(*found)


def wrong_fields(fields: Sequence[str], dictionary: Mapping[str, FieldFacts] | None) -> list[Violation]:
    """Return which fields no grant may be for, and why; none while there is no dictionary."""
    if dictionary is None:
        return []
    found = []
    for at, field in enumerate(fields):
        facts = dictionary.get(field)
        if facts is None:
            found.append(Violation(f"fields[{at}]", f"`{field[:64]}` is not in the dictionary"))
        elif facts.never_unmask:
            found.append(Violation(f"fields[{at}]", f"`{field}` is never shown, whoever allows it"))
    return found


def validity_of(request: Any, usual: int = USUAL_SECONDS * _SECOND) -> int:
    """Return for how long a grant is to hold, in nanoseconds; `usual` when the request says nothing."""
    if not request.HasField("validity"):
        return usual
    validity: duration_pb2.Duration = request.validity
    nanos = validity.seconds * _SECOND + validity.nanos
    if not _SECOND <= nanos <= MOST_SECONDS * _SECOND or not 0 <= validity.nanos < _SECOND:
        raise RequestError(Violation("validity", "must be 1 second to 24 hours"))
    return nanos
