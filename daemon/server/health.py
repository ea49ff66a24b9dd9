"""How the house is, in one JSON object: silence is not health."""

from typing import TYPE_CHECKING, Any

from daemon.ledger import LaneStatus

if TYPE_CHECKING:
    from daemon.house import House

LATENCY_SHARE = 0.99
_BAD = ("down", "dead", "failing")


def health(house: "House") -> dict[str, Any]:
    """`status` is `ok`, or `degraded` when a feed is down, a sink is dead or fails, or the database holds us.

    Reads nothing but memory, so it answers whatever the database does.
    """
    now_ms = house.clock()
    feeds: list[dict[str, Any]] = [
        {
            "name": status.name,
            "venue": status.venue,
            "state": status.state,
            "since_ms": status.since_ms,
            "last_frame_ms": status.last_frame_ms,
            "last_event_ms": status.last_event_ms,
            "frames": status.frames,
            "events": status.events,
            "reconnects": status.reconnects,
            "unreadable": status.unreadable,
            "last_error": status.last_error,
            "rejected": status.rejected,
        }
        for status in house.feeds.statuses
    ]
    dispatch = house.dispatch
    lanes: list[dict[str, Any]] = [
        {
            "name": name,
            "state": (state := _state(lane, now_ms)),
            "sent": lane.sent,
            "uncertain": lane.uncertain,
            "dead": lane.dead,
            "held": lane.disabled or (lane.last_error if state == "held" else None),
            "last_sent_ms": lane.last_sent_ms,
            "last_error": lane.last_error,
            "lag_p99_ms": _p99(lane.lag_ms),
        }
        for name, lane in (dispatch.status if dispatch is not None else {}).items()
    ]
    held = house.recorder.held_reason
    is_ok = held is None and not any(part["state"] in _BAD for part in (*feeds, *lanes))
    return {
        "status": "ok" if is_ok else "degraded",
        "label": house.config.label,
        "now_ms": now_ms,
        "started_ms": house.started_ms,
        "rules": len(house.rules),
        "mistakes": house.mistakes,
        "firing": sum(1 for _ in house.engine.firing()),
        "events": house.recorder.events_seen,
        "storage": {"place": house.database.place, "held": held},
        "sources": feeds,
        "lanes": lanes,
    }


def _state(lane: LaneStatus, now_ms: int) -> str:
    """`dead` until a person acts; `failing` while nothing arrives; `held` while the far end asks us to wait; or `up`."""
    if lane.disabled is not None:
        return "dead"
    if lane.failing:
        return "failing"
    return "held" if (lane.held_until_ms or 0) > now_ms else "up"


def _p99(lags_ms: list[int]) -> int | None:
    ordered = sorted(lags_ms)
    return ordered[min(len(ordered) - 1, int(len(ordered) * LATENCY_SHARE))] if ordered else None
