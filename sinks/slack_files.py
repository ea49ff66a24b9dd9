"""Pictures on their way into Slack: a place is asked for, the bytes go there, and the file is declared complete.

https://docs.slack.dev/reference/methods/files.getUploadURLExternal. Nobody sees a file that was never shared, and an image
block does not share it if chat.update adds it: where the picture should be stands a placeholder (slackapi/java-slack-sdk
issue 1441, labelled server-side-issue; slackapi/bolt-python issue 1295). What shares it is chat.update's `file_ids`, "array
of new file ids that will be sent with this message" (java-slack-sdk issue 942 and pull request 943, slack-go issue 1450).

[inferred]: that a refusal which speaks of the file means that Slack has not looked at it yet (about a second, say those
who saw it), and that files stay only as long as every edit names them: naming them again is harmless at worst.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from sinks.address import scrub
from sinks.base import Gone, Picture, Uncertain, Undeliverable, Unreached
from sinks.fit import cut, tidy
from sinks.outcome import trouble
from sinks.post import Patience, Reply, post, post_body
from sinks.slack_words import Answer, bare_word, meaning, read_answer

FILENAME = "picture.png"
_SAYS_MAX, _TITLE_MAX = 1_000, 200  # documented for the first: `alt_txt_too_large`


def named(file_ids: Sequence[str]) -> dict[str, list[str]]:
    """The argument of chat.update that hangs them under a message; nothing if there are none."""
    return {"file_ids": list(file_ids)} if file_ids else {}


class SlackFiles:
    """The files of one bot. Nobody sees them until an edit shares them, so nothing here is ever uncertain.

    Nor is anything here the end of the recipient: a bot that may not bring files can still speak.
    """

    def __init__(
        self, name: str, *, api_url: str, token: str, session: aiohttp.ClientSession, patience: Patience
    ) -> None:
        self._who = f"Slack ({name})"
        self._api_url = api_url
        self._token = token
        self._session = session
        self._patience = patience
        self._brought: tuple[bytes, str] | None = None  # Slack takes a moment until a file can be shown

    async def bring(self, picture: Picture) -> str:
        """The picture's id in Slack, the same one if it is brought again. Raises Busy, Unreached or Undeliverable."""
        if self._brought is not None and self._brought[0] == picture.png:
            return self._brought[1]
        try:
            file_id = await self._upload(picture)
        except Uncertain as exc:
            raise Unreached(str(exc)) from exc
        except Gone as exc:
            raise Undeliverable(str(exc)) from exc
        self._brought = (picture.png, file_id)
        return file_id

    async def _upload(self, picture: Picture) -> str:
        says = cut(tidy(picture.says), _SAYS_MAX)
        form = aiohttp.FormData({"filename": FILENAME, "length": str(len(picture.png)), "alt_txt": says})
        place = self._read(await self._post("files.getUploadURLExternal", form))
        if not bare_word(place.file_id) or not is_theirs(place.upload_url, self._api_url):
            raise Undeliverable(f"{self._who}: the place for a picture is not one of Slack's")
        # with the bytes goes nothing else: the address is secret enough
        reply = await post_body(self._session, place.upload_url, picture.png, who=self._who, patience=self._patience)
        if reply.status != 200:
            text = f"{self._who}: {reply.status}, the picture was not taken"
            raise trouble(reply.status, text, retry_after_s=reply.retry_after_s)
        title = cut(says, _TITLE_MAX) or FILENAME
        whole = {"files": [{"id": place.file_id, "title": title}]}
        self._read(await self._post("files.completeUploadExternal", whole), *_secrets_of(place.upload_url))
        return place.file_id

    async def _post(self, method: str, what: Mapping[str, Any] | aiohttp.FormData) -> Reply:
        url, headers = f"{self._api_url}/{method}", {"Authorization": f"Bearer {self._token}"}
        who, patience = self._who, self._patience
        if isinstance(what, aiohttp.FormData):
            return await post_body(self._session, url, what, who=who, patience=patience, headers=headers)
        return await post(self._session, url, what, who=who, patience=patience, headers=headers)

    def _read(self, reply: Reply, *secrets: str) -> Answer:
        answer = read_answer(reply)
        if answer is None:
            text = f"{self._who}: {reply.status}, that is no answer about a picture"
            raise trouble(reply.status, text, retry_after_s=reply.retry_after_s)
        if answer.ok and reply.status == 200:
            return answer
        if answer.error == "missing_scope":
            raise Undeliverable(f"{self._who}: its token may not bring pictures; give the app the scope files:write")
        word = scrub(bare_word(answer.error), (self._token, *secrets))
        text = f"{self._who}: {reply.status}, the picture was refused" + (f" ({word})" if word else "")
        advice_s = answer.retry_after if reply.retry_after_s is None else reply.retry_after_s
        raise meaning(reply.status, answer.error, text, advice_s)


def is_theirs(url: str, api_url: str) -> bool:
    """Whether it is of the house that the API is at: no answer may send a picture elsewhere."""
    try:
        theirs, ours = urlsplit(url), urlsplit(api_url)
    except ValueError:
        return False
    there, home = theirs.hostname or "", ours.hostname or ""
    return theirs.scheme == ours.scheme and (there == home or there.endswith(f".{home}"))


def _secrets_of(url: str) -> tuple[str, ...]:
    """The whole of it, and what somebody who knows Slack could put together again."""
    path = urlsplit(url).path
    return url, path, path.rpartition("/")[2]
