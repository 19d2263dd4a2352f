"""A counter desk: what tellers' screens ask for customers and transactions. Jingxi says what each may see.

python after.py --port 8080 --pdp localhost:7070 --state desk-state
curl -H 'X-Teller: T1001' localhost:8080/customers/C2001
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from jingxi_client import Action, Alarm, Client, DecisionUnavailableError, Subject

TELLERS = {
    "T1001": {"roles": ["teller"], "level": 2, "branch": "320400001"},
    "M1000": {"roles": ["manager"], "level": 5, "branch": "320400001"},
}
Answer = dict[str, Any]


class Bank:
    """The bank's records, read from files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def customer(self, teller: str, number: str) -> Answer | None:
        """Return a customer with the accounts and contacts."""
        found = self._read("core-counter.customer-detail.json")
        return found if found["customer"]["no"] == number else None

    def transactions(self, teller: str, account: str) -> Answer | None:
        """Return what happened on an account."""
        found = self._read("core-counter.transaction-list.json")
        return found if found["account"]["no"] == account else None

    def _read(self, name: str) -> Answer:
        return dict(json.loads((self._folder / name).read_text(encoding="utf-8")))


class Masked:
    """The bank's records as a teller may see them."""

    def __init__(self, bank: Bank, client: Client) -> None:
        self._bank = bank
        self._client = client

    def customer(self, teller: str, number: str) -> Answer | None:
        """Return a customer with the accounts and contacts."""
        return self._shown(self._bank.customer(teller, number), teller, "customer-detail", "1201")

    def transactions(self, teller: str, account: str) -> Answer | None:
        """Return what happened on an account."""
        return self._shown(self._bank.transactions(teller, account), teller, "transaction-list", "1501")

    def _shown(self, found: Answer | None, teller: str, name: str, menu: str) -> Answer | None:
        if found is None:
            return None
        facts = TELLERS[teller]
        subject = Subject(teller, facts["roles"], {"level": facts["level"], "branch": facts["branch"]})
        terminal = {"menu": menu, "channel": "counter", "scenario": "processing", "region": "320400"}
        return self._client.mask(
            found, application="core-counter", name=name, subject=subject, action=Action("query"), context=terminal
        ).message


def page_the_operator(alarm: Alarm) -> None:
    """Stand for the bank's own alarm."""
    print(f"ALARM {alarm.kind.value}: {alarm.message}", flush=True)


def routes(bank: Masked) -> dict[str, Callable[[str, str], Answer | None]]:
    """Return what answers which path."""
    return {
        r"/customers/(\w+)": bank.customer,
        r"/accounts/(\w+)/transactions": bank.transactions,
    }


class Handler(BaseHTTPRequestHandler):
    """Answers one screen."""

    desk: dict[str, Callable[[str, str], Answer | None]]

    def do_GET(self) -> None:
        """Answer a screen."""
        teller = self.headers.get("X-Teller", "")
        if teller not in TELLERS:
            return self.answer(401, {"detail": "who are you?"})
        for path, find in self.desk.items():
            match = re.fullmatch(path, self.path)
            if match:
                try:
                    found = find(teller, match[1])
                except DecisionUnavailableError:
                    return self.answer(503, {"detail": "try again later"})
                return self.answer(404, {"detail": "not found"}) if found is None else self.answer(200, found)
        return self.answer(404, {"detail": "no such page"})

    def answer(self, status: int, content: Answer) -> None:
        """Send an answer."""
        body = json.dumps(content, ensure_ascii=False).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Keep paths with numbers of customers out of the log."""


def main() -> None:
    """Serve until it is ended."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--data", type=Path, default=Path("policies/samples"), help="the folder of the bank's records")
    parser.add_argument("--pdp", default="localhost:7070", help="where Jingxi answers")
    parser.add_argument("--state", type=Path, default=Path("desk-state"), help="a folder of this process alone")
    options = parser.parse_args()
    client = Client(options.pdp, state=options.state, alarm=page_the_operator)
    Handler.desk = routes(Masked(Bank(options.data), client))
    with ThreadingHTTPServer(("127.0.0.1", options.port), Handler) as server:
        print(f"http://127.0.0.1:{server.server_port}", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
