"""Hyperliquid's stream of what a perpetual is worth: mark, oracle, funding and open interest in one frame a coin.

Facts: funding is paid at every full hour and `funding` is the rate of one hour. The frame has no time of its own, so it
happened when we heard it. `openInterest` is coins; `premium` and the prices may be null. One request names one coin, and
an answer repeats it instead of an id. A connection that hears nothing for 60 s is cut, so we ping. Liquidations have no
public channel at all: they are told to the account that is liquidated, and sold by relays.
"""

import re
from collections.abc import Sequence
from math import inf
from typing import Any

import msgspec

from daemon.wire.changes import AGAIN_MS, Tickers
from daemon.wire.control import Accepted, Control, Ignored, Pong, Rejected, Unreadable
from daemon.wire.hyperliquid import FUNDING_INTERVAL_H, VENUE, from_symbol, to_symbol
from daemon.wire.hyperliquid_server import acknowledge as acknowledge
from daemon.wire.hyperliquid_server import encode as encode
from daemon.wire.hyperliquid_server import read_request as read_request
from daemon.wire.hyperliquid_server import refuse as refuse
from daemon.wire.trouble import brief
from rules.events import Event, FundingRate, MarkPrice, OpenInterest

WS_URL = "wss://api.hyperliquid.xyz/ws"
PING: str | None = '{"method":"ping"}'
PING_EVERY_S = 30.0
SILENCE_S = 75.0
SUBSCRIPTIONS_MAX = 1_000  # of one address, over all of its connections
SENDS_PER_S = 20.0  # 2,000 messages a minute are allowed

_HOUR_MS = 3_600_000
_CHANNEL = "activeAssetCtx"
_NAMED = re.compile(r'"coin"\s*:\s*"([^"]{1,64})"')


class _Context(msgspec.Struct, gc=False):
    """Texts, read as numbers in the same pass; what is missing is null here, never an empty text."""

    funding: float | None = None
    openInterest: float | None = None  # noqa: N815 - their spelling; renaming would cost a lookup
    markPx: float | None = None  # noqa: N815 - as above
    oraclePx: float | None = None  # noqa: N815 - as above


class _Subscription(msgspec.Struct, gc=False):
    type: str = ""
    coin: str = ""


class _Data(msgspec.Struct, gc=False):
    coin: str = ""
    ctx: _Context | None = None
    method: str = ""
    subscription: _Subscription | None = None


class _Frame(msgspec.Struct, gc=False):
    channel: str
    data: _Data | str | list[Any] | None = None


class _Peek(msgspec.Struct, gc=False):
    channel: str


_frame = msgspec.json.Decoder(_Frame, strict=False)
_peek = msgspec.json.Decoder(_Peek)


class Decoder:
    """Reads the frames of one connection; tells what changed, and the funding anew at each full hour."""

    def __init__(self) -> None:
        self._told = Tickers()

    def decode(self, frame: bytes | str, received_ms: int) -> Sequence[Event] | Control:
        """The events of a frame; Unreadable if it makes no sense."""
        try:
            message = _frame.decode(frame)
            data = message.data
            if message.channel == _CHANNEL:
                if not isinstance(data, _Data) or data.ctx is None:
                    raise ValueError("the state of a coin without its numbers")
                return self._context(data.coin, data.ctx, received_ms)
            return _answer(message)
        except Unreadable:
            raise
        except msgspec.ValidationError as exc:
            if _is_foreign(frame):
                return Ignored()
            raise Unreadable(f"Hyperliquid sent a frame of the wrong shape: {brief(exc)}") from exc
        except (msgspec.DecodeError, ValueError, RecursionError) as exc:
            raise Unreadable(f"Hyperliquid sent a frame that cannot be read: {brief(exc)}") from exc

    def _context(self, coin: str, now: _Context, received_ms: int) -> tuple[Event, ...]:
        told = self._told.get(coin) or self._told.begin(coin, to_symbol(coin))
        events: tuple[Event, ...] = ()
        mark, oracle = now.markPx, now.oraclePx
        if mark is not None and not 0.0 < mark < inf:
            mark = None
        if mark != told.mark or oracle != told.index or received_ms >= told.price_until_ms:
            told.mark, told.index, told.price_until_ms = mark, oracle, received_ms + AGAIN_MS
            if mark is not None:
                price = MarkPrice(
                    venue=VENUE,
                    symbol=told.symbol,
                    price=mark,
                    index_price=oracle if oracle is not None and 0.0 < oracle < inf else None,
                    at_ms=received_ms,
                    received_ms=received_ms,
                )
                events = (price,)
        settles_ms = received_ms - received_ms % _HOUR_MS + _HOUR_MS
        rate = now.funding
        if rate != told.rate or settles_ms != told.settles or received_ms >= told.funding_until_ms:
            told.rate, told.settles, told.funding_until_ms = rate, settles_ms, received_ms + AGAIN_MS
            if rate is not None and -inf < rate < inf:
                funding = FundingRate(
                    venue=VENUE,
                    symbol=told.symbol,
                    rate=rate,
                    interval_h=FUNDING_INTERVAL_H,
                    settles_at_ms=settles_ms,
                    at_ms=received_ms,
                    received_ms=received_ms,
                )
                events = (*events, funding)
        coins = now.openInterest
        if coins != told.interest or received_ms >= told.interest_until_ms:
            told.interest, told.interest_until_ms = coins, received_ms + AGAIN_MS
            if coins is not None and 0.0 <= coins < inf:
                interest = OpenInterest(
                    venue=VENUE,
                    symbol=told.symbol,
                    oi_base=coins,
                    oi_usd=None if mark is None else coins * mark,  # profit is paid in USDC
                    at_ms=received_ms,
                    received_ms=received_ms,
                )
                events = (*events, interest)
        return events


def _answer(message: _Frame) -> Control:
    channel, data = message.channel, message.data
    if channel == "pong":
        return Pong()
    if channel == "subscriptionResponse" and isinstance(data, _Data) and data.subscription is not None:
        if data.method != "subscribe":
            return Ignored()
        return Accepted((f"{data.subscription.type}:{data.subscription.coin}",))
    if channel == "error":
        why = data if isinstance(data, str) else "an error without a word"
        return Rejected(brief(why), tuple(f"{_CHANNEL}:{coin}" for coin in _NAMED.findall(why)))
    return Ignored()


def _is_foreign(frame: bytes | str) -> bool:
    """A channel that we do not use may put other types under the same names: that is no trouble."""
    try:
        return _peek.decode(frame).channel not in (_CHANNEL, "subscriptionResponse", "error")
    except (msgspec.DecodeError, ValueError, RecursionError):
        return False


def context_topic(symbol: str) -> str:
    """The topic of mark price, funding and open interest of one coin."""
    return f"{_CHANNEL}:{from_symbol(symbol)}"


def subscribe(topics: Sequence[str], request_id: int) -> list[str]:
    """Text frames that ask for these topics, one each; there are no ids."""
    del request_id
    return [_request("subscribe", topic) for topic in topics]


def unsubscribe(topics: Sequence[str], request_id: int) -> list[str]:
    """Text frames that give these topics up."""
    del request_id
    return [_request("unsubscribe", topic) for topic in topics]


def _request(method: str, topic: str) -> str:
    kind, _, coin = topic.partition(":")
    return msgspec.json.encode({"method": method, "subscription": {"type": kind, "coin": coin}}).decode()
