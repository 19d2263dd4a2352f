"""FF1, format-preserving encryption with AES: NIST SP 800-38G, section 4 and algorithms 7 and 8.

The names are those of the standard, so that the two can be read side by side.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

Block = Callable[[bytes], bytes]
"""AES with the key: from 16 bytes to 16 bytes."""

_ROUNDS = 10


class FF1:
    """FF1 over strings of numerals below a radix. `aes` is the block cipher with the key, `tweak` any bytes."""

    def __init__(self, aes: Block, radix: int, tweak: bytes) -> None:
        self._aes = aes
        self._radix = radix
        self._tweak = tweak

    def encrypt(self, numerals: Sequence[int]) -> list[int]:
        """Return the numerals encrypted, as many as there were; at least 2."""
        radix, n = self._radix, len(numerals)
        u = n // 2
        v = n - u
        a, b = _num(numerals[:u], radix), _num(numerals[u:], radix)
        round_value = self._rounds(n, u, v)
        for i in range(_ROUNDS):
            m = u if i % 2 == 0 else v
            a, b = b, (a + round_value(i, b)) % radix**m
        return [*_str(a, radix, u), *_str(b, radix, v)]

    def decrypt(self, numerals: Sequence[int]) -> list[int]:
        """Return what `encrypt` was given."""
        radix, n = self._radix, len(numerals)
        u = n // 2
        v = n - u
        a, b = _num(numerals[:u], radix), _num(numerals[u:], radix)
        round_value = self._rounds(n, u, v)
        for i in reversed(range(_ROUNDS)):
            m = u if i % 2 == 0 else v
            a, b = (b - round_value(i, a)) % radix**m, a
        return [*_str(a, radix, u), *_str(b, radix, v)]

    def _rounds(self, n: int, u: int, v: int) -> Callable[[int, int], int]:
        """Return the function from a round and the half it takes to the number y (steps 3 to 6vi)."""
        t = len(self._tweak)
        b = ((self._radix**v - 1).bit_length() + 7) // 8
        d = 4 * ((b + 3) // 4) + 4
        p = b"\x01\x02\x01" + self._radix.to_bytes(3, "big") + bytes([10, u % 256]) + n.to_bytes(4, "big")
        first = self._aes(p + t.to_bytes(4, "big"))
        padding = bytes((-t - b - 1) % 16)

        def y(i: int, half: int) -> int:
            q = self._tweak + padding + bytes([i]) + half.to_bytes(b, "big")
            r = first
            for start in range(0, len(q), 16):
                r = self._aes(_xor(r, q[start : start + 16]))
            s = r
            for j in range(1, (d + 15) // 16):
                s += self._aes(_xor(r, j.to_bytes(16, "big")))
            return int.from_bytes(s[:d], "big")

        return y


def _num(numerals: Sequence[int], radix: int) -> int:
    value = 0
    for numeral in numerals:
        value = value * radix + numeral
    return value


def _str(value: int, radix: int, length: int) -> list[int]:
    numerals = []
    for _ in range(length):
        value, numeral = divmod(value, radix)
        numerals.append(numeral)
    return numerals[::-1]


def _xor(one: bytes, other: bytes) -> bytes:
    return (int.from_bytes(one, "big") ^ int.from_bytes(other, "big")).to_bytes(16, "big")
