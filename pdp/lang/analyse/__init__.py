"""Static analysis of a resolved policy set: rules that cannot apply, never decide, contradict or override each other.

`analyse` is exact for conditions that compare attributes with constants; what it cannot express it treats as a test
of unknown outcome. So a rule reported as unreachable or shadowed is so for every request that has all attributes, and
a conflict or overlap is reported only with a request on which a real evaluation confirmed it. What may be missing is
said: `rule-not-analysed`, `unproven-conflict`, `analysis-budget`.
"""

from __future__ import annotations

from collections.abc import Generator

from pdp.lang.analyse.analysis import Analysis, Progress
from pdp.lang.analyse.verdicts import Strictness
from pdp.lang.analyse.verify import ReferenceVerifier, Verifier
from pdp.lang.diagnostics import Diagnostic
from pdp.lang.resolved import ResolvedSet
from pdp.masks.catalogue import strictness as _strictness

__all__ = ["Progress", "Strictness", "Verifier", "analyse", "steps"]


def analyse(
    resolved: ResolvedSet, *, verifier: Verifier | None = None, strictness: Strictness = _strictness
) -> list[Diagnostic]:
    """Return warnings and infos about the rules of a set, sorted by place; the same set gives the same findings."""
    going = steps(resolved, verifier=verifier, strictness=strictness)
    while True:
        try:
            next(going)
        except StopIteration as end:
            found: list[Diagnostic] = end.value
            return found


def steps(
    resolved: ResolvedSet, *, verifier: Verifier | None = None, strictness: Strictness = _strictness
) -> Generator[Progress, None, list[Diagnostic]]:
    """Do what `analyse` does, and yield how far it is; whoever closes it gives the rest up."""
    if not resolved.policies:
        return []
    analysis = Analysis(resolved, verifier or ReferenceVerifier(resolved.attributes), strictness)
    found = yield from analysis.steps()
    return found
