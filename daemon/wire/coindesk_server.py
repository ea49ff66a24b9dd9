"""CoinDesk Data as it answers: for the simulator, and for tests that let both ends talk."""

from collections.abc import Mapping, Sequence

import msgspec

from daemon.wire.coindesk import (
    HOUR_MS,
    Bar,
    Funding,
    FundingBucket,
    Instrument,
    Interest,
    InterestBucket,
    Listing,
    Tick,
    market_of,
)

PERPETUAL = "PERPETUAL"
_TYPES: Mapping[type, str] = {
    Tick: "914",
    Bar: "914",
    Funding: "934",
    FundingBucket: "934",
    Interest: "944",
    InterestBucket: "944",
}


def name_of(base: str, quote: str, kind: str, expiry: str = PERPETUAL) -> str:
    """BTC-USDT-VANILLA-PERPETUAL."""
    return f"{base}-{quote}-{kind}-{expiry}"


def encode_latest(venue: str, rows: Mapping[str, Tick | Funding | Interest]) -> bytes:
    """The answer to any of the latest/ calls, by the names that were asked for."""
    return _answer({asked: {**_identity(venue, row.pair, row), **_latest(row)} for asked, row in rows.items()})


def encode_history(venue: str, pair: str, unit: str, rows: Sequence[Bar | FundingBucket | InterestBucket]) -> bytes:
    """The answer to any of the historical/ calls; `unit` is DAY, HOUR or MINUTE."""
    return _answer(
        [{"UNIT": unit, "TIMESTAMP": row.at_s, **_identity(venue, pair, row), **_bucket(row)} for row in rows]
    )


def encode_instruments(venue: str, instruments: Sequence[Instrument]) -> bytes:
    """The answer to markets/instruments of one market."""
    market = market_of(venue)
    rows = {
        contract.name: {
            "TYPE": "614",
            "INSTRUMENT_STATUS": "ACTIVE",
            "INSTRUMENT": contract.pair,
            "MAPPED_INSTRUMENT": contract.name,
            "INSTRUMENT_MAPPING": {
                "MAPPED_INSTRUMENT": contract.name,
                "INDEX_UNDERLYING": contract.base,
                "QUOTE_CURRENCY": contract.quote,
                "DENOMINATION_TYPE": contract.kind,
            },
            "HAS_FUNDING_RATE_UPDATES": contract.has_funding,
            "CONTRACT_EXPIRATION_TS": contract.expires_s,
        }
        for contract in instruments
    }
    return _answer({market: {"TYPE": "604", "EXCHANGE_INTERNAL_NAME": market, "instruments": rows}})


def encode_markets(listings: Sequence[Listing]) -> bytes:
    """The answer to markets."""
    rows = {
        market_of(listing.venue): {
            "TYPE": "604",
            "EXCHANGE_STATUS": "ACTIVE",
            "EXCHANGE_INTERNAL_NAME": market_of(listing.venue),
            "NAME": listing.name,
            "LOGO_URL": listing.logo,
        }
        for listing in listings
    }
    return _answer(rows)


def encode_limits(left: Mapping[int, int]) -> bytes:
    """The answer to rate/limit, of a key that has `left` questions in each window of so many seconds."""
    names = {1: "SECOND", 60: "MINUTE", 3_600: "HOUR", 86_400: "DAY", 2_592_000: "MONTH"}
    windows = {names[window_s]: rest for window_s, rest in left.items() if window_s in names}
    usage = {"TYPE": "3001", "MAX": {"TYPE": "3003", "MONTH": 200_000, **windows}, "REMAINING": windows}
    return _answer({"TYPE": "3000", "API_KEY": usage})


def encode_error(message: str, *, kind: int | None = 1, values: Sequence[str] = ()) -> bytes:
    """A refusal; a missing key has no `type`."""
    trouble: dict[str, object] = {"message": message}
    if kind is not None:
        trouble = {"type": kind, "message": message, "other_info": {"param": "instrument", "values": list(values)}}
    return msgspec.json.encode({"Data": {}, "Err": trouble})


def remaining_header(left: Mapping[int, int]) -> str:
    """`X-RateLimit-Remaining-All`: the least first, on its own, and then by window."""
    parts = [f"{rest};window={window_s}" for window_s, rest in left.items()]
    return ", ".join([str(min(left.values())), *parts] if left else ["0"])


def _identity(venue: str, pair: str, row: object) -> dict[str, object]:
    return {"TYPE": _TYPES[type(row)], "MARKET": market_of(venue), "INSTRUMENT": pair}


def _latest(row: Tick | Funding | Interest) -> dict[str, object]:
    match row:
        case Tick():
            return {
                "PRICE": row.price,
                "PRICE_LAST_UPDATE_TS": _s(row.at_ms),
                "MOVING_24_HOUR_VOLUME": row.volume_24h_base,
                "MOVING_24_HOUR_QUOTE_VOLUME": row.volume_24h_quote,
            }
        case Funding():
            return {
                "INTERVAL_MS": round(row.interval_h * HOUR_MS),
                "VALUE": row.rate,
                "VALUE_LAST_UPDATE_TS": _s(row.at_ms),
                "CURRENT_HOUR_CHANGE": row.hour_change,
                "CURRENT_DAY_CHANGE": row.day_change,
                "MOVING_24_HOUR_CHANGE": row.moving_24h_change,
            }
        case Interest():
            return {
                "VALUE_SETTLEMENT": row.settlement,
                "VALUE_MARK_PRICE": row.mark,
                "VALUE_QUOTE": row.quote,
                "LAST_UPDATE_TS": _s(row.at_ms),
            }


def _bucket(row: Bar | FundingBucket | InterestBucket) -> dict[str, object]:
    match row:
        case Bar():
            return {"CLOSE": row.close, "VOLUME": row.volume_base, "QUOTE_VOLUME": row.volume_quote}
        case FundingBucket():
            return {"INTERVAL_MS": round(row.interval_h * HOUR_MS), "CLOSE": row.rate}
        case InterestBucket():
            return {"CLOSE_SETTLEMENT": row.settlement, "CLOSE_MARK_PRICE": row.mark, "CLOSE_QUOTE": row.quote}


def _s(at_ms: int | None) -> int | None:
    return None if at_ms is None else at_ms // 1000


def _answer(data: object) -> bytes:
    return msgspec.json.encode({"Data": data, "Err": {}})
