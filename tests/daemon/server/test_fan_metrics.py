"""What operators see of the fan-out."""

from daemon.server.fan_metrics import fan_metrics
from daemon.server.limits import Limits
from daemon.server.topics import Hub


async def test_every_bound_that_can_be_configured_is_seen() -> None:
    """Whoever meets one can look up which it was: connections, topics, buffers, messages, silence."""
    limits = Limits(message_size=1_000, messages_per_s=3.0, ping_s=7.0, idle_s=21.0, min_push_ms=500)
    hub = Hub([], limits, clock=lambda: 0)
    (bounds,) = [family for family in fan_metrics(hub) if family.name == "tocsin_ws_limit"]
    seen = {sample.labels["of"]: sample.value for sample in bounds.samples}

    assert {
        "connections": 10_000.0,
        "connections_per_address": 500.0,
        "connections_per_key": 200.0,
        "topics": 2_000.0,
        "write_buffer": 262_144.0,
        "message_size": 1_000.0,
        "messages_per_s": 3.0,
        "ping_s": 7.0,
        "idle_s": 21.0,
        "min_push_ms": 500.0,
    } == seen
