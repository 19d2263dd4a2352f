"""An OpenTelemetry collector that keeps what it is sent."""

from __future__ import annotations

import http.server
import json
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Collector:
    """`received` holds path, authorization and body of each request."""

    endpoint: str
    received: queue.Queue[tuple[str, str | None, dict[str, Any]]] = field(default_factory=queue.Queue)


@contextmanager
def collector() -> Iterator[Collector]:
    """Run a collector on a free port."""
    made: Collector

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            made.received.put((self.path, self.headers["authorization"], json.loads(body)))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        made = Collector(f"http://127.0.0.1:{server.server_port}/v1/traces")
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield made
        finally:
            server.shutdown()
            thread.join()
