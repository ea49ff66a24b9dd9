"""A house whose alerts are answered in a loopback Slack, and what a test waits for there."""

from typing import Any

from tests.chats import Slack
from tests.chats.socket_mode import buttons

ANNA, BEN, STRANGER = "U0ANNA001", "W0BEN0001", "U0EVE0001"


def answered(desk: Slack, **more: Any) -> dict[str, Any]:
    """The sinks of a house whose alerts can be answered; in words only, so that edits can be counted."""
    answer = {"users": [ANNA, BEN], "app_token": desk.socket_mode.app_token}
    sink = {
        "url": desk.bot_address,
        "api_url": desk.api_url,
        "group": {"wait": "0s"},
        "answer": answer,
        "picture": False,
    }
    return {"desk": sink | more}


def offered(desk: Slack, number: int = 0) -> list[str]:
    return [one["text"]["text"] for one in buttons(desk.shown[number])]


def last_line(desk: Slack, number: int = 0) -> str:
    """The small print that was added last."""
    block = desk.shown[number].raw["blocks"][-1]
    assert "context" == block["type"]
    return str(block["elements"][0]["text"])


async def spoken(desk: Slack, count: int = 1) -> None:
    """So many messages are there, and somebody hears what is pressed."""
    await desk.wait_for(lambda chat: len(chat.shown) == count)
    await desk.socket_mode.socket()


async def edited(desk: Slack, number: int = 0, times: int = 1) -> None:
    await desk.wait_for(lambda chat: chat.shown[number].edits == times)


async def noted(desk: Slack, count: int = 1) -> None:
    await desk.wait_for(lambda chat: len(chat.notes) == count)
