"""The verdicts of a record, and what becomes of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from pdp.engine.grants import GrantFacts
from pdp.engine.wire import length_delimited
from pdp.snapshot.replay.candidate import After, Candidate, Held, Sifted
from pdp.snapshot.replay.evidence import Testimony
from pdp.snapshot.replay.origin import Mask, Origin
from pdp.snapshot.replay.wire import GRANTS, VERDICTS
from pdp.v1 import policy_service_pb2, snapshot_pb2, types_pb2

SHOWN: Final = "masked>clear"
HIDDEN: Final = "clear>masked"
REMASKED: Final = "mask>mask"


class Before(NamedTuple):
    """A field's recorded verdict: `mask` is None when it was shown, `rule` empty for a default."""

    mask: Mask | None
    rule: str


class Change(NamedTuple):
    """A field whose verdict would change."""

    field: str
    before: Before
    after: After

    @property
    def kind(self) -> str:
        """Which way it would change."""
        if self.after.mask is None:
            return SHOWN
        return HIDDEN if self.before.mask is None else REMASKED

    def message(self) -> policy_service_pb2.VerdictChange:
        """Return it as answers tell it."""
        before, after = self.before, self.after
        return policy_service_pb2.VerdictChange(
            field=self.field,
            before=_effect(before.mask), mask_before=before.mask.shown if before.mask else "", rule_before=before.rule,
            after=_effect(after.mask), mask_after=after.mask.shown if after.mask else "", rule_after=after.rule,
        )  # fmt: skip


def _effect(mask: Mask | None) -> types_pb2.Effect:
    return types_pb2.EFFECT_UNMASK if mask is None else types_pb2.EFFECT_MASK


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """What becomes of a decision: the fields that were decided again, those of them that change, and what lacks.

    A decision with a change is changed whatever else lacks; one without is unchanged only when nothing lacks.
    """

    decided: tuple[str, ...]
    changes: tuple[Change, ...]
    lacks: frozenset[str]
    kinds: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "kinds", frozenset(change.kind for change in self.changes))

    @property
    def undecidable(self) -> bool:
        """Whether it is open if the decision would change."""
        return bool(self.lacks) and not self.changes


class Verdicts:
    """The recorded verdicts of many records that have the same ones, and the results that were met so far."""

    def __init__(self, origin: Origin, verdicts: Sequence[bytes]) -> None:
        self.before: dict[str, Before] = {}
        self._shown_under: dict[str, set[str]] = {}
        said = _read(VERDICTS, verdicts).verdicts
        self.evidence = Testimony(origin.witness, said)
        for verdict in said:
            shown = verdict.effect == types_pb2.EFFECT_UNMASK
            for name in verdict.fields:
                self.before[name] = Before(None if shown else origin.mask(name, verdict), verdict.rule)
            if shown and verdict.grant_id:
                self._shown_under.setdefault(verdict.grant_id, set()).update(verdict.fields)
        self.fields = frozenset(self.before)
        self.results: dict[Sifted, Result] = {}

    def grants(self, grants: Sequence[bytes]) -> list[Held]:
        """Return the grants of a record, with the fields that were shown under each: it covered these."""
        return [
            Held(
                grant.id,
                GrantFacts(True, grant.kind, grant.approver, grant.approver_level, grant.scenario),
                frozenset(self._shown_under.get(grant.id, ())),
            )
            for grant in _read(GRANTS, grants).grants
        ]

    def result(self, sifted: Sifted, judge: Candidate) -> Result:
        """Return what becomes of a record without grants, and remember it in `results`."""
        hits, may = judge.hits(sifted)
        found = self.results[sifted] = self.compare(lambda name: judge.field(name, hits, may))
        return found

    def compare(self, after: Callable[[str], After | frozenset[str]]) -> Result:
        """Return what becomes of a record, given what its fields come to."""
        decided: list[str] = []
        changes: list[Change] = []
        lacks: set[str] = set()
        for name, before in self.before.items():
            now = after(name)
            if isinstance(now, frozenset):
                lacks |= now
                continue
            changed = _differ(before.mask, now.mask)
            if changed is None:
                # The mask has the name that it had; what it did is not known any more.
                lacks.add(POLICY_HASH)
                continue
            decided.append(name)
            if changed:
                changes.append(Change(name, before, now))
        return Result(tuple(decided), tuple(changes), frozenset(lacks))


POLICY_HASH: Final = "policy_hash"
"""Stands among the attributes that lack for the bundle that decided, when the store does not have it."""


def _differ(before: Mask | None, after: Mask | None) -> bool | None:
    if before is None or after is None:
        return before is not after
    if before.shown != after.shown:
        return True
    return before.wire != after.wire if before.wire else None


def _read(tag: bytes, entries: Sequence[bytes]) -> snapshot_pb2.Snapshot:
    """Return a record that holds these entries alone."""
    return snapshot_pb2.Snapshot.FromString(b"".join([length_delimited(tag, entry) for entry in entries]))


def counted(results: Iterable[tuple[Result, int]]) -> Mapping[str, int]:
    """Return by attribute how many decisions lack it."""
    found: dict[str, int] = {}
    for result, count in results:
        for name in result.lacks:
            found[name] = found.get(name, 0) + count
    return found
