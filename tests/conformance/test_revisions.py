"""Old policies are told of in every answer, and a call waits for the revision that it demands."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import grpc
import pytest

from pdp.server.settings import Audit, Limits
from pdp.v1 import decision_service_pb2, types_pb2
from tests.conformance.asking import PATIENCE, Stub, batch, error_of, is_right, reason_of, request, streamed
from tests.integration.deciding import Deciding, deciding, signed
from tests.integration.threads import launch_thread

STALE = types_pb2.DIAGNOSTIC_CODE_STALE_POLICIES


@pytest.fixture
def decide(transport: str, tmp_path: Path) -> Iterator[Callable[..., Deciding]]:
    """Starts workers on revision 1."""
    with ExitStack() as stack:

        def start(**options: Any) -> Deciding:
            made = stack.enter_context(deciding(tmp_path, **({"transport": transport} | options)))
            made.publish(signed(1))
            return made

        yield start


@pytest.fixture
def open_stub() -> Iterator[Callable[[Deciding], Stub]]:
    with ExitStack() as stack:
        own = ("grpc.use_local_subchannel_pool", 1)
        yield lambda server: Stub(stack.enter_context(grpc.insecure_channel(server.target, options=[own])))


def diagnostics(stub: Stub) -> list[list[types_pb2.Diagnostic]]:
    """Return the diagnostics of a decision, of each item of a batch, and of a stream's messages."""
    made = batch(2)
    made.items[1].fields.append("nobody knows it")
    answers = [stub.Decide(request()), *(result.decision for result in stub.DecideBatch(made).results)]
    answers += [answer.response for answer in stub.DecideStream(iter([streamed()]))]
    assert is_right(answers[0])
    return [list(answer.diagnostics) for answer in answers]


def age(found: types_pb2.Diagnostic) -> int:
    assert found.message.startswith("the control store was last heard ")
    return int(found.message.split()[6])


def test_every_answer_says_that_policies_may_be_old(
    decide: Callable[..., Deciding], open_stub: Callable[[Deciding], Stub]
) -> None:
    server = decide()
    stub = open_stub(server)
    unknown = [[], [], [types_pb2.DIAGNOSTIC_CODE_UNKNOWN_FIELD], []]
    assert [[d.code for d in found] for found in diagnostics(stub)] == unknown
    server.run(server.supervisor.set_stale(75.0))
    told = diagnostics(stub)
    assert [[d.code for d in found] for found in told] == [[*before, STALE] for before in unknown]
    assert all(75 <= age(found[-1]) < 75 + PATIENCE for found in told)
    server.publish(signed(2))  # what is in force changes, how old it may be does not
    assert [found[-1].code for found in diagnostics(stub)] == [STALE] * 4
    server.run(server.supervisor.set_stale(None))
    assert [[d.code for d in found] for found in diagnostics(stub)] == unknown


def test_the_age_grows_by_itself(decide: Callable[..., Deciding], open_stub: Callable[[Deciding], Stub]) -> None:
    server = decide()
    stub = open_stub(server)
    server.run(server.supervisor.set_stale(0.0))
    deadline = time.monotonic() + PATIENCE
    while age(stub.Decide(request()).diagnostics[0]) < 2:
        assert time.monotonic() < deadline


def test_the_record_says_it_too(decide: Callable[..., Deciding], open_stub: Callable[[Deciding], Stub]) -> None:
    server = decide(audit=Audit(durability="sync"))
    stub = open_stub(server)
    stub.Decide(request())
    server.run(server.supervisor.set_stale(75.0))
    diagnostics(stub)
    server.run(server.supervisor.stop(PATIENCE))
    records = sorted(server.records(), key=lambda record: record.decision_id)
    assert [[d.code for d in record.diagnostics][-1:] for record in records] == [[], *[[STALE]] * 4]
    assert all(record.resource_key and record.revision == 1 for record in records)


def test_a_call_waits_for_its_revision_and_says_why_in_vain(
    decide: Callable[..., Deciding], open_stub: Callable[[Deciding], Stub]
) -> None:
    server = decide(limits=Limits(revision_wait=0.5), launch=launch_thread)
    stub = open_stub(server)
    error = error_of(lambda: stub.Decide(request(min_revision=2)))
    assert (error.code().name, reason_of(error)) == ("FAILED_PRECONDITION", "REVISION_TOO_OLD")
    assert error.details() == "min_revision: is 2, this node has revision 1"


def test_calls_that_wait_come_back_together(
    decide: Callable[..., Deciding], open_stub: Callable[[Deciding], Stub]
) -> None:
    server = decide(limits=Limits(revision_wait=10.0))
    stub = open_stub(server)
    calls = [stub.Decide.future(request(min_revision=2)) for _ in range(40)]
    calls += [stub.Explain.future(decision_service_pb2.ExplainRequest(request=request(min_revision=2)))]
    assert is_right(stub.Decide(request()))
    publishing = threading.Thread(target=server.publish, args=(signed(2),))
    publishing.start()
    answers = [call.result(PATIENCE) for call in calls]
    publishing.join(PATIENCE)
    assert {answer.revision for answer in answers[:-1]} == {2}
    assert answers[-1].decision.revision == 2
