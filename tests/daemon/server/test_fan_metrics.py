"""What operators see of the fan-out."""

from daemon.demand import Demand
from daemon.server.dialects.desk import Desk
from daemon.server.fan_metrics import fan_metrics
from daemon.server.limits import Limits
from daemon.server.topics import Hub
from tests.daemon.server.dialects.booth import booth


async def test_every_bound_that_can_be_configured_is_seen() -> None:
    """Whoever meets one can look up which it was: connections, topics, buffers, messages, silence."""
    limits = Limits(message_size=1_000, messages_per_s=3.0, ping_s=7.0, idle_s=21.0, min_push_ms=500)
    hub = Hub([], limits, clock=lambda: 0)
    (bounds,) = [
        family
        for family in fan_metrics(hub, Desk(hub, Demand(lambda: None).want, lambda: 0))
        if family.name == "tocsin_ws_limit"
    ]
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


async def test_clients_of_other_services_are_counted_too() -> None:
    """By path, and their subscriptions by channel."""
    async with booth() as place, place.client() as client:
        await client.subscribe("market:futures:trades", instrument="BTCUSDT")
        families = {family.name: family for family in fan_metrics(place.hub, place.dialects.desk)}
        clients = {sample.labels["path"]: sample.value for sample in families["tocsin_ws_clients"].samples}
        heard = {sample.labels["channel"]: sample.value for sample in families["tocsin_ws_subscriptions"].samples}

        assert {"/futures": 1.0} == clients
        assert {"market:futures:trades"} == {channel for channel, count in heard.items() if count}
