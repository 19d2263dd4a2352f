"""What there is to say of one thing: headings, and names with values below each."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Final

from PySide6.QtWidgets import QTextBrowser

from admin_gui.domain.facts import Section
from admin_gui.domain.say import Say
from admin_gui.widgets.context import Context

_MARGIN: Final = 12.0


class Facts(QTextBrowser):
    """Shows sections in the language and the colours of now; texts of others are shown as they are, never as markup."""

    def __init__(self, context: Context, name: Say) -> None:
        super().__init__(openLinks=False)
        self.setObjectName("facts")
        self.document().setDocumentMargin(_MARGIN)
        self._context = context
        self._sections: Sequence[Section] = ()
        context.language.bind(self, self.setAccessibleName, name)
        context.language.changed.connect(self._write)
        context.theme.changed.connect(self._write)

    def show_sections(self, sections: Sequence[Section]) -> None:
        """Show these."""
        self._sections = sections
        self._write()

    def _write(self) -> None:
        tokens, parts = self._context.theme.tokens, []
        for section in self._sections:
            parts.append(f'<p style="margin:10px 0 4px 0"><b>{self._text(section.title)}</b></p>')
            rows = []
            for name, value in section.lines:
                if name is None:
                    rows.append(f'<tr><td colspan="2">{self._text(value)}</td></tr>')
                    continue
                rows.append(
                    f'<tr><td style="color:{tokens.quiet};padding-right:14px;white-space:nowrap">{self._text(name)}'
                    f"</td><td>{self._text(value)}</td></tr>"
                )
            parts.append(f'<table cellspacing="0" cellpadding="2">{"".join(rows)}</table>')
        self.setHtml("".join(parts))

    def _text(self, value: Say | str) -> str:
        text = self._context.language(value) if isinstance(value, Say) else value
        return html.escape(text).replace("\n", "<br>")
