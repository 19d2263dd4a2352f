"""The page about diagnostics lists exactly those that the code can report."""

from __future__ import annotations

import re

import pytest

from tests.docs.diagnostic_codes import declared
from tests.docs.pages import ROOT

_ROW = re.compile(r"^\| `([a-z0-9-]+)` \| (\w+) \|", re.MULTILINE)


@pytest.mark.parametrize("name", ["diagnostics.md", "diagnostics.zh-CN.md"])
def test_the_page_lists_every_code_with_its_severity(name: str) -> None:
    rows = _ROW.findall((ROOT / "docs/guides" / name).read_text(encoding="utf-8"))
    assert sorted(rows) == sorted(declared())
