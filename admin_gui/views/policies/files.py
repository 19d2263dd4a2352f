"""The files of a text as a tree: which were changed, and which have errors."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from PySide6.QtCore import QModelIndex, Qt, Signal
from PySide6.QtGui import QStandardItem, QStandardItemModel
from PySide6.QtWidgets import QTreeView, QVBoxLayout, QWidget

from admin_gui.domain.say import Say
from admin_gui.widgets.context import Context
from admin_gui.widgets.labels import heading

_FILES: Final = Say("文件", "Files")
_PATH: Final = Qt.ItemDataRole.UserRole


class FileTree(QWidget):
    """Folders and files; a dot tells a changed file, the colour one with errors."""

    chosen = Signal(str)
    """The path of a file."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._context = context
        self.model = QStandardItemModel(self)
        self.items: dict[str, QStandardItem] = {}
        self._changed: frozenset[str] = frozenset()
        self._wrong: frozenset[str] = frozenset()
        self._tree = QTreeView(headerHidden=True, uniformRowHeights=True)
        self._tree.setModel(self.model)
        self._tree.setEditTriggers(QTreeView.EditTrigger.NoEditTriggers)
        self._tree.selectionModel().currentChanged.connect(self._current)
        context.language.bind(self._tree, self._tree.setAccessibleName, _FILES)
        context.theme.changed.connect(self._write)
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 0, 6, 0)
        column.addWidget(heading(context, _FILES))
        column.addWidget(self._tree, 1)

    def show_paths(self, paths: Iterable[str]) -> None:
        """Show these files, those of the top first."""
        self.items.clear()
        self.model.clear()
        folders: dict[str, QStandardItem] = {"": self.model.invisibleRootItem()}
        for path in sorted(paths, key=lambda path: ("/" not in path, path)):
            parent = folders[""]
            *above, name = path.split("/")
            for depth in range(len(above)):
                where = "/".join(above[: depth + 1])
                if where not in folders:
                    folders[where] = QStandardItem(above[depth])
                    parent.appendRow(folders[where])
                parent = folders[where]
            item = QStandardItem(name)
            item.setData(path, _PATH)
            parent.appendRow(item)
            self.items[path] = item
        self._tree.expandAll()

    def choose(self, path: str) -> None:
        """Mark a file as the one that is shown."""
        index = self.items[path].index()
        if self._tree.currentIndex() != index:
            self._tree.setCurrentIndex(index)

    def mark(self, changed: Iterable[str], wrong: Iterable[str]) -> None:
        """Tell which files were changed, and which have errors."""
        self._changed, self._wrong = frozenset(changed), frozenset(wrong)
        self._write()

    def _write(self) -> None:
        for path, item in self.items.items():
            name = path.rpartition("/")[2]
            item.setText(f"{name} •" if path in self._changed else name)
            item.setForeground(self._context.theme.color("danger" if path in self._wrong else "text"))

    def _current(self, index: QModelIndex) -> None:
        path = index.data(_PATH)
        if path:
            self.chosen.emit(path)
