"""Texts for people, in both languages."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

Tongue = Literal["zh", "en"]


class Say(NamedTuple):
    """A text in Chinese and English. Either may be empty in data of others; then the other one stands in."""

    zh: str
    en: str

    def text(self, tongue: Tongue) -> str:
        """Return the text in a language."""
        return (self.zh or self.en) if tongue == "zh" else (self.en or self.zh)

    def filled(self, **values: Any) -> Say:
        """Return the text with its `{names}` filled; a value may be a Say itself."""

        def of(tongue: Tongue) -> dict[str, Any]:
            return {key: value.text(tongue) if isinstance(value, Say) else value for key, value in values.items()}

        return Say(self.zh.format(**of("zh")), self.en.format(**of("en")))


def plain(text: str) -> Say:
    """Return a text that is the same in both languages, such as a name."""
    return Say(text, text)
