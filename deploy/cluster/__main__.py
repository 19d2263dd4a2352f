"""`python -m deploy.cluster`: a whole cluster on this machine, by one command."""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

import psycopg

from deploy.cluster.ask import ask
from deploy.cluster.errors import ClusterError
from deploy.cluster.processes import until
from deploy.cluster.whole import PORTS, Cluster, alone, remove

ROOT = Path(__file__).parents[2]
POLICIES = ROOT / "policies"
EPILOG = """\
commands:
  up              start the cluster, tell where things are, and stop it at Ctrl-C (the default)
  down            stop it; its data stay
  status          which parts run, and by what the nodes decide
  ask [NODE...]   what a teller sees of a customer, asked of each node
  kill PART...    end parts as the loss of their machine does
  pause PART...   let parts stand still; `resume PART...` lets them go on
  start PART...   start parts again; a PostgreSQL server that was lost comes back as the standby
  failover        make PostgreSQL's standby the primary, after the primary was lost

exit codes: 0 done, 1 it did not work, and why, 2 wrong command line
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m deploy.cluster", description="A whole cluster on this machine: etcd, PostgreSQL, three nodes.",
        epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--state", type=Path, default=_state(), metavar="DIR", help="its folder (default: %(default)s)")
    parser.add_argument("--fresh", action="store_true", help="up: throw the data of the last time away first")
    parser.add_argument("--detach", action="store_true", help="up: leave it running in the background")
    parser.add_argument(
        "--base-port", type=_port, metavar="PORT",
        help=f"up: the first of {PORTS} ports in a row (default: free ones, the same at each start)",
    )  # fmt: skip
    parser.add_argument("command", nargs="?", default="up", choices=sorted(_COMMANDS), metavar="COMMAND")
    parser.add_argument("names", nargs="*", metavar="NAME")
    options = parser.parse_args(arguments)
    options.state = options.state.absolute()
    if options.command in {"up", "down", "status", "failover"} and options.names:
        parser.error(f"`{options.command}` takes no names")
    if options.command in {"kill", "pause", "resume", "start"} and not options.names:
        parser.error(f"`{options.command}` what? see --help")
    try:
        return _COMMANDS[options.command](options)
    except (ClusterError, psycopg.Error, OSError) as error:
        print(f"cluster: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _up(options: argparse.Namespace) -> int:
    if options.fresh and options.state.exists():
        with alone(options.state):
            _stop(options.state)
            remove(options.state)
    cluster = Cluster.make(options.state, options.base_port)
    # However it is ended while it starts, what has started is stopped.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with alone(options.state):
        if any(part.pid for part in cluster.nodes):
            raise ClusterError(f"the cluster in `{options.state}` runs already; `make cluster-down` ends it")
        try:
            cluster.up(_say, policies=POLICIES)
        except BaseException:
            cluster.down(_say)
            raise
    _tell(cluster)
    if options.detach:
        print("\nIt runs in the background; `make cluster-down` ends it.")
        return 0
    print("\nCtrl-C ends it; its data stay.", flush=True)
    stopped = _Stopped()
    running = {part.name for part in cluster.parts}

    def look() -> bool:
        for part in cluster.parts:
            if (part.pid is not None) == (part.name in running):
                continue
            running.symmetric_difference_update({part.name})
            again = f"`{_this(options.state)} start {part.name}` starts it again"
            _say(part.name, "runs again" if part.name in running else f"ended; its log is {part.log}; {again}")
        return stopped.now

    until(look, float("inf"))
    print()
    with alone(options.state):
        cluster.down(_say)
    return 0


def _down(options: argparse.Namespace) -> int:
    Cluster.find(options.state)
    with alone(options.state):
        _stop(options.state)
    return 0


def _status(options: argparse.Namespace) -> int:
    cluster = Cluster.find(options.state)
    primary = cluster.primary()
    for part in cluster.parts:
        words = "stopped" if part.pid is None else f"process {part.pid}"
        _say(part.name, words + (", primary" if part is primary else ""))
    for node in cluster.nodes:
        if node.pid is not None:
            print(f"\n{node.pdp('node', 'list')}")
            break
    return 0 if all(part.pid for part in cluster.parts) else 1


def _ask(options: argparse.Namespace) -> int:
    cluster = Cluster.find(options.state)
    chosen = [node for node in cluster.nodes if not options.names or node.name in options.names]
    for name in options.names:
        cluster.part(name)
    failed = False
    for answer in ask(chosen, cluster.client_files(), POLICIES):
        failed |= bool(answer.problem)
        _say(answer.node, answer.problem or f"revision {answer.revision}: {answer.name} {answer.landline}")
    return int(failed)


def _kill(options: argparse.Namespace) -> int:
    cluster = Cluster.find(options.state)
    for part in [cluster.part(name) for name in options.names]:
        getattr(part, options.command)()
        _say(part.name, {"kill": "killed", "pause": "paused", "resume": "goes on"}[options.command])
    return 0


def _start(options: argparse.Namespace) -> int:
    cluster = Cluster.find(options.state)
    with alone(options.state):
        for name in options.names:
            _say(name, cluster.start_part(name))
    return 0


def _fail_over(options: argparse.Namespace) -> int:
    cluster = Cluster.find(options.state)
    with alone(options.state):
        _say(cluster.fail_over(), "primary; it waits for no standby until one is started")
    return 0


_COMMANDS = {
    "up": _up, "down": _down, "status": _status, "ask": _ask, "kill": _kill, "pause": _kill, "resume": _kill,
    "start": _start, "failover": _fail_over,
}  # fmt: skip


class _Stopped:
    """Whether somebody wants the cluster to end. The second time somebody does, it is at once."""

    def __init__(self) -> None:
        self.now = False
        for which in (signal.SIGINT, signal.SIGTERM):
            signal.signal(which, self._hear)

    def _hear(self, _number: int, _frame: FrameType | None) -> None:
        if self.now:
            raise KeyboardInterrupt
        self.now = True


def _stop(folder: Path) -> None:
    Cluster.find(folder).down(_say)


def _say(what: str, became: str) -> None:
    print(f"  {what:<14} {became}", flush=True)


def _this(state: Path) -> str:
    named = "" if state == _state() else f" --state {shlex.quote(str(state))}"
    return f"{_short(Path(sys.executable))} -m deploy.cluster{named}"


def _short(path: Path) -> str:
    return shlex.quote(str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path))


def _state() -> Path:
    # PostgreSQL's user must come to it, which root's home does not allow.
    if os.geteuid() == 0:
        return Path("/var/lib/jingxi-cluster")
    home = os.environ.get("XDG_STATE_HOME")
    return Path(home or Path.home() / ".local" / "state", "jingxi-cluster")


def _port(text: str) -> int:
    if not text.isdecimal() or not 1024 <= int(text) <= 65_536 - PORTS:
        raise argparse.ArgumentTypeError(f"`{text}` is no port from 1024 to {65_536 - PORTS}")
    return int(text)


def _tell(cluster: Cluster) -> None:
    files = cluster.client_files()
    named = "" if cluster.folder == _state() else f" --state {shlex.quote(str(cluster.folder))}"
    this = f"python -m deploy.cluster{named}"
    path, staff = (shlex.quote(text) for text in (str(Path(sys.executable).parent), cluster.nodes[0].staff))
    print(f"""
The cluster is up. Everything about it is in {cluster.folder}.

  decision ports  {"  ".join(node.address for node in cluster.nodes)}
    by TLS with   {files.ca}, as authority
                  {files.certificate}
                  {files.key}
  staff ports     {"  ".join(node.staff for node in cluster.nodes)}
  metrics         {"  ".join(f"http://{node.place.host}:{node.admin_port}/metrics" for node in cluster.nodes)}

In another terminal:

  cd {shlex.quote(str(ROOT))}
  export PATH={path}:$PATH PDP_STAFF_LISTEN={staff}

Each node decides, by the same revision:

  {this} ask
  pdp node list

Publish a change, and ask again:

  cp -r policies changed && sed -i 's/^    mask: landline$/    mask: same-length/' changed/dictionary.yaml
  pdp policy draft landlines --from ./changed --reason "no area codes either"
  pdp policy diff landlines
  pdp policy submit landlines
  pdp policy publish landlines --reason "no area codes either" --wait 30
  {this} ask
  pdp policy rollback --reason "as before"

Break something:

  {this} kill etcd-1        # nothing changes
  {this} kill postgres-1    # decisions go on, their records wait on the nodes
  {this} failover           # postgres-2 takes the records
  {this} kill node-c        # the others decide
  {this} status
  {this} start etcd-1 postgres-1 node-c""")


if __name__ == "__main__":
    sys.exit(main())
