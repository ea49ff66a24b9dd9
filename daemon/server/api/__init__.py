"""What programs may ask over HTTP, and do: alerts, events, rules, silences, the outbox. `RESOURCES` holds them all."""

from daemon.server.api import alerts, events, outbox, rules, silences

RESOURCES = (
    *alerts.RESOURCES,
    *events.RESOURCES,
    *rules.RESOURCES,
    *silences.RESOURCES,
    *outbox.RESOURCES,
)
