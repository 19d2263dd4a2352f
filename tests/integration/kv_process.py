"""Another process that uses a key-value store: `lease` holds a key for as long as it can, `pause` stops
meanwhile, `count` counts a key up, `write` writes without end.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from pdp.control.kv.base import KeyValueStore, Put, Unchanged


def open_store(kind: str, where: str, namespace: str) -> KeyValueStore:
    if kind == "sqlite":
        from pdp.control.kv.sqlite import SqliteStore

        return SqliteStore(Path(where))
    from pdp.control.kv.etcd import EtcdStore

    return EtcdStore(where.split(","), namespace=namespace)


async def hold(store: KeyValueStore, *, pauses: bool) -> None:
    """Say `held`, renew the lease often enough, say `lost` when that fails."""
    lease = await store.grant(2)
    await store.commit([], [Put("held", b"held", lease)])
    # The look after leases opens a connection of its own, which is there once this is answered.
    await store.revision()
    print("held", flush=True)
    if pauses:
        # Between two calls: within a transaction, or while it opens the store, it would hold the others up, who are
        # then to be told so.
        os.kill(os.getpid(), signal.SIGSTOP)
    while await store.renew(lease):  # noqa: ASYNC110 - the sleep paces the renewals
        await asyncio.sleep(0.5)
    print("lost", flush=True)


async def count(store: KeyValueStore, times: int) -> None:
    for _ in range(times):
        while True:
            found = await store.get("n")
            number = int(found.value) if found else 0
            condition = Unchanged("n", found.modified if found else 0)
            done = await store.commit([condition], [Put("n", b"%d" % (number + 1))])
            if done.succeeded:
                break
    print("done", flush=True)


async def write(store: KeyValueStore) -> None:
    """Write without end, and say of each that it is there."""
    number = 0
    while True:
        number += 1
        await store.commit([], [Put(f"w/{number:06}", b"%d" % number)])
        print(number, flush=True)


async def main(task: str, kind: str, where: str, namespace: str, *rest: str) -> None:
    store = open_store(kind, where, namespace)
    try:
        if task in {"lease", "pause"}:
            await hold(store, pauses=task == "pause")
        elif task == "count":
            await count(store, int(rest[0]))
        else:
            await write(store)
    finally:
        await store.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
