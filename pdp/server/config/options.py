"""The settings as a list, read out of their definition."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any, get_args, get_type_hints

from pdp.server.config.meta import Group, Meta
from pdp.server.settings import Settings

PREFIX = "PDP_"


@dataclass(frozen=True, slots=True)
class Option:
    """One setting: `name` is dotted as in the file, `attribute` as in `Settings`; `variable` is empty for none."""

    name: str
    attribute: str
    meta: Meta
    default: Any
    variable: str

    @property
    def section(self) -> str:
        """The name of its group; empty at the top."""
        return self.name.rpartition(".")[0]

    @property
    def key(self) -> str:
        """Its name within the group."""
        return self.name.rpartition(".")[2]

    @property
    def flag(self) -> str:
        """Its first flag; empty for none."""
        return self.meta.flag.partition("/")[0]


def _options(made: type, prefix: str = "", path: str = "") -> Iterator[Option]:
    hints = get_type_hints(made, include_extras=True)
    for found in fields(made):
        kind, about = get_args(hints[found.name])[:2]
        attribute = f"{path}{found.name}"
        if isinstance(about, Group):
            yield from _options(kind, f"{prefix}{found.name}.", f"{attribute}.")
            continue
        assert isinstance(about, Meta)  # noqa: S101 - the definition is ours
        name = prefix + (about.key or found.name)
        variable = "" if about.flag_only else PREFIX + name.upper().replace(".", "_")
        yield Option(name, attribute, about, found.default, variable)


def _groups(made: type, prefix: str = "") -> Iterator[tuple[str, Group]]:
    """Yield groups by their dotted names, each before those within it."""
    hints = get_type_hints(made, include_extras=True)
    for found in fields(made):
        kind, about = get_args(hints[found.name])[:2]
        if isinstance(about, Group):
            yield prefix + found.name, about
            yield from _groups(kind, f"{prefix}{found.name}.")


OPTIONS: tuple[Option, ...] = tuple(_options(Settings))
BY_NAME: Mapping[str, Option] = MappingProxyType({option.name: option for option in OPTIONS})
GROUPS: Mapping[str, Group] = MappingProxyType(dict(_groups(Settings)))


def assemble(values: Mapping[str, Any]) -> Settings:
    """Return the settings of values by name; the others have their defaults. Raises ConfigError."""
    made: Settings = _assembled(Settings, {BY_NAME[name].attribute: value for name, value in values.items()})
    return made


def _assembled(made: type, values: Mapping[str, Any], path: str = "") -> Any:
    """Return an object of the values whose attributes begin with `path`."""
    hints = get_type_hints(made, include_extras=True)
    given: dict[str, Any] = {}
    for found in fields(made):
        kind, about = get_args(hints[found.name])[:2]
        attribute = f"{path}{found.name}"
        if isinstance(about, Group):
            given[found.name] = _assembled(kind, values, f"{attribute}.")
        elif attribute in values:
            given[found.name] = values[attribute]
    return made(**given)
