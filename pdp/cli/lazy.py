"""Groups of commands that import a command only when it is called, so that `--help` does not wait for all of them."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import click


@dataclass(frozen=True, slots=True)
class Entry:
    """A command before its module is imported: the section of the help, `module:name`, and one line of help."""

    section: str
    target: str
    help: str

    def load(self) -> click.Command:
        """Import the command."""
        module, _, name = self.target.partition(":")
        command = getattr(importlib.import_module(module), name)
        assert isinstance(command, click.Command)  # noqa: S101 - the tables are ours
        return command


class LazyGroup(click.Group):
    """A group of entries by name, listed by section; commands that are added besides come last."""

    def __init__(self, *arguments: Any, entries: Mapping[str, Entry] | None = None, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.entries = dict(entries or {})

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the help."""
        return [*self.entries, *(name for name in super().list_commands(ctx) if name not in self.entries)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command by name."""
        entry = self.entries.get(cmd_name)
        return super().get_command(ctx, cmd_name) if entry is None else entry.load()

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that a command line names. Raises UsageError that suggests a near one."""
        names = self.list_commands(ctx)
        near = difflib.get_close_matches(args[0], names, 1)
        if args[0] not in names and near:
            ctx.fail(f"no command `{args[0]}`; did you mean `{near[0]}`?")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands of each section."""
        for section in dict.fromkeys(entry.section for entry in self.entries.values()):
            with formatter.section(section):
                formatter.write_dl([(name, e.help) for name, e in self.entries.items() if e.section == section])
        if self.commands:
            with formatter.section("Commands"):
                limit = formatter.width - 6 - max(map(len, self.commands))
                formatter.write_dl([(name, c.get_short_help_str(limit)) for name, c in self.commands.items()])
