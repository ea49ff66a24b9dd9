"""Slack's limits, as laws over any text."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from msgspec.structs import replace

from sinks.base import Button, Message
from sinks.slack_blocks import to_blocks, to_plain
from tests.chats import blocks_error
from tests.sinks.test_telegram import messages


def units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


@given(messages)
@settings(deadline=None, max_examples=30)
def test_any_text_fits(message: Message) -> None:
    """150 in a header, 3,000 in a section, 13,000 in all however one counts, and no block empty."""
    blocks, plain = to_blocks(message), to_plain(message)

    assert blocks_error({"blocks": blocks, "text": plain}) is None
    for block in blocks:
        pieces = block["elements"] if block["type"] == "context" else [block["text"]]
        assert all((150 if block["type"] == "header" else 3000) >= units(piece["text"]) > 0 for piece in pieces)
    assert 13_000 >= units(json.dumps({"blocks": blocks, "text": plain}, ensure_ascii=False))


def test_a_long_headline_is_not_lost() -> None:
    """The header shows its beginning, the first section all of it."""
    blocks = to_blocks(Message(headline="word " * 60))

    assert blocks[0]["text"]["text"].endswith("…")
    assert ("word " * 60).strip() == blocks[1]["text"]["text"]


def test_the_expected_look() -> None:
    """A golden message."""
    blocks = to_blocks(Message(headline="WARNING  a > b", lines=("held 5m", "x & y"), footer="rule r"))

    assert [
        {"type": "header", "text": {"type": "plain_text", "text": "WARNING  a > b", "emoji": False}},
        {"type": "section", "text": {"type": "mrkdwn", "text": "held 5m\nx &amp; y", "verbatim": True}},
        {
            "type": "context",
            "elements": [{"type": "mrkdwn", "text": ":large_blue_circle: rule r", "verbatim": True}],
        },
    ] == blocks


ROWS = (
    (Button("Acknowledge", "ack:00ff"),),
    (Button("Snooze 1h", "1h:00ff"), Button("Mute <BTC> & " + "x" * 80, "mute:00ff")),
)


def test_buttons_stand_below_in_one_block() -> None:
    """Their words as they are, cut to what a button takes."""
    *above, actions = to_blocks(Message(headline="WARNING", buttons=ROWS))

    assert ["header", "context"] == [block["type"] for block in above]
    assert "actions" == actions["type"]
    assert ["ack:00ff", "1h:00ff", "mute:00ff"] == [one["value"] for one in actions["elements"]]
    assert ["Acknowledge", "Snooze 1h"] == [one["text"]["text"] for one in actions["elements"]][:2]
    assert "Mute <BTC> & xx" == actions["elements"][2]["text"]["text"][:15]
    assert 75 == len(actions["elements"][2]["text"]["text"])


@given(messages)
@settings(deadline=None, max_examples=30)
def test_any_text_fits_beside_buttons(message: Message) -> None:
    """As many of them as Slack takes."""
    buttons = tuple((Button("Mute 😀<>& " * 9, "mute:" + "0" * 59),) for _ in range(30))
    blocks = to_blocks(replace(message, buttons=buttons))

    assert blocks_error({"blocks": blocks, "text": to_plain(message)}) is None
    assert 25 == len(blocks[-1]["elements"])


def button(**more: Any) -> dict[str, Any]:
    return {"type": "button", "action_id": "a", "text": {"type": "plain_text", "text": "Go"}, "value": "v"} | more


@pytest.mark.parametrize(
    "block",
    [
        {"type": "divine"},
        {"type": "section", "text": {"type": "mrkdwn", "text": "a"}, "colour": "red"},
        {"type": "header", "text": {"type": "mrkdwn", "text": "a"}},
        {"type": "context", "elements": []},
        {"type": "actions", "elements": []},
        {"type": "actions", "elements": [button(action_id="a" * 256)]},
        {"type": "actions", "elements": [button(value="v" * 2001)]},
        {"type": "actions", "elements": [button(text={"type": "plain_text", "text": "w" * 76})]},
        {"type": "actions", "elements": [button(text={"type": "mrkdwn", "text": "w"})]},
        {"type": "actions", "elements": [button(style="loud")]},
        {"type": "actions", "elements": [button(), button()]},
        {"type": "actions", "elements": [button(action_id=str(number)) for number in range(26)]},
    ],
)
def test_the_loopback_refuses_what_slack_refuses(block: dict[str, Any]) -> None:
    """Else its yes would be worth nothing."""
    assert "invalid_blocks" == blocks_error({"text": "a", "blocks": [block]})
    assert blocks_error({"text": "a", "blocks": [{"type": "actions", "elements": [button(style="danger")]}]}) is None
