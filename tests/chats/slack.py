"""Slack on loopback: incoming webhooks and the Web API, blocks checked against the limits."""

import json
import re
from collections import deque
from html import unescape
from typing import Any, Self

from tests.chats.base import Chat, Mood, Reply, Seen, Shown
from tests.chats.slack_files import SlackFiles
from tests.chats.socket_mode import SocketMode


class Slack(Chat):
    """Incoming webhooks under /services and the Web API under /api, blocks checked against the limits."""

    def __init__(self, hook: str = "T0AAA/B0BBB/cccDDD", token: str = "xoxb-11-22-loopback") -> None:
        super().__init__()
        self.hook = hook
        self.token = token
        self.channels = {"#alerts": "C0ALERTS1"}
        self.files = SlackFiles()
        self.socket_mode = SocketMode()
        self.notes: list[tuple[str, str]] = []  # (who alone sees it, words)
        self.absent: set[str] = set()  # who is not in the channel
        self.moods_of: dict[str, deque[Mood]] = {}  # method -> moods of its own; the others are not for sockets

    async def __aenter__(self) -> Self:
        await self.socket_mode.start()
        await super().__aenter__()
        self.socket_mode.home = self.url
        return self

    async def __aexit__(self, *parts: object) -> None:
        await super().__aexit__(*parts)
        await self.socket_mode.stop()

    def _mood(self, seen: Seen) -> Mood | None:
        method = seen.path.rpartition("/")[2]
        if own := self.moods_of.get(method):
            return own.popleft()
        return None if method == "apps.connections.open" else super()._mood(seen)

    @property
    def api_url(self) -> str:
        """What stands for https://slack.com/api; the webhook's is `url`."""
        return f"{self.url}/api"

    @property
    def hook_address(self) -> str:
        return f"slack://{self.hook}"

    @property
    def bot_address(self) -> str:
        return f"slack://{self.token}/#alerts"

    def _answer(self, seen: Seen) -> Reply:
        if seen.path.startswith("/services/"):
            return self._hook(seen)
        if seen.path.startswith("/upload/"):
            return self.files.take(seen)
        return self._api(seen)

    def _hook(self, seen: Seen) -> Reply:
        if seen.path != f"/services/{self.hook}":
            return Reply(404, "no_service", "text/plain")
        if wrong := blocks_error(seen.body):
            return Reply(400, wrong, "text/plain")
        self.shown.append(Shown("hook", str(len(self.shown)), slack_text(seen.body), seen.body))
        return Reply(200, "ok", "text/plain")

    def _api(self, seen: Seen) -> Reply:
        def no(error: str) -> Reply:
            return Reply(200, json.dumps({"ok": False, "error": error}))

        if seen.path == "/api/apps.connections.open":
            return self.socket_mode.answer(seen)
        if seen.headers.get("Authorization") != f"Bearer {self.token}":
            return no("invalid_auth")
        if seen.path.startswith("/api/files."):
            return self.files.answer(seen, self.url)
        if wrong := blocks_error(seen.body):
            return no(wrong)
        if seen.path == "/api/chat.postEphemeral":
            return self._note(seen.body)
        channel = str(seen.body.get("channel", ""))
        found = None
        if seen.path == "/api/chat.postMessage":
            channel = self.channels.get(channel, channel)
            if channel not in self.channels.values():
                return no("channel_not_found")
        elif seen.path == "/api/chat.update":
            if channel not in self.channels.values():  # the real one does not take names here
                return no("channel_not_found")
            found = self._find(channel, str(seen.body.get("ts")))
            if found is None:
                return no("message_not_found")
        else:
            return no("unknown_method")
        pictures = self.files.shown(seen.body, is_edit=found is not None)
        if isinstance(pictures, str):
            return no(pictures)
        photo = pictures[0] if pictures else None
        if found is None:
            shown = Shown(channel, f"1790000000.{len(self.shown):06d}", slack_text(seen.body), seen.body, photo=photo)
            self.shown.append(shown)
        else:
            shown, found.text, found.raw, found.photo = found, slack_text(seen.body), seen.body, photo
            found.edits += 1
        return Reply(200, json.dumps({"ok": True, "channel": channel, "ts": shown.message_id, "message": {}}))

    def _note(self, body: dict[str, Any]) -> Reply:
        """For one person's eyes."""
        user, error = str(body.get("user", "")), ""
        if body.get("channel") not in self.channels.values():
            error = "channel_not_found"
        elif user in self.absent:
            error = "user_not_in_channel"
        else:
            self.notes.append((user, slack_text(body)))
        return Reply(200, json.dumps({"ok": not error, "error": error, "message_ts": "1790000000.000009"}))


def blocks_error(body: Any) -> str | None:
    """Slack's word for what is wrong with a message, or None."""
    if not isinstance(body, dict):
        return "invalid_payload"
    blocks = body.get("blocks") or []
    if not blocks and not body.get("text"):
        return "no_text"
    if len(blocks) > 50:
        return "invalid_blocks"
    if [] != [block for block in blocks if not _is_right(block)] or not _are_told_apart(blocks):
        return "invalid_blocks"
    if len(json.dumps(blocks, ensure_ascii=False)) > 13_200:
        return "msg_blocks_too_long"
    return None


def _is_right(block: dict[str, Any]) -> bool:
    """Known, with nothing in it that its kind does not have, and within its limits."""
    match block:
        case {"type": "header", "text": {"type": "plain_text", "text": str(text)}, **rest}:
            return not set(rest) - {"block_id"} and 0 < len(text.strip()) and len(text) <= 150
        case {"type": "section", "text": text, **rest}:
            return not set(rest) - {"block_id"} and _is_text(text)
        case {"type": "image", "slack_file": {"id": str(file_id)} as file, "alt_text": str(says), **rest}:
            is_named = re.fullmatch("F[A-Z0-9]{8,}", file_id) is not None and len(file) == 1
            return not set(rest) - {"block_id"} and is_named and 0 < len(says.strip()) and len(says) <= 2000
        case {"type": "context", "elements": [_, *_] as elements, **rest}:
            return not set(rest) - {"block_id"} and len(elements) <= 10 and all(map(_is_text, elements))
        case {"type": "actions", "elements": [_, *_] as elements, **rest}:
            return not set(rest) - {"block_id"} and len(elements) <= 25 and all(map(_is_button, elements))
    return False


def _is_text(text: Any) -> bool:
    match text:
        case {"type": "mrkdwn", "text": str(words), **rest} if not set(rest) - {"verbatim"}:
            return 0 < len(words.strip()) and len(words) <= 3000
        case {"type": "plain_text", "text": str(words), **rest} if not set(rest) - {"emoji"}:
            return 0 < len(words.strip()) and len(words) <= 3000
    return False


def _is_button(element: Any) -> bool:
    match element:
        case {
            "type": "button",
            "action_id": str(action_id),
            "text": {"type": "plain_text", "text": str(words)},
            "value": str(value),
            **rest,
        }:
            lengths = (1 <= len(action_id) <= 255, 1 <= len(words) <= 75, 1 <= len(value) <= 2000)
            return all(lengths) and not set(rest) - {"style"} and rest.get("style", "danger") in ("danger", "primary")
    return False


def _are_told_apart(blocks: list[dict[str, Any]]) -> bool:
    """No action and no block has the same id twice."""
    names = [one.get("action_id") for block in blocks for one in block.get("elements", []) if "action_id" in one]
    ids = [block["block_id"] for block in blocks if "block_id" in block]
    return len(names) == len(set(names)) and len(ids) == len(set(ids))


def slack_text(body: dict[str, Any]) -> str:
    """What a person reads: the plain text beside the blocks, which says the same."""
    return unescape(str(body.get("text", "")))
