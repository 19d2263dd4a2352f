"""Clients that ask all nodes all the time and keep every answer: some of one node each, some of whichever is there."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import grpc
from google.rpc import code_pb2

import jingxi_client
from jingxi_client.errors import DecisionUnavailableError, JingxiError
from pdp.v1 import decision_service_pb2 as messages
from pdp.v1 import decision_service_pb2_grpc
from tests.cluster.history import Call, History, Told
from tests.cluster.variants import family, message
from tests.faults.load import CHANNEL, Answer
from tests.reference.request import Decision, Mask, Reason, Request, Verdict

ROAMING: Final = "any"
"""The name of clients that go round the nodes and try again."""
DEADLINE: Final = 1.0
_EFFECTS = {True: "unmask", False: "mask"}


@dataclass(frozen=True, slots=True)
class Way:
    """How to come to the nodes: addresses by name, and what a caller shows."""

    nodes: Mapping[str, str]
    ca: bytes
    certificate: bytes
    key: bytes
    name: str
    """The name that all of them have."""

    def credentials(self) -> grpc.ChannelCredentials:
        return grpc.ssl_channel_credentials(self.ca, self.key, self.certificate)


class _Asked(NamedTuple):
    """What was asked in one call, and when."""

    node: str
    sent: float
    nanos: int
    name: str
    floor: int

    @property
    def patience(self) -> float:
        """Seconds for which a node may wait for the revision that is asked for."""
        return DEADLINE if self.floor else 0.0


class Load:
    """`each` clients a node on connections of their own, and `roaming` ones; between them about `rate` calls a second.

    Every tenth call of a client asks for at least the revision that was last acknowledged to its publisher.
    """

    def __init__(
        self,
        way: Way,
        questions: Sequence[Request],
        history: History,
        *,
        each: int = 2,
        roaming: int = 2,
        rate: float = 120.0,
        seed: int = 0,
    ) -> None:
        self.answers: dict[str, Answer] = {}
        """The answers by decision id, for the comparison with their records."""
        self._way, self._questions, self._history = way, questions, history
        self._stop = threading.Event()
        self._unexpected: list[BaseException] = []
        names = [(node, number) for node in way.nodes for number in range(each)]
        names += [(ROAMING, number) for number in range(roaming)]
        self._pause = len(names) / rate
        self._threads = [
            threading.Thread(
                target=self._run, args=(node, f"{node}-{number}", random.Random(f"{seed}-{node}-{number}")), daemon=True
            )
            for node, number in names
        ]

    def start(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def stop(self) -> None:
        """Ask no more, and return once the last calls have ended. Raises what ended a client."""
        self._stop.set()
        for thread in self._threads:
            thread.join(30)
            assert not thread.is_alive(), "a call has no end"
        if self._unexpected:
            raise self._unexpected[0]

    def _run(self, node: str, name: str, draw: random.Random) -> None:
        try:
            (self._roam if node == ROAMING else self._stay)(node, name, draw)
        except BaseException as error:  # `stop` raises it
            self._unexpected.append(error)

    def _stay(self, node: str, name: str, draw: random.Random) -> None:
        options = (*CHANNEL, ("grpc.enable_http_proxy", 0))
        with grpc.secure_channel(self._way.nodes[node], self._way.credentials(), options) as channel:
            stub = decision_service_pb2_grpc.DecisionServiceStub(channel)  # type: ignore[no-untyped-call]
            kinds: tuple[Callable[..., None], ...] = (self._decide, self._batch, self._stream)

            def ask(asked: _Asked) -> None:
                (kind,) = draw.choices(kinds, (7, 2, 1))
                kind(stub, asked, draw)

            self._pace(node, name, draw, ask)

    def _roam(self, node: str, name: str, draw: random.Random) -> None:
        target = f"ipv4:{','.join(self._way.nodes.values())}"
        options = (("grpc.use_local_subchannel_pool", 1), ("grpc.default_authority", self._way.name))
        with jingxi_client.Client(target, credentials=self._way.credentials(), options=options) as client:
            self._pace(node, name, draw, lambda asked: self._ask_any(client, asked, draw))

    def _pace(self, node: str, name: str, draw: random.Random, ask: Callable[[_Asked], None]) -> None:
        due = time.monotonic() + draw.random() * self._pause
        turn = 0
        while not self._stop.wait(max(0.0, due - time.monotonic())):
            turn += 1
            acknowledged = self._history.publications[-1].revision if self._history.publications else 0
            floor = acknowledged if node != ROAMING and not turn % 10 else 0
            asked = _Asked(node, time.monotonic(), time.time_ns(), f"{name}-{turn}", floor)
            try:
                ask(asked)
                code = "OK"
            except grpc.RpcError as error:
                code = error.code().name
            except DecisionUnavailableError as error:
                code = error.status
            except JingxiError as error:
                code = type(error).__name__
            self._history.calls.append(Call(node, asked.sent, time.monotonic() - asked.sent, code, floor > 0))
            due = max(due + self._pause, time.monotonic() - self._pause)

    def _decide(self, stub: decision_service_pb2_grpc.DecisionServiceStub, asked: _Asked, draw: random.Random) -> None:
        place = draw.randrange(len(self._questions))
        request = message(self._questions[place], asked.name, asked.floor)
        self._got(asked, place, stub.Decide(request, timeout=DEADLINE + asked.patience))

    def _batch(self, stub: decision_service_pb2_grpc.DecisionServiceStub, asked: _Asked, draw: random.Random) -> None:
        places = family(draw.randrange(len(self._questions)), len(self._questions))
        requests = [message(self._questions[place], asked.name, asked.floor) for place in places]
        one = requests[0]
        batch = messages.DecideBatchRequest(
            request_id=asked.name, subject=one.subject, action=one.action, context=one.context,
            min_revision=asked.floor,
            items=[messages.BatchItem(resource=each.resource, fields=each.fields) for each in requests],
        )  # fmt: skip
        response = stub.DecideBatch(batch, timeout=DEADLINE + asked.patience)
        for place, result in zip(places, response.results, strict=True):
            if result.HasField("decision"):
                # What all have in common is told once.
                result.decision.revision, result.decision.policy_hash = response.revision, response.policy_hash
                result.decision.request_id = response.request_id
                self._got(asked, place, result.decision)

    def _stream(self, stub: decision_service_pb2_grpc.DecisionServiceStub, asked: _Asked, draw: random.Random) -> None:
        places = [draw.randrange(len(self._questions)) for _ in range(draw.randint(1, 4))]
        requests = [
            messages.DecideStreamRequest(request=message(self._questions[place], f"{asked.name}-{item}", asked.floor))
            for item, place in enumerate(places)
        ]
        failed = []
        responses = stub.DecideStream(iter(requests), timeout=DEADLINE + asked.patience)
        # A stream may still be under way when a revision takes force: each answer counts for itself.
        for item, (place, response) in enumerate(zip(places, responses, strict=False)):
            if response.HasField("error"):
                failed.append(response.error.code)
            else:
                self._got(asked._replace(name=f"{asked.name}-{item}"), place, response.response)
        if failed:
            raise _Failed(failed[0])

    def _ask_any(self, client: jingxi_client.Client, asked: _Asked, draw: random.Random) -> None:
        place = draw.randrange(len(self._questions))
        question = self._questions[place]

        def attributes(part: str) -> dict[str, Any]:
            return {
                name.removeprefix(f"{part}."): given.value
                for name, given in question.attributes.items() if name.startswith(f"{part}.")
            }  # fmt: skip

        found = client.decide(
            question.fields,
            subject=jingxi_client.Subject(question.subject_id, question.roles, attributes("subject")),
            resource=jingxi_client.Resource(question.resource_type, question.resource_id, attributes("resource")),
            action=jingxi_client.Action(question.action),
            context=attributes("context"),
            request_id=asked.name,
        )
        self._keep(asked, place, found.decision_id, found.revision, found.policy_hash, plain(found))

    def _got(self, asked: _Asked, place: int, response: messages.DecideResponse) -> None:
        decision = self._history.decision(response)
        self._keep(asked, place, response.decision_id, response.revision, response.policy_hash, decision)

    def _keep(
        self, asked: _Asked, place: int, decision_id: str, revision: int, policy_hash: str, decision: Decision
    ) -> None:
        self._history.tell(Told(
            node="" if asked.node == ROAMING else asked.node, sent=asked.sent, received=time.monotonic(),
            sent_nanos=asked.nanos, question=place, request_id=asked.name, decision_id=decision_id, revision=revision,
            policy_hash=policy_hash, floor=asked.floor, decision=decision,
        ))  # fmt: skip
        shown = frozenset(verdict.field for verdict in decision.verdicts if verdict.effect == "unmask")
        hidden = frozenset(verdict.field for verdict in decision.verdicts) - shown
        self.answers[decision_id] = Answer(asked.name, policy_hash, shown, hidden)


class _Failed(grpc.RpcError):
    """An item of a stream failed alone."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self._number = number

    def code(self) -> grpc.StatusCode:
        return getattr(grpc.StatusCode, code_pb2.Code.Name(self._number))  # type: ignore[no-any-return]


def plain(decision: jingxi_client.Decision) -> Decision:
    """Return a client's decision as the reference has them."""
    return Decision(
        tuple(
            Verdict(
                verdict.field,
                _EFFECTS[verdict.unmasked],
                None if verdict.mask is None else _mask(verdict.mask),
                Reason(
                    verdict.reason.kind, verdict.reason.rule, (verdict.reason.title.zh, verdict.reason.title.en),
                    verdict.reason.grant_id, verdict.reason.undecided,
                ),
            )
            for verdict in decision.verdicts
        ),
        tuple((o.type, tuple(sorted(o.parameters.items())), o.fields, o.rule) for o in decision.obligations),
        tuple((d.code.upper(), d.subject, d.attributes) for d in decision.diagnostics),
    )  # fmt: skip


def _mask(mask: jingxi_client.Mask) -> Mask:
    parameters: Iterable[tuple[str, Any]] = sorted(mask.parameters.items())
    return mask.name, mask.algorithm, tuple((name, _value(value)) for name, value in parameters)


def _value(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
