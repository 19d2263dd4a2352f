"""The files by which a client and an etcd cluster know each other."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class EtcdTls:
    """All PEM: who signs the members' certificates, and the client's own certificate and key."""

    ca: Path
    certificate: Path
    key: Path
