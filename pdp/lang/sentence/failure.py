"""The failure rule in words: what clients show while no verdict can be had (requirement A38)."""

from __future__ import annotations

from collections.abc import Sequence

from pdp.lang.model import Label
from pdp.values import format_timestamp


def failure_sentence(levels: Sequence[str], until: int, events: int, seconds: int) -> Label:
    """Return what holds for fields of these levels until then (nanoseconds since 1970), and when clients alarm."""
    if not levels:
        zh = "无法取得裁决时，所有字段按默认方式脱敏"
        en = "while no verdict can be had, every field is masked by its default mask"
    else:
        end = format_timestamp(until)
        zh = f"无法取得裁决时，{'、'.join(levels)} 级字段原样显示，至 {end} 为止；其余及永不明文的字段按默认方式脱敏"
        named = " and ".join(filter(None, (", ".join(levels[:-1]), levels[-1])))
        en = (
            f"while no verdict can be had, fields of level {named} are shown as they are until {end}; all others, and "
            "those that are never unmasked, are masked by their default masks"
        )
    return Label(
        f"{zh}。{seconds} 秒内超过 {events} 条报文时告警。",
        f"{en}; clients alarm above {events} messages in {seconds} s",
    )
