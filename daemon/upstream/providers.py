"""Who answers which of the market's questions, with the keys and addresses we have."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from pydantic import SecretStr

from daemon.clock import Clock
from daemon.supervisor import Refused
from daemon.upstream import alternative_me, binance, bybit, coingecko, defillama, deribit, hyperliquid, okx
from daemon.upstream.coindesk import CoinDesk
from daemon.upstream.coindesk_desk import CoinDeskDesk
from daemon.upstream.desks import BinanceDesk, ExchangeDesk, SnapshotDesk
from daemon.upstream.http import Http
from daemon.upstream.market_config import MarketConfig
from daemon.upstream.ports import Coins, Desk, Mood, Options, Stablecoins
from daemon.upstream.records import Provider
from daemon.wire import coindesk as coindesk_wire


@dataclass(frozen=True)
class Providers:
    """All upstreams of the market."""

    desks: Mapping[str, Desk]
    provider: Provider
    coins: Coins
    stablecoins: Stablecoins
    mood: Mood
    options: Options


def build(http: Http, config: MarketConfig, clock: Clock) -> Providers:
    """Exchanges by CoinDesk when it has a key, else by themselves. Options are Deribit's own: CoinDesk has none."""
    deribit_client = deribit.Deribit(_way(http, config, "deribit"), config.url("deribit", deribit.LIVE), clock=clock)
    key = SecretStr(config.coingecko_key) if config.coingecko_key else None
    return Providers(
        desks=_coindesk(http, config, clock)
        if config.coindesk_key
        else _exchanges(http, config, deribit_client, clock),
        provider="CoinDesk" if config.coindesk_key else "venue",
        coins=coingecko.CoinGecko(
            _way(http, config, "coingecko"), config.url("coingecko", coingecko.LIVE), key, clock=clock
        ),
        stablecoins=defillama.DefiLlama(_way(http, config, "defillama"), config.url("defillama", defillama.LIVE)),
        mood=alternative_me.AlternativeMe(
            _way(http, config, "alternative_me"), config.url("alternative_me", alternative_me.LIVE)
        ),
        options=deribit_client,
    )


def _coindesk(http: Http, config: MarketConfig, clock: Clock) -> dict[str, Desk]:
    url = config.url("coindesk", coindesk_wire.REST_URL)
    client = CoinDesk(http, key=config.coindesk_key, rest_url=url, clock=clock)
    return {venue: CoinDeskDesk(client, venue, clock=clock) for venue in coindesk_wire.EXCHANGES}


def _exchanges(http: Http, config: MarketConfig, of_deribit: deribit.Deribit, clock: Clock) -> dict[str, Desk]:
    of_binance = binance.Binance(_way(http, config, "binance"), config.url("binance", binance.LIVE), clock=clock)
    of_hyperliquid = hyperliquid.Hyperliquid(
        _way(http, config, "hyperliquid"), config.url("hyperliquid", hyperliquid.LIVE), clock=clock
    )
    return {
        "binance": BinanceDesk(of_binance, clock=clock),
        "bybit": ExchangeDesk(bybit.Bybit(_way(http, config, "bybit"), config.url("bybit", bybit.LIVE), clock=clock)),
        "okx": ExchangeDesk(okx.Okx(_way(http, config, "okx"), config.url("okx", okx.LIVE), clock=clock)),
        "deribit": SnapshotDesk(of_deribit),
        "hyperliquid": SnapshotDesk(of_hyperliquid),
    }


class _NoWay:
    """In place of the way out to an upstream that the configuration does not name."""

    def __init__(self, upstream: str) -> None:
        self._upstream = upstream

    def client(self, *where: object, **how: object) -> "_NoWay":
        return self

    async def get(self, *what: object, **how: object) -> bytes:
        raise Refused(f"{self._upstream} is not among the sources of the configuration")

    post = get


def _way(http: Http, config: MarketConfig, upstream: str) -> Http:
    return http if config.asks(upstream) else cast(Http, _NoWay(upstream))
