"""A cluster of three nodes, three etcd members and two PostgreSQL servers under load and under every fault."""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import shutil
import time
from pathlib import Path

import pytest

from deploy.cluster.errors import ClusterError
from deploy.cluster.processes import find_program
from deploy.cluster.snapshots import postgres_url
from pdp.signing import TrustedKeys
from pdp.snapshot.spool import SpoolReader
from pdp.snapshot.store import open_reader
from tests.cluster import report
from tests.cluster.checker import judge
from tests.cluster.conftest import ONLY, ROUNDS, SEED, STORE_AWAY
from tests.cluster.driving import Driver, Row
from tests.cluster.faults import plan
from tests.cluster.history import History
from tests.cluster.load import Load
from tests.cluster.machines import Machines
from tests.cluster.network import Network
from tests.cluster.planting import KINDS, Planter
from tests.cluster.publishing import Publisher
from tests.cluster.report import Phase
from tests.cluster.store import Store
from tests.cluster.variants import questions
from tests.faults.checker import Checked, check
from tests.faults.load import Answer
from tests.faults.shims import faketime
from tests.integration.needs import missing

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(6 * 3600)]

QUESTIONS = 120
CALM = 15
STORM = 50
RACE = 6
_SHIPPED_TRIES = 5


def test_a_cluster_under_faults(network: Network, folder: Path) -> None:
    print(f"\nseed {SEED} (JINGXI_SEED), {ROUNDS} rounds (JINGXI_ROUNDS), etcd away for {STORE_AWAY:g} s "
          "(JINGXI_STORE_AWAY)")  # fmt: skip
    begun = time.monotonic()
    asked, history = questions(SEED, QUESTIONS), History()
    with contextlib.ExitStack() as ends:
        try:
            find_program("etcd", "etcd-server")
            machines = Machines(folder, network, faketime(need))
            machines.postgres[0].find_programs()
        except ClusterError as error:
            missing(str(error))
        ends.callback(machines.close)
        machines.start()
        store = Store(machines.commons.control_store, machines.etcd[0].client())
        ends.callback(store.close)
        planter = Planter(store, machines.commons.signing_key)
        driver = Driver(machines, history, store, Publisher(history), planter)
        driver.first()
        print(f"ready after {time.monotonic() - begun:.1f} s")
        ends.enter_context(store.watched(history))
        load = Load(machines.way(), asked, history, seed=SEED).start()
        ends.callback(load.stop)
        phases = run(driver)
        load.stop()
        published = store.published()
        history.write(folder / "history.jsonl", {"seed": SEED})
        checked = settle(machines, load.answers)
        judged = judge(history, asked, published, progress=tell)
        driver.judge(judged)
        found = report.facts(
            driver, judged, checked, phases, seed=SEED, rounds=ROUNDS, away=STORE_AWAY,
            seconds=time.monotonic() - begun,
        )  # fmt: skip
        print(f"\n{report.table(found)}")
        target = os.environ.get("JINGXI_CLUSTER_JSON")
        if target:
            Path(target).write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n")
        assert not judged.wrong, [f"{wrong.kind}: {wrong.what}" for wrong in judged.wrong[:5]]
        assert not checked.problems
        assert checked.acknowledged == len(load.answers) > 0
        assert not [row.name for row in driver.rows if not row.survived]
        # Whoever saw nothing proves nothing.
        assert judged.revisions > 2
        assert {told.node for told in history.told} == {*driver.nodes, ""}


def run(driver: Driver) -> list[Phase]:
    """Let everything happen, and return what came when."""
    draw = random.Random(SEED)
    phases = []
    for number in range(1, ROUNDS + 1):
        started = time.monotonic()
        driver.calm(CALM if not ONLY else 5)
        phases.append(Phase(f"calm {number}", started, time.monotonic()))
        faults = [fault for fault in plan(STORE_AWAY) if re.search(ONLY, fault.name)]
        if number > 1:
            draw.shuffle(faults)
        started = time.monotonic()
        for fault in faults:
            say(driver.survive(fault))
        phases.append(Phase(f"faults {number}", started, time.monotonic()))
        started = time.monotonic()
        for name in KINDS:
            if re.search(ONLY, f"refused: {name}"):
                say(driver.refuse(name))
        phases.append(Phase(f"bad revisions {number}", started, time.monotonic()))
        started = time.monotonic()
        if re.search(ONLY, "canary"):
            say(driver.rollout(promote=True))
            say(driver.rollout(promote=False))
        if re.search(ONLY, "publications"):
            say(driver.storm(STORM))
            say(driver.race(RACE))
        phases.append(Phase(f"publications {number}", started, time.monotonic()))
    return phases


def settle(machines: Machines, answers: dict[str, Answer]) -> Checked:
    """Stop the nodes, once all that they have is shipped, and check what is in the store."""
    url = postgres_url(machines.postgres, machines.pki, "auditor")
    keys = machines.folder / "all-keys"
    keys.mkdir()
    for node in machines.nodes:
        node.stop()
        for _ in range(_SHIPPED_TRIES):
            if not unshipped(url, node.data / "spool"):
                break
            node.start()
            node.wait_until_ready()
            node.stop()
        assert not unshipped(url, node.data / "spool"), f"not everything of {node.name} is shipped: {node.tail()}"
        for number, public in enumerate(sorted((node.data / "keys").glob("*.pub"))):
            shutil.copy(public, keys / f"{node.name}-{number}.pub")
    reader = open_reader(url)
    try:
        return check(reader, TrustedKeys.load(keys), answers, SEED)
    finally:
        reader.close()


def unshipped(url: str, spools: Path) -> bool:
    """Return whether a stopped node's spools hold what the store does not."""
    store, spool = open_reader(url), SpoolReader([spools])
    try:
        return bool(spool.read({state.key: state.count for state in store.streams()}, 1))
    finally:
        spool.close()
        store.close()


def need(there: bool, reason: str) -> None:
    """End the test for want of something."""
    if not there:
        missing(reason)


def say(row: Row) -> None:
    """Tell how a fault went, as it goes."""
    state = "ok" if row.survived else f"NOT OK: {'; '.join(row.problems)}"
    print(f"  {row.name}: {row.ended - row.begun:.1f} s, away {row.away}, {state}", flush=True)


def tell(done: int, total: int) -> None:
    """Tell how far the judge is."""
    if not done % 20_000:
        print(f"  {done} of {total} answers judged", flush=True)
