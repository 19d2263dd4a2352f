"""Starts the decision service on the sample bank and shows what employees see of the same messages.

Run it by `make demo`, or as `python clients/python/examples/demo.py [--lang zh|en|both] [--json [FILE]]`. What it shows
stands in `demo_scenes.py`. The exit code is 0 when all of it came out, else 1, with a message on stderr.
"""

from __future__ import annotations

import argparse
import dataclasses
import io
import itertools
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import demo_records
import grpc
from demo_labels import Labels
from demo_scenes import EVENING, MORNING, SCENES, Approval, Grant, Scene, View
from demo_service import Service, ServiceError
from demo_staff import Person, Staff, snapshots_here, write_certificate
from demo_tables import Cell, Look, Shown, Writer, cell, value_at
from rich.console import Console

from jingxi_client import Action, Client, JingxiError, Masked, Text
from jingxi_client._gen.pdp.v1 import account_pb2

# Three seconds at first, 48 at last.
_TURNS = 5
POLICIES = Path(__file__).parents[3] / "policies"


@dataclasses.dataclass(frozen=True)
class _Approved:
    """A grant that was given, from which state of grants on it counts, and when it ends by `time.monotonic`."""

    id: str = ""
    revision: int = 0
    ends: float = 0.0
    over: Text | None = None


class StoryError(Exception):
    """Something came out otherwise than a scene promises."""


class Bank:
    """The sample bank: a service that believes it is ten in the morning, one that it is half past six, and clients.

    Both follow one grants file, as a branch without a staff port would; people sign in at the morning's.
    """

    def __init__(self, stack: ExitStack) -> None:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="jingxi-demo-")))
        self._labels = Labels(POLICIES)
        self._file = folder / "grants.yaml"
        self._grants: list[Grant] = []
        self._write_grants()
        certificate, key = write_certificate(folder)
        clocks = {"morning": (MORNING, (certificate, key)), "evening": (EVENING, None)}
        # Both start before either is waited for.
        self.services = [
            stack.enter_context(Service(POLICIES, self._file, clock, folder / f"{name}.json", staff))
            for name, (clock, staff) in clocks.items()
        ]
        self.services[0].ready()
        self._staff = stack.enter_context(Staff(self.services[0].staff_address, certificate.read_bytes()))
        # Passwords take their time by design: people sign in while the other service starts and others ask.
        threads = stack.enter_context(ThreadPoolExecutor(1))
        approvals = (view.approval for scene in SCENES for view in scene.views if view.approval is not None)
        self._people = threads.submit(self._hire, next(approvals))
        self.services[1].ready()
        self.asked = [0] * len(self.services)
        self._approved = _Approved()
        self._clients = [stack.enter_context(Client(service.address, deadline=30)) for service in self.services]

    def play(self, scene: Scene) -> Shown:
        """Ask as the scene says and return what came back. Raises JingxiError, ServiceError and StoryError."""
        sample = POLICIES / "samples" / scene.sample
        message = json.loads(sample.read_text(encoding="utf-8"))
        looks = tuple(self._look(scene, view, message, chr(ord("A") + i)) for i, view in enumerate(scene.views))
        columns = tuple(self._labels.field(column.field) for column in scene.columns)
        listed = enumerate(value_at(message, scene.each), 1) if scene.each else ()
        items = tuple(f"{number} {item[scene.item]}" for number, item in listed) or ("",)
        return Shown(scene.requirements, scene.title, sample.name, columns, items, looks)

    def _look(self, scene: Scene, view: View, message: Any, letter: str) -> Look:
        if view.given is not None:
            self._give(view.given)
        if view.approval is not None:
            masked = self._approved_look(scene, view, view.approval, message)
        elif view.over:
            # Its time is the service's, which nobody can hurry.
            time.sleep(max(self._approved.ends - time.monotonic(), 0.0))
            masked = self._mask(scene, view, message, (self._approved.id,))
        else:
            masked = self._mask(scene, view, message, view.grant_ids)
        decisions = [part.decision for part in masked.decisions if part.decision]
        verdicts = [verdict for decision in decisions for verdict in decision.verdicts]
        items = tuple(_cells(scene, item, message, masked) for item in _items(scene, message))
        for found in itertools.chain.from_iterable(items if view.clear is not None else ()):
            if found.masked == (found.field in (view.clear or ())):
                says = (
                    f"{scene.requirements}, look {letter}: `{found.field}` came out otherwise than the scene promises"
                )
                raise StoryError(f"{says}; have the policies in {POLICIES} changed?")
        told = [f"{d.subject}: {d.message}" for decision in decisions for d in decision.diagnostics]
        return Look(
            letter=letter,
            person=view.subject.id,
            where=self._where(scene, view),
            items=items,
            fields=len(verdicts),
            masked=sum(not verdict.unmasked for verdict in verdicts),
            obligations=masked.obligations,
            diagnostics=tuple(dict.fromkeys([*told, *masked.problems])),
            event=self._event(view),
            decisions=tuple(dict.fromkeys(decision.decision_id for decision in decisions)),
        )

    def _mask(
        self, scene: Scene, view: View, message: Any, grant_ids: Sequence[str], grant_revision: int = 0
    ) -> Masked:  # fmt: skip
        masked = self._clients[view.evening].mask(
            message, application=scene.application, name=scene.message, subject=view.subject,
            action=Action(view.action), context=view.context, grant_ids=grant_ids, min_grant_revision=grant_revision,
        )  # fmt: skip
        self.asked[view.evening] += sum(part.decision is not None for part in masked.decisions)
        return masked

    def _approved_look(self, scene: Scene, view: View, approval: Approval, message: Any) -> Masked:
        """Look while an approval holds; on a machine that is too busy to do so in time, with more time."""
        people = self._people.result()
        for seconds in (approval.seconds * 2**turn for turn in range(_TURNS)):
            self._approved = self._approve(approval, people, seconds)
            masked = self._mask(scene, view, message, (self._approved.id,), self._approved.revision)
            told = {d.subject for part in masked.decisions if part.decision for d in part.decision.diagnostics}
            if self._approved.id not in told:
                break
        return masked

    def _event(self, view: View) -> Text | None:
        if view.approval is not None:
            return view.approval.given
        if view.over:
            return self._approved.over
        return view.given.title if view.given else None

    def _hire(self, approval: Approval) -> tuple[Person, Person]:
        """Have two people sign in who each have one right: to ask, and to approve."""
        staff = self._staff
        admins = staff.found(self.services[0].first_token)
        ask, approve = account_pb2.PERMISSION_GRANT_ASK, account_pb2.PERMISSION_GRANT_APPROVE
        with ThreadPoolExecutor(1) as threads:
            asker = threads.submit(staff.hire, approval.asker, ask, approval.branch, admins)
            approver = staff.hire(approval.approver, approve, approval.branch, admins, approval.level)
            return asker.result(), approver

    def _approve(self, approval: Approval, people: tuple[Person, Person], seconds: int) -> _Approved:
        """Have one ask and the other approve. Raises StoryError when the asker may approve too."""
        staff, (asker, approver) = self._staff, people
        grant_id = staff.ask(asker, branch=approval.branch, seconds=seconds, **approval.wanted)
        if staff.may_approve(asker, grant_id):
            raise StoryError(f"`{asker.name}` could approve what they asked for themselves")
        revision = staff.approve(approver, grant_id, approval.reason)
        return _Approved(grant_id, revision, time.monotonic() + seconds, approval.over)

    def _where(self, scene: Scene, view: View) -> Text:
        """Return role and menu, and what else tells the looks of the scene apart."""
        facts = [self._labels.value("subject.roles", view.subject.roles[0])]
        for name in ("menu", *scene.differs):
            time = (EVENING if view.evening else MORNING)[11:16]
            facts.append(
                Text(time, time) if name == "time" else self._labels.value(f"context.{name}", view.context[name])
            )
        return Text(" · ".join(fact.zh for fact in facts), " · ".join(fact.en for fact in facts))

    def recorded(
        self, languages: Sequence[str]
    ) -> tuple[Text, tuple[demo_records.Record, ...], Mapping[str, demo_records.Record]]:
        """Stop the services; return what they recorded in words, in these languages alone, the newest of it, and the
        morning's by decision.

        Raises ServiceError.
        """
        evening = self.services[1].data
        _, head = self._people.result()
        found = [
            demo_records.read(lambda condition: self._staff.snapshots(head, condition), self.asked[0]),
            demo_records.read(lambda condition: snapshots_here(evening, condition), self.asked[1]),
        ]
        self._staff.close()
        # Whoever is still connected when a service stops is told so on stderr.
        for client in self._clients:
            client.close()
        for service in self.services:
            service.end()
        for service in self.services:
            service.stop()
        said = {"zh": "", "en": ""} | demo_records.verify([s.data for s in self.services], languages)
        decisions, flagged = sum(one.decisions for one in found), sum(one.flagged for one in found)
        zh = (
            f"{decisions} 次裁决都有快照，{flagged} 次明文显示了 C2 或 C3 字段，最近几次如上。"
            f"两个节点停止后核对：\n{said['zh']}"
        )
        en = (
            f"{decisions} decisions are recorded, {flagged} of them showed a field of C2 or C3 in clear; the newest "
            f"ones stand above. Both nodes stopped, and verified:\n{said['en']}"
        )
        return Text(zh, en), found[0].newest, found[0].by_id

    def _give(self, grant: Grant) -> None:
        self._grants.append(grant)
        self._write_grants()
        for service in self.services:
            service.wait_for("grants.accepted", count=len(self._grants))

    def _write_grants(self) -> None:
        # JSON is YAML. The file is replaced as a whole, so that the service never reads half of it.
        text = json.dumps({"kind": "Grants", "grants": [{"id": g.id, **g.entry} for g in self._grants]})
        new = self._file.with_suffix(".new")
        new.write_text(text, encoding="utf-8")
        new.replace(self._file)


def _items(scene: Scene, message: Any) -> Iterator[str]:
    """Yield the paths of the items to show; an empty one for the message itself."""
    if scene.each:
        yield from (f"{scene.each}[{index}]" for index in range(len(value_at(message, scene.each))))
    else:
        yield ""


def _cells(scene: Scene, item: str, message: Any, masked: Masked) -> tuple[Cell, ...]:
    base = f"{item}." if item else ""
    return tuple(cell(column.field, base + column.path, message, masked) for column in scene.columns)


def _heading(bank: Bank) -> Text:
    service = bank.services[0]
    short = service.policy_hash[:12]
    return Text(
        f"pdp serve 在 {service.address} 按样例银行的策略 policies/（哈希 {short}…）裁决，本进程脱敏。\n"
        "「原文」是业务系统里的报文，字母行是该员工看到的，[数字] 指向理由。\n"
        "18:30 的查看由时钟不同的第二个节点裁决。",
        f"pdp serve at {service.address} decides by the sample bank in policies/ (hash {short}…), this process\n"
        "masks. The first row is the message as it is, a lettered row what that employee sees, [n] is why.\n"
        "What is asked at 18:30 is decided by a second node with another clock.",
    )


def _summary(shown: Sequence[Shown]) -> Text:
    looks = [look for scene in shown for look in scene.looks]
    fields, masked = sum(look.fields for look in looks), sum(look.masked for look in looks)
    zh = f"{len(shown)} 个场景，{len(looks)} 次查看，裁决 {fields} 个字段值：脱敏 {masked}，展示 {fields - masked}。"
    en = f"{len(shown)} scenes, {len(looks)} looks, {fields} values decided: {masked} masked, {fields - masked} shown. "
    return Text(zh.rstrip(), en.rstrip())


def main(arguments: Sequence[str] | None = None) -> int:
    """Show everything and return the exit code."""
    parser = argparse.ArgumentParser(description="Show what employees of the sample bank see of the same messages.")
    parser.add_argument("--lang", choices=["zh", "en", "both"], default="both", help="language of titles and reasons")
    parser.add_argument("--width", type=int, default=100, help="columns to write in (default: 100)")
    parser.add_argument(
        "--json", nargs="?", const="-", metavar="FILE",
        help="write data instead of tables; with FILE the data go there, and the tables are written too",
    )  # fmt: skip
    options = parser.parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8")
    quiet = io.StringIO() if options.json == "-" else sys.stdout
    out = Writer(Console(file=quiet, width=options.width, highlight=False, markup=False, emoji=False), options.lang)
    try:
        shown = _show(out)
        data = json.dumps([dataclasses.asdict(scene) for scene in shown], ensure_ascii=False, indent=2)
        if options.json == "-":
            print(data)
        elif options.json:
            Path(options.json).write_text(data, encoding="utf-8")
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader went away; without this Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except KeyboardInterrupt:
        return 130
    except grpc.RpcError as error:
        print(f"demo: the staff port answered {error.code().name}: {error.details()}", file=sys.stderr)
        return 1
    except (StoryError, ServiceError, JingxiError, OSError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    return 0


def _show(out: Writer) -> list[Shown]:
    shown: list[Shown] = []
    with ExitStack() as stack:
        bank = Bank(stack)
        out.heading(_heading(bank))
        for scene in SCENES:
            shown.append(bank.play(scene))
            out.scene(shown[-1])
        out.summary(_summary(shown))
        said, newest, kept = bank.recorded(out.languages)
        for scene, played in zip(SCENES, shown, strict=True):
            if any(view.approval for view in scene.views):
                out.trail(played, kept)
        out.records(said, newest)
    return shown


if __name__ == "__main__":
    sys.exit(main())
