"""What a bot says in Slack: words for one person, and the line under a message that tells who did what."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Self

import msgspec

from daemon.chat.insisting import Insisting, growing_s
from daemon.chat.pressed import Closed, Pressed
from daemon.chat.slack_api import Denied, SlackApi
from daemon.wire.slack import TEXT_MAX, Click
from sinks.base import SinkTrouble
from sinks.fit import cut, tidy
from sinks.slack_blocks import BLOCKS_MAX, SECTION_MAX, escaped
from sinks.slack_files import named
from sinks.slack_words import FORMAT_WORDS, bare_word, may_pass_without_files

log = logging.getLogger(__name__)

FILES_MAX = 5  # under one message; ours have one


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """One of our messages as it stood, and what is needed to edit it."""

    channel: str
    ts: str
    text: str = ""  # in Slack's markup, beside the blocks
    blocks: list[dict[str, Any]] = []
    files: list[str] = []  # that hang under it [inferred]: as `message.files` of the press tells them

    @classmethod
    def of(cls, click: Click) -> Self | None:
        """Where this was pressed; None if Slack does not say."""
        where, message = click.container, click.message
        if message is None or not where.channel_id or not where.message_ts:
            return None
        return cls(
            channel=where.channel_id,
            ts=where.message_ts,
            text=message.text or "",
            blocks=message.blocks or [],
            files=[name for name in message.file_ids if bare_word(name)][:FILES_MAX],
        )


_places = msgspec.json.Decoder(Place)


class SlackVoice:
    """Speaks for one bot. What cannot be said is logged: what was done stays done."""

    notes_all = False  # Slack has its acknowledgement, and the person sees the message change

    def __init__(
        self, name: str, api: SlackApi, *, sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    ) -> None:
        self._name = name
        self._api = api
        self._insisting = Insisting(name, sleep)

    async def note(self, pressed: Pressed, words: str) -> None:
        """For this person's eyes only; nobody sees it who is not in the channel."""
        if not pressed.channel:
            log.debug("press came from nowhere, and is not answered", extra={"sink": self._name})
            return
        text = escaped(cut(tidy(words), TEXT_MAX // 5))
        await self._call("chat.postEphemeral", {"channel": pressed.channel, "user": pressed.user, "text": text})

    async def close(self, place: str, words: str) -> Closed:
        """Take the buttons away and write under the message who did what; the rest stays as it was."""
        try:
            spot = _places.decode(place)
        except (msgspec.MsgspecError, UnicodeEncodeError):
            return Closed.NEVER
        target = {"channel": spot.channel, "ts": spot.ts, "text": f"{spot.text}\n{escaped(words)}".strip()}
        dressed = target | {"blocks": closed_blocks(spot.blocks, words)}
        trouble = await self._call("chat.update", dressed | named(spot.files))  # those not named may go [inferred]
        if spot.files and isinstance(trouble, Denied) and may_pass_without_files(trouble.word):
            trouble = await self._call("chat.update", dressed)
        if isinstance(trouble, Denied) and trouble.word in FORMAT_WORDS:
            # an edit that names no blocks would keep the old ones, and the buttons with them
            trouble = await self._call("chat.update", target | {"blocks": []})
        if trouble is None:
            return Closed.DONE
        return Closed.LATER if _pause_s(trouble, 0) is not None else Closed.NEVER

    async def _call(self, method: str, payload: Mapping[str, Any]) -> SinkTrouble | None:
        """None if it was done. The same edit twice is one edit, and a note twice is a nuisance at most."""
        return await self._insisting.ask(method, lambda: self._api.call(method, payload), _pause_s)


def closed_blocks(blocks: Iterable[dict[str, Any]], words: str) -> list[dict[str, Any]]:
    """The same without what can be pressed, and below it what was done.

    Slack tells a message's blocks with more in them than it takes back: a picture comes with its size, and is then
    refused (bolt-js issue 1841). So only what we write ourselves goes back.
    """
    kept = [one for one in map(_bare, blocks) if one is not None]
    line = {"type": "plain_text", "text": cut(tidy(words), SECTION_MAX // 2) or "-", "emoji": False}
    return [*kept[: BLOCKS_MAX - 1], {"type": "context", "elements": [line]}]


_KEPT = {
    "header": ("text",),
    "section": ("text",),
    "context": ("elements",),
    "image": ("slack_file", "image_url", "alt_text", "title"),
}


def _bare(block: dict[str, Any]) -> dict[str, Any] | None:
    kept = _KEPT.get(str(block.get("type")))
    if kept is None:
        return None
    bare = {key: block[key] for key in ("type", *kept) if block.get(key)}
    match block.get("slack_file"):
        case {"id": str(name)}:
            bare["slack_file"] = {"id": name}  # told with its address and more [inferred]
            bare.pop("image_url", None)
    return bare


def _pause_s(exc: SinkTrouble, number: int) -> float | None:
    if not isinstance(exc, Denied):
        return growing_s(number)
    return growing_s(number, exc.retry_after_s) if exc.may_work_later else None
