"""The files of a loopback Slack: a place is given out, bytes come, the file is complete, and a moment later it can be shared."""

import json
from typing import Any

import msgspec

from tests.chats.base import Reply, Seen

PNG = b"\x89PNG\r\n\x1a\n"


class File(msgspec.Struct):
    """One file on its way."""

    file_id: str
    length: int
    says: str
    title: str = ""
    data: bytes | None = None
    is_complete: bool = False
    is_shared: bool = False  # by a message that was posted with it, or an edit that named it
    looks: int = 0  # that Slack still needs until the file can be shown


class SlackFiles:
    """files.* of the Web API, and the place where the bytes go."""

    def __init__(self) -> None:
        self.files: list[File] = []
        self.looks = 0  # how often a new file is refused before Slack has processed it
        self.home: str | None = None  # where bytes are to go, if not to this server

    def answer(self, seen: Seen, url: str) -> Reply:
        """One call of files.*, by somebody whose token is good."""
        match seen.path.removeprefix("/api/files."):
            case "getUploadURLExternal":
                return self._place(seen.body, url)
            case "completeUploadExternal":
                return self._complete(seen.body)
        return _no("unknown_method")

    def take(self, seen: Seen) -> Reply:
        """The bytes. Whoever sends a token along has told it to the wrong one."""
        found = next((one for one in self.files if seen.path == f"/upload/v1/SECRET{one.file_id}"), None)
        if found is None or "Authorization" in seen.headers or not isinstance(seen.body, bytes):
            return Reply(404, "not found", "text/plain")
        if len(seen.body) != found.length:
            return Reply(400, "wrong length", "text/plain")
        found.data = seen.body
        return Reply(200, f"OK - {found.length}", "text/plain")

    def shown(self, body: dict[str, Any], *, is_edit: bool) -> list[bytes] | str:
        """The pictures that a person sees, or Slack's word for what is wrong with them.

        An image block that an edit adds does not share its file: it shows a placeholder, which is no picture. Only what
        this edit names hangs under the message: no document says that what was named before stays.
        """
        file_ids = body.get("file_ids", [])
        if not _is_words(file_ids) or (file_ids and not is_edit):
            return "invalid_arguments"
        hung = [self._ready(file_id) for file_id in file_ids]
        if None in hung:
            return "file_not_found"
        images = [block for block in body.get("blocks") or [] if block.get("type") == "image"]
        stand = [self._ready(block["slack_file"]["id"]) for block in images]
        if None in stand:
            return "invalid_blocks"
        for one in hung + ([] if is_edit else stand):
            if one is not None:
                one.is_shared = True
        return [one.data for one in hung + stand if one is not None and one.is_shared and one.data is not None]

    def _ready(self, file_id: str) -> File | None:
        """The file, if there is one and Slack is done with it."""
        found = next((one for one in self.files if one.file_id == file_id and one.is_complete), None)
        if found is None or found.data is None or not found.data.startswith(PNG):
            return None
        if found.looks:
            found.looks -= 1
            return None
        return found

    def _place(self, body: Any, url: str) -> Reply:
        if not isinstance(body, dict) or not body.get("filename") or int(body.get("length", 0)) < 1:
            return _no("missing_argument")
        if len(body.get("alt_txt", "")) > 1000:
            return _no("alt_txt_too_large")
        file = File(f"F{len(self.files):010d}", int(body["length"]), body.get("alt_txt", ""), looks=self.looks)
        self.files.append(file)
        place = f"{self.home or url}/upload/v1/SECRET{file.file_id}"
        return Reply(200, json.dumps({"ok": True, "upload_url": place, "file_id": file.file_id}))

    def _complete(self, body: Any) -> Reply:
        if not isinstance(body, dict) or not isinstance(body.get("files"), list) or set(body) != {"files"}:
            return _no("invalid_arguments")  # with a channel it would be a message of its own
        for asked in body["files"]:
            found = next((one for one in self.files if one.file_id == asked.get("id")), None)
            if found is None or found.data is None:
                return _no("file_not_found")
            found.is_complete, found.title = True, asked.get("title", "")
        return Reply(200, json.dumps({"ok": True, "files": body["files"]}))


def _is_words(names: Any) -> bool:
    return isinstance(names, list) and all(isinstance(name, str) for name in names)


def _no(error: str) -> Reply:
    return Reply(200, json.dumps({"ok": False, "error": error}))
