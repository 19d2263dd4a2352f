"""The grid of masking.json: every algorithm with several parameters over the same values.

What is expected is what the Python client shows.
The other cases of that table are written by hand and say what is right; the grid says that all languages agree about
what nobody thought of. One case holds all values in a list, which is masked item by item.
"""

from __future__ import annotations

import base64
import datetime
from pathlib import Path
from typing import Any

from jingxi_client import masks
from tests.vectors.making.text import compact

KEYS = {"k1": b"0123456789abcdef0123456789abcdef", "k2": b"fedcba9876543210"}
TODAY = "2026-03-02"
NONCE = "000102030405060708090a0b"
VALUES: tuple[Any, ...] = (
    None, "", "a", "张", "张三", "𠮷田", "𠮷𠮷𠮷", "e\u0301tude", "\u00e9tude", "葛\U000e0100城市",
    "👨\u200d👩\u200d👧", "买买提·吐尔逊", "欧阳娜娜", "欧阳·娜娜", "John  Smith", "·", " ", "a\nb", "１２３４５６７８",
    "12345678", "1234567", "123456", "12345",
    "110101199003078515", "11010119900307851X", "6222021234567890123", "zhangsan@example.com", "@", "a@", "@b", "a@b@c",
    "浙江省杭州市西湖区文三路1号", "内蒙古自治区呼和浩特市", "小区", "0571-88880000", "(010)62345678", "192.168.1.10",
    "2001:DB8::1", "::ffff:1.2.3.4", "1990-03-07", "1990年3月7日", "19900307", "2000-02-29", "1,234,567.89", "-0.005",
    "49999.99", "50000", "1e5", "<b>&amp;</b>", "\u202eabc\u202c", "\ufeffa", "AbC-12z9", "a" * 70, "1" * 65,
    0, -7, 12.5, 0.1, 1e-7, 1e21, 50.0, 13812348000, -9007199254740991, True, False, {}, {"mobile": "13812348000"},
    [], ["13812348000", ["张三", [None, 1.5]]],
)  # fmt: skip
MASKS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("full", {}), ("full", {"length": 0}), ("full", {"length": 2, "char": "█"}),
    ("keep", {"prefix": 3, "suffix": 4}), ("keep", {"prefix": 1}), ("keep", {"suffix": 1, "skip": " -@."}),
    ("keep", {"prefix": 2, "suffix": 2, "length": 3, "char": "𝄞"}), ("keep", {}),
    ("mask", {"prefix": 1}), ("mask", {"suffix": 4}), ("mask", {"prefix": 2, "suffix": 3, "skip": "-·", "length": 1}),
    ("keep_range", {"from": 1, "to": 1}), ("keep_range", {"from": 2, "to": 4}),
    ("keep_range", {"from": 4, "to": 6, "length": 2, "skip": " "}),
    ("before", {"delimiter": "@"}), ("before", {"delimiter": "·", "occurrence": "last"}),
    ("before", {"delimiter": "区", "length": 2}),
    ("after", {"delimiter": "@"}), ("after", {"delimiter": "@", "occurrence": "last"}), ("after", {"delimiter": "1"}),
    ("name", {}), ("name", {"length": 2, "char": "＊"}),
    ("email", {}), ("email", {"prefix": 0, "length": 0}), ("email", {"prefix": 4}),
    ("address", {}), ("address", {"markers": ["市", "路"], "exceptions": ["文三路"], "prefix": 2, "length": 0}),
    ("landline", {}), ("landline", {"suffix": 0}), ("landline", {"suffix": 4, "length": 2}),
    ("bucket", {"edges": ["0", "50000", "100000.5"]}), ("bucket", {"edges": ["-1", "1"], "labels": ["低", "中", "高"]}),
    ("round", {}), ("round", {"unit": "0.01"}), ("round", {"unit": "7", "mode": "down"}),
    ("date_trunc", {}), ("date_trunc", {"unit": "month"}), ("date_trunc", {"unit": "age", "band": 7}),
    ("ip", {}), ("ip", {"ipv4": 3, "ipv6": 7}), ("ip", {"ipv4": 0, "ipv6": 0, "char": "x"}),
    ("regex", {"pattern": "(.)(.*)", "template": "$2-$1$$"}),
    ("regex", {"pattern": "([^@]+)@(.+)", "template": "*@$2"}),
    ("regex", {"pattern": "[0-9]*([0-9]{4})|(.)[一-龥]+", "template": "$2…$1"}),
    ("hash", {"key": "k1"}), ("hash", {"key": "k2", "digest": "sm3", "digits": 20}),
    ("encrypt", {"key": "k1"}), ("encrypt", {"key": "k2", "cipher": "sm4-gcm"}),
    ("fpe", {"key": "k1"}), ("fpe", {"key": "k2", "alphabet": "alnum", "tweak": "卡"}),
    ("fpe", {"key": "k2", "alphabet": "alnum-case"}),
)  # fmt: skip


def make(path: Path) -> bytes:
    """Return masking.json with its hand-written cases and the grid made again."""
    text = path.read_text()
    lines = text.splitlines()
    first = lines.index('  "cases": [') + 1
    by_hand = [line.rstrip(",") for line in lines[first:-2] if "/grid-" not in line]
    cases = [*by_hand, *(f"    {compact(case)}" for case in grid())]
    return "\n".join([*lines[:first], ",\n".join(cases), *lines[-2:], ""]).encode()


def grid() -> list[dict[str, Any]]:
    """Return the cases of the grid."""
    cases, counts = [], dict.fromkeys(masks.PARAMETERS, 0)
    for algorithm, parameters in MASKS:
        counts[algorithm] += 1
        case: dict[str, Any] = {
            "id": f"{algorithm}/grid-{counts[algorithm]}",
            "algorithm": algorithm,
            "parameters": parameters,
        }
        if "key" in parameters:
            case["keys"] = {parameters["key"]: base64.b64encode(KEYS[parameters["key"]]).decode()}
        if algorithm == "date_trunc":
            case["today"] = TODAY
        if algorithm == "encrypt":
            case["nonce"] = NONCE
        shown = masks.apply(
            algorithm,
            parameters,
            list(VALUES),
            KEYS.get,
            today=datetime.date.fromisoformat(TODAY),
            nonces=lambda size: bytes.fromhex(NONCE)[:size],
        )
        cases.append({**case, "value": list(VALUES), "expected": shown})
    return cases
