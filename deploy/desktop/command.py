"""`pdp` in a folder without Python."""

from __future__ import annotations

from pdp.cli.frozen import main

main()
