"""The settings of what is unusual about sign-ins, as `pdp.server.settings` holds them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

from pdp.control.accounts.travel import PlaceTable
from pdp.control.accounts.unusual import USUAL_ACTIONS, Action, AnomalyRules, Class, class_word
from pdp.errors import ConfigError
from pdp.lang.diagnostics import Severity, render_text
from pdp.lang.loader import load_places
from pdp.server.config.kinds import Choice, File, Whole
from pdp.server.config.meta import Meta
from pdp.v1 import anomaly_pb2

_ACTIONS: Final = Choice(("record", "flag", "lock"))
_ACTION_OF: Final[Mapping[str, Action]] = {
    "record": anomaly_pb2.ANOMALY_ACTION_RECORD,
    "flag": anomaly_pb2.ANOMALY_ACTION_FLAG,
    "lock": anomaly_pb2.ANOMALY_ACTION_LOCK,
}
_CLASSES: Final[Mapping[str, Class]] = {class_word(kind): kind for kind in USUAL_ACTIONS}


@dataclass(frozen=True, slots=True)
class Anomalies:
    """What is unusual, and what is done about it."""

    new_device: Annotated[
        str,
        Meta(
            _ACTIONS,
            "账户未用过的设备：`record` 只记录，`flag` 另等待复核，`lock` 另锁定账户直至复核",
            "a device new to the account: `record` it, `flag` it for a review, or `lock` the account until then",
        ),
    ] = "flag"
    new_network: Annotated[
        str, Meta(_ACTIONS, "账户近来未用过的网络（/24，IPv6 为 /48）", "a network new to it (/24, or /48 of IPv6)")
    ] = "record"
    odd_hour: Annotated[
        str,
        Meta(
            _ACTIONS,
            "通常时段之外；对自有时段的账户不计",
            "an hour outside the usual ones; not of accounts with windows of their own",
        ),
    ] = "record"
    many_failures: Annotated[
        str,
        Meta(
            _ACTIONS,
            "连续失败 6 次及此后每 3 次，或失败 3 次之后登录；`lock` 使任何知道名称的人都能锁定账户",
            "six failures in a row and every three after, or a sign-in after three; with `lock` whoever knows a name "
            "can lock its owner out",
        ),
    ] = "flag"
    impossible_travel: Annotated[
        str,
        Meta(
            _ACTIONS,
            "两地之间不可能的行程；须有 `places`",
            "two places that nobody travels between in that time; needs `places`",
        ),
    ] = "flag"
    unused_account: Annotated[
        str, Meta(_ACTIONS, "久未使用的账户登录", "a sign-in to an account that was long unused")
    ] = "flag"
    usual_from: Annotated[
        int, Meta(Whole(0, 23), "通常时段从几点起（服务器时区）", "the first usual hour, in the server's time zone")
    ] = 6
    usual_to: Annotated[
        int, Meta(Whole(0, 24), "到几点止（不含）；小于起点则跨午夜", "until before this hour; over midnight when less")
    ] = 22
    unused_days: Annotated[
        int, Meta(Whole(0, 3650), "多久未用为久未使用；`0` 不计", "how long is long unused; `0`: never", unit="days")
    ] = 90
    travel_kmh: Annotated[
        int,
        Meta(
            Whole(50, 10_000),
            "行程的最高时速；100 公里以内不计",
            "the fastest that anybody travels; within 100 km nothing is impossible",
            unit="km/h",
        ),
    ] = 900
    places: Annotated[
        Path | None,
        Meta(
            File(),
            "网络所在城市与坐标：`Places` 类型的 YAML 文件；启动时读取",
            "where networks are, by city and coordinates: a YAML file of kind `Places`, read at the start",
            sample="places.yaml",
        ),
    ] = None
    keep_days: Annotated[
        int,
        Meta(
            Whole(1, 3650),
            "已复核的异常在控制库中保留多久；操作记录另行保存",
            "how long reviewed anomalies stay in the control store; the record of operations is kept besides",
            unit="days",
        ),
    ] = 180

    def rules(self) -> AnomalyRules:
        """Return them as accounts want them. Raises ConfigError for places that cannot be used."""
        return AnomalyRules(
            {kind: _ACTION_OF[getattr(self, name)] for name, kind in _CLASSES.items()},
            self.usual_from, self.usual_to, self.unused_days, self.travel_kmh,
            None if self.places is None else read_places(self.places),
        )  # fmt: skip


def read_places(path: Path) -> PlaceTable:
    """Return the table in a places file. Raises ConfigError with everything that is wrong with it."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read the places file `{path}`: {error}") from error
    specs, diagnostics = load_places(path.name, text)
    if diagnostics.has_errors:
        errors = [render_text(item, {}) for item in diagnostics.sorted() if item.severity is Severity.ERROR]
        raise ConfigError(f"the places file `{path}` has errors:\n" + "\n".join(errors[:20]))
    return PlaceTable.of(specs)
