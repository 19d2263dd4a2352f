"""PolicyService.AnalyseImpact: recorded decisions are made again by a policy set that is not in force."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from contextlib import closing

from pdp.control import sources
from pdp.engine import bundle
from pdp.errors import PolicyError
from pdp.lang.check import check
from pdp.lang.diagnostics import Severity
from pdp.lang.loader import load_texts
from pdp.snapshot.query import Asking
from pdp.snapshot.replay import analysis
from pdp.snapshot.store.base import Reader
from pdp.v1 import bundle_pb2, control_pb2, policy_service_pb2

_MAX_NAMED = 3


class ImpactAnalysis:
    """A `pdp.server.staff.policies.Impact`: reads records and compiles candidates, each call on its own.

    `asking` is asked at every call for the names of filters (the present policy set's) and the clock.
    """

    def __init__(self, reader: Reader, asking: Callable[[], Asking]) -> None:
        self.reader = reader
        self._asking = asking

    def __call__(
        self,
        request: policy_service_pb2.AnalyseImpactRequest,
        text: Callable[[policy_service_pb2.PolicyText], control_pb2.Sources],
        ended: threading.Event,
    ) -> Generator[policy_service_pb2.AnalyseImpactResponse, None, None]:
        """Yield progress and at last the result; `text` finds the candidate, `ended` is set when nobody waits.

        Raises FilterError, RequestError, PolicyError for a candidate with errors, StoreError and what `text` raises.
        """
        order = analysis.check(self._asking(), request)
        signed = compile_text(text(request.candidate))
        with closing(analysis.analyse(self.reader, order, signed)) as answers:
            for answer in answers:
                yield answer
                if ended.is_set():
                    return


def compile_text(text: control_pb2.Sources) -> bundle_pb2.SignedBundle:
    """Return the unsigned bundle of a text. Raises PolicyError that names the first errors.

    Its own scenarios are not tried: what it would change is asked before it is finished, too.
    """
    policy_set, diagnostics = load_texts(sources.texts(text))
    found = check(policy_set, diagnostics, analyse=False)
    if found is None:
        errors = [item for item in diagnostics.sorted() if item.severity is Severity.ERROR]
        named = "; ".join(f"{item.span}: {item.message}" for item in errors[:_MAX_NAMED])
        more = len(errors) - _MAX_NAMED
        words = f"the text has errors: {named}; and {more} more" if more > 0 else f"the text has errors: {named}"
        raise PolicyError(words, errors)
    return bundle.build(found)
