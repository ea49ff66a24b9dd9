"""A message as Telegram's HTML and as plain text, cut to what a text or a caption may hold."""

from html import escape

from sinks.base import Message
from sinks.fit import cut, shorten, tidy, weight

TEXT_MAX, CAPTION_MAX = 4096, 1024  # UTF-16 units after entities
_HEADLINE_MAX, _FOOTER_MAX = 1024, 512


def to_html(message: Message, room: int = TEXT_MAX) -> str:
    """The message in Telegram's HTML: headline bold, small print in italics, the middle cut if it is too much."""
    headline, body, footer = _fitted(message, room)
    pieces = [f"<b>{_escaped(headline)}</b>", _escaped(body), f"<i>{_escaped(footer)}</i>" if footer else ""]
    return "\n".join(piece for piece in pieces if piece)


def to_plain(message: Message, room: int = TEXT_MAX) -> str:
    """The same without markup."""
    return "\n".join(piece for piece in _fitted(message, room) if piece)


def fits_caption(message: Message) -> bool:
    """Whether nothing would be lost that a text could hold."""
    return to_plain(message, CAPTION_MAX) == to_plain(message)


def _fitted(message: Message, room: int) -> tuple[str, str, str]:
    headline = cut(tidy(message.headline), min(_HEADLINE_MAX, room // 2)) or "(no words)"
    footer = cut(tidy(message.footer), min(_FOOTER_MAX, room // 4))
    left = room - weight(headline) - weight(footer) - 2
    lines = shorten([line for line in map(tidy, message.lines) if line], message.listed, message.unlisted, left)
    return headline, cut("\n".join(lines), left), footer


def _escaped(text: str) -> str:
    return escape(text, quote=False)
