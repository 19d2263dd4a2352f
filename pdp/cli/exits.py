"""What the exit codes mean, and the error that ends a command with one line."""

from __future__ import annotations

import enum

import click


class ExitCode(enum.IntEnum):
    """How `pdp` ends. Scripts may rely on these."""

    OK = 0
    PROBLEMS = 1
    """The policies or settings have errors, a scenario or a decision failed, or the server could not start."""
    USAGE = 2
    """The command line is wrong."""
    INTERNAL = 3
    """A mistake in `pdp` itself."""
    INTERRUPTED = 130
    PIPE_CLOSED = 141
    """Whoever read the output went away."""


class CommandError(click.ClickException):
    """Ends a command with exit code 1; the message says what to do."""

    exit_code = ExitCode.PROBLEMS
