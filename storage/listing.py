"""The outbox as people look at it."""

from typing import Any

import msgspec
from sqlalchemy import Row

from rules.delivery.letters import Form
from storage.notices import to_words

_key = msgspec.json.Decoder(dict[str, str])


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One message and what became of it. Holds no address and no token."""

    key: str
    lane: str
    status: str
    severity: str
    change: str | None  # None: our own words
    rule_id: str | None
    alert_key: dict[str, str]  # venue, symbol, ... of the alert
    headline: str | None  # of our own words
    created_ms: int
    expires_ms: int
    due_ms: int | None  # it leaves no earlier
    form: str | None  # alert, summary, digest or words
    attempts: int
    is_repeat: bool
    not_before_ms: int | None
    send_started_ms: int | None
    finished_ms: int | None
    message_id: str | None
    merged_into: str | None
    reason: str | None  # why it waits, or how it ended


class Lane(msgspec.Struct, frozen=True, kw_only=True):
    """The queue of one sink."""

    name: str
    address_hash: str
    not_before_ms: int | None
    failures: int  # in a row
    held_reason: str | None
    disabled_reason: str | None
    disabled_ms: int | None


def to_entry(row: Row[Any]) -> Entry:
    """One row of the listing."""
    return Entry(
        key=row.key,
        lane=row.lane,
        status=row.status,
        severity=row.severity,
        change=row.change,
        rule_id=row.rule_id,
        alert_key=_key.decode(row.alert_key) if row.alert_key else {},
        headline=_headline(row),
        created_ms=row.created_ms,
        expires_ms=row.expires_ms,
        due_ms=row.due_ms,
        form=row.form,
        attempts=row.attempts,
        is_repeat=row.repeats > 0,
        not_before_ms=row.not_before_ms,
        send_started_ms=row.send_started_ms,
        finished_ms=row.finished_ms,
        message_id=row.message_id,
        merged_into=row.merged_into,
        reason=row.last_error,
    )


def _headline(row: Row[Any]) -> str | None:
    if row.form == Form.DIGEST:
        return "digest of what was kept back"
    return to_words(row.text).headline if row.text else None


def to_lane(row: Row[Any]) -> Lane:
    """One row of the lanes."""
    return Lane(
        name=row.lane,
        address_hash=row.address_hash,
        not_before_ms=row.not_before_ms,
        failures=row.failures,
        held_reason=row.held_reason,
        disabled_reason=row.disabled_reason,
        disabled_ms=row.disabled_ms,
    )
