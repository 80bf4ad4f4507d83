"""The metrics of an agent's polling and sending, as OpenMetrics text, made when they are asked for."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from aiohttp import web
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric, StateSetMetricFamily
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector, CollectorRegistry

from agent.modbus.bus import Bus
from agent.modbus.unit import Unit
from agent.view.state import WORDS
from agent.wire.hosts import authority, host_and_port
from agent.wire.listening import listen

PREFIX = "cellwarden_"
CONNECTIONS = 64
MADE_AGAIN_S = 0.5  # at most so often, however many ask: the polling waits meanwhile
QUANTILES = (0.5, 0.9, 0.99)

UNIT_COUNTS = {  # field of Counters: what it counts
    "cycles": "Poll cycles that were due.",
    "late_cycles": "Cycles that ended after the next one should have begun, or did not begin.",
    "frames": "Frames that came of them.",
    "late_replies": "Replies that came after their time-out.",
}


class _Snapshot(Collector):
    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = list(metrics)

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def exposition(
    buses: Sequence[Bus],
    known: Mapping[str, str],
    now_s: float,
    account: Mapping[str, Any],
    upstreams: Sequence[Mapping[str, Any]],
) -> bytes:
    """The text of /metrics. known: one of `WORDS` by unit; now_s: CLOCK_BOOTTIME; the rest as the control
    socket has it.
    """
    registry = CollectorRegistry(auto_describe=False)
    of_units = _of_units(buses, known, now_s)
    registry.register(_Snapshot([*_of_buses(buses), *of_units, *_of_upstreams(account, upstreams)]))
    text: bytes = generate_latest(registry)  # type: ignore[no-untyped-call]
    return text


def _of_buses(buses: Sequence[Bus]) -> Iterator[Metric]:
    busy = CounterMetricFamily(
        PREFIX + "bus_busy_seconds",
        "Time in which the bus carried a request; its rate is the utilisation.",
        labels=["bus"],
        unit="seconds",
    )
    up = GaugeMetricFamily(PREFIX + "bus_up", "1 where the port is open.", labels=["bus"])
    for bus in buses:
        busy.add_metric([bus.name], bus.busy_s)
        up.add_metric([bus.name], bus.port.is_open)
    yield from (busy, up)


def _of_units(buses: Sequence[Bus], known: Mapping[str, str], now_s: float) -> Iterator[Metric]:
    units = [(unit, [bus.name, unit.name]) for bus in buses for unit in bus.units]
    labels = ["bus", "unit"]
    reads = CounterMetricFamily(
        PREFIX + "unit_reads", "Requests, by what became of them.", labels=[*labels, "result"]
    )
    for unit, names in units:
        for result, count in unit.counters.by_verdict().items():
            reads.add_metric([*names, result], count)
    yield reads
    for field, text in UNIT_COUNTS.items():
        family = CounterMetricFamily(PREFIX + "unit_" + field, text, labels=labels)
        for unit, names in units:
            family.add_metric(names, getattr(unit.counters, field))
        yield family
    misses = CounterMetricFamily(
        PREFIX + "unit_deadline_misses",
        "Intervals between complete readings of the safety points that were longer than the deadline.",
        labels=labels,
    )
    response = GaugeMetricFamily(
        PREFIX + "unit_response_seconds",
        "How long the unit takes to begin its answer, over its last 200.",
        labels=[*labels, "quantile"],
        unit="seconds",
    )
    states = StateSetMetricFamily(
        PREFIX + "unit_knowledge", "The page's word for what is known of it.", labels=labels
    )
    for unit, names in units:
        misses.add_metric(names, unit.intervals.misses)
        for q in QUANTILES:
            if (seconds := unit.patience.times.quantile(q)) is not None:
                response.add_metric([*names, f"{q:g}"], seconds)
        states.add_metric(names, {word: word == known[unit.name] for word in WORDS})
    yield from (misses, response, states)
    yield from _gauges(units, now_s)


def _gauges(units: Sequence[tuple[Unit, list[str]]], now_s: float) -> Iterator[Metric]:
    timeout = GaugeMetricFamily(
        PREFIX + "unit_timeout_seconds",
        "The time-out that was learned.",
        labels=["bus", "unit"],
        unit="seconds",
    )
    age = GaugeMetricFamily(
        PREFIX + "unit_age_seconds",
        "Age of the last complete reading of the safety points.",
        labels=["bus", "unit"],
        unit="seconds",
    )
    backoff = GaugeMetricFamily(
        PREFIX + "unit_backoff_seconds",
        "The pause between probes of a silent unit; 0 for one that answers.",
        labels=["bus", "unit"],
        unit="seconds",
    )
    for unit, names in units:
        timeout.add_metric(names, unit.patience.times.timeout_s)
        backoff.add_metric(names, unit.patience.pause_s)
        if unit.heard_s is not None:
            age.add_metric(names, round(now_s - unit.heard_s, 3))
    yield from (timeout, age, backoff)


def _of_upstreams(account: Mapping[str, Any], upstreams: Sequence[Mapping[str, Any]]) -> Iterator[Metric]:
    up = GaugeMetricFamily(PREFIX + "upstream_up", "1 where its collector is reached.", labels=["upstream"])
    batches = GaugeMetricFamily(
        PREFIX + "upstream_batches",
        "Batches of the open epoch, by what became of them.",
        labels=["upstream", "state"],
    )
    behind = GaugeMetricFamily(
        PREFIX + "upstream_behind_seconds",
        "Seconds of frames that it lacks.",
        labels=["upstream"],
        unit="seconds",
    )
    only_here = GaugeMetricFamily(
        PREFIX + "only_here_seconds",
        "Seconds of frames that no other place has: what a fire here would cost now.",
        unit="seconds",
    )
    for one in upstreams:
        up.add_metric([one["name"]], one["reached"])
        for state in ("acknowledged", "pending", "dropped", "withheld"):
            batches.add_metric([one["name"], state], one["account"][state])
        if one["behind_s"] is not None:
            behind.add_metric([one["name"]], one["behind_s"])
    only_here.add_metric([], account["only_here_s"])
    yield from (up, batches, behind, only_here)


class MetricsError(Exception):
    """The address for metrics cannot be used."""


class MetricsServer:
    """Serves GET /metrics on an address of [metrics], to whoever asks: it holds counts, no secrets.

    `trouble` says why it is not served; "" when it is.
    """

    def __init__(self, listen: str, text: Callable[[], Awaitable[bytes]]) -> None:
        self._host, self._port = host_and_port(listen) or ("", 0)
        self._text, self.trouble = text, "not started yet"
        self._made, self._made_s, self._making = b"", -MADE_AGAIN_S, asyncio.Lock()

    async def _answer(self, _request: web.Request) -> web.Response:
        async with self._making:  # who asks meanwhile waits for the same text
            now_s = time.monotonic()
            if now_s - self._made_s >= MADE_AGAIN_S:
                self._made, self._made_s = await self._text(), now_s
        return web.Response(body=self._made, headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def run(self) -> None:
        """Serve until cancelled. Raises MetricsError where the address is taken or not ours."""
        app = web.Application()
        app.router.add_get("/metrics", self._answer)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5, auto_decompress=False)
        await runner.setup()
        try:
            for listener in await listen(self._host, self._port, CONNECTIONS):
                await web.SockSite(runner, listener).start()
            self.trouble = ""
            await asyncio.Future()
        except OSError as error:
            self.trouble = f"[metrics] listen {authority(self._host, self._port)}: {error.strerror or error}"
            raise MetricsError(self.trouble) from error
        finally:
            await runner.cleanup()
