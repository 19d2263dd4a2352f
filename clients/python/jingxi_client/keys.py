"""Where the keys of the `hash` mask come from: the environment, a folder of files, or the caller's own function."""

from __future__ import annotations

import base64
import binascii
import os
import re
from collections.abc import Callable
from pathlib import Path

from jingxi_client.errors import KeyUnavailableError

KeyProvider = Callable[[str], bytes | None]
"""From a key id to the key, or None when there is no such key. May raise KeyUnavailableError."""

MIN_KEY_BYTES = 16

_KEY_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


def no_keys(_: str) -> bytes | None:
    """Know no key."""
    return None


def keys_from_env(prefix: str = "JINGXI_KEY_") -> KeyProvider:
    """Read keys from environment variables, in base64.

    The variable of the key `id-card.2026` is `JINGXI_KEY_ID_CARD_2026`.
    """

    def key(key_id: str) -> bytes | None:
        if _KEY_ID.fullmatch(key_id) is None:
            return None
        name = prefix + re.sub(r"[.-]", "_", key_id).upper()
        text = os.environ.get(name)
        return None if text is None else _decode(text, f"environment variable `{name}`")

    return key


def keys_from_folder(folder: str | Path) -> KeyProvider:
    """Read keys from files named as the key ids, in base64; white space around it does not count."""
    root = Path(folder)

    def key(key_id: str) -> bytes | None:
        if _KEY_ID.fullmatch(key_id) is None:
            return None
        path = root / key_id
        try:
            text = path.read_text("ascii")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise KeyUnavailableError(f"key file `{path}` cannot be read: {type(error).__name__}") from error
        return _decode(text, f"key file `{path}`")

    return key


def _decode(text: str, place: str) -> bytes:
    try:
        data = base64.b64decode(text.strip(), validate=True)
    except binascii.Error as error:
        raise KeyUnavailableError(f"{place} is not base64") from error
    if len(data) < MIN_KEY_BYTES:
        raise KeyUnavailableError(f"{place} holds {len(data)} bytes; use {MIN_KEY_BYTES} or more, 32 at best")
    return data
