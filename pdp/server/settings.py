"""What the server starts with: every setting with its meaning, kind and default, judged before anything starts.

This and `config.sections` are the only definition: `config` makes of it the reader of `pdp.yaml`, the environment
variables, the flags of `pdp serve`, the reference and the annotated example.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

from pdp.control.layout import is_node_name
from pdp.engine.request import MAX_MESSAGE
from pdp.errors import ConfigError
from pdp.server import cpus
from pdp.server.address import Address, parse_address
from pdp.server.config.control_problems import control_problems
from pdp.server.config.kinds import Choice, File, Flag, Listen, Moment, Number, Secret, SecretText, Text, Whole
from pdp.server.config.meta import Group, Meta
from pdp.server.config.oidc_sections import Oidc, oidc_problems
from pdp.server.config.sections import (
    AUTO,
    MAX_CALLS,
    MAX_METADATA_BYTES,
    MAX_REPLY_BYTES,
    MAX_STREAMS,
    OFF,
    ON,
    Admin,
    Audit,
    Control,
    Limits,
    Log,
    Tls,
    Tracing,
)
from pdp.server.config.siem_sections import Siem, siem_problems
from pdp.server.config.staff_problems import staff_problems
from pdp.server.config.staff_sections import AccountSettings, Staff

__all__ = [
    "MAX_CALLS", "MAX_METADATA_BYTES", "MAX_REPLY_BYTES", "MAX_REQUEST_BYTES", "MAX_STREAMS",
    "AccountSettings", "Address", "Admin", "Audit", "Control", "Limits", "Log", "Oidc", "Settings", "Siem", "Staff",
    "Tls", "Tracing", "parse_address",
]  # fmt: skip

MAX_REQUEST_BYTES = MAX_MESSAGE
MIN_PROXY_SECRET = 32

_DECISIONS, _ADMIN = Address("127.0.0.1", 7070), Address("127.0.0.1", 7071)
_SECONDS = Number(0, 3600)


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of `pdp serve`. Raises ConfigError when they do not go together."""

    policies: Annotated[
        Path | None,
        Meta(
            File(folder=True),
            "据以裁决的策略文件夹，随其变化；缺省则按控制库中已发布的版本裁决",
            "the folder of policies to decide by and to follow; without it, what is published in the control store",
            flag="--policies",
            sample="policies",
        ),
    ] = None
    address: Annotated[
        Address,
        Meta(
            Listen(),
            "裁决端口的监听地址；端口 0 取空闲端口",
            "where the decision port listens; port 0 picks a free one",
            key="listen",
            flag="--listen",
        ),
    ] = _DECISIONS
    grants: Annotated[
        Path | None,
        Meta(
            File(),
            "请求可以引用的授权：`Grants` 类型的 YAML 文件",
            "grants that requests may name: a YAML file of kind `Grants`",
            flag="--grants",
            sample="grants.yaml",
        ),
    ] = None
    insecure: Annotated[
        bool,
        Meta(
            Flag(),
            "允许在其他机器可达的地址上使用明文或不辨识调用方",
            "allow plain text or unknown callers on an address that other machines can reach",
            flag="--insecure",
        ),
    ] = False
    reflection: Annotated[
        bool, Meta(Flag(), "提供 gRPC 反射", "serve gRPC reflection", flag="--reflection/--no-reflection")
    ] = True
    ready_file: Annotated[
        Path | None,
        Meta(
            File(exists=False),
            "开始应答后在此写入地址、版本号和进程号（JSON）",
            "write address, revision and process id here as JSON once calls are answered",
            flag="--ready-file",
            sample="/run/pdp/ready.json",
        ),
    ] = None
    drain_seconds: Annotated[
        float,
        Meta(
            _SECONDS,
            "健康检查变为 `NOT_SERVING` 后继续应答多久，让负载均衡先行避开",
            "how long to go on answering after health said `NOT_SERVING`, so that balancers turn away first",
            unit="seconds",
            flag="--drain",
        ),
    ] = 1.0
    grace_seconds: Annotated[
        float,
        Meta(
            _SECONDS,
            "此后给在途调用多少时间",
            "how long calls in flight may take after that",
            unit="seconds",
            flag="--grace",
        ),
    ] = 10.0
    poll_seconds: Annotated[
        float,
        Meta(
            Number(0.05, 3600),
            "若系统的文件事件丢失，多久查看一次文件",
            "how often to look at files, should the system's file events be lost",
            unit="seconds",
        ),
    ] = 2.0
    clock: Annotated[
        int | None,
        Meta(
            Moment(),
            "按此时刻裁决，时间由此继续走；供演示和测试",
            "decide as if it were this time now; for demonstrations and tests",
            flag="--clock",
            flag_only=True,
        ),
    ] = None
    workers: Annotated[
        int | str,
        Meta(
            Whole(1, 256, AUTO),
            "裁决进程数；`auto` 为可用处理器数",
            "decision processes; `auto` is the number of usable processors",
            flag="--workers",
        ),
    ] = AUTO
    transport: Annotated[
        str,
        Meta(
            Choice(("grpc", "native")),
            "`grpc` 功能完整；`native` 更快，只用明文，需 `jingxi[native]`",
            "`grpc` has everything; `native` is faster, plain text only, and needs `jingxi[native]`",
            flag="--transport",
        ),
    ] = "grpc"
    worker_ports: Annotated[
        bool,
        Meta(
            Flag(),
            "每个裁决进程另外监听自己的端口，供代理或客户端逐调用均衡",
            "each worker also listens on a port of its own, for balancing call by call in a proxy or client",
        ),
    ] = False
    callers: Annotated[
        Path | None,
        Meta(
            File(),
            "谁可以调用：`Callers` 类型的 YAML 文件",
            "who may call: a YAML file of kind `Callers`",
            flag="--callers",
            sample="callers.yaml",
        ),
    ] = None
    trusted_proxy: Annotated[
        Secret | None,
        Meta(
            SecretText(),
            "本机上终结 TLS 的代理出示的密钥；有此设置时只相信该代理所说的调用方身份",
            "the secret of a proxy on this machine that ends TLS; with it, callers are known by what the proxy says",
            sample="{file: secrets/proxy}",
        ),
    ] = None
    node: Annotated[
        str | None,
        Meta(
            Text("名称", "a name"),
            "本节点的名称，集群中唯一；缺省为数据文件夹首次使用时的名称，最初为主机名",
            "the name of this node, unique in a cluster; by default the one that its data folder was first used with, "
            "and that is the host's name",
            flag="--node",
            sample="node-1",
        ),
    ] = None
    data: Annotated[
        Path | None,
        Meta(
            File(folder=True, exists=False),
            "须长久保存之物（快照、密钥）的文件夹；缺省为 `$STATE_DIRECTORY`、`$XDG_STATE_HOME/jingxi` 或 "
            "`~/.local/state/jingxi`",
            "the folder for what must last (snapshots, keys); `$STATE_DIRECTORY`, `$XDG_STATE_HOME/jingxi` or "
            "`~/.local/state/jingxi` by default",
            flag="--data",
            sample="/var/lib/jingxi",
        ),
    ] = None
    audit: Annotated[Audit, Group("每次裁决的快照", "The record of every decision")] = field(default_factory=Audit)
    siem: Annotated[Siem, Group("向 SIEM 发送的安全事件", "Security events for a SIEM")] = field(default_factory=Siem)
    control: Annotated[
        Control,
        Group(
            "控制库：当前版本、草稿、历史与集群中的节点",
            "The control store: what is in force, drafts, history, and the nodes of a cluster",
        ),
    ] = field(default_factory=Control)
    staff: Annotated[Staff, Group("管理、测试、审计人员的端口", "The port of administrators, testers and auditors")] = (
        field(default_factory=Staff)
    )
    accounts: Annotated[
        AccountSettings,
        Group("登录管理端口的账户", "The accounts of people who sign in at the staff port"),
    ] = field(default_factory=AccountSettings)
    tls: Annotated[
        Tls,
        Group("裁决端口的加密；无证书则为明文", "Encryption of the decision port; plain text without a certificate"),
    ] = field(default_factory=Tls)
    admin: Annotated[Admin, Group("监控用的 HTTP 端口", "The HTTP port for monitoring")] = field(default_factory=Admin)
    log: Annotated[Log, Group("stderr 上的日志", "The log on stderr")] = field(default_factory=Log)
    limits: Annotated[Limits, Group("每个裁决进程的上限", "Bounds of each worker")] = field(default_factory=Limits)
    tracing: Annotated[
        Tracing, Group("OpenTelemetry 跟踪，需 `jingxi[otel]`", "OpenTelemetry traces; need `jingxi[otel]`")
    ] = field(default_factory=Tracing)

    @property
    def worker_count(self) -> int:
        """The number of workers to start; a socket file has room for one."""
        if isinstance(self.workers, int):
            return self.workers
        return 1 if self.address.path else cpus.usable()

    @property
    def admin_address(self) -> Address | None:
        """Where the admin port listens; None when it is off."""
        if isinstance(self.admin.address, Address):
            return self.admin.address
        if self.admin.address == OFF:
            return None
        if self.address.path:
            return _ADMIN
        if not self.address.port:
            return _ADMIN.with_port(0)
        return _ADMIN.with_port(self.address.port + self.worker_count + 1) if self.worker_ports else _ADMIN

    @property
    def node_name(self) -> str:
        """The node's name. A data folder keeps the one that it was first used with: chains are signed under it."""
        return self.node or kept_name(self.data_folder) or socket.gethostname()

    @property
    def data_folder(self) -> Path:
        """The folder for what must last."""
        if self.data is not None:
            return self.data.absolute()
        if state := os.environ.get("STATE_DIRECTORY"):
            return Path(state.partition(":")[0])
        home = os.environ.get("XDG_STATE_HOME")
        return Path(home, "jingxi") if home else Path.home() / ".local" / "state" / "jingxi"

    @property
    def store_url(self) -> str:
        """Where snapshots end up."""
        if self.audit.store is not None:
            return self.audit.store.value
        return f"sqlite:{quote(str(self.data_folder.absolute() / 'store' / 'snapshots.db'))}"

    @property
    def control_url(self) -> str:
        """Where what is in force stands."""
        if self.control.store is not None:
            return self.control.store.value
        return f"sqlite:{quote(str(self.data_folder.absolute() / 'control' / 'control.db'))}"

    @property
    def staff_address(self) -> Address | None:
        """Where the staff port listens; None when it is off."""
        if isinstance(self.staff.address, Address):
            return self.staff.address
        return None if self.staff.address == OFF else Address("", 0, str(self.data_folder / "staff.sock"))

    @property
    def knows_callers(self) -> bool:
        """Whether calls are judged by who makes them."""
        return self.callers is not None or self.control.callers

    @property
    def signs_in(self) -> bool:
        """Whether people sign in at the staff port."""
        staff = self.staff_address
        return staff is not None and (self.staff.accounts == ON or not staff.path)

    @property
    def keeps(self) -> bool:
        """Whether anything is kept: a folder alone, with neither snapshots nor the staff port, is just followed."""
        return (
            self.audit.durability != OFF
            or self.staff_address is not None
            or self.policies is None
            or self.control.store is not None
            or self.control.callers
        )

    def __post_init__(self) -> None:
        problems = list(self._problems())
        if problems:
            raise ConfigError("; ".join(message for _, message in problems), problems)

    def _problems(self) -> Iterator[tuple[str, str]]:
        """Yield the settings that do not go with others, each with what to do."""
        yield from self._tls_problems()
        yield from self._proxy_problems()
        if self.node is not None and not is_node_name(self.node):
            yield "node", "the name of a node is printable and has at most 255 bytes; give it a shorter one by `node`"
        yield from control_problems(self.control, follows=self.policies is not None)
        yield from siem_problems(self.siem, kept=self.keeps)
        yield from staff_problems(self.staff, self.staff_address, self.control, signs_in=self.signs_in)
        yield from oidc_problems(self.accounts.oidc)
        if not self.address.is_local:
            yield from self._open_problems()
        admin = self.admin_address
        if admin is not None and not admin.is_local and not self.admin.insecure:
            yield (
                "admin.listen",
                (
                    f"the admin address `{admin}` can be reached from other machines, which could then read the "
                    "metrics; listen on a loopback address such as `127.0.0.1:7071`, or set `admin.insecure: true`"
                ),
            )
        if self.address.path and self.worker_count > 1:
            yield (
                "workers",
                f"`{self.address}` can be served by one worker alone; set `workers: 1`, or listen on a host and port",
            )
        if self.worker_ports and self.address.path:
            yield "worker_ports", f"`worker_ports` needs a host and port, and `listen` is `{self.address}`"
        elif self.worker_ports and admin is not None and self.address.port:
            first, last = self.address.port + 1, self.address.port + self.worker_count
            if first <= admin.port <= last:
                yield (
                    "admin.listen",
                    (
                        f"with `worker_ports` the workers take the ports {first} to {last}, and the admin address "
                        f"`{admin}` is among them; choose another for `admin.listen` or `listen`"
                    ),
                )

    def _open_problems(self) -> Iterator[tuple[str, str]]:
        # Not even with `insecure`: whoever can set the time can bring expired grants back to life.
        if self.clock is not None:
            yield (
                "clock",
                (
                    f"`--clock` is for demonstrations and tests, and `{self.address}` can be reached from other "
                    "machines; listen on a loopback address such as `127.0.0.1:7070`, or leave `--clock` out"
                ),
            )
        if self.insecure:
            return
        if self.tls.certificate is None:
            yield (
                "listen",
                (
                    f"`{self.address}` can be reached from other machines and there is no TLS; listen on a loopback "
                    "address such as `127.0.0.1:7070` behind a TLS proxy, set `tls.certificate` and `tls.key`, "
                    "or pass `--insecure` to accept plain text"
                ),
            )
        elif not self.knows_callers and not self.tls.require_client_certificate:
            yield (
                "listen",
                (
                    f"`{self.address}` can be reached from other machines and anybody may call; name the callers in a "
                    "file (`callers`) or have staff manage them (`control.callers`), set "
                    "`tls.require_client_certificate`, or pass `--insecure` to answer anybody"
                ),
            )

    def _proxy_problems(self) -> Iterator[tuple[str, str]]:
        if self.trusted_proxy is None:
            return
        secret = self.trusted_proxy.value
        if len(secret) < MIN_PROXY_SECRET or not secret.isascii() or len(secret.split()) != 1:
            yield (
                "trusted_proxy",
                (
                    f"the secret of `trusted_proxy` must be one word of at least {MIN_PROXY_SECRET} ASCII characters; "
                    "make it with `openssl rand -hex 32`"
                ),
            )
        if not self.knows_callers:
            yield "trusted_proxy", "`trusted_proxy` tells who calls, and without `callers` that means nothing"
        if not self.address.is_local:
            yield (
                "trusted_proxy",
                (
                    "a proxy is believed on this machine only; listen on a loopback address such as "
                    "`127.0.0.1:7070`, or leave `trusted_proxy` out"
                ),
            )

    def _tls_problems(self) -> Iterator[tuple[str, str]]:
        tls = self.tls
        if (tls.certificate is None) != (tls.key is None):
            there, missing = ("certificate", "key") if tls.key is None else ("key", "certificate")
            yield f"tls.{there}", f"`tls.{there}` needs `tls.{missing}` too"
        if tls.client_ca is not None and tls.certificate is None:
            yield "tls.client_ca", "`tls.client_ca` needs `tls.certificate` and `tls.key` too"
        if tls.require_client_certificate and tls.client_ca is None:
            yield (
                "tls.require_client_certificate",
                ("`tls.require_client_certificate` needs `tls.client_ca`, the authorities to judge certificates by"),
            )
        if tls.certificate is not None and self.transport == "native":
            yield (
                "transport",
                (
                    "the `native` transport has no TLS; leave `tls` out and listen on a loopback address behind a TLS "
                    "proxy, or choose `transport: grpc`"
                ),
            )


NODE_FILE = "node"
"""In the data folder: the name that it was first used with."""


def kept_name(data_folder: Path) -> str:
    """Return the name of the node whose data folder this is; empty when it is nobody's yet."""
    try:
        return (data_folder / NODE_FILE).read_text(encoding="utf-8").strip()
    except OSError:
        return ""
