"""Where Apprise's json:// posts to."""

from tests.chats.base import Chat, Reply, Seen, Shown


class JsonHook(Chat):
    """Where Apprise's json:// posts to."""

    @property
    def address(self) -> str:
        return f"json://{self.url.removeprefix('http://')}/alerts"

    def _answer(self, seen: Seen) -> Reply:
        title, message = str(seen.body.get("title", "")), str(seen.body.get("message", ""))
        text = "\n".join(piece for piece in (title, message) if piece)
        self.shown.append(Shown("json", str(len(self.shown)), text, seen.body))
        return Reply(200, "{}")
