"""What is asked with and what is answered, as plain frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Subject:
    """Who asks: the employee in front of the screen. `attributes` by declared name without `subject.`."""

    id: str
    roles: tuple[str, ...] | list[str] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Action:
    """What the employee is about to do. `attributes` by declared name without `action.`."""

    name: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Resource:
    """What is looked at. `attributes` by declared name without `resource.`."""

    type: str = ""
    id: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Text:
    """A text for people in Chinese and English; either may be empty."""

    zh: str = ""
    en: str = ""


@dataclass(frozen=True, slots=True)
class Mask:
    """How to mask: an algorithm with all its parameters; `name` is empty for a mask written inside a rule."""

    algorithm: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a verdict is as it is.

    `kind` is `rule`, `default` (no rule spoke), `unknown_field` or empty; `undecided` says that the rule masks because
    its condition could not be decided.
    """

    kind: str = ""
    rule: str = ""
    title: Text = Text()
    grant_id: str = ""
    undecided: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer for one field; `mask` None means that it may be shown as it is."""

    field: str
    mask: Mask | None
    reason: Reason

    @property
    def unmasked(self) -> bool:
        """Whether the field may be shown as it is."""
        return self.mask is None


@dataclass(frozen=True, slots=True)
class Obligation:
    """Something the caller must do besides; `fields` are those whose verdict carries it, `rule` asks for it."""

    type: str
    parameters: Mapping[str, str]
    fields: tuple[str, ...]
    rule: str


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """Something noteworthy about a decision; `code` is such as `undecided_rule`."""

    code: str
    message: str
    subject: str
    attributes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer for one resource, verdicts in the order of the question."""

    decision_id: str
    request_id: str
    revision: int
    policy_hash: str
    verdicts: tuple[Verdict, ...]
    obligations: tuple[Obligation, ...]
    diagnostics: tuple[Diagnostic, ...]

    def verdict(self, name: str) -> Verdict:
        """Return the verdict of a field that was asked for. Raises KeyError."""
        for verdict in self.verdicts:
            if verdict.field == name:
                return verdict
        raise KeyError(name)


@dataclass(frozen=True, slots=True)
class PartDecision:
    """The decision about the message's own fields (`part` empty) or about one item of a list, by its place.

    `decision` None means that the service could not decide this item alone: its fields were masked in full, and
    `error` says why.
    """

    part: str
    place: str
    decision: Decision | None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Fallback:
    """That no verdict could be had, and what the failure rule let the client do.

    `cause` is `unavailable`, `deadline`, `bad_answer`, `breaker_open` or `overload`, `detail` what is known about it.
    `passed` names the places that were shown as they are. `recorded` False means that the event could not be written to
    the disk, and that therefore nothing passed.
    """

    cause: str
    detail: str
    passed: tuple[str, ...]
    recorded: bool


@dataclass(frozen=True, slots=True)
class Masked:
    """A masked copy of a message, and what was decided about it.

    `problems` names, without any value, what did not go as the policy set wants it: attributes of the message that
    could not be read as their type (they count as missing, which never unmasks), masks that this client cannot perform
    (their fields were dropped), items that could not be decided. `fallback` is there when no verdict could be had.
    """

    message: Any
    decisions: tuple[PartDecision, ...]
    request_id: str
    policy_hash: str
    problems: tuple[str, ...] = ()
    fallback: Fallback | None = None

    @property
    def obligations(self) -> tuple[Obligation, ...]:
        """The obligations of all parts, in order, equal ones once."""
        found = (o for part in self.decisions if part.decision for o in part.decision.obligations)
        unique: list[Obligation] = []
        for obligation in found:
            if obligation not in unique:
                unique.append(obligation)
        return tuple(unique)
