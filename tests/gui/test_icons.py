"""Our drawings."""

from __future__ import annotations

import pytest

from admin_gui.theme.icons import dot, icon


@pytest.mark.usefixtures("qapp")
def test_a_drawing_is_made_once_however_often_it_is_painted() -> None:
    # Qt keeps what it made of each one for painting: a new one for each cell and look would fill ten megabytes.
    assert icon("masked", "#1c6b43").cacheKey() == icon("masked", "#1c6b43").cacheKey()
    assert dot("#1c6b43").cacheKey() == dot("#1c6b43").cacheKey()
    assert icon("masked", "#1c6b43").cacheKey() != icon("clear", "#1c6b43").cacheKey()
