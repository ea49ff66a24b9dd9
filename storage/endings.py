"""Messages about several alerts, which say once that all of them are over.

Marked with the end of the last one, in one transaction, so a crash forgets none. `over_ms` of an outbox row is empty where
there is nothing to wait for, 0 while one of its alerts fires, then since when its message is to say that none does.
"""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Row, bindparam, case, exists, func, null, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from rules.alerts import Alert, Change, Severity
from rules.delivery.letters import Form
from rules.delivery.policy import SinkPolicy
from rules.delivery.ranking import loudest_first
from storage import statements as say
from storage.deliveries import Delivery
from storage.notices import SENDING, SENT, WAITING, form_of, to_words
from storage.schema import alerts, outbox
from storage.waiting import Waiting

MESSAGES_MAX = 100  # that are looked at once; some wait for news to be told

_member = outbox.alias("member")
_is_told = (  # an alert of the message
    or_(_member.c.key == outbox.c.key, _member.c.merged_into == outbox.c.key),
    alerts.c.episode_id == _member.c.episode_id,
    alerts.c.is_momentary.is_(False),
)
_one_fires = exists().where(*_is_told, alerts.c.ended_ms.is_(None)).correlate(outbox)
_one_fired = exists().where(*_is_told).correlate(outbox)
_the_key = outbox.c.key == bindparam("the_key")
_status = func.coalesce(outbox.c.status, "")  # not by its index: nearly all rows are sent
_over_ms = func.coalesce(outbox.c.over_ms, 0)
_later = {  # than any mark before, whatever the clock says: whoever has dealt with that one leaves this
    "over_ms": case((_over_ms < bindparam("now_ms"), bindparam("now_ms")), else_=_over_ms + 1)
}
_waits = (outbox.c.over_ms.is_not(None), ~_one_fires)
messages_over = (  # those that told one of these alerts
    update(outbox)
    .where(
        outbox.c.key.in_(
            select(func.coalesce(_member.c.merged_into, _member.c.key)).where(
                _member.c.episode_id.in_(bindparam("the_episodes", expanding=True))
            )
        ),
        _status.in_([SENDING, SENT]),
        *_waits,
    )
    .values(_later)
)
message_over = update(outbox).where(_the_key, *_waits).values(_later)  # while it was on its way
message_over_again = (  # somebody has written over it, or was about to
    update(outbox)
    .where(
        _the_key,
        outbox.c.status == SENT,
        outbox.c.message_id.is_not(None),
        outbox.c.form.in_([Form.SUMMARY.value, Form.DIGEST.value]),
        _one_fired,
        ~_one_fires,
    )
    .values(_later)
)
over_in_lane = (
    select(outbox)
    .where(
        outbox.c.lane == bindparam("the_lane"),
        outbox.c.over_ms > 0,
        outbox.c.severity.in_(bindparam("the_severities", expanding=True)),
        _status == SENT,
    )
    .order_by(outbox.c.over_ms, outbox.c.id)
    .limit(bindparam("the_limit"))
)
news_in_lane = (
    select(outbox.c.key)
    .where(
        outbox.c.lane == bindparam("the_lane"),
        outbox.c.status.in_([WAITING, SENDING]),
        outbox.c.episode_id.in_(bindparam("the_episodes", expanding=True)),
    )
    .limit(1)
)
says_so = update(outbox).where(_the_key, outbox.c.over_ms == bindparam("the_over_ms")).values(over_ms=null())


def can_end(sink: SinkPolicy, told: Collection[Alert]) -> bool:
    """Whether a message that tells these now will have to say that they are over."""
    return sink.can_edit and any(alert.ended_ms is None and not alert.is_momentary for alert in told)


async def end(connection: AsyncConnection, episodes: Sequence[str], now_ms: int) -> None:
    """These are over, in this transaction. The last thing in it: a claim that we cannot see yet marks by itself."""
    await connection.execute(messages_over, {"the_episodes": list(episodes), "now_ms": now_ms})


async def next_over(
    connection: AsyncConnection, sink: SinkPolicy, now_ms: int, loud: Sequence[str]
) -> tuple[Row[Any], Delivery | None] | None:
    """The message that waits longest, and how it reads now; of those severities, and not while there is news to tell.

    No delivery: there is nothing that could be changed.
    """
    if not sink.can_edit:
        return None
    values = {"the_lane": sink.name, "the_limit": MESSAGES_MAX, "the_severities": list(loud)}
    marked = (await connection.execute(over_in_lane, values)).all()
    if marked and (await connection.execute(say.head_of_lane, {"the_lane": sink.name, "now_ms": now_ms})).first():
        return None  # a digest that has become due since the lane looked
    for row in marked:
        rows = [row, *await connection.execute(say.carried_by, {"the_key": row.key})]
        rows = sorted((one for one in rows if one.episode_id is not None), key=lambda one: one.id)
        names = list({one.episode_id for one in rows})
        news = await connection.execute(news_in_lane, {"the_lane": sink.name, "the_episodes": names})
        if news.first() is None:
            return row, await _delivery(connection, row, rows)
    return None


async def _delivery(connection: AsyncConnection, head: Row[Any], rows: Sequence[Row[Any]]) -> Delivery | None:
    units = await Waiting(connection, head.lane).units(rows)
    if head.message_id is None or not units:
        return None
    form = form_of(head)
    return Delivery(
        key=head.key,
        lane=head.lane,
        form=form,
        severity=Severity(head.severity),
        change=Change.FIRED if form is Form.SUMMARY else None,
        members=loudest_first([unit.member() for unit in units], is_late=form is Form.DIGEST and head.text is None),
        words=None if head.text is None else to_words(head.text),
        created_ms=min(row.created_ms for row in rows),
        expires_ms=head.expires_ms,
        attempts=0,
        is_repeat=False,
        edits=head.message_id,
    )
