"""Coinlocally: a trader's own accounts, one connection each, with the key or token that he has there."""

import re
from collections.abc import Sequence

from daemon.clock import Clock
from daemon.sources.base import Context, Feed
from daemon.sources.configs import Coinlocally as Config
from daemon.sources.script import Plan, Script, Timing
from daemon.sources.sieve import Sieve
from daemon.sources.stream import Stream, _Opened
from daemon.sources.wanted import Wanted
from daemon.supervisor import Transient
from daemon.wire import coinlocally as wire
from daemon.wire.control import Control, Leaving
from rules.events import AccountUpdate, AdlUpdate, Event, OrderUpdate, TriggerOrderUpdate
from rules.selection import Selection

_NAMES = {"apiKey": "key", "token": "token"}
KINDS: tuple[type[Event], ...] = (AccountUpdate, AdlUpdate, OrderUpdate, TriggerOrderUpdate)
_EVERYTHING = Wanted([(kind, None, Selection(None)) for kind in KINDS])  # an account is told whole, or not at all
_AMOUNT = re.compile(
    r"\d[\d.,]{4,}"
)  # numbers of accounts and orders, balances; codes of HTTP and of goodbyes are shorter


def build(config: Config, context: Context, *, timing: Timing | None = None) -> list[Feed]:
    """One stream an account, if anything that accounts tell is wanted."""
    if not context.wanted.any_of(KINDS, venue=wire.VENUE):
        return []
    return [
        _Account(name, account.credentials[0], config, context, timing or Timing())
        for name, account in config.by_name.items()
    ]


class _Account(Stream):
    """One account's stream. What the venue says of it is nobody else's business: no sample of it is kept or logged."""

    def __init__(
        self, name: str, credential: wire.Credential, config: Config, context: Context, timing: Timing
    ) -> None:
        memory = wire.Memory()
        dialect = _Dialect(credential, config.broker, context.clock)

        async def script() -> Script:
            reader = _Reader(wire.Decoder(name, memory))
            return Script(dialect=dialect, reader=reader, first=Plan(topics=[wire.TOPIC]), retries=0)

        self._whose = f"the {_NAMES[credential.form]} of the account '{name}'"
        super().__init__(
            name=f"{wire.VENUE}.{name}",
            venue=wire.VENUE,
            url=config.ws_url,
            context=context,
            sieve=Sieve(_EVERYTHING, KINDS, context.once),
            script=script,
            timing=timing,
            headers=credential.headers(),
            secrets=(credential.secret,),
        )

    async def _converse(self, opened: _Opened) -> None:
        """As any stream, but a wrong key is named: the venue has no answer for one that could be recognised."""
        try:
            await super()._converse(opened)
        except Transient as exc:
            reader = opened.script.reader
            if isinstance(reader, _Reader) and not reader.decoder.is_subscribed:
                raise Transient(f"{exc}; nothing was subscribed: {self._whose} may be wrong or out of date") from exc
            raise

    def _unreadable(self, why: str, frame: bytes | str, count: int = 1) -> None:
        super()._unreadable(why, b"" if frame else frame, count)

    def _hide(self, text: str) -> str:
        return _AMOUNT.sub("…", super()._hide(text))


class _Dialect:
    """How this account talks; pings carry the time."""

    PING_EVERY_S = wire.PING_EVERY_S
    SILENCE_S = wire.SILENCE_S

    def __init__(self, credential: wire.Credential, broker: int, clock: Clock) -> None:
        self._credential, self._broker, self._clock = credential, broker, clock

    @property
    def PING(self) -> str | None:  # noqa: N802 - the name that dialects give it
        return wire.ping(self._clock())

    def subscribe(self, topics: Sequence[str], request_id: int) -> list[str]:
        """There is but one thing to ask for."""
        del topics, request_id
        return [self._credential.subscription(self._broker)]

    def unsubscribe(self, topics: Sequence[str], request_id: int) -> list[str]:
        """Nothing is documented: who wants no more closes."""
        del topics, request_id
        return []


class _Reader:
    """The decoder of one connection; when the venue takes its leave, so do we."""

    def __init__(self, decoder: wire.Decoder) -> None:
        self.decoder = decoder

    def decode(self, frame: bytes | str, received_ms: int) -> Sequence[Event] | Control:
        """What the frame says; Transient when the venue is about to close."""
        heard = self.decoder.decode(frame, received_ms)
        if isinstance(heard, Leaving):
            raise Transient("the venue is about to close, and said so")
        return heard
