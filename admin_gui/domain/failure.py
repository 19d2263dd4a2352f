"""Why something did not work, in words that say what to do next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from admin_gui.domain.say import Say, plain

_WORDS: Mapping[str, Say] = {
    "UNAVAILABLE": Say(
        "连接不上服务；恢复后会自动重试。", "The service cannot be reached; it is tried again by itself."
    ),
    "DEADLINE_EXCEEDED": Say("服务没有在规定时间内应答。", "The service did not answer in time."),
    "UNAUTHENTICATED": Say("登录已失效，请重新登录。", "You are no longer signed in; sign in again."),
    "PERMISSION_DENIED": Say("您没有此项权限。", "You do not have this right."),
    "UNIMPLEMENTED": Say("服务端没有此项功能。", "The service does not have this function."),
    "RESOURCE_EXHAUSTED": Say(
        "请求过多或过大，请稍后再试。", "There are too many requests, or it is too large; try again later."
    ),
    "INTERNAL": Say("服务端出错。", "The service failed."),
}


@dataclass(frozen=True, slots=True)
class Failure:
    """A call that failed.

    `code` is the gRPC status, `reason` the service's own (`CONFLICT`), `metadata` what it tells besides, `fields` the
    wrong places of the request with what is wrong there, `message` the service's words in English.
    """

    code: str
    message: str = ""
    reason: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    fields: tuple[tuple[str, str], ...] = ()

    @property
    def is_away(self) -> bool:
        """Whether the service is away rather than unwilling."""
        return self.code == "UNAVAILABLE" and not self.reason

    @property
    def say(self) -> Say:
        """What happened, for people."""
        if self.reason == "CONFLICT":
            who, when = self.metadata.get("actor", "?"), self.metadata.get("time", "?")
            return Say(
                f"{who} 已在 {when} 先行修改，没有覆盖任何内容。",
                f"{who} was first, at {when}; nothing was overwritten.",
            )
        words = _WORDS.get(self.code)
        return words if words is not None and (self.is_away or not self.message) else plain(self.message or self.code)

    @property
    def details(self) -> str:
        """What to copy into a report: no value of a customer is in it."""
        lines = [f"{self.code} {self.reason}".strip(), self.message]
        lines += [f"{name}: {value}" for name, value in sorted(self.metadata.items())]
        lines += [f"{place}: {problem}" for place, problem in self.fields]
        return "\n".join(line for line in lines if line)
