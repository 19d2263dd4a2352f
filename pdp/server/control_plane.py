"""The server's side of the control plane: the store, the keys, the agent of this node, and what the staff may ask."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from pdp import __version__
from pdp.control import tasks
from pdp.control.accounts import Accounts
from pdp.control.callers import CallerDesk
from pdp.control.callers.book import USED_EVERY
from pdp.control.callers.following import CallerFollower
from pdp.control.callers.last_known import LastKnown
from pdp.control.grants.desk import GrantDesk
from pdp.control.grants.following import GrantFollower
from pdp.control.grants.uses import Uses
from pdp.control.kv import open_store
from pdp.control.kv.base import KeyValueStore
from pdp.control.kv.tls import EtcdTls
from pdp.control.last_good import LastGood
from pdp.control.node import NodeAgent, Pace, Standing
from pdp.control.nodes import Nodes
from pdp.control.presence import Identity
from pdp.control.reports import Evidence, ReportBook
from pdp.control.revisions import Revisions, Who
from pdp.errors import BlobError, CompactedError, ConfigError, ControlStoreError, EvidenceError
from pdp.server import clock, logs
from pdp.server.account_settings import make_accounts
from pdp.server.caller_register import CallerRegister
from pdp.server.config.control_problems import is_etcd, labels_of
from pdp.server.facts import ControlFacts, EndingAccess, GrantFacts, PeopleFacts, TokenUse
from pdp.server.folder import InForce
from pdp.server.judge import PolicyJudge
from pdp.server.node_applier import NodeApplier
from pdp.server.operations import SYSTEM
from pdp.server.settings import Settings
from pdp.server.token_uses import TokenUses
from pdp.server.waiting import WaitingWatch, access_ends
from pdp.signing import NodeKey, TrustedKeys
from pdp.v1 import control_pb2

# Of its own: nobody else's draws depend on how often it looks.
_RANDOM = random.Random()  # noqa: S311 - no secret

FOLDER: Final = "folder"
"""Who publishes what stands in the folder that the server follows."""
_METER_SECONDS: Final = 2.0
_FIRST_SECONDS: Final = 10.0
_KEPT_SECONDS: Final = 90 * 86_400
"""How long after its making a grant that has ended stays in lists; records of decisions and operations stay longer."""
_REPORTS_SECONDS: Final = 400 * 86_400
"""How long it is remembered how far a client has reported that reports nothing any more."""
_TIDY_SECONDS: Final = 3600.0
_USES_SECONDS: Final = 2.0
"""How often the store hears of tokens that were used."""
_CALLERS_SECONDS: Final = 5.0
"""How long a start waits for the store to say who may call, before it goes by what it knew last."""

log = logging.getLogger(__name__)


class ControlPlane:
    """From `open` to `close`; all in the supervisor's event loop. The data folder must be there and ours."""

    def __init__(
        self,
        settings: Settings,
        judge: PolicyJudge,
        applier: NodeApplier,
        measure: Callable[[], Awaitable[object]],
        register: CallerRegister,
    ) -> None:
        """`measure` lets the applier's meter know what workers counted; `register` lets callers call. Raises
        ConfigError for keys or a store that cannot be used.
        """
        control = settings.control
        self._settings = settings
        self._judge = judge
        self._applier = applier
        self._measure = measure
        self._key, self._trusted = _keys(settings)
        tls = None
        if control.ca is not None and control.certificate is not None and control.key is not None:
            tls = EtcdTls(control.ca, control.certificate, control.key)
        self._store: KeyValueStore = open_store(settings.control_url, tls=tls)
        self.revisions = Revisions(self._store, judge, self._key)
        self.nodes = Nodes(self._store)
        self.accounts: Accounts | None = make_accounts(settings, self._store) if settings.signs_in else None
        tell = clock.machine_clock if settings.clock is None else clock.starting_at(settings.clock)
        self.waiting = None if self.accounts is None else WaitingWatch(self.accounts, time.time_ns)
        self.grants = GrantDesk(self._store, applier.dictionary, clock=tell)
        self.uses = Uses(self._store, tell)
        self._clock = tell
        self._follower: GrantFollower | None = None
        self._grants_trouble = ""
        self.callers = CallerDesk(self._store, clock=tell)
        self.register = register
        self._caller_follower: CallerFollower | None = None
        if control.callers:
            self._caller_follower = CallerFollower(
                self._store, register.set_managed, LastKnown(settings.data_folder / "applied"),
                poll=control.poll_seconds, told=self._tell_of_callers,
            )  # fmt: skip
        self._callers_trouble = ""
        self._token_uses = TokenUses(tell())
        self._tokens_used: dict[tuple[str, str], int] = {}
        self._tokens_noted: dict[tuple[str, str], int] = {}
        self.reports: ReportBook | None = None
        self._agent: NodeAgent | None = None
        self._tasks: list[asyncio.Task[None]] = []

    def begin(self, address: str) -> None:
        """Take the address of the decision port, which the node tells the others."""
        settings = self._settings
        control = settings.control
        identity = Identity(
            name=settings.node_name, boot=secrets.token_hex(8), address=address, version=__version__,
            started_nanos=time.time_ns(), labels=labels_of(control),
        )  # fmt: skip
        self._agent = NodeAgent(
            self._store, self._applier, self._trusted, LastGood(settings.data_folder / "applied"), identity,
            self._stop_rollout, tidy=not is_etcd(control),
            pace=Pace(control.poll_seconds, control.lease_seconds, control.stale_seconds),
            grant_revision=lambda: 0 if self._follower is None else self._follower.revision,
        )  # fmt: skip
        agent = self._agent
        self._follower = GrantFollower(
            self._store, self._applier.active_grants, held_since=lambda: agent.held_since, tell=agent.tell_soon,
            poll=control.poll_seconds, lease=control.lease_seconds, told=self._tell_of_grants, clock=self._clock,
        )  # fmt: skip

    def take_reports(self, evidence: Evidence, mark: Callable[[bytes, str], bytes]) -> ReportBook:
        """Return what records clients' reports, for this life of the node; see `ReportBook`."""
        self.reports = ReportBook(
            self._store, self._settings.node_name, secrets.token_hex(8), evidence, clock=time.time_ns, mark=mark
        )
        return self.reports

    async def know_callers(self) -> None:
        """Let the managed callers call, if they may on this node. To be done before anybody can."""
        if self._caller_follower is not None:
            await self._caller_follower.recover(_CALLERS_SECONDS)

    async def look_at_callers(self) -> None:
        """Judge calls by callers as they are now, as far as the store tells; else soon."""
        if self._caller_follower is not None:
            with contextlib.suppress(ControlStoreError, BlobError, CompactedError):
                await self._caller_follower.look()

    def note_used(self, tokens: Iterable[tuple[str, str]]) -> None:
        """Take note of tokens that workers were shown, each as the names of caller and token."""
        now = self._clock()
        for name, token in tokens:
            self._token_uses.note(name, token, now)
            if now - self._tokens_noted.get((name, token), 0) >= USED_EVERY and self.register.is_managed(name):
                self._tokens_used[name, token] = now

    async def recover(self) -> None:
        """Decide by the last good revision until the store has told what is in force, which is waited for a while.

        In folder mode the folder tells, and the last revision is only remembered.
        """
        agent = self._require()
        follows = self._settings.policies is not None
        await agent.recover(decide=not follows)
        if follows:
            return
        try:
            async with asyncio.timeout(_FIRST_SECONDS):
                await agent.look()
        except (ControlStoreError, TimeoutError) as error:
            words = "the control store is away; following it as soon as it is there"
            logs.event(log, logging.WARNING, "control.away", words, reason=str(error) or "no answer")

    def start(self) -> None:
        """Follow the store from now on."""
        self._require().start()
        self.nodes.start()
        if self._follower is not None:
            self._follower.start()
        if self.reports is not None:
            self.reports.start()
        self._tasks = [asyncio.create_task(self._keep_measuring()), asyncio.create_task(self._forget_old())]
        if self.waiting is not None:
            self.waiting.start()
        if self._caller_follower is not None:
            self._caller_follower.start()
            self._tasks.append(asyncio.create_task(self._keep_uses()))
        if self._key is not None:
            self._tasks.append(asyncio.create_task(self._keep_tidy()))

    async def publish(self, text: control_pb2.Sources) -> InForce:
        """Put the folder's text in force, and return once it is decided by; a `folder.Publish`.

        Raises PolicyError and GoldenCaseError for what is wrong with it, RefusedError when this node will not decide by
        it, WrongStateError and ControlStoreError.
        """
        made = await self._judge(text, text)
        head = await self.revisions.published.head()
        if head is None or head.bundle_hash != made.bundle.hash:
            revision = await self.revisions.publish(text, Who(FOLDER))
            head = control_pb2.Head(revision=revision.number, bundle_hash=revision.bundle_hash)
        # Else another text that means the same, which is no new revision.
        await self._require().catch_up(head.revision)
        return InForce(head.revision, head.bundle_hash)

    async def decides(self) -> None:
        """Return once this node decides by something."""
        await self._require().deciding.wait()

    def people_facts(self, throttled: int) -> PeopleFacts | None:
        """Return what was seen of people who sign in; None where nobody does."""
        if self.accounts is None:
            return None
        facts = PeopleFacts(anomalies=dict(self.accounts.unusual), throttled=throttled)
        if self.waiting is not None and self.waiting.facts is not None:
            facts["waiting"] = self.waiting.facts
        return facts

    def access_ends(self) -> list[EndingAccess]:
        """Return the callers that cannot call any more soon."""
        return access_ends(self.register.known, self._clock())

    def token_uses(self) -> list[TokenUse]:
        """Return which tokens that are being rotated are still used."""
        return self._token_uses.rotating(self.register.known, self._clock())

    def acted(self) -> None:
        """Look soon at what waits for people: somebody has done something."""
        if self.waiting is not None:
            self.waiting.look_soon()

    def facts(self) -> ControlFacts | None:
        """Return how the node stands; None before it began."""
        if self._agent is None:
            return None
        return _facts(self._agent.standing(), etcd=is_etcd(self._settings.control))

    def grant_facts(self) -> GrantFacts | None:
        """Return how the node stands to grants; None before it began."""
        follower = self._follower
        if follower is None:
            return None
        age = follower.look_age
        return GrantFacts(
            active=follower.count,
            revision=follower.revision,
            honoured=follower.is_honouring,
            look_age_seconds=None if age is None else round(age, 3),
            steps=dict(self.grants.steps),
            expired=follower.expired,
        )

    async def drain(self) -> None:
        """Say that this node stops."""
        if self._agent is not None:
            await self._agent.drain()

    async def stop(self) -> None:
        """Follow nothing more, and let the lease go."""
        await tasks.end(self._tasks)
        if self.waiting is not None:
            await self.waiting.stop()
        if self.reports is not None:
            await self.reports.stop()
        await self.nodes.stop()
        if self._caller_follower is not None:
            await self._caller_follower.stop()
        # Before the lease goes: who looks at leases must not believe that nobody honours anything.
        if self._follower is not None:
            await self._follower.stop()
        if self._agent is not None:
            await self._agent.stop()

    async def close(self) -> None:
        """Let go of the store."""
        if self.accounts is not None:
            self.accounts.hasher.close()
        await self._store.close()

    async def _stop_rollout(self, number: int, why: str) -> None:
        await self.revisions.stop(number, Who(SYSTEM, why[:500]))

    async def _keep_measuring(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_METER_SECONDS):
                    await self._measure()
            await asyncio.sleep(min(_METER_SECONDS, self._settings.control.lease_seconds / 3))

    async def _forget_old(self) -> None:
        while True:
            await asyncio.sleep(_TIDY_SECONDS * _RANDOM.uniform(0.5, 1.5))  # not all nodes at once
            before = self._clock() - _KEPT_SECONDS * 10**9
            try:
                await self.grants.forget(before)
                await self.callers.forget(before)
                if self.accounts is not None:
                    kept = self._settings.accounts.anomalies.keep_days * 86_400 * 10**9
                    await self.accounts.forget_anomalies(self._clock() - kept)
                if self.reports is not None:
                    await self.reports.forget(time.time_ns() - _REPORTS_SECONDS * 10**9)
            except (ControlStoreError, BlobError, CompactedError) as error:
                words = "what is old cannot be forgotten now"
                logs.event(log, logging.WARNING, "control.kept", words, reason=str(error))

    async def _keep_uses(self) -> None:
        while True:
            await asyncio.sleep(_USES_SECONDS * _RANDOM.uniform(0.75, 1.25))  # not all nodes at once
            used, self._tokens_used = self._tokens_used, {}
            try:
                await self.callers.note_uses(used)
            except (ControlStoreError, BlobError, CompactedError):
                # Only when a token was last used: it will be again.
                continue
            self._tokens_noted.update(used)

    def _tell_of_grants(self, trouble: str) -> None:
        if bool(trouble) == bool(self._grants_trouble):
            return
        self._grants_trouble = trouble
        if trouble:
            words = "the control store is silent: grants do not count on this node until it is heard again"
            self._applier.note("grants.fenced", words, {"reason": trouble}, success=False)
        else:
            self._applier.note("grants.honoured", "grants count again", {})

    def _tell_of_callers(self, trouble: str) -> None:
        if bool(trouble) == bool(self._callers_trouble):
            return
        self._callers_trouble = trouble
        if trouble:
            words = "who may call is not heard of, or not kept: those that were known last go on"
            logs.event(log, logging.WARNING, "callers.unheard", words, reason=trouble)
        else:
            logs.event(log, logging.INFO, "callers.heard", "who may call is heard of again")

    async def _keep_tidy(self) -> None:
        """Remove texts that nothing names any more; only nodes that publish leave any."""
        while True:
            await asyncio.sleep(_TIDY_SECONDS * _RANDOM.uniform(0.75, 1.25))  # so that nodes take turns
            try:
                found = await self.revisions.collect_garbage()
            except (ControlStoreError, CompactedError, BlobError) as error:
                words = "texts that nothing names any more stay in the control store for now"
                logs.event(log, logging.WARNING, "control.untidy", words, reason=str(error))
            else:
                logs.event(log, logging.DEBUG, "control.tidied", "the control store was tidied", **found._asdict())

    def _require(self) -> NodeAgent:
        assert self._agent is not None, "begin comes first"  # noqa: S101 - the host's order
        return self._agent


def _keys(settings: Settings) -> tuple[NodeKey | None, TrustedKeys]:
    """Return the key that revisions are signed by here, if any, and those by which they may be. Raises ConfigError."""
    control = settings.control
    own = settings.data_folder / "keys" / "control"
    try:
        key = None if control.signing_key is None else NodeKey.load(control.signing_key)
        if control.trust is not None:
            trusted = TrustedKeys.load(control.trust)
            if key is not None and key.id not in trusted.keys:
                raise ConfigError(
                    f"the key of `control.signing_key` has the id `{key.id}`, and is not among those of "
                    f"`control.trust`: this node would refuse what it publishes; add its public key there"
                )
            return key, trusted
        if key is not None:
            return key, TrustedKeys.of(key)
        key = NodeKey.load_or_create(own)
        # With those that it had before: they signed what is in force.
        return key, TrustedKeys.load(own)
    except EvidenceError as error:
        raise ConfigError(str(error)) from error


def _facts(standing: Standing, *, etcd: bool) -> ControlFacts:
    refused = standing.refused
    facts = ControlFacts(
        store="etcd" if etcd else "sqlite",
        head=standing.head,
        wanted=standing.wanted,
        applied=standing.applied,
        candidate=standing.candidate,
        store_age_seconds=round(standing.store_age, 3),
        store_error=standing.store_error,
        stale=standing.stale,
        lease=standing.lease,
        refused=0 if refused is None else refused.wanted.number,
    )
    if refused is not None:
        facts["refused_code"] = refused.code
        facts["refused_error"] = refused.words
        facts["refused_at"] = refused.since
    return facts
