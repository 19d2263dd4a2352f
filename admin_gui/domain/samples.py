"""Made-up values that previews of masks are shown on. The program holds no other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_BY_TYPE: Final[Mapping[str, Any]] = {
    "person_name": "段正淳",
    "id_card": "11010519491231002X",
    "passport": "E00000000",
    "travel_permit": "H00000000",
    "uscc": "92320400MA0000000L",
    "mobile": "13800138000",
    "landline": "0519-88888888",
    "email": "zhangsan@example.com",
    "address": "江苏省常州市天宁区测试路1号",
    "bank_card": "6200000000000005",
    "account": "320400010000000001",
    "amount": "86000.00",
    "birth_date": "1990-03-07",
    "plate": "苏D40000",
    "imei": "490154203237518",
    "mac": "00:00:5E:00:53:01",
    "ip": "192.0.2.10",
    "cvv": "000",
    "secret": "secret",
    "biometric": "template",
}
_ANY: Final = "示例 sample 1234"


def sample_of(semantic_type: str) -> Any:
    """Return a made-up value of a semantic type; some text for one that is not known."""
    return _BY_TYPE.get(semantic_type, _ANY)
