"""The client for asyncio against a service on a real socket."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from client_support import Reports, Service, abort, reply_of, serving
from jingxi_client import (
    Alarm,
    AlarmKind,
    ClientClosedError,
    ConfigurationError,
    DecisionUnavailableError,
    MessageMismatchError,
    RequestRejectedError,
    Subject,
)
from jingxi_client._gen.pdp.v1 import bundle_pb2
from jingxi_client._gen.pdp.v1 import decision_service_pb2 as api
from jingxi_client.aio import AsyncClient

TELLER = Subject("T1001")
KEEP = {"algorithm": "keep", "parameters": {"prefix": 3, "suffix": 4}}
MESSAGE = {"no": "C1", "mobile": "13812348000", "accounts": [{"no": "100200300400"}, {"no": "100200300401"}]}


@pytest.fixture
def service() -> Service:
    made = Service()
    source = bundle_pb2.MessageMap(application="core-counter", name="customer")
    source.parts.add(path="$", resource_type="customer", resource_id="$.no").fields.add(
        field="mobile", paths=["$.mobile"]
    )
    part = source.parts.add(name="accounts", path="$.accounts", resource_type="account", resource_id="$.no")
    part.fields.add(field="account_no", paths=["$.no"])
    made.put_map(source)
    made.failure_rule = api.GetMessageMapResponse(pass_until_nanos=2**62)
    made.failure_rule.fallbacks.add(field="mobile", **{"pass": True})
    made.answer = lambda item: reply_of(
        dict.fromkeys(item.fields or [{"": "mobile", "accounts": "account_no"}[item.message.part]], KEEP)
    )
    return made


@pytest.fixture
def reports() -> Reports:
    return Reports()


@pytest.fixture
def target(service: Service, reports: Reports) -> Iterator[str]:
    with serving(service, reports.add_to) as port:
        yield f"127.0.0.1:{port}"


async def mask(client: AsyncClient, message: Any = MESSAGE, **more: Any) -> Any:
    return await client.mask(message, application="core-counter", name="customer", subject=TELLER, **more)


def test_mask_decide_and_prepare(service: Service, target: str) -> None:
    async def run() -> None:
        async with AsyncClient(target, deadline=30) as client:
            await client.wait_ready(30)
            await client.prepare("core-counter", "customer")
            masked = await mask(client, min_revision=3, min_grant_revision=4)
            assert masked.message == {
                "no": "C1", "mobile": "138****8000", "accounts": [{"no": "100*****0400"}, {"no": "100*****0401"}],
            }  # fmt: skip
            decision = await client.decide(["mobile", "name"], subject=TELLER)
            assert [verdict.field for verdict in decision.verdicts] == ["mobile", "name"]
        with pytest.raises(ClientClosedError):
            await client.decide(["mobile"], subject=TELLER)
        await client.close()

    asyncio.run(run())
    assert service.names() == ["GetMessageMap", "DecideBatch", "Decide"]
    assert (service.calls[1][1].min_revision, service.calls[1][1].min_grant_revision) == (3, 4)


def test_a_thousand_tasks_share_a_client(target: str) -> None:
    async def run() -> list[Any]:
        async with AsyncClient(target, deadline=60) as client:
            return await asyncio.gather(*(mask(client) for _ in range(1_000)))

    assert {found.message["mobile"] for found in asyncio.run(run())} == {"138****8000"}


def test_errors_are_those_of_the_other_client(service: Service, target: str) -> None:
    async def run() -> None:
        async with AsyncClient(target, deadline=30) as client:
            with pytest.raises(MessageMismatchError):
                await mask(client, [])
            service.before = lambda _, __, context: abort(context, grpc.StatusCode.INVALID_ARGUMENT, "wrong", "")
            with pytest.raises(RequestRejectedError):
                await client.decide(["a"], subject=TELLER)
        with pytest.raises(ConfigurationError):
            AsyncClient("pdp.example:1")

    asyncio.run(run())


def test_a_service_that_does_not_answer_takes_no_longer_than_the_deadline() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:

        async def run() -> None:
            async with AsyncClient(f"127.0.0.1:{silent.getsockname()[1]}", deadline=0.3) as client:
                began = asyncio.get_running_loop().time()
                with pytest.raises(DecisionUnavailableError):
                    await client.decide(["a"], subject=TELLER)
                assert asyncio.get_running_loop().time() - began < 5
                with pytest.raises(DecisionUnavailableError, match="no node"):
                    await client.wait_ready(0.1)

        asyncio.run(run())


def test_a_task_that_is_cancelled_leaves_the_breaker_as_it_was(service: Service, target: str) -> None:
    async def run() -> None:
        async with AsyncClient(target, deadline=30) as client:
            await client.prepare("core-counter", "customer")
            tasks = [asyncio.create_task(mask(client)) for _ in range(10)]
            await asyncio.sleep(0)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            assert (await mask(client)).fallback is None

    asyncio.run(run())


def test_failure_rule_and_reports(service: Service, target: str, reports: Reports, tmp_path: Path) -> None:
    alarms: list[Alarm] = []

    async def run() -> None:
        async with AsyncClient(target, deadline=30, state=tmp_path, alarm=alarms.append) as client:
            await client.prepare("core-counter", "customer")
            service.before = lambda _, __, context: abort(context, grpc.StatusCode.UNAVAILABLE, "away", "")
            found = await asyncio.gather(*(mask(client) for _ in range(20)))
            assert all(masked.fallback.passed == ("$.mobile",) for masked in found)
            assert all(masked.message["accounts"] == [{"no": "***"}, {"no": "***"}] for masked in found)
            service.before = lambda *_: None
            client._core.breaker.succeeded()
            assert (await mask(client)).fallback is None
            await asyncio.to_thread(reports.wait_for, 20)

    asyncio.run(run())
    assert [event.sequence for event in reports.events] == list(range(1, 21))
    assert AlarmKind.BREAKER_OPENED in {alarm.kind for alarm in alarms}


def test_what_waits_is_reported_on_closing(service: Service, target: str, reports: Reports, tmp_path: Path) -> None:
    async def run() -> None:
        async with AsyncClient(target, deadline=30, state=tmp_path) as client:
            await client.prepare("core-counter", "customer")
            service.before = lambda _, __, context: abort(context, grpc.StatusCode.UNAVAILABLE, "away", "")
            await mask(client)

    asyncio.run(run())
    assert [event.sequence for event in reports.events] == [1]
