"""The table of algorithms: one entry each, with parameters, cross-checks, strictness and words.

What each does to a value is defined in docs/guides/masking.md and tests/vectors/masking.json. A new algorithm is one
entry here, one function in each client, its vectors and its section in the guide.
"""

from __future__ import annotations

import enum
import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from pdp.masks import sentences
from pdp.masks.parameters import Form, Parameter, ParameterType, Problem, fraction, group_references, groups_of

Parameters = Mapping[str, Any]


class MaskClass(enum.IntEnum):
    """How much of a value a mask leaves; greater is stricter."""

    PARTIAL = 1
    FULL = 2
    DROP = 3


def _nothing_wrong(_: Parameters) -> Iterator[Problem]:
    return iter(())


def _no_measure(_: Parameters) -> int:
    return 0


@dataclass(frozen=True, slots=True)
class Algorithm:
    """A way to mask.

    `rank` orders algorithms of one class and `measure` the masks of one rank, both greater for stricter. `check` yields
    what is wrong between valid parameters, `describe` says in (Chinese, English) what is shown; like `measure` they get
    complete parameters.
    """

    name: str
    mask_class: MaskClass
    zh: str
    en: str
    parameters: tuple[Parameter, ...]
    rank: int
    describe: Callable[[Parameters], tuple[str, str]]
    measure: Callable[[Parameters], Fraction | int] = _no_measure
    check: Callable[[Parameters], Iterator[Problem]] = _nothing_wrong


def _int(name: str, default: int, zh: str, en: str, *, minimum: int = 0, maximum: int = 1_000) -> Parameter:
    return Parameter(name, ParameterType.INT, zh, en, default, minimum=minimum, maximum=maximum)


def _choice(name: str, zh: str, en: str, *choices: str) -> Parameter:
    return Parameter(name, ParameterType.STRING, zh, en, choices[0], choices=choices)


def _list(name: str, zh: str, en: str, *default: str, maximum: int = 64) -> Parameter:
    return Parameter(name, ParameterType.STRING_LIST, zh, en, default, minimum=1, maximum=maximum)


_CHAR = Parameter("char", ParameterType.STRING, "遮盖字符", "the character that masks", "*", form=Form.CHARACTER)
_SKIP = Parameter(
    "skip",
    ParameterType.STRING,
    "既不计数也不遮盖的字符",
    "characters that neither count nor are masked",
    "",
    maximum=16,
)


_KEY = Parameter(
    "key", ParameterType.STRING, "密钥编号", "id of the key", required=True, minimum=1, maximum=64, form=Form.KEY_ID
)


def _length(default: int) -> Parameter:
    return _int(
        "length", default, "每段遮盖字符的个数，0 为与原文等长",
        "mask characters for each hidden stretch; 0 for as many as are hidden", maximum=64,
    )  # fmt: skip


def _ends(zh: str, en: str) -> tuple[Parameter, ...]:
    return (
        _int("prefix", 0, f"{zh}的开头字符数", f"characters {en} at the start"),
        _int("suffix", 0, f"{zh}的结尾字符数", f"characters {en} at the end"),
        _SKIP,
        _length(0),
        _CHAR,
    )


_DELIMITER = (
    Parameter(
        "delimiter", ParameterType.STRING, "分界文字，保留", "the text that divides; it stays",
        required=True, minimum=1, maximum=16,
    ),
    _choice("occurrence", "取第一处还是最后一处", "which occurrence divides", "first", "last"),
    _length(0),
    _CHAR,
)  # fmt: skip

_ADDRESS_EXCEPTIONS = (
    "自治区", "行政区", "小区", "社区", "园区", "校区", "厂区", "景区", "住宅区", "生活区", "工业区", "别墅区",
)  # fmt: skip


def _check_ends(p: Parameters) -> Iterator[Problem]:
    if p["prefix"] + p["suffix"] == 0:
        hint = "give `prefix`, `suffix` or both; to show nothing use the algorithm `full`"
        yield Problem("prefix", "`prefix` and `suffix` are both 0", hint)


def _check_range(p: Parameters) -> Iterator[Problem]:
    if p["to"] < p["from"]:
        message = f"`to` is `{p['to']}`, before `from`, which is `{p['from']}`"
        yield Problem("to", message, "give the last character shown, counted from 1; `to` is included")


def _check_bucket(p: Parameters) -> Iterator[Problem]:
    if any(low >= high for low, high in itertools.pairwise(map(fraction, p["edges"]))):
        yield Problem("edges", "`edges` do not rise", "write each edge once, the smallest first")
    labels = p.get("labels")
    if labels is not None and len(labels) != len(p["edges"]) + 1:
        hint = f"{len(p['edges'])} edges make {len(p['edges']) + 1} ranges; give each a label, the lowest first"
        yield Problem("labels", f"`labels` has {len(labels)} items", hint)


def _check_round(p: Parameters) -> Iterator[Problem]:
    if fraction(p["unit"]) <= 0:
        yield Problem("unit", f"`unit` is `{p['unit']}`, which is not above 0", 'use a decimal such as `"1000"`')


def _check_regex(p: Parameters) -> Iterator[Problem]:
    groups = groups_of(p["pattern"])
    used = {int(part) for part in group_references(p["template"]) if part.isdigit()}
    for number in sorted(used):
        if number > groups:
            hint = f"groups are written `(…)`; the pattern has {groups}"
            yield Problem("template", f"`template` uses `${number}`, which the pattern does not have", hint)


def _measure_date(p: Parameters) -> int:
    return {"month": 1, "year": 2, "age": 3}[p["unit"]] * 1_000 + int(p["band"])


def _shown_ends(p: Parameters) -> int:
    return -int(p["prefix"] + p["suffix"])


_TABLE = (
    Algorithm(
        "suppress", MaskClass.DROP, "不返回字段", "leave the field out", (), 0,
        sentences.fixed("不返回", "leave out"),
    ),
    Algorithm(
        "null", MaskClass.FULL, "返回空值", "put null in its place", (), 20,
        sentences.fixed("返回空值", "put null in its place"),
    ),
    Algorithm(
        "full", MaskClass.FULL, "全部遮盖", "mask in full", (_length(3), _CHAR), 10,
        sentences.fixed("全部遮盖", "mask in full"),
    ),
    Algorithm(
        "keep", MaskClass.PARTIAL, "保留首尾", "show the ends", _ends("显示", "shown"), 60,
        sentences.keep, _shown_ends, _check_ends,
    ),
    Algorithm(
        "mask", MaskClass.PARTIAL, "遮盖首尾", "mask the ends", _ends("遮盖", "masked"), 20,
        sentences.mask, lambda p: p["prefix"] + p["suffix"], _check_ends,
    ),
    Algorithm(
        "keep_range", MaskClass.PARTIAL, "保留一段", "show a stretch",
        (
            Parameter("from", ParameterType.INT, "显示的第一个字符，从 1 数起", "first character shown, from 1",
                      required=True, minimum=1),
            Parameter("to", ParameterType.INT, "显示的最后一个字符", "last character shown", required=True, minimum=1),
            _SKIP, _length(0), _CHAR,
        ),
        60, sentences.keep_range, lambda p: p["from"] - p["to"] - 1, _check_range,
    ),
    Algorithm(
        "before", MaskClass.PARTIAL, "遮盖分界之前", "mask what stands before a text", _DELIMITER, 30, sentences.before,
    ),
    Algorithm(
        "after", MaskClass.PARTIAL, "遮盖分界之后", "mask what stands after a text", _DELIMITER, 30, sentences.after,
    ),
    Algorithm(
        "name", MaskClass.PARTIAL, "姓名", "person's name", (_length(0), _CHAR), 60,
        sentences.fixed("显示姓氏或首字母", "show the surname or initials"), lambda _: -2,
    ),
    Algorithm(
        "email", MaskClass.PARTIAL, "电子邮箱", "e-mail address",
        (_int("prefix", 1, "显示的开头字符数", "characters shown at the start", maximum=64), _length(3), _CHAR), 45,
        sentences.email, lambda p: -p["prefix"],
    ),
    Algorithm(
        "address", MaskClass.PARTIAL, "地址", "postal address",
        (
            _list("markers", "显示到其中之一为止", "show through the first of these", "区", "县", "旗"),
            _list("exceptions", "不算作标志的词", "words whose end is no marker", *_ADDRESS_EXCEPTIONS),
            _int("prefix", 6, "找不到标志时显示的开头字符数", "characters shown at the start when no marker is found"),
            _length(4), _CHAR,
        ),
        40, sentences.address, lambda p: -p["prefix"],
    ),
    Algorithm(
        "landline", MaskClass.PARTIAL, "固定电话", "landline number",
        (_int("suffix", 2, "区号之后显示的结尾字符数", "characters shown at the end, after the area code"),
         _length(0), _CHAR),
        60, sentences.landline, lambda p: -(4 + p["suffix"]),
    ),
    Algorithm(
        "bucket", MaskClass.PARTIAL, "数值区间", "range of a number",
        (
            Parameter("edges", ParameterType.STRING_LIST, "各区间的下界，递增", "where ranges begin, rising",
                      required=True, minimum=1, maximum=64, form=Form.DECIMAL),
            Parameter("labels", ParameterType.STRING_LIST, "各区间的名称，比下界多一个",
                      "what each range is called, one more than edges", minimum=2, maximum=65),
        ),
        80, sentences.fixed("显示所在区间", "show the range it falls in"), lambda p: -len(p["edges"]), _check_bucket,
    ),
    Algorithm(
        "round", MaskClass.PARTIAL, "取整", "round a number",
        (
            Parameter("unit", ParameterType.STRING, "取整到它的倍数", "round to a multiple of it", "1000", minimum=1,
                      maximum=28, form=Form.DECIMAL),
            _choice("mode", "四舍五入，或向零舍去", "to the nearest, halves away from zero, or towards zero",
                    "nearest", "down"),
        ),
        70, sentences.round_, lambda p: fraction(p["unit"]), _check_round,
    ),
    Algorithm(
        "date_trunc", MaskClass.PARTIAL, "日期截断", "part of a date",
        (
            _choice("unit", "显示年、年月或年龄段", "show the year, year and month, or age band",
                    "year", "month", "age"),
            _int("band", 10, "年龄段的宽度（岁）", "width of an age band in years", minimum=2, maximum=50),
        ),
        75, sentences.date_trunc, _measure_date,
    ),
    Algorithm(
        "ip", MaskClass.PARTIAL, "IP 地址", "IP address",
        (_int("ipv4", 1, "显示的 IPv4 段数", "octets shown of IPv4", maximum=3),
         _int("ipv6", 3, "显示的 IPv6 组数（每组 16 位）", "groups of 16 bits shown of IPv6", maximum=7), _CHAR),
        50, sentences.ip, lambda p: -(p["ipv4"] * 3 + p["ipv6"]),
    ),
    Algorithm(
        "regex", MaskClass.PARTIAL, "按模板", "by a template",
        (
            Parameter("pattern", ParameterType.STRING, "与整个值匹配的 RE2 模式", "RE2 pattern for the whole value",
                      required=True, minimum=1, maximum=512, form=Form.PATTERN),
            Parameter("template", ParameterType.STRING, "匹配时的结果，$1 为第一组",
                      "the result, `$1` for the first group", required=True, minimum=1, maximum=256,
                      form=Form.TEMPLATE),
        ),
        10, sentences.regex, check=_check_regex,
    ),
    Algorithm(
        "hash", MaskClass.PARTIAL, "密钥哈希", "keyed hash",
        (
            _KEY,
            _choice("digest", "HMAC 的杂凑算法", "the hash that HMAC uses", "sha256", "sm3"),
            _int("digits", 64, "十六进制位数", "hexadecimal digits", minimum=16, maximum=64),
        ),
        90, sentences.hash_, lambda p: -p["digits"],
    ),
    Algorithm(
        "encrypt", MaskClass.PARTIAL, "加密", "encryption",
        (_KEY, _choice("cipher", "加密算法", "the cipher", "aes-gcm", "sm4-gcm")),
        87, sentences.encrypt,
    ),
    Algorithm(
        "fpe", MaskClass.PARTIAL, "保留格式加密", "format-preserving encryption",
        (
            _KEY,
            _choice("alphabet", "参与加密的字符", "the characters that are encrypted", "digits", "alnum", "alnum-case"),
            Parameter("tweak", ParameterType.STRING, "调整值：同一密钥下区分不同用途", "tells uses of one key apart",
                      "", maximum=64),
        ),
        83, sentences.fpe,
    ),
)  # fmt: skip

BY_NAME: Mapping[str, Algorithm] = {algorithm.name: algorithm for algorithm in _TABLE}
