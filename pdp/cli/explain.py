"""`pdp explain`: rules in words, or one decision with its trace."""

from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO

import click
from rich.text import Text

from pdp.cli.basics import FILE, FOLDER
from pdp.cli.console import console, message_data, print_json
from pdp.cli.exits import CommandError, ExitCode
from pdp.cli.policies import load_program, parse_now, resolve
from pdp.cli.requests import BadRequestError, parse_request, read_requests
from pdp.cli.trace import decision_tree
from pdp.cli.words import words
from pdp.errors import RequestError
from pdp.lang.resolved import ResolvedSet
from pdp.lang.sentence import Sentences
from pdp.v1 import decision_service_pb2
from pdp.values import NANOS

EPILOG = """\b
Examples:
  pdp explain policies                             every rule in words
  pdp explain policies --rule core-counter/senior-mobile --lang zh
  pdp explain policies --field mobile              the rules that speak about a field
  pdp explain policies --request request.json      one decision, clause by clause
  pdp explain policies --request request.json --field mobile --format json

The folder may also be given as --policies DIR, as other commands take it.
Exit codes: 0 told, 1 no such rule, the policies have errors or the request cannot be decided, 2 wrong command line.
"""


@click.command(epilog=EPILOG)
@click.argument("directory", metavar="[DIR]", type=FOLDER, required=False)
@click.option("--policies", type=FOLDER, metavar="DIR", help="The folder, when it is not the argument.")
@click.option("--rule", metavar="POLICY/RULE", help="Only this rule, or all of a policy when there is no slash.")
@click.option("--field", default="", metavar="ID", help="Only what concerns this field.")
@click.option("--request", "file", type=click.File("rb"), metavar="FILE",
              help="Explain the decision of this request (protobuf JSON form, `-` for stdin).")  # fmt: skip
@click.option("--grants", type=FILE, metavar="FILE", help="With --request: grants that it may name.")
@click.option("--now", callback=parse_now, metavar="RFC3339", help="With --request: decide as if it were this time.")
@click.option("--lang", type=click.Choice(["zh", "en", "both"]), default="both", show_default=True)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def explain(
    *,
    directory: Path | None,
    policies: Path | None,
    rule: str | None,
    field: str,
    file: BinaryIO | None,
    grants: Path | None,
    now: int | None,
    lang: str,
    form: str,
) -> ExitCode:
    """Tell the rules of the policy set in DIR in words, or why a request is decided as it is."""
    folder = directory or policies
    if folder is None or (directory and policies):
        raise click.UsageError("name the folder once: `pdp explain DIR`")
    if file is None:
        if grants or now is not None:
            raise click.UsageError("`--grants` and `--now` go with `--request FILE`")
        return _explain_rules(resolve(folder), rule, field, lang, form)
    response = _trace(folder, file, grants, now, field)
    if rule is not None:
        kept = [trace for trace in response.rules if _is_named(trace.rule, rule)]
        del response.rules[:]
        response.rules.extend(kept)
    if form == "json":
        print_json(message_data(response))
    else:
        console().print(decision_tree(response, lang))
    return ExitCode.OK


def _trace(
    folder: Path, file: BinaryIO, grants: Path | None, now: int | None, field: str
) -> decision_service_pb2.ExplainResponse:
    sources = list(read_requests(file))
    name = getattr(file, "name", "<stdin>")
    if len(sources) != 1:
        raise CommandError(f"`{name}` holds {len(sources)} requests; give one, or use `pdp decide` for many")
    question = decision_service_pb2.ExplainRequest(field=field)
    try:
        question.request.CopyFrom(parse_request(sources[0]))
        if now is not None:
            question.now.seconds, question.now.nanos = divmod(now, NANOS)
        reply = load_program(folder, grants).explain(question.SerializeToString())
    except (BadRequestError, RequestError) as error:
        raise CommandError(f"`{name}`: {error}") from error
    return decision_service_pb2.ExplainResponse.FromString(reply)


def _explain_rules(resolved: ResolvedSet, rule: str | None, field: str, lang: str, form: str) -> ExitCode:
    sentences = Sentences(resolved)
    found: list[dict[str, Any]] = [
        {
            "rule": candidate.name,
            "title": words(candidate.title, lang),
            "sentence": words(sentences.rule(policy, candidate), lang),
            "fields": list(candidate.fields),
            "priority": candidate.priority,
            "location": str(candidate.span),
        }
        for policy in resolved.policies
        for candidate in policy.rules
        if (rule is None or _is_named(candidate.name, rule)) and (not field or field in candidate.fields)
    ]
    if not found and (rule is not None or field):
        raise CommandError(f"no rule {_wanted(rule, field)}; `pdp explain` without options lists all")
    if form == "json":
        print_json(found)
        return ExitCode.OK
    out = console()
    for entry in found:
        title = " / ".join(dict.fromkeys(entry["title"].values()))
        out.print(Text.assemble((entry["rule"], "bold"), f"  {title}  ({entry['location']})"), soft_wrap=True)
        for text in dict.fromkeys(entry["sentence"].values()):
            out.print(f"  {text}", soft_wrap=True)
    return ExitCode.OK


def _is_named(name: str, wanted: str) -> bool:
    return name == wanted or name.partition("/")[0] == wanted


def _wanted(rule: str | None, field: str) -> str:
    parts = [f"`{rule}`"] if rule is not None else []
    if field:
        parts.append(f"that speaks about `{field}`")
    return " ".join(parts)
