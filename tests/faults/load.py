"""Clients that ask for decisions all the time and remember every answer that they got."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import grpc
from google.rpc import code_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc

from pdp.v1 import decision_service_pb2 as messages
from pdp.v1 import decision_service_pb2_grpc, types_pb2
from tests.faults.service import wait_for

# At once again, not after a pause that doubles: faults come faster than that. Channels of one process to the same
# address share a connection unless each has a pool of its own, and a connection stays with the worker that took it.
CHANNEL = (
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.min_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 250),
    ("grpc.enable_retries", 0),
    ("grpc.use_local_subchannel_pool", 1),
)
DEADLINE = 20.0
MOST_CLIENTS = 64
_PROCESS_DIGITS = 22
"""Of an id of a decision, those that name the process (`pdp.engine.decision_ids`)."""
_FIELDS = ("name", "id_no", "mobile", "email", "address", "balance", "account_no", "customer_no")
_MENUS = ("1101", "1102", "1201")
_ROLES = ("teller", "senior_teller", "operations_supervisor")


class Answer(NamedTuple):
    """What a client was told: the record must say the same."""

    request_id: str
    policy_hash: str
    shown: frozenset[str]
    hidden: frozenset[str]


class Call(NamedTuple):
    """One call: when it was sent, how long its client waited (in a stream, for one answer at most), and its code."""

    sent: float
    seconds: float
    code: str


class Load:
    """`clients` threads, each on a connection of its own, which between them send about `rate` calls a second."""

    def __init__(self, address: str, *, clients: int = 4, rate: float = 400.0, seed: int = 0) -> None:
        self.answers: dict[str, Answer] = {}
        self.calls: list[Call] = []
        self.repeated: list[str] = []
        """Ids that two answers had: none must."""
        self.refused: Counter[str] = Counter()
        """Decisions in batches and streams that were refused, by code."""
        self._address = address
        self._clients, self._rate, self._seed = clients, rate, seed
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        # Of each client, when it sent the last call whose end it has heard.
        self._heard: list[float] = []
        self._unexpected: list[BaseException] = []

    def start(self) -> Load:
        for _ in range(self._clients):
            self._add_client()
        return self

    def spread(self, processes: int) -> None:
        """Return once so many processes of the service answer.

        Which of them takes a connection is up to the system, and may be the same one each time: until all have some,
        there are more clients, which send as much as those before did.
        """
        while True:
            begun = time.monotonic()
            wait_for(lambda begun=begun: self.has_heard(begun), "an answer for each client")
            if len({name[:_PROCESS_DIGITS] for name in self.answers.copy()}) >= processes:
                return
            assert len(self._threads) < MOST_CLIENTS, f"{MOST_CLIENTS} clients do not reach {processes} processes"
            self._add_client()

    def has_heard(self, begun: float) -> bool:
        """Return whether each client has heard the end of a call that it sent after a moment, and so of all before."""
        return all(sent >= begun for sent in self._heard)

    def _add_client(self) -> None:
        number = len(self._threads)
        draw = random.Random(f"{self._seed}-{number}")
        thread = threading.Thread(target=self._run, args=(number, draw), daemon=True)
        self._threads.append(thread)
        self._heard.append(float("-inf"))
        thread.start()

    @property
    def _pause(self) -> float:
        return len(self._threads) / self._rate

    def stop(self) -> None:
        """Ask no more, and return once the last calls have ended. Raises what ended a client."""
        self._stop.set()
        for thread in self._threads:
            thread.join(2 * DEADLINE)
            assert not thread.is_alive(), "a call has no end"
        if self._unexpected:
            raise self._unexpected[0]

    def count(self) -> int:
        """Return how many calls were answered."""
        return sum(call.code == "OK" for call in self.calls.copy())

    def since(self, begun: float, end: float = float("inf")) -> list[Call]:
        """Return the calls that were sent in a span of monotonic time."""
        return [call for call in self.calls.copy() if begun <= call.sent < end]

    def first_after(self, begun: float) -> float | None:
        """Return when the first call that was sent after a moment was answered."""
        calls = self.calls
        done = [
            call.sent + call.seconds
            for call in calls[max(0, len(calls) - 2000) :]
            if call.code == "OK" and call.sent >= begun
        ]
        return min(done, default=None)

    def codes(self) -> Counter[str]:
        return self.codes_of(self.calls)

    @staticmethod
    def codes_of(calls: Iterable[Call]) -> Counter[str]:
        return Counter(call.code for call in calls)

    def _run(self, number: int, draw: random.Random) -> None:
        try:
            with grpc.insecure_channel(self._address, CHANNEL) as channel:
                stub = decision_service_pb2_grpc.DecisionServiceStub(channel)
                kinds: tuple[Callable[..., float | None], ...] = (self._decide, self._batch, self._stream)
                due = time.monotonic() + draw.random() * self._pause
                turn = 0
                while not self._stop.wait(max(0.0, due - time.monotonic())):
                    turn += 1
                    (kind,) = draw.choices(kinds, (6, 3, 1))
                    sent = time.monotonic()
                    self._time(lambda kind=kind, turn=turn: kind(stub, f"r{number}-{turn}", draw))
                    self._heard[number] = sent
                    due = max(due + self._pause, time.monotonic() - 5 * self._pause)
        except BaseException as error:  # `stop` raises it
            self._unexpected.append(error)

    def _time(self, ask: Callable[[], float | None]) -> None:
        sent = time.monotonic()
        longest = None
        try:
            longest = ask()
        except grpc.RpcError as error:
            code = error.code().name
        else:
            code = "OK"
        self.calls.append(Call(sent, time.monotonic() - sent if longest is None else longest, code))

    def _decide(self, stub: decision_service_pb2_grpc.DecisionServiceStub, name: str, draw: random.Random) -> None:
        self._got(stub.Decide(decide_request(name, draw), timeout=DEADLINE, wait_for_ready=True))

    def _batch(self, stub: decision_service_pb2_grpc.DecisionServiceStub, name: str, draw: random.Random) -> None:
        one = decide_request(name, draw)
        request = messages.DecideBatchRequest(
            request_id=name, subject=one.subject, action=one.action, context=one.context
        )
        for _ in range(draw.randint(1, 8)):
            other = decide_request(name, draw)
            request.items.add(resource=other.resource, fields=other.fields)
        response = stub.DecideBatch(request, timeout=DEADLINE, wait_for_ready=True)
        for result in response.results:
            if result.HasField("error"):
                self.refused[code_pb2.Code.Name(result.error.code)] += 1
            else:
                # What all have in common is told once.
                result.decision.policy_hash = response.policy_hash
                result.decision.request_id = response.request_id
                self._got(result.decision)

    def _stream(self, stub: decision_service_pb2_grpc.DecisionServiceStub, name: str, draw: random.Random) -> float:
        requests = [
            messages.DecideStreamRequest(request=decide_request(f"{name}-{item}", draw))
            for item in range(draw.randint(1, 6))
        ]
        before, longest = time.monotonic(), 0.0
        # Each answer counts as it comes, whatever becomes of the rest of the stream.
        for response in stub.DecideStream(iter(requests), timeout=DEADLINE, wait_for_ready=True):
            now = time.monotonic()
            longest, before = max(longest, now - before), now
            if response.HasField("error"):
                self.refused[code_pb2.Code.Name(response.error.code)] += 1
            else:
                self._got(response.response)
        return longest

    def _got(self, response: messages.DecideResponse) -> None:
        if response.decision_id in self.answers:
            self.repeated.append(response.decision_id)
        self.answers[response.decision_id] = answer_of(response)


def decide_request(name: str, draw: random.Random) -> messages.DecideRequest:
    """Return a request about a customer of the sample bank; what is shown depends on menu and role."""
    request = messages.DecideRequest(request_id=name, fields=draw.sample(_FIELDS, draw.randint(1, len(_FIELDS))))
    request.subject.id = f"T{draw.randint(1000, 1050)}"
    request.subject.roles.append(draw.choice(_ROLES))
    request.subject.attributes["level"].int_value = draw.randint(1, 4)
    request.subject.attributes["branch"].string_value = "320400001"
    request.subject.attributes["department"].string_value = "counter"
    request.action.name = "query"
    request.resource.type = "customer"
    request.resource.id = f"C{draw.randint(2000, 9000)}"
    resource = {"customer_class": "standard", "branch": "320400001", "region": "320400", "currency": "CNY"}
    for key, value in resource.items():
        request.resource.attributes[key].string_value = value
    request.resource.attributes["is_vip"].bool_value = False
    request.resource.attributes["balance"].double_value = round(draw.uniform(10, 900_000), 2)
    context = {
        "application": "core-counter", "channel": "counter", "terminal": "teller-terminal", "region": "320400",
        "scenario": "processing", "menu": draw.choice(_MENUS),
    }  # fmt: skip
    for key, value in context.items():
        request.context[key].string_value = value
    return request


def answer_of(response: messages.DecideResponse) -> Answer:
    """Return what of an answer a record must say too."""
    return Answer(response.request_id, response.policy_hash, *_parted(response.verdicts))


def _parted(verdicts: Iterable[types_pb2.Verdict]) -> tuple[frozenset[str], frozenset[str]]:
    shown, hidden = set(), set()
    for verdict in verdicts:
        (shown if verdict.effect == types_pb2.EFFECT_UNMASK else hidden).add(verdict.field)
    return frozenset(shown), frozenset(hidden)


@contextmanager
def under_load(address: str, **options: float) -> Iterator[Load]:
    """Have clients ask while something is done, and hear the last answers at the end."""
    load = Load(address, **options).start()  # type: ignore[arg-type]
    try:
        yield load
    finally:
        load.stop()


@contextmanager
def probes(address: str) -> Iterator[list[Call]]:
    """Ask for a message map and for health all the time, and give what came of it."""
    calls: list[Call] = []
    stop = threading.Event()

    def run() -> None:
        with grpc.insecure_channel(address, CHANNEL) as channel:
            stub, health = decision_service_pb2_grpc.DecisionServiceStub(channel), health_pb2_grpc.HealthStub(channel)
            wanted = messages.GetMessageMapRequest(application="core-counter", name="customer-detail")
            asks = (
                lambda: stub.GetMessageMap(wanted, timeout=DEADLINE),
                lambda: health.Check(health_pb2.HealthCheckRequest(), timeout=DEADLINE),
            )
            while not stop.wait(0.05):
                for ask in asks:
                    sent = time.monotonic()
                    try:
                        ask()
                        code = "OK"
                    except grpc.RpcError as error:
                        code = error.code().name
                    calls.append(Call(sent, time.monotonic() - sent, code))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield calls
    finally:
        stop.set()
        thread.join(2 * DEADLINE)


def quantiles(calls: Iterable[Call]) -> dict[str, float]:
    """Return how many calls were answered, and p50, p99 and the longest in milliseconds, of all."""
    calls = list(calls)
    times = sorted(call.seconds for call in calls)
    if not times:
        return {"calls": 0}
    at = lambda share: round(times[min(len(times) - 1, int(share * len(times)))] * 1000, 2)  # noqa: E731
    ok = sum(call.code == "OK" for call in calls)
    return {"calls": len(calls), "answered": ok, "p50_ms": at(0.5), "p99_ms": at(0.99), "max_ms": at(1.0)}
