"""The verdicts of a record, and what becomes of them."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, NamedTuple, Self

from pdp.engine.grants import GrantFacts
from pdp.snapshot.replay.candidate import Held
from pdp.snapshot.replay.evidence import Testimony
from pdp.snapshot.replay.origin import Mask, Origin
from pdp.snapshot.replay.ranking import After
from pdp.snapshot.replay.sieve import Rules
from pdp.v1 import policy_service_pb2, snapshot_pb2, types_pb2

SHOWN: Final = "masked>clear"
HIDDEN: Final = "clear>masked"
REMASKED: Final = "mask>mask"
NOTHING: Final[frozenset[str]] = frozenset()


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


class End(Enum):
    """What a decision counts as. `SHOWN`: it changes, and something would be in clear that was masked."""

    SAME = "same"
    CHANGED = "changed"
    SHOWN = "shown"
    OPEN = "open"


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """What becomes of a decision: the fields that were decided again, those of them that change, and what lacks.

    A decision with a change is changed whatever else lacks; one without is unchanged only when nothing lacks.
    """

    decided: tuple[str, ...]
    changes: tuple[Change, ...]
    lacks: frozenset[str]
    kinds: frozenset[str] = field(init=False)
    end: End = field(init=False)

    def __post_init__(self) -> None:
        kinds = frozenset(change.kind for change in self.changes)
        end = End.SHOWN if SHOWN in kinds else End.CHANGED if kinds else End.OPEN if self.lacks else End.SAME
        object.__setattr__(self, "kinds", kinds)
        object.__setattr__(self, "end", end)

    @property
    def undecidable(self) -> bool:
        """Whether it is open if the decision would change."""
        return self.end is End.OPEN


@dataclass(frozen=True, slots=True, eq=False)
class Said:
    """A recorded verdict, what it was of each of its fields, and the candidate's rules about these.

    It is the same one wherever its bytes are.
    """

    verdict: snapshot_pb2.RecordedVerdict
    before: Mapping[str, Before]
    about: Rules


class Reader:
    """Reads the verdicts of records by one bundle, equal bytes once. `about` tells a candidate's rules about fields."""

    def __init__(self, origin: Origin, about: Callable[[Iterable[str]], Rules]) -> None:
        self.origin = origin
        self.about = about
        self._known: dict[bytes, Said] = {}

    def read(self, entry: bytes) -> Said:
        """Return what an entry of a record's `verdicts` says. Raises DecodeError."""
        known = self._known.get(entry)
        if known is None:
            verdict = snapshot_pb2.RecordedVerdict.FromString(entry)
            shown = verdict.effect == types_pb2.EFFECT_UNMASK
            rule = verdict.rule
            before = {name: Before(None if shown else self.origin.mask(name, verdict), rule) for name in verdict.fields}
            if len(self._known) >= _MOST_READ:
                self._known.clear()
            known = self._known[entry] = Said(verdict, before, self.about(before))
        return known


_MOST_READ: Final = 50_000


class Verdicts:
    """The recorded verdicts of many records that have the same ones."""

    def __init__(self, reader: Reader, entries: Iterable[bytes]) -> None:
        self.origin = reader.origin
        self.said = [reader.read(entry) for entry in entries]
        self.evidence = Testimony(reader.origin.witness, [said.verdict for said in self.said])
        named = [said.before for said in self.said]
        if len(set().union(*named)) < sum(map(len, named)):
            # Nobody writes a field twice; if somebody did, the last time counts.
            merged = {name: before for said in self.said for name, before in said.before.items()}
            self.said = [Said(snapshot_pb2.RecordedVerdict(), merged, reader.about(merged))]
        self.results: dict[Hashable, Result] = {}
        """For whoever compares, to remember what came out."""

    def grants(self, grants: Sequence[bytes]) -> list[Held]:
        """Return the grants of a record, with the fields that were shown under each: it covered these."""
        shown_under: dict[str, set[str]] = {}
        for said in self.said:
            verdict = said.verdict
            if verdict.effect == types_pb2.EFFECT_UNMASK and verdict.grant_id:
                shown_under.setdefault(verdict.grant_id, set()).update(verdict.fields)
        return [
            Held(
                grant.id,
                GrantFacts(True, grant.kind, grant.approver, grant.approver_level, grant.scenario),
                frozenset(shown_under.get(grant.id, ())),
            )
            for grant in map(snapshot_pb2.RecordedGrant.FromString, grants)
        ]


class Part(NamedTuple):
    """What becomes of some fields: see `Result`."""

    decided: tuple[str, ...]
    changes: tuple[Change, ...]
    lacks: frozenset[str]

    @classmethod
    def sum(cls, parts: Sequence[Part]) -> Self:
        """Return what becomes of the fields of all parts."""
        return cls(
            tuple([name for part in parts for name in part.decided]),
            tuple([change for part in parts for change in part.changes]),
            NOTHING.union(*[part.lacks for part in parts]),
        )


def compare(said: Said, after: Callable[[str], After | frozenset[str]]) -> Part:
    """Return what becomes of the fields of a verdict, given what they come to or the attributes that would tell."""
    decided: list[str] = []
    changes: list[Change] = []
    lacks: set[str] = set()
    for name, before in said.before.items():
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
    return Part(tuple(decided), tuple(changes), frozenset(lacks) if lacks else NOTHING)


POLICY_HASH: Final = "policy_hash"
"""Stands among the attributes that lack for the bundle that decided, when the store does not have it."""


def _differ(before: Mask | None, after: Mask | None) -> bool | None:
    if before is None or after is None:
        return before is not after
    if before.shown != after.shown:
        return True
    return before.wire != after.wire if before.wire else None
