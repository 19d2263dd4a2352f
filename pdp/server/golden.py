"""The self-test of a bundle: a node must reproduce its golden cases before it decides by it."""

from __future__ import annotations

from collections.abc import Iterator

from pdp.engine.program import Program
from pdp.engine.wire_masks import mask_message, mask_parameters
from pdp.errors import GoldenCaseError, RequestError
from pdp.masks import catalogue
from pdp.server.grants import GrantTable
from pdp.v1 import bundle_pb2, types_pb2
from pdp.v1.decision_service_pb2 import DecideResponse


def verify(program: Program, grants: GrantTable) -> None:
    """Decide every golden case; `grants` is the table that the program asks and is left empty.

    Raises GoldenCaseError.
    """
    cases = program.bundle.golden_cases
    failed = [problem for case in cases for problem in [_problem(program, grants, case)] if problem]
    grants.replace({})
    if failed:
        count = f"{len(failed)} of {len(cases)} scenarios come out otherwise than expected"
        raise GoldenCaseError(f"{count}, first {failed[0]}; `pdp test` shows them all")


def _problem(program: Program, grants: GrantTable, case: bundle_pb2.GoldenCase) -> str:
    try:
        wrong = [expected.field for expected, _ in mismatches(case, run(program, grants, case))]
    except RequestError as error:
        return f"`{case.name}`: {error}"
    return f"`{case.name}` at `{wrong[0]}`" if wrong else ""


def run(program: Program, grants: GrantTable, case: bundle_pb2.GoldenCase) -> DecideResponse:
    """Decide one case with its own grants, which stay in the table. Raises RequestError."""
    grants.replace({grant.id: grant for grant in case.grants})
    return DecideResponse.FromString(program.decide(case.request, case.now_nanos))


def mismatches(
    case: bundle_pb2.GoldenCase, decision: DecideResponse
) -> Iterator[tuple[bundle_pb2.ExpectedVerdict, types_pb2.Verdict]]:
    """Yield the expected verdicts that the decision does not meet, with what it says instead."""
    verdicts = {verdict.field: verdict for verdict in decision.verdicts}
    for expected in case.expected:
        verdict = verdicts[expected.field]
        if not _is_met(expected, verdict, decision):
            yield expected, verdict


def _is_met(expected: bundle_pb2.ExpectedVerdict, verdict: types_pb2.Verdict, decision: DecideResponse) -> bool:
    if verdict.effect != expected.effect:
        return False
    if verdict.effect == types_pb2.EFFECT_UNMASK or not expected.HasField("mask"):
        return True
    # What a mask does counts, not what it is called, nor whether defaults were written out.
    wanted, got = expected.mask, decision.masks[verdict.mask]
    parameters = catalogue.complete(wanted.algorithm, mask_parameters(wanted))
    return mask_message(got.name, wanted.algorithm, parameters) == got
