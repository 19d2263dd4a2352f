"""The guides to the command line and the service: their commands run, and they name every option."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from pdp.cli.main import COMMANDS, cli

ROOT = Path(__file__).resolve().parents[2]
GUIDES = ROOT / "docs" / "guides"


def commands_of(guide: str) -> list[str]:
    """Return the commands of a guide's console blocks in order, each with its here-document."""
    found: list[str] = []
    for block in re.findall(r"```console\n(.*?)```", (GUIDES / guide).read_text(), re.DOTALL):
        pending = ""
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append(line.removeprefix("$ "))
                pending = found[-1]
            elif "<<" in pending:
                found[-1] += f"\n{line}"
    return found


def test_the_commands_of_the_guide_run(tmp_path: Path) -> None:
    (tmp_path / "policies").symlink_to(ROOT / "policies")
    # What is installed may not be on the path of the one who runs the tests.
    tool = tmp_path / "bin" / "pdp"
    tool.parent.mkdir()
    tool.write_text(f'#!/bin/sh\nexec {sys.executable} -m pdp.cli "$@"\n')
    tool.chmod(0o755)
    script = "\n".join(["set -euo pipefail", *commands_of("cli.md")])
    env = os.environ | {"PATH": f"{tool.parent}:{os.environ['PATH']}"}
    ended = subprocess.run(
        ["bash", "-x", "-c", script], cwd=tmp_path, env=env, capture_output=True, text=True, check=False, timeout=280
    )
    assert ended.returncode == 0, ended.stderr[-2000:]
    assert (tmp_path / "policies.bundle").stat().st_size > 0


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


def test_both_languages_have_the_same_commands_and_sections() -> None:
    assert commands_of("cli.md") == commands_of("cli.zh-CN.md")
    assert commands_of("service.md") == commands_of("service.zh-CN.md")
    for name in ("cli", "service"):
        english, chinese = ((GUIDES / f"{name}{ending}").read_text() for ending in (".md", ".zh-CN.md"))
        assert len(re.findall(r"^#+ ", english, re.MULTILINE)) == len(re.findall(r"^#+ ", chinese, re.MULTILINE))
        assert len(re.findall(r"^\|", english, re.MULTILINE)) == len(re.findall(r"^\|", chinese, re.MULTILINE))


def test_every_command_of_the_program_is_in_the_guide() -> None:
    with click.Context(cli) as context:
        for name in cli.list_commands(context):
            assert f"## pdp {name}" in (GUIDES / "cli.md").read_text()
