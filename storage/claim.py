"""Which message of a lane goes next, and all that is needed to put it into words.

What becomes of a letter is decided in `rules.delivery.gather`; this writes the verdict down, in one transaction.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from rules.alerts import Alert, Severity
from rules.delivery.gather import (
    NOT_TOLD,
    KeepBack,
    Told,
    Unit,
    Wait,
    Window,
    companions,
    judge,
    quiet_until_ms,
)
from rules.delivery.letters import Form, Letter, Member, own_key
from rules.delivery.policy import SinkPolicy
from rules.delivery.ranking import loudest_first
from rules.delivery.standing import Mute
from storage import statements as say
from storage.alike import next_alike
from storage.deliveries import Delivery
from storage.endings import can_end
from storage.notices import (
    NOTICE_COLUMNS,
    SUPPRESSED,
    WAITING,
    form_of,
    is_summary,
    notice_row,
    to_letter,
    to_words,
)
from storage.rows import to_moment
from storage.told import ToldBy, editable
from storage.waiting import Waiting

NO_ALERT = "its alert is no longer in the database"
NOTHING_LEFT = "what it was to tell is told already"
VERDICTS_MAX = 50  # in one transaction; a night's letters must not hold the database
ALIKE_MAX = 300  # kept back by one verdict, in one transaction
GROUP_MAX = 500  # alerts in one summary; those beyond come with the next

WhyMuted = Callable[[str, Alert, int], Mute | None]


def never(lane: str, alert: Alert, now_ms: int) -> Mute | None:
    """Nothing keeps an alert quiet."""
    del lane, alert, now_ms
    return None


async def claim(
    connection: AsyncConnection,
    lane: str,
    now_ms: int,
    *,
    sink: SinkPolicy | None = None,
    why_muted: WhyMuted = never,
    room: int | None = None,
) -> Delivery | None:
    """Take the next message of the lane, in the caller's transaction; None if nothing may leave now.

    `room` is how many messages the chat takes soon, None for any number: what is more leaves as one.

    Of what is due, critical news goes first; else a lane is first in, first out. It has one message in flight, and a head
    that failed and must wait holds back those behind it. One message tells all that waits of its episode, so that no end
    overtakes its beginning, and from four alike on, all of them.
    """
    sink = sink or SinkPolicy(name=lane, can_edit=True)
    row = await _lane(connection, lane)
    if row is None or row.disabled_reason is not None or (row.not_before_ms or 0) > now_ms:
        return None
    waiting = Waiting(connection, lane)
    if not await waiting.is_free():
        return None
    window = Window(row.window_since_ms or 0, row.window_count or 0)
    desk = _Desk(connection, waiting, sink, window, now_ms, why_muted, room)
    for _ in range(VERDICTS_MAX):
        head = await waiting.head(now_ms)
        if head is None:
            return None
        if head.expires_ms <= now_ms:
            await connection.execute(say.expire_lane, {"the_lane": lane, "now_ms": now_ms})
            waiting.changed()
            continue
        if (head.not_before_ms or 0) > now_ms:
            return None
        delivery = await (desk.own_words(head) if head.episode_id is None else desk.alert(head))
        if delivery is not None or desk.left <= 0:
            return delivery
        waiting.changed()
    return None


async def _lane(connection: AsyncConnection, lane: str) -> Row[Any] | None:
    """The lane's row, locked; None while another claimer has it. A lane nobody announced is added."""
    for _ in range(2):
        if (row := (await connection.execute(say.lane_to_claim, {"the_lane": lane})).first()) is not None:
            return row
        await connection.execute(say.add_lane, {"lane": lane, "address_hash": "", "failures": 0})
    return None


class _Desk:
    """One claim at work. Each method answers a message, or has brought the head to its end unsent."""

    def __init__(
        self,
        connection: AsyncConnection,
        waiting: Waiting,
        sink: SinkPolicy,
        window: Window,
        now_ms: int,
        why_muted: WhyMuted,
        room: int | None,
    ) -> None:
        self._connection = connection
        self._sink = sink
        self._window = window
        self._now_ms = now_ms
        self._why_muted = why_muted
        self._room = room
        self._together: Severity | None = None  # up to which severity alerts leave as one message
        self._opened: dict[str, Letter] = {}
        self.left = ALIKE_MAX
        self._lane = sink.name
        self._waiting = waiting

    async def own_words(self, head: Row[Any]) -> Delivery | None:
        """Our own words, or a digest of what was kept back."""
        form = Form.DIGEST if form_of(head) is Form.DIGEST else Form.WORDS
        members: tuple[Member, ...] = ()
        severity, is_repeat = Severity(head.severity), head.repeats > 0
        if form is Form.DIGEST:
            kept = (await self._connection.execute(say.carried_by, {"the_key": head.key})).all()
            units = await self._waiting.units([row for row in kept if row.status == SUPPRESSED])
            members = loudest_first([unit.member() for unit in units], is_late=head.text is None)
            severity = max([severity, *(unit.severity for unit in units)], key=lambda severity: severity.rank)
            is_repeat = is_repeat or any(row.repeats for row in kept)  # a copy of a part of it may have arrived
            if not members:
                values = {"the_key": head.key, "now_ms": self._now_ms, "the_reason": NOTHING_LEFT}
                await self._connection.execute(say.expire_one, values)
                return None
        until_ms = quiet_until_ms(self._sink, severity, self._now_ms, is_urgent=bool(head.is_urgent))
        if until_ms is not None:
            await self._postpone([head.key], until_ms)
            return None
        await self._start(head, severity, head.expires_ms, int(is_repeat), None, form, members)
        if form is Form.DIGEST:
            await self._count(head)
        return Delivery(
            key=head.key,
            lane=head.lane,
            form=form,
            severity=severity,
            members=members,
            words=None if head.text is None else to_words(head.text),
            created_ms=head.created_ms,
            due_ms=head.due_ms or 0,
            expires_ms=head.expires_ms,
            attempts=head.attempts,
            is_repeat=is_repeat,
        )

    async def alert(self, head: Row[Any]) -> Delivery | None:
        """The head and all that waits of its episode as one message, or of many episodes that are alike."""
        rows = await self._waiting.rows([head.episode_id])
        if await self._untie(rows):
            return None
        waiting = [row for row in rows if row.status == WAITING and (row.key == head.key or not is_summary(row))]
        told = (await self._waiting.told(rows))[head.episode_id]
        alert = (await self._waiting.alerts([head.episode_id])).get(head.episode_id)
        if alert is None:
            values = {"the_key": head.key, "now_ms": self._now_ms, "the_reason": NO_ALERT}
            await self._connection.execute(say.finish_dead, values)
            return None
        unit = Unit(letters=tuple(map(to_letter, waiting)), alert=alert, told=told.how)
        if unit.is_idle:
            await self._suppress(unit.letters[:1], NOT_TOLD, None)
            return None
        if head.due_ms is not None and unit.is_news:
            mute = self._why_muted(self._lane, alert, self._now_ms)
            if mute is not None:
                await (self._dissolve(head) if is_summary(head) else self._suppress(unit.letters, mute.reason, None))
                return None
        await self._look_behind()
        match judge(unit, self._sink, self._window, self._now_ms, together=self._together):
            case Wait(until_ms=until_ms):
                await self._postpone([letter.key for letter in unit.letters], until_ms)
                return None
            case KeepBack() if is_summary(head):
                await self._dissolve(head)
                return None
            case KeepBack(reason=reason, digest=digest, notice=notice) as verdict:
                units = [unit, *await self._alike(unit, verdict)]
                digest = await self._open(digest)
                await self._add([one for one in (notice, digest) if one is not None])
                await self._suppress([letter for one in units for letter in one.letters], reason, digest.key)
                return None
        units = await self._companions(head, unit)
        if len(units) > 1:
            return await self._summary(head, unit, units)
        return await self._single(head, unit, rows, told) if units else None

    async def _look_behind(self) -> None:
        """Once a claim: whether more is due than the chat takes soon."""
        if self._room is not None:
            self._together, self._room = await self._waiting.jam(self._sink, self._room, self._now_ms), None

    async def _single(self, head: Row[Any], unit: Unit, rows: Sequence[Row[Any]], told: ToldBy) -> Delivery:
        waiting = [row for row in rows if any(row.key == letter.key for letter in unit.letters)]
        edits, edits_too = editable(told) if unit.is_edit(self._sink) else (None, None)
        speaks_again = edits is None and told.how is not Told.NOTHING
        repeats, expires_ms = max(row.repeats for row in waiting), max(row.expires_ms for row in waiting)
        await self._start(head, unit.severity, expires_ms, repeats, edits, Form.ALERT)
        await self._merge(head, unit.letters)
        if edits is None:
            await self._count(head)
        history = await self._connection.execute(say.history_of_episode, {"the_episode": head.episode_id})
        own = next((name for name in told.own if name is not None), None)
        return Delivery(
            key=head.key,
            lane=head.lane,
            severity=unit.severity,
            change=unit.change,
            alert=unit.alert,
            history=tuple(to_moment(row) for row in reversed(history.all())),
            created_ms=min(row.created_ms for row in waiting),
            due_ms=head.due_ms or 0,
            expires_ms=expires_ms,
            attempts=head.attempts,
            is_repeat=repeats > 0,
            merged=len(waiting) + sum(row.merged_into == head.key for row in rows),
            edits=edits,
            edits_too=edits_too,
            replies=told.first if speaks_again else None,
            refreshes=own if speaks_again and self._sink.can_edit else None,
        )

    async def _summary(self, head: Row[Any], unit: Unit, units: Sequence[Unit]) -> Delivery:
        letters = [letter for one in units for letter in one.letters]
        severity = max((one.severity for one in units), key=lambda severity: severity.rank)
        expires_ms = max(letter.expires_ms for letter in letters)
        members = loudest_first([one.member() for one in units])
        await self._start(head, severity, expires_ms, head.repeats, None, Form.SUMMARY, members)
        if is_summary(head):
            await self._merge_again(head, units)
        else:
            await self._merge(head, letters)
        await self._count(head)
        return Delivery(
            key=head.key,
            lane=head.lane,
            form=Form.SUMMARY,
            severity=severity,
            change=unit.change,
            alert=unit.alert,
            members=members,
            created_ms=min(letter.created_ms for letter in letters),
            due_ms=head.due_ms or 0,
            expires_ms=expires_ms,
            attempts=head.attempts,
            is_repeat=head.repeats > 0,
            merged=len(letters),
        )

    # -- looking ------------------------------------------------------------------------------------------------------

    async def _companions(self, head: Row[Any], unit: Unit) -> list[Unit]:
        """The units that leave as one message with this one, itself first; none: look again."""
        if is_summary(head):  # it may have arrived: what goes once more is the same
            carried = (await self._connection.execute(say.carried_by, {"the_key": head.key})).all()
            others = await self._waiting.units([row for row in carried if row.episode_id != head.episode_id])
            return [unit, *others]
        if head.group_key is None or head.repeats or self._waiting.is_fewer(self._sink.group.at_least):
            return [unit]
        values = {"the_lane": self._lane, "the_group": head.group_key, "the_limit": GROUP_MAX}
        names = [row.episode_id for row in await self._connection.execute(say.episodes_in_group, values)]
        if len({*names, head.episode_id}) < self._sink.group.at_least:
            return [unit]
        names = [name for name in names if name != head.episode_id]
        rows = await self._waiting.rows(names)
        if await self._untie(rows):
            return []
        waiting = [row for row in rows if row.status == WAITING]
        doubtful = {row.episode_id for row in waiting if row.repeats}  # their repeat says so, by itself
        others = await self._waiting.units([row for row in waiting if row.episode_id not in doubtful], rows)
        is_muted = lambda alert: self._why_muted(self._lane, alert, self._now_ms) is not None  # noqa: E731  # as in `tray`
        return companions(unit, others, self._sink, is_muted)

    async def _alike(self, unit: Unit, verdict: KeepBack) -> list[Unit]:
        """Of those behind, the next ones that are kept back just so."""

        def is_so(one: Unit) -> bool:
            if one.is_news and self._why_muted(self._lane, one.alert, self._now_ms) is not None:
                return False
            return judge(one, self._sink, self._window, self._now_ms, together=self._together) == verdict

        found = await next_alike(self._waiting, unit, is_so, self._now_ms, self.left)
        self.left -= 1 + len(found)
        return found

    # -- writing ------------------------------------------------------------------------------------------------------

    async def _start(
        self,
        head: Row[Any],
        severity: Severity,
        expires_ms: int,
        repeats: int,
        edits: str | None,
        form: Form,
        members: Sequence[Member] = (),
    ) -> None:
        values = {
            "the_key": head.key,
            "now_ms": self._now_ms,
            "the_severity": severity.value,
            "the_expires_ms": expires_ms,
            "the_repeats": repeats,
            "the_edit_of": edits,
            "the_form": form.value,
            "the_over_ms": 0 if can_end(self._sink, [member.alert for member in members]) else None,
        }
        await self._connection.execute(say.start_sending, values)

    async def _merge(self, head: Row[Any], letters: Iterable[Letter]) -> None:
        """These are told by the head; what has come since is not in it, and waits."""
        if keys := [letter.key for letter in letters if letter.key != head.key]:
            values = {"the_keys": keys, "the_key": head.key, "now_ms": self._now_ms}
            await self._connection.execute(say.merge, values)

    async def _merge_again(self, head: Row[Any], units: Iterable[Unit]) -> None:
        """A summary goes once more: it tells what its alerts have come to, too."""
        names = [unit.alert.episode_id for unit in units]
        values = {"the_lane": self._lane, "the_episodes": names, "the_key": head.key, "now_ms": self._now_ms}
        await self._connection.execute(say.merge_the_rest, values)

    async def _count(self, head: Row[Any]) -> None:
        """One more message within the stretch; what is tried again was counted."""
        cap = self._sink.cap
        if cap is None or head.attempts or head.repeats:
            return
        window = self._window.at(self._now_ms, cap.per_ms).and_one()
        values = {"the_lane": self._lane, "since_ms": window.since_ms, "the_count": window.count}
        await self._connection.execute(say.count_in_window, values)

    async def _untie(self, rows: Iterable[Row[Any]]) -> bool:
        """Dissolve the summaries that certainly did not arrive: who leaves with whom is decided anew."""
        tied = [row for row in rows if row.status == WAITING and is_summary(row) and not row.repeats]
        for row in tied:
            await self._dissolve(row)
        return bool(tied)

    async def _dissolve(self, head: Row[Any]) -> None:
        """A summary that has not left: each of its alerts waits by itself again, in its old place."""
        alert = (await self._waiting.alerts([head.episode_id])).get(head.episode_id)
        severity = head.severity if alert is None else alert.severity.value
        values = {"the_key": head.key, "the_episode": head.episode_id, "the_repeats": head.repeats}
        await self._connection.execute(say.dissolve, values)
        await self._connection.execute(say.no_longer_a_summary, {"the_key": head.key, "the_severity": severity})

    async def _open(self, digest: Letter) -> Letter:
        """The digest, or the one that stands for it: what waits is told as one, however many claims look through it."""
        if (found := self._opened.get(digest.key)) is None:
            found = self._opened[digest.key] = await self._opening(digest)
        return found

    async def _opening(self, digest: Letter) -> Letter:
        """The next one if it has ended: its sink was gone for a while, or the clock was set back."""
        if digest.text is not None and (key := await self._waiting.backlog(self._now_ms)) is not None:
            return msgspec.structs.replace(digest, key=key)
        while (row := (await self._connection.execute(say.carriers, {"the_keys": [digest.key]})).first()) is not None:
            if row.status == WAITING:
                break
            digest = msgspec.structs.replace(digest, key=own_key("next", digest.key))
        return digest

    async def _suppress(self, letters: Sequence[Letter], reason: str, digest: str | None) -> None:
        keys = [letter.key for letter in letters]
        values = {"the_keys": keys, "the_reason": reason, "the_digest": digest, "now_ms": self._now_ms}
        await self._connection.execute(say.suppress, values)

    async def _postpone(self, keys: list[str], until_ms: int) -> None:
        values = {"the_keys": keys, "until_ms": until_ms, "the_expires_ms": until_ms + self._sink.expire_ms}
        await self._connection.execute(say.postpone, values)

    async def _add(self, letters: Sequence[Letter]) -> None:
        rows = [dict(zip(NOTICE_COLUMNS, notice_row(letter), strict=True)) for letter in letters]
        await self._connection.execute(say.insert_notices, rows)
