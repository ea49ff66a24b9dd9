"""CoinDesk Data over REST: futures of two dozen exchanges in one shape, for those who have a key.

Facts: an answer is {"Data": ..., "Err": {}}, and a filled `Err` counts whatever the HTTP status; `type` may be missing in
it. The latest values come as a map by the name that was asked for and may leave some of them out; history comes as a list,
oldest first, by the start of each bucket in seconds, and its last bucket is still running. Numbers are JSON numbers.
Rates are fractions per INTERVAL_MS. `QUOTE` of open interest is settlement times mark price, which is US dollars where
the quote coin is a dollar. OKX is called okex. There is no mark price history of its own: it is in that of open interest.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import msgspec

from daemon.wire.coindesk_rows import Exchange, Limits, Number, Row, Usage, read
from daemon.wire.numbers import number, positive
from daemon.wire.trouble import LONGEST_NAME

REST_URL = "https://data-api.coindesk.com"
TICK = "/futures/v1/latest/tick"
FUNDING = "/futures/v1/latest/funding-rate/tick"
INTEREST = "/futures/v1/latest/open-interest/tick"
BARS = "/futures/v1/historical/"  # + days, hours or minutes
FUNDING_HISTORY = "/futures/v1/historical/funding-rate/"
INTEREST_HISTORY = "/futures/v1/historical/open-interest/"
INSTRUMENTS = "/futures/v1/markets/instruments"
MARKETS = "/futures/v1/markets"
LIMITS = "/admin/v2/rate/limit"
REMAINING_HEADER = "X-RateLimit-Remaining-All"

INSTRUMENTS_A_CALL = 25
UNITS: Mapping[str, tuple[int, int]] = {"days": (86_400, 5_000), "hours": (3_600, 2_000), "minutes": (60, 2_000)}
"""Name in the path -> seconds of one bucket, and how many of them one call may ask for."""

MARKET_NAMES: Mapping[str, str] = {"okx": "okex"}
"""Our name -> theirs, where they differ."""

EXCHANGES = (
    "binance",
    "bybit",
    "okx",
    "deribit",
    "hyperliquid",
    "bit",
    "bitfinex",
    "bitget",
    "bullish",
    "coinbase",
    "coinbaseinternational",
    "crosstower",
    "cryptodotcom",
    "dydxv4",
    "gateio",
    "huobipro",
    "kraken",
    "kucoin",
)
"""The markets that trade, by our names (enumeration of 2.1.1 without those that have closed)."""

Kind = Literal["VANILLA", "INVERSE", "QUANTO"]
KINDS: Mapping[str, Kind] = {"VANILLA": "VANILLA", "INVERSE": "INVERSE", "QUANTO": "QUANTO"}
HOUR_MS = 3_600_000
_YEAR_10000_S = 253_402_300_800


class Tick(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The last price and a day's trading. `pair` is the exchange's own name."""

    pair: str = ""
    price: float
    volume_24h_base: float | None = None
    volume_24h_quote: float | None = None
    at_ms: int | None = None


class Funding(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The running rate, a fraction per `interval_h`; the changes are absolute differences of fractions."""

    pair: str = ""
    rate: float
    interval_h: float
    hour_change: float | None = None
    day_change: float | None = None
    moving_24h_change: float | None = None
    at_ms: int | None = None


class Interest(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Open interest in what it settles in and in the quote coin, and the mark price."""

    pair: str = ""
    settlement: float | None = None
    quote: float | None = None
    mark: float | None = None
    at_ms: int | None = None


class Bar(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Trading from `at_s` on."""

    at_s: int
    close: float | None = None
    volume_base: float | None = None
    volume_quote: float | None = None


class FundingBucket(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The rate at the end of the bucket that began at `at_s`, a fraction per `interval_h`."""

    at_s: int
    rate: float
    interval_h: float


class InterestBucket(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Open interest and mark price at the end of the bucket that began at `at_s`."""

    at_s: int
    settlement: float | None = None
    quote: float | None = None
    mark: float | None = None


class Instrument(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A contract of one exchange: BTC-USDT-VANILLA-PERPETUAL at CoinDesk, BTCUSDT at home."""

    name: str
    pair: str
    base: str
    quote: str
    kind: Kind
    expires_s: int | None = None  # None: perpetual
    has_funding: bool = True


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """An exchange as CoinDesk presents it."""

    venue: str  # our name
    name: str = ""
    logo: str | None = None


_latest_rows = msgspec.json.Decoder(dict[str, Row | None])
_raw = msgspec.json.Decoder(dict[str, Any])
_buckets = msgspec.json.Decoder(list[Row])
_exchanges = msgspec.json.Decoder(dict[str, Exchange])
_limit_decoder = msgspec.json.Decoder(Limits)


def market_of(venue: str) -> str:
    """okx -> okex."""
    return MARKET_NAMES.get(venue, venue)


def venue_of(market: str) -> str:
    """okex -> okx."""
    return next((venue for venue, name in MARKET_NAMES.items() if name == market), market)


def decode_ticks(body: bytes) -> dict[str, Tick]:
    """The answer to latest/tick by the name that was asked for; rows without a price are left out."""
    found = {}
    for asked, row in _latest(body):
        price = _positive(row.price)
        if price is not None:
            found[asked] = Tick(
                pair=row.instrument,
                price=price,
                volume_24h_base=_number(row.moving_24_hour_volume),
                volume_24h_quote=_number(row.moving_24_hour_quote_volume),
                at_ms=_ms(row.price_last_update_ts),
            )
    return found


def decode_raw(body: bytes, asked: str) -> dict[str, Any]:
    """One row of a latest/ answer as it was sent; {} if it is not there."""
    row = read(body, _raw, {}).get(asked)
    return row if isinstance(row, dict) else {}


def decode_fundings(body: bytes) -> dict[str, Funding]:
    """The answer to latest/funding-rate/tick; rows without a rate or an interval are left out."""
    found = {}
    for asked, row in _latest(body):
        rate, interval_ms = _number(row.value), _positive(row.interval_ms)
        if rate is not None and interval_ms is not None:
            found[asked] = Funding(
                pair=row.instrument,
                rate=rate,
                interval_h=interval_ms / HOUR_MS,
                hour_change=_number(row.current_hour_change),
                day_change=_number(row.current_day_change),
                moving_24h_change=_number(row.moving_24_hour_change),
                at_ms=_ms(row.value_last_update_ts),
            )
    return found


def decode_interests(body: bytes) -> dict[str, Interest]:
    """The answer to latest/open-interest/tick."""
    return {
        asked: Interest(
            pair=row.instrument,
            settlement=_number(row.value_settlement),
            quote=_number(row.value_quote),
            mark=_positive(row.value_mark_price),
            at_ms=_ms(row.last_update_ts),  # not value_last_update_ts
        )
        for asked, row in _latest(body)
    }


def decode_bars(body: bytes) -> list[Bar]:
    """Trading by bucket, oldest first."""
    return [
        Bar(
            at_s=row.timestamp,
            close=_positive(row.close),
            volume_base=_number(row.volume),
            volume_quote=_number(row.quote_volume),
        )
        for row in _history(body)
    ]


def decode_funding_history(body: bytes) -> list[FundingBucket]:
    """Rates by bucket, oldest first; those without a rate are left out."""
    found = []
    for row in _history(body):
        rate, interval_ms = _number(row.close), _positive(row.interval_ms)
        if rate is not None and interval_ms is not None:
            found.append(FundingBucket(at_s=row.timestamp, rate=rate, interval_h=interval_ms / HOUR_MS))
    return found


def decode_interest_history(body: bytes) -> list[InterestBucket]:
    """Open interest and mark price by bucket, oldest first."""
    return [
        InterestBucket(
            at_s=row.timestamp,
            settlement=_number(row.close_settlement),
            quote=_number(row.close_quote),
            mark=_positive(row.close_mark_price),
        )
        for row in _history(body)
    ]


def decode_instruments(body: bytes, market: str) -> list[Instrument]:
    """The contracts of one market that trade."""
    exchange = read(body, _exchanges, {}).get(market)
    found = []
    for name, row in ((exchange.instruments or {}) if exchange else {}).items():
        kind = row.instrument_mapping.denomination_type if row.instrument_mapping else ""
        parts = name.split("-")
        if row.instrument_status != "ACTIVE" or kind not in KINDS or len(parts) < 4 or len(name) > LONGEST_NAME:
            continue
        if row.contract_expiration_ts is not None and not 0 < row.contract_expiration_ts < _YEAR_10000_S:
            continue
        found.append(
            Instrument(
                name=name,
                pair=row.instrument or name,
                base=parts[0],
                quote=parts[1],
                kind=KINDS[kind],
                expires_s=row.contract_expiration_ts,
                has_funding=row.has_funding_rate_updates is not False,
            )
        )
    return found


def decode_markets(body: bytes) -> list[Listing]:
    """All exchanges with their names and pictures."""
    return [
        Listing(venue=venue_of(market), name=row.name, logo=row.logo_url or None)
        for market, row in read(body, _exchanges, {}).items()
    ]


def decode_limits(body: bytes) -> dict[int, int]:
    """How many more questions the key may ask: seconds of the window -> what is left in it. Empty if it does not say."""
    limits = read(body, _limit_decoder, Limits())
    left: dict[int, int] = {}
    for usage in (limits.api_key, limits.auth_key):
        for window_s, rest in _windows(usage):
            left[window_s] = min(rest, left.get(window_s, rest))
    return left


def decode_remaining(header: str) -> dict[int, int]:
    """The same from the header `X-RateLimit-Remaining-All` of any answer: `1220397, 9500;window=1, 38673;window=86400`."""
    left = {}
    for part in header.split(","):
        rest, _, window = part.strip().partition(";window=")
        if rest.isdecimal() and window.isdecimal():
            left[int(window)] = int(rest)
    return left


def _windows(usage: Usage | None) -> list[tuple[int, int]]:
    if usage is None or usage.remaining is None or usage.max is None or not usage.max.month:
        return []  # a key of another sort, that has nothing to spend
    left = usage.remaining
    named = {1: left.second, 60: left.minute, 3_600: left.hour, 86_400: left.day, 2_592_000: left.month}
    return [(window_s, rest) for window_s, rest in named.items() if rest is not None]


def _latest(body: bytes) -> Iterable[tuple[str, Row]]:
    return ((asked, row) for asked, row in read(body, _latest_rows, {}).items() if row is not None)


def _history(body: bytes) -> list[Row]:
    return sorted((row for row in read(body, _buckets, []) if row.timestamp > 0), key=lambda row: row.timestamp)


def _number(value: Number) -> float | None:
    """A value that cannot be read is none: the row's others stay."""
    try:
        return number(value)
    except ValueError:
        return None


def _positive(value: Number) -> float | None:
    try:
        return positive(value)
    except ValueError:
        return None


def _ms(at_s: int | None) -> int | None:
    return at_s * 1000 if at_s else None
