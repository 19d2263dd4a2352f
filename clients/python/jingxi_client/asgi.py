"""ASGI middleware, such as for FastAPI and Starlette: the JSON that an endpoint answers leaves the process masked.

app = MaskingMiddleware(app, client=client, routes=[Route("/customers/{no}", "core-counter", "customer-detail")],
                        subject=lambda scope: Subject(teller_of(scope)))
"""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol

from jingxi_client.decisions import Action, Masked, Resource, Subject
from jingxi_client.errors import JingxiError

MAX_BODY = 16 * 1024 * 1024

log = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class Masks(Protocol):
    """A client of any kind: `Client`, `AsyncClient` or `OfflineClient`."""

    def mask(self, message: Any, **about: Any) -> Any:
        """Return a Masked, or an awaitable of one."""


@dataclass(frozen=True, slots=True)
class Route:
    """Paths whose answers are masked by a message map.

    `path` is such as `/customers/{no}`; a name in braces stands for any text without a slash. `methods` are those whose
    answers hold data.
    """

    path: str
    application: str
    name: str
    methods: Sequence[str] = ("GET", "POST", "PUT", "PATCH")
    _pattern: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        parts = re.split(r"\{[A-Za-z_][A-Za-z0-9_]*\}", self.path)
        object.__setattr__(self, "_pattern", re.compile("[^/]+".join(map(re.escape, parts))))

    def matches(self, scope: Scope) -> bool:
        """Whether a request is for this route."""
        return scope["method"] in self.methods and self._pattern.fullmatch(scope["path"]) is not None


class MaskingMiddleware:
    """Masks the JSON answers of some routes; all others pass as they are.

    `subject` says from the request's scope who asks; `context`, `action`, `resource` and `grant_ids` say the rest of
    the question, if anything. An answer that cannot be masked does not leave: it is 503 without a verdict, and 500
    when the answer is no JSON, larger than 16 MB or does not fit its map. What the policy set obliges to is in
    `scope["jingxi"]`, a Masked, for whatever stands outside of the middleware.
    """

    def __init__(
        self,
        app: App,
        *,
        client: Masks,
        routes: Sequence[Route],
        subject: Callable[[Scope], Subject],
        context: Callable[[Scope], Mapping[str, Any]] | None = None,
        action: Callable[[Scope], Action] | None = None,
        resource: Callable[[Scope], Resource] | None = None,
        grant_ids: Callable[[Scope], Sequence[str]] | None = None,
    ) -> None:
        self._app = app
        self._client = client
        self._routes = tuple(routes)
        self._about: dict[str, Callable[[Scope], Any]] = {
            name: say
            for name, say in (
                ("subject", subject), ("context", context), ("action", action), ("resource", resource),
                ("grant_ids", grant_ids),
            )
            if say is not None
        }  # fmt: skip

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        route = next((r for r in self._routes if scope["type"] == "http" and r.matches(scope)), None)
        if route is None:
            await self._app(scope, receive, send)
            return
        answer = _Answer()
        await self._app(scope, receive, answer.take)
        status, headers, body = answer.status, answer.headers, bytes(answer.body)
        if body:
            status, headers, body = await self._masked(route, scope, answer)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _masked(
        self, route: Route, scope: Scope, answer: _Answer
    ) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        if answer.too_large:
            return _refused(500, "the answer is too large to be masked")
        try:
            message = json.loads(bytes(answer.body), parse_float=Decimal)
        except ValueError:
            if answer.status >= 400 and not answer.is_json:
                # What a framework says of an error is no data.
                return answer.status, answer.headers, bytes(answer.body)
            return _refused(500, "the answer is no JSON, so it cannot be masked")
        try:
            masked = await self._ask(message, route, scope)
        except JingxiError as error:
            log.warning("%s was not answered: %s", route.path, error)
            return _refused(503 if error.code in ("unavailable", "stale_revision") else 500, "the answer is withheld")
        scope["jingxi"] = masked
        body = dumped(masked.message).encode()
        headers = [(name, value) for name, value in answer.headers if name.lower() != b"content-length"]
        return answer.status, [*headers, (b"content-length", str(len(body)).encode())], body

    async def _ask(self, message: Any, route: Route, scope: Scope) -> Masked:
        about = {name: say(scope) for name, say in self._about.items()}
        about |= {"application": route.application, "name": route.name}
        if inspect.iscoroutinefunction(self._client.mask):
            found: Masked = await self._client.mask(message, **about)
        else:
            found = await asyncio.to_thread(self._client.mask, message, **about)
        return found


class _Answer:
    """Collects what an application answers."""

    def __init__(self) -> None:
        self.status = 500
        self.headers: list[tuple[bytes, bytes]] = []
        self.body = bytearray()
        self.too_large = False

    @property
    def is_json(self) -> bool:
        return any(name.lower() == b"content-type" and b"json" in value.lower() for name, value in self.headers)

    async def take(self, message: Message) -> None:
        """Take a message that the application sends."""
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], list(message.get("headers", ()))
        elif message["type"] == "http.response.body" and not self.too_large:
            self.body += message.get("body", b"")
            self.too_large = len(self.body) > MAX_BODY


def dumped(value: Any) -> str:
    """Return JSON in which decimals keep their digits."""
    match value:
        case Decimal():
            return str(value)
        case dict():
            return "{" + ",".join(f"{json.dumps(str(k))}:{dumped(v)}" for k, v in value.items()) + "}"
        case list() | tuple():
            return "[" + ",".join(map(dumped, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def _refused(status: int, detail: str) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    body = json.dumps({"detail": detail}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    return status, headers, body
