"""What the daemon can be told, section by section. Unknown keys are refused everywhere."""

import re
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
)

from daemon.config.answering import AnswerConfig
from daemon.config.delivery import AliveConfig, CapText, GroupConfig, InhibitConfig, QuietConfig, RouteConfig
from daemon.config.mistakes import Mistake, quote
from daemon.config.secrets import Secret
from daemon.config.section import DurationMs, Level, Section, lasting, one_or_more
from rules.alerts import Severity
from sinks.address import parse as parse_address

if TYPE_CHECKING:
    from daemon.config.trials import WrittenTrial
    from rules.spec import RuleSpec

CONSOLE = "console"
CONSOLE_URL = "console://"

Policy = Literal["repeat", "drop"]
Signature = tuple[tuple[str, int, int, int] | None, ...]  # a file's real path, inode, size, mtime in ns; None: gone
_TOKEN_MIN, _SECRET_MIN = 12, 32  # characters; whoever holds a login can try secrets against it, at leisure
_ORIGIN = re.compile(r"https?://(?:[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?")
_DATABASES = ("sqlite", "postgresql", "postgres")


def _address(url: SecretStr) -> SecretStr:
    parse_address(url.get_secret_value())
    return url


def _database(url: SecretStr) -> SecretStr:
    scheme, separator, rest = url.get_secret_value().partition("://")
    right = "write a path, sqlite:///path or postgresql://user@host/name"
    if not scheme.strip() or (separator and scheme.partition("+")[0] not in _DATABASES):
        raise ValueError(f"not a database we can use; {right}")
    if scheme.startswith("sqlite") and separator and rest.strip("/") in ("", ":memory:"):
        raise ValueError(f"this names no file, and memory is not remembered; {right}")
    return url


def _token(token: SecretStr) -> SecretStr:
    text = token.get_secret_value()
    if len(text) < _TOKEN_MIN or not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError(f"too easy to guess; write at least {_TOKEN_MIN} letters and digits: openssl rand -hex 32")
    return token


def _secret(secret: SecretStr) -> SecretStr:
    if len(secret.get_secret_value()) < _SECRET_MIN:
        raise ValueError(f"too easy to guess; write at least {_SECRET_MIN} characters: openssl rand -hex 32")
    return secret


def _origin(origin: str) -> str:
    written = origin.lower()
    if not _ORIGIN.fullmatch(written):
        raise ValueError(f"'{quote(origin)}' is no origin; write https://desk.example, without a path")
    return written


class Uncertain(Section):
    """What to do with a message that left and was never answered, by severity: it may have arrived."""

    info: Policy = "drop"
    """repeat: send it once more, marked as a possible repeat; drop: leave it, it is listed by `tocsin outbox`"""
    warning: Policy = "drop"
    """the same for warnings"""
    critical: Policy = "repeat"
    """the same for critical alerts"""

    def repeats(self, severity: Severity) -> bool:
        """Whether a message of this severity is sent once more."""
        policy: Policy = getattr(self, severity.value)
        return policy == "repeat"


class SinkConfig(Section):
    """One recipient."""

    url: Annotated[Secret, AfterValidator(_address)]
    """where to: console://, tgram://BOT/CHAT, slack://A/B/C, json://host/path, or any other Apprise address; secret"""
    api_url: str | None = None
    """another address for the chat's API, for gateways and tests; for tgram:// and slack:// only"""
    min_severity: Level = Severity.INFO
    """what is less severe is not told here"""
    uncertain: Uncertain = Uncertain()
    """what to do when the answer to a message never came"""
    expire_ms: DurationMs = lasting("6h", "expire", "a message that could not be delivered for so long is given up")
    late_after_ms: DurationMs = lasting(
        "2m", "late_after", "a message that leaves later than this says that it is late"
    )
    edit: bool = True
    """let an alert change its messages as it goes on, where the chat can; false: always a new message"""
    quiet: QuietConfig | None = None
    """hours in which only the loudest is told; the rest comes as one digest when they end"""
    cap: CapText | None = None
    """20 per hour: what comes beyond it is told together at the hour's end; critical alerts always come at once"""
    silent: Annotated[list[Level], BeforeValidator(one_or_more, json_schema_input_type=str | list[str])] = Field(
        default=[Severity.INFO]
    )
    """severities that arrive without a sound, where the chat can; what eases or clears always does"""
    group: GroupConfig = GroupConfig()
    """how messages about the same thing become one"""
    picture: bool = True
    """show a small chart of the last hours beside an alert, where the chat can: Telegram, and Slack with a bot token"""

    answer: AnswerConfig | None = None
    """who may press buttons under its messages; for tgram://, and for slack:// with a bot token"""

    @field_validator("answer")
    @classmethod
    def _can_be_answered(cls, answer: AnswerConfig | None, info: ValidationInfo) -> AnswerConfig | None:
        url = info.data.get("url")
        if answer is not None and url is not None:
            answer.suits(parse_address(url.get_secret_value()))
        return answer

    @field_validator("api_url")
    @classmethod
    def _has_an_api(cls, api_url: str | None, info: ValidationInfo) -> str | None:
        url = info.data.get("url")
        if api_url is not None and url is not None:
            if not api_url.startswith(("http://", "https://")):
                raise ValueError(f"'{quote(api_url)}' is not an address; write http://host:port")
            if not url.get_secret_value().startswith(("tgram://", "slack://", "https://hooks.slack.com/")):
                raise ValueError("api_url is for tgram:// and slack:// only; write the host into the url itself")
        return api_url


class StorageConfig(Section):
    """What is remembered, where, and for how long."""

    url: Annotated[Secret, AfterValidator(_database)] | None = None
    """sqlite:///path/to/file.db or postgresql://user:password@host/name; default: a file in the user's data folder"""
    keep_ms: DurationMs = lasting("30d", "keep", "events older than this are removed")
    sample_every_ms: DurationMs = lasting(
        "1m", "sample_every", "mark prices, open interest and predicted funding are kept once in so long"
    )

    @property
    def address(self) -> str:
        """The database's URL, password included: not for showing."""
        return self.url.get_secret_value() if self.url is not None else default_database()


class ServerConfig(Section):
    """The page, /healthz, /metrics and the endpoints."""

    host: str = Field(default="127.0.0.1", min_length=1, max_length=255)
    """where to listen; whoever comes from another machine needs a key (`tocsin keys create NAME`)"""
    port: int = Field(default=8000, ge=0, le=65_535)
    """the port to listen on; 0 takes a free one"""
    token: Annotated[Secret, AfterValidator(_token)] | None = None
    """an operator's own key for /healthz and /metrics: `Authorization: Bearer ...`; asked for on loopback too if set; secret"""
    secret: Annotated[Secret, AfterValidator(_secret)] | None = None
    """signs logins and hashes keys; left out: one is made and kept in the database; secret"""
    origins: list[Annotated[str, AfterValidator(_origin)]] = Field(default=[])
    """pages of other sites that may use their visitors' logins: https://desk.example"""
    tables: bool = True
    """serve the T-Zone endpoints, and listen to what they show"""
    live: list[str] = Field(default=["BTC", "ETH", "SOL", "XRP", "DOGE", "BNB"])
    """coins whose funding, mark price and open interest are streamed for the tables; others are asked for over REST"""
    min_push_ms: int = Field(default=250, ge=10, le=60_000)
    """two frames of one table are at least so far apart"""
    connections: int = Field(default=10_000, ge=1, le=1_000_000)
    """WebSocket clients at once"""
    connections_per_address: int = Field(default=500, ge=1, le=1_000_000)
    """the same from one address"""
    connections_per_key: int = Field(default=200, ge=1, le=1_000_000)
    """the same with one key"""
    topics: int = Field(default=2_000, ge=1, le=1_000_000)
    """different answers kept at once: an endpoint with one set of parameters is one"""
    write_buffer: int = Field(default=262_144, ge=4_096, le=1 << 30)
    """bytes that may wait for a client that does not read, before it misses frames or is told goodbye"""
    message_size: int = Field(default=16_384, ge=256, le=1 << 24)
    """bytes of a client's message"""
    messages_per_s: float = Field(default=10.0, gt=0, le=10_000)
    """a client's messages in a second"""
    ping_ms: DurationMs = lasting("20s", "ping", "how often a client is asked whether it is there")
    idle_ms: DurationMs = lasting("60s", "idle", "a client that has not answered for so long is gone")

    @field_validator("idle_ms")
    @classmethod
    def _longer_than_ping(cls, idle_ms: int, info: ValidationInfo) -> int:
        if idle_ms <= info.data.get("ping_ms", 0):
            raise ValueError("idle must be longer than ping, or nobody is asked before being cut off; 60s")
        return idle_ms

    @property
    def is_guarded(self) -> bool:
        """Whether clients must say who they are: everywhere but on this machine itself."""
        return not is_loopback(self.host)


class Settings(Section):
    """The sections that have one shape whatever is built in; sources and rules are each read by their own room."""

    sinks: dict[str, SinkConfig] = Field(default={})
    """who is told, by a name of your own; default: the console"""
    storage: StorageConfig = StorageConfig()
    """what is remembered"""
    server: ServerConfig = ServerConfig()
    """the page and the endpoints"""
    routes: list[RouteConfig] = Field(default=[])
    """which sinks are told, for rules that name none; the first that matches decides, and where none does, all are"""
    inhibit: list[InhibitConfig] = Field(default=[])
    """what is not told while something else fires"""
    alive: AliveConfig | None = None
    """a sign of life, so that silence means something"""
    label: str | None = Field(default=None, min_length=1, max_length=40)
    """marks everything that is said, for instance STAGING"""


@dataclass(frozen=True, kw_only=True)
class Config:
    """Everything that was written, checked and read."""

    files: tuple[Path, ...]
    sources: dict[str, BaseModel] | None  # the sources named, each with its own Config; None: every key-free one
    sinks: dict[str, SinkConfig]
    rules: "tuple[RuleSpec, ...]"  # in the order of the files
    tests: "tuple[WrittenTrial, ...]" = ()
    storage: StorageConfig
    server: ServerConfig
    label: str | None
    routes: tuple[RouteConfig, ...] = ()
    inhibit: tuple[InhibitConfig, ...] = ()
    alive: AliveConfig | None = None
    signature: Signature  # of the files, taken before they were read
    doubts: tuple[Mistake, ...] = ()  # what is right, and probably not meant; in the order of the files
    written: dict[str, Any] = field(repr=False)  # as it stands in the files, secrets unread; for showing differences


def is_loopback(host: str) -> bool:
    """Whether only this machine can connect to what listens there."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def console_sink() -> SinkConfig:
    """Who is told when nobody is named."""
    return SinkConfig(url=SecretStr(CONSOLE_URL))


def default_database() -> str:
    """A SQLite file where this user's programs keep their data."""
    from platformdirs import user_data_dir

    return f"sqlite:///{Path(user_data_dir('tocsin', appauthor=False)) / 'tocsin.db'}"
