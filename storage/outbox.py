"""The promise: a message that was decided is sent, or its row says why not. Never doubled without a label."""

from collections.abc import Collection, Iterable
from uuid import uuid4

import msgspec
from sqlalchemy import BindParameter, and_, bindparam, case, update
from sqlalchemy.ext.asyncio import AsyncConnection

from rules.alerts import Severity
from rules.delivery.letters import Form, Letter, Words
from rules.delivery.policy import SinkPolicy
from storage import statements as say
from storage.behind import lane_at_a_glance
from storage.claim import WhyMuted, claim, never
from storage.database import Database
from storage.deliveries import Delivery
from storage.endings import message_over
from storage.listing import Entry, Lane, to_entry, to_lane
from storage.notices import (
    DEAD,
    EXPIRED,
    NOTICE_COLUMNS,
    SUPPRESSED,
    UNCERTAIN,
    WAITING,
    notice_row,
)
from storage.schema import lanes, outbox
from storage.waiting import Waiting

_own = and_(outbox.c.lane == bindparam("the_lane"), outbox.c.episode_id == bindparam("the_episode"))
rename_message = (
    update(outbox).where(_own, outbox.c.message_id == bindparam("the_old")).values(message_id=bindparam("the_new"))
)
rename_edited = (  # an edit is known by having the same name as what it changed
    update(outbox).where(_own, outbox.c.edit_of == bindparam("the_old")).values(edit_of=bindparam("the_new"))
)
_by_ms: BindParameter[int] = bindparam("by_ms")
_now: BindParameter[int] = bindparam("now_ms")
sooner = (  # also what waits for an hour of the day: a claim judges it anew, and lets it wait
    update(outbox)
    .where(outbox.c.lane == bindparam("the_lane"), outbox.c.status == WAITING)
    .values({one: case((one > _now, one - _by_ms), else_=one) for one in (outbox.c.due_ms, outbox.c.not_before_ms)})
)
lane_sooner = (
    update(lanes)
    .where(lanes.c.lane == bindparam("the_lane"))
    .values(
        not_before_ms=case((lanes.c.not_before_ms > _now, lanes.c.not_before_ms - _by_ms), else_=lanes.c.not_before_ms),
        window_since_ms=lanes.c.window_since_ms - _by_ms,
    )
)

OWN_WORDS_LAST_MS = 86_400_000  # a day: an operator's news is old after that
_RETRIABLE = (UNCERTAIN, DEAD, EXPIRED, SUPPRESSED)


class Glance(msgspec.Struct, frozen=True, kw_only=True):
    """A lane at one moment."""

    next_ms: int | None  # when a claim may find something; None: only after something else has happened
    held_until_ms: int | None = None
    disabled: str | None = None
    lags: bool = True  # some of its messages do not say what has happened since


class Outbox:
    """The lanes' queues. Every method is one transaction, and the caller may be killed between any two of them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # one message

    async def claim(
        self,
        lane: str,
        now_ms: int,
        *,
        sink: SinkPolicy | None = None,
        why_muted: WhyMuted = never,
        room: int | None = None,
    ) -> Delivery | None:
        """The lane's next message, marked as being sent before it leaves; None: see `next_at_ms`.

        `sink` is how the recipient wants to be told; `why_muted` says what keeps an alert quiet at this moment; `room` is
        how many messages the chat takes soon, None for any number: what is more leaves as one.
        After an error call `unclaim` with the same time: the answer may have been lost, and the claim hold.
        """
        async with self._database.writer() as connection:
            return await claim(connection, lane, now_ms, sink=sink, why_muted=why_muted, room=room)

    async def unclaim(self, lane: str, claimed_ms: int) -> bool:
        """Put back what was claimed then, if anything was: it certainly did not leave."""
        async with self._database.writer() as connection:
            values = {"the_lane": lane, "claimed_ms": claimed_ms}
            await connection.execute(say.uncount_claimed, values)
            return (await connection.execute(say.unclaim, values)).rowcount > 0

    async def send_anew(self, key: str) -> None:
        """What was to be an edit leaves as a message of its own: from here on it must not be repeated freely."""
        async with self._database.writer() as connection:
            await connection.execute(say.no_longer_an_edit, {"the_key": key})

    async def rename(self, lane: str, episode_id: str, old: str, new: str) -> None:
        """The far end knows one of the alert's messages by another name now."""
        async with self._database.writer() as connection:
            values = {"the_lane": lane, "the_episode": episode_id, "the_old": old, "the_new": new}
            await connection.execute(rename_message, values)
            await connection.execute(rename_edited, values)

    async def next_at_ms(self, lane: str, now_ms: int) -> int | None:
        """When a claim may find something, at the earliest now; None: only after something else has happened."""
        return (await self.glance(lane, now_ms)).next_ms

    async def glance(self, lane: str, now_ms: int) -> Glance:
        """How a lane stands: the little that one asks who has nothing to do."""
        async with self._database.reader() as connection:
            row = (await connection.execute(lane_at_a_glance, {"the_lane": lane})).first()
            if row is None:
                return Glance(next_ms=await _next_ms(connection, lane, now_ms))
            held_ms, disabled = row.not_before_ms, row.disabled_reason
            next_ms = None if disabled is not None else await _next_ms(connection, lane, now_ms)
            if next_ms is not None:
                next_ms = max(next_ms, held_ms or 0)
            return Glance(next_ms=next_ms, held_until_ms=held_ms, disabled=disabled, lags=bool(row.lags))

    async def sent(self, key: str, message_id: str | None, now_ms: int) -> bool:
        """The far end said yes; the lane is well. False if the message was not being sent (any more)."""
        async with self._database.writer() as connection:
            await connection.execute(say.lane_did_well, {"the_key": key})
            values = {"the_key": key, "the_message_id": message_id, "now_ms": now_ms}
            is_new = (await connection.execute(say.finish_sent, values)).rowcount > 0
            await connection.execute(message_over, {"the_key": key, "now_ms": now_ms})
            return is_new

    async def retry_at(self, key: str, at_ms: int, reason: str, *, counts_as_attempt: bool = True) -> bool:
        """It certainly did not arrive: try again at that time, until it expires. It keeps its place in the lane."""
        async with self._database.writer() as connection:
            if counts_as_attempt:
                await connection.execute(say.lane_failed, {"the_key": key, "the_reason": reason})
            return await _wait_again(connection, key, at_ms, reason, attempts=int(counts_as_attempt))

    async def uncertain(self, key: str, reason: str, *, resend: bool, at_ms: int | None = None) -> bool:
        """It left and no answer came. With `resend` it goes once more, labelled; never more than once.

        True if it will be sent once more.
        """
        async with self._database.writer() as connection:
            if resend:
                values = {"the_key": key, "the_not_before_ms": at_ms, "the_reason": reason}
                if (await connection.execute(say.send_once_more, values)).rowcount > 0:
                    return True
            values = {"the_key": key, "the_reason": reason, "now_ms": self._database.clock()}
            await connection.execute(say.finish_uncertain, values)
            return False

    async def dead(self, key: str, reason: str) -> bool:
        """It will never be taken; the lane is well."""
        async with self._database.writer() as connection:
            values = {"the_key": key, "the_reason": reason, "now_ms": self._database.clock()}
            return (await connection.execute(say.finish_dead, values)).rowcount > 0

    async def say(
        self, lane: str, words: Words, severity: Severity, *, lasts_ms: int = OWN_WORDS_LAST_MS, key: str | None = None
    ) -> str:
        """Put our own words into a lane; the same `key` twice is said once. Returns the row's key."""
        notice = own_words(lane, words, severity, self._database.clock(), lasts_ms=lasts_ms, key=key)
        async with self._database.writer() as connection:
            await _add(connection, [notice])
        return notice.key

    async def expire(self, now_ms: int) -> int:
        """End what waited too long, in all lanes, also in those that nobody claims from. How many."""
        async with self._database.writer() as connection:
            return (await connection.execute(say.expire_everywhere, {"now_ms": now_ms})).rowcount

    # lanes

    async def hold_lane(self, lane: str, until_ms: int, reason: str, *, key: str | None = None) -> None:
        """Nothing leaves this lane until then, not even after a restart: the far end asked for it.

        `key` is the message that it refused: it waits again, and this was no attempt.
        """
        async with self._database.writer() as connection:
            values = {"the_lane": lane, "until_ms": until_ms, "the_reason": reason}
            await connection.execute(say.hold_lane, values)
            if key is not None:
                await connection.execute(say.uncount, {"the_lane": lane})
                await _wait_again(connection, key, until_ms, reason, attempts=0)

    async def set_back(self, lane: str, by_ms: int, now_ms: int) -> None:
        """The clock was set back by so much, and shows this now: what waits, waits as long as it would have."""
        async with self._database.writer() as connection:
            values = {"the_lane": lane, "by_ms": by_ms, "now_ms": now_ms}
            await connection.execute(sooner, values)
            await connection.execute(lane_sooner, values)

    async def disable_lane(
        self, lane: str, reason: str, tell: Iterable[Letter] = (), *, key: str | None = None
    ) -> None:
        """Nothing leaves this lane until its address changes or a person enables it; tell others, in one transaction.

        `key` is the message that was refused: it waits, and leaves if the lane is enabled before it expires.
        """
        async with self._database.writer() as connection:
            values = {"the_lane": lane, "the_reason": reason, "now_ms": self._database.clock()}
            await connection.execute(say.disable_lane, values)
            if key is not None:
                await connection.execute(say.uncount, {"the_lane": lane})
                await _wait_again(connection, key, None, reason, attempts=0)
            await _add(connection, list(tell))

    async def enable_lane(self, lane: str) -> bool:
        """Start afresh. False if there is no such lane."""
        async with self._database.writer() as connection:
            return (await connection.execute(say.enable_lane, {"the_lane": lane})).rowcount > 0

    async def sync_lanes(self, addresses: dict[str, str], now_ms: int) -> None:
        """Make the lanes those of the configuration: name -> a hash of the address, never the address itself.

        A changed address enables its lane; what waits in a lane that is gone is dead. Call `recover` first.
        """
        async with self._database.writer() as connection:
            for lane, address in sorted(addresses.items()):
                await connection.execute(say.add_lane, {"lane": lane, "address_hash": address, "failures": 0})
                await connection.execute(say.readdress_lane, {"the_lane": lane, "the_address_hash": address})
            kept = sorted(addresses)
            await connection.execute(say.give_up_dropped, {"kept": kept, "now_ms": now_ms})
            await connection.execute(say.drop_lanes, {"kept": kept})

    async def recover(
        self, now_ms: int, resend_severities: Collection[Severity] = (Severity.CRITICAL,), *, lane: str | None = None
    ) -> None:
        """At start: what was being sent when we stopped is uncertain. The loud is sent once more, labelled.

        An edit is made again, whatever its severity: the same edit twice is one edit.
        `lane` limits it to one sink, for sinks that have a policy of their own.
        """
        loud = [severity.value for severity in resend_severities]
        async with self._database.writer() as connection:
            if lane is None:
                await connection.execute(say.edit_again)
                await connection.execute(say.repeat_interrupted, {"severities": loud})
                await connection.execute(say.leave_interrupted, {"now_ms": now_ms})
            else:
                await connection.execute(say.edit_again_in_lane, {"the_lane": lane})
                await connection.execute(say.repeat_interrupted_in_lane, {"severities": loud, "the_lane": lane})
                await connection.execute(say.leave_interrupted_in_lane, {"now_ms": now_ms, "the_lane": lane})

    # for people

    async def lanes(self) -> list[Lane]:
        """All lanes, by name."""
        async with self._database.reader() as connection:
            return [to_lane(row) for row in await connection.execute(say.all_lanes)]

    async def listing(
        self, statuses: Collection[str] = (), lane: str | None = None, *, limit: int = 100
    ) -> list[Entry]:
        """The newest messages, newest first; of these statuses and this lane if any are named."""
        values: dict[str, object] = {"the_limit": limit}
        if statuses:
            values["statuses"] = list(statuses)
        if lane is not None:
            values["the_lane"] = lane
        match lane is not None, bool(statuses):
            case True, True:
                statement = say.outbox_listing_of_lane_by_status
            case True, False:
                statement = say.outbox_listing_of_lane
            case False, True:
                statement = say.outbox_listing_by_status
            case _:
                statement = say.outbox_listing
        async with self._database.reader() as connection:
            return [to_entry(row) for row in await connection.execute(statement, values)]

    async def counts(self) -> dict[tuple[str, str], int]:
        """How many messages by (lane, status)."""
        async with self._database.reader() as connection:
            return {(row.lane, row.status): row.rows for row in await connection.execute(say.outbox_counts)}

    async def find(self, prefix: str) -> list[str]:
        """Keys that begin so, at most ten; people type the first eight letters."""
        async with self._database.reader() as connection:
            return list((await connection.execute(say.keys_like, {"prefix": prefix})).scalars())

    async def retry(self, key: str) -> bool:
        """Send what ended unsent or uncertain after all, and enable its lane. False: it is sent, merged or waiting."""
        async with self._database.writer() as connection:
            values = {"the_key": key, "statuses": list(_RETRIABLE), "now_ms": self._database.clock()}
            if (await connection.execute(say.retry_by_hand, values)).rowcount == 0:
                return False
            lane = (await connection.execute(say.lane_of, {"the_key": key})).scalar()
            await connection.execute(say.enable_lane, {"the_lane": lane})
            return True


def own_words(
    lane: str,
    words: Words,
    severity: Severity,
    now_ms: int,
    *,
    lasts_ms: int = OWN_WORDS_LAST_MS,
    key: str | None = None,
) -> Letter:
    """A message that is no alert, ready for a lane."""
    return Letter(
        key=key or uuid4().hex,
        sink=lane,
        severity=severity,
        created_ms=now_ms,
        expires_ms=now_ms + lasts_ms,
        form=Form.WORDS,
        text=words,
    )


async def _next_ms(connection: AsyncConnection, lane: str, now_ms: int) -> int | None:
    """When the first that waits may leave, but for what holds the whole lane."""
    waiting = Waiting(connection, lane)
    if not await waiting.is_free():
        return None
    head = await waiting.head(now_ms)
    if head is None:
        due_ms = await waiting.next_due_ms()
        return None if due_ms is None else max(now_ms, due_ms)
    at_ms: int = min(head.not_before_ms or 0, head.expires_ms)
    return max(now_ms, at_ms)


async def _wait_again(connection: AsyncConnection, key: str, at_ms: int | None, reason: str, *, attempts: int) -> bool:
    values = {"the_key": key, "the_not_before_ms": at_ms, "the_attempts": attempts, "the_reason": reason}
    return (await connection.execute(say.wait_again, values)).rowcount > 0


async def _add(connection: AsyncConnection, notices: list[Letter]) -> None:
    rows = [dict(zip(NOTICE_COLUMNS, notice_row(notice), strict=True)) for notice in notices]
    if rows:
        await connection.execute(say.insert_notices, rows)
