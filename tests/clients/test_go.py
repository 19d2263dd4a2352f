"""The Go client: its own test suite, and what Go's tools say of the code."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.clients import toolchains

MODULE = toolchains.CLIENTS / "go"


@pytest.fixture(scope="module")
def go() -> str:
    return toolchains.go()


@pytest.mark.timeout(600)
def test_suite(go: str) -> None:
    # All of vet runs below.
    said = toolchains.run([go, "test", "-race", "-vet=off", "-timeout", "240s", "./..."], MODULE, patience=570)
    assert "ok  \tjingxi.dev/client\t" in said
    assert "ok  \tjingxi.dev/client/offline\t" in said


@pytest.mark.timeout(600)
def test_the_tools_find_nothing(go: str) -> None:
    sources = sorted(path for path in MODULE.rglob("*.go") if "pdp" not in path.relative_to(MODULE).parts)
    gofmt = Path(toolchains.run([go, "env", "GOROOT"], MODULE).strip()) / "bin" / "gofmt"
    assert toolchains.run([gofmt, "-l", *sources], MODULE) == ""
    toolchains.run([go, "vet", "./..."], MODULE, patience=570)
    # What it looks for stands in staticcheck.conf.
    toolchains.run([go, "tool", "-modfile=tools.mod", "staticcheck", "./..."], MODULE, patience=570)
    toolchains.run([go, "mod", "tidy", "-diff"], MODULE)
    toolchains.run([go, "mod", "verify"], MODULE)
