"""A cluster on one machine: three etcd members, PostgreSQL with a synchronous standby, three nodes, all by TLS.

`make cluster` runs `python -m deploy.cluster`; docs/guides/cluster.md is the guide. The parts are a library, too, for
whoever builds clusters of another shape, such as in network namespaces:

    from deploy.cluster import Commons, EtcdMember, PdpNode, Pki, Place, Postgres, postgres_url, store_url

    pki = Pki(folder / "pki")                                   # kept over restarts, as is all that follows
    at = {n: Place(f"10.0.0.{n}", ("ip", "netns", "exec", f"n{n}")) for n in (1, 2, 3)}   # Place(): 127.0.0.1
    etcd = [EtcdMember(f"etcd-{n}", folder / f"etcd-{n}", pki.etcd, (2379, 2380), at[n]) for n in at]
    for member in etcd:
        member.join(etcd)                                       # tells each who the others are
        member.start()                                          # returns at once
    for member in etcd:
        member.wait_until_ready()                               # a majority answers; raises ClusterError with the log

    first = Postgres("postgres-1", folder / "postgres-1", pki.postgres, 5432, at[1])
    second = Postgres("postgres-2", folder / "postgres-2", pki.postgres, 5432, at[2])
    first.create(); first.start(); first.wait_until_ready(); first.create_replicator()
    second.follow(first); second.start(); second.wait_until_ready()
    first.require([second])                                     # from here on no commit without the standby's disk
    install_store([first, second], pki)                         # database `jingxi`, its tables, roles and users
    first.kill(); second.promote()                              # then first.follow(second); first.start(); …

    commons = Commons(pki, folder / "common", store_url(etcd), postgres_url([first, second], pki))
    node = PdpNode("node-a", folder / "node-a", commons, (7070, 7071), at[1], labels={"zone": "a"},
                   settings={"control": {"stale_seconds": 5}, "workers": 2})
    node.start(); node.wait_until_up()                          # the staff port answers; nothing published yet
    node.wait_until_ready()                                     # it decides
    node.pdp("node", "list")                                    # a command against its staff port

Every part has `start`, `stop` (in order), `kill` (with its children, as a machine that is lost), `pause` and `resume`
(its connections stand and nothing answers), `run` (a command where the part runs), `pid`, `log`, `wait_until_ready`.
As root PostgreSQL runs as `postgres` or `nobody`, so `folder` must be one that such a user can come to. An address with
a prefix must be reachable from where the library runs, for that is how it asks whether a part is ready.
"""

from deploy.cluster.errors import ClusterError
from deploy.cluster.etcd import EtcdMember, store_url
from deploy.cluster.node import CALLER, USER, Commons, PdpNode
from deploy.cluster.pki import Authority, Files, Pki
from deploy.cluster.postgres import Postgres
from deploy.cluster.processes import Account, Part, Place
from deploy.cluster.snapshots import install_store, postgres_url

__all__ = [
    "CALLER", "USER", "Account", "Authority", "ClusterError", "Commons", "EtcdMember", "Files", "Part", "PdpNode",
    "Pki", "Place", "Postgres", "install_store", "postgres_url", "store_url",
]  # fmt: skip
