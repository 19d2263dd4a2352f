"""Judges the failure rule: what may be shown without a verdict, and for how long (requirement A38)."""

from __future__ import annotations

from typing import Final

from pdp.lang.diagnostics import Diagnostics
from pdp.lang.model import FailureRule
from pdp.values import NANOS, format_timestamp

MOST_DAYS: Final = 366
_DAY_NANOS: Final = 86_400 * NANOS


def judge(rule: FailureRule, now: int, out: Diagnostics) -> None:
    """Warn of a rule that shows nothing any more, shows for very long, or shows the most sensitive. `now` is in
    nanoseconds since 1970.
    """
    if not rule.passes or rule.until is None:
        return
    if rule.until <= now:
        message = f"the failure rule ended at {format_timestamp(rule.until)}: nothing passes without a verdict"
        out.warning("failure-rule-over", message, rule.until_span, "set a later `until`, or mask every level")
    elif rule.until - now > MOST_DAYS * _DAY_NANOS:
        message = (
            "the failure rule holds for more than a year: what may be shown without a verdict is to be decided anew"
        )
        out.warning("failure-rule-long", message, rule.until_span, "set an earlier `until`")
    if "C3" in rule.passes:
        message = "the failure rule shows fields of level C3 while no verdict can be had"
        out.warning("failure-rule-c3", message, rule.level_spans["C3"], "write `C3: mask`")
