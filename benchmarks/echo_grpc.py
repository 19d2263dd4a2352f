"""The floor of the grpc transport: one process that answers with bytes from files and looks at nothing.

Arguments: a file with the reply to Decide and one with the reply to DecideBatch.
"""

from __future__ import annotations

import signal
import sys
from functools import partial
from pathlib import Path
from typing import Any

from pdp.server.address import Address
from pdp.server.transports import grpc_core


def main() -> None:
    server = grpc_core.CoreServer([("grpc.so_reuseport", 0)])
    for method, name in zip(("Decide", "DecideBatch"), sys.argv[1:3], strict=True):
        server.on(f"/pdp.v1.DecisionService/{method}", partial(_accept, Path(name).read_bytes()))
    address = server.listen(Address("127.0.0.1", 0), None)
    server.start()
    print(f"ready {address}", flush=True)
    signal.pause()


def _accept(reply: bytes, event: Any) -> None:
    call = event.call
    grpc_core.receive(call, grpc_core.tag(lambda _: grpc_core.reply(call, reply, grpc_core.ignore)))


if __name__ == "__main__":
    main()
