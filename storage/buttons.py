"""The buttons under messages: short tokens for what they are about, and the first press of each."""

from secrets import token_hex
from typing import Any

import msgspec
from sqlalchemy import Row, bindparam, delete, select, update

from rules.alerts import Alert
from storage.database import Database
from storage.rows import to_alert
from storage.schema import alerts, buttons
from storage.sentences import insert_once

LAST_MS = 48 * 3_600_000  # what is older is answered with a command

add_buttons = insert_once(buttons, "key")
buttons_of_message = select(buttons).where(buttons.c.key == bindparam("the_key"))
buttons_by_token = select(buttons).where(buttons.c.token == bindparam("the_token"))
newest_buttons = (
    select(buttons.c.token)
    .where(buttons.c.episode_id == bindparam("the_episode"), buttons.c.lane == bindparam("the_lane"))
    .order_by(buttons.c.created_ms.desc(), buttons.c.token)
    .limit(1)
)
presses_of_episode = (
    select(buttons)
    .where(buttons.c.episode_id == bindparam("the_episode"), buttons.c.pressed_ms.is_not(None))
    .order_by(buttons.c.pressed_ms.desc())
    .limit(bindparam("the_limit"))
)
alert_of_buttons = select(alerts).where(alerts.c.episode_id == bindparam("the_episode"))
first_press = (
    update(buttons)
    .where(
        buttons.c.token == bindparam("the_token"),
        buttons.c.pressed_ms.is_(None),
        buttons.c.expires_ms > bindparam("now_ms"),
    )
    .values(
        press=bindparam("the_press"),
        action=bindparam("the_action"),
        who=bindparam("the_who"),
        pressed_ms=bindparam("now_ms"),
    )
)
old_buttons = delete(buttons).where(buttons.c.expires_ms < bindparam("before_ms"))


class Panel(msgspec.Struct, frozen=True, kw_only=True):
    """One message's buttons, and what became of them."""

    token: str
    lane: str
    episode_id: str
    created_ms: int
    expires_ms: int
    press: str | None = None  # the chat's name of the press that counts
    action: str | None = None
    who: str | None = None
    pressed_ms: int | None = None


class Buttons:
    """Every method is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, key: str, lane: str, episode_id: str) -> Panel:
        """The buttons of this message; the same `key` twice gives the same ones."""
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
            return _panel((await connection.execute(buttons_of_message, {"the_key": key})).one())

    async def find(self, token: str) -> Panel | None:
        """What a press is about."""
        async with self._database.reader() as connection:
            row = (await connection.execute(buttons_by_token, {"the_token": token})).first()
        return None if row is None else _panel(row)

    async def alert(self, episode_id: str) -> Alert | None:
        """The alert under a message: also a private one, because whoever got the message knows it."""
        async with self._database.reader() as connection:
            row = (await connection.execute(alert_of_buttons, {"the_episode": episode_id})).first()
        return None if row is None else to_alert(row)

    async def press(self, token: str, press: str, action: str, who: str) -> Panel | None:
        """The first press counts: two at once get one result, and the same press again is the same press.

        None for buttons that never were; those that have expired come back without a press.
        """
        values = {
            "the_token": token,
            "the_press": press,
            "the_action": action,
            "the_who": who,
            "now_ms": self._database.clock(),
        }
        async with self._database.writer() as connection:
            await connection.execute(first_press, values)
            row = (await connection.execute(buttons_by_token, {"the_token": token})).first()
        return None if row is None else _panel(row)

    async def is_newest(self, panel: Panel) -> bool:
        """Whether no later message about this alert in this chat has buttons of its own."""
        values = {"the_episode": panel.episode_id, "the_lane": panel.lane}
        async with self._database.reader() as connection:
            return (await connection.execute(newest_buttons, values)).scalar() == panel.token

    async def pressed(self, episode_id: str, *, limit: int = 3) -> list[Panel]:
        """What was done about an alert with buttons, in any chat, oldest first; at most the latest few."""
        values = {"the_episode": episode_id, "the_limit": limit}
        async with self._database.reader() as connection:
            return [_panel(row) for row in await connection.execute(presses_of_episode, values)][::-1]


def _panel(row: Row[Any]) -> Panel:
    return Panel(
        token=row.token,
        lane=row.lane,
        episode_id=row.episode_id,
        created_ms=row.created_ms,
        expires_ms=row.expires_ms,
        press=row.press,
        action=row.action,
        who=row.who,
        pressed_ms=row.pressed_ms,
    )
