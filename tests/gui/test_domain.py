"""What the desktop program knows without a window."""

from __future__ import annotations

import math
from typing import Any

import pytest
import yaml

from admin_gui.domain import form
from admin_gui.domain.failure import Failure
from admin_gui.domain.samples import _ANY, sample_of
from admin_gui.domain.say import Say
from admin_gui.domain.verdicts import preview
from admin_gui.theme.tokens import DARK, LIGHT, Tokens
from jingxi_client._gen.pdp.v1 import bundle_pb2, types_pb2
from tests.gui.conftest import POLICIES

T = bundle_pb2


def test_a_text_without_a_language_borrows_from_the_other() -> None:
    assert (Say("中", "").text("en"), Say("", "en").text("zh")) == ("中", "en")
    assert Say("{a} 中 {b}", "{b} en {a}").filled(a=1, b=Say("二", "two")) == Say("1 中 二", "two en 1")


@pytest.mark.parametrize(
    ("kind", "text", "value", "shown"),
    [
        (T.ATTRIBUTE_TYPE_STRING, " 320400 ", "320400", "320400"),
        (T.ATTRIBUTE_TYPE_INT, "3", 3, "3"),
        (T.ATTRIBUTE_TYPE_DOUBLE, "1e3", 1000.0, "1000.0"),
        (T.ATTRIBUTE_TYPE_BOOL, "True", True, "true"),
        (T.ATTRIBUTE_TYPE_STRING_LIST, "teller， senior_teller、x", ["teller", "senior_teller", "x"],
         "teller, senior_teller, x"),
        (T.ATTRIBUTE_TYPE_INT_LIST, "1,2", [1, 2], "1, 2"),
        (T.ATTRIBUTE_TYPE_STRING_MAP, "a=1, b=2", {"a": "1", "b": "2"}, "a=1, b=2"),
        (T.ATTRIBUTE_TYPE_TIMESTAMP, "2026-03-02T10:00:00+08:00", "2026-03-02T10:00:00+08:00",
         "2026-03-02T10:00:00+08:00"),
        (T.ATTRIBUTE_TYPE_DURATION, "90s", "90s", "90s"),
        (T.ATTRIBUTE_TYPE_INT, "", None, ""),
    ],
)  # fmt: skip
def test_what_is_typed_is_what_is_sent(kind: int, text: str, value: Any, shown: str) -> None:
    entry = form.Entry("context.x", Say("", ""), kind, (), used=True)
    assert form.entered(entry, text) == value
    assert form.shown(value) == shown
    if value is not None and kind != T.ATTRIBUTE_TYPE_TIMESTAMP:
        assert form.value_of(form.wire(kind, value)) == value


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (T.ATTRIBUTE_TYPE_INT, "3.5"),
        (T.ATTRIBUTE_TYPE_DOUBLE, "viel"),
        (T.ATTRIBUTE_TYPE_BOOL, "yes"),
        (T.ATTRIBUTE_TYPE_INT_LIST, "1,x"),
        (T.ATTRIBUTE_TYPE_TIMESTAMP, "2026-03-02T10:00:00"),
    ],
)
def test_what_is_no_value_is_refused(kind: int, text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        form.entered(form.Entry("context.x", Say("", ""), kind, (), used=True), text)


def test_a_request_comes_back_from_its_form() -> None:
    bundle = T.Bundle(
        attributes=[
            T.AttributeDefinition(name="subject.level", type=T.ATTRIBUTE_TYPE_INT),
            T.AttributeDefinition(name="resource.balance", type=T.ATTRIBUTE_TYPE_DOUBLE),
            T.AttributeDefinition(name="context.menu", type=T.ATTRIBUTE_TYPE_STRING),
            T.AttributeDefinition(name="context.unused", type=T.ATTRIBUTE_TYPE_STRING),
            T.AttributeDefinition(name="grant.active", type=T.ATTRIBUTE_TYPE_BOOL),
        ],
        policies=[
            T.Policy(
                scope=[T.ScopeClause(attribute="context.menu")],
                rules=[
                    T.Rule(when=[T.Expression(text="subject.level >= 3 && resource.balance < 5.0 && grant.active")])
                ],
            )
        ],
    )
    lines = form.entries(bundle)
    assert [line.name for line in lines if line.used] == [
        "subject.id", "subject.roles", "subject.level", "action.name", "resource.type", "resource.id",
        "resource.balance", "context.menu",
    ]  # fmt: skip
    assert [line.name for line in lines if not line.used] == ["context.unused"]
    values = {"subject.id": "T1", "subject.roles": ["teller"], "subject.level": 3, "resource.balance": 2.0,
              "context.menu": "3101"}  # fmt: skip
    request = form.request_of(lines, values, ["mobile"], ["G1"])
    assert form.values_of(request) == values
    assert (list(request.fields), list(request.grant_ids)) == (["mobile"], ["G1"])


def test_every_kind_of_field_of_the_sample_bank_has_a_sample() -> None:
    fields = yaml.safe_load((POLICIES / "dictionary.yaml").read_text(encoding="utf-8"))["fields"]
    kinds = {field["type"] for field in fields.values() if "type" in field}
    assert kinds
    assert not [kind for kind in kinds if sample_of(kind) == _ANY]


def test_previews_of_masks() -> None:
    def mask(algorithm: str, **parameters: types_pb2.Value) -> types_pb2.Mask:
        return types_pb2.Mask(algorithm=algorithm, parameters=parameters)

    ends = {name: types_pb2.Value(int_value=count) for name, count in (("prefix", 3), ("suffix", 4))}
    assert preview(mask("keep", **ends), "13800138000").zh == "138****8000"
    assert preview(mask("suppress"), "x") == Say("（不返回）", "(left out)")
    assert preview(mask("null"), "x").en == "(null)"
    assert preview(mask("of-tomorrow"), "x").en == "(left out)"
    assert len(preview(mask("hash", key=types_pb2.Value(string_value="k1")), "x").en) == 64


def test_failures_in_words() -> None:
    away = Failure("UNAVAILABLE", "connection refused")
    assert away.is_away
    assert "自动重试" in away.say.zh
    assert not Failure("UNAVAILABLE", "no policies", "NO_POLICY").is_away
    conflict = Failure("ABORTED", "x", "CONFLICT", {"actor": "eva", "time": "10:00"})
    assert conflict.say.en == "eva was first, at 10:00; nothing was overwritten."
    wrong = Failure("INVALID_ARGUMENT", "the request is wrong", fields=(("request.subject.id", "is required"),))
    assert wrong.say.zh == "the request is wrong"
    assert wrong.details.splitlines()[-1] == "request.subject.id: is required"


def luminance(color: str) -> float:
    """Return the relative luminance of a colour (WCAG 2.2)."""
    parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else math.pow((part + 0.055) / 1.055, 2.4) for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("tokens", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("text", "grounds"),
    [
        ("text", ("window", "surface", "raised", "accent_soft", "warning_soft", "danger_soft", "info_soft")),
        ("quiet", ("window", "surface", "raised")),
        ("accent", ("window", "surface")),
        ("on_accent", ("accent",)),
        ("clear", ("surface", "clear_soft", "warning_soft")),
        ("masked", ("surface", "masked_soft", "warning_soft")),
        ("danger", ("surface", "danger_soft")),
        ("warning", ("surface", "warning_soft")),
        ("info", ("surface", "info_soft")),
    ],
)
def test_texts_can_be_read_on_their_grounds(tokens: Tokens, text: str, grounds: tuple[str, ...]) -> None:
    for ground in grounds:
        high, low = sorted((luminance(getattr(tokens, text)), luminance(getattr(tokens, ground))), reverse=True)
        assert (high + 0.05) / (low + 0.05) >= 4.5, ground
