"""What can be said about who may answer alerts, chat by chat."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr

from daemon.config.mistakes import quote
from daemon.config.secrets import Secret
from daemon.config.section import Section
from sinks.address import Address, SlackBot, SlackWebhook, TelegramChat

_NUMBER_MAX = 2**53
_SLACK_PERSON = re.compile(r"[UW][A-Z0-9]{2,30}")
_APP_TOKEN = re.compile(r"xapp-[A-Za-z0-9-]{3,250}")


def _user(user: int | str) -> int | str:
    if isinstance(user, int):
        if not 1 <= user <= _NUMBER_MAX:
            raise ValueError(f"{user} is nobody's number; people have positive ones")
    elif not _SLACK_PERSON.fullmatch(user):
        raise ValueError(f"'{quote(user)}' names nobody; write Telegram's number, or Slack's id like U012AB3CD")
    return user


def _app_token(token: SecretStr) -> SecretStr:
    if not _APP_TOKEN.fullmatch(token.get_secret_value()):
        raise ValueError("this is no app-level token; it begins with xapp-, and is not the bot's xoxb-...")
    return token


class AnswerConfig(Section):
    """Who may answer alerts in their chat."""

    users: list[Annotated[int | str, AfterValidator(_user)]] = Field(min_length=1, max_length=100)
    """who may press buttons and give commands: Telegram's numbers, or Slack's ids like U012AB3CD; nobody else is answered"""
    app_token: Annotated[Secret, AfterValidator(_app_token)] | None = None
    """for Slack: the app-level token xapp-... with the scope connections:write, by which presses reach us; secret"""

    @property
    def names(self) -> frozenset[str]:
        """The people as a press names them."""
        return frozenset(map(str, self.users))

    def suits(self, place: Address) -> None:
        """ValueError with a sentence, if nobody could answer there in this way."""
        match place:
            case TelegramChat():
                if any(isinstance(user, str) for user in self.users):
                    raise ValueError("Telegram's people are numbers; write users: [123456]")
                if self.app_token is not None:
                    raise ValueError("app_token is for slack:// only; leave it out")
            case SlackBot():
                if any(isinstance(user, int) for user in self.users):
                    raise ValueError("Slack's people have ids; write users: [U012AB3CD]")
                if self.app_token is None:
                    raise ValueError("app_token is missing: no press reaches us without an app-level token, xapp-...")
            case SlackWebhook():
                raise ValueError("a webhook can only post; to be answered use a bot token, slack://xoxb-.../#channel")
            case _:
                raise ValueError("answer is for tgram:// and for slack:// with a bot token; others cannot be answered")
