"""Which message of a lane goes next, and all that is needed to put it into words.

What becomes of a letter is decided in `rules.delivery.gather`; this writes the verdict down, in one transaction.
"""

from collections.abc import Callable, Iterable, Sequence
from math import nan
from typing import Any

import msgspec
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from rules.alerts import Alert, Change, Severity
from rules.alerts import Moment as Moment
from rules.delivery.gather import NOT_TOLD as NOT_TOLD
from rules.delivery.gather import (
    KeepBack,
    Told,
    Unit,
    Wait,
    Window,
    companions,
    judge,
    loudest_first,
    quiet_until_ms,
)
from rules.delivery.gather import told_change as told_change
from rules.delivery.letters import Form, Letter, Member, Words
from rules.delivery.policy import SinkPolicy
from rules.delivery.standing import Mute
from storage import statements as say
from storage.notices import (
    NOTICE_COLUMNS,
    SUPPRESSED,
    WAITING,
    form_of,
    notice_row,
    to_letter,
    to_words,
)
from storage.rows import to_alert
from storage.told import ToldBy, editable, told_by

NO_ALERT = "its alert is no longer in the database"
VERDICTS_MAX = 200  # in one transaction; a night's letters must not hold the database
GROUP_MAX = 500  # alerts in one summary; those beyond come with the next

WhyMuted = Callable[[str, Alert, int], Mute | None]


def never(lane: str, alert: Alert, now_ms: int) -> Mute | None:
    """Nothing keeps an alert quiet."""
    del lane, alert, now_ms
    return None


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """A message that is being sent. It has alerts to be rendered from, or words of our own."""

    key: str
    lane: str
    form: Form = Form.ALERT
    severity: Severity  # the loudest of what it tells
    change: Change | None = None  # what it tells, all in all; None: a digest, or our own words
    alert: Alert | None = None  # as it stands now
    history: tuple[Moment, ...] = ()  # oldest first, at most the latest 100
    members: tuple[Member, ...] = ()  # of a summary or a digest, loudest first
    words: Words | None = None
    created_ms: int  # when the oldest part of it was decided
    due_ms: int = 0  # when it could leave at the earliest
    expires_ms: int
    attempts: int  # earlier tries that certainly did not arrive
    is_repeat: bool  # an earlier copy may have arrived
    merged: int = 1  # how many waiting changes this one message tells
    edits: str | None = None  # the far end's name of the episode's first message, if this replaces it
    edits_too: str | None = None  # and that of its latest, if that is another: nobody may read it as the last word
    replies: str | None = None  # the far end's name of the message that told the alert first, if this speaks again
    refreshes: str | None = None  # the same, if it can be changed: an edit makes no sound, and a sound changes nothing


async def claim(
    connection: AsyncConnection,
    lane: str,
    now_ms: int,
    *,
    sink: SinkPolicy | None = None,
    why_muted: WhyMuted = never,
) -> Delivery | None:
    """Take the next message of the lane, in the caller's transaction; None if nothing may leave now.

    Of what is due a lane is first in, first out, whatever the severity: an end must not overtake its beginning. It has
    one message in flight, and a head that failed and must wait holds back those behind it. But one message tells all
    that waits of its episode, and from four alike on, all of them.
    """
    sink = sink or SinkPolicy(name=lane, can_edit=True)
    row = await _lane(connection, lane)
    if row is None or row.disabled_reason is not None or (row.not_before_ms or 0) > now_ms:
        return None
    if (await connection.execute(say.in_flight, {"the_lane": lane})).first() is not None:
        return None
    desk = _Desk(connection, sink, Window(row.window_since_ms or 0, row.window_count or 0), now_ms, why_muted)
    for _ in range(VERDICTS_MAX):
        head = (await connection.execute(say.head_of_lane, {"the_lane": lane, "now_ms": now_ms})).first()
        if head is None:
            return None
        if head.expires_ms <= now_ms:
            await connection.execute(say.expire_lane, {"the_lane": lane, "now_ms": now_ms})
            continue
        if (head.not_before_ms or 0) > now_ms:
            return None
        delivery = await (desk.own_words(head) if head.episode_id is None else desk.alert(head))
        if delivery is not None:
            return delivery
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
        self, connection: AsyncConnection, sink: SinkPolicy, window: Window, now_ms: int, why_muted: WhyMuted
    ) -> None:
        self._connection = connection
        self._sink = sink
        self._window = window
        self._now_ms = now_ms
        self._why_muted = why_muted
        self._lane = sink.name

    async def own_words(self, head: Row[Any]) -> Delivery | None:
        """Our own words, or a digest of what was kept back."""
        form = Form.DIGEST if form_of(head) is Form.DIGEST else Form.WORDS
        members: tuple[Member, ...] = ()
        severity = Severity(head.severity)
        if form is Form.DIGEST:
            kept = (await self._connection.execute(say.carried_by, {"the_key": head.key})).all()
            units = await self._units([row for row in kept if row.status == SUPPRESSED])
            members = loudest_first([unit.member() for unit in units])
            severity = max([severity, *(unit.severity for unit in units)], key=lambda severity: severity.rank)
            if not members:
                await self._expire(head.key, "what it was to tell is told already")
                return None
        until_ms = quiet_until_ms(self._sink, severity, self._now_ms, is_urgent=bool(head.is_urgent))
        if until_ms is not None:
            await self._postpone([head.key], until_ms)
            return None
        await self._start(head, severity, head.expires_ms, head.repeats, None, form)
        if form is Form.DIGEST:
            await self._count(head)
        return Delivery(
            key=head.key,
            lane=head.lane,
            form=form,
            severity=severity,
            members=members,
            words=None if form is Form.DIGEST else to_words(head.text or '{"headline":""}'),
            created_ms=head.created_ms,
            due_ms=head.due_ms or 0,
            expires_ms=head.expires_ms,
            attempts=head.attempts,
            is_repeat=head.repeats > 0,
        )

    async def alert(self, head: Row[Any]) -> Delivery | None:
        """The head and all that waits of its episode as one message, or of many episodes that are alike."""
        rows = await self._rows([head.episode_id])
        waiting = [row for row in rows if row.status == WAITING]
        told = (await self._told(rows))[head.episode_id]
        alert = (await self._alerts([head.episode_id])).get(head.episode_id)
        if alert is None:
            values = {"the_key": head.key, "now_ms": self._now_ms, "the_reason": NO_ALERT}
            await self._connection.execute(say.finish_dead, values)
            return None
        unit = Unit(letters=tuple(map(to_letter, waiting)), alert=alert, told=told.how)
        if unit.is_idle:
            await self._expire(unit.letters[0].key, NOT_TOLD)
            return None
        if head.due_ms is not None and unit.is_news:
            mute = self._why_muted(self._lane, alert, self._now_ms)
            if mute is not None:
                await self._suppress(unit, mute.reason, None)
                return None
        match judge(unit, self._sink, self._window, self._now_ms):
            case Wait(until_ms=until_ms):
                await self._postpone([letter.key for letter in unit.letters], until_ms)
                return None
            case KeepBack(reason=reason, digest=digest, notice=notice):
                await self._add([one for one in (notice, digest) if one is not None])
                await self._suppress(unit, reason, digest.key)
                return None
        units = await self._companions(head, unit)
        if len(units) > 1:
            return await self._summary(head, unit, units)
        return await self._single(head, unit, rows, told)

    async def _single(self, head: Row[Any], unit: Unit, rows: Sequence[Row[Any]], told: ToldBy) -> Delivery:
        waiting = [row for row in rows if row.status == WAITING]
        edits, edits_too = editable(told) if unit.is_edit(self._sink) else (None, None)
        speaks_again = edits is None and told.how is not Told.NOTHING
        repeats, expires_ms = max(row.repeats for row in waiting), max(row.expires_ms for row in waiting)
        await self._start(head, unit.severity, expires_ms, repeats, edits, Form.ALERT)
        await self._merge(head, [unit])
        if edits is None:
            await self._count(head)
        history = await self._connection.execute(say.history_of_episode, {"the_episode": head.episode_id})
        own = next((name for name in told.own if name is not None), None)
        is_change = unit.change in (Change.ESCALATED, Change.STILL) and self._sink.can_edit
        return Delivery(
            key=head.key,
            lane=head.lane,
            severity=unit.severity,
            change=unit.change,
            alert=unit.alert,
            history=tuple(_moment(row) for row in reversed(history.all())),
            created_ms=min(row.created_ms for row in waiting),
            due_ms=head.due_ms or 0,
            expires_ms=expires_ms,
            attempts=head.attempts,
            is_repeat=repeats > 0,
            merged=len(waiting) + sum(row.merged_into == head.key for row in rows),
            edits=edits,
            edits_too=edits_too,
            replies=(own or told.first) if speaks_again else None,
            refreshes=own if speaks_again and is_change else None,
        )

    async def _summary(self, head: Row[Any], unit: Unit, units: Sequence[Unit]) -> Delivery:
        letters = [letter for one in units for letter in one.letters]
        severity = max((one.severity for one in units), key=lambda severity: severity.rank)
        expires_ms = max(letter.expires_ms for letter in letters)
        await self._start(head, severity, expires_ms, head.repeats, None, Form.SUMMARY)
        await self._merge(head, units)
        await self._count(head)
        return Delivery(
            key=head.key,
            lane=head.lane,
            form=Form.SUMMARY,
            severity=severity,
            change=unit.change,
            alert=unit.alert,
            members=loudest_first([one.member() for one in units]),
            created_ms=min(letter.created_ms for letter in letters),
            due_ms=head.due_ms or 0,
            expires_ms=expires_ms,
            attempts=head.attempts,
            is_repeat=head.repeats > 0,
            merged=len(letters),
        )

    # -- looking ------------------------------------------------------------------------------------------------------

    async def _companions(self, head: Row[Any], unit: Unit) -> list[Unit]:
        """The units that leave as one message with this one, itself first."""
        if form_of(head) is Form.SUMMARY:  # it was to leave before, with these
            carried = (await self._connection.execute(say.carried_by, {"the_key": head.key})).all()
            others = await self._units([row for row in carried if row.episode_id != head.episode_id])
            return [unit, *others]
        if head.group_key is None:
            return [unit]
        values = {"the_lane": self._lane, "the_group": head.group_key, "the_limit": GROUP_MAX}
        names = [row.episode_id for row in await self._connection.execute(say.episodes_in_group, values)]
        if len({*names, head.episode_id}) < self._sink.group.at_least:
            return [unit]
        names = [name for name in names if name != head.episode_id]
        rows = await self._rows(names)
        others = await self._units([row for row in rows if row.status == WAITING], rows)
        return companions(unit, others, self._sink)

    async def _units(self, letters: Sequence[Row[Any]], rows: Sequence[Row[Any]] = ()) -> list[Unit]:
        """Letters by alert, oldest first; `rows` are all of these alerts in this lane, to know what was told."""
        names = list(dict.fromkeys(row.episode_id for row in letters))
        alerts, told = await self._alerts(names), await self._told(rows)
        return [
            Unit(
                letters=tuple(to_letter(row) for row in letters if row.episode_id == name),
                alert=alerts[name],
                told=told[name].how if name in told else Told.NOTHING,
            )
            for name in names
            if name in alerts
        ]

    async def _rows(self, episodes: Sequence[str]) -> Sequence[Row[Any]]:
        if not episodes:
            return ()
        values = {"the_lane": self._lane, "the_episodes": list(episodes)}
        return (await self._connection.execute(say.episodes_in_lane, values)).all()

    async def _alerts(self, episodes: Sequence[str]) -> dict[str, Alert]:
        if not episodes:
            return {}
        found = await self._connection.execute(say.alerts_of_episodes, {"the_episodes": list(episodes)})
        return {row.episode_id: to_alert(row) for row in found}

    async def _told(self, rows: Sequence[Row[Any]]) -> dict[str, ToldBy]:
        """What of each episode has reached the lane: by messages of its own, or by what carried it."""
        elsewhere = {row.merged_into for row in rows if row.merged_into is not None} - {row.key for row in rows}
        carriers: dict[str, Row[Any]] = {row.key: row for row in rows}
        if elsewhere:
            found = await self._connection.execute(say.carriers, {"the_keys": sorted(elsewhere)})
            carriers |= {row.key: row for row in found}
        by_episode: dict[str, list[Row[Any]]] = {}
        for row in rows:
            by_episode.setdefault(row.episode_id, []).append(row)
        return {name: told_by(some, carriers) for name, some in by_episode.items()}

    # -- writing ------------------------------------------------------------------------------------------------------

    async def _start(
        self, head: Row[Any], severity: Severity, expires_ms: int, repeats: int, edits: str | None, form: Form
    ) -> None:
        values = {
            "the_key": head.key,
            "now_ms": self._now_ms,
            "the_severity": severity.value,
            "the_expires_ms": expires_ms,
            "the_repeats": repeats,
            "the_edit_of": edits,
            "the_form": form.value,
        }
        await self._connection.execute(say.start_sending, values)

    async def _merge(self, head: Row[Any], units: Iterable[Unit]) -> None:
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

    async def _suppress(self, unit: Unit, reason: str, digest: str | None) -> None:
        keys = [letter.key for letter in unit.letters]
        values = {"the_keys": keys, "the_reason": reason, "the_digest": digest, "now_ms": self._now_ms}
        await self._connection.execute(say.suppress, values)

    async def _postpone(self, keys: list[str], until_ms: int) -> None:
        values = {"the_keys": keys, "until_ms": until_ms, "the_expires_ms": until_ms + self._sink.expire_ms}
        await self._connection.execute(say.postpone, values)

    async def _expire(self, key: str, reason: str) -> None:
        values = {"the_key": key, "now_ms": self._now_ms, "the_reason": reason}
        await self._connection.execute(say.expire_one, values)

    async def _add(self, letters: Sequence[Letter]) -> None:
        rows = [dict(zip(NOTICE_COLUMNS, notice_row(letter), strict=True)) for letter in letters]
        await self._connection.execute(say.insert_notices, rows)


def _moment(row: Row[Any]) -> Moment:
    value = nan if row.value is None else row.value
    return Moment(Change(row.change), Severity(row.severity), row.at_ms, value)
