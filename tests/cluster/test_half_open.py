"""A node that loses the network amid a transaction does not keep others from its streams for ever."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from pdp.errors import StoreError
from pdp.snapshot.store import install, open_writer
from tests.cluster.network import Network
from tests.integration.postgres import Postgres
from tests.integration.store_contract import DAY, decision, fill, key

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]

SECONDS = 60.0
"""The server finds a connection dead after some 25 s without a sign of life, and a lock is waited for 10 s."""

# A shipper that holds the lock of a stream and has begun to send rows.
SHIP = f"""
import sys
from pdp.snapshot.store.postgres import PostgresWriter
from pdp.snapshot.store.postgres_connection import held_states, records_table
from pdp.snapshot.store.postgres_copy import COPY_COLUMNS
from tests.integration.store_contract import key
with PostgresWriter(sys.argv[1])._held.transaction() as connection:
    assert held_states(connection, [key()], lock=True)
    with connection.cursor() as cursor:
        text = f"COPY {{records_table('short', {DAY})}} ({{COPY_COLUMNS}}) FROM STDIN (FORMAT BINARY)"
        with cursor.copy(text) as stream:
            stream.write(b"PGCOPY\\n\\xff\\r\\n\\0" + bytes(8))
            print("holds it", flush=True)
            sys.stdin.read()
"""


@pytest.fixture
def server(network: Network) -> Iterator[Postgres]:
    made = Postgres(address=network.gateway)
    yield made
    made.close()


def test_the_lock_of_a_machine_that_is_gone_ends(network: Network, server: Postgres) -> None:
    database = server.create_database()
    install(server.url(database))
    writer = open_writer(server.url(database))
    stream = fill(writer, key(), [decision(1)])
    machine = network.add("half-open")
    with subprocess.Popen(
        [*machine.prefix, sys.executable, "-c", SHIP, server.network_url(database)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as shipper:  # fmt: skip
        try:
            assert shipper.stdout is not None
            assert shipper.stdout.readline() == b"holds it\n"
            for chain in ("INPUT", "OUTPUT"):
                machine.run("iptables", "-w", "-I", chain, "-j", "DROP")
        finally:
            shipper.kill()  # nobody hears that its connection ends
    more = stream.add([decision(2)])
    begun, refused = time.monotonic(), 0
    while True:
        try:
            writer.take(more, [stream.state])
            break
        except StoreError:
            refused += 1
            assert time.monotonic() - begun < SECONDS
    assert refused
    writer.close()
