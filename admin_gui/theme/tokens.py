"""Colours by what they are for. A test sees that text has a contrast of at least 4.5 (WCAG 2.2, 1.4.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Shade = Literal["light", "dark"]


@dataclass(frozen=True, slots=True)
class Tokens:
    """The colours of one shade, as `#rrggbb`."""

    window: str
    surface: str
    raised: str
    line: str
    text: str
    quiet: str
    accent: str
    on_accent: str
    accent_soft: str
    clear: str
    clear_soft: str
    masked: str
    masked_soft: str
    danger: str
    danger_soft: str
    warning: str
    warning_soft: str
    info: str
    info_soft: str


LIGHT = Tokens(
    window="#f3f5f8", surface="#ffffff", raised="#ffffff", line="#d5dbe3", text="#1b2430", quiet="#5a6675",
    accent="#1557b0", on_accent="#ffffff", accent_soft="#e3edfa",
    clear="#8a4600", clear_soft="#fdf0e0", masked="#1c6b43", masked_soft="#e4f4eb",
    danger="#b3261e", danger_soft="#fbe9e7", warning="#8a5a00", warning_soft="#fdf3dc",
    info="#3c5a86", info_soft="#e9eff8",
)  # fmt: skip
"""Showing in clear is the exception that is looked at, so it has the warm colour; what is masked is calm."""

DARK = Tokens(
    window="#14181e", surface="#1b2129", raised="#232b35", line="#36414e", text="#e6ebf1", quiet="#a3b0bf",
    accent="#7ab0f5", on_accent="#0b1a2e", accent_soft="#22354f",
    clear="#f2b475", clear_soft="#3d2c18", masked="#7fd3a5", masked_soft="#193526",
    danger="#ff9b92", danger_soft="#432422", warning="#f0c674", warning_soft="#3b301a",
    info="#a9c4ea", info_soft="#25324a",
)  # fmt: skip
