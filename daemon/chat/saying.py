"""What a bot says: HTML that Telegram takes, cut to fit, and sent again when it must wait."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from html import escape
from typing import Any

from daemon.chat.api import BotApi, Refused
from daemon.wire.telegram import NOTE_MAX, TEXT_MAX, Message, Press
from sinks.base import SinkTrouble, Uncertain
from sinks.fit import cut, weight

log = logging.getLogger(__name__)

TRIES = 3
WAIT_S, WAIT_MAX_S = 1.0, 60.0
LINE_MAX = 600  # letters
_SAME = "message is not modified"


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

    def __init__(self, name: str, api: BotApi, *, sleep: Callable[[float], Awaitable[object]] = asyncio.sleep) -> None:
        self._name = name
        self._api = api
        self._sleep = sleep

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

    async def note(self, press: Press, words: str) -> None:
        """The answer that every press gets: without it the button goes on turning."""
        await self._call("answerCallbackQuery", {"callback_query_id": press.id, "text": words[:NOTE_MAX]})

    async def close(self, message: Message, words: str) -> None:
        """Take the buttons away and write under the message who did what; its markup stays as it was."""
        payload: dict[str, Any] = {"chat_id": message.chat.id, "message_id": message.message_id}
        if message.text is None or weight(message.text) + weight(words) + 1 > TEXT_MAX:
            await self._call("editMessageReplyMarkup", payload)
            return
        payload |= {
            "text": f"{message.text}\n{words}",
            "entities": message.entities,
            "link_preview_options": {"is_disabled": True},
        }
        await self._call("editMessageText", payload)

    async def _call(self, method: str, payload: Mapping[str, Any]) -> None:
        reason = ""
        for number in range(TRIES):
            try:
                await self._api.call(method, payload)
            except Refused as exc:
                if _SAME in str(exc):
                    return  # it says so already
                reason, wait_s = str(exc), exc.retry_after_s
                if exc.status != 429 and exc.status < 500:
                    break
                wait_s = WAIT_S * 2**number if wait_s is None else min(wait_s, WAIT_MAX_S)
            except Uncertain as exc:
                reason, wait_s = str(exc), WAIT_S * 2**number
                if method == "sendMessage":
                    break  # it may have arrived; whoever asked can ask again
            except SinkTrouble as exc:
                reason, wait_s = str(exc), WAIT_S * 2**number
            else:
                return
            if number + 1 < TRIES:
                await self._sleep(wait_s)
        log.warning("bot could not answer", extra={"sink": self._name, "method": method, "reason": reason})
