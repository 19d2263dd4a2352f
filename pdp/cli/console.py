"""What commands write with: tables and trees on a terminal, plain text in a pipe, JSON for programs."""

from __future__ import annotations

import json
import sys
from typing import Any

import click
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


def print_json(data: Any, *, indent: int | None = 2) -> None:
    """Write plain data as JSON, Chinese as it is."""
    click.echo(json.dumps(data, ensure_ascii=False, indent=indent))
