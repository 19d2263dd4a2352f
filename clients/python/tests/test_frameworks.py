"""The middleware under Starlette, and the decorator, with every kind of client."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route as StarletteRoute

from client_support import Service, reply_of
from jingxi_client import Action, Client, ConfigurationError, DecisionUnavailableError, Masked, Resource, Subject
from jingxi_client._gen.pdp.v1 import bundle_pb2
from jingxi_client.aio import AsyncClient
from jingxi_client.asgi import MAX_BODY, MaskingMiddleware, Route, dumped
from jingxi_client.decorators import masked

KEEP = {"algorithm": "keep", "parameters": {"prefix": 3, "suffix": 4}}
CUSTOMER = {"mobile": "13812348000", "balance": 12.5, "name": "张三"}
SHOWN = {"mobile": "138****8000", "balance": 12.5, "name": "张三"}


@pytest.fixture
def service(service: Service) -> Service:
    source = bundle_pb2.MessageMap(application="desk", name="customer")
    source.parts.add(path="$").fields.add(field="mobile", paths=["$.mobile"])
    service.put_map(source)
    service.answer = lambda _: reply_of({"mobile": KEEP})
    return service


@pytest.fixture
def client(service: Service, target: str) -> Iterator[Client]:
    with Client(target, deadline=30) as made:
        yield made


async def customer(request: Request) -> Response:
    match request.path_params["no"]:
        case "missing":
            return PlainTextResponse("not found", 404)
        case "gone":
            return JSONResponse({"detail": "gone", "mobile": "13812348000"}, 410)
        case "text":
            return PlainTextResponse("call 13812348000")
        case "list":
            return JSONResponse(["13812348000"])
        case "empty":
            return Response(status_code=204)
        case "digits":
            return Response('{"mobile": 13812348000, "balance": 12.50, "rate": 1E-5}', media_type="application/json")
        case "large":
            return StreamingResponse(b"x" * 1024 * 1024 for _ in range(MAX_BODY // 1024 // 1024 + 1))
        case "pieces":
            return StreamingResponse(iter([b'{"mobile": "138', b'12348000"}']), media_type="application/json")
    return JSONResponse(CUSTOMER)


def app_of(client: Any, **more: Any) -> Starlette:
    middleware = Middleware(
        MaskingMiddleware,
        client=client,
        routes=[Route("/customers/{no}", "desk", "customer")],
        subject=lambda scope: Subject(dict(scope["headers"])[b"x-teller"].decode()),
        **more,
    )
    routes = [StarletteRoute("/customers/{no}", customer), StarletteRoute("/raw/{no}", customer)]
    return Starlette(routes=routes, middleware=[middleware])


async def get(app: Any, path: str) -> tuple[int, dict[bytes, bytes], bytes]:
    sent: list[Any] = []

    asked: list[Any] = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> Any:
        if not asked:
            await asyncio.Event().wait()  # nobody hangs up
        return asked.pop()

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "",
        "headers": [(b"x-teller", b"T1001")], "http_version": "1.1", "scheme": "http", "server": ("test", 80),
    }  # fmt: skip
    await app(scope, receive, send)
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return sent[0]["status"], dict(sent[0]["headers"]), body


def fetch(app: Any, path: str) -> tuple[int, dict[bytes, bytes], bytes]:
    return asyncio.run(get(app, path))


def test_answers_of_a_route_are_masked_and_others_are_not(client: Client, service: Service) -> None:
    app = app_of(
        client, context=lambda scope: {"menu": scope["path"]}, action=lambda _: Action("query"),
        resource=lambda _: Resource("customer", "C1"), grant_ids=lambda _: ["G1"],
    )  # fmt: skip
    status, headers, body = fetch(app, "/customers/C1")
    assert (status, json.loads(body)) == (200, SHOWN)
    assert headers[b"content-length"] == str(len(body)).encode()
    assert json.loads(fetch(app, "/raw/C1")[2]) == CUSTOMER
    _, asked = service.calls[-1]
    assert (asked.subject.id, asked.action.name, asked.resource.id) == ("T1001", "query", "C1")
    assert (asked.context["menu"].string_value, list(asked.grant_ids)) == ("/customers/C1", ["G1"])


def test_with_the_client_of_asyncio(service: Service, target: str) -> None:
    async def run() -> bytes:
        async with AsyncClient(target, deadline=30) as client:
            return (await get(app_of(client), "/customers/pieces"))[2]

    assert json.loads(asyncio.run(run())) == {"mobile": "138****8000"}


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("missing", 404, b"not found"),
        ("gone", 410, b'{"detail":"gone","mobile":"138****8000"}'),
        ("text", 500, b"no JSON"),
        ("list", 500, b"withheld"),
        ("large", 500, b"too large"),
        ("empty", 204, b""),
    ],
)
def test_nothing_leaves_unmasked(client: Client, path: str, status: int, said: bytes) -> None:
    found, _, body = fetch(app_of(client), f"/customers/{path}")
    assert found == status
    assert said in body
    assert b"13812348000" not in body


def test_digits_of_numbers_stay(client: Client) -> None:
    body = fetch(app_of(client), "/customers/digits")[2]
    assert body == b'{"mobile":"138****8000","balance":12.50,"rate":0.00001}'


def test_without_a_verdict_the_answer_is_withheld(service: Service) -> None:
    with Client("127.0.0.1:1", deadline=0.2) as client:
        status, _, body = fetch(app_of(client), "/customers/C1")
    assert status == 503
    assert b"13812348000" not in body


def test_dumped_is_json() -> None:
    value = {"a": [1, 2.5, True, None, "é\n"], "b": {"c": Decimal("1.00")}, "d": ()}
    assert json.loads(dumped(value)) == {"a": [1, 2.5, True, None, "é\n"], "b": {"c": 1.0}, "d": []}


class TestDecorator:
    def test_a_function_returns_its_message_masked(self, client: Client, service: Service) -> None:
        @masked(
            client, application="desk", name="customer", subject=lambda no, teller: Subject(teller),
            context=lambda no, teller: {"menu": no}, action=lambda *_: Action("query"),
            resource=lambda no, teller: Resource("customer", no),
        )  # fmt: skip
        def load(no: str, teller: str) -> dict[str, Any]:
            """Load a customer."""
            return dict(CUSTOMER)

        assert load("C1", "T1") == SHOWN
        assert load.__doc__ == "Load a customer."
        _, asked = service.calls[-1]
        assert (asked.subject.id, asked.resource.id, asked.context["menu"].string_value) == ("T1", "C1", "C1")

    def test_coroutine_functions_take_a_client_of_any_kind(self, client: Client, target: str) -> None:
        async def run() -> None:
            async with AsyncClient(target, deadline=30) as other:
                for each in (client, other):

                    @masked(each, application="desk", name="customer", subject=lambda: Subject("T1"), whole=True)
                    async def load() -> dict[str, Any]:
                        return dict(CUSTOMER)

                    found = await load()
                    assert isinstance(found, Masked)
                    assert found.message == SHOWN

                @masked(other, application="desk", name="customer", subject=lambda: Subject("T1"))
                def waiting() -> dict[str, Any]:
                    return dict(CUSTOMER)

                with pytest.raises(ConfigurationError, match="is no coroutine function"):
                    waiting()

        asyncio.run(run())

    def test_the_client_may_be_made_later(self, client: Client) -> None:
        made: list[Client] = []

        @masked(lambda: made[0], application="desk", name="customer", subject=lambda: Subject("T1"))
        def load() -> dict[str, Any]:
            return dict(CUSTOMER)

        made.append(client)
        assert load() == SHOWN

    def test_what_mask_raises_goes_through(self) -> None:
        with Client("127.0.0.1:1", deadline=0.2) as away:

            @masked(away, application="desk", name="customer", subject=lambda: Subject("T1"))
            def load() -> dict[str, Any]:
                return dict(CUSTOMER)

            with pytest.raises(DecisionUnavailableError):
                load()
