"""What a collector says of itself, in OpenMetrics text."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST as OPENMETRICS
from prometheus_client.openmetrics.exposition import generate_latest
from prometheus_client.registry import Collector, CollectorRegistry

__all__ = ["OPENMETRICS", "exposition"]

PREFIX = "cellwarden_collector_"
COUNTS = {  # key of Receiver.counts: what it counts since the start
    "batches": "Batches stored.",
    "values": "Values in them.",
    "duplicates": "Batches that were stored already.",
    "refused": "Batches that were not sound.",
    "conflicts": "Batches whose key is stored with other bytes.",
    "unusable_schemas": "Schemas that came and say nothing by which values can be read.",
}
AUDITED = {  # key of what `audit --all --record` leaves: name, text, unit
    "utc_ns": ("audit_timestamp_seconds", "When all was audited last, by `audit --all --record`.", "seconds"),
    "balanced": ("audit_balanced", "1 where all balanced then.", ""),
    "missing": ("audit_missing_batches", "Batches that were missing then, of all agents.", ""),
    "streams": ("audit_streams", "Agents and epochs that were audited then.", ""),
}


class _Snapshot(Collector):
    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = list(metrics)

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def exposition(
    counts: Mapping[str, int],
    under_way: int,
    missing: Mapping[str, int],
    withheld: Mapping[str, int],
    ages_s: Mapping[str, float],
    silent: Iterable[str],
    incidents: Iterable[tuple[str, str, int]],
    stores: bool,
    audited: Mapping[str, Any] | None,
    figures_behind_s: float | None,
) -> bytes:
    """The text of /metrics: counts since the start, the state of every agent, and what the last audit over
    all said (`collector.audit_all.result`; None: there was none); how long frames wait for their minute.
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(
        _Snapshot(
            [
                *_metrics(
                    counts, under_way, missing, withheld, ages_s, set(silent), incidents, stores, audited
                ),
                GaugeMetricFamily(
                    PREFIX + "figures_behind_seconds",
                    "How long the oldest frames wait for their minute figures; 100 is usual.",
                    value=figures_behind_s or 0.0,
                    unit="seconds",
                ),
            ]
        )
    )
    text: bytes = generate_latest(registry)  # type: ignore[no-untyped-call]
    return text


def _metrics(
    counts: Mapping[str, int],
    under_way: int,
    missing: Mapping[str, int],
    withheld: Mapping[str, int],
    ages_s: Mapping[str, float],
    silent: set[str],
    incidents: Iterable[tuple[str, str, int]],
    stores: bool,
    audited: Mapping[str, Any] | None,
) -> Iterator[Metric]:
    for key, text in COUNTS.items():
        yield CounterMetricFamily(PREFIX + key, text, value=counts.get(key, 0))
    errors = CounterMetricFamily(PREFIX + "http_errors", "Requests not answered with 200.", labels=["status"])
    for key in sorted(key for key in counts if key.startswith("http_")):
        errors.add_metric([key.removeprefix("http_")], counts[key])
    yield errors
    yield GaugeMetricFamily(
        PREFIX + "requests_under_way", "Requests that are not answered yet.", value=under_way
    )
    yield GaugeMetricFamily(
        PREFIX + "stores", "0 where nothing can be stored: the disk refuses.", value=stores
    )
    strange = CounterMetricFamily(
        PREFIX + "incidents",
        "What a person must look at, ever: conflict, clone, rollback (two agents with one id, or a copy of"
        " one), silent, schema.",
        labels=["agent", "kind"],
    )
    for agent, kind, times in incidents:
        strange.add_metric([agent, kind], times)
    yield strange
    gaps = GaugeMetricFamily(
        PREFIX + "missing_batches", "Batches below the highest seen that are not here.", labels=["agent"]
    )
    ages = GaugeMetricFamily(
        PREFIX + "agent_heard_seconds", "Since the agent was last heard.", labels=["agent"], unit="seconds"
    )
    quiet = GaugeMetricFamily(PREFIX + "agent_silent", "1 where silence is an alarm.", labels=["agent"])
    kept = GaugeMetricFamily(
        PREFIX + "withheld_batches", "Batches that this collector is never to have.", labels=["agent"]
    )
    for agent in sorted(missing):
        gaps.add_metric([agent], missing[agent])
        kept.add_metric([agent], withheld[agent])
    for agent in sorted(ages_s):
        ages.add_metric([agent], round(ages_s[agent], 3))
        quiet.add_metric([agent], agent in silent)
    yield from (gaps, kept, ages, quiet)
    for key, (name, text, unit) in AUDITED.items():
        if audited is not None and isinstance(audited.get(key), int):
            value = audited[key] / 1e9 if unit else audited[key]
            yield GaugeMetricFamily(PREFIX + name, text, value=value, unit=unit)
