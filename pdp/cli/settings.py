"""The settings of `pdp serve` on the command line: their flags, made of the definition, and what is wrong with them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from pdp.cli.basics import plural
from pdp.cli.exits import CommandError
from pdp.errors import ValueFormatError
from pdp.server.config.kinds import Choice, File, Flag, Listen, Moment, Number, Text, Whole
from pdp.server.config.load import FILE_VARIABLE, Loaded, load
from pdp.server.config.options import OPTIONS, Option
from pdp.server.settings import Settings

F = TypeVar("F", bound=Callable[..., Any])


def settings_flags(command: F) -> F:
    """Add `--config` and the flag of every setting that has one; a flag that is not given is None."""
    for option in reversed(OPTIONS):
        if option.flag:
            command = _flag(option)(command)
    return click.option(
        "--config", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
        help=f"The configuration, a YAML file; flags and PDP_… variables come before it.  [env: {FILE_VARIABLE}]",
    )(command)  # fmt: skip


def _flag(option: Option) -> Callable[[F], F]:
    kind = option.meta.kind
    words = option.meta.en if option.meta.en[0] == "`" else option.meta.en[0].upper() + option.meta.en[1:]
    default = "" if option.default is None or isinstance(kind, Flag) else f"  [default: {kind.plain(option.default)}]"
    shown = words.replace("`", "") + "." + default
    if isinstance(kind, Flag):
        return click.option(option.meta.flag, _parameter(option), is_flag=True, default=None, help=shown)

    def parse(_context: click.Context, _parameter: click.Parameter, value: str | None) -> Any:
        if value is None:
            return None
        try:
            found = kind.parse(value)
        except ValueFormatError as error:
            raise click.BadParameter(str(error)) from error
        problem = kind.problem(found) if isinstance(kind, File) else ""
        if problem:
            raise click.BadParameter(problem)
        return found

    return click.option(option.meta.flag, _parameter(option), callback=parse, metavar=_metavar(option), help=shown)


def _parameter(option: Option) -> str:
    return option.name.replace(".", "_")


def _metavar(option: Option) -> str:
    match option.meta.kind:
        case File(folder=folder):
            return "DIR" if folder else "FILE"
        case Listen():
            return "HOST:PORT"
        case Choice(words=words):
            return "|".join(words)
        case Moment():
            return "RFC3339"
        case Text():
            return "NAME"
        case Number() if option.meta.unit:
            return option.meta.unit.upper()
        case Whole(word=word) if word:
            return f"NUMBER|{word}"
    return "NUMBER"


def load_settings(config: Path | None, flags: Mapping[str, Any]) -> Loaded:
    """Return the settings of the flags that were given (by parameter name), the environment and the file."""
    named = os.environ.get(FILE_VARIABLE)
    file = config or (Path(named) if named else None)
    given = {option.name: flags[_parameter(option)] for option in OPTIONS if flags.get(_parameter(option)) is not None}
    return load(file, given)


def require(loaded: Loaded) -> Settings:
    """Return the settings. Writes what is wrong to stderr and raises CommandError."""
    errors = loaded.errors
    if not errors and loaded.settings is not None:
        return loaded.settings
    if len(errors) == 1 and errors[0].span.file not in loaded.sources:
        hint = f"; {errors[0].hint}" if errors[0].hint else ""
        where = f"{errors[0].span.file}: " if errors[0].code != "conflict" else ""
        raise CommandError(f"{where}{errors[0].message}{hint}")
    for item in loaded.diagnostics:
        click.echo(loaded.render(item), err=True)
    raise CommandError(f"the configuration has {plural(len(errors), 'error')}; mend them, then try again")
