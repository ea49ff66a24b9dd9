"""The Bot API as one bot asks it: what is refused is an exception with a sentence, and the token is in none of them."""

from collections.abc import Mapping
from typing import Any

import aiohttp
import msgspec

from daemon.wire import telegram as wire
from sinks.address import scrub
from sinks.base import SinkTrouble, Uncertain
from sinks.post import Patience, post

ANSWER_MAX = 4 * 1024 * 1024  # bytes; a hundred messages with all their markup


class Refused(SinkTrouble):
    """Telegram said no."""

    def __init__(self, text: str, *, status: int, retry_after_s: float | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.retry_after_s = retry_after_s


class BotApi:
    """One bot. Each call is one request; Refused, Unreached or Uncertain say why it was not done."""

    def __init__(self, session: aiohttp.ClientSession, token: str, api_url: str, patience: Patience) -> None:
        self._session = session
        self._url = f"{api_url.rstrip('/')}/bot{token}"
        self._secrets = (token, token.partition(":")[2])
        self._patience = patience

    async def updates(self, first: int, *, wait_s: int) -> list[wire.Update]:
        """What happened from update `first` on; if nothing has, what happens within `wait_s` seconds."""
        patience = Patience(connect_s=self._patience.connect_s, answer_s=wait_s + self._patience.answer_s)
        payload = {"offset": first, "timeout": wait_s, "allowed_updates": ["message", "callback_query"]}
        try:
            return wire.read_updates(await self.call("getUpdates", payload, patience=patience))
        except (ValueError, RecursionError):
            raise Uncertain("Telegram: getUpdates was answered with something that is no list of updates") from None

    async def call(self, method: str, payload: Mapping[str, Any], *, patience: Patience | None = None) -> msgspec.Raw:
        """The result of one method."""
        reply = await post(
            self._session,
            f"{self._url}/{method}",
            payload,
            who="Telegram",
            patience=patience or self._patience,
            answer_max=ANSWER_MAX,
        )
        answer = wire.read_answer(reply.body or b"")
        if answer is None:
            raise Refused(
                f"Telegram: {method} was answered {reply.status} without an answer",
                status=reply.status if reply.status >= 400 else 502,
                retry_after_s=reply.retry_after_s,
            )
        if answer.ok:
            return answer.result
        status = answer.error_code or reply.status
        advice = answer.parameters.retry_after if answer.parameters is not None else None
        words = scrub(" ".join(answer.description.split())[:200], self._secrets)
        raise Refused(
            f"Telegram: {status}, {words}",
            status=status,
            retry_after_s=reply.retry_after_s if advice is None else advice,
        )
