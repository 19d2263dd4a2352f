"""A service as its operator sees it: a process with a configuration file, an admin port and a log."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
from prometheus_client.parser import text_string_to_metric_families

from pdp.v1 import decision_service_pb2, decision_service_pb2_grpc, types_pb2
from tests.commands import program

PATIENCE = 60.0


class Operated:
    """A running `pdp serve` with a configuration file, as its operator sees it."""

    def __init__(self, folder: Path, config: str, **environ: str) -> None:
        self.config, self._ready_file = folder / "pdp.yaml", folder / "ready.json"
        head = "policies: policies\ndata: data\nlisten: 127.0.0.1:0\npoll_seconds: 0.2\n"
        head += f"ready_file: {self._ready_file.name}\n"
        self.config.write_text(head + config)
        command = [program(), "serve", "--config", str(self.config)]
        self.log = (folder / "serve.log").open("w+")
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=self.log, text=True, env=os.environ | environ
        )
        assert self.process.stdout is not None
        self.first_token = ""
        """For the first account; empty where there is one, or nobody signs in."""
        for line in iter(self.process.stdout.readline, ""):
            self.first_token = line.partition("--token ")[2].split(" ")[0].strip() or self.first_token
            if line.startswith("ready "):
                break
        else:
            self.end()
            raise AssertionError((folder / "serve.log").read_text())
        facts = json.loads(self._ready_file.read_text())
        self.address, self.admin = facts["address"], facts["admin"]

    def get(self, path: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(self.admin, timeout=PATIENCE)
        with contextlib.closing(connection):
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read()

    def metric(self, name: str, **labels: str) -> float:
        """Return the sum of the samples of a name that have these labels."""
        text = self.get("/metrics")[1].decode()
        return sum(
            sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.get("/status")[1])
        return found

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [program(), "status", "--admin", self.admin, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)

    def end(self) -> int:
        self.process.terminate()
        code = self.process.wait(PATIENCE)
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.log.close()
        return code


def wait_for(holds: Callable[[], bool]) -> None:
    """Ask again until it holds: each question is a call over the network, which paces the loop."""
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end


def request(**attributes: types_pb2.Value) -> decision_service_pb2.DecideRequest:
    subject = types_pb2.Subject(id="T1", attributes=attributes)
    context = {"menu": types_pb2.Value(string_value="3101")}
    return decision_service_pb2.DecideRequest(subject=subject, context=context, fields=["name", "mobile", "balance"])


SENIOR = request(level=types_pb2.Value(int_value=5))
UNKNOWN_LEVEL = request()


def call(address: str, asked: decision_service_pb2.DecideRequest, times: int = 1) -> None:
    """Decide over a new connection each time, so that both workers get some."""
    for _ in range(times):
        # A channel of its own shares no connection with another one only when told so.
        with grpc.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
            decision_service_pb2_grpc.DecisionServiceStub(channel).Decide(asked, timeout=30)
