"""The settings of the staff port and of the accounts of people, as `pdp.server.settings` holds them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from pdp.server.address import Address
from pdp.server.config.anomaly_sections import Anomalies
from pdp.server.config.kinds import Choice, File, Flag, Listen, Whole
from pdp.server.config.meta import Group, Meta
from pdp.server.config.oidc_sections import Oidc
from pdp.server.config.sections import AUTO, OFF, ON


@dataclass(frozen=True, slots=True)
class Staff:
    """The port of administrators, testers and auditors."""

    address: Annotated[
        Address | str,
        Meta(
            Listen((AUTO, OFF)),
            "监听地址；`auto` 为数据文件夹中的套接字文件，只有同一用户可用；`off` 不开启",
            "where it listens; `auto` is a socket file in the data folder, "
            "which only the same user can use; `off` opens none",
            key="listen",
            flag="--staff",
        ),
    ] = AUTO
    accounts: Annotated[
        str,
        Meta(
            Choice((AUTO, ON)),
            "谁须登录：`auto` 在套接字文件上无须登录（能打开它的只有服务的用户），在网络地址上须登录；`on` 处处须登录",
            "who must sign in: with `auto` nobody on a socket file, which only the service's user can open, and "
            "everybody on a network address; with `on` everybody everywhere",
        ),
    ] = AUTO
    certificate: Annotated[
        Path | None,
        Meta(
            File(),
            "此端口的证书链（PEM）；其他机器可达的地址必须有",
            "this port's certificate chain (PEM); an address that other machines can reach must have one",
            sample="tls/staff.pem",
        ),
    ] = None
    key: Annotated[Path | None, Meta(File(), "其私钥（PEM）", "its private key (PEM)", sample="tls/staff.key")] = None
    client_ca: Annotated[
        Path | None,
        Meta(
            File(),
            "签发人员证书的 CA（PEM）；设置后每个连接都须出示证书，账户登记的证书可作第二因素",
            "the authorities that issue people's certificates (PEM); with it every connection must show one, and those "
            "that an account names count as its second factor",
            sample="tls/staff-clients.pem",
        ),
    ] = None


@dataclass(frozen=True, slots=True)
class AccountSettings:
    """What the accounts of people must keep to."""

    second_factor: Annotated[bool, Meta(Flag(), "每个账户都须有第二因素", "every account needs a second factor")] = True
    password_length: Annotated[
        int, Meta(Whole(8, 64), "口令的最短长度", "the least length of a password", unit="characters")
    ] = 12
    password_classes: Annotated[
        int,
        Meta(
            Whole(1, 4),
            "口令须含大写字母、小写字母、数字、其他字符中的几种",
            "how many of upper-case letters, lower-case letters, digits and other characters a password must have",
        ),
    ] = 4
    password_history: Annotated[
        int, Meta(Whole(0, 24), "不得重复最近几个口令", "how many earlier passwords must not come again")
    ] = 5
    password_days: Annotated[
        int,
        Meta(
            Whole(0, 3650),
            "口令多久后须更换；`0` 不强制，NIST SP 800-63B 不建议定期更换",
            "after how long a password must be changed; `0`: never, for NIST SP 800-63B advises against it",
            unit="days",
        ),
    ] = 0
    session_seconds: Annotated[
        int, Meta(Whole(300, 86_400), "会话最长多久", "how long a session lasts at most", unit="seconds")
    ] = 28_800
    idle_seconds: Annotated[
        int,
        Meta(Whole(120, 86_400), "会话闲置多久后结束", "how long a session lasts without being used", unit="seconds"),
    ] = 1_800
    address_failures: Annotated[
        int,
        Meta(
            Whole(0, 10_000),
            "同一网络地址十分钟内允许多少次登录失败，超过者须等待；每个节点各自计数；`0` 不限",
            "how many sign-ins from one network address may fail in ten minutes, before it has to wait; each node "
            "counts for itself; `0`: any number",
        ),
    ] = 30
    review_days: Annotated[
        int,
        Meta(
            Whole(0, 3650),
            "账户的权限多久须由他人复核确认一次；`0` 不要求",
            "how often somebody else must confirm what an account may do; `0`: never",
            unit="days",
        ),
    ] = 90
    review_overdue: Annotated[
        str,
        Meta(
            Choice(("tell", "limit")),
            "权限逾期未复核时：`tell` 仅在状态与指标中提示，`limit` 另使该账户在确认之前只能读取与更换自己的口令；"
            "无人可确认时不限制",
            "what happens when nobody did: `tell` it in status and metrics, or `limit` the account too, which then may "
            "only read and change its own password until somebody does; nobody is limited whom nobody could confirm",
        ),
    ] = "tell"
    anomalies: Annotated[
        Anomalies,
        Group("登录中的异常及其处置", "What is unusual about sign-ins, and what is done about it"),
    ] = field(default_factory=Anomalies)
    oidc: Annotated[
        Oidc,
        Group(
            "人员单点登录所用的 OpenID 身份提供方；缺省只用口令登录",
            "The OpenID provider that people sign in at; without one they sign in by passwords alone",
        ),
    ] = field(default_factory=Oidc)
