"""What is removed when it is old: the sentences of `retention.py`, a bounded chunk at a time, so that nobody waits long."""

from collections.abc import Sequence

from sqlalchemy import bindparam, delete, exists, func, or_, select
from sqlalchemy.sql.elements import BindParameter

from storage.notices import MERGED, SENT, SUPPRESSED
from storage.schema import alerts, buttons, events, outbox, transitions

_now: BindParameter[int] = bindparam("now_ms")
_chunk: BindParameter[int] = bindparam("chunk")
old_events = delete(events).where(
    events.c.id.in_(
        select(events.c.id)
        .where(
            events.c.received_ms < bindparam("before_ms"),
            events.c.id < select(func.max(events.c.id)).scalar_subquery(),
        )
        .order_by(events.c.received_ms)
        .limit(_chunk)
    )
)  # the newest event stays, its number is the log's end
_member = outbox.alias("member")
_is_remembered = or_(alerts.c.is_firing, alerts.c.at_ms >= bindparam("before_ms"))
_was_told = (SENT, MERGED, SUPPRESSED)
_still_needed = or_(  # the end is told to whoever was told the beginning, by changing that very message
    exists().where(outbox.c.status.in_(_was_told), alerts.c.episode_id == outbox.c.episode_id, _is_remembered),
    exists().where(  # or a summary or a digest told it
        _member.c.merged_into == outbox.c.key,
        _member.c.status.in_(_was_told),
        alerts.c.episode_id == _member.c.episode_id,
        _is_remembered,
    ),
    exists().where(  # and what can be pressed knows what it is about
        buttons.c.key.in_([outbox.c.key, outbox.c.merged_into]), buttons.c.expires_ms > _now
    ),
)
old_messages = delete(outbox).where(
    outbox.c.id.in_(
        select(outbox.c.id)
        .where(
            outbox.c.status.in_(bindparam("statuses", expanding=True)),
            outbox.c.finished_ms < bindparam("before_ms"),
            ~_still_needed,
        )
        .order_by(outbox.c.finished_ms)
        .limit(_chunk)
        .with_for_update(skip_locked=True)
    )
)  # what somebody else changes at this moment goes next time: whoever waits for nobody is in no deadlock
_old_episodes = (
    select(alerts.c.episode_id)
    .where(
        alerts.c.is_firing.is_(False),
        or_(alerts.c.ended_ms.is_not(None), alerts.c.is_momentary),  # a pending one still runs
        alerts.c.at_ms < bindparam("before_ms"),
        ~exists().where(outbox.c.episode_id == alerts.c.episode_id),  # its messages still quote it
    )
    .order_by(alerts.c.at_ms)
    .limit(_chunk)
)
episodes_to_forget = _old_episodes
_episodes: BindParameter[Sequence[str]] = bindparam("episodes", expanding=True)
old_transitions = delete(transitions).where(transitions.c.episode_id.in_(_episodes))
old_alerts = delete(alerts).where(alerts.c.episode_id.in_(_episodes))
