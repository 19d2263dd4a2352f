"""The classes of events, and how severe each is: stable, for rules in a SIEM stand on them.

docs/guides/siem.md and its Chinese twin show the same table; a test keeps them alike.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final, NamedTuple


class Severity(IntEnum):
    """Those of RFC 5424, section 6.2.1."""

    ALERT = 1
    CRITICAL = 2
    ERROR = 3
    WARNING = 4
    NOTICE = 5
    INFO = 6


class Rule(NamedTuple):
    """What operations whose kind is `kind`, or begins with it where it ends with a dot, belong to."""

    kind: str
    name: str
    success: Severity
    failure: Severity


# The longest that fits counts; what the next version records has a class by the first word of its kind.
RULES: Final = (
    Rule("", "operation", Severity.NOTICE, Severity.WARNING),
    Rule("session.", "sign-in", Severity.INFO, Severity.WARNING),
    Rule("session.refused", "sign-in", Severity.CRITICAL, Severity.CRITICAL),
    Rule("session.unusual", "anomaly", Severity.WARNING, Severity.ERROR),
    Rule("account.", "account", Severity.NOTICE, Severity.WARNING),
    Rule("request.", "account", Severity.NOTICE, Severity.WARNING),
    Rule("caller.", "caller", Severity.NOTICE, Severity.WARNING),
    Rule("callers.", "caller", Severity.NOTICE, Severity.ERROR),
    Rule("grant.", "grant", Severity.NOTICE, Severity.WARNING),
    Rule("grants.", "grant", Severity.NOTICE, Severity.ERROR),
    Rule("policy.", "publication", Severity.NOTICE, Severity.WARNING),
    Rule("policy.refused", "publication", Severity.ERROR, Severity.ERROR),
    Rule("policy.emergency", "publication", Severity.WARNING, Severity.WARNING),
    Rule("rollout.", "publication", Severity.NOTICE, Severity.ERROR),
    Rule("node.", "node", Severity.NOTICE, Severity.ERROR),
    Rule("snapshot.", "evidence", Severity.NOTICE, Severity.WARNING),
    Rule("spool.", "evidence", Severity.ERROR, Severity.ERROR),
    Rule("alarm.", "alarm", Severity.NOTICE, Severity.ERROR),
    Rule("siem.", "alarm", Severity.NOTICE, Severity.ERROR),
    Rule("anomaly.", "anomaly", Severity.WARNING, Severity.ERROR),
    Rule("anomaly.review", "anomaly", Severity.NOTICE, Severity.WARNING),
    Rule("service.", "service", Severity.NOTICE, Severity.ERROR),
)
LOCKED: Final = Severity.ERROR
"""A failed sign-in after which the account is locked."""
DECISION: Final = "decision"
DECISIONS: Final = (Severity.INFO, Severity.INFO, Severity.NOTICE, Severity.WARNING)
"""Of a decision, by how much it showed: nothing, C1, C2, C3."""
UNREADABLE: Final = "record.unreadable"
"""The kind of what a store holds and nobody can read."""
_BY_LENGTH = sorted(RULES, key=lambda rule: len(rule.kind), reverse=True)


def rule_of(kind: str) -> Rule:
    """Return the class of an operation's kind."""
    return next(r for r in _BY_LENGTH if (kind.startswith(r.kind) if r.kind[-1:] in {"", "."} else kind == r.kind))
