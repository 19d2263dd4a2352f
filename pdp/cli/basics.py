"""What many commands need. It imports little, so that those that only ask a service need not wait for the compiler."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from pdp.lang.diagnostics import Diagnostic, Severity, render_text
from pdp.source import SourceFile

FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)

STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "bold yellow", Severity.INFO: "bold blue"}


def plural(count: int, noun: str) -> str:
    """Return `1 rule`, `2 rules`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def clock() -> int:
    """Return the present time in nanoseconds since 1970."""
    return time.time_ns()


def show(item: Diagnostic, sources: Mapping[str, SourceFile], out: Console) -> None:
    """Write a finding with the line it is about."""
    head, _, rest = render_text(item, sources).partition("\n")
    text = Text(head)
    word = item.severity.name.lower()
    start = head.find(f" {word}: ") + 1
    text.stylize(STYLES[item.severity], start, start + len(word))
    out.print(text, soft_wrap=True)
    if rest:
        out.print(Text(rest), soft_wrap=True)
