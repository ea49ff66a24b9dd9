"""The buttons under messages: short tokens for what they are about, and what became of them."""

from collections.abc import Sequence
from secrets import token_hex
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Row, bindparam, case, delete, exists, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from rules.alerts import Alert
from rules.delivery.letters import Member
from rules.delivery.ranking import loudest_first
from storage.database import Database
from storage.endings import message_over_again
from storage.notices import SENDING, SENT
from storage.rows import to_alert
from storage.schema import alerts, buttons, outbox
from storage.sentences import insert_once

LAST_MS = 48 * 3_600_000  # what is older is answered with a command
LATE_MS = 60_000  # a press tells how its message read, and may take so long to come here

is_token = buttons.c.token == bindparam("the_token")
is_alive = buttons.c.expires_ms > bindparam("now_ms")

add_buttons = insert_once(buttons, "key")
retell_buttons = (  # what did not leave alone may leave among others, and the other way round
    update(buttons)
    .where(buttons.c.key == bindparam("the_key"), buttons.c.pressed_ms.is_(None))
    .values(episode_id=bindparam("the_episode"))
)
buttons_of_message = select(buttons).where(buttons.c.key == bindparam("the_key"))
buttons_by_token = select(buttons).where(is_token)
newest_buttons = (
    select(buttons.c.token)
    .where(buttons.c.episode_id == bindparam("the_episode"), buttons.c.lane == bindparam("the_lane"))
    .order_by(buttons.c.created_ms.desc(), buttons.c.token)
    .limit(1)
)
alert_of_buttons = select(alerts).where(alerts.c.episode_id == bindparam("the_episode"))
alerts_of_message = select(alerts).where(
    alerts.c.episode_id.in_(
        select(outbox.c.episode_id).where(
            or_(outbox.c.key == bindparam("the_key"), outbox.c.merged_into == bindparam("the_key")),
            outbox.c.episode_id.is_not(None),
        )
    )
)
unshown_presses = (
    select(buttons)
    .where(
        buttons.c.lane.in_(bindparam("the_lanes", expanding=True)),
        buttons.c.place.is_not(None),
        buttons.c.shown_ms.is_(None),
        is_alive,
    )
    .order_by(func.coalesce(buttons.c.pressed_ms, buttons.c.created_ms).desc(), buttons.c.token)
    .limit(bindparam("the_limit"))
)
_is_pressed = or_(buttons.c.pressed_ms.is_not(None), buttons.c.place.is_not(None))  # also in vain
show_press = (
    update(buttons).where(is_token, _is_pressed, buttons.c.shown_ms.is_(None)).values(shown_ms=bindparam("now_ms"))
)
old_buttons = delete(buttons).where(  # what was pressed is quoted by later messages about the same alerts
    buttons.c.token.in_(
        select(buttons.c.token)
        .where(
            buttons.c.expires_ms < bindparam("before_ms"),
            or_(
                buttons.c.pressed_ms.is_(None),
                ~exists().where(outbox.c.key == buttons.c.key)
                & ~exists().where(alerts.c.episode_id == buttons.c.episode_id, alerts.c.is_firing),
            ),
        )
        .with_for_update(skip_locked=True)  # as `retention_statements.old_messages`
    )
)


def later(mark: ColumnElement[int | None]) -> ColumnElement[int]:
    """Now, or later than the mark before, whatever the clock says: whoever has dealt with that one leaves this."""
    before = func.coalesce(mark, 0)
    return case((before < bindparam("now_ms"), bindparam("now_ms")), else_=before + 1)


_changed_ms = func.coalesce(outbox.c.finished_ms, outbox.c.send_started_ms)
written_over = (  # a later change of the alert may have stood there, and does not any more
    update(buttons)
    .where(
        is_token,
        exists().where(
            outbox.c.lane == buttons.c.lane,
            outbox.c.episode_id == buttons.c.episode_id,
            outbox.c.key != buttons.c.key,
            outbox.c.status.in_([SENDING, SENT]),
            _changed_ms >= bindparam("since_ms"),
        ),
    )
    .values(behind_ms=later(buttons.c.behind_ms))
)


class Panel(msgspec.Struct, frozen=True, kw_only=True):
    """One message's buttons, and what became of them."""

    token: str
    key: str  # of the message
    lane: str
    episode_id: str | None  # None: it tells several alerts
    created_ms: int
    expires_ms: int
    press: str | None = None  # the chat's name of the press that counts
    action: str | None = None
    who: str | None = None
    chat: str | None = None  # where it was pressed
    pressed_ms: int | None = None
    place: str | None = None  # what the chat needs to edit the message, as it stood when it was pressed
    shown_ms: int | None = None  # the message says who did what

    @property
    def author(self) -> str:
        """Who pressed, and where: `@anna (Telegram)`."""
        return f"{self.who} ({self.chat})" if self.chat else self.who or ""


class Buttons:
    """Every method is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, key: str, lane: str, episode_id: str | None) -> Panel:
        """The buttons of this message; the same `key` twice gives the same ones. No episode: it tells several.

        Until they are pressed the latest try counts: what it tells is what they are about.
        """
        now_ms = self._database.clock()
        values = {
            "token": token_hex(8),
            "key": key,
            "lane": lane,
            "episode_id": episode_id,
            "created_ms": now_ms,
            "expires_ms": now_ms + LAST_MS,
        }
        async with self._database.writer() as connection:
            await connection.execute(add_buttons, values)
            await connection.execute(retell_buttons, {"the_key": key, "the_episode": episode_id})
            return to_panel((await connection.execute(buttons_of_message, {"the_key": key})).one())

    async def find(self, token: str) -> Panel | None:
        """What a press is about."""
        async with self._database.reader() as connection:
            return await find(connection, token)

    async def about(self, panel: Panel) -> list[Alert]:
        """The alerts that this message tells, loudest first: also private ones, because whoever got it knows them."""
        async with self._database.reader() as connection:
            return await alerts_told(connection, panel)

    async def unshown(self, lanes: Sequence[str], limit: int = 100) -> list[Panel]:
        """Pressed, also in vain, and the message may not say it yet: newest first, so that old ones hide no new ones.

        Not those without a place, nor the expired.
        """
        values = {"the_lanes": list(lanes), "the_limit": limit, "now_ms": self._database.clock()}
        async with self._database.reader() as connection:
            return [to_panel(row) for row in await connection.execute(unshown_presses, values)]

    async def shown(self, token: str) -> None:
        """The message says who did what, or never will."""
        async with self._database.writer() as connection:
            await connection.execute(show_press, {"the_token": token, "now_ms": self._database.clock()})

    async def is_newest(self, panel: Panel) -> bool:
        """Whether no later message about this alert in this chat has buttons of its own.

        One about several always is: it is changed when all are over, see `is_left_to_end`.
        """
        if panel.episode_id is None:
            return True
        values = {"the_episode": panel.episode_id, "the_lane": panel.lane}
        async with self._database.reader() as connection:
            return (await connection.execute(newest_buttons, values)).scalar() == panel.token

    async def write_over(self, panel: Panel) -> bool:
        """The message was changed to what it said when it was pressed: its lane writes it anew, if it said more by then.

        True if it does.
        """
        now_ms = self._database.clock()
        since_ms = min(panel.created_ms if panel.pressed_ms is None else panel.pressed_ms, now_ms) - LATE_MS
        async with self._database.writer() as connection:
            values = {"the_token": panel.token, "since_ms": since_ms, "now_ms": now_ms}
            return (await connection.execute(written_over, values)).rowcount > 0

    async def is_left_to_end(self, panel: Panel) -> bool:
        """Whether the message told several alerts and all are over: then its lane writes it, with what was pressed."""
        if panel.episode_id is not None:
            return False
        async with self._database.writer() as connection:
            values = {"the_key": panel.key, "now_ms": self._database.clock()}
            return (await connection.execute(message_over_again, values)).rowcount > 0


async def find(connection: AsyncConnection, token: str) -> Panel | None:
    """What a press is about, inside a transaction of the caller's."""
    row = (await connection.execute(buttons_by_token, {"the_token": token})).first()
    return None if row is None else to_panel(row)


async def alerts_told(connection: AsyncConnection, panel: Panel) -> list[Alert]:
    """The alerts that a message tells, loudest first, inside a transaction of the caller's."""
    if panel.episode_id is not None:
        found = await connection.execute(alert_of_buttons, {"the_episode": panel.episode_id})
    else:
        found = await connection.execute(alerts_of_message, {"the_key": panel.key})
    told = [to_alert(row) for row in found]
    return [one.alert for one in loudest_first([Member(alert, at_ms=alert.started_ms) for alert in told])]


def to_panel(row: Row[Any]) -> Panel:
    """The buttons of this row."""
    return Panel(
        token=row.token,
        key=row.key,
        lane=row.lane,
        episode_id=row.episode_id,
        created_ms=row.created_ms,
        expires_ms=row.expires_ms,
        press=row.press,
        action=row.action,
        who=row.who,
        chat=row.chat,
        pressed_ms=row.pressed_ms,
        place=row.place,
        shown_ms=row.shown_ms,
    )
