"""A decorator for functions that return a message: what they return is masked."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec, Protocol

from jingxi_client.decisions import Action, Masked, Resource, Subject
from jingxi_client.errors import ConfigurationError

_P = ParamSpec("_P")


class Masks(Protocol):
    """A client of any kind: `Client`, `AsyncClient` or `OfflineClient`."""

    def mask(self, message: Any, **about: Any) -> Any:
        """Return a Masked, or an awaitable of one."""


def masked(
    client: Masks | Callable[[], Masks],
    *,
    application: str,
    name: str,
    subject: Callable[_P, Subject],
    context: Callable[_P, Mapping[str, Any]] | None = None,
    action: Callable[_P, Action] | None = None,
    resource: Callable[_P, Resource] | None = None,
    whole: bool = False,
) -> Callable[[Callable[_P, Any]], Callable[_P, Any]]:
    """Return a decorator by which a function returns the masked copy of the message that it returned before.

    `client` may be a function that returns it, for one that is made later. `subject`, `context`, `action` and
    `resource` get the arguments of the call. With `whole` the Masked is returned and not its message alone. A
    coroutine function may have a client of any kind, another function none that is awaited.

    What `mask` raises goes through, so that nothing is returned unmasked.
    """
    asked = {"context": context, "action": action, "resource": resource}

    def about(*args: _P.args, **kwargs: _P.kwargs) -> dict[str, Any]:
        found: dict[str, Any] = {"application": application, "name": name, "subject": subject(*args, **kwargs)}
        return found | {what: say(*args, **kwargs) for what, say in asked.items() if say is not None}

    def the_client() -> Masks:
        return client if hasattr(client, "mask") else client()

    def shown(found: Masked) -> Any:
        return found if whole else found.message

    def decorate(function: Callable[_P, Any]) -> Callable[_P, Any]:
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def awaiting(*args: _P.args, **kwargs: _P.kwargs) -> Any:
                message = await function(*args, **kwargs)
                mask = the_client().mask
                if inspect.iscoroutinefunction(mask):
                    return shown(await mask(message, **about(*args, **kwargs)))
                return shown(await asyncio.to_thread(mask, message, **about(*args, **kwargs)))

            return awaiting

        @functools.wraps(function)
        def calling(*args: _P.args, **kwargs: _P.kwargs) -> Any:
            mask = the_client().mask
            if inspect.iscoroutinefunction(mask):
                raise ConfigurationError(f"`{function.__name__}` is no coroutine function; give it a `Client`")
            return shown(mask(function(*args, **kwargs), **about(*args, **kwargs)))

        return calling

    return decorate
