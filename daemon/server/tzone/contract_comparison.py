"""One coin's main perpetuals on several exchanges side by side (spec/000, `contract-comparison/table`)."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from daemon.server.parameters import BadParameter, shown
from daemon.server.rows import Kept, Row
from daemon.server.sources import Sources
from daemon.server.table import Selection, Table
from daemon.server.tzone.endpoint import Data, Frame, Params, Spec, echo, headers, names_in, results
from daemon.server.tzone.live import newest
from daemon.server.tzone.markets import coin_named, is_named, pair_of, read_markets, read_name
from daemon.server.tzone.pictures import coins, logos, soon
from daemon.upstream import exchanges, pairs
from daemon.upstream.cache import Answer, Unavailable
from daemon.upstream.pairs import UnknownContract
from daemon.upstream.records import CoinInfo, Contract

PATH = "/tzone_apis/services/futures/ws/contract-comparison/table"
HEADERS = headers(
    ("coin_icon", "Icon", False),
    ("exchange", "Exchange", True),
    ("pair", "Pair", True),
    ("last_price", "Last Price", True),
    ("funding_rate", "Funding Rate", True),
    ("open_interest", "Open Interest", True),
    ("volume_2h", "2h Volume", True),
)
FIELDS = (
    "coin_icon", "coin_symbol", "coin_name", "exchange", "pair", "last_price", "funding_rate", "open_interest",
    "volume_2h", "exchange_logo",
)  # fmt: skip
MOST_INSTRUMENTS = 25  # of one exchange; each costs a call
VOLUME_PATIENCE_S = 3.0  # a volume that takes longer is null, and there the next time
_MAP = 'a JSON object such as {"binance": "BTCUSDT", "bybit": ["BTCUSDT", "BTCUSD"]}'


class Own(msgspec.Struct, frozen=True):
    """Its own parameters."""

    coin: str
    markets: tuple[str, ...]
    instruments: tuple[tuple[str, tuple[str, ...]], ...]  # by market, in place of its main perpetual


def read(given: Mapping[str, object]) -> Own:
    """A market that only the instrument map names is shown too."""
    coin = coin_named(read_name("ticker", given.get("ticker"), "BTC"))
    instruments = read_instruments("instrument_map", given.get("instrument_map"))
    markets = (*read_markets("markets", given.get("markets")), *(market for market, _ in instruments))
    return Own(coin, tuple(dict.fromkeys(markets)), instruments)


def read_instruments(parameter: str, value: object) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """A JSON object of exchanges, each with an instrument or a list of them."""
    if value is None:
        return ()
    try:
        written = msgspec.json.decode(str(value))
    except (ValueError, RecursionError):  # msgspec's own trouble is a ValueError
        raise BadParameter("invalid_json", parameter, f"this is not JSON; it must be {_MAP}") from None
    if not isinstance(written, dict):
        raise BadParameter("wrong_type", parameter, f"{shown(written)} is not {_MAP}")
    found: dict[str, tuple[str, ...]] = {}
    for market, names in written.items():
        listed = names if isinstance(names, list) else [names]
        if not all(isinstance(name, str) for name in listed):
            raise BadParameter("wrong_type", parameter, f"{shown(names)} names no instruments; it must be {_MAP}")
        canonical = read_markets(parameter, market, ())
        if len(canonical) != 1:
            raise BadParameter("unknown_value", parameter, f"{shown(market)} is not one exchange; it must be {_MAP}")
        found[canonical[0]] = names_in(parameter, ",".join(listed), most=MOST_INSTRUMENTS)
    return tuple(found.items())


async def load(sources: Sources, own: Own, now_ms: int, kept: Kept) -> Data:
    """One row a market, or one for each of the instruments that were named."""
    answer = await sources.market.contracts_of(own.markets, (own.coin,))
    chosen = [newest(sources, contract) for contract in choose(answer.value, own)]
    async with asyncio.TaskGroup() as group:
        known = group.create_task(coins(sources, (own.coin,)), name="coin of contract-comparison")
        pictures = group.create_task(logos(sources, own.markets), name="logos of contract-comparison")
        volumes = [
            group.create_task(_volume_2h(sources, contract, now_ms), name="volume of contract-comparison")
            for contract in chosen
        ]
    rows: list[Row] = []
    answers = [task.result() for task in volumes]
    reasons = [answer.error] if answer.error is not None else []
    for contract, volume in zip(chosen, answers, strict=True):
        if volume.error is not None:
            reasons.append(f"{contract.venue}: no newer 2 h volume: {volume.error}")
        info, logo = known.result().get(own.coin), pictures.result()[contract.venue]
        fields = row(contract, volume.value, own.coin, info, logo)
        rows.append(kept.row((contract.venue, contract.pair), fields, {"pair": (contract.pair, contract.symbol)}))
    return Data(
        Table(rows, time_field=None, fields=FIELDS),
        at_ms=min([answer.at_ms, *(volume.at_ms for volume in answers)]),
        is_stale=answer.is_stale or any(volume.is_stale for volume in answers),
        error="; ".join(reasons) or None,
    )


def choose(contracts: Sequence[Contract], own: Own) -> list[Contract]:
    """Of each market the instruments that were named, else the perpetual that is traded most."""
    named = dict(own.instruments)
    chosen: list[Contract] = []
    for market in own.markets:
        listed = [contract for contract in contracts if contract.venue == market]
        if market in named:
            for name in named[market]:
                chosen += [contract for contract in listed if is_named(contract, name) and contract not in chosen]
        elif (main := pairs.main(own.coin, listed)) is not None:
            chosen.append(main)
    return chosen


def row(
    contract: Contract, volume_2h: float | None, coin: str, info: CoinInfo | None, logo: str | None
) -> dict[str, Any]:
    """One contract; open interest and volume in US dollars, the rate a fraction per the venue's own interval."""
    return {
        "coin_icon": None if info is None else info.image,
        "coin_symbol": coin,
        "coin_name": None if info is None else info.name,
        "exchange": exchanges.label(contract.venue, contract.provider),
        "pair": pair_of(contract.symbol, contract.pair),
        "last_price": contract.last,
        "funding_rate": contract.funding_rate,
        "open_interest": contract.oi_usd,
        "volume_2h": volume_2h,
        "exchange_logo": logo,
    }


def envelope(selection: Selection, data: Data, params: Params[Own], frame: Frame) -> dict[str, Any]:
    """The frame as printed in the document."""
    del data
    return {
        "headers": HEADERS,
        "rows": results(selection),
        "adaptive_interval": frame.interval,
        "timestamp": frame.timestamp,
        "query_params": echo(params, "ticker", "markets", "instrument_map"),
    }


def moved(sources: Sources, own: Own) -> int:
    """When this coin last moved in our streams."""
    return sources.views.futures.version_of(frozenset((own.coin,)))


async def _volume_2h(sources: Sources, contract: Contract, now_ms: int) -> Answer[float | None]:
    """US dollars; without an answer None, and why."""
    unknown: Answer[float | None] = Answer(None, now_ms, error="not answered yet")
    try:
        return await soon(sources.market.volume_2h(contract.venue, contract.pair), unknown, VOLUME_PATIENCE_S)
    except (Unavailable, UnknownContract) as exc:
        return Answer(None, now_ms, error=str(exc))


SPEC = Spec(
    path=PATH,
    about="one coin's main perpetuals on several exchanges side by side",
    example='ticker=BTC&markets=binance,bybit,bitmex&filters={"exchange":"Binance"}&sort_by=funding_rate&sort_order=desc'
    "&page=1&page_size=10",
    own=frozenset({"ticker", "markets", "instrument_map"}),
    read=read,
    load=load,
    envelope=envelope,
    moved=moved,
)
