"""Entry point of `pdp`: finds the command and turns whatever happens into output and an exit code."""

from __future__ import annotations

import io
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Any, NoReturn

import click

from pdp import __version__
from pdp.cli.exits import ExitCode
from pdp.cli.lazy import Entry, LazyGroup
from pdp.errors import PdpError

EPILOG = """\b
Examples:
  pdp check policies                               what is wrong with a folder of policies
  pdp test policies                                run its scenarios
  pdp decide --policies policies request.json      decide one request
  pdp explain policies --request request.json      and tell why
  pdp serve --policies policies                    decide over gRPC, follow changes

\b
Exit codes:
  0  all is well
  1  problems found: errors in policies, failed scenarios or decisions, a server that could not start
  2  wrong command line
  3  a mistake in pdp itself; --debug shows where
  130 interrupted, 141 the reader of the output went away
"""


COMMANDS: dict[str, Entry] = {
    "check": Entry("Write policies", "pdp.cli.check:check", "Find everything that is wrong with a policy set."),
    "test": Entry("Write policies", "pdp.cli.test:test", "Run the scenarios of a policy set and show what they cover."),
    "explain": Entry("Write policies", "pdp.cli.explain:explain", "Tell rules, or one decision, in words."),
    "compile": Entry("Write policies", "pdp.cli.compile:compile_", "Make a bundle of a policy set."),
    "policy": Entry("Publish", "pdp.cli.policy:policy", "Lead policies from draft to revision."),
    "bundle": Entry("Publish", "pdp.cli.bundle:bundle", "Carry bundles to clients that decide offline."),
    "node": Entry("Publish", "pdp.cli.node:node", "See which node decides by what."),
    "grant": Entry("Decide", "pdp.cli.grant:grant", "Ask for authorisations, and decide on them."),
    "decide": Entry("Decide", "pdp.cli.decide:decide", "Decide requests from a file, without a server."),
    "serve": Entry("Decide", "pdp.cli.serve:serve", "Decide over gRPC and follow changes of the policies."),
    "login": Entry("Sign in", "pdp.cli.login:login", "Sign in at a staff port."),
    "logout": Entry("Sign in", "pdp.cli.login:logout", "End the session."),
    "whoami": Entry("Sign in", "pdp.cli.login:whoami", "Tell who is signed in, and what they may do."),
    "account": Entry("Sign in", "pdp.cli.account:account", "Accounts of people, and their rights by request."),
    "session": Entry("Sign in", "pdp.cli.session:session", "See and end sessions."),
    "status": Entry("Operate", "pdp.cli.status:status", "Show how a running service is doing."),
    "snapshot": Entry("Operate", "pdp.cli.snapshot:snapshot", "Find, show, prove and keep the records of decisions."),
    "backup": Entry("Operate", "pdp.cli.backup:backup", "Copy all that a service keeps, encrypted, while it runs."),
    "restore": Entry("Operate", "pdp.cli.backup:restore_", "Restore a service from its backups, and verify it."),
    "config": Entry("Operate", "pdp.cli.config:config", "Show, check and explain the settings of pdp serve."),
    "caller": Entry("Set up", "pdp.cli.caller:caller", "Give systems access to the decision port."),
    "completion": Entry("Set up", "pdp.cli.completion:completion", "Print a shell's script for tab completion."),
}


@click.group(
    cls=LazyGroup, entries=COMMANDS, epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)  # fmt: skip
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.version_option(__version__, "-V", "--version", prog_name="pdp", message="%(prog)s %(version)s")
def cli(*, debug: bool) -> None:
    """Decide field by field whether customer data may be shown, masked or not.

    A policy set is a folder of YAML files; see docs/guides/policy-language.md.
    """
    del debug  # read from the command line by `main`, which must know it before click does


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a command line (that of the process by default) and exit."""
    arguments = sys.argv[1:] if arguments is None else arguments
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a character gets an escape instead of a crash.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    sys.exit(_run(arguments))


def _run(arguments: Sequence[str]) -> int:
    debug = "--debug" in arguments
    try:
        code = _invoke([a for a in arguments if a != "--debug"])
        sys.stdout.flush()
    except BrokenPipeError:
        # Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.PIPE_CLOSED
    except (click.exceptions.Abort, KeyboardInterrupt):
        return ExitCode.INTERRUPTED
    except click.UsageError as error:
        error.show()
        return _end(error, ExitCode.USAGE, debug=debug)
    except click.ClickException as error:
        return _end(error, error.exit_code, error.format_message(), debug=debug)
    except (PdpError, OSError) as error:
        return _end(error, ExitCode.PROBLEMS, _words(error), debug=debug)
    except Exception as error:  # the last resort before a traceback that helps nobody
        words = f"a mistake in pdp itself ({type(error).__name__}); run again with `--debug` and report what it shows"
        return _end(error, ExitCode.INTERNAL, words, debug=debug)
    return code


def _invoke(arguments: Sequence[str]) -> int:
    try:
        result: Any = cli.main(list(arguments), prog_name="pdp", standalone_mode=False)
    except SystemExit as exit_:
        # click ends a closed pipe with 1, which here means problems.
        if isinstance(exit_.__context__, BrokenPipeError):
            raise exit_.__context__ from None
        raise
    return result if isinstance(result, int) else ExitCode.OK


def _end(error: Exception, code: int, words: str = "", *, debug: bool) -> int:
    if words:
        click.echo(f"pdp: error: {words}", err=True)
    if debug:
        traceback.print_exception(error)
    return code


def _words(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        where = f"`{error.filename}`: " if error.filename else ""
        return f"{where}{error.strerror.lower()}"
    return str(error)
