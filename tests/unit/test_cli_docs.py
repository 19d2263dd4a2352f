"""The guides name every command and every option; tests/docs runs the commands that they show."""

from __future__ import annotations

import importlib
from pathlib import Path

import click
import pytest

from pdp.cli.main import COMMANDS, cli

ROOT = Path(__file__).resolve().parents[2]
GUIDES = ROOT / "docs" / "guides"


@pytest.mark.parametrize("language", [".md", ".zh-CN.md"])
def test_the_guides_name_every_option(language: str) -> None:
    text = {name: (GUIDES / f"{name}{language}").read_text() for name in ("cli", "service")}
    for name, entry in COMMANDS.items():
        module, _, attribute = entry.target.partition(":")
        command = getattr(importlib.import_module(module), attribute)
        guide = text["service" if name == "serve" else "cli"]
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                names = [*parameter.opts, *parameter.secondary_opts]
                assert any(f"`{option}" in guide or f" {option} " in guide for option in names), (name, names)


def test_every_command_of_the_program_is_in_the_guide() -> None:
    with click.Context(cli) as context:
        for name in cli.list_commands(context):
            assert f"## pdp {name}" in (GUIDES / "cli.md").read_text()
