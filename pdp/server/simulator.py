"""Decides by texts that are not in force: made-up requests at any time, with grants that nobody gave.

Compiled texts are kept, for a tester asks about the same one again and again.
"""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from pdp.control import sources
from pdp.engine import bundle
from pdp.engine.program import Program
from pdp.lang.resolved import ResolvedSet
from pdp.server.grants import GrantTable
from pdp.server.judge import PolicyJudge
from pdp.v1 import bundle_pb2, control_pb2, decision_service_pb2, simulation_service_pb2, types_pb2

_KEPT: Final = 4


@dataclass(frozen=True, slots=True)
class _Compiled:
    """A text that decides. One question at a time: the grants are those of the question."""

    program: Program
    grants: GrantTable
    lock: threading.Lock

    def explain(
        self, question: decision_service_pb2.ExplainRequest, grants: Iterable[bundle_pb2.Grant]
    ) -> decision_service_pb2.ExplainResponse:
        payload = question.SerializeToString()
        with self.lock:
            self.grants.replace({grant.id: grant for grant in grants})
            return decision_service_pb2.ExplainResponse.FromString(self.program.explain(payload))


class Simulator:
    """Decides by any text that is free of errors; safe to share between tasks."""

    def __init__(self, judge: PolicyJudge) -> None:
        self.judge = judge
        self._compiled: OrderedDict[str, _Compiled] = OrderedDict()

    async def describe(self, text: control_pb2.Sources) -> simulation_service_pb2.DescribePoliciesResponse:
        """Return what a text means. Raises PolicyError."""
        return await asyncio.to_thread(_described, await self.judge.resolved(text))

    async def explain(
        self,
        text: control_pb2.Sources,
        question: decision_service_pb2.ExplainRequest,
        grants: Iterable[bundle_pb2.Grant],
    ) -> decision_service_pb2.ExplainResponse:
        """Return what a text decides and why. Raises PolicyError and RequestError."""
        compiled = await self._program(text)
        return await asyncio.to_thread(compiled.explain, question, grants)

    async def _program(self, text: control_pb2.Sources) -> _Compiled:
        name = sources.digest(text)
        found = self._compiled.get(name)
        if found is None:
            signed = await self.judge.bundle(text)
            found = await asyncio.to_thread(_compile, signed)
            self._compiled[name] = found
        self._compiled.move_to_end(name)
        while len(self._compiled) > _KEPT:
            self._compiled.popitem(last=False)
        return found


def _compile(signed: bundle_pb2.SignedBundle) -> _Compiled:
    grants = GrantTable()
    return _Compiled(Program.from_bundle(signed, grants=grants), grants, threading.Lock())


def _described(resolved: ResolvedSet) -> simulation_service_pb2.DescribePoliciesResponse:
    signed = bundle.build(resolved)
    found = bundle_pb2.Bundle.FromString(signed.bundle)
    for policy in found.policies:
        for variable in policy.variables:
            variable.expression.checked = b""
        for rule in policy.rules:
            for expression in rule.when:
                expression.checked = b""
    return simulation_service_pb2.DescribePoliciesResponse(
        bundle=found,
        bundle_hash=signed.hash,
        scenario_titles={
            f"{suite.id}/{scenario.id}": types_pb2.LocalizedText(zh=scenario.title.zh, en=scenario.title.en)
            for suite in resolved.tests
            for scenario in suite.scenarios
        },
    )
