"""The real HAProxy with the shipped configuration, on sockets of its own."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path

import grpc

from tests.integration.needs import missing
from tests.integration.pki import Authority, Identity

ROOT = Path(__file__).resolve().parents[2]
CONFIGURATION = ROOT / "deploy" / "haproxy" / "haproxy.cfg"
SECRET = "0123456789abcdef" * 4
PATIENCE = 30


def find() -> str:
    """Return the program; without it tests are skipped, but never where they must run."""
    found = shutil.which("haproxy", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if found is None:
        missing("haproxy; on Debian: apt-get install haproxy")
    return found


class HAProxy:
    """A master process with the shipped configuration before two workers."""

    def __init__(self, authority: Authority, workers: Sequence[int]) -> None:
        self._authority = authority
        # Short, for the paths of sockets are.
        self._folder = Path(tempfile.mkdtemp(prefix="pdp-haproxy-"))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._admin = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.show(authority.server())
        (self._folder / "clients.crt").write_bytes(authority.pem)
        fds = (self._listener.fileno(), self._admin.fileno())
        environment = os.environ | {
            # Sockets that exist already, so that no port can be lost between choosing and binding it.
            "JINGXI_LISTEN": f"fd@{fds[0]}",
            "JINGXI_PROXY_ADMIN": f"fd@{fds[1]}",
            "JINGXI_PROXY_SOCKET": str(self._folder / "haproxy.sock"),
            "JINGXI_TLS": str(self._folder / "server.pem"),
            "JINGXI_CLIENT_CA": str(self._folder / "clients.crt"),
            "JINGXI_PROXY_SECRET": SECRET,
            "JINGXI_WORKER_1": f"127.0.0.1:{workers[0]}",
            "JINGXI_WORKER_2": f"127.0.0.1:{workers[1]}",
        }
        self._process = subprocess.Popen(
            [find(), "-W", "-f", str(CONFIGURATION)], env=environment, pass_fds=fds, text=True, encoding="utf-8",
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        self.lines: list[str] = []
        self._loaded = threading.Condition()
        self._loads = self._ended = 0
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._wait_for_load(1)

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._loaded:
                self.lines.append(line.rstrip())
                self._loads += "Loading success" in line
                self._ended += "Former worker" in line
                self._loaded.notify_all()

    def _wait_for_load(self, count: int) -> None:
        with self._loaded:
            assert self._loaded.wait_for(lambda: self._loads >= count, PATIENCE), self.notices

    @property
    def notices(self) -> str:
        """What it says of itself."""
        return "\n".join(line for line in self.lines if line.startswith("["))

    def wait_for_line(self, text: str) -> str:
        """Return the first line of the log that holds a text."""

        def found() -> str:
            return next((line for line in self.lines if text in line), "")

        with self._loaded:
            assert self._loaded.wait_for(lambda: bool(found()), PATIENCE), self.notices
            return found()

    def show(self, server: Identity) -> None:
        """Put another certificate in place for the next load."""
        (self._folder / "server.pem").write_bytes(server.pem + server.key)

    def reload(self) -> None:
        """Load configuration and certificates again, as `systemctl reload` does, until the former process has ended."""
        count = self._loads
        self._process.send_signal(signal.SIGUSR2)
        self._wait_for_load(count + 1)
        with self._loaded:
            assert self._loaded.wait_for(lambda: self._ended >= count, PATIENCE), self.notices

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(PATIENCE)
        finally:
            self._process.kill()
            with self._process:
                self._reader.join(PATIENCE)
        self._listener.close()
        self._admin.close()
        shutil.rmtree(self._folder)

    def connect(self, client: Identity | None) -> grpc.Channel:
        """Return a channel with a connection of its own."""
        credentials = grpc.ssl_channel_credentials(
            self._authority.pem, None if client is None else client.key, None if client is None else client.pem
        )
        return grpc.secure_channel(
            f"127.0.0.1:{self.port}", credentials, [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0)]
        )

    def metrics(self) -> str:
        """Return the page for Prometheus."""
        with socket.create_connection(self._admin.getsockname(), PATIENCE) as connection:
            connection.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
            with connection.makefile("rb") as page:
                return page.read().decode()

    def answered(self) -> dict[str, int]:
        """Return how many calls each worker has answered."""
        pattern = r'^haproxy_server_http_responses_total\{proxy="workers",server="(\w+)",code="2xx"\} (\d+)'
        return {name: int(count) for name, count in re.findall(pattern, self.metrics(), re.MULTILINE)}

    def states(self) -> dict[str, str]:
        """Return `UP` or `DOWN` of each worker, as its checks came out."""
        pattern = r'^haproxy_server_status\{proxy="workers",server="(\w+)",state="(\w+)"\} 1'
        return dict(re.findall(pattern, self.metrics(), re.MULTILINE))
