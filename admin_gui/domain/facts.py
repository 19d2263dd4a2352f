"""What there is to say of one thing: headings, and names with values below each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from admin_gui.domain.say import Say

Line = tuple[Say | None, Say | str]
"""A name and its value; a value without a name has the line to itself."""


@dataclass(frozen=True, slots=True)
class Section:
    """A heading, and what is below it."""

    title: Say
    lines: Sequence[Line]
