"""Waits until its starter is gone, and takes away the network that it left. Started by `network.Network`."""

from __future__ import annotations

import sys

from tests.cluster.network import remove


def main() -> None:
    """Read until the other end of the pipe is closed, by its owner or by the system."""
    sys.stdin.buffer.read()
    remove(int(sys.argv[1]))


if __name__ == "__main__":
    main()
