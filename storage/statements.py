"""The whole conversation with the database, one named sentence each; both databases read the same words."""

from collections.abc import Sequence

from sqlalchemy import String, and_, bindparam, case, delete, exists, func, literal, null, or_, select, update
from sqlalchemy.sql.elements import BindParameter, ColumnElement

from rules.alerts import Severity
from rules.delivery.gather import GOOD_NEWS
from rules.delivery.letters import Form
from storage.notices import DEAD, EXPIRED, MERGED, SENDING, SENT, SUPPRESSED, UNCERTAIN, WAITING
from storage.rows import ALERT_COLUMNS, STATE_COLUMNS
from storage.schema import (
    alerts,
    events,
    lanes,
    meta,
    outbox,
    states,
    transitions,
)
from storage.sentences import insert_once, upsert

# the journal: one batch
insert_events = insert_once(events)  # a replay after a reconnect is counted once
insert_transitions = insert_once(transitions)  # deciding the same thing twice is deciding it once
insert_notices = insert_once(outbox)  # and so is telling it
upsert_alerts = upsert(alerts, "episode_id", ALERT_COLUMNS[1:])
upsert_states = upsert(states, "fingerprint", STATE_COLUMNS[1:])
upsert_meta = upsert(meta, "name", ["value"])
forget_states = delete(states).where(states.c.fingerprint.in_(bindparam("fingerprints", expanding=True)))

# what the engine starts from
all_states = select(states.c.fingerprint, states.c.payload).order_by(states.c.fingerprint)
one_meta = select(meta.c.value).where(meta.c.name == bindparam("the_name"))

# the outbox: parameters are called the_*, because a column's own name means the value that it is set to
_lane = outbox.c.lane == bindparam("the_lane")
_key = outbox.c.key == bindparam("the_key")
_is_waiting = outbox.c.status == WAITING
_is_sending = outbox.c.status == SENDING
_now: BindParameter[int] = bindparam("now_ms")


def _because(reason: str) -> ColumnElement[str]:
    """A reason of ours, and what had been noted before, so that a row's end explains itself."""
    return literal(reason).concat(func.coalesce(literal("; before that: ").concat(outbox.c.last_error), ""))


# claiming: whoever holds the lane's row is the lane's only claimer; SQLite has one writer and needs no lock.
# What is in flight is asked after the row is held, in a sentence of its own: PostgreSQL answers each sentence as of the
# moment when it began, so that one sentence for both could miss what the last holder has just marked.
lane_to_claim = select(lanes).where(lanes.c.lane == bindparam("the_lane")).with_for_update(skip_locked=True)
add_lane = insert_once(lanes, "lane")
_is_due = func.coalesce(outbox.c.due_ms, 0) <= _now
_is_loud = and_(  # as rules.delivery.gather says it
    or_(outbox.c.change.is_(None), outbox.c.change.not_in([change.value for change in GOOD_NEWS])),
    or_(outbox.c.is_urgent, outbox.c.severity == Severity.CRITICAL.value),
)
_due = select(outbox).where(_lane, _is_waiting, _is_due).order_by(outbox.c.id)
head_of_lane, loud_head_of_lane = _due.limit(1), _due.where(_is_loud).limit(1)
due_in_lane = _due.limit(bindparam("the_limit"))
loud_in_lane = due_in_lane.where(_is_loud)
next_due = select(func.min(func.coalesce(outbox.c.due_ms, 0))).where(_lane, _is_waiting)
_some_episodes = outbox.c.episode_id.in_(bindparam("the_episodes", expanding=True))
episodes_in_lane = select(outbox).where(_lane, _some_episodes).order_by(outbox.c.id)
alerts_of_episodes = select(alerts).where(alerts.c.episode_id.in_(bindparam("the_episodes", expanding=True)))
episodes_in_group = (  # those that may leave with the head, oldest first
    select(outbox.c.episode_id, func.min(outbox.c.id).label("first"))
    .where(_lane, _is_waiting, outbox.c.group_key == bindparam("the_group"), outbox.c.episode_id.is_not(None))
    .group_by(outbox.c.episode_id)
    .order_by("first")
    .limit(bindparam("the_limit"))
)
carriers = select(outbox).where(outbox.c.key.in_(bindparam("the_keys", expanding=True)))
carried_by = select(outbox).where(outbox.c.merged_into == bindparam("the_key")).order_by(outbox.c.id)
history_of_episode = (  # the latest changes are enough for a message; an episode may have thousands
    select(transitions.c.change, transitions.c.severity, transitions.c.at_ms, transitions.c.value)
    .where(transitions.c.episode_id == bindparam("the_episode"))
    .order_by(transitions.c.id.desc())
    .limit(100)
)
start_sending = (  # one message tells all of the group: it is as loud as the loudest and lives as long as the youngest
    update(outbox)
    .where(_key, _is_waiting)
    .values(
        status=SENDING,
        send_started_ms=_now,
        not_before_ms=null(),
        severity=bindparam("the_severity"),
        expires_ms=bindparam("the_expires_ms"),
        repeats=bindparam("the_repeats"),
        edit_of=bindparam("the_edit_of"),
        form=bindparam("the_form"),
        over_ms=bindparam("the_over_ms"),
    )
)
_is_no_summary = func.coalesce(outbox.c.form, "") != Form.SUMMARY.value
_merged = {
    "status": MERGED,
    "merged_into": bindparam("the_key"),
    "finished_ms": _now,
    "last_error": literal("told by the message ").concat(func.substr(bindparam("the_key"), 1, 8)),
}
_some_keys = outbox.c.key.in_(bindparam("the_keys", expanding=True))
merge = update(outbox).where(_some_keys, _is_waiting).values(_merged)
merge_the_rest = (  # but for a summary that may have arrived: it goes once more, as it was
    update(outbox)
    .where(_lane, _is_waiting, _some_episodes, outbox.c.key != bindparam("the_key"), _is_no_summary)
    .values(_merged)
)
dissolve = (  # a summary does not leave after all: those that it was to tell wait by themselves
    update(outbox)
    .where(
        outbox.c.merged_into == bindparam("the_key"),
        outbox.c.status == MERGED,
        outbox.c.episode_id != bindparam("the_episode"),
    )
    .values(status=WAITING, repeats=bindparam("the_repeats"), merged_into=null(), finished_ms=null(), last_error=null())
)
no_longer_a_summary = (
    update(outbox).where(_key, _is_waiting).values(form=Form.ALERT.value, severity=bindparam("the_severity"))
)
expire_one = (
    update(outbox).where(_key, _is_waiting).values(status=EXPIRED, finished_ms=_now, last_error=bindparam("the_reason"))
)
suppress = (  # muted after all, or kept back for a digest
    update(outbox)
    .where(_some_keys, _is_waiting)
    .values(
        status=SUPPRESSED,
        finished_ms=_now,
        muted=bindparam("the_reason"),
        merged_into=bindparam("the_digest"),
        last_error=literal("muted: ").concat(bindparam("the_reason", type_=String)),
    )
)
postpone = (  # it lives as long as it would have after its new time
    update(outbox)
    .where(_some_keys, _is_waiting)
    .values(
        due_ms=bindparam("until_ms"),
        expires_ms=case(
            (outbox.c.expires_ms > bindparam("the_expires_ms"), outbox.c.expires_ms), else_=bindparam("the_expires_ms")
        ),
    )
)
count_in_window = (
    update(lanes)
    .where(lanes.c.lane == bindparam("the_lane"))
    .values(window_since_ms=bindparam("since_ms"), window_count=bindparam("the_count"))
)
_overdue = and_(_is_waiting, outbox.c.expires_ms <= _now)
_expired = {
    "status": EXPIRED,
    "finished_ms": _now,
    "last_error": case(
        (outbox.c.repeats > 0, _because("too old; the copy sent before may have arrived")),
        else_=_because("too old to be of use, never sent"),
    ),
}
expire_lane = update(outbox).where(_lane, _overdue).values(_expired)
expire_everywhere = update(outbox).where(_overdue).values(_expired)

# what became of a message; each only while it is being sent, so that a late answer changes nothing
finish_sent = (
    update(outbox)
    .where(_key, _is_sending)
    .values(status=SENT, finished_ms=_now, message_id=bindparam("the_message_id"), last_error=null())
)
finish_uncertain = (
    update(outbox)
    .where(_key, _is_sending)
    .values(status=UNCERTAIN, finished_ms=_now, last_error=bindparam("the_reason"))
)
finish_dead = (
    update(outbox)
    .where(_key, or_(_is_sending, _is_waiting))
    .values(status=DEAD, finished_ms=_now, last_error=bindparam("the_reason"))
)
wait_again = (
    update(outbox)
    .where(_key, _is_sending)
    .values(
        status=WAITING,
        send_started_ms=null(),
        not_before_ms=bindparam("the_not_before_ms"),
        attempts=outbox.c.attempts + bindparam("the_attempts"),
        last_error=bindparam("the_reason"),
    )
)
unclaim = (  # the answer to the claim was lost, and with it the message
    update(outbox)
    .where(_lane, _is_sending, outbox.c.send_started_ms == bindparam("claimed_ms"))
    .values(status=WAITING, send_started_ms=null())
)
uncount = (  # what is put back is counted when it is claimed again; one is in flight, so the stretch is still the same
    update(lanes)
    .where(
        lanes.c.lane == bindparam("the_lane"),
        lanes.c.window_count > 0,
        exists().where(
            _lane,
            _is_sending,
            outbox.c.attempts == 0,
            outbox.c.repeats == 0,
            outbox.c.edit_of.is_(None),
            func.coalesce(outbox.c.form, "") != Form.WORDS.value,
        ),
    )
    .values(window_count=lanes.c.window_count - 1)
)
uncount_claimed = uncount.where(exists().where(_lane, _is_sending, outbox.c.send_started_ms == bindparam("claimed_ms")))
no_longer_an_edit = update(outbox).where(_key, _is_sending).values(edit_of=null())
send_once_more = (  # only what has not been repeated yet
    update(outbox)
    .where(_key, _is_sending, outbox.c.repeats == 0)
    .values(
        status=WAITING,
        repeats=1,
        send_started_ms=null(),
        not_before_ms=bindparam("the_not_before_ms"),
        last_error=bindparam("the_reason"),
    )
)
lane_of = select(outbox.c.lane).where(_key)
_its_lane = lanes.c.lane == lane_of.where(_is_sending).scalar_subquery()  # a late answer says nothing of the lane

# lanes
_the_lane = lanes.c.lane == bindparam("the_lane")
lane_did_well = update(lanes).where(_its_lane).values(failures=0, not_before_ms=null(), held_reason=null())
lane_failed = update(lanes).where(_its_lane).values(failures=lanes.c.failures + 1, held_reason=bindparam("the_reason"))
hold_lane = (  # never shortened: two answers may name two times
    update(lanes)
    .where(_the_lane)
    .values(
        not_before_ms=case(
            (lanes.c.not_before_ms > bindparam("until_ms"), lanes.c.not_before_ms), else_=bindparam("until_ms")
        ),
        held_reason=bindparam("the_reason"),
    )
)
disable_lane = (
    update(lanes)
    .where(_the_lane)
    .values(
        disabled_reason=func.coalesce(lanes.c.disabled_reason, bindparam("the_reason")),
        disabled_ms=func.coalesce(lanes.c.disabled_ms, _now),
    )
)
enable_lane = (
    update(lanes)
    .where(_the_lane)
    .values(disabled_reason=null(), disabled_ms=null(), not_before_ms=null(), held_reason=null(), failures=0)
)
readdress_lane = (  # a new address is a new chance
    enable_lane.values(address_hash=bindparam("the_address_hash")).where(
        lanes.c.address_hash != bindparam("the_address_hash")
    )
)
all_lanes = select(lanes).order_by(lanes.c.lane)
_kept: BindParameter[Sequence[str]] = bindparam("kept", expanding=True)
drop_lanes = delete(lanes).where(lanes.c.lane.not_in(_kept))
give_up_dropped = (
    update(outbox)
    .where(_is_waiting, outbox.c.lane.not_in(_kept))
    .values(status=DEAD, finished_ms=_now, last_error=_because("its sink is no longer in the configuration"))
)

# starting again after a crash: what was being sent may or may not have arrived
_CRASH = "the program stopped while this was being sent"
repeat_interrupted = (
    update(outbox)
    .where(_is_sending, outbox.c.repeats == 0, outbox.c.severity.in_(bindparam("severities", expanding=True)))
    .values(status=WAITING, repeats=1, send_started_ms=null(), not_before_ms=null(), last_error=_CRASH)
)
edit_again = (
    update(outbox)
    .where(_is_sending, outbox.c.edit_of.is_not(None))
    .values(status=WAITING, send_started_ms=null(), not_before_ms=null(), last_error=_CRASH)
)
leave_interrupted = update(outbox).where(_is_sending).values(status=UNCERTAIN, finished_ms=_now, last_error=_CRASH)
repeat_interrupted_in_lane = repeat_interrupted.where(_lane)
edit_again_in_lane = edit_again.where(_lane)
leave_interrupted_in_lane = leave_interrupted.where(_lane)

# looking at the outbox
_shown = (
    select(outbox, alerts.c.rule_id, alerts.c.key.label("alert_key"))
    .join(alerts, alerts.c.episode_id == outbox.c.episode_id, isouter=True)
    .order_by(outbox.c.id.desc())
    .limit(bindparam("the_limit"))
)
outbox_listing = _shown
outbox_listing_of_lane = _shown.where(_lane)
_wanted = outbox.c.status.in_(bindparam("statuses", expanding=True))
outbox_listing_by_status = _shown.where(_wanted)
outbox_listing_of_lane_by_status = _shown.where(_lane, _wanted)
outbox_counts = select(outbox.c.lane, outbox.c.status, func.count().label("rows")).group_by(
    outbox.c.lane, outbox.c.status
)
keys_like = select(outbox.c.key).where(outbox.c.key.startswith(bindparam("prefix"), autoescape=False)).limit(10)
retry_by_hand = (  # as long as it was given at first; what may have arrived says that it is a repeat
    update(outbox)
    .where(_key, outbox.c.status.in_(bindparam("statuses", expanding=True)))
    .values(
        status=WAITING,
        repeats=case((outbox.c.status == UNCERTAIN, 1), else_=outbox.c.repeats),
        not_before_ms=null(),
        send_started_ms=null(),
        finished_ms=null(),
        merged_into=null(),
        muted=null(),
        due_ms=null(),  # a person wants it now: nothing keeps it back
        group_key=null(),
        is_urgent=True,
        expires_ms=_now + outbox.c.expires_ms - outbox.c.created_ms,
        last_error=_because("sent again by hand"),
    )
)

# the log
_since = events.c.received_ms >= bindparam("since_ms")
newest_events = select(events).order_by(events.c.received_ms.desc(), events.c.id.desc()).limit(bindparam("the_limit"))
events_after = (
    select(events).where(events.c.id > bindparam("after_id")).order_by(events.c.id).limit(bindparam("the_limit"))
)
event_filters: dict[str, ColumnElement[bool]] = {
    "type": events.c.type == bindparam("the_type"),
    "venue": events.c.venue == bindparam("the_venue"),
    # a coin stands for its instruments, as in the rules
    "symbol": (events.c.symbol == bindparam("the_symbol"))
    | events.c.symbol.startswith(bindparam("the_symbol", type_=String).concat("-")),
    "since_ms": _since,
}
known_facts = (
    select(events.c.once_key, events.c.received_ms)
    .where(_since, events.c.once_key.is_not(None))
    .order_by(events.c.received_ms.desc())
    .limit(bindparam("the_limit"))
)
newest_event_id = select(func.max(events.c.id))
first_event_since = select(func.min(events.c.id)).where(_since)
_is_wanted = func.coalesce(events.c.type, "").in_(bindparam("types", expanding=True))  # not by the index of types:
# a planner that takes it sorts the whole past again for every chunk
_received = func.coalesce(events.c.received_ms, 0)  # nor by that of times
stored_events = (  # in the order in which the engine saw them; each chunk is a short read of its own
    select(events.c.id, events.c.payload)
    .where(
        events.c.id >= bindparam("from_id"),
        events.c.id <= bindparam("to_id"),
        _is_wanted,
        _received >= bindparam("since_ms"),
    )
    .order_by(events.c.id)
    .limit(bindparam("the_limit"))
)
_between = and_(_since, events.c.received_ms <= bindparam("until_ms"))
events_in_time = (  # as history, whatever the order in which we learned of it
    select(events.c.id, events.c.received_ms, events.c.payload)
    .where(
        events.c.received_ms >= bindparam("from_ms"),
        events.c.received_ms <= bindparam("until_ms"),
        or_(events.c.received_ms > bindparam("from_ms"), events.c.id > bindparam("after_id")),
        _is_wanted,
    )
    .order_by(events.c.received_ms, events.c.id)
    .limit(bindparam("the_limit"))
)
stored_span = select(func.count(), func.min(events.c.received_ms), func.max(events.c.received_ms)).where(
    events.c.type.in_(bindparam("types", expanding=True)), _between
)
latest_alerts = select(alerts).order_by(alerts.c.at_ms.desc(), alerts.c.episode_id).limit(bindparam("the_limit"))
latest_transitions = (
    select(transitions, alerts.c.rule_id, alerts.c.kind, alerts.c.key)
    .join(alerts, alerts.c.episode_id == transitions.c.episode_id)
    .where(transitions.c.at_ms >= bindparam("since_ms"), transitions.c.id > bindparam("after_id"))
    .order_by(transitions.c.id.desc())
    .limit(bindparam("the_limit"))
)

# one rule, for whoever asks why it spoke or did not
_its_rule = alerts.c.rule_id == bindparam("the_rule")
transitions_of_rule = (
    select(transitions, alerts.c.rule_id, alerts.c.kind, alerts.c.key)
    .join(alerts, alerts.c.episode_id == transitions.c.episode_id)
    .where(_its_rule)
    .order_by(transitions.c.id.desc())
    .limit(bindparam("the_limit"))
)
outbox_of_rule = _shown.where(_its_rule)
