"""Slack's limits, as laws over any text."""

import json

from hypothesis import given, settings

from sinks.base import Message
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
