"""The settings of what a SIEM is told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

from pdp.errors import ConfigError, ValueFormatError
from pdp.lang.loader.nodes import Node
from pdp.lang.loader.reader import Reader
from pdp.server.config.kinds import Choice, File, Flag, Number, Text, Whole
from pdp.server.config.meta import Meta
from pdp.server.siem.address import FACILITIES, FORMS, TCP, TLS, CollectorAddress, parse_collector

DOCUMENTATION_ENTERPRISE: Final = 32473
"""The number that RFC 5612 keeps for examples."""
_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Collector:
    """The address of a collector of syslog."""

    @property
    def forms(self) -> tuple[str, str]:
        """What may be written."""
        shapes = [f"`{form}`" for form in FORMS]
        return "、".join(shapes), f"{', '.join(shapes[:-1])} or {shapes[-1]}"

    def parse(self, text: str) -> CollectorAddress:
        """Return the address of a text. Raises ValueFormatError."""
        try:
            return parse_collector(text)
        except ConfigError as error:
            raise ValueFormatError(str(error)) from error

    def read(self, reader: Reader, node: Node, what: str) -> CollectorAddress | None:
        """Return the value of a node; None, reported, for anything else."""
        text = reader.text(node, what)
        if text is None:
            return None
        try:
            return self.parse(text)
        except ValueFormatError as error:
            reader.error("bad-value", f"{what}: {error}", node)
            return None

    def plain(self, value: CollectorAddress | None) -> str | None:
        """Return the text."""
        return None if value is None else str(value)


@dataclass(frozen=True, slots=True)
class Siem:
    """What a SIEM is told, and where it listens; nothing without `syslog` and `file`."""

    syslog: Annotated[
        CollectorAddress | None,
        Meta(
            Collector(),
            "syslog 收集器（RFC 5424、RFC 5425）；`tls` 缺省端口 6514，`tcp` 缺省 601",
            "the collector of syslog (RFC 5424, RFC 5425); port 6514 by default with `tls`, 601 with `tcp`",
            sample="tls://siem.bank.example:6514",
        ),
    ] = None
    ca: Annotated[
        Path | None,
        Meta(
            File(),
            "签发收集器证书的 CA（PEM）；缺省为系统信任的 CA",
            "the authorities that issue the collector's certificate (PEM); those of the system by default",
            sample="tls/siem-ca.pem",
        ),
    ] = None
    certificate: Annotated[
        Path | None,
        Meta(
            File(),
            "向收集器出示的证书链（PEM）",
            "the certificate chain that is shown to the collector (PEM)",
            sample="tls/node.pem",
        ),
    ] = None
    key: Annotated[Path | None, Meta(File(), "其私钥（PEM）", "its private key (PEM)", sample="tls/node.key")] = None
    server_name: Annotated[
        str | None,
        Meta(
            Text("名称", "a name"),
            "收集器证书上的名称；缺省为地址中的主机",
            "the name in the collector's certificate; the host of the address by default",
            sample="siem.bank.example",
        ),
    ] = None
    insecure: Annotated[
        bool,
        Meta(
            Flag(),
            "允许以明文向其他机器发送",
            "allow plain text to other machines",
        ),
    ] = False
    facility: Annotated[str, Meta(Choice(tuple(FACILITIES)), "syslog 的 facility", "the facility of syslog")] = "audit"
    enterprise: Annotated[
        int,
        Meta(
            Whole(1, 2**32 - 1),
            "结构化数据名称中的企业编号；默认为 RFC 5612 的示例编号",
            "the enterprise number in the names of structured data; by default that of examples (RFC 5612)",
        ),
    ] = DOCUMENTATION_ENTERPRISE
    file: Annotated[
        Path | None,
        Meta(
            File(exists=False),
            "每行一个 JSON 事件的文件，供日志代理读取",
            "a file of one event a line in JSON, for an agent that reads files",
            sample="/var/log/jingxi/events.jsonl",
        ),
    ] = None
    file_bytes: Annotated[
        int,
        Meta(
            Whole(4096, 1 << 40),
            "文件达到此大小后轮换",
            "the size beyond which the file is rotated",
            unit="bytes",
        ),
    ] = 64 * _MIB
    files: Annotated[
        int,
        Meta(
            Whole(1, 1000),
            "保留多少个轮换后的文件",
            "how many rotated files are kept",
        ),
    ] = 8
    decisions: Annotated[
        str,
        Meta(
            Choice(("off", "high", "medium", "low", "all")),
            "发送哪些裁决：`high` 明文显示了 C3，`medium` C2 及以上，`low` C1 及以上，`all` 全部，`off` 不发送",
            "which decisions are told: `high` those that showed C3 in clear, `medium` C2 and above, `low` C1 and "
            "above, `all`, or `off` for none",
        ),
    ] = "high"
    nodes: Annotated[
        str,
        Meta(
            Choice(("own", "all")),
            "`own`：本节点的记录；`all`：快照库中所有节点的记录，集群中只在一个节点上设置",
            "`own`: the records of this node; `all`: those of every node in the store of records, for one node of a "
            "cluster",
        ),
    ] = "own"
    begin: Annotated[
        str,
        Meta(
            Choice(("now", "oldest")),
            "首次启用时从何处开始：`now` 此后的记录，`oldest` 库中最早的记录",
            "where to begin the first time: with what comes from `now` on, or with the `oldest` record in the store",
        ),
    ] = "now"
    retry_seconds: Annotated[
        float,
        Meta(
            Number(0.1, 3600),
            "收集器不可用时，重试间隔的上限",
            "the longest pause between tries while the collector is away",
            unit="seconds",
        ),
    ] = 30.0

    @property
    def is_on(self) -> bool:
        """Whether anything is told."""
        return self.syslog is not None or self.file is not None


def siem_problems(siem: Siem, *, kept: bool) -> Iterator[tuple[str, str]]:
    """Yield the settings that do not go with others, each with what to do; `kept` when anything is recorded."""
    address = siem.syslog
    if siem.is_on and not kept:
        yield (
            "siem.file" if address is None else "siem.syslog",
            "a SIEM is told of what is recorded, and nothing is: leave `audit.durability` on, or leave `siem` out",
        )
    if address is not None and address.scheme == TCP and not address.is_local and not siem.insecure:
        yield (
            "siem.syslog",
            (
                f"`{address}` is another machine, and what is sent there in plain text anybody between can read and "
                f"change; write `tls://{address.host}`, or set `siem.insecure: true`"
            ),
        )
    if (siem.certificate is None) != (siem.key is None):
        there, missing = ("certificate", "key") if siem.key is None else ("key", "certificate")
        yield f"siem.{there}", f"`siem.{there}` needs `siem.{missing}` too"
    for name in ("ca", "certificate", "key", "server_name"):
        if getattr(siem, name) is not None and (address is None or address.scheme != TLS):
            yield f"siem.{name}", f"`siem.{name}` is for a collector with TLS; set `siem.syslog: tls://HOST:PORT`"
