"""What a filter may name: the parts of a record, the declared attributes, functions and constants."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from pdp.snapshot.filter.nodes import Column, Fact, Term
from pdp.values import AttributeType

_INT, _STRING, _BOOL = AttributeType.INT, AttributeType.STRING, AttributeType.BOOL
_LIST = AttributeType.STRING_LIST

NAMES: Final[Mapping[str, Term]] = {
    "id": Column("id", _STRING),
    "kind": Column("kind", _STRING),
    "time": Column("time", AttributeType.TIMESTAMP),
    "severity": Column("severity", _INT),
    "caller": Column("caller", _STRING),
    "subject.id": Column("subject_id", _STRING),
    "subject.roles": Fact(("roles",), _LIST),
    "action.name": Fact(("action",), _STRING, blank=False),
    "resource.type": Fact(("resource_type",), _STRING, blank=False),
    "resource.id": Fact(("resource_id",), _STRING, blank=False),
    "request_id": Fact(("request_id",), _STRING),
    "revision": Fact(("revision",), _INT),
    "policy_hash": Fact(("hash",), _STRING),
    "source": Fact(("source",), _STRING),
    "latency": Fact(("latency",), _INT),
    # Of operations.
    "success": Fact(("success",), _BOOL),
    "address": Fact(("address",), _STRING),
    "details": Fact(("details",), AttributeType.STRING_MAP),
}
"""The parts of a record by name. For an operation `subject.id` is who did it and `kind` what; `kind` of a decision is
`decision`. `latency` is in microseconds."""

FLAGGED: Final = "flagged"
"""Whether a field of level C2 or C3 was shown in clear: `severity >= MEDIUM`."""

NOW: Final = "now"
CONSTANTS: Final[Mapping[str, int]] = {"NONE": 0, "LOW": 1, "MEDIUM": 2, "HIGH": 3}
FUNCTIONS: Final[Mapping[str, Fact]] = {
    "unmasked": Fact(("unmasked",), _LIST),
    "masked": Fact(("masked",), _LIST),
    "rule": Fact(("rules",), _LIST),
    "grant": Fact(("grants",), _LIST),
    "approver": Fact(("approvers",), _LIST),
    "obligation": Fact(("obligations",), _LIST),
    "undecided": Fact(("undecided",), _LIST),
}
"""Each takes one text and tells whether the decision has it: `unmasked("id_no")`, `rule("policy/rule")`…"""

RECORDED: Final = "recorded"
"""`recorded("subject.level")` tells whether a record holds a usable value of a name; never open."""

ROOTS: Final = ("subject.", "action.", "resource.", "context.")


def _no_keys(_type: str, _id: str) -> list[str]:
    return []


@dataclass(frozen=True, slots=True)
class Schema:
    """What the host knows: the declared attributes by dotted name, keys of resources, types of resources.

    `key_of` returns the `resource_key` of a type and an id in hexadecimal, one for each key that was ever used.
    """

    attributes: Mapping[str, AttributeType] = field(default_factory=dict)
    key_of: Callable[[str, str], Sequence[str]] = _no_keys
    resource_types: tuple[str, ...] = ()

    def term(self, name: str) -> Term | None:
        """Return what a name stands for; None when nothing is called so."""
        if name in NAMES:
            return NAMES[name]
        if name in self.attributes and name.startswith(ROOTS):
            return Fact(("attributes", name), self.attributes[name])
        return None

    def types(self) -> dict[str, AttributeType]:
        """Return the type of everything that has a name, by name."""
        declared = {name: kind for name, kind in self.attributes.items() if name.startswith(ROOTS)}
        own = {name: term.kind for name, term in NAMES.items()}
        return declared | own | {FLAGGED: _BOOL, NOW: AttributeType.TIMESTAMP} | dict.fromkeys(CONSTANTS, _INT)
