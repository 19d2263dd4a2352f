"""`pdp status`: how a running service is doing, as its admin port tells."""

from __future__ import annotations

import http.client
import json
import time
from typing import Any

import click
from rich.table import Table

from pdp.cli import console
from pdp.cli.exits import CommandError, ExitCode
from pdp.errors import ConfigError
from pdp.server.address import Address, parse_address
from pdp.server.facts import FOLLOWED
from pdp.server.latency import quantile

EPILOG = """\b
Examples:
  pdp status                              workers, revision, calls and latency
  pdp status --admin 127.0.0.1:7071 --json
  pdp status --interval 10                rates over ten seconds

Exit codes: 0 the service is ready, 1 it is not, or does not answer, 2 wrong command line.
"""
_DEFAULT = Address("127.0.0.1", 7071)
_SECONDS = 10.0
_MAX_ANSWER = 16 * 1024 * 1024
_MAX_ACCESS = 20
_EMERGENCY = "emergency_publication"
_REVIEWS = (("overdue", "OVERDUE for a review"), ("due", "due for one"))
_SHARES = (0.5, 0.9, 0.99)
_FAULTS = ("UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS")


def _admin(_context: click.Context, _parameter: click.Parameter, value: str) -> Address:
    if value == "auto":
        return _DEFAULT
    try:
        found = parse_address(value)
    except ConfigError as error:
        raise click.BadParameter(str(error)) from error
    if found.path:
        raise click.BadParameter("the admin port is no socket file; write `HOST:PORT`")
    return found


@click.command(epilog=EPILOG)
@click.option(
    "--admin", default=str(_DEFAULT), show_default=True, callback=_admin, metavar="HOST:PORT",
    envvar="PDP_ADMIN_LISTEN", help="The service's admin address.",
)  # fmt: skip
@click.option(
    "--interval", default=1.0, show_default=True, type=click.FloatRange(0, 3600), metavar="SECONDS",
    help="How long to watch for rates; 0 shows only what was counted since the start.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
def status(*, admin: Address, interval: float, as_json: bool) -> ExitCode:
    """Show how a running service is doing: workers, revision, calls, latency and refused policies."""
    first = _read(admin)
    last, seconds = first, 0.0
    if interval:
        begun = time.monotonic()
        time.sleep(interval)
        last = _read(admin)
        seconds = time.monotonic() - begun
    rates = _rates(first, last, seconds)
    if as_json:
        console.print_json(last | {"rates": rates})
    else:
        _print(last, rates)
    return ExitCode.OK if last["ready"] else ExitCode.PROBLEMS


def _read(admin: Address) -> dict[str, Any]:
    connection = http.client.HTTPConnection(admin.host, admin.port, timeout=_SECONDS)
    try:
        connection.request("GET", "/status", headers={"Connection": "close"})
        response = connection.getresponse()
        body = response.read(_MAX_ANSWER)
        if response.status != 200:
            raise CommandError(f"`{admin}` answered {response.status}; is it the admin address of `pdp serve`?")
        found: dict[str, Any] = json.loads(body)
        if "ready" not in found:
            raise CommandError(f"`{admin}` is not the admin address of `pdp serve`")
    except OSError as error:
        reason = (error.strerror or str(error) or type(error).__name__).lower()
        raise CommandError(
            f"no answer from `{admin}`: {reason}; is `pdp serve` running, and this its admin address (`--admin`)?"
        ) from error
    except (http.client.HTTPException, ValueError, TypeError) as error:
        raise CommandError(f"`{admin}` does not answer as the admin address of `pdp serve` would") from error
    finally:
        connection.close()
    return found


def _rates(first: dict[str, Any], last: dict[str, Any], seconds: float) -> dict[str, Any]:
    """Return what happened between two readings: each method's calls and failures a second, and its latency."""
    # The service was started anew in between: its counters began at 0 again.
    restarted = last["uptime_seconds"] < first["uptime_seconds"]
    before: dict[str, Any] = {"calls": {}, "latency": {}, "workers": []} if restarted or not seconds else first
    methods = {}
    for method, codes in last["calls"].items():
        old = before["calls"].get(method, {})
        grown = {code: count - old.get(code, 0) for code, count in codes.items()}
        counts = _grown(method, before, last)
        watched = bool(seconds) and any(counts)
        shown = counts if watched else last["latency"][method]["counts"]
        bounds = last["latency"][method]["bounds"]
        latency = {f"p{share * 100:g}": quantile(bounds, shown, share) for share in _SHARES}
        methods[method] = {
            "calls_per_second": sum(grown.values()) / seconds if seconds else None,
            "failures_per_second": sum(grown.get(code, 0) for code in _FAULTS) / seconds if seconds else None,
            "latency_seconds": latency | {"since_start": not watched},
        }
    old_workers = {worker["pid"]: worker for worker in before["workers"]}
    workers = [_worker_rates(worker, old_workers.get(worker["pid"]), seconds) for worker in last["workers"]]
    return {"seconds": round(seconds, 3), "methods": methods, "workers": workers}


def _grown(method: str, before: dict[str, Any], last: dict[str, Any]) -> list[int]:
    counts: list[int] = last["latency"][method]["counts"]
    old = before["latency"].get(method, {}).get("counts", [0] * len(counts))
    return [max(new - was, 0) for new, was in zip(counts, old, strict=True)]


def _worker_rates(worker: dict[str, Any], old: dict[str, Any] | None, seconds: float) -> dict[str, float | None]:
    def rate(key: str) -> float | None:
        if not seconds or old is None or key not in worker or key not in old:
            return None
        return float(worker[key] - old[key]) / seconds

    return {"calls_per_second": rate("calls"), "processors": rate("cpu_seconds")}


def _print(told: dict[str, Any], rates: dict[str, Any]) -> None:
    facts = Table.grid(padding=(0, 2))
    words = "draining" if told["draining"] else "ready" if told["ready"] else "NOT READY"
    facts.add_row("state", f"{words}, up {_duration(told['uptime_seconds'])}, version {told['version']}")
    facts.add_row("listens", ", ".join(told[key] for key in ("address", "transport") if told.get(key)))
    facts.add_row("revision", f"{told['revision']} {told['hash']}")
    for what in FOLLOWED:
        if told.get(f"{what}_error"):
            facts.add_row(what, f"REFUSED {_refusal(told[f'{what}_error'])}; what was in force before goes on")
    if (node := told.get("control")) is not None:
        facts.add_row("node", _node(node))
    if (grants := told.get("grants")) is not None:
        facts.add_row("grants", _grants(grants))
    if (people := told.get("people")) is not None:
        facts.add_row("people", _people(people))
    for access in told.get("access_ends", ())[:_MAX_ACCESS]:
        facts.add_row("caller", _access(access))
    if (kept := told.get("snapshots")) is not None:
        facts.add_row("records", _records(kept))
        facts.add_row("evidence", _checkpoint(kept["shipper"]))
        for name, output in sorted(kept["shipper"].get("siem", {}).items()):
            facts.add_row("siem", _siem(name, output))
        for alarm, words in sorted(kept["shipper"].get("alarms", {}).items()):
            facts.add_row("alarm", f"{alarm}: {words}")
    out = console.console()
    out.print(facts)
    workers = console.table("worker", "pid", "state", "revision", "restarts", "calls/s", "cpu", "memory", "up")
    for worker, rate in zip(told["workers"], rates["workers"], strict=True):
        state = worker["state"] + (f": {worker['error']}" if worker.get("error") else "")
        workers.add_row(
            str(worker["worker"]), str(worker["pid"]), state, str(worker["revision"]), str(worker["restarts"]),
            _number(rate["calls_per_second"]), _percent(rate["processors"]), _megabytes(worker.get("rss_bytes")),
            _duration(worker["uptime_seconds"]),
        )  # fmt: skip
    out.print()
    out.print(workers)
    calls = console.table("method", "calls", "calls/s", "failures/s", "p50", "p90", "p99", "")
    for method, rate in rates["methods"].items():
        if not any(told["calls"][method].values()):
            continue
        latency = rate["latency_seconds"]
        calls.add_row(
            method, f"{sum(told['calls'][method].values()):,}", _number(rate["calls_per_second"]),
            _number(rate["failures_per_second"]), *(_time(latency[f"p{share * 100:g}"]) for share in _SHARES),
            "since start" if latency["since_start"] else "",
        )  # fmt: skip
    out.print()
    out.print(calls if calls.row_count else "no calls yet")


def _node(node: dict[str, Any]) -> str:
    """Return how the node stands to the control store."""
    words = [f"revision {node['head']} in force" if node["head"] else "nothing in force yet"]
    if node["candidate"]:
        words.append(f"deciding first by {node['wanted']}")
    if node["refused"] or "refused_code" in node:
        words.append(f"REFUSES {node['refused']} ({node['refused_code']}): {node['refused_error']}")
    elif node["applied"] != node["wanted"]:
        words.append(f"BEHIND at {node['applied']}")
    if node["store_error"] or node["stale"]:
        away = f"STORE AWAY for {_duration(node['store_age_seconds'])}"
        words.append(f"{away}: {node['store_error']}" if node["store_error"] else away)
    return ", ".join(words)


def _grants(grants: dict[str, Any]) -> str:
    """Return how the node stands to grants: how many hold, what was done, and whether they count."""
    words = [f"{grants['active']:,} active"]
    words += [f"{count:,} {step}" for step, count in grants["steps"].items() if count]
    if grants["expired"]:
        words.append(f"{grants['expired']:,} expired")
    age = grants["look_age_seconds"]
    if not grants["honoured"]:
        ago = "never" if age is None else f"{_duration(age)} ago"
        words.append(f"FENCED: the store was last heard {ago}, and until it is grants do not count")
    elif age is not None:
        words.append(f"seen {_duration(age)} ago")
    return ", ".join(words)


def _people(people: dict[str, Any]) -> str:
    """Return what waits for people, and who had to wait."""
    words = []
    waiting = people["waiting"]
    if waiting is None:
        words.append("not looked yet what waits")
    else:
        anomalies = dict(waiting["anomalies"])
        publications = anomalies.pop(_EMERGENCY, None)
        if publications is not None:
            for_ = _duration(publications["age_seconds"])
            words.append(f"{publications['count']:,} EMERGENCY PUBLICATIONS not reviewed for {for_}")
        if anomalies:
            oldest = _duration(max(found["age_seconds"] for found in anomalies.values()))
            count = sum(found["count"] for found in anomalies.values())
            named = ", ".join(f"{found['count']:,} {word}" for word, found in sorted(anomalies.items()))
            words.append(f"{count:,} ANOMALIES not reviewed for {oldest} ({named})")
        reviews = waiting["reviews"]
        words += [f"{count:,} rights {told}" for state, told in _REVIEWS if (count := reviews.get(state, 0))]
        if not words:
            words.append("nothing waits")
    if people["throttled"]:
        words.append(f"{people['throttled']:,} sign-ins had to wait")
    return ", ".join(words)


def _access(access: dict[str, Any]) -> str:
    """Return whose access ends."""
    if access["over"]:
        return f"{access['caller']}: its last token HAS ENDED {_duration(-access['seconds'])} ago, so it cannot call"
    return f"{access['caller']}: its last token ends in {_duration(max(access['seconds'], 0))}"


def _records(kept: dict[str, Any]) -> str:
    """Return how records fare: on this machine, on their way, in the store."""
    spools, shipper = kept["spools"], kept["shipper"]
    words = [f"{spools.get('appended', 0):,.0f} written"]
    words += [f"{count:,.0f} {name.upper()}" for name in ("refused", "unrecorded") if (count := spools.get(name, 0))]
    if "shipped" not in shipper:
        return ", ".join([*words, f"shipper {shipper['state']}"])
    waiting = f"{shipper['lag_records']:,} waiting"
    if shipper["lag_records"]:
        waiting += f" for {_duration(shipper['lag_seconds'])}"
    store = "store there" if shipper["store_up"] else f"STORE AWAY: {shipper['store_error']}"
    return ", ".join([*words, f"{shipper['shipped']:,} shipped", waiting, store])


def _checkpoint(shipper: dict[str, Any]) -> str:
    age = shipper.get("checkpoint_age_seconds")
    return "no checkpoint yet" if age is None else f"checkpoint {shipper['checkpoint']}, {_duration(age)} ago"


def _siem(name: str, output: dict[str, Any]) -> str:
    """Return how an output of security events does."""
    words = [name, f"{output['sent']:,} sent"]
    if output["lag_records"]:
        words.append(f"{output['lag_records']:,} waiting for {_duration(output['lag_seconds'])}")
    if output["failures"]:
        words.append(f"{output['failures']:,} failures")
    return ", ".join([*words, "takes events" if output["up"] else f"AWAY: {output['error'] or 'not reached yet'}"])


def _refusal(error: dict[str, Any]) -> str:
    ago = _duration(max(time.time() - error["at"], 0))
    found = error.get("diagnostics") or []
    if not found:
        return f"{ago} ago: {error.get('reason', '')}"
    first = found[0]
    place = f"{first['file']}:{first['line']}:{first['column']}"
    others = error.get("errors", len(found)) - 1
    more = f" (and {others} more)" if others > 0 else ""
    return f"{ago} ago: {place}: {first['message']} [{first['code']}]{more}"


def _duration(seconds: float) -> str:
    for size, unit, rest, smaller in ((86_400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if seconds >= size:
            return f"{int(seconds // size)} {unit} {int(seconds % size // rest)} {smaller}"
    return f"{seconds:.0f} s"


def _time(seconds: float | None) -> str:
    if seconds is None:
        return ""
    if seconds < 0.001:
        return f"{seconds * 1e6:.0f} µs"
    return f"{seconds * 1e3:.1f} ms" if seconds < 1 else f"{seconds:.1f} s"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.1f}" if 0 < value < 10 else f"{value:,.0f}"


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value * 100:.0f}%"


def _megabytes(value: int | None) -> str:
    return "" if value is None else f"{value / 1e6:.0f} MB"
