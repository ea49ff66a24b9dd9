"""What waits in one lane and what its chat knows already, read for whoever decides what leaves."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, bindparam, exists, func, or_, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from rules.alerts import Alert, Change, Severity
from rules.delivery.gather import GOOD_NEWS, LATE_ROOM, Crowd, Told, Unit, is_loud, jammed
from rules.delivery.letters import Form
from rules.delivery.policy import SinkPolicy
from storage import statements as say
from storage.notices import SENDING, SENT, WAITING, to_letter
from storage.rows import to_alert
from storage.schema import outbox
from storage.told import ToldBy, told_by

_NAMES_MAX = 5_000  # in one sentence; both databases take some 32,000
FEW = LATE_ROOM  # so many and fewer are no jam for any chat

_in_lane = select(outbox).where(outbox.c.lane == bindparam("the_lane"))
front_of_lane = union_all(  # what is on its way, and a few that wait: nearly always that is all
    select(_in_lane.where(outbox.c.status == SENDING).limit(1).subquery("flying")),
    select(_in_lane.where(outbox.c.status == WAITING).order_by(outbox.c.id).limit(FEW + 1).subquery("waiting")),
)
_told = outbox.alias("told")
_is_told_alone = exists().where(
    _told.c.lane == outbox.c.lane,
    _told.c.episode_id == outbox.c.episode_id,
    # not by the index of states, or SQLite reads all that the lane has ever sent, for every end that waits
    func.coalesce(_told.c.status, "") == SENT,
    _told.c.form == Form.ALERT.value,
)
crowds_in_lane = (  # alerts that are due, by what may become one message; what only changes one is not counted
    select(
        outbox.c.group_key,
        outbox.c.severity,
        func.count(outbox.c.episode_id.distinct()).label("alerts"),
        func.min(func.coalesce(outbox.c.due_ms, outbox.c.created_ms)).label("since_ms"),
    )
    .where(
        outbox.c.lane == bindparam("the_lane"),
        outbox.c.status == WAITING,
        func.coalesce(outbox.c.due_ms, 0) <= bindparam("now_ms"),
        outbox.c.episode_id.is_not(None),
        or_(
            outbox.c.change.is_(None), outbox.c.change.not_in(bindparam("the_silent", expanding=True)), ~_is_told_alone
        ),
    )
    .group_by(outbox.c.group_key, outbox.c.severity)
)

backlog_of_lane = (  # the digest of what a chat would take too long for, that may still take in more
    select(outbox.c.key)
    .where(
        outbox.c.lane == bindparam("the_lane"),
        outbox.c.status == WAITING,
        outbox.c.form == Form.DIGEST.value,
        outbox.c.text.is_not(None),
        outbox.c.repeats == 0,
        func.coalesce(outbox.c.due_ms, 0) <= bindparam("now_ms"),
    )
    .order_by(outbox.c.id)
    .limit(1)
)


class Waiting:
    """One lane, inside a claim's transaction."""

    def __init__(self, connection: AsyncConnection, lane: str) -> None:
        self._connection = connection
        self._lane = lane
        self._has_loud = True  # until nothing critical is found: looking for it reads all that waits
        self._all: list[Row[Any]] | None = None  # that waits, oldest first, if it is little

    async def is_free(self) -> bool:
        """Whether nothing is on its way. To be asked first: where little waits, this has read it all."""
        rows = (await self._connection.execute(front_of_lane, {"the_lane": self._lane})).all()
        waiting = sorted((row for row in rows if row.status == WAITING), key=lambda row: row.id)
        self._all = waiting if len(waiting) <= FEW else None
        return len(waiting) == len(rows)

    def is_fewer(self, count: int) -> bool:
        """Whether less than so many wait, due or not; True only where it is known without asking."""
        return self._all is not None and len(self._all) < count

    async def head(self, now_ms: int) -> Row[Any] | None:
        """What is due first: critical news, else the oldest."""
        if self._all is not None:
            due = [row for row in self._all if (row.due_ms or 0) <= now_ms]
            return next(filter(_is_loud, due), due[0] if due else None)
        values = {"the_lane": self._lane, "now_ms": now_ms}
        if self._has_loud:
            if (loud := (await self._connection.execute(say.loud_head_of_lane, values)).first()) is not None:
                return loud
            self._has_loud = False
        return (await self._connection.execute(say.head_of_lane, values)).first()

    async def line(self, now_ms: int, limit: int) -> list[Row[Any]]:
        """The head and those behind it, in the order in which they come first; none where little waits."""
        if self._all is not None:
            return []
        rows = say.loud_in_lane if self._has_loud else say.due_in_lane
        values = {"the_lane": self._lane, "now_ms": now_ms, "the_limit": limit}
        return list((await self._connection.execute(rows, values)).all())

    async def next_due_ms(self) -> int | None:
        """When the first of all that waits is due; None: nothing waits."""
        if self._all is not None:
            return min((row.due_ms or 0 for row in self._all), default=None)
        due_ms: int | None = (await self._connection.execute(say.next_due, {"the_lane": self._lane})).scalar()
        return due_ms

    def changed(self) -> None:
        """What waits is no longer what was read."""
        self._all = None

    async def jam(self, sink: SinkPolicy, room: int, now_ms: int) -> Severity | None:
        """Up to which severity alerts leave as one message, because more is due than the chat takes soon."""
        if self.is_fewer(min(room, FEW) + 1):
            return None
        silent = [change.value for change in GOOD_NEWS] if sink.can_edit else []  # an edit can wait
        values = {"the_lane": self._lane, "now_ms": now_ms, "the_silent": silent}
        crowds = [
            Crowd(row.alerts, Severity(row.severity), since_ms=row.since_ms, is_group=row.group_key is not None)
            for row in await self._connection.execute(crowds_in_lane, values)
        ]
        return jammed(crowds, sink, room, now_ms)

    async def backlog(self, now_ms: int) -> str | None:
        """The key of the digest that an earlier claim has begun and nobody has sent."""
        values = {"the_lane": self._lane, "now_ms": now_ms}
        key: str | None = (await self._connection.execute(backlog_of_lane, values)).scalar()
        return key

    async def units(self, letters: Sequence[Row[Any]], rows: Sequence[Row[Any]] = ()) -> list[Unit]:
        """Letters by alert, oldest first; `rows` are all of these alerts in this lane, to know what was told."""
        by_episode: dict[str, list[Row[Any]]] = {}
        for row in letters:
            by_episode.setdefault(row.episode_id, []).append(row)
        alerts, told = await self.alerts(list(by_episode)), await self.told(rows)
        return [
            Unit(
                letters=tuple(map(to_letter, some)),
                alert=alerts[name],
                told=told[name].how if name in told else Told.NOTHING,
            )
            for name, some in by_episode.items()
            if name in alerts
        ]

    async def rows(self, episodes: Sequence[str]) -> Sequence[Row[Any]]:
        """All that this lane has ever had of these alerts, oldest first."""
        if not episodes:
            return ()
        values = {"the_lane": self._lane, "the_episodes": list(episodes)}
        return (await self._connection.execute(say.episodes_in_lane, values)).all()

    async def alerts(self, episodes: Sequence[str]) -> dict[str, Alert]:
        """As they stand now."""
        alerts: dict[str, Alert] = {}
        for start in range(0, len(episodes), _NAMES_MAX):
            some = list(episodes[start : start + _NAMES_MAX])
            found = await self._connection.execute(say.alerts_of_episodes, {"the_episodes": some})
            alerts.update((row.episode_id, to_alert(row)) for row in found)
        return alerts

    async def told(self, rows: Sequence[Row[Any]]) -> dict[str, ToldBy]:
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


def _is_loud(row: Row[Any]) -> bool:
    """As `statements.loud_head_of_lane` says it."""
    change = None if row.change is None else Change(row.change)
    return is_loud(change, Severity(row.severity), is_urgent=bool(row.is_urgent))
