"""Structured logs: one JSON object a line on stderr, or lines for people.

An entry has `time`, `level`, `event` (stable, dotted), `message`, and the event's own keys. A request's values never
stand in it.
"""

from __future__ import annotations

import datetime
import json
import logging
import sys
from collections.abc import Mapping
from typing import Any, TextIO

_ATTRIBUTE = "pdp_event"
_LEVELS = {"CRITICAL": "error", "WARNING": "warning"}


def event(log: logging.Logger, level: int, name: str, message: str, **details: Any) -> None:
    """Write an entry; `details` must be plain data for JSON."""
    log.log(level, message, extra={_ATTRIBUTE: (name, details)})


def configure(form: str, level: str, stream: TextIO | None = None, **common: Any) -> None:
    """Send everything that is logged in this process to `stream` (stderr), as `json` or `text`.

    `common` stands in every entry.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter(common) if form == "json" else TextFormatter(common))
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    logging.captureWarnings(capture=True)
    # Its debug entries repeat every file event.
    logging.getLogger("watchfiles").setLevel(logging.WARNING)


class _Formatter(logging.Formatter):
    def __init__(self, common: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        self._common = dict(common or {})


class JsonFormatter(_Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of an entry."""
        name, details = _parts(record)
        entry = {"time": _time(record), "level": _level(record), "event": name, "message": record.getMessage()}
        return json.dumps(entry | self._common | details, ensure_ascii=False, default=str)


class TextFormatter(_Formatter):
    """`time level event: message key=value…`, lists on lines of their own."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the lines of an entry."""
        name, details = _parts(record)
        head = f"{_time(record)} {_level(record):7} {name}: {record.getMessage()}"
        lines = []
        for key, value in (self._common | details).items():
            if isinstance(value, list):
                lines += [f"  {_line(item)}" for item in value]
            else:
                head += f" {key}={json.dumps(value, ensure_ascii=False, default=str)}"
        return "\n".join([head, *lines])


def _line(item: Any) -> str:
    if isinstance(item, dict) and "file" in item:
        place = f"{item['file']}:{item['line']}:{item['column']}"
        hint = f" (help: {item['hint']})" if "hint" in item else ""
        return f"{place}: {item['severity']}: {item['message']} [{item['code']}]{hint}"
    return str(item)


def _parts(record: logging.LogRecord) -> tuple[str, dict[str, Any]]:
    name, details = getattr(record, _ATTRIBUTE, (f"log.{record.name}", {}))
    if record.exc_info and record.exc_info[1] is not None:
        # Only the kind: a library's exception may quote what it was given.
        details = details | {"error": type(record.exc_info[1]).__name__}
    return name, details


def _time(record: logging.LogRecord) -> str:
    moment = datetime.datetime.fromtimestamp(record.created, datetime.UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _level(record: logging.LogRecord) -> str:
    return _LEVELS.get(record.levelname, record.levelname.lower())
