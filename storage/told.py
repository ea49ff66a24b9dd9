"""What of an alert has reached a lane, and under which names at the far end."""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Row

from rules.delivery.gather import Told
from rules.delivery.letters import Form
from storage.notices import SENDING, SENT, UNCERTAIN, WAITING, form_of


class ToldBy(msgspec.Struct, frozen=True):
    """What of an episode has reached the lane, and under which names."""

    how: Told = Told.NOTHING
    own: tuple[str | None, ...] = ()  # of its own messages that stand there, oldest first
    first: str | None = None  # of whatever told it first


def told_by(rows: Sequence[Row[Any]], carriers: dict[str, Row[Any]]) -> ToldBy:
    """From all rows of one episode in one lane; `carriers` are these rows and those that told some of them, by key."""
    own: list[str | None] = []
    together: list[str | None] = []
    is_alone = False  # as it was told last, but for digests: they look back
    for row in rows:
        carrier = carriers.get(row.merged_into) if row.merged_into is not None else None
        if row.status in (SENT, UNCERTAIN) or row.repeats > 0:
            if form_of(row) is Form.SUMMARY:
                together.append(row.message_id)
                is_alone = False
            elif row.status != WAITING and not _was_edit(row):
                own.append(row.message_id)
                is_alone = True
            elif row.repeats > 0:
                own.append(None)
                is_alone = True
        elif carrier is not None and carrier.episode_id != row.episode_id and _carries(carrier):
            together.append(carrier.message_id)
            is_alone = is_alone and form_of(carrier) is not Form.SUMMARY
    names = [name for name in (*own, *together) if name is not None]
    how = Told.ALONE if is_alone else Told.TOGETHER if together else Told.NOTHING
    if how is Told.NOTHING and any(row.status in (SENT, UNCERTAIN) or row.repeats > 0 for row in rows):
        how = Told.ALONE
    return ToldBy(how, tuple(own), names[0] if names else None)


def _carries(carrier: Row[Any]) -> bool:
    """Whether what it carried was told, or will be."""
    return carrier.status in (SENT, UNCERTAIN, WAITING, SENDING) or carrier.repeats > 0


def editable(told: ToldBy) -> tuple[str | None, str | None]:
    """The names of the first message and of the latest, if that is another; what got worse was told by a new one.

    None where the latest has no name (the answer to it was lost): it would stand as the last word.
    """
    if not told.own or told.own[-1] is None:
        return None, None
    first, latest = next(name for name in told.own if name is not None), told.own[-1]
    return first, latest if latest != first else None


def _was_edit(row: Row[Any]) -> bool:
    return row.edit_of is not None and row.edit_of == row.message_id
