"""`pdp check`: everything that is wrong with a policy set, at once."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import click

from pdp.cli.basics import FOLDER, plural, show
from pdp.cli.console import console, print_json
from pdp.cli.exits import ExitCode
from pdp.lang.check import CheckResult, check_folder
from pdp.lang.diagnostics import Severity, to_json
from pdp.lang.loader import load_folder

EPILOG = """\b
Examples:
  pdp check policies
  pdp check policies --strict                      fail on warnings too, as a pipeline may want
  pdp check policies --format json | jq -r '.diagnostics[] | .file + ": " + .message'

Exit codes: 0 nothing to mend, 1 errors (or warnings with --strict), 2 wrong command line.
"""


@click.command(epilog=EPILOG)
@click.argument("directory", metavar="DIR", type=FOLDER)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option(
    "--analysis/--no-analysis", default=True, help="Look for conflicts and unreachable rules. Slower. [default: on]"
)
@click.option("--notes", is_flag=True, help="Show notes too: overlaps that are settled by priority, and the like.")
@click.option("--strict", is_flag=True, help="Exit with 1 on warnings too.")
def check(*, directory: Path, form: str, analysis: bool, notes: bool, strict: bool) -> ExitCode:
    """Find everything that is wrong with the policy set in DIR.

    Reads every YAML file, checks names, types and expressions, and looks for rules that contradict or hide one
    another. Each finding says where it is and how to mend it.
    """
    result = check_folder(directory, analyse=analysis)
    counts = Counter(item.severity for item in result.diagnostics)
    files, rules = len(result.sources), _rules(result, directory)
    if form == "json":
        print_json(
            {
                "files": files, "rules": rules, "errors": counts[Severity.ERROR],
                "warnings": counts[Severity.WARNING], "infos": counts[Severity.INFO],
                "diagnostics": [to_json(item) for item in result.diagnostics],
            }
        )  # fmt: skip
    else:
        out = console()
        for item in result.diagnostics:
            if notes or item.severity is not Severity.INFO:
                show(item, result.sources, out)
                out.print()
        found = [plural(counts[Severity.ERROR], "error"), plural(counts[Severity.WARNING], "warning")]
        if counts[Severity.INFO]:
            found.append(plural(counts[Severity.INFO], "note") + ("" if notes else " (--notes shows them)"))
        out.print(", ".join([plural(files, "file"), plural(rules, "rule"), *found]))
    failed = counts[Severity.ERROR] or (strict and counts[Severity.WARNING])
    return ExitCode.PROBLEMS if failed else ExitCode.OK


def _rules(result: CheckResult, directory: Path) -> int:
    # A set with errors is not resolved; its rules are counted as they were read.
    policies = result.resolved.policies if result.resolved else load_folder(directory)[0].policies
    return sum(len(policy.rules) for policy in policies)
