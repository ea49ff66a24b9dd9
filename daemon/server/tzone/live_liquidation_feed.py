"""Liquidations as they happen, newest first (spec/000, `live-liquidation-feed`)."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from daemon.server.parameters import a_whole_number
from daemon.server.rows import Kept, Row
from daemon.server.sources import Sources
from daemon.server.table import Selection, Table
from daemon.server.tzone.endpoint import Data, Frame, Params, Spec, check_markets, echo, results
from daemon.server.tzone.markets import pair_of, read_markets, read_names
from daemon.server.tzone.pictures import AT_ONCE_S, coins, logos
from daemon.upstream import exchanges
from daemon.upstream.records import CoinInfo
from daemon.views.liquidations import KEPT
from rules.events import Liquidation
from rules.instruments import coin_of

PATH = "/tzone_apis/services/futures/ws/live-liquidation-feed"
FIELDS = (
    "timestamp", "datetime", "exchange", "exchange_logo", "pair", "side", "price", "quantity", "coin_icon",
    "coin_symbol", "coin_name",
)  # fmt: skip
SIZE, MOST = 100, 200
MOST_WRITTEN = 1_000_000  # a larger number than MOST counts as MOST, but it must be one


class Own(msgspec.Struct, frozen=True):
    """Its own parameters."""

    assets: tuple[str, ...]  # BTC or BTCUSDT; none: all
    markets: tuple[str, ...]  # none: all
    size: int


def read(given: Mapping[str, object]) -> Own:
    """More than 200 liquidations are 200."""
    size = a_whole_number("max_size", given.get("max_size", SIZE), least=1, most=MOST_WRITTEN)
    return Own(
        assets=read_names("asset_filter", given.get("asset_filter")),
        markets=read_markets("exchange_filter", given.get("exchange_filter"), ()),
        size=min(size, MOST),
    )


def check(sources: Sources, own: Own) -> None:
    """Exchanges that nobody answers for are refused by name."""
    check_markets(sources, own.markets, "exchange_filter")


async def load(sources: Sources, own: Own, now_ms: int, kept: Kept) -> Data:
    """The newest that are asked for, out of what we heard ourselves. Pictures come when they are there."""
    found: list[Liquidation] = []
    for event in sources.views.liquidations.latest(KEPT):
        if is_asked(event, own):
            found.append(event)
            if len(found) == own.size:
                break
    known = await coins(sources, {coin_of(event.symbol) for event in found}, AT_ONCE_S)
    pictures = await logos(sources, [event.venue for event in found], AT_ONCE_S)
    rows: list[Row] = []
    for event in found:
        fields = row(event, known.get(coin_of(event.symbol)), pictures[event.venue])
        rows.append(kept.row(event.once_key, fields, {"pair": (event.symbol,)}))
    return Data(Table(rows, fields=FIELDS), now_ms)


def is_asked(event: Liquidation, own: Own) -> bool:
    """BTC means everything of that coin, BTCUSDT that pair."""
    if own.markets and event.venue not in own.markets:
        return False
    names = (coin_of(event.symbol), pair_of(event.symbol, event.symbol), event.symbol)
    return not own.assets or any(name in own.assets for name in names)


def row(event: Liquidation, info: CoinInfo | None, logo: str | None) -> dict[str, Any]:
    """One liquidation: the side of the position that was closed, its size in base coins."""
    return {
        "timestamp": event.at_ms,
        "datetime": datetime.fromtimestamp(event.at_ms / 1_000, UTC).isoformat(timespec="microseconds"),
        "exchange": exchanges.title(event.venue),
        "exchange_logo": logo,
        "pair": pair_of(event.symbol, event.symbol),
        "side": event.side.capitalize(),
        "price": event.price,
        "quantity": event.quantity,
        "coin_icon": None if info is None else info.image,
        "coin_symbol": coin_of(event.symbol),
        "coin_name": None if info is None else info.name,
    }


def envelope(selection: Selection, data: Data, params: Params[Own], frame: Frame) -> dict[str, Any]:
    """The frame as printed in the document."""
    del data
    own = params.own
    return {
        "feed": results(selection),
        "controls": {"asset_filter": own.assets, "exchange_filter": own.markets, "max_size": own.size},
        "adaptive_interval": frame.interval,
        "timestamp": frame.timestamp,
        "query_params": {**echo(params, "asset_filter", "exchange_filter"), "max_size": own.size},
    }


def moved(sources: Sources, own: Own) -> int:
    """Every liquidation counts."""
    del own
    return sources.views.liquidations.version


SPEC = Spec(
    path=PATH,
    about="liquidations as they happen",
    example='asset_filter=BTCUSDT,ETHUSDT&exchange_filter=binance,bybit&max_size=50&filters={"exchange":"Binance"}'
    "&sort_by=timestamp&sort_order=desc&page=1&page_size=20",
    own=frozenset({"asset_filter", "exchange_filter", "max_size"}),
    read=read,
    load=load,
    envelope=envelope,
    moved=moved,
    is_stream=True,
    check=check,
)
