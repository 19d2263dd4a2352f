"""From YAML texts to a program, stage by stage: how long each takes and how much memory stays."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from policy_sets import RuleSet

from pdp.engine import bundle
from pdp.engine.program import Program
from pdp.lang.analyse import analyse
from pdp.lang.check import check
from pdp.lang.loader import load_texts
from pdp.v1 import bundle_pb2

T = TypeVar("T")
_PAGE = 4096


class _Clock:
    def __init__(self) -> None:
        self.stages: dict[str, dict[str, float]] = {}

    def time(self, name: str, call: Callable[[], T]) -> T:
        wall, cpu = time.perf_counter(), time.process_time()
        result = call()
        self.stages[name] = {"wall_seconds": time.perf_counter() - wall, "cpu_seconds": time.process_time() - cpu}
        return result


def compile_set(rule_set: RuleSet, path: str) -> dict[str, Any]:
    """Do what a publisher does: load, check, analyse, build; write the bundle to `path`."""
    texts = rule_set.texts()
    before = resident()
    clock = _Clock()
    policy_set, diagnostics = clock.time("load", lambda: load_texts(texts))
    resolved = clock.time("check", lambda: check(policy_set, diagnostics, analyse=False))
    assert resolved is not None, diagnostics.sorted()[:3]
    findings = clock.time("analyse", lambda: analyse(resolved))
    signed = clock.time("build", lambda: bundle.build(resolved))
    clock.time("compile", lambda: Program.from_bundle(signed))
    bundle.write(Path(path), signed)
    clauses = [clause.checked for policy in resolved.policies for rule in policy.rules for clause in rule.clauses]
    return {
        "rules": rule_set.size,
        "files": len(texts),
        "clauses": len(clauses),
        "different_clauses": len(set(clauses)),
        "text_bytes": sum(len(t.encode()) for t in texts.values()),
        "stages": clock.stages,
        "findings": len(findings),
        "bundle_bytes": len(signed.bundle),
        "resident_bytes": resident() - before,
    }


def build(rule_set: RuleSet) -> bundle_pb2.SignedBundle:
    """Return the bundle of a rule set that has no errors."""
    policy_set, diagnostics = load_texts(rule_set.texts())
    resolved = check(policy_set, diagnostics, analyse=False)
    assert resolved is not None, diagnostics.sorted()[:3]
    return bundle.build(resolved)


def write_missing(wanted: Sequence[tuple[RuleSet, str]]) -> None:
    """Write the bundle of each rule set to its path unless it is there."""
    for rule_set, path in wanted:
        if not Path(path).exists():
            bundle.write(Path(path), build(rule_set))


def load_bundle(path: str) -> dict[str, Any]:
    """Do what a decision worker does: read a bundle and compile it."""
    before = resident()
    clock = _Clock()
    signed = clock.time("read", lambda: bundle.read(Path(path)))
    program = clock.time("compile", lambda: Program.from_bundle(signed))
    gc.collect()
    grown = resident() - before
    return {"stages": clock.stages, "resident_bytes": grown, "source_bytes": len(program.source)}


def resident() -> int:
    """Return the bytes of memory that the process holds now; 0 where the system does not say."""
    statm = Path("/proc/self/statm")
    return int(statm.read_text().split()[1]) * _PAGE if statm.exists() else 0
