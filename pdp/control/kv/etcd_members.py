"""The members of an etcd cluster: which one to ask, how long, and what to make of its errors.

One channel a member, so that a member that is paused or cut off from the others is left for the next one: within one
channel grpc would stay with it for as long as its connection stands.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import grpc
from aetcd.rpc import KVStub, LeaseStub, WatchStub

from pdp.control.kv.tls import EtcdTls
from pdp.errors import CompactedError, ConfigError, ControlStoreError, LeaseEndedError, PdpError

T = TypeVar("T")

MAX_MESSAGE: Final = 16 * 1024 * 1024
"""Bytes of an answer that are taken: a fragment of a watch has at most some 2 MB, a page is asked for in such sizes."""
HAS_LEADER: Final = (("hasleader", "true"),)
"""Tells a member to refuse, rather than to wait or to go stale, while it knows of no leader."""
_NO_LEADER: Final = "etcdserver: no leader"
_PAUSE: Final = 0.05
_LEAVE_SECONDS: Final = 30.0
_OPTIONS: Final = (
    ("grpc.max_receive_message_length", MAX_MESSAGE),
    ("grpc.max_send_message_length", MAX_MESSAGE),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 1_000),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    # A watch on a machine that vanished ends after 15 s; etcd forbids to ask more often than every 5.
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.enable_http_proxy", 0),
    # Two stores in one process share no connection that waits to try again.
    ("grpc.use_local_subchannel_pool", 1),
)
_ELSEWHERE: Final = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED}


class Member:
    """A channel to one member."""

    def __init__(self, address: str, credentials: grpc.ChannelCredentials | None) -> None:
        self.address = address
        self.channel = (
            grpc.aio.insecure_channel(address, _OPTIONS)
            if credentials is None
            else grpc.aio.secure_channel(address, credentials, _OPTIONS)
        )
        self.kv: Any = KVStub(self.channel)
        self.lease: Any = LeaseStub(self.channel)
        self.watch: Any = WatchStub(self.channel)

    def is_ready(self) -> bool:
        """Tell whether a connection stands; if none does, one is begun."""
        return self.channel.get_state(try_to_connect=True) is grpc.ChannelConnectivity.READY


Call = Callable[[Member, float], Awaitable[T]]
"""Asks a member with a timeout in seconds."""


class Members:
    """Asks whichever member answers, each question for at most `timeout` seconds in all."""

    def __init__(self, urls: Sequence[str], tls: EtcdTls | None, timeout: float) -> None:
        self._addresses = [_address(url, tls is not None) for url in urls]
        if not self._addresses:
            raise ConfigError("name at least one member of the etcd cluster, such as `https://etcd1:2379`")
        self._tls = tls
        self._files = None if tls is None else _read(tls)
        self._timeout = timeout
        self._members: list[Member] = []
        # Nodes do not all begin with the same member.
        self._preferred = secrets.randbelow(len(self._addresses))
        self._closed = False
        self._leaving: dict[asyncio.Task[None], Member] = {}

    @property
    def closed(self) -> bool:
        """Whether the store is closed."""
        return self._closed

    async def repeatable(self, call: Call[T]) -> T:
        """Ask for what may be done twice, so another member is asked when one does not answer. Raises
        ControlStoreError, CompactedError and LeaseEndedError.
        """
        return await self._ask(call, attempt_share=len(self._addresses), is_refused=lambda error: True)

    async def once(self, call: Call[T]) -> T:
        """Ask for what must not be done twice: another member only when the first has surely done nothing. Raises
        as `repeatable` does.
        """
        return await self._ask(
            call, attempt_share=1, is_refused=lambda error: (error.details() or "").startswith(_NO_LEADER)
        )

    async def _ask(self, call: Call[T], *, attempt_share: int, is_refused: Callable[[grpc.aio.AioRpcError], bool]) -> T:
        clock = asyncio.get_running_loop().time
        deadline = clock() + self._timeout
        share = self._timeout / attempt_share
        while True:
            member = await self.ready(deadline)
            left = deadline - clock()
            if left <= 0:
                raise ControlStoreError(f"no etcd member answers within {self._timeout:g} s")
            try:
                return await call(member, min(left, share))
            except grpc.aio.AioRpcError as error:
                if error.code() in _ELSEWHERE:
                    self.avoid(member)
                    if is_refused(error) and deadline - clock() > _PAUSE:
                        await asyncio.sleep(_PAUSE)
                        continue
                raise translate(error) from error
            except (asyncio.CancelledError, grpc.aio.UsageError) as error:
                # A channel that is closed cancels its calls, which looks as if the task had been.
                if is_cancelled():
                    raise
                raise self.ended() from error

    async def ready(self, deadline: float | None = None) -> Member:
        """Return the first member, from the preferred one on, whose connection stands, or else is there first; until a
        time of the event loop's clock. Raises ControlStoreError.
        """
        if self._closed:
            raise ControlStoreError("the control store is closed")
        order = self._in_order()
        # Each is asked, so that each that is there again gets its connection.
        standing = [member for member in order if member.is_ready()]
        if standing:
            return standing[0]
        if self._take_renewed():
            order = self._in_order()
        clock = asyncio.get_running_loop().time
        left = self._timeout if deadline is None else max(0.0, deadline - clock())
        waiting = {asyncio.create_task(member.channel.channel_ready()): member for member in order}
        try:
            done, _ = await asyncio.wait(waiting, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()
            ended = await asyncio.gather(*waiting, return_exceptions=True)
        if self._closed:
            raise ControlStoreError("the control store is closed")
        for task, result in zip(waiting, ended, strict=True):
            if task in done and result is None:
                return waiting[task]
        names = ", ".join(f"`{address}`" for address in self._addresses)
        raise ControlStoreError(
            f"no connection to etcd at {names} within {self._timeout:g} s; check that the members run and, for TLS, "
            "that each side trusts the other's certificate"
        )

    def ended(self) -> ControlStoreError:
        """Return the error of a call whose channel was closed."""
        return ControlStoreError(
            "the control store is closed" if self._closed else "the connection to etcd was given up for a new one"
        )

    def _in_order(self) -> list[Member]:
        if not self._members:
            credentials = None if self._files is None else grpc.ssl_channel_credentials(*self._files)
            self._members = [Member(address, credentials) for address in self._addresses]
        return [*self._members[self._preferred :], *self._members[: self._preferred]]

    def _take_renewed(self) -> bool:
        """Give up the channels, none of which stands, if the files for TLS are others now; return whether they are.

        A certificate that has expired is renewed where it lies, and no node is started again for that.
        """
        if self._tls is None:
            return False
        try:
            files = _read(self._tls)
        except ConfigError:  # just being replaced; what was read before may still do
            return False
        if files == self._files:
            return False
        self._files = files
        members, self._members = self._members, []
        # What still waits on them ends by its own timeout, or by the keepalive.
        for member in members:
            task = asyncio.create_task(member.channel.close(_LEAVE_SECONDS))
            self._leaving[task] = member
            task.add_done_callback(self._leaving.pop)
        return True

    def avoid(self, member: Member) -> None:
        """Prefer the next member to one that failed."""
        if self._members and self._members[self._preferred] is member:
            self._preferred = (self._preferred + 1) % len(self._members)

    async def close(self) -> None:
        """Close every channel; what is under way ends."""
        self._closed = True
        members, self._members = [*self._members, *self._leaving.values()], []
        leaving = tuple(self._leaving)
        for task in leaving:
            task.cancel()
        await asyncio.gather(*leaving, return_exceptions=True)
        await asyncio.gather(*(member.channel.close(None) for member in members))


def is_cancelled() -> bool:
    """Tell whether somebody cancelled the task that runs."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def translate(error: grpc.aio.AioRpcError) -> PdpError:
    """Return what a member's error means. etcd's own texts name no key and no value; others' are left out."""
    code, details = error.code(), error.details() or ""
    if not details.startswith("etcdserver:"):
        if code is grpc.StatusCode.DEADLINE_EXCEEDED:
            return ControlStoreError("etcd did not answer in time")
        return ControlStoreError(f"the call to etcd failed with {code.name}")
    if "revision has been compacted" in details:
        return CompactedError("the history of etcd no longer goes back that far")
    if "lease not found" in details:
        return LeaseEndedError("the lease has ended")
    return ControlStoreError(f"etcd refuses: {details[:200]}")


def _read(tls: EtcdTls) -> tuple[bytes, bytes, bytes]:
    """Return authorities, key and certificate in PEM. Raises ConfigError."""
    try:
        return tls.ca.read_bytes(), tls.key.read_bytes(), tls.certificate.read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot read `{error.filename}` for TLS to etcd: {error.strerror}") from error


def _address(url: str, tls: bool) -> str:
    parts = urlsplit(url)
    scheme = "https" if tls else "http"
    if parts.scheme != scheme or not parts.hostname or not parts.port or parts.path.strip("/") or "@" in parts.netloc:
        # The URL itself may hold a password.
        raise ConfigError(f"an etcd member's URL is `{scheme}://host:port`{' with the files of TLS' if tls else ''}")
    return parts.netloc
