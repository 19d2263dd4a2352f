"""`pdp test`: the scenarios of a policy set, and what they cover."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from pdp.cli.basics import FOLDER, plural
from pdp.cli.console import console, print_json, table
from pdp.cli.exits import CommandError, ExitCode
from pdp.cli.policies import resolve
from pdp.cli.words import line
from pdp.server.scenarios import Result, RuleCoverage, Runner

EPILOG = """\b
Examples:
  pdp test policies
  pdp test policies -k counter/                    the scenarios of one test
  pdp test policies -k '*/senior-*'
  pdp test policies --format json | jq '.coverage.rules[] | select(.matched == 0).rule'

A clause is covered when some scenario makes it true and another one false.
Exit codes: 0 all passed, 1 some failed, none was found or the policies have errors, 2 wrong command line.
"""


@click.command(epilog=EPILOG)
@click.argument("directory", metavar="DIR", type=FOLDER)
@click.option("-k", "pattern", default="", metavar="PATTERN", help="Only scenarios with this in their name.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def test(*, directory: Path, pattern: str, form: str) -> ExitCode:
    """Run the scenarios of the policy set in DIR and show what they cover."""
    runner = Runner(resolve(directory))
    results = list(runner.run(pattern))
    if not results:
        what = f"no scenario of `{directory}` matches `{pattern}`" if pattern else f"`{directory}` has no scenarios"
        raise CommandError(f"{what}; a document of kind Test holds them")
    failed = sum(not result.passed for result in results)
    coverage = list(runner.coverage.values())
    if form == "json":
        print_json(_report(results, failed, coverage))
    else:
        out = console()
        _write_results(out, results)
        # A part of the scenarios says nothing about what all of them cover.
        if not pattern:
            _write_coverage(out, coverage)
        words = f"{failed} failed" if failed else "all passed"
        out.print(Text(f"{plural(len(results), 'scenario')}, {words}", "bold red" if failed else "bold green"))
    return ExitCode.PROBLEMS if failed else ExitCode.OK


def _write_results(out: Console, results: Sequence[Result]) -> None:
    shown = table("scenario", "title", "result")
    for result in results:
        word = Text("passed", "green") if result.passed else Text("failed", "bold red")
        shown.add_row(result.name, line(result.title, "both"), word)
    out.print(shown)
    for result in results:
        if result.passed:
            continue
        out.print()
        out.print(Text.assemble((result.name, "bold"), f"  ({result.span})"), soft_wrap=True)
        shown = table("field", "expected", "got", "why")
        for difference in result.differences:
            shown.add_row(difference.field, difference.expected, difference.got, difference.reason)
        out.print(shown)
    out.print()


def _write_coverage(out: Console, coverage: Collection[RuleCoverage]) -> None:
    clauses = [clause for rule in coverage for clause in rule.clauses]
    matched = sum(rule.matched > 0 for rule in coverage)
    covered = sum(not clause.gaps for clause in clauses)
    out.print(
        f"coverage: {matched} of {plural(len(coverage), 'rule')} matched, "
        f"{covered} of {plural(len(clauses), 'clause')} both true and false"
    )
    for rule in coverage:
        if not rule.matched:
            out.print(f"  {rule.location}: {rule.name} never matched", soft_wrap=True)
        for clause in rule.clauses:
            if clause.gaps:
                gaps = " and never ".join(clause.gaps)
                out.print(f"  {clause.location}: {rule.name}: `{clause.text}` never {gaps}", soft_wrap=True)
    out.print()


def _report(results: Sequence[Result], failed: int, coverage: Collection[RuleCoverage]) -> dict[str, Any]:
    return {
        "passed": len(results) - failed,
        "failed": failed,
        "scenarios": [
            {
                "name": result.name,
                "location": str(result.span),
                "passed": result.passed,
                "differences": [
                    {"field": d.field, "expected": d.expected, "got": d.got, "why": d.reason}
                    for d in result.differences
                ],
            }
            for result in results
        ],
        "coverage": {
            "rules": [
                {
                    "rule": rule.name,
                    "location": rule.location,
                    "matched": rule.matched,
                    "clauses": [{"expression": c.text, "location": c.location, "never": c.gaps} for c in rule.clauses],
                }
                for rule in coverage
            ]
        },
    }
