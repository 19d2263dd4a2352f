"""The outputs of security events that the settings name, each with a forwarder of its own."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from pdp.server.facts import SiemFacts
from pdp.server.settings import Settings
from pdp.server.siem.collector import SyslogCollector
from pdp.server.siem.feed import Feed
from pdp.server.siem.file import LinesFile
from pdp.server.siem.forwarder import Forwarder
from pdp.server.siem.output import Output
from pdp.snapshot.store import open_reader
from pdp.v1 import snapshot_pb2

SYSLOG: Final = "syslog"
FILE: Final = "file"
FOLDER: Final = "siem"
"""Below the data folder: how far each output has come."""
# Beyond every severity that there is.
_NONE: Final = 99
LEAST: Final = {
    "off": _NONE,
    "high": snapshot_pb2.SEVERITY_HIGH,
    "medium": snapshot_pb2.SEVERITY_MEDIUM,
    "low": snapshot_pb2.SEVERITY_LOW,
    "all": snapshot_pb2.SEVERITY_UNSPECIFIED,
}


class Outputs:
    """From `start` to `stop`. `tell` hears of an output that takes nothing, and that it does so again."""

    def __init__(self, settings: Settings, tell: Callable[[str, str], None]) -> None:
        siem = settings.siem
        found: dict[str, Output] = {}
        if siem.syslog is not None:
            found[SYSLOG] = SyslogCollector(siem.syslog, siem)
        if siem.file is not None:
            found[FILE] = LinesFile(siem.file.absolute(), max_bytes=siem.file_bytes, kept=siem.files)
        self._forwarders = {
            name: Forwarder(
                name, _feed(settings, name), output, tell, node=settings.node_name, longest_wait=siem.retry_seconds
            )
            for name, output in found.items()
        }  # fmt: skip

    def start(self) -> None:
        """Send from now on."""
        for forwarder in self._forwarders.values():
            forwarder.start()

    def stop(self, grace: float) -> None:
        """Send what is in the store, for at most `grace` seconds together, and end."""
        end = time.monotonic() + grace
        for forwarder in self._forwarders.values():
            forwarder.stop(max(end - time.monotonic(), 0.0))

    def facts(self) -> dict[str, SiemFacts]:
        """Return how each does."""
        return {name: forwarder.facts() for name, forwarder in self._forwarders.items()}


def _feed(settings: Settings, name: str) -> Feed:
    siem = settings.siem
    return Feed(
        settings.data_folder / FOLDER / f"{name}.json",
        lambda: open_reader(settings.store_url),
        node=settings.node_name if siem.nodes == "own" else None,
        least=LEAST[siem.decisions],
        from_oldest=siem.begin == "oldest",
    )
