"""What people may set about each source. Light: `tocsin check` reads it without loading a single socket library."""

from pydantic import SecretStr

from daemon.sources.settings import Every, RestUrl, Settings, StreamUrl
from daemon.wire import binance, bybit, coingecko, datamaxi, defillama, okx


class Binance(Settings):
    """Where Binance is, and how often it is asked for what it does not stream."""

    ws_url: StreamUrl = binance.WS_URL
    rest_url: RestUrl = binance.REST_URL
    open_interest_every: Every = 60_000
    settled_funding_every: Every = 300_000
    intervals_every: Every = 3_600_000


class Bybit(Settings):
    """Where Bybit is, and how often it is asked for funding that was paid."""

    ws_url: StreamUrl = bybit.WS_URL
    rest_url: RestUrl = bybit.REST_URL
    settled_funding_every: Every = 300_000


class Okx(Settings):
    """Where OKX is: its streams, and what the tables ask."""

    ws_url: StreamUrl = okx.WS_URL
    rest_url: RestUrl = okx.REST_URL


class DataMaxi(Settings):
    """Where DataMaxi+ is, the key to it, and the venues whose funding is asked for there."""

    key: SecretStr
    ws_url: StreamUrl = datamaxi.WS_URL
    rest_url: RestUrl = datamaxi.REST_URL
    exchanges: tuple[str, ...] = ("binance", "bybit", "okx")


class DefiLlama(Settings):
    """Where DefiLlama is, and how often it is asked. Its data is rebuilt about once an hour."""

    rest_url: RestUrl = defillama.REST_URL
    every: Every = 300_000


class CoinGecko(Settings):
    """Where CoinGecko is, a key to it if there is one, and how often it is asked."""

    rest_url: RestUrl = coingecko.REST_URL
    key: SecretStr | None = None
    every: Every | None = None  # 1m without a key, 5m with one


class Deribit(Settings):
    """Where Deribit is."""

    rest_url: RestUrl = "https://www.deribit.com/api/v2"


class Hyperliquid(Settings):
    """Where Hyperliquid is."""

    rest_url: RestUrl = "https://api.hyperliquid.xyz"


class AlternativeMe(Settings):
    """Where the Fear and Greed Index is."""

    rest_url: RestUrl = "https://api.alternative.me"


class CoinDesk(Settings):
    """Where CoinDesk Data is, and the key to it: since 2026-05 nothing is answered without one."""

    key: SecretStr
    rest_url: RestUrl = "https://data-api.coindesk.com"


CONFIGS: dict[str, type[Settings]] = {
    "binance": Binance,
    "bybit": Bybit,
    "okx": Okx,
    "datamaxi": DataMaxi,
    "defillama": DefiLlama,
    "coingecko": CoinGecko,
    "deribit": Deribit,
    "hyperliquid": Hyperliquid,
    "alternative_me": AlternativeMe,
    "coindesk": CoinDesk,
}
