"""/metrics for Prometheus, made from what the house counts anyway. No symbols in labels: their number has no bound."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from daemon.server.fan_metrics import fan_metrics
from storage.trouble import StorageTrouble

if TYPE_CHECKING:
    from daemon.house import House


async def metrics(house: "House") -> bytes:
    """The text that Prometheus reads."""
    try:
        counts = await house.outbox.counts()
    except StorageTrouble:
        counts = {}
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Snapshot(house, counts))
    return generate_latest(registry)


class _Snapshot:
    """Everything at one moment."""

    def __init__(self, house: "House", counts: dict[tuple[str, str], int]) -> None:
        self._house = house
        self._counts = counts

    def collect(self) -> Iterator[Metric]:
        house = self._house
        yield from self._feeds()
        yield CounterMetricFamily("tocsin_events", "Events observed", value=house.recorder.events_seen)
        yield CounterMetricFamily(
            "tocsin_transitions", "Alert transitions decided", value=house.recorder.transitions_seen
        )
        yield GaugeMetricFamily("tocsin_rules", "Rules loaded", value=len(house.rules))
        yield GaugeMetricFamily("tocsin_firing", "Episodes firing now", value=sum(1 for _ in house.engine.firing()))
        yield GaugeMetricFamily("tocsin_waiting_batches", "Batches not yet recorded", value=house.waiting_batches)
        yield GaugeMetricFamily(
            "tocsin_storage_held",
            "1 while the database takes nothing",
            value=float(house.recorder.held_reason is not None),
        )
        refused = CounterMetricFamily("tocsin_refused_keys", "Keys beyond a rule's cap", labels=["rule"])
        for rule, count in house.engine.refused_keys.items():
            refused.add_metric([rule], count)
        yield refused
        yield from self._lanes()
        if house.showroom is not None:
            others = house.changes.clients if house.changes is not None else {}
            yield from fan_metrics(house.hub, house.showroom.dialects.desk, others)

    def _feeds(self) -> Iterator[Metric]:
        up = GaugeMetricFamily("tocsin_feed_up", "1 while the feed is up", labels=["feed"])
        age = GaugeMetricFamily("tocsin_feed_frame_age_seconds", "Since the last frame", labels=["feed"])
        counters = {
            name: CounterMetricFamily(f"tocsin_feed_{name}", words, labels=["feed"])
            for name, words in (
                ("frames", "Frames read"),
                ("events", "Events published"),
                ("reconnects", "Connections after the first"),
                ("unreadable", "Frames that could not be read"),
                ("gaps", "Times an order book lost an update and had to begin anew"),
            )
        }
        topics = GaugeMetricFamily("tocsin_feed_topics", "Topics that are subscribed now", labels=["feed"])
        now_ms = self._house.clock()
        for status in self._house.feeds.statuses:
            up.add_metric([status.name], float(status.state == "up"))
            if status.last_frame_ms is not None:
                age.add_metric([status.name], (now_ms - status.last_frame_ms) / 1000)
            for name, counter in counters.items():
                counter.add_metric([status.name], getattr(status, name))
            topics.add_metric([status.name], status.topics)
        yield up
        yield age
        yield topics
        yield from counters.values()

    def _lanes(self) -> Iterator[Metric]:
        outbox = GaugeMetricFamily("tocsin_outbox", "Messages by what became of them", labels=["sink", "status"])
        for (sink, became), count in self._counts.items():
            outbox.add_metric([sink, became], count)
        yield outbox
        held = CounterMetricFamily("tocsin_sink_held", "Times a sink asked us to wait (429)", labels=["sink"])
        failed = CounterMetricFamily("tocsin_sink_failed", "Tries that did not leave", labels=["sink"])
        up = GaugeMetricFamily("tocsin_sink_up", "0 while nothing arrives there, or nothing is sent", labels=["sink"])
        dispatch = self._house.dispatch
        for sink, status in (dispatch.status if dispatch is not None else {}).items():
            held.add_metric([sink], status.held)
            failed.add_metric([sink], status.failed)
            up.add_metric([sink], float(status.disabled is None and not status.failing))
        yield held
        yield failed
        yield up
