"""A message as Slack's blocks and as the plain text beside them, within Slack's limits."""

from typing import Any

from rules.alerts import Change, Severity
from sinks.base import Message
from sinks.fit import cut, shorten, tidy, utf16_units, weight

# Documented: 150 in a header, 3,000 in a section, 50 blocks, 25 buttons of 75 letters in a block of actions.
# Undocumented: near 13,200 in all (`msg_blocks_too_long`).
HEADER_MAX, SECTION_MAX, WHOLE_MAX = 150, 3_000, 13_000
BLOCKS_MAX, BUTTONS_MAX, BUTTON_MAX = 50, 25, 75
_BODY_MAX, _FOOTER_MAX, _PLAIN_MAX = 7_000, 1_000, 3_000

_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_MARKS = {
    Severity.INFO: ":large_blue_circle:",
    Severity.WARNING: ":large_orange_circle:",
    Severity.CRITICAL: ":red_circle:",
}
_OVER = ":white_check_mark:"


def to_blocks(message: Message) -> list[dict[str, Any]]:
    """Header, the lines in as many sections as they need, small print, what can be pressed. None is empty.

    A picture is no block: it hangs under the message as a file (see `slack_files`).
    """
    headline = tidy(message.headline) or "(no words)"
    lines = [line for line in map(tidy, message.lines) if line]
    short = cut(headline, HEADER_MAX, _raw)
    above = [headline] if short != headline else []  # a header is one short line; a long one must stand somewhere
    lines = [*above, *_counted(lines, message, _BODY_MAX - sum(weight(line, _cost) + 2 for line in above))]
    blocks: list[dict[str, Any]] = [{"type": "header", "text": {"type": "plain_text", "text": short, "emoji": False}}]
    blocks += [_section(text) for text in _packed(lines)]
    small_print = " ".join(filter(None, (_mark(message), escaped(cut(tidy(message.footer), _FOOTER_MAX, _cost)))))
    blocks.append({"type": "context", "elements": [{"type": "mrkdwn", "text": small_print, "verbatim": True}]})
    if message.buttons:
        blocks.append({"type": "actions", "elements": _buttons(message)})
    return blocks


def to_plain(message: Message) -> str:
    """The words alone: what a notification shows, and what is sent when Slack refuses the blocks."""
    headline, footer = tidy(message.headline) or "(no words)", tidy(message.footer)
    lines = [line for line in map(tidy, message.lines) if line]
    lines = _counted(lines, message, _PLAIN_MAX - weight(headline, _cost) - weight(footer, _cost) - 4)
    return escaped(cut("\n".join(piece for piece in (headline, *lines, footer) if piece), _PLAIN_MAX, _cost))


def _buttons(message: Message) -> list[dict[str, Any]]:
    """All rows in one block: Slack breaks them as the screen allows, on a phone one below the other."""
    return [
        {
            "type": "button",
            "action_id": f"tocsin-{number}",  # must be there only once in a message
            "text": {"type": "plain_text", "text": cut(tidy(one.words), BUTTON_MAX, _raw), "emoji": False},
            "value": one.data,
        }
        for number, one in enumerate(one for row in message.buttons for one in row)
    ][:BUTTONS_MAX]


def _counted(lines: list[str], message: Message, room: int) -> list[str]:
    """The lines of a list, cut to that room; a break between two of them takes as much as two letters."""
    return shorten(lines, message.listed, message.unlisted, room - len(lines), _cost)


def _packed(lines: list[str]) -> list[str]:
    """The lines, cut to the room there is, in pieces that a section can hold."""
    left, pieces, piece, room = _BODY_MAX, [], "", SECTION_MAX
    for line in lines:
        text = cut(line, min(left, SECTION_MAX) - 2, _cost)
        if not text:
            break
        cost = sum(map(_cost, text)) + 2
        if cost > room:
            pieces.append(piece)
            piece, room = "", SECTION_MAX
        piece = f"{piece}\n{text}" if piece else text
        room -= cost
        left -= cost
    return [*pieces, piece] if piece else pieces


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": escaped(text), "verbatim": True}}


def _mark(message: Message) -> str:
    return _OVER if message.change is Change.CLEARED else _MARKS[message.severity]


def escaped(text: str) -> str:
    """Signs that begin something in Slack's markup, as signs."""
    return "".join(_ESCAPES.get(char, char) for char in text)


def _raw(char: str) -> int:
    return utf16_units(char)


def _cost(char: str) -> int:
    """What a character takes after escaping for Slack and for JSON, so that no way of counting finds too much."""
    if escape := _ESCAPES.get(char):
        return len(escape)
    return 2 if char in '"\\\n' else utf16_units(char)
