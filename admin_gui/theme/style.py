"""Fusion with our own palette: it looks the same on every desktop, and switches between light and dark at once."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, Qt, QTemporaryDir, Signal
from PySide6.QtGui import QColor, QFont, QFontDatabase, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication

from admin_gui.theme import icons
from admin_gui.theme.tokens import DARK, LIGHT, Shade, Tokens

_CHINESE = ("PingFang SC", "Microsoft YaHei UI", "Noto Sans CJK SC", "Source Han Sans SC", "WenQuanYi Micro Hei")
_CODE = ("JetBrains Mono", "Cascadia Mono", "Noto Sans Mono CJK SC", "WenQuanYi Micro Hei Mono", "DejaVu Sans Mono")


class Theme(QObject):
    """The shade that is shown now, and its colours."""

    changed = Signal()

    def __init__(self, shade: Shade, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.shade: Shade = shade
        self._drawn = QTemporaryDir()
        self._is_first = True
        self._apply()

    @property
    def tokens(self) -> Tokens:
        """The colours of now."""
        return LIGHT if self.shade == "light" else DARK

    def color(self, token: str) -> QColor:
        """Return a colour by the name of its token."""
        return QColor(getattr(self.tokens, token))

    def choose(self, shade: Shade) -> None:
        """Show this shade from now on."""
        if shade != self.shade:
            self.shade = shade
            self._apply()
            self.changed.emit()

    def _apply(self) -> None:
        application = QApplication.instance()
        if not isinstance(application, QApplication):
            return
        if self._is_first:
            self._is_first = False
            application.setStyle("Fusion")
            application.setFont(text_font())
        application.setPalette(_palette(self.tokens))
        application.setStyleSheet(_sheet(self.tokens, self._arrows()))

    def _arrows(self) -> str:
        """Return the folder with the arrows of this shade; a style sheet takes drawings from files alone."""
        folder = Path(self._drawn.path()) / self.shade
        if not folder.exists():
            folder.mkdir()
            for name in ("up", "down"):
                icons.save(name, self.tokens.quiet, str(folder / f"{name}.png"))
            icons.save("check", self.tokens.on_accent, str(folder / "check.png"))
        return folder.as_posix()


def text_font() -> QFont:
    """Return the font of texts: the system's, with a Chinese one where it has none."""
    font = QFont(QGuiApplication.font())
    known = set(QFontDatabase.families())
    font.setFamilies([font.family(), *(name for name in _CHINESE if name in known)])
    font.setPointSizeF(10.0)
    return font


def code_font() -> QFont:
    """Return the font of policy texts."""
    known = set(QFontDatabase.families())
    font = QFont()
    font.setFamilies([name for name in _CODE if name in known] or ["Monospace"])
    font.setStyleHint(QFont.StyleHint.Monospace)
    font.setPointSizeF(10.5)
    return font


def of_system() -> Shade:
    """Return the shade of the desktop."""
    hints = QGuiApplication.styleHints()
    return "dark" if hints.colorScheme() == Qt.ColorScheme.Dark else "light"


def _palette(t: Tokens) -> QPalette:
    palette = QPalette()
    roles = QPalette.ColorRole
    for role, value in (
        (roles.Window, t.window), (roles.WindowText, t.text), (roles.Base, t.surface), (roles.AlternateBase, t.window),
        (roles.ToolTipBase, t.raised), (roles.ToolTipText, t.text), (roles.Text, t.text), (roles.Button, t.raised),
        (roles.ButtonText, t.text), (roles.BrightText, t.danger), (roles.Link, t.accent), (roles.LinkVisited, t.accent),
        (roles.Highlight, t.accent), (roles.HighlightedText, t.on_accent), (roles.PlaceholderText, t.quiet),
        (roles.Light, t.line), (roles.Midlight, t.line), (roles.Mid, t.line), (roles.Dark, t.line),
    ):  # fmt: skip
        palette.setColor(role, QColor(value))
    for role in (roles.WindowText, roles.Text, roles.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, role, QColor(t.quiet))
    palette.setColor(QPalette.ColorGroup.Disabled, roles.Highlight, QColor(t.line))
    return palette


def _sheet(t: Tokens, arrows: str) -> str:
    return f"""
QToolTip {{ background: {t.raised}; color: {t.text}; border: 1px solid {t.line}; padding: 4px 6px; }}
QFrame#card {{ background: {t.surface}; border: 1px solid {t.line}; border-radius: 8px; }}
QFrame#banner[kind="warning"] {{ background: {t.warning_soft}; border: 1px solid {t.warning}; border-radius: 6px; }}
QFrame#banner[kind="danger"] {{ background: {t.danger_soft}; border: 1px solid {t.danger}; border-radius: 6px; }}
QFrame#banner[kind="info"] {{ background: {t.info_soft}; border: 1px solid {t.info}; border-radius: 6px; }}
QLabel#title {{ font-size: 17pt; font-weight: 600; }}
QLabel#heading {{ font-size: 12pt; font-weight: 600; }}
QLabel#quiet, QLabel#hint {{ color: {t.quiet}; }}
QLabel#wrong {{ color: {t.danger}; }}
QPushButton {{ background: {t.raised}; border: 1px solid {t.line}; border-radius: 6px; padding: 6px 14px;
  min-height: 18px; }}
QPushButton:hover {{ border-color: {t.accent}; }}
QPushButton:focus {{ border: 2px solid {t.accent}; padding: 5px 13px; }}
QPushButton:checked {{ background: {t.accent_soft}; border-color: {t.accent}; }}
QPushButton:disabled {{ color: {t.quiet}; background: {t.window}; }}
QPushButton#primary {{ background: {t.accent}; color: {t.on_accent}; border-color: {t.accent}; font-weight: 600; }}
QPushButton#primary:disabled {{ background: {t.line}; color: {t.quiet}; border-color: {t.line}; }}
QPushButton#step {{ padding: 3px 10px; min-height: 14px; }}
QPushButton#step:focus {{ padding: 2px 9px; }}
QPushButton#step:checked {{ background: {t.accent_soft}; border-color: {t.accent}; }}
QTabBar::tab {{ padding: 6px 14px; color: {t.quiet}; border: none; border-bottom: 2px solid transparent; }}
QTabBar::tab:selected {{ color: {t.text}; border-bottom: 2px solid {t.accent}; }}
QTabWidget::pane {{ border: none; }}
QTabBar {{ qproperty-drawBase: 0; }}
QProgressBar {{ background: {t.line}; border: none; border-radius: 2px; }}
QProgressBar::chunk {{ background: {t.accent}; border-radius: 2px; }}
QPushButton#danger {{ color: {t.danger}; border-color: {t.danger}; }}
QLineEdit, QComboBox, QSpinBox, QDoubleSpinBox, QDateTimeEdit, QPlainTextEdit {{
  background: {t.surface}; border: 1px solid {t.line}; border-radius: 5px; padding: 4px 6px;
  selection-background-color: {t.accent}; selection-color: {t.on_accent}; }}
QLineEdit:focus, QComboBox:focus, QSpinBox:focus, QDateTimeEdit:focus, QPlainTextEdit:focus {{
  border: 1px solid {t.accent}; }}
QComboBox::drop-down, QDateTimeEdit::drop-down {{ border: none; width: 22px; }}
QComboBox::down-arrow, QDateTimeEdit::down-arrow {{ image: url("{arrows}/down.png"); width: 12px; height: 12px; }}
QSpinBox::up-button, QDoubleSpinBox::up-button {{ border: none; width: 20px;
  subcontrol-position: top right; margin-top: 3px; }}
QSpinBox::down-button, QDoubleSpinBox::down-button {{ border: none; width: 20px;
  subcontrol-position: bottom right; margin-bottom: 3px; }}
QSpinBox::up-arrow, QDoubleSpinBox::up-arrow {{ image: url("{arrows}/up.png"); width: 10px;
  height: 10px; }}
QSpinBox::down-arrow, QDoubleSpinBox::down-arrow {{ image: url("{arrows}/down.png");
  width: 10px; height: 10px; }}
QLineEdit[wrong="true"] {{ border: 1px solid {t.danger}; }}
QCheckBox::indicator, QListView::indicator, QTreeView::indicator, QTableView::indicator {{ width: 14px; height: 14px;
  background: {t.surface}; border: 1px solid {t.quiet}; border-radius: 3px; }}
QCheckBox::indicator:checked, QListView::indicator:checked, QTreeView::indicator:checked,
QTableView::indicator:checked {{ background: {t.accent}; border-color: {t.accent}; image: url("{arrows}/check.png"); }}
QListView#navigation {{ background: {t.window}; border: none; outline: 0; padding: 6px; }}
QListView#navigation::item {{ padding: 9px 10px; border-radius: 6px; margin: 1px 2px; }}
QListView#navigation::item:hover {{ background: {t.accent_soft}; color: {t.text}; }}
QListView#navigation::item:selected {{ background: {t.accent}; color: {t.on_accent}; }}
QTreeView, QTableView, QListView {{ background: {t.surface}; border: 1px solid {t.line}; border-radius: 6px; }}
QTreeView::item {{ padding: 3px 2px; }}
QListView::item {{ padding: 3px 2px; }}
QTableView::item {{ padding: 0 5px; }}
QTextBrowser#facts {{ background: {t.surface}; border: 1px solid {t.line}; border-radius: 6px; }}
QToolButton#reveal {{ border: none; background: transparent; color: {t.quiet}; padding: 2px 6px; }}
QToolButton#reveal:hover {{ color: {t.accent}; }}
QFrame#rule {{ color: {t.line}; }}
QHeaderView::section {{ background: {t.window}; color: {t.quiet}; border: none; border-bottom: 1px solid {t.line};
  padding: 6px 8px; }}
QSplitter::handle {{ background: {t.window}; }}
QStatusBar {{ color: {t.quiet}; }}
QStatusBar QLabel {{ color: {t.quiet}; padding: 2px 16px; }}
QPushButton#menu {{ padding-right: 30px; }}
QPushButton#menu:focus {{ padding-right: 29px; }}
QPushButton#menu::menu-indicator {{ image: url("{arrows}/down.png"); width: 10px; height: 10px;
  subcontrol-origin: padding; subcontrol-position: center right; right: 10px; }}
QScrollBar {{ background: transparent; }}
QScrollBar:vertical {{ width: 12px; }}
QScrollBar:horizontal {{ height: 12px; }}
QScrollBar::handle {{ background: {t.quiet}; border-radius: 3px; margin: 3px; }}
QScrollBar::handle:vertical {{ min-height: 28px; }}
QScrollBar::handle:horizontal {{ min-width: 28px; }}
QScrollBar::handle:hover, QScrollBar::handle:pressed {{ background: {t.accent}; }}
QScrollBar::add-line, QScrollBar::sub-line {{ width: 0; height: 0; }}
QScrollBar::add-page, QScrollBar::sub-page {{ background: none; }}
QAbstractScrollArea::corner {{ background: transparent; border: none; }}
"""
