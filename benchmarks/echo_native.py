"""The floor of the native transport: one process that answers with bytes from files and looks at nothing.

Arguments: a file with the reply to Decide and one with the reply to DecideBatch.
"""

from __future__ import annotations

import sys
from pathlib import Path

from pygrpc_native import EVENT_CALL, NativeGrpcFront

_BATCH = 64


def main() -> None:
    replies = [Path(name).read_bytes() for name in sys.argv[1:3]]
    methods = [(f"/pdp.v1.DecisionService/{name}", False) for name in ("Decide", "DecideBatch")]
    front = NativeGrpcFront("127.0.0.1:0", methods)
    front.start()
    print(f"ready 127.0.0.1:{front.bound_port}", flush=True)
    respond = front.respond
    while (events := front.recv_batch(_BATCH)) is not None:
        for kind, call_id, method, _payload, _key in events:
            if kind == EVENT_CALL:
                respond(call_id, replies[method])


if __name__ == "__main__":
    main()
