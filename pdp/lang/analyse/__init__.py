"""Static analysis of a resolved policy set: rules that cannot apply, never decide, contradict or override each other.

`analyse` is exact for conditions that compare attributes with constants; what it cannot express it treats as a test
of unknown outcome. So a rule reported as unreachable or shadowed is so for every request that has all attributes, and
a conflict or overlap is reported only with a request on which a real evaluation confirmed it. What may be missing is
said: `rule-not-analysed`, `unproven-conflict`, `analysis-budget`.
"""

from __future__ import annotations

from pdp.lang.analyse.analysis import Analysis
from pdp.lang.analyse.verdicts import Strictness
from pdp.lang.analyse.verify import ReferenceVerifier, Verifier
from pdp.lang.diagnostics import Diagnostic
from pdp.lang.resolved import ResolvedSet
from pdp.masks.catalogue import strictness as _strictness

__all__ = ["Strictness", "Verifier", "analyse"]


def analyse(
    resolved: ResolvedSet, *, verifier: Verifier | None = None, strictness: Strictness = _strictness
) -> list[Diagnostic]:
    """Return warnings and infos about the rules of a set, sorted by place; the same set gives the same findings."""
    if not resolved.policies:
        return []
    return Analysis(resolved, verifier or ReferenceVerifier(resolved.attributes), strictness).run()
