"""`pdp` in a folder without Python: the command line, and the service's own processes besides.

Where there is no interpreter that could run a module, `pdp -m MODULE` does (see `pdp.server.launch.command_of`).
"""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Final

from pdp.cli.main import main as run

MODULES: Final = ("pdp.server.shipping", "pdp.server.worker")
"""What may be run by its name."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command line (that of the process by default), or one of our modules."""
    # Processes of `multiprocessing` are this program again, with a command line that is for them to understand.
    multiprocessing.freeze_support()
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == ["-m"] and given[1:2] and given[1] in MODULES:
        import_module(given[1]).main(given[2:])
        return
    run(given)
