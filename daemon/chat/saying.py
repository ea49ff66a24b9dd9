"""What a bot says: HTML that Telegram takes, cut to fit, and sent again when it must wait."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from html import escape
from typing import Any

from msgspec.structs import replace

from daemon.chat.api import BotApi, Refused
from daemon.chat.insisting import Insisting, growing_s
from daemon.chat.pressed import Closed, Pressed
from daemon.wire.telegram import CAPTION_MAX, NOTE_MAX, TEXT_MAX, Message, Place, read_place
from sinks.base import SinkTrouble, Uncertain
from sinks.fit import cut, weight

LINE_MAX = 600  # letters
_SAME = "message is not modified"
_OTHERWISE = ("there is no text in the message to edit", "there is no caption in the message to edit")


def line(*pieces: object, head: str = "") -> str:
    """One line of an answer: `head` in bold, the rest as it is, whatever signs are in it."""
    words = escape(cut(" ".join(str(piece) for piece in pieces if str(piece)), LINE_MAX), quote=False)
    return f"<b>{escape(cut(head, 100), quote=False)}</b> {words}".strip() if head else words


def text_of(lines: Iterable[str]) -> str:
    """As many lines as fit into one message; the last says how many did not."""
    found, size, missing = [], 0, 0
    for one in lines:
        if missing or size + weight(one) + 1 > TEXT_MAX - 40:
            missing += 1
            continue
        found.append(one)
        size += weight(one) + 1
    return "\n".join([*found, f"and {missing:,} more" if missing else ""]).strip() or "nothing"


class Voice:
    """Speaks for one bot. What cannot be said is logged: what was done stays done."""

    notes_all = True

    def __init__(self, name: str, api: BotApi, *, sleep: Callable[[float], Awaitable[object]] = asyncio.sleep) -> None:
        self._api = api
        self._insisting = Insisting(name, sleep)

    async def answer(self, question: Message, lines: Iterable[str]) -> None:
        """Answer where it was asked."""
        payload: dict[str, Any] = {
            "chat_id": question.chat.id,
            "text": text_of(lines),
            "parse_mode": "HTML",
            "link_preview_options": {"is_disabled": True},
        }
        if question.is_topic_message and question.message_thread_id is not None:
            payload["message_thread_id"] = question.message_thread_id
        await self._call("sendMessage", payload)

    async def note(self, pressed: Pressed, words: str) -> None:
        """The answer that every press gets: without it the button goes on turning."""
        await self._call("answerCallbackQuery", {"callback_query_id": pressed.id, "text": words[:NOTE_MAX]})

    async def close(self, place: str, words: str) -> Closed:
        """Take the buttons away and write under the message who did what; its markup stays as it was."""
        spot = read_place(place)
        if spot is None:
            return Closed.NEVER
        trouble = await self._call(*_closing(spot, words))
        if isinstance(trouble, Refused) and any(sign in str(trouble) for sign in _OTHERWISE):
            # a picture has come, or gone, since the button was pressed
            trouble = await self._call(*_closing(replace(spot, is_photo=not spot.is_photo), words))
        if trouble is None:
            return Closed.DONE
        return Closed.LATER if _pause_s(trouble, 0) is not None else Closed.NEVER

    async def _call(self, method: str, payload: Mapping[str, Any]) -> SinkTrouble | None:
        """None if it was done, or was done already."""

        def pause_s(exc: SinkTrouble, number: int) -> float | None:
            # what may have been said is not said again: whoever asked can ask again
            return None if method == "sendMessage" and isinstance(exc, Uncertain) else _pause_s(exc, number)

        async def ask() -> None:
            try:
                await self._api.call(method, payload)
            except Refused as exc:
                if _SAME not in str(exc):  # else it says so already
                    raise

        return await self._insisting.ask(method, ask, pause_s)


def _pause_s(exc: SinkTrouble, number: int) -> float | None:
    if not isinstance(exc, Refused):
        return growing_s(number)
    return growing_s(number, exc.retry_after_s) if exc.status == 429 or exc.status >= 500 else None


def _closing(spot: Place, words: str) -> tuple[str, dict[str, Any]]:
    """The method that closes this message, and what it takes."""
    payload: dict[str, Any] = {"chat_id": spot.chat, "message_id": spot.number}
    limit = CAPTION_MAX if spot.is_photo else TEXT_MAX
    text = f"{spot.text}\n{words}" if spot.text else words
    if spot.text is None or weight(text) > limit:
        return "editMessageReplyMarkup", payload
    if spot.is_photo:
        caption = {"caption": text, "caption_entities": spot.entities, "show_caption_above_media": spot.is_above}
        return "editMessageCaption", payload | caption
    payload |= {"text": text, "entities": spot.entities, "link_preview_options": {"is_disabled": True}}
    return "editMessageText", payload
