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
            yield from _options(kind, f"{found.name}.", f"{attribute}.")
            continue
        assert isinstance(about, Meta)  # noqa: S101 - the definition is ours
        name = prefix + (about.key or found.name)
        variable = "" if about.flag_only else PREFIX + name.upper().replace(".", "_")
        yield Option(name, attribute, about, found.default, variable)


def _groups() -> Iterator[tuple[str, Group]]:
    hints = get_type_hints(Settings, include_extras=True)
    for found in fields(Settings):
        about = get_args(hints[found.name])[1]
        if isinstance(about, Group):
            yield found.name, about


OPTIONS: tuple[Option, ...] = tuple(_options(Settings))
BY_NAME: Mapping[str, Option] = MappingProxyType({option.name: option for option in OPTIONS})
GROUPS: Mapping[str, Group] = MappingProxyType(dict(_groups()))


def assemble(values: Mapping[str, Any]) -> Settings:
    """Return the settings of values by name; the others have their defaults. Raises ConfigError."""
    hints = get_type_hints(Settings)
    top: dict[str, Any] = {}
    inner: dict[str, dict[str, Any]] = {group: {} for group in GROUPS}
    for name, value in values.items():
        group, _, attribute = BY_NAME[name].attribute.rpartition(".")
        (inner[group] if group else top)[attribute] = value
    return Settings(**top, **{group: hints[group](**found) for group, found in inner.items()})
