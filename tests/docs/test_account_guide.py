"""The guide to accounts shows who may do what as the code has it."""

from __future__ import annotations

import pytest

from pdp.control.accounts.permissions import BRINGS, MAY_HAVE, Permission, level_word, permission_word
from pdp.server.staff.permissions import NEEDS, Access, Need, Within
from tests.docs.pages import ROOT

GUIDES = ("accounts.md", "accounts.zh-CN.md")
_ACCESS = {
    "accounts.md": {
        Access.ANYBODY: "anybody", Access.SIGNED_IN: "signed in",
        Access.LIMITED: "signed in, even in a limited session",
    },
    "accounts.zh-CN.md": {
        Access.ANYBODY: "任何人", Access.LIMITED: "已登录，受限会话亦可", Access.SIGNED_IN: "已登录",
    },
}  # fmt: skip


def level_rows() -> list[str]:
    """Return a row for each permission: which levels bring it (++) and which may be given it (+)."""
    rows = []
    for permission in sorted(Permission.values()):
        if permission:
            signs = ["++" if permission in BRINGS[level] else "+" if permission in MAY_HAVE[level] else ""
                     for level in MAY_HAVE]  # fmt: skip
            rows.append(f"| `{permission_word(permission)}` | {' | '.join(signs)} |")
    return rows


def method_rows(guide: str) -> list[str]:
    """Return a row for each method: what it needs."""
    return [f"| `{path[1:].rpartition('.')[2]}` | {_need(guide, need)} |" for path, need in NEEDS.items()]


def _need(guide: str, need: Need) -> str:
    match need:
        case Access():
            return _ACCESS[guide][need]
        case Within(permissions, everywhere):
            words = " / ".join(f"`{permission_word(permission)}`" for permission in permissions)
            return words if everywhere else f"{words} *"
        case permission:
            return f"`{permission_word(permission)}`"


@pytest.mark.parametrize("guide", GUIDES)
def test_the_guide_has_the_tables_of_the_code(guide: str) -> None:
    text = (ROOT / "docs" / "guides" / guide).read_text(encoding="utf-8")
    assert "\n".join(level_rows()) in text
    assert "\n".join(method_rows(guide)) in text
    for level in MAY_HAVE:
        assert f"`{level_word(level)}`" in text
