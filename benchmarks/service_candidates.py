"""Which servers are compared, and how each is started and, where it is not ours, obtained."""

from __future__ import annotations

import os
import platform
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from policy_sets import RuleSet
from service_dialects import BATCH, BATCH_ITEMS, UNARY, Cerbos, Dialect, Jingxi, cerbos_command, write_cerbos_policies
from service_records import Records, count_cerbos, count_ours, file_system
from service_servers import BenchmarkError, Server

_HERE = Path(__file__).resolve().parent
_CACHE = _HERE / ".cache" / "cerbos"
_PACKAGES = {"x86_64": "@cerbos/cerbos-linux-x64", "aarch64": "@cerbos/cerbos-linux-arm64"}
_NPM_SECONDS = 300.0
_IN_MEMORY = {"tmpfs", "ramfs", "devtmpfs"}

CERBOS, CERBOS_AUDIT = "cerbos", "cerbos-audit"
TRANSPORTS = ("grpc", "native")
_TRANSPORT_LABELS = {"grpc": "grpcio", "native": "native"}


class MissingError(Exception):
    """Something that the benchmark needs is not on this machine; the message says how to get it."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A server to start; `key` is stable, for programs. A floor decides nothing; with `records` it keeps them."""

    key: str
    label: str
    dialect: Dialect
    start: Callable[[], Server]
    is_floor: bool = False
    records: Records | None = None


def ours(
    workers: tuple[int, ...], policies: Path, folder: Path, *, records: bool, transports: tuple[str, ...] = TRANSPORTS
) -> list[Candidate]:
    """Return `pdp serve` on each transport with each number of workers, with `records` or without.

    Logs and what must last go into the folder.
    """
    found = []
    for transport in transports:
        for count in workers:
            key, label = f"{transport}-{count}", f"Jingxi {_TRANSPORT_LABELS[transport]} ×{count}"
            if records:
                key, label = f"{key}-sync", f"{label}, snapshots"
            data = Path(tempfile.mkdtemp(prefix="data-", dir=folder))
            options = {
                "policies": policies, "listen": "127.0.0.1:0", "transport": transport, "workers": count, "drain": 0,
                "data": data, "audit": "sync" if records else "off",
            }  # fmt: skip
            start = partial(_serve, options, folder / f"{key}.log", records)
            kept = Records(data, partial(count_ours, data), BATCH_ITEMS) if records else None
            found.append(Candidate(key, label, Jingxi(), start, records=kept))
    return found


def cerbos(binary: Path, rule_set: RuleSet, folder: Path, *, records: bool) -> Candidate:
    """Return Cerbos with the same rules, with its decision log or without. Its files go into the folder."""
    key = CERBOS_AUDIT if records else CERBOS
    policies = folder / key
    policies.mkdir()
    write_cerbos_policies(rule_set, policies)
    log = folder / f"{key}.log"
    if not records:
        return Candidate(CERBOS, "Cerbos", Cerbos(), partial(_serve_cerbos, binary, policies, log, {}))
    audit = Path(tempfile.mkdtemp(prefix="audit-", dir=folder))
    settings = {"audit.enabled": "true", "audit.local.storagePath": str(audit)}
    start = partial(_serve_cerbos, binary, policies, log, settings)
    to_count = settings | {"server.adminAPI.enabled": "true"}
    count = partial(count_cerbos, partial(_serve_cerbos, binary, policies, folder / f"{key}-count.log", to_count))
    # One entry a request, with all that it asked and was told.
    return Candidate(CERBOS_AUDIT, "Cerbos, audit log", Cerbos(), start, records=Records(audit, count, 1))


def echoes(replies: dict[str, bytes], folder: Path, logs: Path) -> list[Candidate]:
    """Return servers that answer with these bytes, whatever they are asked: the floor of each transport."""
    files = {}
    for kind, reply in replies.items():
        files[kind] = folder / f"{kind}.bin"
        files[kind].write_bytes(reply)
    return [
        Candidate(
            f"echo-{transport}",
            f"echo {_TRANSPORT_LABELS[transport]} ×1",
            Jingxi(),
            partial(_serve_echo, transport, files, logs),
            is_floor=True,
        )
        for transport in TRANSPORTS
    ]


def find_cerbos(binary: Path | None) -> tuple[Path, str]:
    """Return the program and its version: the one named, or the newest that npm serves.

    Without a network the one installed before is used. Raises MissingError.
    """
    if binary is None:
        binary = _from_npm()
    try:
        done = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise MissingError(f"`{binary}` does not run ({error}); name a Cerbos program with --cerbos") from error
    return binary, done.stdout.split("\n", 1)[0].strip()


def find_h2load() -> str:
    """Return the version of h2load, installed with apt if need be and allowed. Raises MissingError."""
    if shutil.which("h2load") is None and os.geteuid() == 0 and shutil.which("apt-get"):
        subprocess.run(["apt-get", "update", "-q"], check=False)
        install = ["apt-get", "install", "-yq", "--no-install-recommends", "nghttp2-client"]
        subprocess.run(install, check=False)
    if shutil.which("h2load") is None:
        raise MissingError("h2load is missing; on Debian: apt-get install nghttp2-client")
    done = subprocess.run(["h2load", "--version"], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def find_disk() -> Path:
    """Return a folder for temporary files that is not in memory. Raises MissingError."""
    for folder in (Path(tempfile.gettempdir()), Path("/var/tmp"), _HERE):  # noqa: S108 - its type matters
        if folder.is_dir() and file_system(folder) not in _IN_MEMORY:
            return folder
    raise MissingError("all folders for temporary files are in memory; name one on a disk in TMPDIR")


def _from_npm() -> Path:
    package = _PACKAGES.get(platform.machine())
    if package is None:
        raise MissingError(f"npm has no Cerbos for {platform.machine()}; name a Cerbos program with --cerbos")
    binary = _CACHE / "node_modules" / package / package.rpartition("/")[2]
    if shutil.which("npm") is None:
        problem = "npm is missing; on Debian: apt-get install npm"
    else:
        _CACHE.mkdir(parents=True, exist_ok=True)
        (_CACHE.parent / ".gitignore").write_text("*\n", encoding="utf-8")
        install = ["npm", "install", "--prefix", str(_CACHE), "--no-audit", "--no-fund", "--ignore-scripts"]
        try:
            done = subprocess.run(
                [*install, "--fetch-retries=1", f"{package}@latest"],
                capture_output=True, text=True, timeout=_NPM_SECONDS, check=False,
            )  # fmt: skip
            problem = f"npm cannot install {package}: {done.stderr.strip()[-500:]}"
        except subprocess.TimeoutExpired:
            problem = f"npm did not install {package} within {_NPM_SECONDS:.0f} s"
    if not binary.exists():
        raise MissingError(f"{problem}; or name a Cerbos program with --cerbos")
    return binary


def _serve(options: Mapping[str, object], log: Path, settles: bool) -> Server:
    flags = [f"--{name}={value}" for name, value in options.items()]
    command = [sys.executable, "-m", "pdp.cli", "serve", *flags]
    return _by_line(Server(command, log, settles=settles))


def _serve_echo(transport: str, files: dict[str, Path], logs: Path) -> Server:
    arguments = [str(files[UNARY]), str(files[BATCH])]
    command = [sys.executable, str(_HERE / f"echo_{transport}.py"), *arguments]
    return _by_line(Server(command, logs / f"echo-{transport}.log"))


def _serve_cerbos(binary: Path, policies: Path, log: Path, settings: Mapping[str, str]) -> Server:
    address, http_address = _free_addresses()
    command, environment = cerbos_command(binary, policies, address, http_address, settings)
    server = Server(command, log, environment, settles="audit.enabled" in settings)
    try:
        server.wait_for_port(address)
    except BenchmarkError:
        server.__exit__(None, None, None)
        raise
    return server


def _by_line(server: Server) -> Server:
    try:
        server.wait_for_line()
    except BenchmarkError:
        server.__exit__(None, None, None)
        raise
    return server


def _free_addresses() -> tuple[str, str]:
    """Return two addresses that nobody listens on, for a program that cannot pick one and tell."""
    with socket.socket() as one, socket.socket() as other:
        for each in (one, other):
            each.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{one.getsockname()[1]}", f"127.0.0.1:{other.getsockname()[1]}"
