"""SecurityService: what is unusual about sign-ins, publications without an approval, and what somebody found of it."""

# ruff: noqa: N802, D102 - methods are named, and told, by the service's definition

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import grpc

from pdp.control.accounts.telling import differences
from pdp.control.accounts.unusual import class_word
from pdp.control.steps import Who
from pdp.errors import RequestError, Violation
from pdp.server.staff.account_host import AccountHost, Recorder
from pdp.server.staff.calls import Calls
from pdp.snapshot.query import Tokens
from pdp.v1 import anomaly_pb2, security_service_pb2, security_service_pb2_grpc

SERVICE: str = security_service_pb2.DESCRIPTOR.services_by_name["SecurityService"].full_name
MAX_PAGE: Final = 1_000
_USUAL: Final = 100


class SecurityServicer(security_service_pb2_grpc.SecurityServiceServicer):
    """Answers out of the control store."""

    def __init__(self, calls: Calls, host: AccountHost, tokens: Tokens) -> None:
        self._calls = calls
        self._accounts = host.accounts
        self._run = host.run
        self._recorder = Recorder(calls, host)
        self._tokens = tokens

    def ListAnomalies(
        self, request: security_service_pb2.ListAnomaliesRequest, context: grpc.ServicerContext
    ) -> security_service_pb2.ListAnomaliesResponse:
        def act() -> security_service_pb2.ListAnomaliesResponse:
            size = request.page_size or _USUAL
            if not 0 < size <= MAX_PAGE:
                words = f"is {size}, must be 1 to {MAX_PAGE}, or 0 for {_USUAL}"
                raise RequestError(Violation("page_size", words))
            token = request.page_token
            after = str(self._tokens.read("anomalies", token, "page_token")["after"]) if token else ""
            page = self._run(
                self._accounts.list_anomalies(
                    after=after, limit=size, state=request.state, kind=request.kind, account=request.account
                )
            )
            following = self._tokens.write("anomalies", {"after": page.next}) if page.next else ""
            return security_service_pb2.ListAnomaliesResponse(anomalies=page.anomalies, next_page_token=following)

        return self._calls.answer(context, "ListAnomalies", None, act)

    def ReviewAnomaly(
        self, request: security_service_pb2.ReviewAnomalyRequest, context: grpc.ServicerContext
    ) -> security_service_pb2.ReviewAnomalyResponse:
        def act() -> tuple[security_service_pb2.ReviewAnomalyResponse, Mapping[str, str]]:
            who = Who(self._calls.actor(context), request.note)
            done = self._run(self._accounts.review_anomaly(request.id, request.verdict, who))
            anomaly = done.anomaly
            verdict = anomaly_pb2.AnomalyState.Name(anomaly.state).removeprefix("ANOMALY_STATE_").lower()
            about = {"class": class_word(anomaly.kind), "account": anomaly.account, "verdict": verdict}
            if "revision" in anomaly.details:
                about["revision"] = anomaly.details["revision"]
            changed = {} if done.after is None else differences(done.before, done.after)
            return security_service_pb2.ReviewAnomalyResponse(anomaly=anomaly), {**about, **changed}

        about = {"anomaly": request.id[:64], **({"note": request.note} if request.note else {})}
        return self._recorder.change(context, "ReviewAnomaly", "anomaly.review", about, act)
