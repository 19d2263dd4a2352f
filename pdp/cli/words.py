"""Texts in the languages that were asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pdp.v1 import types_pb2

if TYPE_CHECKING:
    from pdp.lang.model import Label


def words(label: Label | types_pb2.LocalizedText, lang: str) -> dict[str, str]:
    """Return the texts of a label by language: one for `zh` or `en`, the present ones for `both`.

    A language that a label lacks is told in the other one.
    """
    both = {"zh": label.zh or label.en, "en": label.en or label.zh}
    if lang != "both":
        return {lang: both[lang]}
    return {key: text for key, text in both.items() if text}


def line(label: Label | types_pb2.LocalizedText, lang: str) -> str:
    """Return a label's texts on one line, each once."""
    return " / ".join(dict.fromkeys(words(label, lang).values()))
