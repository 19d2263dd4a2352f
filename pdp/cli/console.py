"""What commands write with: tables and trees on a terminal, plain text in a pipe, JSON for programs."""

from __future__ import annotations

import json
import sys
from typing import Any

import click
from google.protobuf import json_format
from google.protobuf.message import Message
from rich import box
from rich.console import Console
from rich.table import Table

# A pipe has no width of its own, and wrapped lines are no use to grep.
_PIPE_WIDTH = 200


def console() -> Console:
    """Return a console on the standard output of this moment. It heeds NO_COLOR; nothing in a text is markup."""
    width = None if sys.stdout.isatty() else _PIPE_WIDTH
    return Console(file=sys.stdout, width=width, markup=False, highlight=False, emoji=False)


def table(*columns: str, title: str | None = None) -> Table:
    """Return a table with these columns."""
    made = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", pad_edge=False, show_edge=False)
    for column in columns:
        made.add_column(column, overflow="fold")
    return made


def message_data(message: Message) -> dict[str, Any]:
    """Return a message as plain data in protobuf's JSON form: fields as declared, map entries by key."""
    data = json_format.MessageToDict(message, always_print_fields_with_no_presence=True)
    ordered: dict[str, Any] = _in_order(data, message.DESCRIPTOR)
    return ordered


def _in_order(data: Any, kind: Any) -> Any:
    # protobuf tells maps in any order and what is not set last, and an answer should read alike each time.
    if kind is None or not isinstance(data, dict):
        return data
    found: dict[str, Any] = {}
    for field in kind.fields:
        if field.json_name not in data:
            continue
        value, inner = data[field.json_name], field.message_type
        if inner is not None and inner.GetOptions().map_entry:
            inner = inner.fields_by_name["value"].message_type
            found[field.json_name] = {key: _in_order(value[key], inner) for key in sorted(value)}
        elif isinstance(value, list):
            found[field.json_name] = [_in_order(item, inner) for item in value]
        else:
            found[field.json_name] = _in_order(value, inner)
    return found


def print_json(data: Any, *, indent: int | None = 2) -> None:
    """Write plain data as JSON, Chinese as it is."""
    click.echo(json.dumps(data, ensure_ascii=False, indent=indent))
