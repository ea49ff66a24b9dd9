"""Slack, by incoming webhook or by bot token: blocks, with plain text for whoever cannot show them."""

from typing import Any

import aiohttp
import msgspec

from sinks.address import SlackBot, SlackWebhook, scrub
from sinks.base import Busy, Gone, Message, Receipt, SinkTrouble, Uncertain, Unreached
from sinks.fit import cut, tidy
from sinks.outcome import EditLost, trouble
from sinks.pace import SLACK, Pace
from sinks.post import Patience, Reply, post
from sinks.slack_blocks import to_blocks, to_plain

HOOKS_URL = "https://hooks.slack.com"
API_URL = "https://slack.com/api"

# The far end's own words: api.slack.com/messaging/webhooks, and the error tables of chat.postMessage and chat.update
_BUSY = {"rate_limited", "ratelimited", "message_limit_exceeded", "team_added_to_org", "accesslimited"}
_LATER = {"service_unavailable", "request_timeout"}
_MAYBE = {"fatal_error", "internal_error", "rollup_error"}  # `some aspect of the operation may have succeeded`
_FORMAT = {
    "invalid_payload",
    "invalid_blocks",
    "invalid_blocks_format",
    "msg_blocks_too_long",
    "msg_too_long",
    "invalid_attachments",
    "block_mismatch",
    "markdown_text_conflict",
}
_LOST = {"message_not_found", "cant_update_message", "edit_window_closed", "is_inactive"}
_GONE = {
    "access_denied",
    "account_inactive",
    "action_prohibited",
    "channel_is_archived",
    "channel_not_found",
    "ekm_access_denied",
    "enterprise_is_restricted",
    "invalid_auth",
    "invalid_token",
    "is_archived",
    "missing_scope",
    "no_active_hooks",
    "no_permission",
    "no_service",
    "no_service_id",
    "no_team",
    "not_allowed_token_type",
    "not_authed",
    "not_in_channel",
    "org_login_required",
    "posting_to_general_channel_denied",
    "restricted_action",
    "restricted_action_non_threadable_channel",
    "restricted_action_read_only_channel",
    "restricted_action_thread_only_channel",
    "team_access_not_granted",
    "team_disabled",
    "token_expired",
    "token_revoked",
    "two_factor_setup_required",
    "user_not_found",
}


class _Answer(msgspec.Struct, gc=False):
    """Every answer of the Web API, and a webhook's when it is too busy."""

    ok: bool = False
    error: str = ""
    ts: str | None = None
    channel: str | None = None
    retry_after: float | None = None


_decoder = msgspec.json.Decoder(_Answer)


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
        words = scrub(cut(tidy(word), 200), self._secrets)
        return f"Slack ({self.name}): {status}" + (f", {words}" if words else "")

    def _refusal(self, reply: Reply, word: str, retry_after_s: float | None) -> SinkTrouble:
        """What Slack's word means; the status decides where we do not know the word."""
        text = self._say(reply.status, word)
        if reply.status == 429 or word in _BUSY:
            return Busy(text, retry_after_s=retry_after_s)
        if word in _GONE:
            return Gone(text)
        if word in _LATER:
            return Unreached(text)
        if word in _MAYBE:
            return Uncertain(text)
        # the bot's refusals come with status 200, and are refusals all the same
        status = 400 if reply.status == 200 else reply.status
        return trouble(status, text, retry_after_s=retry_after_s)


class SlackWebhookSink(_Slack):
    """The channel a webhook was made for. It answers `ok` and forgets: nothing can be edited."""

    can_edit = False

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
        reply = await self._post(self._url, _dressed(message))
        if _is_refused_form(reply):
            reply = await self._post(self._url, _undressed(message))
        if reply.status == 200:
            if reply.text == "ok":
                return Receipt()
            raise Uncertain(f"Slack ({self.name}): answered 200 with something that is not `ok`")
        answer = _read(reply)
        word = answer.error if answer is not None else _bare_word(reply)
        advice = reply.retry_after_s
        raise self._refusal(reply, word, answer.retry_after if advice is None and answer is not None else advice)


class SlackBotSink(_Slack):
    """One channel of one bot. A message's name is `channel/ts`: edits need the channel's id, not its name."""

    can_edit = True

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

    async def deliver(self, message: Message, *, edits: str | None = None) -> Receipt:
        """Send or edit; once more as plain text if Slack does not like the form."""
        if edits is None:
            method, target = (
                "chat.postMessage",
                {"channel": self._channel, "unfurl_links": False, "unfurl_media": False} | _thread(message),
            )
        else:
            channel, _, ts = edits.rpartition("/")
            if not channel or not ts:
                raise EditLost(f"Slack ({self.name}): this message has no name that could be edited")
            method, target = "chat.update", {"channel": channel, "ts": ts}
        url = f"{self._url}/{method}"
        reply = await self._post(url, target | _dressed(message), self._headers)
        answer = _read(reply)
        if answer is not None and answer.error in _FORMAT:
            # an edit that names no blocks would keep the old ones, so they are emptied by name
            reply = await self._post(url, target | _undressed(message) | {"blocks": []}, self._headers)
            answer = _read(reply)
        return self._judge(reply, answer, edits)

    def _judge(self, reply: Reply, answer: _Answer | None, edits: str | None) -> Receipt:
        if answer is None:
            if 200 <= reply.status < 300:
                raise Uncertain(f"Slack ({self.name}): answered {reply.status} with something that is not an answer")
            raise trouble(reply.status, self._say(reply.status, ""), retry_after_s=reply.retry_after_s)
        if answer.ok and reply.status == 200:
            return Receipt(edits or (f"{answer.channel}/{answer.ts}" if answer.channel and answer.ts else None))
        if edits is not None and answer.error in _LOST:
            raise EditLost(self._say(reply.status, answer.error))
        advice = reply.retry_after_s
        raise self._refusal(reply, answer.error, answer.retry_after if advice is None else advice)


SlackSink = SlackWebhookSink | SlackBotSink


def _thread(message: Message) -> dict[str, Any]:
    """In the thread of the message that this one speaks of again, and in the channel too: a thread alone is silent."""
    _, _, ts = (message.replies or "").rpartition("/")
    return {"thread_ts": ts, "reply_broadcast": True} if ts else {}


def _dressed(message: Message) -> dict[str, Any]:
    return {"text": to_plain(message), "blocks": to_blocks(message)}


def _undressed(message: Message) -> dict[str, Any]:
    return {"text": to_plain(message)}


def _is_refused_form(reply: Reply) -> bool:
    """A 400 of the kind that plain text may pass, or a 403 that does not say that the webhook is dead."""
    word = _bare_word(reply)
    return (reply.status == 400 and word in _FORMAT) or (reply.status == 403 and word not in _GONE)


def _bare_word(reply: Reply) -> str:
    """A webhook's error: one bare word. Whatever else stands there (a proxy's page) is not repeated."""
    word = reply.text
    return word if len(word) <= 64 and word.replace("_", "").isalnum() else ""


def _read(reply: Reply) -> _Answer | None:
    try:
        return _decoder.decode(reply.body or b"")
    except msgspec.MsgspecError:
        return None
