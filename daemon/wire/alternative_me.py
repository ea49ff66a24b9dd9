"""alternative.me over REST: fear and greed, one number a day.

Facts: newest first; numbers are text; only the newest row says when the next one comes; days may be missing. `format=csv`
answers with something that is neither CSV nor JSON, and `date_format` makes dates of the times: neither is ever asked for.
"""

from collections.abc import Sequence

import msgspec

from daemon.wire.control import Unreadable
from daemon.wire.numbers import number, whole
from daemon.wire.rows import readable
from daemon.wire.trouble import brief
from rules.events import FearGreed

VENUE = "alternative_me"
REST_URL = "https://api.alternative.me"
FEAR_GREED = "/fng/"  # ?limit=N; 0 is everything since 2018-02-01


class Day(msgspec.Struct, frozen=True, gc=False):
    """Fear and greed of one day, 0 to 100, with the upstream's own class."""

    value: int
    classification: str
    at_s: int
    next_update_s: int | None = None


class _Row(msgspec.Struct, gc=False):
    value: str | int | float | None = None
    value_classification: str = ""
    timestamp: str | int | None = None
    time_until_update: str | int | None = None


class _Meta(msgspec.Struct, gc=False):
    error: str | None = None


class _Answer(msgspec.Struct, gc=False):
    data: list[_Row] | None = None
    metadata: _Meta | None = None


_answer = msgspec.json.Decoder(_Answer)


def decode_days(body: bytes) -> list[Day]:
    """Days, newest first; those without a value or a time are left out."""
    try:
        answer = _answer.decode(body)
    except (msgspec.DecodeError, ValueError, RecursionError) as exc:
        raise Unreadable(f"alternative.me sent an answer that cannot be read: {brief(exc)}") from exc
    if answer.metadata is not None and answer.metadata.error:
        raise Unreadable(f"alternative.me refused: {brief(answer.metadata.error)}")
    if answer.data is None:
        raise Unreadable("alternative.me sent an answer that cannot be read: it has no data")
    return sorted(readable(answer.data, _day), key=lambda day: -day.at_s)


def _day(row: _Row) -> Day | None:
    value, at_s = number(row.value), whole(row.timestamp)
    if value is None or at_s is None or not 0 <= value <= 100:
        return None
    return Day(round(value), row.value_classification, at_s, whole(row.time_until_update))


def fear_greed(day: Day, received_ms: int) -> FearGreed:
    """The event of a day; it happened as the day began."""
    return FearGreed(
        venue=VENUE, index=day.value, mood=day.classification, at_ms=day.at_s * 1_000, received_ms=received_ms
    )


def encode_days(days: Sequence[Day]) -> bytes:
    """The answer to /fng/."""
    rows = []
    for day in sorted(days, key=lambda day: -day.at_s):
        row = {"value": str(day.value), "value_classification": day.classification, "timestamp": str(day.at_s)}
        if day.next_update_s is not None:
            row["time_until_update"] = str(day.next_update_s)
        rows.append(row)
    return msgspec.json.encode({"name": "Fear and Greed Index", "data": rows, "metadata": {"error": None}})
