"""Slack, by incoming webhook or by bot token: blocks, with plain text for whoever cannot show them."""

from typing import Any, Self

import aiohttp
import msgspec
from msgspec.structs import replace

from sinks.address import SlackBot, SlackWebhook, scrub
from sinks.base import Message, Receipt, Shows, SinkTrouble, Uncertain, Unreached
from sinks.outcome import EditLost, trouble
from sinks.pace import SLACK, Pace
from sinks.post import Patience, Reply, post
from sinks.slack_blocks import to_blocks, to_plain
from sinks.slack_files import SlackFiles, named
from sinks.slack_words import (
    FORMAT_WORDS,
    GONE_WORDS,
    LOST_WORDS,
    Answer,
    bare_word,
    is_about_files,
    is_about_thread,
    may_pass_without_files,
    meaning,
    read_answer,
)

HOOKS_URL = "https://hooks.slack.com"
API_URL = "https://slack.com/api"


class _Slack:
    """What the webhook and the bot have in common."""

    def __init__(
        self,
        name: str,
        address: SlackWebhook | SlackBot,
        *,
        session: aiohttp.ClientSession,
        patience: Patience | None = None,
    ) -> None:
        self.name = name
        self.pace: Pace = SLACK
        self._secrets = address.secrets
        self._label = str(address)
        self._session = session
        self._patience = patience or Patience()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name} {self._label}>"

    async def aclose(self) -> None:
        """Nothing to let go of: the session is the house's."""

    async def _post(self, url: str, payload: dict[str, Any], headers: dict[str, str] | None = None) -> Reply:
        who = f"Slack ({self.name})"
        return await post(self._session, url, payload, who=who, patience=self._patience, headers=headers)

    def _say(self, status: int, word: str) -> str:
        words = scrub(bare_word(word), self._secrets)
        return f"Slack ({self.name}): {status}" + (f", {words}" if words else "")

    def _refusal(self, reply: Reply, word: str, retry_after_s: float | None) -> SinkTrouble:
        return meaning(reply.status, word, self._say(reply.status, word), retry_after_s)


class SlackWebhookSink(_Slack):
    """The channel a webhook was made for. It answers `ok` and forgets: nothing can be edited."""

    can_edit = False
    shows = Shows.NEVER

    def __init__(
        self,
        name: str,
        address: SlackWebhook,
        *,
        session: aiohttp.ClientSession,
        api_url: str | None = None,
        patience: Patience | None = None,
    ) -> None:
        super().__init__(name, address, session=session, patience=patience)
        self._url = f"{(api_url or HOOKS_URL).rstrip('/')}/services/{address.path}"

    async def deliver(self, message: Message, *, edits: str | None = None) -> Receipt:
        """Send; once more as plain text if Slack does not like the form."""
        if edits is not None:
            raise EditLost(f"Slack ({self.name}): a webhook cannot edit")
        message = replace(message, buttons=())  # nobody would hear them being pressed
        reply = await self._post(self._url, _dressed(message))
        if _is_refused_form(reply):
            reply = await self._post(self._url, _undressed(message))
        if reply.status == 200:
            if reply.text == "ok":
                return Receipt()
            raise Uncertain(f"Slack ({self.name}): answered 200 with something that is not `ok`")
        answer = read_answer(reply)
        word = answer.error if answer is not None else bare_word(reply.text)
        advice = reply.retry_after_s
        raise self._refusal(reply, word, answer.retry_after if advice is None and answer is not None else advice)


class _Name(msgspec.Struct, frozen=True, gc=False):
    """What a message is called: `channel/ts`, and `channel/ts/file` where it shows a picture."""

    channel: str
    ts: str
    file_id: str | None = None

    @classmethod
    def read(cls, name: str) -> Self | None:
        channel, _, rest = name.partition("/")
        ts, _, file_id = rest.partition("/")
        return cls(channel, ts, file_id or None) if channel and ts else None

    def __str__(self) -> str:
        return "/".join(filter(None, (self.channel, self.ts, self.file_id)))


class SlackBotSink(_Slack):
    """One channel of one bot. Edits need the channel's id, not its name, so a message's name holds it.

    The name holds the picture's id too, so that every later edit can name it again (see `slack_files`).
    """

    can_edit = True
    shows = Shows.AFTER

    def __init__(
        self,
        name: str,
        address: SlackBot,
        *,
        session: aiohttp.ClientSession,
        api_url: str | None = None,
        patience: Patience | None = None,
    ) -> None:
        super().__init__(name, address, session=session, patience=patience)
        self._url = (api_url or API_URL).rstrip("/")
        self._channel = address.channel
        self._headers = {"Authorization": f"Bearer {address.token}"}
        self._files = SlackFiles(name, api_url=self._url, token=address.token, session=session, patience=self._patience)

    async def deliver(self, message: Message, *, edits: str | None = None) -> Receipt:
        """Send or edit; once more as plain text if Slack does not like the form.

        A picture is brought before the message is touched, so whatever is wrong with it leaves the words as they are.
        """
        if edits is None:
            target = {"channel": self._channel, "unfurl_links": False, "unfurl_media": False} | _thread(message)
            return await self._say_it("chat.postMessage", target, message, None)
        name = _Name.read(edits)
        if name is None:
            raise EditLost(f"Slack ({self.name}): this message has no name that could be edited")
        if message.picture is not None:
            name = replace(name, file_id=await self._files.bring(message.picture))
        return await self._say_it("chat.update", {"channel": name.channel, "ts": name.ts}, message, name)

    async def _say_it(self, method: str, target: dict[str, Any], message: Message, name: _Name | None) -> Receipt:
        url = f"{self._url}/{method}"
        file_ids = [name.file_id] if name is not None and name.file_id is not None else []
        reply = await self._post(url, target | _dressed(message) | named(file_ids), self._headers)
        answer = read_answer(reply)
        if name is not None and file_ids and answer is not None and not answer.ok:
            if message.picture is None and may_pass_without_files(answer.error):
                name = replace(name, file_id=None)  # somebody has deleted it
                reply = await self._post(url, target | _dressed(message), self._headers)
                answer = read_answer(reply)
            elif message.picture is not None and is_about_files(answer.error):
                # brought a moment ago, and Slack looks at it when it finds the time
                raise Unreached(f"{self._say(reply.status, answer.error)}: it has not finished with the picture yet")
        if "thread_ts" in target and answer is not None and not answer.ok and is_about_thread(answer.error):
            # nothing was said in it, and what is said again may be said beside it
            target = {key: value for key, value in target.items() if key not in _IN_THREAD}
            reply = await self._post(url, target | _dressed(message), self._headers)
            answer = read_answer(reply)
        if _is_refused(answer):
            # an edit that names no blocks would keep the old ones, so they are emptied by name
            reply = await self._post(url, target | _undressed(message) | {"blocks": []}, self._headers)
            answer = read_answer(reply)
        return self._judge(reply, answer, name)

    def _judge(self, reply: Reply, answer: Answer | None, name: _Name | None) -> Receipt:
        if answer is None:
            if 200 <= reply.status < 300:
                raise Uncertain(f"Slack ({self.name}): answered {reply.status} with something that is not an answer")
            raise trouble(reply.status, self._say(reply.status, ""), retry_after_s=reply.retry_after_s)
        if answer.ok and reply.status == 200:
            if name is None and answer.channel and answer.ts:
                name = _Name(answer.channel, answer.ts)
            return Receipt(str(name) if name is not None else None)
        if name is not None and answer.error in LOST_WORDS:
            raise EditLost(self._say(reply.status, answer.error))
        advice = reply.retry_after_s
        raise self._refusal(reply, answer.error, answer.retry_after if advice is None else advice)


SlackSink = SlackWebhookSink | SlackBotSink


_IN_THREAD = {"thread_ts", "reply_broadcast"}


def _thread(message: Message) -> dict[str, Any]:
    """In the thread of the message that this one speaks of again, and in the channel too: a thread alone is silent."""
    first = _Name.read(message.replies or "")
    return {"thread_ts": first.ts, "reply_broadcast": True} if first is not None else {}


def _dressed(message: Message) -> dict[str, Any]:
    return {"text": to_plain(message), "blocks": to_blocks(message)}


def _undressed(message: Message) -> dict[str, Any]:
    return {"text": to_plain(message)}


def _is_refused(answer: Answer | None) -> bool:
    return answer is not None and answer.error in FORMAT_WORDS


def _is_refused_form(reply: Reply) -> bool:
    """A 400 of the kind that plain text may pass, or a 403 that does not say that the webhook is dead."""
    word = bare_word(reply.text)
    return (reply.status == 400 and word in FORMAT_WORDS) or (reply.status == 403 and word not in GONE_WORDS)
