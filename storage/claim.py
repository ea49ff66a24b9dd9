"""Which message of a lane goes next, and all that is needed to put it into words."""

from collections.abc import Sequence
from math import nan
from typing import Any

import msgspec
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from rules.alerts import Alert, Change, Severity
from rules.alerts import Moment as Moment
from storage.notices import SENT, UNCERTAIN, WAITING, Words, to_words
from storage.rows import to_alert
from storage.statements import (
    add_lane,
    alert_of_episode,
    episode_in_lane,
    expire_lane,
    expire_one,
    finish_dead,
    head_of_lane,
    history_of_episode,
    in_flight,
    lane_to_claim,
    merge_the_rest,
    start_sending,
)


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """A message that is being sent. It has an alert to be rendered from, or words of our own."""

    key: str
    lane: str
    severity: Severity  # the loudest of what it tells
    change: Change | None = None  # what it tells, all in all; None: our own words
    alert: Alert | None = None  # as it stands now
    history: tuple[Moment, ...] = ()  # oldest first, at most the latest 100
    words: Words | None = None
    created_ms: int  # when the oldest part of it was decided
    expires_ms: int
    attempts: int  # earlier tries that certainly did not arrive
    is_repeat: bool  # an earlier copy may have arrived
    merged: int = 1  # how many waiting changes this one message tells
    edits: str | None = None  # the far end's name of the episode's first message, if this replaces it
    edits_too: str | None = None  # and that of its latest, if that is another: nobody may read it as the last word


NOT_TOLD = "nothing was told of this alert, so good news about it is not either"
_GOOD_NEWS = (Change.CLEARED, Change.EASED)  # an ease of what a cooldown kept quiet would be the first word of it
NO_ALERT = "its alert is no longer in the database"


async def claim(connection: AsyncConnection, lane: str, now_ms: int, *, can_edit: bool = True) -> Delivery | None:
    """Take the head of the lane, in the caller's transaction; None if nothing may leave now.

    A lane is first in, first out, whatever the severity: an end must not overtake its beginning. It has one message
    in flight, and a head that must wait holds back those behind it. But one message tells all that waits of its episode.
    """
    row = await _lane(connection, lane)
    if row is None or row.disabled_reason is not None or (row.not_before_ms or 0) > now_ms:
        return None
    if (await connection.execute(in_flight, {"the_lane": lane})).first() is not None:
        return None
    while (head := (await connection.execute(head_of_lane, {"the_lane": lane})).first()) is not None:
        if head.expires_ms <= now_ms:
            await connection.execute(expire_lane, {"the_lane": lane, "now_ms": now_ms})
            continue
        if (head.not_before_ms or 0) > now_ms:
            return None
        if head.episode_id is None:
            return await _own_words(connection, head, now_ms)
        if (delivery := await _episode(connection, head, now_ms, can_edit)) is not None:
            return delivery
    return None


async def _lane(connection: AsyncConnection, lane: str) -> Row[Any] | None:
    """The lane's row, locked; None while another claimer has it. A lane nobody announced is added."""
    for _ in range(2):
        if (row := (await connection.execute(lane_to_claim, {"the_lane": lane})).first()) is not None:
            return row
        await connection.execute(add_lane, {"lane": lane, "address_hash": "", "failures": 0})
    return None


async def _own_words(connection: AsyncConnection, head: Row[Any], now_ms: int) -> Delivery:
    severity = Severity(head.severity)
    await _start(connection, head, severity, head.expires_ms, head.repeats, None, now_ms)
    return Delivery(
        key=head.key,
        lane=head.lane,
        severity=severity,
        words=to_words(head.text or '{"headline":""}'),
        created_ms=head.created_ms,
        expires_ms=head.expires_ms,
        attempts=head.attempts,
        is_repeat=head.repeats > 0,
    )


async def _episode(connection: AsyncConnection, head: Row[Any], now_ms: int, can_edit: bool) -> Delivery | None:
    """The head and all that waits of its episode as one message; None if the head came to its end unsent."""
    where = {"the_lane": head.lane, "the_episode": head.episode_id}
    rows = (await connection.execute(episode_in_lane, where)).all()
    if head.change in _GOOD_NEWS and not _was_told(rows):
        await connection.execute(expire_one, {"the_key": head.key, "now_ms": now_ms, "the_reason": NOT_TOLD})
        return None
    found = (await connection.execute(alert_of_episode, {"the_episode": head.episode_id})).first()
    if found is None:
        await connection.execute(finish_dead, {"the_key": head.key, "now_ms": now_ms, "the_reason": NO_ALERT})
        return None
    alert = to_alert(found)
    group = [row for row in rows if row.status == WAITING]
    severity = max((Severity(row.severity) for row in group), key=lambda severity: severity.rank)
    expires_ms = max(row.expires_ms for row in group)
    repeats = max(row.repeats for row in group)
    change = told_change([Change(row.change) for row in group if row.change is not None], alert)
    edits, edits_too = _editable(rows) if can_edit and change in _GOOD_NEWS else (None, None)
    await _start(connection, head, severity, expires_ms, repeats, edits, now_ms)
    if len(group) > 1:
        await connection.execute(merge_the_rest, {**where, "the_key": head.key, "now_ms": now_ms})
    moments = (await connection.execute(history_of_episode, {"the_episode": head.episode_id})).all()
    return Delivery(
        key=head.key,
        lane=head.lane,
        severity=severity,
        change=change,
        alert=alert,
        history=tuple(_moment(row) for row in reversed(moments)),
        created_ms=min(row.created_ms for row in group),
        expires_ms=expires_ms,
        attempts=head.attempts,
        is_repeat=repeats > 0,
        merged=len(group) + sum(row.merged_into == head.key for row in rows),
        edits=edits,
        edits_too=edits_too,
    )


def told_change(changes: Sequence[Change], alert: Alert) -> Change | None:
    """What one message about several changes says: the end if it is among them, else the beginning, else the latest."""
    if not changes:
        return None
    if changes[-1] in (Change.CLEARED, Change.LAPSED):
        return changes[-1]
    if Change.FIRED in changes:  # also of an alert that is over since: the words say so, and nobody was told before
        return Change.FIRED
    if alert.ended_ms is not None and not alert.is_momentary:
        return Change.CLEARED
    return changes[-1]


def _was_told(rows: Sequence[Row[Any]]) -> bool:
    """Whether anything of the episode arrived in the lane, or may have."""
    return any(row.status in (SENT, UNCERTAIN) or row.repeats > 0 for row in rows)


def _editable(rows: Sequence[Row[Any]]) -> tuple[str | None, str | None]:
    """The names of the first message and of the latest, if that is another; what got worse was told by a new one.

    None where the latest has no name (the answer to it was lost): it would stand as the last word.
    """
    shown = [row.message_id for row in rows if row.status != WAITING and _was_told((row,)) and not _was_edit(row)]
    if not shown or shown[-1] is None:
        return None, None
    first = next(name for name in shown if name is not None)
    return first, shown[-1] if shown[-1] != first else None


def _was_edit(row: Row[Any]) -> bool:
    return row.edit_of is not None and row.edit_of == row.message_id


async def _start(
    connection: AsyncConnection,
    head: Row[Any],
    severity: Severity,
    expires_ms: int,
    repeats: int,
    edits: str | None,
    now_ms: int,
) -> None:
    values = {
        "the_key": head.key,
        "now_ms": now_ms,
        "the_severity": severity.value,
        "the_expires_ms": expires_ms,
        "the_repeats": repeats,
        "the_edit_of": edits,
    }
    await connection.execute(start_sending, values)


def _moment(row: Row[Any]) -> Moment:
    value = nan if row.value is None else row.value
    return Moment(Change(row.change), Severity(row.severity), row.at_ms, value)
