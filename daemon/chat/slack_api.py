"""Slack's Web API as one bot asks it: what is refused is an exception with a sentence, and no token is in any of them."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from daemon.wire import slack as wire
from sinks.address import scrub
from sinks.base import SinkTrouble, Uncertain
from sinks.fit import cut, tidy
from sinks.post import Patience, post
from sinks.slack import API_URL
from sinks.slack_words import LATER_WORDS

HOST = "slack.com"
_SHOWN_MAX = 200  # letters of Slack's own words


class Denied(SinkTrouble):
    """Slack said no."""

    def __init__(self, text: str, *, word: str, status: int, retry_after_s: float | None = None) -> None:
        super().__init__(text)
        self.word = word
        self.status = status
        self.retry_after_s = retry_after_s

    @property
    def may_work_later(self) -> bool:
        """Whether the same question may be answered otherwise, without anybody doing something about it."""
        return self.status == 429 or self.status >= 500 or self.word in LATER_WORDS


class SlackApi:
    """One app in one workspace. Each call is one request; Denied, Unreached or Uncertain say why it was not done."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        token: str,
        app_token: str,
        api_url: str | None,
        patience: Patience,
    ) -> None:
        self._session = session
        self._token = token
        self._app_token = app_token
        self._api_url = api_url
        self._patience = patience
        self._secrets = (token, app_token)

    async def call(self, method: str, payload: Mapping[str, Any]) -> None:
        """Do one thing as the bot."""
        await self._ask(method, payload, self._token)

    async def open_socket(self) -> str:
        """An address to connect to, good for one time. It holds a ticket: not for showing."""
        answer = await self._ask("apps.connections.open", {}, self._app_token)
        if not may_connect(answer.url, self._api_url):
            raise Uncertain("Slack: apps.connections.open named an address that is not Slack's")
        return answer.url

    async def _ask(self, method: str, payload: Mapping[str, Any], token: str) -> wire.Answer:
        reply = await post(
            self._session,
            f"{(self._api_url or API_URL).rstrip('/')}/{method}",
            payload,
            who="Slack",
            patience=self._patience,
            headers={"Authorization": f"Bearer {token}"},
        )
        answer = wire.read_answer(reply.body or b"")
        if answer is None:
            status = reply.status if reply.status >= 400 else 502
            raise Denied(
                f"Slack: {method} was answered {reply.status} without an answer",
                word="",
                status=status,
                retry_after_s=reply.retry_after_s,
            )
        if answer.ok and reply.status == 200:
            return answer
        advice_s = answer.retry_after if reply.retry_after_s is None else reply.retry_after_s
        words = scrub(cut(tidy(answer.error), _SHOWN_MAX), self._secrets)
        raise Denied(
            f"Slack: {method}: {reply.status}, {words}",
            word=answer.error,
            status=reply.status,
            retry_after_s=advice_s,
        )


def may_connect(url: str, api_url: str | None) -> bool:
    """Slack itself names its own hosts, and with TLS; whoever is given another API is trusted to name any."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return False
    if api_url is not None:
        return parts.scheme in ("ws", "wss") and host != ""
    return parts.scheme == "wss" and (host == HOST or host.endswith(f".{HOST}")) and port in (None, 443)
