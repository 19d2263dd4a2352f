"""`pdp policy impact`."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import click
import grpc
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from pdp.cli import console
from pdp.cli.basics import plural
from pdp.cli.exits import CommandError, ExitCode
from pdp.cli.interrupts import ending
from pdp.cli.policy_client import PolicyText, Stub, named, show_problems
from pdp.cli.snapshot_client import Question, filtering, wrong_filter
from pdp.cli.snapshot_text import local
from pdp.cli.staff_client import Target, asking, channel_to, error_info
from pdp.v1 import policy_service_pb2, types_pb2
from pdp.values import NANOS

GROUPS: Final = ("change", "field", "role", "branch", "menu", "application")
_ROWS: Final = 10
_EPILOG = """\b
Examples:
  pdp policy impact night-shift                    a draft, over the last 7 days
  pdp policy impact ./policies --since 30d --by change,field
  pdp policy impact night-shift --filter 'context.menu == "1201"' --examples 5
  pdp policy impact head --json                    the text in force, tried on what was decided before it

Decisions are made again from what was recorded of them. Where that is not enough for a field, its verdict counts as
undecidable and never as unchanged. Ctrl-C ends the work on the server too.

Exit codes: 0 told, 1 the text has errors, the filter is wrong or the service does not answer, 2 wrong command line,
130 interrupted.
"""
_WORDS: Final = {
    "en": {
        "none": "no decision was recorded in this time; try a longer one or another filter",
        "again": "{count} decisions made again", "changed": "would change", "more": "would show what was masked",
        "unchanged": "would not change", "undecidable": "cannot be told, for not enough was kept",
        "lacks": "not kept", "group": {
            "change": "kind of change", "field": "field", "role": "role", "branch": "branch", "menu": "menu",
            "application": "application",
        },
        "decisions": "decided", "shown": "more shown", "rest": "{count} more groups change; --json has all",
        "examples": "examples", "clear": "clear", "default": "default",
    },
    "zh": {
        "none": "该时间段内没有裁决记录；可放宽时间范围或更改条件",
        "again": "重放了 {count} 个裁决", "changed": "会改变", "more": "会显示原先脱敏的内容",
        "unchanged": "不会改变", "undecidable": "留存不足，无法判定",
        "lacks": "未留存", "group": {
            "change": "变化类型", "field": "字段", "role": "角色", "branch": "机构", "menu": "菜单",
            "application": "应用",
        },
        "decisions": "已裁决", "shown": "更多明文", "rest": "另有 {count} 组会改变；--json 可查看全部",
        "examples": "示例", "clear": "明文", "default": "默认",
    },
}  # fmt: skip


def _groups(_context: click.Context, _parameter: click.Parameter, value: str) -> tuple[str, ...]:
    wanted = tuple(dict.fromkeys(part.strip() for part in value.split(",") if part.strip()))
    wrong = [part for part in wanted if part not in GROUPS]
    if wrong or not wanted:
        raise click.BadParameter(f"`{', '.join(wrong)}` is none of {', '.join(GROUPS)}")
    return wanted


@click.command(epilog=_EPILOG)
@click.argument("text")
@filtering
@click.option("--limit", type=click.IntRange(1), metavar="N", help="The newest N decisions.  [default: 1000000]")
@click.option(
    "--by", default=",".join(GROUPS), show_default=True, metavar="LIST", callback=_groups, help="What to group by."
)
@click.option("--examples", default=3, show_default=True, type=click.IntRange(1, 20), help="Examples of each change.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
@asking
def impact(
    *,
    text: str,
    question: Question,
    limit: int | None,
    by: Sequence[str],
    examples: int,
    as_json: bool,
    target: Target,
) -> ExitCode:
    """Tell which recorded decisions a TEXT would change: a draft, a revision, or a folder of policies."""
    candidate = named(text)
    request = policy_service_pb2.AnalyseImpactRequest(
        candidate=candidate, filter=question.filter, limit=limit or 0, examples=examples
    )
    for name, moment in (("from", question.since), ("to", question.until)):
        if moment is not None:
            stamp = getattr(request, name)
            stamp.seconds, stamp.nanos = divmod(moment, NANOS)
    with _connected(target, question) as stub:
        try:
            answer = _receive(stub.AnalyseImpact(request))
        except grpc.RpcError as error:
            _tell_errors(stub, candidate, error)
            raise
    wanted = [group for kind in by for group in answer.groups if group.by == kind]
    del answer.groups[:]
    answer.groups.extend(wanted)
    if as_json:
        console.print_json(console.message_data(answer))
    elif not answer.read:
        click.echo(_WORDS[target.language]["none"], err=True)
    else:
        _show(answer, by, target.language)
    return ExitCode.OK


@contextmanager
def _connected(target: Target, question: Question) -> Iterator[Stub]:
    # The times are fields of their own: what was written begins at the first character.
    asked = Question(question.filter, None, None)
    with channel_to(target, "PolicyService", lambda error: wrong_filter(error, asked)) as channel:
        yield Stub(channel)  # type: ignore[no-untyped-call]


def _tell_errors(stub: Stub, candidate: PolicyText, error: grpc.RpcError) -> None:
    """Write the errors of a text as `pdp check` does. Raises CommandError when it has any."""
    if error_info(error).reason == "ERROR_REASON_INVALID_POLICIES":
        count = show_problems(stub, candidate, errors_only=True)
        if count:
            raise CommandError(f"the text has {plural(count, 'error')}; mend them, then try again") from error


def _receive(call: grpc.Call) -> policy_service_pb2.AnalyseImpactResponse:
    """Return the last answer of a call; show progress on a terminal until then."""
    last = policy_service_pb2.AnalyseImpactResponse()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    out = Console(file=sys.stderr)
    with Progress(*columns, console=out, transient=True, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("", total=None)
        with ending(call):  # the server stops then, too
            for last in call:  # type: ignore[attr-defined]
                total = last.expected if last.expected >= last.read else None
                progress.update(task, completed=last.read, total=total, description=f"Δ {last.changed}")
    if not last.done:
        raise CommandError("the answer ended before the result came; try again")
    return last


def _show(answer: policy_service_pb2.AnalyseImpactResponse, by: Sequence[str], lang: str) -> None:
    words, out = _WORDS[lang], console.console()
    out.print(Text(str(words["again"]).format(count=answer.read), "bold"))
    unchanged = answer.read - answer.changed - answer.undecidable
    summary = console.table("", "", "")
    for name, count, style in (
        ("changed", answer.changed, "yellow"),
        ("more", answer.more_shown, "bold red"),
        ("unchanged", unchanged, ""),
        ("undecidable", answer.undecidable, "magenta"),
    ):
        share = f"{count / answer.read:.2%}"
        summary.add_row(Text(str(words[name])), Text(str(count), style if count else ""), Text(share))
    out.print(summary)
    lacks = sorted(answer.insufficient.items(), key=lambda item: (-item[1], item[0]))
    if lacks:
        out.print(Text(f"{words['lacks']}: " + ", ".join(f"{name} ({count})" for name, count in lacks)))
    for kind in by:
        changed = [group for group in answer.groups if group.by == kind and group.changed]
        if changed:
            _show_groups(kind, changed, lang)


def _show_groups(kind: str, groups: Sequence[policy_service_pb2.ImpactGroup], lang: str) -> None:
    words, out = _WORDS[lang], console.console()
    titles: dict[str, str] = words["group"]  # type: ignore[assignment]
    table = console.table(titles[kind], *(str(words[name]) for name in ("decisions", "changed", "shown")))
    for group in groups[:_ROWS]:
        more = Text(str(group.more_shown), "bold red" if group.more_shown else "")
        table.add_row(Text(group.key or "–"), Text(str(group.decisions)), Text(str(group.changed)), more)
    out.print()
    out.print(table)
    if len(groups) > _ROWS:
        out.print(Text(str(words["rest"]).format(count=len(groups) - _ROWS)))
    if kind == "change":
        for group in groups:
            for example in group.examples:
                snapshot = example.entry.record.snapshot
                out.print(Text(f"  {local(snapshot.time_nanos)}  {snapshot.decision_id}  {snapshot.facts.subject.id}"))
                for change in example.changes:
                    out.print(Text(f"    {change.field}: {_told(change, lang)}"))


def _told(change: policy_service_pb2.VerdictChange, lang: str) -> str:
    sides = (
        (change.before, change.mask_before, change.rule_before),
        (change.after, change.mask_after, change.rule_after),
    )
    words = _WORDS[lang]
    return " → ".join(
        f"{words['clear'] if effect == types_pb2.EFFECT_UNMASK else mask} ({rule or words['default']})"
        for effect, mask, rule in sides
    )
