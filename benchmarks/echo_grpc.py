"""The floor of the grpcio transport: one process that answers with bytes from files and looks at nothing.

Arguments: a file with the reply to Decide and one with the reply to DecideBatch.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc


def main() -> None:
    asyncio.run(_serve(*(Path(name).read_bytes() for name in sys.argv[1:3])))


async def _serve(decide: bytes, batch: bytes) -> None:
    methods = {
        name: grpc.unary_unary_rpc_method_handler(_answering(reply))
        for name, reply in (("Decide", decide), ("DecideBatch", batch))
    }
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("pdp.v1.DecisionService", methods),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(f"ready 127.0.0.1:{port}", flush=True)
    await server.wait_for_termination()


def _answering(reply: bytes) -> Callable[[bytes, Any], Awaitable[bytes]]:
    async def answer(_request: bytes, _context: Any) -> bytes:
        return reply

    return answer


if __name__ == "__main__":
    main()
