"""Messages that do not say what has happened since: they are written anew, and then say so.

An alert was answered under another message, in whichever chat, or all that a message told are over (see `endings`).
Marked with what happened, in one transaction, so a crash forgets none.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Row, and_, bindparam, exists, func, null, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from rules.alerts import Change, Severity
from rules.delivery.gather import quiet_until_ms
from rules.delivery.letters import Form
from rules.delivery.policy import SinkPolicy
from storage import statements as say
from storage.database import Database
from storage.deliveries import Delivery
from storage.endings import next_over, says_so
from storage.notices import SENDING, SENT, UNCERTAIN, WAITING, form_of
from storage.rows import to_moment
from storage.schema import alerts, buttons, lanes, outbox
from storage.told import editable
from storage.waiting import Waiting

EPISODES_MAX = 100  # that are looked at once; most of them wait for a message that is to leave

_its_lane = buttons.c.lane == bindparam("the_lane")
episodes_behind = (  # those that are loud enough for this hour
    select(
        buttons.c.episode_id,
        func.max(buttons.c.behind_ms).label("behind_ms"),
        func.count(buttons.c.place).label("pressed"),
    )
    .select_from(buttons.outerjoin(alerts, alerts.c.episode_id == buttons.c.episode_id))
    .where(
        _its_lane,
        buttons.c.episode_id.is_not(None),
        buttons.c.behind_ms.is_not(None),
        or_(alerts.c.severity.is_(None), alerts.c.severity.in_(bindparam("the_severities", expanding=True))),
    )
    .group_by(buttons.c.episode_id)
    .order_by("behind_ms", buttons.c.episode_id)
    .limit(bindparam("the_limit"))
)
_has_caught_up = and_(  # what was answered meanwhile is still to be said
    _its_lane, buttons.c.episode_id == bindparam("the_episode"), buttons.c.behind_ms <= bindparam("the_behind_ms")
)
lock_caught_up = (  # in the order of `answers.lock_buttons`, or a press at this moment would be the loser of a deadlock
    select(buttons.c.token).where(_has_caught_up).order_by(buttons.c.token).with_for_update()
)
lane_at_a_glance = select(  # and whether it is worth asking for any of these
    lanes,
    or_(
        exists().where(buttons.c.lane == lanes.c.lane, buttons.c.behind_ms.is_not(None)),
        exists().where(outbox.c.lane == lanes.c.lane, outbox.c.over_ms > 0),
    ).label("lags"),
).where(lanes.c.lane == bindparam("the_lane"))
catch_up = update(buttons).where(_has_caught_up).values(behind_ms=null())


class Lag(msgspec.Struct, frozen=True, kw_only=True):
    """An alert whose messages in one lane do not say what was answered, or a message whose alerts are over."""

    lane: str
    episode_id: str | None = None
    key: str | None = None  # of the message, if it told several alerts
    behind_ms: int  # since the latest answer, or the last end
    delivery: Delivery | None  # what they should read; None: there is nothing to change, or no way to


class Behind:
    """Every method is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def next(self, sink: SinkPolicy, now_ms: int) -> Lag | None:
        """What waits longest, alerts first. Not in its quiet hours, nor while a message about it is to leave."""
        loud = [severity.value for severity in Severity if quiet_until_ms(sink, severity, now_ms) is None]
        if not loud:
            return None
        async with self._database.reader() as connection:
            values = {"the_lane": sink.name, "the_limit": EPISODES_MAX, "the_severities": loud}
            waiting = Waiting(connection, sink.name)
            for one in (await connection.execute(episodes_behind, values)).all():
                rows = await waiting.rows([one.episode_id])
                if any(row.status in (WAITING, SENDING) for row in rows):
                    continue
                is_pressed = one.pressed > 0
                delivery = await _delivery(connection, waiting, sink, rows, now_ms, is_pressed=is_pressed)
                if delivery is None or quiet_until_ms(sink, delivery.severity, now_ms) is None:
                    return Lag(lane=sink.name, episode_id=one.episode_id, behind_ms=one.behind_ms, delivery=delivery)
            if (over := await next_over(connection, sink, now_ms, loud)) is not None:
                row, delivery = over
                return Lag(lane=sink.name, key=row.key, behind_ms=row.over_ms, delivery=delivery)
        return None

    async def done(self, lag: Lag) -> None:
        """Its messages say it, or never will."""
        values = {"the_lane": lag.lane, "the_episode": lag.episode_id, "the_behind_ms": lag.behind_ms}
        async with self._database.writer() as connection:
            if lag.key is None:
                await connection.execute(lock_caught_up, values)
                await connection.execute(catch_up, values)
            else:
                await connection.execute(says_so, {"the_key": lag.key, "the_over_ms": lag.behind_ms})


async def _delivery(
    connection: AsyncConnection,
    waiting: Waiting,
    sink: SinkPolicy,
    rows: Sequence[Row[Any]],
    now_ms: int,
    *,
    is_pressed: bool,
) -> Delivery | None:
    """The alert's first message and its latest, as they read now; None if they are not to be changed."""
    told = [row for row in rows if row.status in (SENT, UNCERTAIN) and form_of(row) is Form.ALERT]
    if not told or not sink.can_edit:
        return None
    latest = told[-1]
    edits, edits_too = editable((await waiting.told(rows))[latest.episode_id])
    alert = (await waiting.alerts([latest.episode_id])).get(latest.episode_id)
    if edits is None or alert is None:
        return None
    if alert.ended_ms is not None and not alert.is_momentary and not is_pressed:
        return None  # the end says who did what, and offers nothing; unless a press has written over it
    history = (await connection.execute(say.history_of_episode, {"the_episode": latest.episode_id})).all()
    return Delivery(
        key=latest.key,
        lane=sink.name,
        severity=alert.severity,
        change=Change(latest.change),
        alert=alert,
        history=tuple(to_moment(row) for row in reversed(history)),
        created_ms=now_ms,  # an edit is as late as it is, and says nothing of it
        expires_ms=latest.expires_ms,
        attempts=0,
        is_repeat=False,
        edits=edits,
        edits_too=edits_too,
    )
