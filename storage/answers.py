"""What people answer to alerts, in any chat: one answer counts, until there is news."""

from collections.abc import Callable, Collection, Sequence
from secrets import token_hex
from typing import Any

import msgspec
from sqlalchemy import (
    ColumnElement,
    Row,
    bindparam,
    exists,
    func,
    insert,
    null,
    or_,
    select,
    union,
    union_all,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from rules.alerts import Alert, Change
from rules.delivery import Acknowledgement
from storage.buttons import Panel, alerts_told, find, is_alive, is_token, later, to_panel
from storage.database import Database
from storage.schema import buttons, outbox, silences, transitions
from storage.silences import acknowledge, acknowledgement_of

_is_pressed = buttons.c.pressed_ms.is_not(None)
_some_episodes: Any = bindparam("the_episodes", expanding=True)


def _about(episode: ColumnElement[str | None]) -> tuple[ColumnElement[Any], ...]:
    """One of the alerts that a press is about, and what has become of it since."""
    worse = exists().where(
        transitions.c.episode_id == episode,
        transitions.c.change == Change.ESCALATED.value,
        transitions.c.at_ms > buttons.c.pressed_ms,
    )
    lifted = exists().where(  # silences end with the name of the button that began them
        silences.c.silence_id.endswith(buttons.c.token),
        silences.c.ended_ms.is_not(None),
        or_(silences.c.episode_id.is_(None), silences.c.episode_id == episode),
    )
    return episode.label("about"), worse.label("is_worse"), lifted.label("is_lifted")


presses_of_episodes = union_all(
    select(buttons, *_about(buttons.c.episode_id)).where(buttons.c.episode_id.in_(_some_episodes), _is_pressed),
    select(buttons, *_about(outbox.c.episode_id))  # on a summary or a digest that told them
    .join(outbox, buttons.c.key.in_([outbox.c.key, outbox.c.merged_into]))
    .where(outbox.c.episode_id.in_(_some_episodes), _is_pressed, buttons.c.episode_id.is_(None)),
)
_its_messages = union(  # any that tells one of them, by itself or among others; each part by its own index
    select(buttons.c.token).where(is_token),
    select(buttons.c.token).where(buttons.c.episode_id.in_(_some_episodes)),
    select(buttons.c.token).join(outbox, outbox.c.key == buttons.c.key).where(outbox.c.episode_id.in_(_some_episodes)),
    select(buttons.c.token)
    .join(outbox, outbox.c.merged_into == buttons.c.key)
    .where(outbox.c.episode_id.in_(_some_episodes)),
)
lock_buttons = (  # in one order: who presses elsewhere at the same moment waits, and sees what came of it
    select(buttons.c.token).where(buttons.c.token.in_(_its_messages)).order_by(buttons.c.token).with_for_update()
)
first_press = (
    update(buttons)
    .where(is_token, buttons.c.pressed_ms.is_(None), is_alive)
    .values(
        press=bindparam("the_press"),
        action=bindparam("the_action"),
        who=bindparam("the_who"),
        chat=bindparam("the_chat"),
        place=bindparam("the_place"),
        pressed_ms=bindparam("the_pressed_ms"),
        shown_ms=null(),
    )
)
answered_elsewhere = (  # so this message has only to say so
    update(buttons)
    .where(is_token, buttons.c.pressed_ms.is_(None), is_alive, buttons.c.place.is_(None))
    .values(place=bindparam("the_place"), shown_ms=null())
)
fall_behind = (  # the other messages about these alerts, which offer what has just been answered
    update(buttons)
    .where(buttons.c.episode_id.in_(_some_episodes), buttons.c.token != bindparam("the_token"))
    .values(behind_ms=later(buttons.c.behind_ms))
)
latest_change = select(func.max(transitions.c.at_ms)).where(transitions.c.episode_id.in_(_some_episodes))
add_answer = insert(buttons)  # given without a message, and told as any other


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A press, and what it is about: those of the alerts asked about that its message tells."""

    panel: Panel
    episodes: frozenset[str]
    worse: frozenset[str] = frozenset()  # those of them that got worse after it
    lifted: frozenset[str] = frozenset()  # those that it had silenced, until somebody ended the silence


IsDone = Callable[[Sequence[Alert], Sequence[Answer]], bool]


def _never(alerts: Sequence[Alert], answers: Sequence[Answer]) -> bool:
    """Nobody else has answered."""
    del alerts, answers
    return False


class Answers:
    """Every method is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def press(
        self,
        token: str,
        press: str,
        action: str,
        who: str,
        place: str | None = None,
        *,
        chat: str | None = None,
        is_lasting: bool = False,
        is_done: IsDone = _never,
    ) -> Panel | None:
        """The first press counts: two at once get one result, and the same press again is the same press.

        `is_done` is asked whether presses under other messages, in any chat, have answered these alerts already: then
        this one does nothing, and the buttons come back without a press. So do those that have expired; None for
        buttons that never were. `place` is JSON of what the chat needs to edit the message. What `is_lasting` is said to
        what has happened until now, so it is never older than that.
        """
        now_ms = self._database.clock()
        values = {
            "the_token": token,
            "the_press": press,
            "the_action": action,
            "the_who": who,
            "the_chat": chat,
            "the_place": place,
            "the_pressed_ms": now_ms,
            "now_ms": now_ms,
        }
        async with self._database.writer() as connection:
            panel = await find(connection, token)
            if panel is None or panel.press is not None:
                return panel
            alerts = await alerts_told(connection, panel)
            names = [alert.episode_id for alert in alerts]
            await connection.execute(lock_buttons, {"the_token": token, "the_episodes": names})
            if is_lasting:
                values["the_pressed_ms"] = await _after_all(connection, names, now_ms)
            if is_done(alerts, await _answers(connection, names)):
                await connection.execute(answered_elsewhere, {"the_token": token, "the_place": place, "now_ms": now_ms})
            elif (await connection.execute(first_press, values)).rowcount:
                await connection.execute(fall_behind, {"the_token": token, "the_episodes": names, "now_ms": now_ms})
            return await find(connection, token)

    async def acknowledge(
        self, episode_id: str, who: str, *, action: str, chat: str
    ) -> tuple[Acknowledgement | None, bool]:
        """The same without a button. (the acknowledgement that counts, whether it is this one).

        `action` is that of the buttons that acknowledge: one that was pressed and is not done yet is done first.
        """
        token, names = token_hex(8), [episode_id]
        async with self._database.writer() as connection:
            await connection.execute(lock_buttons, {"the_token": token, "the_episodes": names})
            now_ms = await _after_all(connection, names, self._database.clock())
            for one in await _answers(connection, names):
                if one.panel.action == action and one.panel.pressed_ms is not None:
                    await acknowledge(connection, episode_id, one.panel.author, one.panel.pressed_ms)
            is_ours = await acknowledge(connection, episode_id, who, now_ms)
            if is_ours:
                answer = {"token": token, "key": token, "lane": "", "episode_id": episode_id, "press": token}
                when = dict.fromkeys(("created_ms", "expires_ms", "pressed_ms", "shown_ms"), now_ms)
                await connection.execute(add_answer, answer | when | {"action": action, "who": who, "chat": chat})
                values = {"the_token": token, "the_episodes": names, "now_ms": now_ms}
                await connection.execute(fall_behind, values)
            return await acknowledgement_of(connection, episode_id), is_ours

    async def of(self, episode_ids: Collection[str]) -> list[Answer]:
        """What was pressed about these alerts, in any chat, oldest first: one press may be about several of them."""
        async with self._database.reader() as connection:
            return await _answers(connection, episode_ids)


async def _after_all(connection: AsyncConnection, episode_ids: Collection[str], now_ms: int) -> int:
    """Now, or the latest change of these alerts: behind that one only because the clock was set back."""
    latest_ms = (await connection.execute(latest_change, {"the_episodes": list(episode_ids)})).scalar()
    return max(now_ms, latest_ms or 0)


async def _answers(connection: AsyncConnection, episode_ids: Collection[str]) -> list[Answer]:
    rows = (await connection.execute(presses_of_episodes, {"the_episodes": list(episode_ids)})).all()
    by_token: dict[str, list[Row[Any]]] = {}
    for row in sorted(rows, key=lambda row: (row.pressed_ms, row.token)):
        by_token.setdefault(row.token, []).append(row)
    return [
        Answer(
            panel=to_panel(some[0]),
            episodes=frozenset(row.about for row in some),
            worse=frozenset(row.about for row in some if row.is_worse),
            lifted=frozenset(row.about for row in some if row.is_lifted),
        )
        for some in by_token.values()
    ]
