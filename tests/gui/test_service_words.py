"""What the service says, in Chinese: every template is one of the service's own sentences, and none is missing."""

from __future__ import annotations

import functools
import itertools
import re
import string
from pathlib import Path
from typing import Final

import pytest
import yaml

from admin_gui.domain.service_words import CATALOGUE, names_in, parsing, said
from tests.gui.service_words import ROOT, templates, told

# Whatever is told from here reaches the desktop program, so it must be known to it.
COVERED: Final = sorted(
    file.relative_to(ROOT).as_posix()
    for pattern in (
        "pdp/lang/*.py", "pdp/lang/loader/*.py", "pdp/lang/analyse/*.py", "pdp/masks/*.py",
        "pdp/control/*.py", "pdp/control/accounts/*.py", "pdp/control/callers/*.py", "pdp/control/grants/*.py",
        "pdp/control/sources/text.py", "pdp/server/staff/*.py", "pdp/server/judge.py", "pdp/server/callers.py",
        "pdp/server/grant_calls.py", "pdp/server/status.py", "pdp/engine/bundle.py", "pdp/engine/request.py",
        "pdp/errors.py", "pdp/values.py",
        "pdp/snapshot/filter/*.py", "pdp/snapshot/query.py", "pdp/snapshot/retention.py",
        "pdp/snapshot/store/*_questions.py",
    )
    for file in ROOT.glob(pattern)
)  # fmt: skip
# Told to nobody who uses the desktop program.
ELSEWHERE: Final[frozenset[str]] = frozenset({
    # Mistakes of the program itself (`lang/analyse`).
    "now, grant.active and grant.kind are scalars", "grant.active is a scalar", "{} is not a scalar",
    "{} of {}: {}",  # only `pdp snapshot expire` says it; what stands after the colon is known
    "module {} has no attribute {}",  # to who writes Python
    "write {}",  # words in backticks: known as "write `{}`"
    # pdp/control/accounts/sealing.py, pdp/server/staff/server.py: at the service's start, to who starts it
    "others can read the secret key `{}`; run `chmod 600` on it",
    "cannot read the secret key `{}`: {}",
    "`{}` holds no 64 hexadecimal digits; make a key with `openssl rand -hex 32`",
    "cannot keep a secret key in `{}`: {}",
    (
        "the staff address `{}` can be reached by other machines in plain text; give it a certificate, choose a socket "
        "file or 127.0.0.1, or allow it by `insecure`"
    ),
    "the path `{}` is longer than the {} bytes of a socket's; choose another",
    "cannot listen on the staff address `{}`: it is in use or not an address of this machine; choose another",
    "cannot listen in `{}`: {}",
    "the folder `{}` of the staff's socket can be entered by others, who could read every record; run `chmod 700 {}`",
    # pdp/control/callers/last_known.py, pdp/server/callers.py: in the log, and at the command line
    "the callers in `{}` cannot be read",
    "`{}` is not UTF-8 at byte {}; save it as UTF-8",
    "`{}` holds callers that cannot be used",
    # pdp/control/reports.py: to clients that report what they have decided by themselves
    "another system reports as this client; give each client a state folder of its own",
    "the node `{}` was about to record this; try again in a moment",
    "the caller `{}` reports as {} clients already; let each keep its state folder",
    # pdp/engine/bundle.py: files, at the command line
    "cannot read `{}`: {}",
    "`{}` is not a bundle",
    # pdp/server/callers.py, pdp/server/grant_calls.py: mistakes of the program itself
    "no rule for a {}",
    "this is nothing that a worker may ask",
})  # fmt: skip


def blank(template: str) -> str:
    """Return a template with its names as `{}`."""
    return "".join(
        literal + ("" if name is None else "{}") for literal, name, _, _ in string.Formatter().parse(template)
    )


@functools.cache
def source() -> frozenset[str]:
    return frozenset(itertools.chain.from_iterable(templates(file) for file in (ROOT / "pdp").rglob("*.py")))


def test_each_template_is_said_by_the_service() -> None:
    ours = set(CATALOGUE) - set(parsing.WORDS)
    assert [one.en for one in ours if blank(one.en) not in source()] == []


@pytest.mark.parametrize(
    "text", ["a: b: c", "- [a", "a: {b", "'a", "a\n\tb: c", "%FOO\n---\na: @b", "a:\n- b\n c: d", "*a b"]
)
def test_what_the_yaml_parser_says_is_known(text: str) -> None:
    with pytest.raises(yaml.MarkedYAMLError) as caught:
        list(yaml.parse(text, Loader=yaml.CSafeLoader))
    for sentence in (caught.value.problem, caught.value.context):
        assert not sentence or said(sentence).zh != sentence


def test_each_template_stands_once_and_loses_no_name() -> None:
    assert len({blank(one.en) for one in CATALOGUE}) == len(CATALOGUE)
    assert [one for one in CATALOGUE if set(names_in(one.zh)) - set(names_in(one.en))] == []
    assert [one for one in CATALOGUE if not re.search(r"[\u4e00-\u9fff]", one.zh)] == []


@pytest.mark.parametrize("path", COVERED)
def test_nothing_is_said_in_english_alone(path: str) -> None:
    known = {blank(one.en) for one in CATALOGUE}
    assert {
        f"{path}:{line}": text
        for text, line in told(Path(ROOT, path)).items()
        if text not in known and text not in ELSEWHERE
    } == {}


def test_names_are_found_again() -> None:
    assert said("the draft `x y` was not handed in; submit it first").zh == "草稿 `x y` 尚未提交，请先提交"


@pytest.mark.parametrize(
    ("message", "zh"),
    [
        (
            "page_token: does not belong to this filter and order, or to another server; begin again without it",
            "page_token：与当前的筛选条件和次序不符，或来自另一台服务器；请去掉它，从头查询",
        ),
        (
            "the text has errors: a.yaml:3:5: unknown field `x`; b.yaml:1:1: unknown mask `y`",
            "文本有错误：a.yaml:3:5：字典中没有字段 `x`；b.yaml:1:1：没有名为 `y` 的脱敏方式",
        ),
        (
            "nothing is in force yet; 3 changes are not told, for there are too many",
            "还没有任何版本生效；3 处变化未列出，因为变化太多",
        ),
        ("`<` does not apply to list(string) and int", "`<` 不能用于 list(string) 和 int"),
    ],
)
def test_several_sentences_and_their_places(message: str, zh: str) -> None:
    assert said(message).zh == zh


def test_a_sentence_within_a_sentence() -> None:
    message = "rule `a/b` can never apply: its condition is always false"
    assert said(message).zh == "规则 `a/b` 永远不会生效：其条件恒为假"
    assert said(message).en == message


def test_what_is_not_known_stays_as_it_is() -> None:
    assert said("the moon is full").zh == "the moon is full"
    assert (
        said("its condition is always false; the moon is full").zh == "its condition is always false; the moon is full"
    )
