"""Loopback chats: real servers that answer as Telegram, Slack and a json:// hook do, or misbehave as told."""

from tests.chats.base import Chat as Chat
from tests.chats.base import Mood as Mood
from tests.chats.base import Reply as Reply
from tests.chats.base import Seen as Seen
from tests.chats.base import Shown as Shown
from tests.chats.base import Slow as Slow
from tests.chats.base import Vanish as Vanish
from tests.chats.base import html_page as html_page
from tests.chats.hook import JsonHook as JsonHook
from tests.chats.slack import Slack as Slack
from tests.chats.slack import blocks_error as blocks_error
from tests.chats.telegram import Telegram as Telegram
from tests.chats.telegram import parse_html as parse_html
from tests.chats.telegram import telegram_error as telegram_error
from tests.chats.telegram import too_many as too_many
