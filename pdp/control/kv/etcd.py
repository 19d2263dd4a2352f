"""The key-value store in an etcd cluster, version 3.4 or newer.

The calls are our own on the stubs that the package aetcd publishes; docs/adr/0013 says why. Every read is
linearizable: a majority confirms it. All keys stand below a prefix, so that others may use the cluster too.
"""

# ruff: noqa: D102 - `base` tells what methods do

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from typing import Any, Final

import grpc
from aetcd import rpc

from pdp.control.kv import bounds
from pdp.control.kv.base import Committed, Delete, Event, KeyValue, Page, Put, Unchanged
from pdp.control.kv.etcd_members import HAS_LEADER, Member, Members, is_cancelled, translate
from pdp.control.kv.tls import EtcdTls
from pdp.errors import CompactedError, ConfigError, ControlStoreError, LeaseEndedError

MAX_NAMESPACE: Final = 128
# grpc-stubs does not know it.
_EOF: Final[Any] = grpc.aio.EOF  # type: ignore[attr-defined]
_DELETE: Final = rpc.Event.EventType.DELETE


class EtcdStore:
    """See `base.KeyValueStore`."""

    def __init__(
        self, urls: Sequence[str], *, tls: EtcdTls | None = None, namespace: str = "/jingxi/", timeout: float = 5.0
    ) -> None:
        """Take the members' URLs, how they are reached, the prefix of all keys and the seconds a call may take.

        Raises ConfigError. Whether the cluster is there shows at the first call.
        """
        self._namespace = namespace.encode()
        if not 1 <= len(self._namespace) <= MAX_NAMESPACE:
            raise ConfigError(f"the prefix of the keys in etcd has 1 to {MAX_NAMESPACE} bytes")
        self._timeout = timeout
        self._members = Members(urls, tls, timeout)
        self._watches: set[Any] = set()

    async def get(self, key: str) -> KeyValue | None:
        bounds.check_key(key)
        found = await self._range(rpc.RangeRequest(key=self._raw(key)))
        return self._key_value(found.kvs[0]) if found.kvs else None

    async def range(self, prefix: str, *, after: str = "", limit: int = 1_000, revision: int = 0) -> Page:
        bounds.check_range(prefix, after, limit, revision)
        start = self._raw(max(prefix, after + "\0" if after else ""))
        end = bounds.prefix_end(self._raw(prefix))
        while True:
            request = rpc.RangeRequest(key=start, range_end=end, limit=limit, revision=revision)
            try:
                found = await self._range(request)
            except _TooLargeError:
                limit = (limit + 1) // 2
                continue
            items = [self._key_value(one) for one in found.kvs]
            return Page(items, revision or found.header.revision, found.more)

    async def commit(self, conditions: Sequence[Unchanged], changes: Sequence[Put | Delete]) -> Committed:
        bounds.check_commit(conditions, changes)
        compare = [
            rpc.Compare(
                result=rpc.Compare.CompareResult.EQUAL,
                target=rpc.Compare.CompareTarget.MOD,
                key=self._raw(condition.key),
                mod_revision=condition.modified,
            )
            for condition in conditions
        ]
        request = rpc.TxnRequest(compare=compare, success=[self._operation(change) for change in changes])
        if not changes:
            # A transaction without an operation is answered by the member alone, which may lag behind.
            look = rpc.RequestOp(request_range=rpc.RangeRequest(key=self._namespace, count_only=True))
            request.success.append(look)
            request.failure.append(look)

        async def send(member: Member, within: float) -> Any:
            return await member.kv.Txn(request, timeout=within, metadata=HAS_LEADER)

        done = await (self._members.once(send) if changes else self._members.repeatable(send))
        return Committed(done.succeeded, done.header.revision)

    async def revision(self) -> int:
        found = await self._range(rpc.RangeRequest(key=self._namespace, count_only=True))
        return int(found.header.revision)

    async def watch(self, prefix: str, after: int) -> AsyncGenerator[Sequence[Event], None]:
        bounds.check_watch(prefix, after)
        member = await self._members.ready()
        # From `after` itself, though that is known: then etcd says so when it is compacted. From the next one on, etcd
        # before 3.4.36 and 3.5.18 leaves out the removals of the very revision that was compacted (etcd issue 19179).
        create = rpc.WatchCreateRequest(
            key=self._raw(prefix),
            range_end=bounds.prefix_end(self._raw(prefix)),
            start_revision=max(after, 1),
            fragment=True,
        )
        call = member.watch.Watch(metadata=HAS_LEADER)
        self._watches.add(call)
        try:
            created = False
            pending: list[Event] = []
            async with asyncio.timeout(self._timeout):
                await call.write(rpc.WatchRequest(create_request=create))
            while True:
                async with asyncio.timeout(None if created else self._timeout):
                    response = await call.read()
                _check(response)
                created = created or response.created
                for event in response.events:
                    if event.kv.mod_revision <= after:
                        continue
                    if pending and pending[0].revision != event.kv.mod_revision:
                        yield pending
                        pending = []
                    pending.append(self._event(event))
                # A revision is whole when the next one begins or its last fragment is there.
                if pending and not response.fragment:
                    yield pending
                    pending = []
        except TimeoutError as error:
            self._members.avoid(member)
            raise ControlStoreError(f"etcd does not begin a watch within {self._timeout:g} s") from error
        except grpc.aio.AioRpcError as error:
            if not self._members.closed:
                self._members.avoid(member)
                raise translate(error) from error
        except (asyncio.CancelledError, asyncio.InvalidStateError, grpc.aio.UsageError) as error:
            # Whoever closes the channel cancels the call, which looks as if the task had been.
            if is_cancelled():
                raise
            if not self._members.closed:
                raise self._members.ended() from error
        finally:
            self._watches.discard(call)
            call.cancel()

    async def grant(self, seconds: int) -> int:
        bounds.check_lease(seconds)

        async def send(member: Member, within: float) -> Any:
            return await member.lease.LeaseGrant(
                rpc.LeaseGrantRequest(TTL=seconds), timeout=within, metadata=HAS_LEADER
            )

        # Asked twice it leaves at most a lease that nothing hangs on, which ends by itself.
        return int((await self._members.repeatable(send)).ID)

    async def renew(self, lease: int) -> bool:
        # A leader answers this by itself, so one that is being cut off may still say yes for an election's time.
        async def send(member: Member, within: float) -> Any:
            call = member.lease.LeaseKeepAlive(timeout=within, metadata=HAS_LEADER)
            try:
                await call.write(rpc.LeaseKeepAliveRequest(ID=lease))
                return await call.read()
            finally:
                call.cancel()

        answer = await self._members.repeatable(send)
        if answer is _EOF:
            raise ControlStoreError("etcd ended the renewal of a lease without an answer")
        return bool(answer.TTL > 0)

    async def revoke(self, lease: int) -> None:
        async def send(member: Member, within: float) -> Any:
            return await member.lease.LeaseRevoke(rpc.LeaseRevokeRequest(ID=lease), timeout=within, metadata=HAS_LEADER)

        with suppress(LeaseEndedError):
            await self._members.repeatable(send)

    async def compact(self, revision: int) -> None:
        async def send(member: Member, within: float) -> Any:
            return await member.kv.Compact(
                rpc.CompactionRequest(revision=revision), timeout=within, metadata=HAS_LEADER
            )

        with suppress(CompactedError):
            await self._members.repeatable(send)

    async def close(self) -> None:
        closing = self._members.close()
        try:
            await closing
        finally:
            for call in tuple(self._watches):
                call.cancel()

    async def _range(self, request: Any) -> Any:
        async def send(member: Member, within: float) -> Any:
            try:
                return await member.kv.Range(request, timeout=within, metadata=HAS_LEADER)
            except grpc.aio.AioRpcError as error:
                if error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED and request.limit > 1 and _is_too_large(error):
                    raise _TooLargeError from error
                raise

        return await self._members.repeatable(send)

    def _raw(self, key: str) -> bytes:
        return self._namespace + key.encode()

    def _key(self, raw: bytes) -> str:
        return raw[len(self._namespace) :].decode(errors="surrogateescape")

    def _key_value(self, found: Any) -> KeyValue:
        return KeyValue(
            self._key(found.key), found.value, found.version, found.create_revision, found.mod_revision, found.lease
        )

    def _event(self, event: Any) -> Event:
        value = None if event.type == _DELETE else event.kv.value
        return Event(event.kv.mod_revision, self._key(event.kv.key), value)

    def _operation(self, change: Put | Delete) -> Any:
        key = self._raw(change.key)
        if isinstance(change, Put):
            return rpc.RequestOp(request_put=rpc.PutRequest(key=key, value=change.value, lease=change.lease))
        return rpc.RequestOp(request_delete_range=rpc.DeleteRangeRequest(key=key))


class _TooLargeError(Exception):
    """A page that does not fit into a message."""


def _is_too_large(error: grpc.aio.AioRpcError) -> bool:
    # grpc's own word, not etcd's, for which there is no code of its own.
    return "larger than max" in (error.details() or "")


def _check(response: Any) -> None:
    if response is _EOF:
        raise ControlStoreError("etcd ended a watch")
    if response.compact_revision:
        raise CompactedError("the history of etcd no longer goes back that far")
    if response.canceled:
        raise ControlStoreError(f"etcd ended a watch: {response.cancel_reason[:200] or 'it gives no reason'}")
