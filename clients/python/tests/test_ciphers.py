"""`encrypt` and `fpe`: FF1 by NIST's own samples, envelopes by their form, and the way back."""

from __future__ import annotations

import base64
import builtins
import string
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given, settings
from hypothesis import strategies as st

from jingxi_client import KeyUnavailableError, MaskUnavailableError, ciphers, masks
from jingxi_client._ff1 import FF1

KEYS = {"k16": bytes(range(16)), "k24": bytes(range(24)), "k32": bytes(range(32)), "k20": bytes(range(20))}

# https://csrc.nist.gov/projects/cryptographic-standards-and-guidelines/example-values, FF1 samples 1 to 9.
_K128 = "2B7E151628AED2A6ABF7158809CF4F3C"
_K192 = _K128 + "EF4359D8D580AA4F"
_K256 = _K192 + "7F036D6F04FC6A94"
_TEN, _WIDE = "39383736353433323130", "3737373770717273373737"
NIST = [
    (_K128, 10, "", "0123456789", "2433477484"),
    (_K128, 10, _TEN, "0123456789", "6124200773"),
    (_K128, 36, _WIDE, "0123456789abcdefghi", "a9tv40mll9kdu509eum"),
    (_K192, 10, "", "0123456789", "2830668132"),
    (_K192, 10, _TEN, "0123456789", "2496655549"),
    (_K192, 36, _WIDE, "0123456789abcdefghi", "xbj3kv35jrawxv32ysr"),
    (_K256, 10, "", "0123456789", "6657667009"),
    (_K256, 10, _TEN, "0123456789", "1001623463"),
    (_K256, 36, _WIDE, "0123456789abcdefghi", "xs8a0azh2avyalyzuwd"),
]


def ff1(key: str, radix: int, tweak: str) -> FF1:
    cipher = Cipher(algorithms.AES(bytes.fromhex(key)), modes.ECB())  # noqa: S305
    return FF1(lambda block: cipher.encryptor().update(block), radix, bytes.fromhex(tweak))


@pytest.mark.parametrize(("key", "radix", "tweak", "plain", "shown"), NIST)
def test_ff1_gives_what_nist_gives(key: str, radix: int, tweak: str, plain: str, shown: str) -> None:
    alphabet = string.digits + string.ascii_lowercase
    found = ff1(key, radix, tweak).encrypt([alphabet.index(ch) for ch in plain])
    assert "".join(alphabet[numeral] for numeral in found) == shown
    back = ff1(key, radix, tweak).decrypt(found)
    assert "".join(alphabet[numeral] for numeral in back) == plain


@settings(deadline=None)
@given(st.sampled_from(["digits", "alnum", "alnum-case"]), st.text(max_size=80), st.text(max_size=64), st.data())
def test_fpe_goes_back_and_leaves_all_others_in_place(
    alphabet: str, value: str, tweak: str, data: st.DataObject
) -> None:
    letters, least = ciphers.ALPHABETS[alphabet]
    value += data.draw(st.text(st.sampled_from(letters + "-"), max_size=40))
    parameters = {"key": "k16", "alphabet": alphabet, "tweak": tweak}
    shown = masks.apply("fpe", parameters, value, KEYS.get)
    count = sum(ch in letters for ch in value)
    if not value:
        assert shown == ""
    elif not least <= count <= ciphers.MAX_NUMERALS:
        assert shown == "***"
    else:
        assert [ch if ch not in letters else "" for ch in shown] == [ch if ch not in letters else "" for ch in value]
        assert ciphers.fpe_decrypt(shown, parameters, KEYS.get) == value


@settings(deadline=None)
@given(st.text(min_size=1), st.sampled_from(["aes-gcm", "sm4-gcm"]))
def test_what_is_encrypted_can_be_decrypted_and_is_never_twice_the_same(value: str, cipher: str) -> None:
    parameters = {"key": "k16", "cipher": cipher}
    one = masks.apply("encrypt", parameters, value, KEYS.get)
    other = masks.apply("encrypt", parameters, value, KEYS.get)
    assert one != other
    assert ciphers.decrypt(one, KEYS.get) == ciphers.decrypt(other, KEYS.get) == value


def test_every_changed_byte_of_an_envelope_is_found() -> None:
    shown = masks.apply("encrypt", {"key": "k32"}, "13812348000", KEYS.get)
    data = bytearray(base64.urlsafe_b64decode(shown + "=="[: -len(shown) % 4]))
    for place in range(len(data)):
        data[place] ^= 1
        changed = base64.urlsafe_b64encode(bytes(data)).rstrip(b"=").decode()
        with pytest.raises((MaskUnavailableError, KeyUnavailableError)) as caught:
            ciphers.decrypt(changed, KEYS.get)
        assert "13812348000" not in str(caught.value)
        data[place] ^= 1


def test_an_envelope_is_what_the_guide_says() -> None:
    shown = masks.apply("encrypt", {"key": "k16"}, "a", KEYS.get, nonces=lambda size: b"\x07" * size)
    data = base64.urlsafe_b64decode(shown + "=" * (-len(shown) % 4))
    assert data[:6] == b"\x01\x01\x03k16"
    assert data[6:18] == b"\x07" * 12
    assert len(data) == 18 + 1 + 16


@pytest.mark.parametrize("text", ["", "a", "!!!!", "AQEDazE2", "AgEDazE2AAAA", "é"])
def test_what_is_no_envelope_is_refused(text: str) -> None:
    with pytest.raises(MaskUnavailableError):
        ciphers.decrypt(text, KEYS.get)


@pytest.mark.parametrize(
    ("algorithm", "parameters"),
    [
        ("encrypt", {"key": "k20"}),
        ("encrypt", {"key": "k9"}),
        ("encrypt", {"key": "k32", "cipher": "sm4-gcm"}),
        ("encrypt", {"key": "k16", "cipher": "aes-cbc"}),
        ("encrypt", {"key": "钥"}),
        ("fpe", {"key": "k20"}),
        ("fpe", {"key": "k9"}),
        ("fpe", {"key": "k16", "alphabet": "hex"}),
        ("fpe", {"key": "k16", "tweak": "x" * 65}),
        ("fpe", {"key": "k16", "tweak": "\ud800"}),
    ],
)
def test_what_cannot_be_performed_drops_the_field(algorithm: str, parameters: dict[str, Any]) -> None:
    assert masks.apply(algorithm, parameters, "13812348000", {**KEYS, "钥": bytes(16)}.get) is masks.DROP


def test_the_way_back_needs_the_key() -> None:
    shown = masks.apply("encrypt", {"key": "k16"}, "a", KEYS.get)
    with pytest.raises(KeyUnavailableError, match="there is no key `k16`"):
        ciphers.decrypt(shown, lambda _: None)
    with pytest.raises(KeyUnavailableError, match="there is no key `k1`"):
        ciphers.fpe_decrypt("123456", {"key": "k1"}, lambda _: None)
    with pytest.raises(MaskUnavailableError, match="another key of this id"):
        ciphers.decrypt(shown, lambda _: bytes(16))
    with pytest.raises(MaskUnavailableError, match="does not have the length"):
        ciphers.fpe_decrypt("***", {"key": "k16"}, KEYS.get)


def test_without_cryptography_the_field_is_dropped_and_the_reason_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    imported = builtins.__import__

    def refusing(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("cryptography"):
            raise ImportError("no module named cryptography")
        return imported(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refusing)
    for algorithm in ("encrypt", "fpe"):
        with pytest.raises(MaskUnavailableError, match=r"install `jingxi-client\[crypto\]`"):
            masks.masker(algorithm, {"key": "k16"}, keys=KEYS.get)
