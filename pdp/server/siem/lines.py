"""An event as a line of JSON, with the same names as in syslog."""

from __future__ import annotations

import json
from typing import Any

from pdp.server.siem.events import Event
from pdp.values import format_timestamp


def line(event: Event) -> bytes:
    """Return an event as one line."""
    told: dict[str, Any] = {
        "id": event.id, "time": format_timestamp(event.time_nanos), "class": event.name, "kind": event.kind,
        "severity": event.severity.name.lower(), "node": event.node, "text": event.text, **event.facts,
    }  # fmt: skip
    if event.decision:
        told["decision"] = dict(event.decision)
    if event.details:
        told["details"] = dict(event.details)
    # Text from elsewhere may hold half a character pair, which UTF-8 has no bytes for.
    return json.dumps(told, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
