"""Funding rates, mark prices and next funding times across exchanges (spec/000, `fund-rate-tracker/table`)."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from daemon.server.rows import Kept, Row
from daemon.server.sources import Sources
from daemon.server.table import Selection, Table
from daemon.server.tzone.endpoint import Data, Frame, Params, Spec, echo, headers, results
from daemon.server.tzone.live import newest
from daemon.server.tzone.markets import coin_named, is_named, pair_of, read_markets, read_names
from daemon.server.tzone.pictures import logos
from daemon.upstream import exchanges
from daemon.upstream.records import Contract

PATH = "/tzone_apis/services/futures/ws/fund-rate-tracker/table"
HEADERS = headers(
    ("exchange", "Exchange", True),
    ("pair", "Pair", True),
    ("mark_price", "Mark Price", True),
    ("funding_rate", "Funding Rate", True),
    ("next_funding_time", "Next Funding Time", True),
)
FIELDS = (
    "exchange", "exchange_logo", "pair", "mark_price", "funding_rate", "next_funding_time",
    "current_hour_change", "current_day_change", "moving_24H_change",
)  # fmt: skip
DEFAULT_COINS = ("BTC", "ETH", "SOL")


class Own(msgspec.Struct, frozen=True):
    """Its own parameters."""

    symbols: tuple[str, ...]
    markets: tuple[str, ...]
    instruments: tuple[str, ...]

    @property
    def coins(self) -> frozenset[str]:
        """What the rows are about."""
        return frozenset(coin_named(name) for name in (*self.symbols, *self.instruments))


def read(given: Mapping[str, object]) -> Own:
    """`symbol` is the old name of `symbols`; both together are one list. Its BTCUSD always meant the coin."""
    old = (name.removesuffix("USD") or name for name in read_names("symbol", given.get("symbol")))
    symbols = tuple(dict.fromkeys((*old, *read_names("symbols", given.get("symbols")))))
    instruments = read_names("instruments", given.get("instruments"))
    return Own(
        symbols=symbols or (() if instruments else DEFAULT_COINS),
        markets=read_markets("markets", given.get("markets")),
        instruments=instruments,
    )


async def load(sources: Sources, own: Own, now_ms: int, kept: Kept) -> Data:
    """Every perpetual of these coins; what we stream ourselves is newer than what was asked."""
    answer = await sources.market.contracts_of(own.markets, own.coins)
    asked = [row for row in answer.value if row.funding_rate is not None and _is_asked(row, own)]
    pictures = await logos(sources, [row.venue for row in asked])
    rows: list[Row] = []
    for contract in asked:
        fields = row(sources, newest(sources, contract), pictures[contract.venue], now_ms)
        hidden = {"pair": (contract.pair, contract.symbol)}
        rows.append(kept.row((contract.venue, contract.pair), fields, hidden))
    table = Table(rows, aliases={"moving_24h_change": "moving_24H_change"}, time_field=None, fields=FIELDS)
    return Data(table, answer.at_ms, is_stale=answer.is_stale, error=answer.error)


def row(sources: Sources, contract: Contract, logo: str | None, now_ms: int) -> dict[str, Any]:
    """One contract; rates are fractions per the venue's own interval, changes their absolute differences."""
    live = sources.views.futures.get(contract.venue, contract.symbol)
    settles_ms = contract.next_funding_ms
    return {
        "exchange": exchanges.label(contract.venue, contract.provider),
        "exchange_logo": logo,
        "pair": pair_of(contract.symbol, contract.pair),
        "mark_price": contract.mark,
        "funding_rate": contract.funding_rate,
        "next_funding_time": f"{datetime.fromtimestamp(settles_ms / 1000, UTC):%Y-%m-%d %H:%M:%S}"
        if settles_ms
        else None,
        "current_hour_change": None if live is None else _rounded(live.hour_change(now_ms)),
        "current_day_change": None if live is None else _rounded(live.day_change(now_ms)),
        "moving_24H_change": None if live is None else _rounded(live.moving_24h_change(now_ms)),
    }


def envelope(selection: Selection, data: Data, params: Params[Own], frame: Frame) -> dict[str, Any]:
    """The frame as printed in the document."""
    del data
    return {
        "headers": HEADERS,
        "rows": results(selection),
        "adaptive_interval": frame.interval,
        "timestamp": frame.timestamp,
        "query_params": echo(params, "symbols", "markets"),
    }


def moved(sources: Sources, own: Own) -> int:
    """When one of these coins last moved in our streams."""
    return sources.views.futures.version_of(own.coins)


def _is_asked(contract: Contract, own: Own) -> bool:
    """BTC means all its perpetuals, BTCUSDT just that pair."""
    coin = coin_named(contract.symbol)
    return any(name == coin or is_named(contract, name) for name in own.symbols) or any(
        is_named(contract, name) for name in own.instruments
    )


def _rounded(change: float | None) -> float | None:
    """Without the dust of subtracting fractions."""
    return None if change is None else round(change, 12)


SPEC = Spec(
    path=PATH,
    about="funding rates, mark prices and next funding times across exchanges",
    example='symbols=BTC,ETH&markets=binance,bybit&filters={"exchange":"Bybit"}&sort_by=funding_rate&sort_order=desc'
    "&page=1&page_size=10",
    own=frozenset({"symbol", "symbols", "markets", "instruments"}),
    read=read,
    load=load,
    envelope=envelope,
    moved=moved,
)
