"""What the pages say works as they say it, and the Chinese pages say the same as the English ones."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from pdp.lang.loader import load_callers, load_grants, load_places, load_texts
from tests.docs.pages import CHINESE, ROOT, Page, pages
from tests.docs.shell import is_as_shown, shell

PAGES = pages()
ENGLISH = [page for page in PAGES if not page.name.endswith(CHINESE)]
TRANSLATED = [page for page in ENGLISH if page.translation.exists()]
RUNNABLE = [page for page in ENGLISH if any(block.language in ("sh", "console") for block in page.blocks())]

# What a document that stands alone may lack: the documents that it refers to.
ELSEWHERE = {"unknown-attribute", "unknown-field", "unknown-mask", "unknown-rule"}


def names(found: list[Page]) -> list[str]:
    return [page.name for page in found]


@pytest.mark.parametrize("page", RUNNABLE, ids=names(RUNNABLE))
def test_commands_do_what_the_page_shows(page: Page, tmp_path: Path) -> None:
    with shell(tmp_path) as running:
        for block in page.blocks():
            if block.file and not (ROOT / block.file).exists():
                running.write(block.file, block.content)
            if block.language not in ("sh", "console"):
                continue
            commands = list(block.commands())
            for command, following in zip(commands, [*commands[1:], None], strict=True):
                code = running.run(command)
                # A page that means a command to fail shows the exit code.
                expected = following is not None and following.text == "echo $?"
                assert code == 0 or expected, f"{page.name}:{command.line}: `{command.text}` ended with {code}"


@pytest.mark.parametrize("page", ENGLISH, ids=names(ENGLISH))
def test_blocks_can_be_read(page: Page) -> None:
    for block in page.blocks():
        place = f"{page.name}:{block.line}"
        if block.file and (ROOT / block.file).exists():
            assert block.content == (ROOT / block.file).read_text(encoding="utf-8"), f"{place} is not {block.file}"
        if block.is_wrong:
            continue
        match block.language:
            case "yaml":
                codes = {code for code in problems(block.text) if code not in ELSEWHERE}
                assert not codes, f"{place}: {codes}"
            case "json" if "…" not in block.text:
                json.loads(block.text)
            case "python":
                compile(block.text, place, "exec")
            case _:
                pass


def problems(text: str) -> set[str]:
    """Return the codes of what is wrong with a YAML block."""
    kinds = {document.get("kind") for document in yaml.safe_load_all(text) if isinstance(document, dict)}
    if not any(kinds):
        return set()  # a fragment of a document
    if "Callers" in kinds:
        diagnostics = load_callers("block.yaml", text)[1]
    elif "Places" in kinds:
        diagnostics = load_places("block.yaml", text)[1]
    elif "Grants" in kinds:
        diagnostics = load_grants("block.yaml", text)[1]
    else:
        diagnostics = load_texts({"block.yaml": text})[1]
    return {item.code for item in diagnostics.sorted()}


@pytest.mark.parametrize("page", TRANSLATED, ids=names(TRANSLATED))
def test_the_chinese_page_says_the_same(page: Page) -> None:
    chinese = Page(page.translation)
    assert [level for level, _ in chinese.headings()] == [level for level, _ in page.headings()]
    assert [(b.info, b.bare) for b in chinese.blocks()] == [(b.info, b.bare) for b in page.blocks()]
    assert table_shapes(chinese) == table_shapes(page)


def table_shapes(page: Page) -> list[int]:
    """Return the number of columns of each row of the tables."""
    rows = [line.replace("\\|", "") for line in page.text.splitlines() if line.startswith("|")]
    return [row.count("|") - 1 for row in rows]


@pytest.mark.parametrize("page", ENGLISH, ids=names(ENGLISH))
def test_guides_are_there_in_chinese(page: Page) -> None:
    assert page.translation.exists() or page.path.parent.name != "guides"


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_links_lead_somewhere(page: Page) -> None:
    for link in page.links():
        name, _, anchor = link.partition("#")
        target = (page.path.parent / name).resolve() if name else page.path
        assert target.exists(), f"{page.name}: {link}"
        if anchor and target.suffix == ".md":
            assert anchor in Page(target).anchors(), f"{page.name}: {link}"


@pytest.mark.parametrize(
    ("shown", "output", "same"),
    [
        ("a b", "a  b\n", True),
        ('{"id": "…", "n": 1}', '{"id": "x y", "n": 1}', True),
        ("first\n…\nlast", "first\nlast", True),
        ("first\n…\nlast", "first\n1\n2\nlast", True),
        ("revision 7c5e…", "revision 00aa", True),
        ("7c5e…", "none", False),
        ("a", "a b", False),
        ("a.b", "acb", False),
    ],
)
def test_outputs_are_compared(shown: str, output: str, same: bool) -> None:
    assert is_as_shown(shown, output) is same
