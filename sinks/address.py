"""Where a message goes: an address as the trader writes it, read without the libraries that could deliver to it."""

import re
from hashlib import blake2b
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

from sinks.schemas import APPRISE, NATIVE, suggestion

_TELEGRAM = re.compile(r"(?:bot)?(?P<token>\d+(?::|%3A)[\w-]+)(?:/+(?P<chats>.*))?", re.IGNORECASE)
_CHAT = re.compile(r"(?P<chat>-?\d+|(?:@|%40)?[A-Za-z]\w+)(?::(?P<topic>\d+))?")
_SLACK_ID = re.compile(r"[CDGU][A-Z0-9]{7,}")
_SLACK_BOT_TOKEN = re.compile(r"(?:xoxe\.)?xox[abp]-[A-Z0-9-]+", re.IGNORECASE)
_SLACK_HOOK = "https://hooks.slack.com/services/"
_TELEGRAM_SHAPE = "write tgram://BOT_TOKEN/CHAT_ID, like tgram://123456:AAE.../-1001234567890"
_SLACK_SHAPE = "write slack://A/B/C for a webhook or slack://xoxb-.../#channel for a bot"


class AddressWrong(ValueError):
    """The address cannot be used; the text says what is wrong and what would be right, and holds no secret."""


class Address(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One recipient. Its text is the masked form, so that an address may be logged."""

    @property
    def parts(self) -> tuple[str, ...]:
        """What tells this recipient from all others, secrets included."""
        raise NotImplementedError

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must never be seen in a log, longest first."""
        raise NotImplementedError

    @property
    def masked(self) -> str:
        """The address for listings: its secrets starred out."""
        raise NotImplementedError

    @property
    def address_hash(self) -> str:
        """A stable name of the recipient that gives nothing away: 16 hex digits."""
        return blake2b(msgspec.json.encode(self.parts), digest_size=8).hexdigest()

    def __repr__(self) -> str:
        return f"<{self.masked}>"

    def __str__(self) -> str:
        return self.masked


class Console(Address, frozen=True, kw_only=True, gc=False):
    """The terminal the daemon runs in."""

    parts = ("console",)
    secrets = ()
    masked = "console://"


class TelegramChat(Address, frozen=True, kw_only=True, gc=False):
    """One chat, or one topic of it, as seen by one bot."""

    token: str  # 123456:AAE...
    chat: str  # -1001234567890, 42 or @channel
    topic: int | None = None
    is_silent: bool = False

    @property
    def is_group(self) -> bool:
        """Groups and channels have negative numbers or public names."""
        return self.chat.startswith(("-", "@"))

    @property
    def parts(self) -> tuple[str, ...]:
        return "tgram", self.token, self.chat, str(self.topic or "")

    @property
    def secrets(self) -> tuple[str, ...]:
        return self.token, self.token.partition(":")[2]

    @property
    def masked(self) -> str:
        return f"tgram://***/{self.chat}" + (f":{self.topic}" if self.topic else "")


class SlackWebhook(Address, frozen=True, kw_only=True, gc=False):
    """The channel an incoming webhook was made for."""

    path: str  # A/B/C

    @property
    def parts(self) -> tuple[str, ...]:
        return "slack", self.path

    @property
    def secrets(self) -> tuple[str, ...]:
        return _longest_first([self.path, *self.path.split("/")])

    @property
    def masked(self) -> str:
        return "slack://***"


class SlackBot(Address, frozen=True, kw_only=True, gc=False):
    """One channel as seen by one bot token."""

    token: str
    channel: str  # C0123ABCD or #alerts

    @property
    def parts(self) -> tuple[str, ...]:
        return "slack", self.token, self.channel

    @property
    def secrets(self) -> tuple[str, ...]:
        return (self.token,)

    @property
    def masked(self) -> str:
        return f"slack://***/{self.channel}"


class AppriseUrl(Address, frozen=True, kw_only=True, gc=False):
    """Any of the services that Apprise knows; what is secret in it only Apprise could say, so all of it is."""

    url: str

    @property
    def schema(self) -> str:
        return self.url.partition("://")[0].lower()

    @property
    def parts(self) -> tuple[str, ...]:
        return "apprise", self.url

    @property
    def secrets(self) -> tuple[str, ...]:
        rest = self.url.partition("://")[2]
        pieces = [piece for piece in re.split(r"[/:@?&=#,]", rest) if len(piece) > 3 and not _is_host(piece)]
        return _longest_first([self.url, rest, *pieces, *map(unquote, pieces)])

    @property
    def masked(self) -> str:
        return f"{self.schema}://***"


def parse(text: str) -> Address:
    """Read an address; AddressWrong says in a sentence what is wrong with it."""
    text = text.strip()
    if not text:
        raise AddressWrong("the address is empty; write something like tgram://BOT_TOKEN/CHAT_ID")
    if name := re.search(r"\$\{(\w*)\}?", text):
        raise AddressWrong(f"the address still holds ${{{name[1]}}}; set that variable")
    if text.startswith(_SLACK_HOOK):
        return _slack(text.removeprefix(_SLACK_HOOK))
    schema, separator, rest = text.partition("://")
    schema = schema.lower()
    if not separator or not re.fullmatch(r"[a-z0-9]+", schema):
        raise AddressWrong("this is not an address; write something like tgram://BOT_TOKEN/CHAT_ID")
    match schema:
        case "console":
            return Console()
        case "tgram":
            return _telegram(rest)
        case "slack" if "mode=w" not in rest.partition("?")[2]:
            return _slack(rest)
    if schema not in APPRISE | {"slack", "http", "https"}:  # http: services whose own web address Apprise knows
        meant = suggestion(schema)
        raise AddressWrong(f"'{schema}://' is no service we know" + (f"; did you mean {meant}://?" if meant else ""))
    if not rest.strip("/") and schema not in {"syslog", "dbus", "qt", "kde", "glib", "gnome", "macosx", "windows"}:
        raise AddressWrong(f"nothing follows {schema}://")
    return AppriseUrl(url=text)


def is_native(text: str) -> bool:
    """Whether our own driver delivers to it: with edits, Retry-After and certainty about what was sent."""
    return text.strip().lower().startswith((*(f"{schema}://" for schema in NATIVE), _SLACK_HOOK))


def scrub(text: str, secrets: tuple[str, ...]) -> str:
    """The text with every secret starred out; for words that a far end or a library has chosen."""
    for secret in secrets:
        if len(secret) > 3:  # shorter ones are no secrets, and would star out half the sentence
            text = text.replace(secret, "***")
    return text


def _telegram(rest: str) -> TelegramChat:
    path, _, query = rest.partition("?")
    wishes = dict(parse_qsl(query))
    match = _TELEGRAM.fullmatch(path)
    if match is None:
        raise AddressWrong(f"the bot token is missing or incomplete; {_TELEGRAM_SHAPE}")
    chats = [chat for chat in (*(match["chats"] or "").split("/"), wishes.get("to", "")) if chat]
    if not chats:
        raise AddressWrong(f"the chat is missing after the bot token; {_TELEGRAM_SHAPE}")
    if len(chats) > 1:
        raise AddressWrong(f"{len(chats)} chats in one address; a sink is one chat, so write one sink for each")
    target = _CHAT.fullmatch(unquote(chats[0]))
    if target is None:
        raise AddressWrong("the chat is neither a number like -1001234567890 nor a name like @channel")
    topic = target["topic"] or wishes.get("topic") or wishes.get("thread")
    if topic is not None and not topic.isdecimal():
        raise AddressWrong("the topic is not a number")
    chat = target["chat"]
    return TelegramChat(
        token=unquote(match["token"]),
        chat=chat if chat.startswith("@") or chat.lstrip("-").isdecimal() else f"@{chat}",
        topic=int(topic) if topic else None,
        is_silent=wishes.get("silent", "no").lower() in {"yes", "true", "1", "on"},
    )


def _slack(rest: str) -> SlackWebhook | SlackBot:
    path = rest.partition("?")[0]  # by hand: to a URL parser the `#` of a channel begins a fragment
    path = path.rpartition("@")[2] if "@" in path.partition("/")[0] else path  # the bot's name before an `@`
    pieces = [unquote(piece) for piece in path.split("/") if piece]
    if not pieces:
        raise AddressWrong(f"the token is missing; {_SLACK_SHAPE}")
    if pieces[0].lower().startswith("xo"):
        return _slack_bot(pieces[0], pieces[1:])
    if len(pieces) < 3:
        raise AddressWrong(f"a webhook has three parts and this address has {len(pieces)}; {_SLACK_SHAPE}")
    if len(pieces) > 3:
        raise AddressWrong("a webhook posts to the channel it was made for; remove what follows its three parts")
    for place, piece in zip(("first", "second", "third"), pieces, strict=True):
        if not re.fullmatch(r"[A-Za-z0-9]+", piece):
            raise AddressWrong(f"the {place} part of the webhook may hold letters and digits only; {_SLACK_SHAPE}")
    return SlackWebhook(path="/".join(pieces))


def _slack_bot(token: str, channels: list[str]) -> SlackBot:
    if not _SLACK_BOT_TOKEN.fullmatch(token):
        raise AddressWrong("the bot token is incomplete; it looks like xoxb-1234-5678-AbCd")
    if not channels:
        raise AddressWrong("the channel is missing after the bot token; write slack://xoxb-.../#channel")
    if len(channels) > 1:
        raise AddressWrong(
            f"{len(channels)} channels in one address; a sink is one channel, so write one sink for each"
        )
    channel = channels[0]
    is_named = _SLACK_ID.fullmatch(channel) or channel.startswith(("#", "@"))
    return SlackBot(token=token, channel=channel if is_named else f"#{channel}")


def _longest_first(pieces: list[str]) -> tuple[str, ...]:
    return tuple(sorted({piece for piece in pieces if piece}, key=lambda piece: (-len(piece), piece)))


def _is_host(piece: str) -> bool:
    """Names and numbers of machines are worth reading in an error, and no secret."""
    host = urlsplit(f"//{piece}").hostname or ""
    return host == "localhost" or bool(re.fullmatch(r"(?:[a-z0-9-]+\.)+[a-z0-9-]+", host))
