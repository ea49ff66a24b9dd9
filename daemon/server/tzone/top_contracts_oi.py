"""The futures contracts with the most open interest (spec/000, `top-contracts-oi`)."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from daemon.server.parameters import a_text, a_whole_number
from daemon.server.query import Query
from daemon.server.rows import Kept, Row
from daemon.server.sources import Sources
from daemon.server.table import Selection, Table
from daemon.server.tzone.contract_comparison import read_instruments
from daemon.server.tzone.endpoint import Data, Frame, Params, Spec, check_markets, headers, results
from daemon.server.tzone.live import newest
from daemon.server.tzone.markets import is_named, pair_of, read_markets
from daemon.server.tzone.pictures import coins, logos
from daemon.upstream import exchanges
from daemon.upstream.records import Contract
from rules.instruments import coin_of

PATH = "/tzone_apis/services/futures/ws/top-contracts-oi"
HEADERS = headers(
    ("rank", "Rank"),
    ("pair", "Pair"),
    ("base_logo", "base_logo"),
    ("quote_logo", "quote_logo"),
    ("exchange", "Exchange"),
    ("exchange_logo", "Logo"),
    ("open_interest", "Open Interest"),
    ("price", "Price"),
    ("volume_24h", "24h Volume"),
)
FIELDS = (
    "rank", "pair", "base_logo", "quote_logo", "exchange", "exchange_logo", "open_interest", "price", "volume_24h",
)  # fmt: skip
CONTRACTS, MOST_CONTRACTS = 50, 1_000


class Own(msgspec.Struct, frozen=True):
    """Its own parameters."""

    markets: tuple[str, ...]  # none: all that the market knows
    instruments: tuple[tuple[str, tuple[str, ...]], ...]  # by market, and no others of it
    limit: int
    only: tuple[str, ...]  # exchanges left by `exchange_filter`; none: all

    def asked(self, sources: Sources) -> tuple[str, ...]:
        """The exchanges that are asked for their contracts."""
        markets = self.markets or sources.market.venues
        return tuple(dict.fromkeys((*markets, *(market for market, _ in self.instruments))))


def read(given: Mapping[str, object]) -> Own:
    """`category` was for another provider: it is read and says nothing."""
    a_text("category", given.get("category", ""))
    return Own(
        markets=read_markets("coindesk_markets", given.get("coindesk_markets"), ()),
        instruments=read_instruments("coindesk_instruments", given.get("coindesk_instruments")),
        limit=a_whole_number("coindesk_limit", given.get("coindesk_limit", CONTRACTS), least=1, most=MOST_CONTRACTS),
        only=read_markets("exchange_filter", given.get("exchange_filter"), ()),
    )


def check(sources: Sources, own: Own) -> None:
    """Exchanges that nobody answers for are refused by name."""
    check_markets(sources, own.markets, "coindesk_markets")
    check_markets(sources, (market for market, _ in own.instruments), "coindesk_instruments")
    check_markets(sources, own.only, "exchange_filter")


async def load(sources: Sources, own: Own, now_ms: int, kept: Kept) -> Data:
    """The largest, ranked by open interest as it is now."""
    asked = own.asked(sources)
    answer = await sources.market.contracts_of([market for market in asked if not own.only or market in own.only])
    top = largest((newest(sources, contract) for contract in answer.value if _is_asked(contract, own)), own.limit)
    pictures = await logos(sources, [contract.venue for contract in top])
    known = await coins(sources, {coin for contract in top for coin in _coins(contract)})
    rows: list[Row] = []
    for rank, contract in enumerate(top, start=1):
        base, quote = (known.get(coin) for coin in _coins(contract))
        fields = row(
            contract,
            rank,
            base_logo=None if base is None else base.image,
            quote_logo=None if quote is None else quote.image,
            exchange_logo=pictures[contract.venue],
        )
        rows.append(kept.row((contract.venue, contract.pair), fields, {"pair": (contract.pair, contract.symbol)}))
    is_coindesk = sources.market.provider == "CoinDesk"
    answered = dict.fromkeys(contract.venue for contract in answer.value)
    extra = {
        "exchange_filter": [exchanges.title(market) for market in own.only or asked],
        "data_sources": ["CoinDesk"] if is_coindesk else [exchanges.title(venue) for venue in answered],
        "coindesk_markets": asked,
    }
    return Data(
        Table(rows, time_field=None, fields=FIELDS),
        answer.at_ms,
        extra,
        tuple(answered),
        is_stale=answer.is_stale,
        error=answer.error,
    )


def largest(contracts: Iterable[Contract], limit: int) -> list[Contract]:
    """The contracts with the most open interest in US dollars, each once; those that nobody can count are left out."""
    counted = {(contract.venue, contract.pair): contract for contract in contracts if contract.oi_usd is not None}
    return sorted(counted.values(), key=lambda contract: (-(contract.oi_usd or 0.0), contract.venue, contract.pair))[
        :limit
    ]


def row(
    contract: Contract, rank: int, *, base_logo: str | None, quote_logo: str | None, exchange_logo: str | None
) -> dict[str, Any]:
    """One contract; open interest and volume in US dollars."""
    return {
        "rank": rank,
        "pair": pair_of(contract.symbol, contract.pair),
        "base_logo": base_logo,
        "quote_logo": quote_logo,
        "exchange": exchanges.title(contract.venue),
        "exchange_logo": exchange_logo,
        "open_interest": contract.oi_usd,
        "price": contract.mark if contract.last is None else contract.last,
        "volume_24h": contract.volume_24h_usd,
    }


def envelope(selection: Selection, data: Data, params: Params[Own], frame: Frame) -> dict[str, Any]:
    """The frame as printed in the document."""
    return {
        "headers": HEADERS,
        "rows": results(selection),
        "controls": {
            "exchange_filter": data.extra["exchange_filter"],
            "sort_by": params.query.sort_by,
            "sort_order": params.query.sort_order,
        },
        "data_sources": data.extra["data_sources"],
        "coindesk_markets": data.extra["coindesk_markets"],
        "adaptive_interval": frame.interval,
        "timestamp": frame.timestamp,
    }


def moved(sources: Sources, own: Own) -> int:
    """When a coin that we stream last moved."""
    del own
    return sources.views.futures.version_of(sources.live) if sources.live else 0


def _is_asked(contract: Contract, own: Own) -> bool:
    for market, names in own.instruments:
        if market == contract.venue:
            return any(is_named(contract, name) for name in names)
    return True


def _coins(contract: Contract) -> tuple[str, str]:
    """Base and quote."""
    return coin_of(contract.symbol), contract.symbol.split("-")[1]


SPEC = Spec(
    path=PATH,
    about="the futures contracts with the most open interest",
    example='coindesk_markets=binance,bybit,bitmex&sort_by=open_interest&sort_order=desc&filters={"exchange":"Binance"}'
    "&page=1&page_size=20",
    own=frozenset({"category", "coindesk_markets", "coindesk_instruments", "coindesk_limit", "exchange_filter"}),
    read=read,
    load=load,
    envelope=envelope,
    moved=moved,
    check=check,
    defaults=Query(sort_by="open_interest", sort_order="desc"),
)
