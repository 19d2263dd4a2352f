"""The pages for people and what stands in them: headings, links, code blocks, and the commands of these."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
CHINESE = ".zh-CN.md"

_FENCE = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<text>.*?)^```\s*$", re.DOTALL | re.MULTILINE)
_HEADING = re.compile(r"^(#+) +(.*?) *$", re.MULTILINE)
_LINK = re.compile(r"\[[^\]]*\]\(([^()\s]+)\)")
_CODE = re.compile(r"`[^`\n]*`")
_HEREDOC = re.compile(r"<<\s*'?(\w+)'?")
# A block that is a file says so in its first line.
_FILE = re.compile(r"# (?P<path>[\w./-]+\.(?:yaml|py))\n")
_COMMENT = re.compile(r"(?:^|\s+)#(?: .*)?$")


@dataclass(frozen=True)
class Command:
    """A command, and what it writes as far as the page shows it (empty: nothing shown)."""

    text: str
    output: str
    line: int


@dataclass(frozen=True)
class Block:
    """A fenced code block; `info` is what stands behind the fence, `line` its first line in the page."""

    info: str
    text: str
    line: int

    @property
    def language(self) -> str:
        return self.info.partition(" ")[0]

    @property
    def is_wrong(self) -> bool:
        """Whether the page says, by a `wrong` behind the language, that this does not work."""
        return "wrong" in self.info.split()

    @property
    def file(self) -> str:
        """The file that the block is, by its first line; empty for a fragment."""
        match = _FILE.match(self.text)
        return match["path"] if match else ""

    @property
    def content(self) -> str:
        """The text without the line that names the file."""
        return _FILE.sub("", self.text, count=1)

    @property
    def bare(self) -> list[str]:
        """The lines without comments and blanks, which is what translations share."""
        lines = (" ".join(_COMMENT.sub("", line).split()) for line in self.text.splitlines())
        return [line for line in lines if line]

    def commands(self) -> Iterator[Command]:
        """Yield the commands of a `sh` or `console` block."""
        prompt = "$ " if self.language == "console" else ""
        lines = self.text.splitlines()
        at = 0
        while at < len(lines):
            first = at
            text = _COMMENT.sub("", lines[at].removeprefix(prompt))
            if not lines[at].startswith(prompt) or not text:
                at += 1
                continue
            at += 1
            while text.endswith("\\") and at < len(lines):
                text = f"{text}\n{lines[at]}"
                at += 1
            if match := _HEREDOC.search(text):
                end = lines.index(match[1], at) + 1
                text = "\n".join([text, *lines[at:end]])
                at = end
            shown = at
            while prompt and at < len(lines) and not lines[at].startswith(prompt):
                at += 1
            yield Command(text, "\n".join(lines[shown:at] if prompt else []), self.line + first)


class Page:
    """A Markdown page."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = str(path.relative_to(ROOT))
        self.text = path.read_text(encoding="utf-8")
        self._prose = _FENCE.sub(lambda match: "\n" * match[0].count("\n"), self.text)

    @property
    def translation(self) -> Path:
        """Where the Chinese page is or would be."""
        return self.path.with_name(self.path.name.removesuffix(".md") + CHINESE)

    def blocks(self) -> list[Block]:
        return [
            Block(match["info"].strip(), match["text"], self.text.count("\n", 0, match.start()) + 2)
            for match in _FENCE.finditer(self.text)
        ]

    def headings(self) -> list[tuple[int, str]]:
        """Return levels and texts."""
        return [(len(marks), text) for marks, text in _HEADING.findall(self._prose)]

    def anchors(self) -> set[str]:
        """Return what GitHub makes of the headings."""
        words = (re.sub(r"[^\w\- ]", "", text.lower()) for _, text in self.headings())
        return {word.replace(" ", "-") for word in words}

    def links(self) -> set[str]:
        """Return the targets of links that stay in the repository."""
        found = _LINK.findall(_CODE.sub("", self._prose))
        return {target for target in found if "://" not in target and not target.startswith("mailto:")}


def pages() -> list[Page]:
    """Return all pages for people."""
    patterns = ("README*.md", "CONTRIBUTING.md", "docs/**/*.md", "policies/README*.md", "clients/*/README*.md")
    return [Page(path) for pattern in patterns for path in sorted(ROOT.glob(pattern))]
