"""What a mask shows, in Chinese and English: the end of a sentence such as 「手机号显示前 3 后 4」.

The English is an imperative without a subject, so that "mobile number: show the first 3 and last 4" reads well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Parameters = Mapping[str, Any]
Sentence = tuple[str, str]


def fixed(zh: str, en: str) -> Callable[[Parameters], Sentence]:
    """Return a description that does not depend on parameters."""
    return lambda _: (zh, en)


def keep(p: Parameters) -> Sentence:
    """Describe `keep`."""
    zh, en = _ends(p)
    return f"显示{zh}", f"show the {en}"


def mask(p: Parameters) -> Sentence:
    """Describe `mask`."""
    zh, en = _ends(p)
    return f"遮盖{zh}", f"mask the {en}"


def keep_range(p: Parameters) -> Sentence:
    """Describe `keep_range`."""
    first, last = p["from"], p["to"]
    if first == last:
        return f"显示第 {first} 位", f"show character {first}"
    return f"显示第 {first} 至 {last} 位", f"show characters {first} to {last}"


def before(p: Parameters) -> Sentence:
    """Describe `before`."""
    zh, en = _delimiter(p)
    return f"遮盖{zh}之前", f"mask what stands before {en}"


def after(p: Parameters) -> Sentence:
    """Describe `after`."""
    zh, en = _delimiter(p)
    return f"遮盖{zh}之后", f"mask what stands after {en}"


def email(p: Parameters) -> Sentence:
    """Describe `email`."""
    match p["prefix"]:
        case 0:
            return "显示邮箱域名", "show the domain"
        case 1:
            return "显示首字符和邮箱域名", "show the first character and the domain"
        case count:
            return f"显示前 {count} 和邮箱域名", f"show the first {count} and the domain"


def address(p: Parameters) -> Sentence:
    """Describe `address`."""
    zh, en = "、".join(p["markers"]), ", ".join(p["markers"])
    if p["markers"] == ("区", "县", "旗"):
        return "地址显示到区县", "show the address down to the district"
    return f"地址显示到{zh}", f"show the address down to {en}"


def landline(p: Parameters) -> Sentence:
    """Describe `landline`."""
    if not p["suffix"]:
        return "显示区号", "show the area code"
    return f"显示区号和后 {p['suffix']}", f"show the area code and last {p['suffix']}"


def round_(p: Parameters) -> Sentence:
    """Describe `round`."""
    if p["mode"] == "down":
        return f"舍去到 {p['unit']} 的倍数", f"round down to a multiple of {p['unit']}"
    return f"四舍五入到 {p['unit']} 的倍数", f"round to a multiple of {p['unit']}"


def date_trunc(p: Parameters) -> Sentence:
    """Describe `date_trunc`."""
    match p["unit"]:
        case "year":
            return "只显示年份", "show the year only"
        case "month":
            return "只显示年月", "show the year and month only"
        case _:
            return f"显示年龄段（每 {p['band']} 岁一段）", f"show the age in bands of {p['band']} years"


def ip(p: Parameters) -> Sentence:
    """Describe `ip`."""
    v4, v6 = p["ipv4"], p["ipv6"]
    zh = f"显示 IPv4 前 {v4} 段、IPv6 前 {v6} 组"
    return zh, f"show the first {_count(v4, 'octet')} of IPv4 and {_count(v6, 'group')} of IPv6"


def regex(p: Parameters) -> Sentence:
    """Describe `regex`."""
    return f"按模板 {p['template']} 显示", f"show as {p['template']}"


def hash_(p: Parameters) -> Sentence:
    """Describe `hash`."""
    name = {"sha256": "HMAC-SHA-256", "sm3": "HMAC-SM3"}[p["digest"]]
    return f"以 {name} 密钥哈希代替", f"put a keyed hash ({name}) in its place"


def encrypt(p: Parameters) -> Sentence:
    """Describe `encrypt`."""
    name = {"aes-gcm": "AES-GCM", "sm4-gcm": "SM4-GCM"}[p["cipher"]]
    return f"以 {name} 密文代替", f"put it encrypted ({name}) in its place"


def fpe(p: Parameters) -> Sentence:
    """Describe `fpe`."""
    zh, en = {
        "digits": ("数字", "digits"),
        "alnum": ("数字和大写字母", "digits and capital letters"),
        "alnum-case": ("数字和字母", "digits and letters"),
    }[p["alphabet"]]
    return f"{zh}保留格式加密（FF1）", f"encrypt the {en} in their format (FF1)"


def _ends(p: Parameters) -> Sentence:
    prefix, suffix = p["prefix"], p["suffix"]
    if prefix and suffix:
        return f"前 {prefix} 后 {suffix}", f"first {prefix} and last {suffix}"
    return (f"前 {prefix}", f"first {prefix}") if prefix else (f"后 {suffix}", f"last {suffix}")


def _delimiter(p: Parameters) -> Sentence:
    if p["occurrence"] == "last":
        return f"最后一个“{p['delimiter']}”", f'the last "{p["delimiter"]}"'
    return f"“{p['delimiter']}”", f'"{p["delimiter"]}"'


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
