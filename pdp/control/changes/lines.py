"""How the lines of files changed: unified diffs that any `patch` reads.

Lines that stand once in both texts hold the comparison together (patience diff), and `difflib` compares what lies
between them. The work is bounded: where much changed and little holds it together, the old lines go and the new ones
come as one block. Such a diff is longer than it could be, and still says exactly how one text becomes the other.
"""

from __future__ import annotations

import bisect
import difflib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from pdp.v1 import control_pb2

MAX_FILE_BYTES: Final = 1024 * 1024
"""The longest diff of one file."""
MAX_BYTES: Final = 8 * 1024 * 1024
"""How long all diffs together may be."""
_CONTEXT = 3
_GAP_WORK = 250_000
_TOTAL_WORK = 20_000_000
_NO_END = "\\ No newline at end of file"

_ADDED, _REMOVED, _CHANGED = (
    control_pb2.CHANGE_KIND_ADDED,
    control_pb2.CHANGE_KIND_REMOVED,
    control_pb2.CHANGE_KIND_CHANGED,
)


class _Block(NamedTuple):
    """Lines `start` to `end` of the old text that became lines `new_start` to `new_end`; alike or not."""

    alike: bool
    start: int
    end: int
    new_start: int
    new_end: int


def file_diffs(
    before: control_pb2.Sources | None, after: control_pb2.Sources
) -> tuple[list[control_pb2.FileDiff], list[str]]:
    """Return how each file that is not the same changed, by path, and the paths whose diff is too long to be given."""
    old = {file.path: file.text for file in before.files} if before is not None else {}
    new = {file.path: file.text for file in after.files}
    budget = _Budget()
    found: list[control_pb2.FileDiff] = []
    left_out: list[str] = []
    for path in sorted(old.keys() | new.keys()):
        if old.get(path) == new.get(path):
            continue
        kind = _ADDED if path not in old else _REMOVED if path not in new else _CHANGED
        diff, added, removed = _unified(_lines(old.get(path, "")), _lines(new.get(path, "")), budget)
        if len(diff) > MAX_FILE_BYTES or len(diff) > budget.text:
            diff = ""
            left_out.append(path)
        budget.text -= len(diff)
        found.append(control_pb2.FileDiff(path=path, kind=kind, diff=diff, added=added, removed=removed))
    return found, left_out


class _Budget:
    """What may still be spent on all files together."""

    def __init__(self) -> None:
        self.work = _TOTAL_WORK
        self.text = MAX_BYTES

    def allows(self, work: int) -> bool:
        if work > _GAP_WORK or work > self.work:
            return False
        self.work -= work
        return True


def _lines(text: str) -> list[str]:
    """Return the lines with their ends; only a line feed ends one, as `patch` reads it."""
    lines = [f"{line}\n" for line in text.split("\n")]
    last = lines.pop().removesuffix("\n")
    return [*lines, last] if last else lines


def _unified(old: Sequence[str], new: Sequence[str], budget: _Budget) -> tuple[str, int, int]:
    blocks = _merged(_blocks(old, new, budget))
    out: list[str] = []
    for hunk in _hunks(blocks):
        first, last = hunk[0], hunk[-1]
        out.append(f"@@ -{_range(first.start, last.end)} +{_range(first.new_start, last.new_end)} @@\n")
        for block in hunk:
            if block.alike:
                out += [_line(" ", line) for line in old[block.start : block.end]]
            else:
                out += [_line("-", line) for line in old[block.start : block.end]]
                out += [_line("+", line) for line in new[block.new_start : block.new_end]]
    changed = [block for block in blocks if not block.alike]
    added = sum(block.new_end - block.new_start for block in changed)
    return "".join(out), added, sum(block.end - block.start for block in changed)


def _line(sign: str, line: str) -> str:
    return f"{sign}{line}" if line.endswith("\n") else f"{sign}{line}\n{_NO_END}\n"


def _range(start: int, end: int) -> str:
    length = end - start
    if length == 1:
        return str(start + 1)
    return f"{start + 1 if length else start},{length}"


def _hunks(blocks: Sequence[_Block]) -> Iterator[list[_Block]]:
    """Yield what changed with the lines around it; what lies close together, together."""
    hunk: list[_Block] = []
    for block in blocks:
        if not block.alike:
            hunk.append(block)
            continue
        length = block.end - block.start
        if hunk and length > 2 * _CONTEXT:
            hunk.append(_Block(True, block.start, block.start + _CONTEXT, block.new_start, block.new_start + _CONTEXT))
            yield hunk
            hunk = []
        if not hunk:
            skipped = max(length - _CONTEXT, 0)
            hunk = [_Block(True, block.start + skipped, block.end, block.new_start + skipped, block.new_end)]
        else:
            hunk.append(block)
    if any(not block.alike for block in hunk):
        if hunk[-1].alike:
            last = hunk[-1]
            kept = min(last.end - last.start, _CONTEXT)
            hunk[-1] = _Block(True, last.start, last.start + kept, last.new_start, last.new_start + kept)
        yield hunk


def _merged(blocks: Iterator[_Block]) -> list[_Block]:
    out: list[_Block] = []
    for block in blocks:
        if block.start == block.end and block.new_start == block.new_end:
            continue
        if out and out[-1].alike == block.alike:
            out[-1] = _Block(block.alike, out[-1].start, block.end, out[-1].new_start, block.new_end)
        else:
            out.append(block)
    return out


def _blocks(old: Sequence[str], new: Sequence[str], budget: _Budget) -> Iterator[_Block]:
    """Yield the blocks of both texts in order."""
    start, end, new_end = 0, len(old), len(new)
    while start < min(end, new_end) and old[start] == new[start]:
        start += 1
    while min(end, new_end) > start and old[end - 1] == new[new_end - 1]:
        end, new_end = end - 1, new_end - 1
    yield _Block(True, 0, start, 0, start)
    at, new_at = start, start
    for anchor, new_anchor in [*_anchors(old, new, (start, end), (start, new_end)), (end, new_end)]:
        yield from _gap(old, new, (at, anchor), (new_at, new_anchor), budget)
        if anchor < end:
            yield _Block(True, anchor, anchor + 1, new_anchor, new_anchor + 1)
        at, new_at = anchor + 1, new_anchor + 1
    yield _Block(True, end, len(old), new_end, len(new))


def _anchors(
    old: Sequence[str], new: Sequence[str], span: tuple[int, int], new_span: tuple[int, int]
) -> list[tuple[int, int]]:
    """Return the longest row of lines that stand once in each text, in the same order in both."""
    once, new_once = _places(old, span), _places(new, new_span)
    pairs = [(place, new_once[line]) for line, place in once.items() if line in new_once]
    # The longest increasing row: `ends` holds where the shortest possible row of each length ends.
    ends: list[int] = []
    rows: list[tuple[int, int, int]] = []
    last: list[int] = []
    for number, (place, new_place) in enumerate(pairs):
        length = bisect.bisect_left(ends, new_place)
        rows.append((place, new_place, last[length - 1] if length else -1))
        if length == len(ends):
            ends.append(new_place)
            last.append(number)
        else:
            ends[length], last[length] = new_place, number
    found: list[tuple[int, int]] = []
    at = last[-1] if last else -1
    while at >= 0:
        place, new_place, at = rows[at]
        found.append((place, new_place))
    return found[::-1]


def _places(lines: Sequence[str], span: tuple[int, int]) -> Mapping[str, int]:
    counts = Counter(lines[at] for at in range(*span))
    return {lines[at]: at for at in range(*span) if counts[lines[at]] == 1}


def _gap(
    old: Sequence[str], new: Sequence[str], span: tuple[int, int], new_span: tuple[int, int], budget: _Budget
) -> Iterator[_Block]:
    start, end, new_start, new_end = *span, *new_span
    # Most gaps are a line that came, went or changed between lines that are alike.
    while start < end and new_start < new_end and old[start] == new[new_start]:
        start, new_start = start + 1, new_start + 1
    while start < end and new_start < new_end and old[end - 1] == new[new_end - 1]:
        end, new_end = end - 1, new_end - 1
    yield _Block(True, span[0], start, new_span[0], new_start)
    yield from _between(old, new, (start, end), (new_start, new_end), budget)
    yield _Block(True, end, span[1], new_end, new_span[1])


def _between(
    old: Sequence[str], new: Sequence[str], span: tuple[int, int], new_span: tuple[int, int], budget: _Budget
) -> Iterator[_Block]:
    length, new_length = span[1] - span[0], new_span[1] - new_span[0]
    if not length or not new_length or length == new_length == 1 or not budget.allows(length * new_length):
        yield _Block(False, *span, *new_span)
        return
    matcher = difflib.SequenceMatcher(None, old[slice(*span)], new[slice(*new_span)], autojunk=False)
    for tag, start, end, new_start, new_end in matcher.get_opcodes():
        yield _Block(tag == "equal", span[0] + start, span[0] + end, new_span[0] + new_start, new_span[0] + new_end)
