"""The settings that belong together, as `pdp.server.settings` holds them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pdp.server.address import Address
from pdp.server.config.kinds import Choice, File, Flag, Listen, Number, Secret, SecretText, Text, Whole
from pdp.server.config.meta import Meta

AUTO, OFF, ON = "auto", "off", "on"

MAX_REPLY_BYTES = 4 * 1024 * 1024
"""What a gRPC client accepts unless told otherwise."""
MAX_METADATA_BYTES = 16 * 1024
MAX_STREAMS = 256
MAX_BUNDLE_STREAMS = 256
"""Calls in flight on one connection; more wait at the client."""
MAX_CALLS = 4096
"""Calls in flight on all connections, health watches included; more are refused, which bounds the memory."""

_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Tls:
    """Encryption of the decision port; none without a certificate."""

    certificate: Annotated[
        Path | None,
        Meta(
            File(),
            "服务器证书链（PEM）；更换后对新连接生效",
            "the server's certificate chain (PEM); replaced, it counts for new connections",
            flag="--tls-certificate",
            sample="tls/server.pem",
        ),
    ] = None
    key: Annotated[
        Path | None, Meta(File(), "其私钥（PEM）", "its private key (PEM)", flag="--tls-key", sample="tls/server.key")
    ] = None
    client_ca: Annotated[
        Path | None,
        Meta(
            File(),
            "签发客户端证书的 CA（PEM）",
            "the authorities that issue the clients' certificates (PEM)",
            flag="--tls-client-ca",
            sample="tls/clients.pem",
        ),
    ] = None
    require_client_certificate: Annotated[
        bool, Meta(Flag(), "拒绝没有客户端证书的连接", "refuse connections without a client certificate")
    ] = False


@dataclass(frozen=True, slots=True)
class Admin:
    """The HTTP port for monitoring."""

    address: Annotated[
        Address | str,
        Meta(
            Listen((AUTO, OFF), sockets=False),
            "监控端口；`auto` 为 `127.0.0.1:7071`，有 `worker_ports` 时为其后的端口，`listen` 端口为 0 时任选；"
            "`off` 不开启",
            "the admin port; `auto` is `127.0.0.1:7071`, or the port after the `worker_ports`, or a free one "
            "if `listen` has port 0; `off` opens none",
            key="listen",
            flag="--admin",
        ),
    ] = AUTO
    insecure: Annotated[
        bool,
        Meta(
            Flag(),
            "允许在其他机器可达的地址上监听（明文、无身份验证）",
            "allow an address that other machines can reach, in plain text and open to all",
        ),
    ] = False


@dataclass(frozen=True, slots=True)
class Log:
    """The log on stderr."""

    format: Annotated[
        str,
        Meta(
            Choice(("json", "text")),
            "每行一个 JSON 对象，或便于人阅读的文本",
            "one JSON object a line, or lines for people",
            flag="--log-format",
        ),
    ] = "json"
    level: Annotated[
        str,
        Meta(
            Choice(("debug", "info", "warning", "error")),
            "最低级别；`debug` 为每次调用记一行",
            "the lowest level; `debug` adds a line a call",
            flag="--log-level",
        ),
    ] = "info"


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of each worker. What one request may hold is fixed; see the policy language."""

    calls: Annotated[
        int,
        Meta(
            Whole(1, 1000000),
            "所有连接上同时进行的调用数（含健康检查的监视）；超出者被拒绝",
            "calls in flight on all connections, health watches included; more are refused",
        ),
    ] = MAX_CALLS
    streams: Annotated[
        int,
        Meta(
            Whole(1, 100000),
            "每个连接上同时进行的调用数；超出者在客户端等待",
            "calls in flight on one connection; more wait at the client",
        ),
    ] = MAX_STREAMS
    metadata_bytes: Annotated[
        int, Meta(Whole(1024, _MIB), "一次调用的元数据大小", "size of a call's metadata", unit="bytes")
    ] = MAX_METADATA_BYTES
    reply_bytes: Annotated[
        int,
        Meta(
            Whole(64 * 1024, 64 * _MIB),
            "应答大小；客户端默认接受 4 MiB",
            "size of a reply; clients accept 4 MiB by default",
            unit="bytes",
        ),
    ] = MAX_REPLY_BYTES
    bundle_streams: Annotated[
        int,
        Meta(
            Whole(1, 100000),
            "同时跟随策略包的离线客户端数；一个调用方至多占一半",
            "offline clients that follow bundles at one time; those of one caller may be half of them",
        ),
    ] = MAX_BUNDLE_STREAMS
    revision_wait: Annotated[
        float,
        Meta(
            Number(0, 10),
            "调用要求的 `min_revision` 尚未到达时等待多久，不超过其截止时间；`0` 表示不等待",
            "how long a call waits for the `min_revision` that it demands, within its own deadline; `0`: not at all",
            unit="seconds",
        ),
    ] = 1.0


@dataclass(frozen=True, slots=True)
class Tracing:
    """OpenTelemetry traces; they need the extra `jingxi[otel]`."""

    enabled: Annotated[bool, Meta(Flag(), "记录调用的跨度", "record spans of calls")] = False
    endpoint: Annotated[
        str | None,
        Meta(
            Text("URL", "a URL"),
            "OTLP/HTTP 收集器，如 `http://127.0.0.1:4318/v1/traces`；缺省由 `OTEL_EXPORTER_OTLP_…` 决定",
            "the OTLP/HTTP collector, such as `http://127.0.0.1:4318/v1/traces`; else `OTEL_EXPORTER_OTLP_…` decide",
            sample="http://127.0.0.1:4318/v1/traces",
        ),
    ] = None
    headers: Annotated[
        Secret | None,
        Meta(
            SecretText(),
            "发给收集器的头部，形如 `authorization=Bearer …,other=…`",
            "headers for the collector: `authorization=Bearer …,other=…`",
            sample="{file: secrets/otlp-headers}",
        ),
    ] = None
    ratio: Annotated[
        float,
        Meta(
            Number(0, 1),
            "无上级跨度的调用被记录的比例；有上级者随上级",
            "share of the calls without a parent span that is recorded; others follow their parent",
        ),
    ] = 0.01


@dataclass(frozen=True, slots=True)
class Audit:
    """The record of every decision."""

    durability: Annotated[
        str,
        Meta(
            Choice(("sync", "async", "off")),
            "`sync`：应答发出前快照已落盘；`async`：随后落盘，断电可能丢失最后一瞬；`off`：不留快照",
            "`sync`: no reply before its snapshot is on disk; `async`: soon after, so that a power failure may lose "
            "the last moment; `off`: no snapshots",
            flag="--audit",
        ),
    ] = "sync"
    wait_from: Annotated[
        str,
        Meta(
            Choice(("all", "C1", "C2", "C3")),
            "`sync` 时哪些应答等待落盘：`all` 全部；否则只有明文显示了该级别或更高级别字段的应答",
            "which replies wait with `sync`: `all`, or only those that show a field of this level or above in clear",
        ),
    ] = "all"
    on_failure: Annotated[
        str,
        Meta(
            Choice(("refuse", "answer")),
            "快照无法落盘时：`refuse` 拒绝本应等待的应答；`answer` 照常应答，计数并告警",
            "when a snapshot cannot be made durable: `refuse` the replies that would wait for it, or `answer` all the "
            "same, counted and with an alarm",
        ),
    ] = "refuse"
    wait_seconds: Annotated[
        float,
        Meta(
            Number(0.01, 60),
            "应答最多等待落盘多久",
            "how long a reply waits for the disk at most",
            unit="seconds",
        ),
    ] = 2.0
    store: Annotated[
        Secret | None,
        Meta(
            SecretText(),
            "快照库：`sqlite:路径` 或 `postgresql://…`；缺省为数据文件夹中的 SQLite",
            "where snapshots end up: `sqlite:PATH` or `postgresql://…`; SQLite in the data folder by default",
            sample="{file: secrets/store-url}",
        ),
    ] = None
    hash: Annotated[str, Meta(Choice(("sha256", "sm3")), "链和树的散列算法", "the hash of chains and trees")] = "sha256"
    resource_keys: Annotated[
        Path | None,
        Meta(
            File(),
            "资源编号的散列密钥，一行一个 `编号 十六进制`，最后一行为现用；缺省自动生成于数据文件夹",
            "keys for hashing resource ids, `id hex` a line, the last one in use; made in the data folder by default",
            sample="secrets/resource-keys",
        ),
    ] = None
    spool_bytes: Annotated[
        int,
        Meta(
            Whole(16 * _MIB, 1 << 42),
            "本机待运送快照的上限",
            "bound of the snapshots that wait on this machine",
            unit="bytes",
        ),
    ] = 4 << 30
    second_spool: Annotated[
        Path | None,
        Meta(
            File(folder=True, exists=False),
            "第一处写不进时改写的文件夹，宜在另一块盘上",
            "where to write when the first place fails or fills up; best on another disk",
            sample="/mnt/second/spool",
        ),
    ] = None
    checkpoint_seconds: Annotated[
        float, Meta(Number(0.1, 3600), "多久签署一次检查点", "how often a checkpoint is signed", unit="seconds")
    ] = 10.0
    shipper_nice: Annotated[
        int,
        Meta(
            Whole(0, 19),
            "搬运进程让路的程度（nice 值）：0 与裁决进程平等，19 只在处理器有空时搬运，其间记录留在本机",
            "how far the process that carries snapshots into the store steps back (its nice value): 0 for not at "
            "all, 19 to carry while a processor is free; until then they wait on this machine",
        ),
    ] = 10
    checkpoint_copy: Annotated[
        Path | None,
        Meta(
            File(folder=True, exists=False),
            "检查点的第二处存放，应在数据库管理员够不到的地方",
            "a second place for checkpoints, out of reach of the database's administrator",
            sample="/mnt/evidence",
        ),
    ] = None
    checkpoint_command: Annotated[
        str | None,
        Meta(
            Text("命令", "a command"),
            "每个检查点从标准输入传给此命令",
            "a command that gets each checkpoint on its standard input",
            sample="/usr/local/bin/keep-checkpoint",
        ),
    ] = None
    retention_shown: Annotated[
        str,
        Meta(
            Choice(("short", "medium", "long")),
            "有字段明文显示的裁决的保存类别",
            "how long decisions that show something in clear are kept",
        ),
    ] = "long"
    retention_masked: Annotated[
        str,
        Meta(
            Choice(("short", "medium", "long")),
            "全部屏蔽的裁决的保存类别",
            "how long decisions that show nothing in clear are kept",
        ),
    ] = "medium"
    short_days: Annotated[int, Meta(Whole(1, 36500), "类别 `short`", "retention class `short`", unit="days")] = 90
    medium_days: Annotated[int, Meta(Whole(1, 36500), "类别 `medium`", "retention class `medium`", unit="days")] = 183
    long_days: Annotated[int, Meta(Whole(1, 36500), "类别 `long`", "retention class `long`", unit="days")] = 1827


@dataclass(frozen=True, slots=True)
class Control:
    """The control store: what is in force, and where the other nodes of a cluster are."""

    store: Annotated[
        Secret | None,
        Meta(
            SecretText(),
            "控制库：`sqlite:绝对路径`，或 `etcd://主机:端口,主机:端口/前缀/`；缺省为数据文件夹中的 SQLite",
            "the control store: `sqlite:` and an absolute path, or `etcd://HOST:PORT,HOST:PORT/PREFIX/`; "
            "SQLite in the data folder by default",
            sample="{file: secrets/control-url}",
        ),
    ] = None
    ca: Annotated[
        Path | None,
        Meta(
            File(),
            "签发 etcd 成员证书的 CA（PEM）",
            "the authorities that issue the certificates of etcd's members (PEM)",
            sample="tls/etcd-ca.pem",
        ),
    ] = None
    certificate: Annotated[
        Path | None,
        Meta(
            File(),
            "本节点访问 etcd 的证书链（PEM）",
            "the certificate chain that this node shows to etcd (PEM)",
            sample="tls/node.pem",
        ),
    ] = None
    key: Annotated[Path | None, Meta(File(), "其私钥（PEM）", "its private key (PEM)", sample="tls/node.key")] = None
    insecure: Annotated[
        bool,
        Meta(
            Flag(),
            "允许以明文访问其他机器上的 etcd",
            "allow plain text to an etcd on other machines",
        ),
    ] = False
    trust: Annotated[
        Path | None,
        Meta(
            File(either=True),
            "可签署版本的公钥：一个 PEM 文件，或装有 `.pub`、`.pem` 文件的文件夹；缺省为本节点自己的密钥",
            "the public keys by which revisions may be signed: a PEM file, or a folder of `.pub` and `.pem` files; "
            "this node's own by default",
            sample="trust",
        ),
    ] = None
    signing_key: Annotated[
        Path | None,
        Meta(
            File(),
            "发布用的签名私钥（Ed25519，PEM），只放在用来发布的节点上；SQLite 缺省时自动生成于数据文件夹",
            "the key that revisions are signed by (Ed25519, PEM), only on nodes that publish; made in the data folder "
            "by default when the store is SQLite",
            sample="secrets/publish.key",
        ),
    ] = None
    secret_key: Annotated[
        Path | None,
        Meta(
            File(),
            "封存一次性口令密钥的钥匙：64 个十六进制数字，各节点相同；SQLite 缺省时自动生成于数据文件夹",
            "the key that seals the secrets of one-time codes, 64 hexadecimal digits, the same on all nodes; made in "
            "the data folder by default when the store is SQLite",
            sample="secrets/control-key",
        ),
    ] = None
    callers: Annotated[
        bool,
        Meta(
            Flag(),
            "由管理人员管理的调用方可以调用；为真且无 `callers` 文件时，其他任何系统都不能调用",
            "the callers that staff manage may call; with it, and without a `callers` file, nobody else may",
        ),
    ] = False
    labels: Annotated[
        str | None,
        Meta(
            Text("`名=值,名=值`", "`NAME=VALUE,NAME=VALUE`"),
            "本节点的标签，灰度发布据此选择节点",
            "the labels of this node, by which a rollout chooses nodes",
            sample="zone=a,ring=canary",
        ),
    ] = None
    stale_seconds: Annotated[
        float,
        Meta(
            Number(1, 86400),
            "控制库失联多久后告警，并在应答中说明；节点照常裁决",
            "after how long without the control store a node alarms and says so in its answers; it goes on deciding",
            unit="seconds",
        ),
    ] = 60.0
    poll_seconds: Annotated[
        float,
        Meta(
            Number(0.05, 60),
            "若控制库的通知丢失，多久查看一次当前版本",
            "how often to look at what is in force, should the store's notice be lost",
            unit="seconds",
        ),
    ] = 1.0
    lease_seconds: Annotated[
        int,
        Meta(
            Whole(2, 3600),
            "节点无音讯多久后视为失联",
            "how long after its last word a node counts as lost",
            unit="seconds",
        ),
    ] = 10
