"""The guides name every command and option of groups such as `pdp snapshot`, and no option that there is not."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click
import pytest

from pdp.cli.main import COMMANDS, cli
from tests.docs.pages import ROOT

# Every command that has others below it.
GROUPS = [name for name in COMMANDS if isinstance(cli.get_command(click.Context(cli), name), click.Group)]
GUIDES = ("cli.md", "cli.zh-CN.md")


def commands(command: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    """Yield a command and all below it, by their full names."""
    yield name, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for inner in command.list_commands(context):
            found = command.get_command(context, inner)
            assert found is not None
            yield from commands(found, f"{name} {inner}")


def group(name: str) -> list[tuple[str, click.Command]]:
    found = cli.get_command(click.Context(cli), name)
    assert found is not None
    return list(commands(found, f"pdp {name}"))


def section(guide: str, name: str) -> str:
    """Return what a guide says of a group."""
    text = (ROOT / "docs" / "guides" / guide).read_text(encoding="utf-8")
    return text.split(f"## pdp {name}\n")[1].split("\n## ")[0]


def options(command: click.Command) -> list[list[str]]:
    return [[*o.opts, *o.secondary_opts] for o in command.params if isinstance(o, click.Option)]


def test_groups_are_found() -> None:
    assert {"backup", "grant", "snapshot"} <= set(GROUPS)


@pytest.mark.parametrize("guide", GUIDES)
@pytest.mark.parametrize("name", GROUPS)
def test_every_option_of_a_group_is_in_the_guide(guide: str, name: str) -> None:
    text = section(guide, name)
    for path, command in group(name):
        if name == "config" and path.endswith("show"):
            continue  # it takes the flags of `pdp serve`, which have a guide of their own
        assert re.search(rf"`(?:{path} )?{path.split()[-1]}\b|`{path}\b", text) or path == f"pdp {name}", path
        for names in options(command):
            assert any(re.search(rf"{re.escape(option)}\b", text) for option in names), (path, names)


@pytest.mark.parametrize("guide", GUIDES)
def test_the_guide_names_no_option_that_there_is_not(guide: str) -> None:
    known = {option for _, command in group("snapshot") for names in options(command) for option in names}
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", section(guide, "snapshot"))) <= known
