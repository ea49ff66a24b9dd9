"""A message that stands in a loopback Slack, and what was asked to bring a picture to it."""

from msgspec.structs import replace

from sinks.slack import SlackBotSink
from tests.chats import Slack
from tests.sinks.samples import CHART, WARNING

PICTURED = replace(WARNING, picture=CHART)
CALLS = ["api/files.getUploadURLExternal", "upload/v1/SECRETF0000000000", "api/files.completeUploadExternal"]


def paths(chat: Slack) -> list[str]:
    return [seen.path.removeprefix("/") for seen in chat.requests]


def files_named(chat: Slack) -> list[list[str] | None]:
    """By each edit; None where one named none."""
    return [seen.body.get("file_ids") for seen in chat.requests if seen.path.endswith("chat.update")]


def kinds(chat: Slack) -> list[str]:
    return [block["type"] for block in chat.shown[0].raw["blocks"]]


async def sent(chat: Slack, bot: SlackBotSink) -> str:
    """The name of a message that stands there, and nothing on the record yet."""
    receipt = await bot.deliver(WARNING)
    chat.requests.clear()
    assert receipt.message_id is not None
    return receipt.message_id
