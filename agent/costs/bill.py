"""What a configuration costs a month, line by line. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agent.alarms.alarm import CLUSTER_ID, Alarm, AnyAlarm, Composite
from agent.alarms.definitions import alarms
from agent.alarms.faults import SOME_CLUSTER
from agent.costs.published import of_one_executor, published, requests_an_hour
from agent.costs.workload import HOURS_A_MONTH, Workload
from agent.settings import Settings
from agent.settings_costs import CostsSettings, Tier

FREE_METRICS, FREE_ALARMS, FREE_REQUESTS, FREE_DASHBOARDS = 10, 10, 1_000_000, 3
LONG_POLL_S = 20.0
"""A ReceiveMessage that finds nothing ends after so long (SQS API reference)."""


@dataclass(frozen=True, slots=True)
class Line:
    what: str
    an_hour: float | None
    """How many in an hour in which the cluster is there; None for what is not counted so."""
    a_month: float
    """How many, of the unit."""
    unit: str
    usd: float
    """A month."""


@dataclass(frozen=True, slots=True)
class Bill:
    lines: tuple[Line, ...]
    naive: tuple[Line, ...]
    """The same executors, each with metrics and requests of its own."""

    @property
    def usd(self) -> float:
        return sum(line.usd for line in self.lines)

    @property
    def naive_usd(self) -> float:
        return sum(line.usd for line in self.naive)


def bill(settings: Settings, workload: Workload) -> Bill:
    """A month of one cluster that is there for `hours_per_day`."""
    lines = (
        *_metrics(settings, workload),
        *_requests(settings, workload),
        *_alarms(settings, workload),
        *_dashboards(settings, workload),
    )
    return Bill(lines, tuple(_naive(settings, workload)))


def counted(number: int, what: str) -> str:
    """Such as `9 alarms`."""
    return f"{number:,} {what}" + ("" if number == 1 else "s")


def metrics_usd(metric_months: float, tiers: Sequence[Tier]) -> float:
    """Through the tiers from the dearest on."""
    usd = below = 0.0
    for tier in tiers:
        upper = metric_months if tier.up_to is None else min(metric_months, tier.up_to)
        usd += max(0.0, upper - below) * tier.usd
        below = max(below, upper)
    return usd


def _metrics(settings: Settings, workload: Workload) -> Iterator[Line]:
    prices = settings.costs
    share = workload.billed_hours / HOURS_A_MONTH
    so_far = -float(FREE_METRICS) if prices.free_tier else 0.0
    for each in published(settings, workload):
        months = each.metrics * share
        usd = _up_to(so_far + months, prices) - _up_to(so_far, prices)
        so_far += months
        yield Line(f"metrics under {each.dimensions}", each.metrics, months, "metric-months", usd)


def _up_to(metric_months: float, prices: CostsSettings) -> float:
    return metrics_usd(max(0.0, metric_months), prices.metric_tiers)


def _requests(settings: Settings, workload: Workload) -> Iterator[Line]:
    prices, hours = settings.costs, workload.hours_per_day * HOURS_A_MONTH / 24
    free = FREE_REQUESTS if prices.free_tier else 0
    if an_hour := requests_an_hour(settings, workload):
        usd = max(0.0, an_hour * hours - free) / 1000 * prices.usd_per_1000_requests
        yield Line("PutMetricData", an_hour, an_hour * hours, "requests", usd)
    if streams := len(settings.sources.kinesis):
        asked = streams * 3_600 / settings.sources.kinesis_period_s
        usd = asked * hours / 1000 * prices.usd_per_1000_requests
        yield Line(f"GetMetricData of {counted(streams, 'stream')}", asked, asked * hours, "metrics asked for", usd)
    if settings.actions.queue_url is not None:
        polls = 3_600 / LONG_POLL_S
        usd = max(0.0, polls * hours - free) / 1e6 * prices.sqs_usd_per_million
        yield Line("ReceiveMessage, while nothing comes", polls, polls * hours, "requests", usd)


def _alarms(settings: Settings, workload: Workload) -> Iterator[Line]:
    """A standard alarm costs by its metrics. Those of the cluster are there as long as it is, if they go with it."""
    prices, made = settings.costs, alarms(settings, settings.cluster.id or SOME_CLUSTER)
    metric = [alarm for alarm in made if isinstance(alarm, Alarm)]
    free = float(FREE_ALARMS) if prices.free_tier else 0.0
    for what, unit, meant, usd in (
        ("alarm", "alarm metrics", [one for one in metric if not one.high_resolution], prices.alarm_usd),
        (
            "high-resolution alarm",
            "alarm metrics",
            [one for one in metric if one.high_resolution],
            prices.high_resolution_alarm_usd,
        ),
        ("composite alarm", "alarms", [one for one in made if isinstance(one, Composite)], prices.composite_alarm_usd),
    ):
        if not meant:
            continue
        months = sum(_size(alarm) * _share(alarm, settings, workload) for alarm in meant)
        billed, free = max(0.0, months - free), max(0.0, free - months)
        yield Line(counted(len(meant), what), None, months, unit, billed * usd)


def _size(alarm: AnyAlarm) -> int:
    return len(alarm.queries) if isinstance(alarm, Alarm) else 1


def _share(alarm: AnyAlarm, settings: Settings, workload: Workload) -> float:
    goes = alarm.subject.dimension == CLUSTER_ID and settings.alarms.remove_at_end
    return workload.billed_hours / HOURS_A_MONTH if goes else 1.0


def _dashboards(settings: Settings, workload: Workload) -> Iterator[Line]:
    prices = settings.costs
    if workload.dashboards:
        billed = max(0, workload.dashboards - (FREE_DASHBOARDS if prices.free_tier else 0))
        yield Line(
            counted(workload.dashboards, "dashboard"),
            None,
            workload.dashboards,
            "dashboards",
            billed * prices.dashboard_usd,
        )


def _naive(settings: Settings, workload: Workload) -> Iterator[Line]:
    """Each executor a dimension of its own, each sending for itself, none ever replaced by another."""
    prices, hours = settings.costs, workload.hours_per_day * HOURS_A_MONTH / 24
    series = of_one_executor() * workload.executors
    months = series * workload.billed_hours / HOURS_A_MONTH
    usd = metrics_usd(months, prices.metric_tiers)
    yield Line("metrics under {ClusterId, ExecutorId}", series, months, "metric-months", usd)
    an_hour = workload.executors * 3_600 / settings.sinks.cloudwatch.period_s
    usd = an_hour * hours / 1000 * prices.usd_per_1000_requests
    yield Line("PutMetricData", an_hour, an_hour * hours, "requests", usd)
