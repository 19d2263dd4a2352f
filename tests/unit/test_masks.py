"""The catalogue of masks: what it accepts, how it orders and describes, and that guides and client say the same."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from jingxi_client import masks as client
from jingxi_client._surnames import COMPOUND_SURNAMES
from pdp.masks.catalogue import (
    ALGORITHMS,
    Form,
    MaskClass,
    Parameter,
    ParameterType,
    complete,
    describe,
    strictness,
    validate,
)

GUIDES = Path(__file__).parents[2] / "docs" / "guides"
KEY = b"0123456789abcdef"

FORM, CHOICE = "which does not have the form it needs", "which is not one of its values"
GROUP = "which the pattern does not have"

# One valid mask of every algorithm, and what it does in words.
SPOKEN: list[tuple[str, dict[str, Any], str, str]] = [
    ("suppress", {}, "不返回", "leave out"),
    ("null", {}, "返回空值", "put null in its place"),
    ("full", {}, "全部遮盖", "mask in full"),
    ("full", {"length": 6}, "全部遮盖", "mask in full"),
    ("keep", {"prefix": 3, "suffix": 4}, "显示前 3 后 4", "show the first 3 and last 4"),
    ("keep", {"prefix": 1}, "显示前 1", "show the first 1"),
    ("keep", {"suffix": 4}, "显示后 4", "show the last 4"),
    ("mask", {"prefix": 3, "suffix": 4}, "遮盖前 3 后 4", "mask the first 3 and last 4"),
    ("keep_range", {"from": 4, "to": 7}, "显示第 4 至 7 位", "show characters 4 to 7"),
    ("keep_range", {"from": 4, "to": 4}, "显示第 4 位", "show character 4"),
    ("before", {"delimiter": "@"}, "遮盖“@”之前", 'mask what stands before "@"'),
    ("after", {"delimiter": "-", "occurrence": "last"}, "遮盖最后一个“-”之后", 'mask what stands after the last "-"'),
    ("name", {}, "显示姓氏或首字母", "show the surname or initials"),
    ("email", {}, "显示首字符和邮箱域名", "show the first character and the domain"),
    ("email", {"prefix": 0}, "显示邮箱域名", "show the domain"),
    ("email", {"prefix": 3}, "显示前 3 和邮箱域名", "show the first 3 and the domain"),
    ("address", {}, "地址显示到区县", "show the address down to the district"),
    ("address", {"markers": ["市"]}, "地址显示到市", "show the address down to 市"),
    ("landline", {}, "显示区号和后 2", "show the area code and last 2"),
    ("landline", {"suffix": 0}, "显示区号", "show the area code"),
    ("bucket", {"edges": ["5"]}, "显示所在区间", "show the range it falls in"),
    ("round", {}, "四舍五入到 1000 的倍数", "round to a multiple of 1000"),
    ("round", {"unit": "0.5", "mode": "down"}, "舍去到 0.5 的倍数", "round down to a multiple of 0.5"),
    ("date_trunc", {}, "只显示年份", "show the year only"),
    ("date_trunc", {"unit": "month"}, "只显示年月", "show the year and month only"),
    ("date_trunc", {"unit": "age"}, "显示年龄段（每 10 岁一段）", "show the age in bands of 10 years"),
    ("ip", {}, "显示 IPv4 前 1 段、IPv6 前 3 组", "show the first 1 octet of IPv4 and 3 groups of IPv6"),
    ("regex", {"pattern": "(.).*", "template": "$1*"}, "按模板 $1* 显示", "show as $1*"),
    ("hash", {"key": "k"}, "以 HMAC-SHA-256 密钥哈希代替", "put a keyed hash (HMAC-SHA-256) in its place"),
    ("hash", {"key": "k", "digest": "sm3"}, "以 HMAC-SM3 密钥哈希代替", "put a keyed hash (HMAC-SM3) in its place"),
    ("encrypt", {"key": "k"}, "以 AES-GCM 密文代替", "put it encrypted (AES-GCM) in its place"),
    ("encrypt", {"key": "k", "cipher": "sm4-gcm"}, "以 SM4-GCM 密文代替", "put it encrypted (SM4-GCM) in its place"),
    ("fpe", {"key": "k"}, "数字保留格式加密（FF1）", "encrypt the digits in their format (FF1)"),
    (
        "fpe",
        {"key": "k", "alphabet": "alnum", "tweak": "card"},
        "数字和大写字母保留格式加密（FF1）",
        "encrypt the digits and capital letters in their format (FF1)",
    ),
    (
        "fpe",
        {"key": "k", "alphabet": "alnum-case"},
        "数字和字母保留格式加密（FF1）",
        "encrypt the digits and letters in their format (FF1)",
    ),
]


def values_of(parameter: Parameter) -> st.SearchStrategy[Any]:
    """Return valid values of a parameter, without regard to the others."""
    if parameter.choices:
        return st.sampled_from(parameter.choices)
    if parameter.type is ParameterType.INT:
        return st.integers(parameter.minimum, min(parameter.maximum, parameter.minimum + 20))
    match parameter.form:
        case Form.CHARACTER:
            return st.sampled_from("*●X＊")
        case Form.DECIMAL if parameter.type is ParameterType.STRING_LIST:
            return st.lists(st.integers(-99, 99), min_size=1, max_size=4, unique=True).map(sorted)
        case Form.DECIMAL:
            return st.sampled_from(["0.01", "0.1", "1", "1000", 5])
        case Form.PATTERN:
            return st.sampled_from(["(.)(.).*", "([0-9]{3})(.*)"])
        case Form.TEMPLATE:
            return st.sampled_from(["$1*", "$2$$"])
        case Form.KEY_ID:
            return st.sampled_from(["k1", "k2"])
    words = st.text(st.sampled_from("ab-@区"), min_size=1, max_size=3)
    return st.lists(words, min_size=1, max_size=3) if parameter.type is ParameterType.STRING_LIST else words


@st.composite
def valid_masks(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """Draw an algorithm with valid parameters, some left out."""
    entry = ALGORITHMS[draw(st.sampled_from(sorted(ALGORITHMS)))]
    parameters = {}
    for parameter in entry.parameters:
        if parameter.required or draw(st.booleans()):
            parameters[parameter.name] = draw(values_of(parameter))
    if entry.name in ("keep", "mask"):
        parameters["prefix"] = max(parameters.get("prefix", 0), 1)
    if entry.name == "keep_range":
        parameters["to"] = parameters["from"] + draw(st.integers(0, 5))
    if "labels" in parameters:
        parameters["labels"] = [f"range {i}" for i in range(len(parameters["edges"]) + 1)]
    return entry.name, parameters


class TestValidate:
    @pytest.mark.parametrize(("algorithm", "parameters", "zh", "en"), SPOKEN)
    def test_valid(self, algorithm: str, parameters: dict[str, Any], zh: str, en: str) -> None:
        assert validate(algorithm, parameters) == []
        assert describe(algorithm, parameters) == (zh, en)

    def test_every_algorithm_is_described(self) -> None:
        assert {algorithm for algorithm, *_ in SPOKEN} == set(ALGORITHMS)

    @given(valid_masks())
    def test_every_valid_mask_is_complete_described_and_known_to_the_client(
        self, mask: tuple[str, dict[str, Any]]
    ) -> None:
        algorithm, parameters = mask
        assert validate(algorithm, parameters) == []
        full = complete(algorithm, parameters)
        assert list(full) == sorted(full)
        assert validate(algorithm, full) == []
        assert complete(algorithm, full) == full
        assert all(isinstance(value, str | int | tuple) for value in full.values())
        assert all(describe(algorithm, parameters))
        assert describe(algorithm, full) == describe(algorithm, parameters)
        client.masker(algorithm, full, keys=lambda _: KEY)  # of a length that every cipher takes

    @pytest.mark.parametrize("algorithm", ["tokenize", "ff3", "", "KEEP"])
    def test_unknown_algorithms_are_answered_with_the_known_ones(self, algorithm: str) -> None:
        (problem,) = validate(algorithm, {"prefix": 1})
        assert problem.parameter == "algorithm"
        assert problem.message == f"unknown algorithm `{algorithm}`"
        assert all(f"`{name}`" in problem.hint for name in ALGORITHMS)

    def test_near_misses_are_guessed(self) -> None:
        assert validate("keep_rang", {})[0].hint.endswith("did you mean `keep_range`?")
        (problem,) = validate("keep", {"prefix": 1, "sufix": 2})
        assert (problem.parameter, problem.message) == ("sufix", "`keep` has no parameter `sufix`")
        assert problem.hint.endswith("did you mean `suffix`?")

    def test_an_algorithm_without_parameters(self) -> None:
        (problem,) = validate("suppress", {"length": 3})
        assert problem.hint == "it takes none"

    @pytest.mark.parametrize(
        ("algorithm", "parameters", "place", "message"),
        [
            ("keep", {"prefix": "3"}, "prefix", "`prefix` is `3`, which is not a whole number"),
            ("keep", {"prefix": True}, "prefix", "`prefix` is `true`, which is not a whole number"),
            ("keep", {"prefix": 1.0}, "prefix", "`prefix` is `1.0`, which is not a whole number"),
            ("keep", {"prefix": None}, "prefix", "`prefix` is `null`, which is not a whole number"),
            ("keep", {"prefix": -1}, "prefix", "`prefix` is `-1`, which is out of range"),
            ("keep", {"prefix": 1001}, "prefix", "`prefix` is `1001`, which is out of range"),
            ("keep", {}, "prefix", "`prefix` and `suffix` are both 0"),
            ("mask", {"prefix": 0}, "prefix", "`prefix` and `suffix` are both 0"),
            ("keep", {"prefix": 1, "skip": "x" * 17}, "skip", "`skip` has 17 characters"),
            ("keep", {"prefix": 1, "skip": "a\nb"}, "skip", f"`skip` is `a\nb`, {FORM}"),
            ("full", {"char": "**"}, "char", f"`char` is `**`, {FORM}"),
            ("full", {"char": ""}, "char", f"`char` is ``, {FORM}"),
            ("full", {"char": "0"}, "char", f"`char` is `0`, {FORM}"),
            ("full", {"char": "\u0301"}, "char", f"`char` is `\u0301`, {FORM}"),
            ("full", {"char": " "}, "char", f"`char` is ` `, {FORM}"),
            ("full", {"char": "\ud800"}, "char", f"`char` is `\\ud800`, {FORM}"),
            ("full", {"char": 5}, "char", "`char` is `5`, which is not a text"),
            ("full", {"length": 65}, "length", "`length` is `65`, which is out of range"),
            ("keep_range", {"from": 1}, "to", "`keep_range` needs `to`"),
            ("keep_range", {"from": 0, "to": 1}, "from", "`from` is `0`, which is out of range"),
            ("keep_range", {"from": 3, "to": 2}, "to", "`to` is `2`, before `from`, which is `3`"),
            ("before", {}, "delimiter", "`before` needs `delimiter`"),
            ("before", {"delimiter": ""}, "delimiter", "`delimiter` has 0 characters"),
            ("before", {"delimiter": "@", "occurrence": "2"}, "occurrence", f"`occurrence` is `2`, {CHOICE}"),
            ("address", {"markers": []}, "markers", "`markers` has 0 items"),
            ("address", {"markers": "区"}, "markers", "`markers` is `区`, which is not a list"),
            ("address", {"markers": [""]}, "markers", "`markers` has 0 characters"),
            ("address", {"markers": [1]}, "markers", "`markers` is `1`, which is not a text"),
            ("bucket", {"edges": [1.5]}, "edges", "`edges` is `1.5`, which is not a text"),
            ("bucket", {"edges": ["1e5"]}, "edges", f"`edges` is `1e5`, {FORM}"),
            ("bucket", {"edges": ["007"]}, "edges", f"`edges` is `007`, {FORM}"),
            ("bucket", {"edges": ["2", "1"]}, "edges", "`edges` do not rise"),
            ("bucket", {"edges": ["1", "1.0"]}, "edges", "`edges` do not rise"),
            ("bucket", {"edges": ["1"], "labels": ["a", "b", "c"]}, "labels", "`labels` has 3 items"),
            ("bucket", {"edges": ["1"], "labels": None}, "labels", "`labels` is `null`, which is not a list"),
            ("round", {"unit": "0"}, "unit", "`unit` is `0`, which is not above 0"),
            ("round", {"unit": "-5"}, "unit", "`unit` is `-5`, which is not above 0"),
            ("round", {"unit": 0.5}, "unit", "`unit` is `0.5`, which is not a text"),
            ("date_trunc", {"unit": "day"}, "unit", "`unit` is `day`, which is not one of its values"),
            ("date_trunc", {"unit": "age", "band": 1}, "band", "`band` is `1`, which is out of range"),
            ("ip", {"ipv4": 4}, "ipv4", "`ipv4` is `4`, which is out of range"),
            ("regex", {"pattern": "a", "template": "$1"}, "template", f"`template` uses `$1`, {GROUP}"),
            ("regex", {"pattern": "a", "template": "$0"}, "template", f"`template` is `$0`, {FORM}"),
            ("regex", {"pattern": "a", "template": "5$"}, "template", f"`template` is `5$`, {FORM}"),
            ("hash", {"key": "../k"}, "key", f"`key` is `../k`, {FORM}"),
            ("hash", {"key": "k", "digest": "md5"}, "digest", "`digest` is `md5`, which is not one of its values"),
            ("hash", {"key": "k", "digits": 8}, "digits", "`digits` is `8`, which is out of range"),
            ("encrypt", {}, "key", "`encrypt` needs `key`"),
            ("encrypt", {"key": "a b"}, "key", f"`key` is `a b`, {FORM}"),
            ("encrypt", {"key": "k", "cipher": "aes-cbc"}, "cipher", f"`cipher` is `aes-cbc`, {CHOICE}"),
            ("fpe", {}, "key", "`fpe` needs `key`"),
            ("fpe", {"key": "k", "alphabet": "hex"}, "alphabet", f"`alphabet` is `hex`, {CHOICE}"),
            ("fpe", {"key": "k", "tweak": "x" * 65}, "tweak", "`tweak` has 65 characters"),
            ("fpe", {"key": "k", "tweak": "a\nb"}, "tweak", f"`tweak` is `a\nb`, {FORM}"),
        ],
    )  # fmt: skip
    def test_invalid(self, algorithm: str, parameters: dict[str, Any], place: str, message: str) -> None:
        (problem,) = validate(algorithm, parameters)
        assert (problem.parameter, problem.message) == (place, message)
        assert problem.hint

    @pytest.mark.parametrize(
        "pattern",
        [r"\d+", r"\w", r"\s", r"\D", r"\bx", r"\pN", r"\C", r"(?i)a", r"(?P<n>a)", r"(a", r"a{1,2000}", r"(a)\1",
         "a\\", r"\Qa\E", r"(?=a)", "a\nb"],
    )  # fmt: skip
    def test_patterns_that_runtimes_read_differently_are_refused(self, pattern: str) -> None:
        (problem,) = validate("regex", {"pattern": pattern, "template": "x"})
        assert problem.parameter == "pattern"

    @pytest.mark.parametrize(
        "pattern", [r"^(?:a|b)+?\.[^0-9]*$", r"\x{20BB7}\x41\n", "[[:alpha:]]{2,3}", r"\(\?i\)", "欧阳.*", r"a\\d"]
    )
    def test_portable_patterns(self, pattern: str) -> None:
        assert validate("regex", {"pattern": pattern, "template": "x"}) == []

    def test_all_problems_are_told_at_once(self) -> None:
        problems = validate("keep_range", {"to": "x", "char": "ab", "colour": 1})
        assert [problem.parameter for problem in problems] == ["from", "to", "char", "colour"]


class TestComplete:
    def test_defaults_sorted_by_name(self) -> None:
        assert list(complete("keep", {"suffix": 4, "prefix": 3}).items()) == [
            ("char", "*"), ("length", 0), ("prefix", 3), ("skip", ""), ("suffix", 4),
        ]  # fmt: skip

    def test_values_take_the_form_in_which_they_travel(self) -> None:
        assert complete("bucket", {"edges": [50000, "100000.5"]}) == {"edges": ("50000", "100000.5")}
        assert complete("round", {"unit": 100}) == {"mode": "nearest", "unit": "100"}


class TestStrictness:
    def test_order_of_the_guide(self) -> None:
        order: list[tuple[str, dict[str, Any]]] = [
            ("suppress", {}),
            ("null", {}),
            ("full", {"char": "●"}),
            ("full", {}),
            ("full", {"length": 0}),
            ("hash", {"key": "k", "digits": 16}),
            ("hash", {"key": "k"}),
            ("encrypt", {"key": "k"}),
            ("fpe", {"key": "k"}),
            ("bucket", {"edges": ["5"]}),
            ("bucket", {"edges": ["5", "6"]}),
            ("date_trunc", {"unit": "age", "band": 20}),
            ("date_trunc", {"unit": "age", "band": 5}),
            ("date_trunc", {}),
            ("date_trunc", {"unit": "month"}),
            ("round", {"unit": "1000"}),
            ("round", {"unit": "0.5"}),
            ("keep", {"prefix": 1}),
            ("name", {"length": 2}),
            ("name", {}),
            ("keep", {"prefix": 1, "suffix": 1}),
            ("keep", {"prefix": 1, "suffix": 1, "skip": "-"}),
            ("keep_range", {"from": 1, "to": 5}),
            ("landline", {}),
            ("keep", {"prefix": 3, "suffix": 4, "length": 4}),
            ("keep", {"prefix": 3, "suffix": 4}),
            ("ip", {}),
            ("ip", {"ipv4": 2}),
            ("email", {"prefix": 0}),
            ("email", {}),
            ("address", {}),
            ("address", {"prefix": 10}),
            ("before", {"delimiter": "@", "length": 3}),
            ("before", {"delimiter": "@"}),
            ("after", {"delimiter": "@"}),
            ("mask", {"prefix": 3, "suffix": 4}),
            ("mask", {"prefix": 3}),
            ("regex", {"pattern": "(.*)", "template": "$1"}),
        ]
        keys = [strictness(*mask) for mask in order]
        assert keys == sorted(keys, reverse=True)
        assert len(set(keys)) == len(keys)

    @given(valid_masks(), valid_masks())
    def test_any_two_masks_compare_and_only_equal_ones_are_equal(
        self, one: tuple[str, dict[str, Any]], other: tuple[str, dict[str, Any]]
    ) -> None:
        left, right = strictness(*one), strictness(*other)
        same = one[0] == other[0] and complete(*one) == complete(*other)
        assert (left == right) is same
        assert (left < right) + (left == right) + (left > right) == 1

    @given(st.lists(valid_masks(), max_size=6), st.randoms())
    def test_the_order_does_not_depend_on_where_one_starts(
        self, found: list[tuple[str, dict[str, Any]]], random: Any
    ) -> None:
        shuffled = random.sample(found, len(found))
        assert sorted(map(strictness_of, found)) == sorted(map(strictness_of, shuffled))

    @given(valid_masks(), valid_masks())
    def test_class_comes_first(self, one: tuple[str, dict[str, Any]], other: tuple[str, dict[str, Any]]) -> None:
        left, right = ALGORITHMS[one[0]].mask_class, ALGORITHMS[other[0]].mask_class
        if left > right:
            assert strictness(*one) > strictness(*other)

    @given(valid_masks())
    def test_defaults_written_out_change_nothing(self, mask: tuple[str, dict[str, Any]]) -> None:
        assert strictness(*mask) == strictness(mask[0], complete(*mask))

    def test_classes(self) -> None:
        assert MaskClass.DROP > MaskClass.FULL > MaskClass.PARTIAL
        assert [name for name, entry in ALGORITHMS.items() if entry.mask_class is MaskClass.DROP] == ["suppress"]
        assert [name for name, entry in ALGORITHMS.items() if entry.mask_class is MaskClass.FULL] == ["null", "full"]

    def test_measures_are_exact(self) -> None:
        assert strictness("round", {"unit": "0.1"})[2] == Fraction(1, 10)


def strictness_of(mask: tuple[str, dict[str, Any]]) -> tuple[Any, ...]:
    return strictness(*mask)


class TestClient:
    def test_client_knows_the_same_algorithms_parameters_and_defaults(self) -> None:
        def default(parameter: Parameter) -> Any:
            return client.REQUIRED if parameter.required else parameter.default

        catalogue = {name: {p.name: default(p) for p in entry.parameters} for name, entry in ALGORITHMS.items()}
        assert {name: dict(parameters) for name, parameters in client.PARAMETERS.items()} == catalogue

    def test_names_leave_the_keys_of_a_mask_free(self) -> None:
        taken = {"algorithm", "label", "name", "parameters"}
        assert not taken & {p.name for entry in ALGORITHMS.values() for p in entry.parameters}


@pytest.mark.parametrize("guide", ["masking.md", "masking.zh-CN.md"])
class TestGuide:
    def test_every_parameter_with_its_type_and_default(self, guide: str) -> None:
        required = {"masking.md": "required", "masking.zh-CN.md": "必填"}[guide]
        documented = {}
        for title, section in sections(guide):
            rows = [
                cells(row) for row in section.splitlines() if re.match(r"\| `[a-z0-9_]+` \| (int|string|list)", row)
            ]
            documented[title] = [row[:3] for row in rows]
        catalogue = {
            name: [[f"`{p.name}`", p.type.value, shown_default(p, required)] for p in entry.parameters]
            for name, entry in ALGORITHMS.items()
        }
        assert documented == catalogue

    def test_bounds_of_numbers(self, guide: str) -> None:
        bounds = {
            (title, cells(row)[0].strip("`")): cells(row)[3]
            for title, section in sections(guide)
            for row in section.splitlines()
            if re.match(r"\| `[a-z0-9_]+` \| int", row)
        }
        catalogue = {
            (name, p.name): f"{p.minimum}–{p.maximum}"
            for name, entry in ALGORITHMS.items()
            for p in entry.parameters
            if p.type is ParameterType.INT
        }
        assert bounds == catalogue

    def test_examples_are_true(self, guide: str) -> None:
        text = (GUIDES / guide).read_text("utf-8")
        rows = [cells(line) for line in text.splitlines() if line.startswith("| ") and "{algorithm: " in line]
        assert len(rows) > 50
        for row in rows:
            if row[0].startswith("`{"):
                mask, value, shown = row
            else:
                mask = row[1]
                value, shown = row[2].split(" → ")
            parameters = yaml.safe_load(mask.strip("`"))
            algorithm = parameters.pop("algorithm")
            assert validate(algorithm, parameters) == []
            assert client.apply(algorithm, complete(algorithm, parameters), value.strip("`")) == shown.strip("`"), row

    def test_masks_documents_are_valid(self, guide: str) -> None:
        blocks = re.findall(r"```yaml\n(.*?)```", (GUIDES / guide).read_text("utf-8"), re.DOTALL)
        assert blocks
        for block in blocks:
            for mask in yaml.safe_load(block)["masks"].values():
                parameters = {key: value for key, value in mask.items() if key not in ("label", "algorithm")}
                assert validate(mask["algorithm"], parameters) == []

    def test_compound_surnames(self, guide: str) -> None:
        last = (GUIDES / guide).read_text("utf-8").rpartition("\n## ")[2]
        listed = re.findall(r"(?<![\u4e00-\u9fff])[\u4e00-\u9fff\U00020000-\U0002ffff]{2}(?![\u4e00-\u9fff：])", last)
        assert set(listed) - {"复姓"} == COMPOUND_SURNAMES


def sections(guide: str) -> list[tuple[str, str]]:
    """Return the name and text of each algorithm's section, in order."""
    parts = re.split(r"\n##+ ", (GUIDES / guide).read_text("utf-8"))
    return [(found[1], part) for part in parts if (found := re.match(r"`([a-z_]+)`\n", part))]


def cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.strip().strip("|").split(" | ")]


def shown_default(parameter: Parameter, required: str) -> str:
    if parameter.required:
        return required
    match parameter.default:
        case None:
            return "–"
        case "":
            return '`""`'
        case tuple():
            return f"`[{', '.join(parameter.default)}]`"
    return f"`{parameter.default}`"
