"""Runs the commands of a page in order, in a copy of what they are about."""

from __future__ import annotations

import json
import os
import re
import select
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.commands import program
from tests.docs.pages import ROOT, Command

PATIENCE = 120
# How long a command about snapshots may need until it shows what the page shows: longer than between checkpoints.
SOON = 30
# Where pages say that the service and its admin port listen. Tests run it on ports of its own.
ADDRESS = "127.0.0.1:7070"
ADMIN = "127.0.0.1:7071"

COPIED = ("policies", "docs/examples", "clients/python/examples", "Makefile")
# Programs that a page may tell people to use and that a test cannot: not installed here, or not for a copy.
ELSEWHERE = frozenset({"git", "grpcurl", "pdp-admin", "pip", "pre-commit", "source"})

# What no page is about, so that services start and records are proven sooner; a page's own flags come before it.
_QUICK = {"PDP_WORKERS": "1", "PDP_AUDIT_CHECKPOINT_SECONDS": "1"}

_HASH = re.compile(r"[0-9a-f]{4,}…")


class Shell:
    """A folder in which commands run; what one leaves behind the next one finds."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._code = 0
        self._services: list[subprocess.Popen[str]] = []
        self._address = ADDRESS
        self._admin = ADMIN
        self._data = str(folder / "data")
        for name in COPIED:
            source, target = ROOT / name, folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, target)

    def write(self, name: str, text: str) -> None:
        """Put a file of the page in place."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace(ADDRESS, self._address), encoding="utf-8")

    def run(self, command: Command) -> int:
        """Run a command and return its exit code. The output must be as shown."""
        words = shlex.split(command.text.splitlines()[0])
        if words[0] in ELSEWHERE:
            return 0
        if words[0] == "make":
            makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
            assert all(re.search(rf"^{word}:", makefile, re.MULTILINE) for word in words[1:]), command.text
            return 0
        if words[:2] == ["pdp", "serve"]:
            output = self._serve(command.text)
        else:
            # So that `echo $?` tells what the command before it returned.
            text = command.text.replace(ADDRESS, self._address).replace(ADMIN, self._admin)
            script = f"(exit {self._code}); {text}"
            # Records reach the store, and checkpoints are signed, a moment after the answers: people look again.
            waits = words[:2] == ["pdp", "snapshot"] or words[:3] == ["pdp", "policy", "impact"] or words[0] == "grep"
            until = time.monotonic() + (SOON if waits else 0)
            output = self._once(words, script)
            while time.monotonic() < until and (self._code or not is_as_shown(command.output or "…", output)):
                time.sleep(0.5)
                output = self._once(words, script)
        if command.output.strip():
            assert is_as_shown(command.output, output), (
                f"`{command.text}` wrote\n{output}\ninstead of\n{command.output}"
            )
        return self._code

    def _once(self, words: list[str], script: str) -> str:
        """Run a script, keep its exit code and return what it wrote."""
        environ = _environment() | {"PDP_DATA": self._data}
        if words[:2] == ["pdp", "status"]:  # which asks at the default address
            environ["PDP_ADMIN_LISTEN"] = self._admin
        done = subprocess.run(
            ["bash", "-c", script], cwd=self.folder, env=environ, timeout=PATIENCE, check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8",
        )  # fmt: skip
        self._code = done.returncode
        return done.stdout.replace(self._address, ADDRESS).replace(self._admin, ADMIN)

    def _serve(self, text: str) -> str:
        """Start a service that stays until the page ends, and return its line of readiness."""
        assert "--listen" not in text, "a page shows the service at its default address"
        ready = self.folder / "serve.json"
        if self._services:  # no two of them share a data folder
            self._data = tempfile.mkdtemp(prefix="data-", dir=self.folder)
        own = ["--listen", "127.0.0.1:0", "--drain", "0", "--ready-file", str(ready), "--data", self._data]
        arguments = [*shlex.split(text)[1:], *own]
        command = [program(), *arguments]
        with (self.folder / "serve.log").open("w", encoding="utf-8") as log:
            service = subprocess.Popen(
                command, cwd=self.folder, env=os.environ | _QUICK, stdout=subprocess.PIPE, stderr=log, text=True,
                encoding="utf-8",
            )  # fmt: skip
        self._services.append(service)
        line = self._begun(service)
        if not line:
            return ""
        assert line.startswith("ready "), (self.folder / "serve.log").read_text(encoding="utf-8")
        self._address = line.split()[1]
        self._admin = json.loads(ready.read_text(encoding="utf-8"))["admin"]
        return line.replace(self._address, ADDRESS)

    def _begun(self, service: subprocess.Popen[str]) -> str:
        """Return a service's line of readiness; nothing for one that waits until the page publishes something."""
        assert service.stdout is not None
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            if select.select([service.stdout], [], [], 0.1)[0]:
                return service.stdout.readline()
            waits = '"server.waiting"' in (self.folder / "serve.log").read_text(encoding="utf-8")
            if waits and (Path(self._data) / "staff.sock").exists() and self._knows_nodes():
                return ""
        raise AssertionError((self.folder / "serve.log").read_text(encoding="utf-8"))

    def _knows_nodes(self) -> bool:
        """Whether the service has reported itself: who publishes sooner is told that no node is there."""
        listed = self._once(["pdp"], "pdp node list --json")
        return self._code == 0 and bool(json.loads(listed)["nodes"])

    def stop(self) -> None:
        """Stop the services as Ctrl-C does."""
        for service in self._services:
            service.send_signal(signal.SIGINT)
        for service in self._services:
            with service:
                assert service.wait(PATIENCE) == 0


@contextmanager
def shell(folder: Path) -> Iterator[Shell]:
    """Give a shell and stop what it started."""
    made = Shell(folder)
    try:
        yield made
    finally:
        made.stop()


def is_as_shown(shown: str, output: str) -> bool:
    """Whether an output is as a page shows it.

    `…` stands for anything, a hexadecimal number that ends in it for any other, and line breaks may fall elsewhere.
    """
    words = [r"[0-9a-f]+" if _HASH.fullmatch(word) else re.escape(word).replace("…", ".*?") for word in shown.split()]
    pattern = r"\s+".join(words).replace(r"\s+.*?\s+", r"\s+(?:.*?\s+)?")
    return re.fullmatch(pattern, output.strip(), re.DOTALL) is not None


def _environment() -> dict[str, str]:
    # `pdp` is run without starting Python anew.
    path = os.pathsep.join(
        [str(Path(program()).parent), str(Path(sys.executable).parent), "/usr/local/bin", "/usr/bin", "/bin"]
    )
    return {"PATH": path, "LANG": "C.UTF-8", "HOME": os.environ.get("HOME", "/")}
