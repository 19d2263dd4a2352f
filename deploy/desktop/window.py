"""`pdp-admin` in a folder without Python."""

from __future__ import annotations

import os

from admin_gui.main import main

# The folder's libraries are for this program, not for what it starts: the system's browser would take them for its own.
before = os.environ.pop("LD_LIBRARY_PATH_ORIG", None)
if before is not None:
    os.environ["LD_LIBRARY_PATH"] = before
else:
    os.environ.pop("LD_LIBRARY_PATH", None)

main()
