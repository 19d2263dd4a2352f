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
    # As the service does it: one thread for the network beside the one that answers.
    front = NativeGrpcFront("127.0.0.1:0", methods, io_threads=1, call_details=True)
    front.start()
    print(f"ready 127.0.0.1:{front.bound_port}", flush=True)
    respond = front.respond
    while (events := front.recv_batch(_BATCH)) is not None:
        for kind, call_id, method, _payload, _key in events:
            if kind == EVENT_CALL:
                respond(call_id, replies[method])


if __name__ == "__main__":
    main()
