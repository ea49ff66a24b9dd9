"""What the fan-out counts, for Prometheus: who is connected, what they were sent, and which bounds were met."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from daemon.server.dialects.desk import Desk
from daemon.server.topics import Hub

BOUNDS = (
    "connections", "connections_per_address", "connections_per_key", "topics", "write_buffer", "message_size",
    "messages_per_s", "ping_s", "idle_s", "min_push_ms",
)  # fmt: skip


def fan_metrics(hub: Hub, dialects: Desk, others: Mapping[str, int] = MappingProxyType({})) -> Iterator[Metric]:
    """Clients by endpoint (`others` by path) and subscriptions by channel, never by parameters: their number has no bound."""
    counters, limits = hub.counters, hub.limits
    clients = GaugeMetricFamily("tocsin_ws_clients", "Clients by endpoint", labels=["path"])
    for path, count in hub.clients_by_path().items():
        clients.add_metric([path], count)
    for path, count in (*dialects.clients.items(), *others.items()):
        clients.add_metric([path], count)
    yield clients
    subscriptions = GaugeMetricFamily(
        "tocsin_ws_subscriptions", "Subscriptions of other services' clients", labels=["channel"]
    )
    for channel, count in dialects.subscriptions_by_channel().items():
        subscriptions.add_metric([channel], count)
    yield subscriptions
    yield GaugeMetricFamily("tocsin_ws_topics", "Different answers kept", value=hub.topics)
    yield GaugeMetricFamily("tocsin_ws_waiting_bytes", "Bytes that clients have not read yet", value=hub.waiting_bytes)
    bounds = GaugeMetricFamily("tocsin_ws_limit", "Configured bounds (server: in the configuration)", labels=["of"])
    for name in BOUNDS:
        bounds.add_metric([name], getattr(limits, name))
    yield bounds
    for name, words, value in (
        ("connected", "Connections since the start", counters.connected),
        ("frames", "Frames written", counters.frames),
        ("bytes", "Bytes of frames written", counters.bytes),
        ("answers", "Answers computed, each for all clients of its topic", counters.answers),
        ("answer_failures", "Answers that could not be given", counters.answer_failures),
        ("conflated", "Frames left out because their client was behind", counters.conflated),
    ):
        yield CounterMetricFamily(f"tocsin_ws_{name}", words, value=value)
    for name, words, counter in (
        ("goodbyes", "Connections that we ended, with a code", counters.goodbyes),
        ("aborted", "Connections cut without a word", counters.aborted),
        ("refused", "Clients not let in", counters.refused),
        ("errors", "Error frames", counters.errors),
    ):
        family = CounterMetricFamily(f"tocsin_ws_{name}", words, labels=["reason"])
        for reason, count in counter.items():
            family.add_metric([reason], count)
        yield family
