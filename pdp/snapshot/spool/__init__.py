"""Records on this machine's disk until the store has them."""

from pdp.snapshot.spool.files import list_boots
from pdp.snapshot.spool.limits import Backlog, SpoolAlarm, SpoolLevel, SpoolLimits, SpoolStats
from pdp.snapshot.spool.reader import SpoolReader
from pdp.snapshot.spool.writer import Spool

__all__ = [
    "Backlog", "Spool", "SpoolAlarm", "SpoolLevel", "SpoolLimits", "SpoolReader", "SpoolStats", "list_boots",
]  # fmt: skip
