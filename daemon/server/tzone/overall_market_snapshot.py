"""The value of all coins and the shares of Bitcoin and Ether as three cards (spec/001, `overall-market-snapshot`)."""

from collections.abc import Mapping

import msgspec

from daemon.server.rows import Kept, Row
from daemon.server.sources import Sources
from daemon.server.table import Table
from daemon.server.tzone import pictures
from daemon.server.tzone.cards import cards, in_dollars, in_percent
from daemon.server.tzone.endpoint import Data, Spec
from daemon.server.tzone.parts import Parts
from daemon.upstream.records import CoinInfo, GlobalMarket

PATH = "/tzone_apis/services/stablecoins/overall-market-snapshot"
FIELDS = ("title", "value", "logo", "symbol")


class Own(msgspec.Struct, frozen=True):
    """It has no parameters of its own."""


def read(given: Mapping[str, object]) -> Own:
    """Nothing to read."""
    del given
    return Own()


async def load(sources: Sources, own: Own, now_ms: int, kept: Kept) -> Data:
    """One answer about the whole market; pictures come when they are known."""
    del own
    parts = Parts(now_ms)
    market = parts.take(await sources.market.global_market())
    coins = await pictures.coins(sources, ("BTC", "ETH"))
    return parts.data(Table(rows(market, coins, kept), time_field=None, fields=FIELDS))


def rows(market: GlobalMarket, coins: Mapping[str, CoinInfo], kept: Kept) -> list[Row]:
    """Sorting by `value` goes by the numbers behind the texts: dollars for the first card, percents for the others."""
    total: dict[str, object] = {"title": "Total Crypto Market Cap", "value": in_dollars(market.total_usd)}
    found = [kept.row("total", total, {"value": market.total_usd})]
    for symbol, percent in (("BTC", market.btc_percent), ("ETH", market.eth_percent)):
        coin = coins.get(symbol)
        card: dict[str, object] = {
            "title": f"{symbol} Dominance",
            "value": in_percent(percent),
            "logo": None if coin is None else coin.image,
            "symbol": symbol,
        }
        found.append(kept.row(symbol, card, {"value": percent}))
    return found


SPEC = Spec(
    path=PATH,
    about="the value of all coins together, and the shares of Bitcoin and Ether",
    example='filters={"symbol":"BTC"}&sort_by=value&sort_order=desc&page=1&page_size=10',
    own=frozenset(),
    read=read,
    load=load,
    envelope=cards,
)
