"""The text of a policy set as one message, and its ways in and out: folders, archives, checkouts.

One text has one serialized form and so one SHA-256, wherever it came from.
"""

from __future__ import annotations

from pdp.control.sources.archive import read_tar, write_tar
from pdp.control.sources.checkout import Checkout, read_checkout
from pdp.control.sources.folder import read_folder, write_folder
from pdp.control.sources.text import MAX_BYTES, MAX_FILE_BYTES, MAX_FILES, digest, normal, of, serialize, texts

__all__ = [
    "MAX_BYTES", "MAX_FILES", "MAX_FILE_BYTES", "Checkout", "digest", "normal", "of", "read_checkout", "read_folder",
    "read_tar", "serialize", "texts", "write_folder", "write_tar",
]  # fmt: skip
