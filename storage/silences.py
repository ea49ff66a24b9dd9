"""What people do not want to be told for a while, and which alerts somebody has seen.

Written by the command line, by chats and over HTTP; the daemon reads it again every second.
"""

from collections.abc import Collection, Mapping
from secrets import token_hex
from typing import Any

import msgspec
from sqlalchemy import Row, and_, bindparam, delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from rules.alerts import Change
from rules.delivery.matchers import Matchers
from rules.delivery.silences import Acknowledgement, Silence
from storage.database import Database
from storage.schema import acknowledgements, alerts, silences, transitions
from storage.sentences import insert_once

_encode = msgspec.json.Encoder().encode
_matchers = msgspec.json.Decoder(Matchers)
_now: Any = bindparam("now_ms")
_is_active = and_(silences.c.ended_ms.is_(None), or_(silences.c.until_ms.is_(None), silences.c.until_ms > _now))
_is_overtaken = and_(  # until its alert clears, which it had before anybody heard of the silence
    silences.c.until_ms.is_(None),
    silences.c.ended_ms.is_(None),
    silences.c.episode_id.in_(select(alerts.c.episode_id).where(alerts.c.ended_ms.is_not(None))),
)

add_silence = insert_once(silences)
active_silences = (
    select(silences).where(_is_active, ~_is_overtaken).order_by(silences.c.created_ms, silences.c.silence_id)
)
newest_silences = (
    select(silences).order_by(silences.c.created_ms.desc(), silences.c.silence_id).limit(bindparam("the_limit"))
)
silences_like = (
    select(silences).where(silences.c.silence_id.startswith(bindparam("prefix"), autoescape=False)).limit(10)
)
end_silence = (
    update(silences)
    .where(silences.c.silence_id == bindparam("the_silence"), _is_active)
    .values(ended_ms=_now, ended_by=bindparam("the_author"))
)
old_silences = delete(silences).where(func.coalesce(silences.c.ended_ms, silences.c.until_ms) < bindparam("before_ms"))
overtaken_silences = delete(silences).where(_is_overtaken)
any_alert = select(alerts.c.episode_id).where(alerts.c.episode_id == bindparam("the_episode"))
add_acknowledgement = insert_once(acknowledgements, "episode_id")
one_acknowledgement = select(acknowledgements).where(acknowledgements.c.episode_id == bindparam("the_episode"))
named_acknowledgements = select(acknowledgements).where(
    acknowledgements.c.episode_id.in_(bindparam("the_episodes", expanding=True))
)
_got_worse = select(transitions.c.at_ms).where(
    transitions.c.episode_id == acknowledgements.c.episode_id,
    transitions.c.change == Change.ESCALATED.value,
    transitions.c.at_ms > acknowledgements.c.at_ms,
    transitions.c.at_ms <= _now,
)
renew_acknowledgement = (  # what got worse since can be seen anew
    update(acknowledgements)
    .where(acknowledgements.c.episode_id == bindparam("the_episode"), _got_worse.exists())
    .values(who=bindparam("the_who"), at_ms=_now)
)
running_acknowledgements = (
    select(acknowledgements)
    .join(alerts, alerts.c.episode_id == acknowledgements.c.episode_id)
    .where(alerts.c.is_firing)
    .order_by(acknowledgements.c.episode_id)
)
old_acknowledgements = delete(acknowledgements).where(
    acknowledgements.c.at_ms < bindparam("before_ms"),
    acknowledgements.c.episode_id.not_in(select(alerts.c.episode_id).where(alerts.c.is_firing)),
)


class Silences:
    """Every method is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(
        self,
        *,
        author: str,
        matchers: Matchers | None = None,
        episode_id: str | None = None,
        reason: str = "",
        until_ms: int | None = None,
        silence_id: str | None = None,
    ) -> Silence:
        """Begin one. With `episode_id` it is about that alert only, and ends at the latest when it clears.

        The same `silence_id` twice is one silence: the first stays. ValueError for one without an end and an episode.
        """
        if until_ms is None and episode_id is None:
            raise ValueError("a silence has an end, or is about one alert; give a time")
        silence = Silence(
            silence_id=silence_id or token_hex(4),
            matchers=matchers or Matchers(),
            episode_id=episode_id,
            author=author,
            reason=reason,
            created_ms=self._database.clock(),
            until_ms=until_ms,
        )
        async with self._database.writer() as connection:
            await connection.execute(add_silence, [_row(silence)])
        return silence

    async def add_all(self, named: Mapping[str, Matchers | str], *, author: str, until_ms: int | None) -> None:
        """Begin several, by name: of what matches, or of the alert of this episode. All or none, and twice is once.

        ValueError for one that matches and has no end.
        """
        if until_ms is None and any(isinstance(meant, Matchers) for meant in named.values()):
            raise ValueError("a silence has an end, or is about one alert; give a time")
        now_ms = self._database.clock()
        found = [
            Silence(
                silence_id=name,
                matchers=meant if isinstance(meant, Matchers) else Matchers(),
                episode_id=None if isinstance(meant, Matchers) else meant,
                author=author,
                created_ms=now_ms,
                until_ms=until_ms,
            )
            for name, meant in named.items()
        ]
        async with self._database.writer() as connection:
            await connection.execute(add_silence, [_row(silence) for silence in found])

    async def end(self, silence_id: str, author: str) -> bool:
        """End one by hand; False if it has ended already, or never was."""
        async with self._database.writer() as connection:
            return await lift(connection, silence_id, author, self._database.clock())

    async def active(self, now_ms: int) -> list[Silence]:
        """Those that count at this moment, oldest first."""
        async with self._database.reader() as connection:
            return [to_silence(row) for row in await connection.execute(active_silences, {"now_ms": now_ms})]

    async def listing(self, *, limit: int = 100) -> list[Silence]:
        """The newest, newest first, also those that have ended."""
        async with self._database.reader() as connection:
            return [to_silence(row) for row in await connection.execute(newest_silences, {"the_limit": limit})]

    async def find(self, prefix: str) -> list[Silence]:
        """Those whose name begins so, at most ten."""
        async with self._database.reader() as connection:
            return [to_silence(row) for row in await connection.execute(silences_like, {"prefix": prefix})]

    async def acknowledge_all(self, episode_ids: Collection[str], who: str, *, at_ms: int) -> None:
        """Write down that somebody has seen these alerts then: all or none, and twice is once.

        The first counts. One from before the alert got worse was about less, and gives way to one from after that.
        """
        async with self._database.writer() as connection:
            for episode_id in sorted(episode_ids):
                await acknowledge(connection, episode_id, who, at_ms)

    async def has_alert(self, episode_id: str) -> bool:
        """Whether an alert has this name, whoever may see it."""
        async with self._database.reader() as connection:
            return (await connection.execute(any_alert, {"the_episode": episode_id})).first() is not None

    async def acknowledgement(self, episode_id: str) -> Acknowledgement | None:
        """Who has seen this alert."""
        async with self._database.reader() as connection:
            return await acknowledgement_of(connection, episode_id)

    async def acknowledgements(self, episode_ids: Collection[str]) -> dict[str, Acknowledgement]:
        """Who has seen these alerts; those that nobody has seen are missing."""
        async with self._database.reader() as connection:
            rows = (await connection.execute(named_acknowledgements, {"the_episodes": list(episode_ids)})).all()
        return {row.episode_id: _seen(row) for row in rows}

    async def acknowledged(self) -> list[Acknowledgement]:
        """Of the alerts that are firing."""
        async with self._database.reader() as connection:
            rows = (await connection.execute(running_acknowledgements)).all()
        return [_seen(row) for row in rows]


async def acknowledge(connection: AsyncConnection, episode_id: str, who: str, at_ms: int) -> bool:
    """Acknowledge an alert inside a transaction of the caller's; whether this is the acknowledgement that counts."""
    values = {"episode_id": episode_id, "who": who, "at_ms": at_ms}
    if (await connection.execute(add_acknowledgement, values)).rowcount > 0:
        return True
    renewed = {"the_episode": episode_id, "the_who": who, "now_ms": at_ms}
    return (await connection.execute(renew_acknowledgement, renewed)).rowcount > 0


async def acknowledgement_of(connection: AsyncConnection, episode_id: str) -> Acknowledgement | None:
    """Who has seen an alert, inside a transaction of the caller's."""
    row = (await connection.execute(one_acknowledgement, {"the_episode": episode_id})).first()
    return None if row is None else _seen(row)


async def lift(connection: AsyncConnection, silence_id: str, author: str, now_ms: int) -> bool:
    """End a silence inside a transaction of the caller's."""
    values = {"the_silence": silence_id, "the_author": author, "now_ms": now_ms}
    return (await connection.execute(end_silence, values)).rowcount > 0


def to_silence(row: Row[Any]) -> Silence:
    """The silence that `add` wrote."""
    return Silence(
        silence_id=row.silence_id,
        matchers=_matchers.decode(row.matchers),
        episode_id=row.episode_id,
        author=row.author,
        reason=row.reason,
        created_ms=row.created_ms,
        until_ms=row.until_ms,
        ended_ms=row.ended_ms,
        ended_by=row.ended_by,
    )


def _seen(row: Row[Any]) -> Acknowledgement:
    return Acknowledgement(episode_id=row.episode_id, who=row.who, at_ms=row.at_ms)


def _row(silence: Silence) -> dict[str, Any]:
    return msgspec.structs.asdict(silence) | {"matchers": _encode(silence.matchers).decode()}
