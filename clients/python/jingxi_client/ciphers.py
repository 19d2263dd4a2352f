"""The masks `encrypt` and `fpe`, and back: for those who hold the key.

They need the package `cryptography`: install `jingxi-client[crypto]`. Without it their fields are dropped.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Any, Final

from jingxi_client._ff1 import FF1
from jingxi_client._text import HIDDEN
from jingxi_client.errors import KeyUnavailableError, MaskUnavailableError
from jingxi_client.keys import KeyProvider

NonceSource = Callable[[int], bytes]
"""Gives so many random bytes. INVARIANT: never the same twice with one key, or GCM protects nothing."""

NONCE_BYTES: Final = 12
TAG_BYTES: Final = 16
VERSION: Final = 1
CIPHERS: Final[Mapping[str, int]] = {"aes-gcm": 1, "sm4-gcm": 2}
"""The ciphers of `encrypt` with their numbers in an envelope."""

_DIGITS = "0123456789"
_CAPITALS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
ALPHABETS: Final[Mapping[str, tuple[str, int]]] = {
    "digits": (_DIGITS, 6),
    "alnum": (_DIGITS + _CAPITALS, 4),
    "alnum-case": (_DIGITS + _CAPITALS + _CAPITALS.lower(), 4),
}
"""The alphabets of `fpe` with how many of their characters a value must have at least: a million values or more."""

MAX_NUMERALS: Final = 64
_AES_KEYS = (16, 24, 32)
_SM4_KEYS = (16,)


def encrypting(p: Mapping[str, Any], keys: KeyProvider, nonces: NonceSource) -> Callable[[str], str]:
    """Return the mask `encrypt` with complete parameters. Raises MaskUnavailableError."""
    cipher = CIPHERS[p["cipher"]]
    key = _key(keys, p["key"], _key_sizes(cipher))
    try:
        name = p["key"].encode("ascii")
    except UnicodeEncodeError as error:
        raise MaskUnavailableError("parameter `key` is not ASCII") from error
    if len(name) > 255:
        raise MaskUnavailableError("parameter `key` is longer than 255 characters")
    head = bytes([VERSION, cipher, len(name)]) + name
    seal = _sealing(cipher, key)

    def mask(text: str) -> str:
        nonce = nonces(NONCE_BYTES)
        sealed = head + nonce + seal(nonce, text.encode(), head)
        return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode("ascii")

    return mask


def decrypt(text: str, keys: KeyProvider) -> str:
    """Return what the mask `encrypt` was given.

    Raises KeyUnavailableError without the key, and MaskUnavailableError for a text that is no envelope, was altered or
    was made by another key of this id.
    """
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise MaskUnavailableError("the text is no envelope of `encrypt`: it is not base64url") from error
    if len(data) < 3 or data[0] != VERSION or data[1] not in CIPHERS.values():
        raise MaskUnavailableError("the text is no envelope of `encrypt` that this client knows")
    head, rest = data[: 3 + data[2]], data[3 + data[2] :]
    if len(rest) < NONCE_BYTES + TAG_BYTES:
        raise MaskUnavailableError("the text is an envelope of `encrypt` that was cut off")
    try:
        key = _key(keys, head[3:].decode("ascii", "replace"), _key_sizes(data[1]))
    except MaskUnavailableError as error:
        raise KeyUnavailableError(str(error)) from error
    return _open(data[1], key, rest, head)


def format_preserving(p: Mapping[str, Any], keys: KeyProvider) -> Callable[[str], str]:
    """Return the mask `fpe` with complete parameters. Raises MaskUnavailableError."""
    ff1, alphabet, least = _ff1(p, keys)

    def mask(text: str) -> str:
        places, numerals = _numerals(text, alphabet)
        if not least <= len(numerals) <= MAX_NUMERALS:
            return HIDDEN
        return _written(text, places, ff1.encrypt(numerals), alphabet)

    return mask


def fpe_decrypt(text: str, parameters: Mapping[str, Any], keys: KeyProvider) -> str:
    """Return what the mask `fpe` with these parameters was given.

    Raises KeyUnavailableError without the key, and MaskUnavailableError for parameters that are wrong and for a text
    that no such mask made, among them one that was masked whole.
    """
    p = {"alphabet": "digits", "tweak": "", **parameters}
    if set(p) != {"key", "alphabet", "tweak"} or p["alphabet"] not in ALPHABETS:
        raise MaskUnavailableError("give `key`, `alphabet` and `tweak` as the mask had them")
    try:
        ff1, alphabet, least = _ff1(p, keys)
    except MaskUnavailableError as error:
        raise KeyUnavailableError(str(error)) from error
    places, numerals = _numerals(text, alphabet)
    if not least <= len(numerals) <= MAX_NUMERALS:
        raise MaskUnavailableError("the text does not have the length of one that `fpe` encrypts")
    return _written(text, places, ff1.decrypt(numerals), alphabet)


def _ff1(p: Mapping[str, Any], keys: KeyProvider) -> tuple[FF1, str, int]:
    if len(p["tweak"]) > 64:
        raise MaskUnavailableError("parameter `tweak` is longer than 64 characters")
    try:
        tweak = p["tweak"].encode()
    except UnicodeEncodeError as error:
        raise MaskUnavailableError("parameter `tweak` holds a lone surrogate") from error
    alphabet, least = ALPHABETS[p["alphabet"]]
    return FF1(_aes_block(_key(keys, p["key"], _AES_KEYS)), len(alphabet), tweak), alphabet, least


def _numerals(text: str, alphabet: str) -> tuple[list[int], list[int]]:
    """Return where the alphabet's characters stand in a text, and which they are."""
    found = [(place, alphabet.find(ch)) for place, ch in enumerate(text) if ch in alphabet]
    return [place for place, _ in found], [numeral for _, numeral in found]


def _written(text: str, places: list[int], numerals: list[int], alphabet: str) -> str:
    shown = list(text)
    for place, numeral in zip(places, numerals, strict=True):
        shown[place] = alphabet[numeral]
    return "".join(shown)


def _key_sizes(cipher: int) -> tuple[int, ...]:
    return _AES_KEYS if cipher == CIPHERS["aes-gcm"] else _SM4_KEYS


def _key(keys: KeyProvider, key_id: str, sizes: tuple[int, ...]) -> bytes:
    try:
        key = keys(key_id)
    except KeyUnavailableError as error:
        raise MaskUnavailableError(str(error)) from error
    if key is None or len(key) not in sizes:
        listed = " or ".join(map(str, sizes))
        raise MaskUnavailableError(f"there is no key `{key_id}` of {listed} bytes")
    return key


def _needs_cryptography(error: ImportError) -> MaskUnavailableError:
    return MaskUnavailableError(f"`encrypt` and `fpe` need another package; install `jingxi-client[crypto]` ({error})")


def _sealing(cipher: int, key: bytes) -> Callable[[bytes, bytes, bytes], bytes]:
    """Return GCM with a key: from nonce, text and additional data to ciphertext and tag."""
    algorithm, gcm, _ = _primitives(cipher, key)

    def seal(nonce: bytes, plain: bytes, head: bytes) -> bytes:
        encryptor = gcm(algorithm, nonce, None).encryptor()
        encryptor.authenticate_additional_data(head)
        sealed: bytes = encryptor.update(plain) + encryptor.finalize() + encryptor.tag
        return sealed

    return seal


def _open(cipher: int, key: bytes, rest: bytes, head: bytes) -> str:
    algorithm, gcm, invalid_tag = _primitives(cipher, key)
    nonce, sealed, tag = rest[:NONCE_BYTES], rest[NONCE_BYTES:-TAG_BYTES], rest[-TAG_BYTES:]
    decryptor = gcm(algorithm, nonce, tag).decryptor()
    decryptor.authenticate_additional_data(head)
    try:
        return str((decryptor.update(sealed) + decryptor.finalize()).decode())
    except invalid_tag as error:
        raise MaskUnavailableError("the text was altered, or made by another key of this id") from error


def _primitives(cipher: int, key: bytes) -> tuple[Any, Callable[..., Any], type[Exception]]:
    """Return the cipher with its key, GCM over it, and the error of a wrong tag."""
    try:
        from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm  # noqa: PLC0415 - an extra
        from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes  # noqa: PLC0415
    except ImportError as error:
        raise _needs_cryptography(error) from error
    algorithm = algorithms.AES(key) if cipher == CIPHERS["aes-gcm"] else algorithms.SM4(key)

    def gcm(chosen: Any, nonce: bytes, tag: bytes | None) -> Any:
        try:
            return Cipher(chosen, modes.GCM(nonce, tag))
        except UnsupportedAlgorithm as error:
            raise MaskUnavailableError("this machine's OpenSSL has no such cipher") from error

    return algorithm, gcm, InvalidTag


def _aes_block(key: bytes) -> Callable[[bytes], bytes]:
    try:
        from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise _needs_cryptography(error) from error
    # FF1 is made of single blocks; ECB over one block is the block cipher itself.
    cipher = Cipher(algorithms.AES(key), modes.ECB())  # noqa: S305

    def block(data: bytes) -> bytes:
        encryptor = cipher.encryptor()
        return encryptor.update(data) + encryptor.finalize()

    return block
