"""A loopback Binance: what it lists and answers, and a feed that asks it."""

from itertools import chain

from daemon.sources import configs
from daemon.sources.base import Feed, Wanted
from daemon.sources.script import Timing
from daemon.sources.streams import binance
from daemon.wire import binance_rest, binance_server
from rules.events import Event, Liquidation, MarkPrice
from rules.selection import Selection
from tests.daemon.sources.loopback import QUICK, House, Rest, Venue

NOW = 1_791_269_856_000
BTC, ETH = "BTC-USDT-PERP", "ETH-USDT-PERP"
ALL = Selection(None)


def mark(symbol: str = BTC, price: float = 85_000.0, at_ms: int = NOW) -> MarkPrice:
    return MarkPrice(venue="binance", symbol=symbol, price=price, index_price=price, at_ms=at_ms, received_ms=at_ms)


def liquidation(price: float = 85_000.0, at_ms: int = NOW) -> Liquidation:
    return Liquidation(
        venue="binance",
        symbol=BTC,
        side="long",
        quantity=2.0,
        price=price,
        price_kind="fill",
        notional_usd=2.0 * price,
        at_ms=at_ms,
        received_ms=at_ms,
    )


def frames(*events: Event) -> list[bytes]:
    return binance_server.encode(events, NOW)


def answer(text: str) -> list[str]:
    return binance_server.acknowledge(binance_server.read_request(text))


def topics(venue: Venue, connection: int = -1) -> list[str]:
    requests = (binance_server.read_request(text) for text in venue.heard[connection])
    return list(chain.from_iterable(request.topics for request in requests))


LISTED = {
    binance_rest.PREMIUM_INDEX: binance_rest.encode_premium_index(
        [mark(), mark(ETH, 4_000.0), mark("DOGE-USDT-PERP", 0.1)]
    ),
    binance_rest.FUNDING_INFO: binance_rest.encode_funding_info({ETH: 4.0}),
}
LIQUIDATIONS = Wanted([(Liquidation, None, ALL)])
MARKS = Wanted([(MarkPrice, "binance", ALL)])


def market(venue: Venue, host: Rest, home: House, timing: Timing = QUICK) -> Feed:
    config = configs.Binance(ws_url=venue.url, rest_url=host.url)
    return binance.build(config, home.context, timing=timing)[0]
