# pathlib and contextlib take longer to import than all the rest.
# ruff: noqa: PTH108, PTH109, PTH123, SIM105
"""`pdp` as tests start it: hands its arguments, environment, folder and streams to the forker, and ends as the command.

It imports next to nothing, for it is started for each command: `python -IS stub.py FOLDER ARGUMENT...`.
"""

import _signal
import _socket
import marshal
import os
import sys

FOLDER, *ARGUMENTS = sys.argv[1:]
NOTE = f"{FOLDER}/{os.getpid()}"


def main() -> None:
    with open(f"{FOLDER}/usual", "rb") as file:
        startup, harmless, usual = marshal.loads(file.read())  # noqa: S302 - our own
    if {k: v for k, v in os.environ.items() if k.startswith(startup) and k not in harmless} != usual:
        # Python itself would start differently.
        note(os.getpid())
        os.execv(sys.executable, [sys.executable, "-m", "pdp.cli", *ARGUMENTS])  # noqa: S606
    mask = os.umask(0)
    os.umask(mask)
    asked = marshal.dumps((ARGUMENTS, dict(os.environ), os.getcwd(), mask))
    forker = _socket.socket(_socket.AF_UNIX)
    forker.connect(f"{FOLDER}/socket")
    streams = b"".join(number.to_bytes(4, sys.byteorder) for number in range(3))
    head = len(asked).to_bytes(4, sys.byteorder)
    forker.sendmsg([head], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, streams)])
    forker.sendall(asked)
    pid = number(forker)
    note(pid)

    def pass_on(sent: int, _: object) -> None:
        try:
            os.kill(pid, sent)
        except ProcessLookupError:  # it has ended, and we hear of it now
            pass

    for sent in (_signal.SIGINT, _signal.SIGTERM, _signal.SIGHUP):
        _signal.signal(sent, pass_on)
    code = number(forker)
    os.unlink(NOTE)
    if code < 0:
        if -code != _signal.SIGKILL:
            _signal.signal(-code, _signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


def number(forker: _socket.socket) -> int:
    found = b""
    while len(found) < 4:
        part = forker.recv(4 - len(found))
        if not part:
            sys.exit("the process that runs commands has gone")
        found += part
    return int.from_bytes(found, sys.byteorder, signed=True)


def note(pid: int) -> None:
    """Say which process the command is."""
    with open(NOTE, "w") as file:
        file.write(f"{pid}\n")


main()
