"""What is traded in the box: coins, and their contracts on each venue."""

import msgspec

EXCHANGES = ("binance", "bybit", "okx")
QUOTERS = ("defillama", "coingecko")
VENDOR = "datamaxi"  # repeats the exchanges' funding
ELSEWHERE = ("deribit", "hyperliquid", "gate", "htx", "bitget")  # trade the same market, each in its own way
ASKED = ("alternative_me",)  # answer questions and stream nothing
PRIVATE = ("coinlocally",)  # says nothing of the market
FEEDS = (*EXCHANGES, VENDOR, *QUOTERS, *ELSEWHERE, *ASKED, *PRIVATE)
_LEANS = {"binance": -5e-5, "okx": 5e-5}  # venues never agree to the cent


class Coin(msgspec.Struct, frozen=True):
    """A coin as the world begins: its price in USD, decimals of a tick, and open interest over all venues."""

    name: str
    price: float
    decimals: int
    oi_usd: float
    step: float  # the smallest quantity on Binance and Bybit
    title: str
    gecko_id: str
    supply: float  # coins in circulation
    interval_h: dict[str, int] = {}  # venues that do not settle every 8 hours
    okx_contract: float = 1.0  # base coins in one OKX contract (ctVal), which is the unit of its liquidations


class Listing(msgspec.Struct, frozen=True):
    """One perpetual of one venue. `multiplier` is 1000 where the venue trades bundles (1000PEPE)."""

    venue: str
    symbol: str
    coin: str
    interval_h: int
    multiplier: int
    decimals: int
    step: float  # the smallest quantity, in what the symbol calls a base coin; dollars if inverse
    oi_share: float

    @property
    def is_inverse(self) -> bool:
        """Counted in dollars and settled in the coin."""
        return self.symbol.endswith("-USD-PERP")

    def shown(self, price: float) -> float:
        """The price of the coin as this venue shows it."""
        return round(price * self.multiplier * (1 + _LEANS.get(self.venue, 0.0)), self.decimals)


COINS = (
    Coin("BTC", 85_300.0, 1, 22e9, 0.001, "Bitcoin", "bitcoin", 19.95e6, okx_contract=0.01),
    Coin("ETH", 2_910.0, 2, 13e9, 0.001, "Ethereum", "ethereum", 120.7e6, okx_contract=0.1),
    Coin("SOL", 142.0, 2, 4e9, 0.01, "Solana", "solana", 556e6, {"binance": 4, "bybit": 4}),
    Coin("XRP", 2.1, 4, 2.4e9, 0.1, "XRP", "ripple", 60e9, okx_contract=100.0),
    Coin("DOGE", 0.162, 5, 1.3e9, 1.0, "Dogecoin", "dogecoin", 152e9, {"bybit": 4}, okx_contract=1000.0),
    Coin("BNB", 882.0, 2, 1.1e9, 0.01, "BNB", "binancecoin", 137.7e6, okx_contract=0.01),
    Coin("ADA", 0.452, 4, 6e8, 1.0, "Cardano", "cardano", 36e9, okx_contract=100.0),
    Coin("AVAX", 14.6, 3, 4e8, 0.1, "Avalanche", "avalanche-2", 430e6, {"binance": 4, "okx": 4}),
    Coin("LINK", 13.2, 3, 5e8, 0.1, "Chainlink", "chainlink", 697e6),
    Coin("SUI", 1.62, 4, 7e8, 0.1, "Sui", "sui", 3.7e9, {"binance": 4, "bybit": 1, "okx": 4}),
    Coin("LTC", 88.5, 2, 3e8, 0.01, "Litecoin", "litecoin", 76.6e6),
    Coin(
        "PEPE",
        0.00000481,
        10,
        5e8,
        1.0,
        "Pepe",
        "pepe",
        420.69e12,
        {"binance": 1, "bybit": 4, "okx": 8},
        okx_contract=10_000_000.0,
    ),
)

_BUNDLED = {"binance": {"PEPE": 1000}, "bybit": {"PEPE": 1000}}
SHARES = {"binance": 0.5, "bybit": 0.3, "okx": 0.2}


def _listing(venue: str, coin: Coin) -> Listing:
    multiplier = _BUNDLED.get(venue, {}).get(coin.name, 1)
    return Listing(
        venue=venue,
        symbol=f"{multiplier if multiplier > 1 else ''}{coin.name}-USDT-PERP",
        coin=coin.name,
        interval_h=coin.interval_h.get(venue, 8),
        multiplier=multiplier,
        decimals=max(coin.decimals - (3 if multiplier > 1 else 0), 0),
        step=coin.okx_contract if venue == "okx" else coin.step,
        oi_share=SHARES[venue],
    )


LISTINGS: tuple[Listing, ...] = tuple(_listing(venue, coin) for venue in EXCHANGES for coin in COINS)

INVERSE: tuple[Listing, ...] = tuple(
    Listing(venue, f"{coin.name}-USD-PERP", coin.name, 8, 1, coin.decimals, step, SHARES[venue] * share)
    for venue, name, step, share in (
        ("bybit", "BTC", 1.0, 0.2), ("bybit", "ETH", 1.0, 0.2), ("bybit", "SOL", 1.0, 0.1), ("okx", "BTC", 100.0, 0.25),
    )
    for coin in COINS
    if coin.name == name
)  # fmt: skip
"""Perpetuals that count dollars. They are listed and answer questions; nothing streams them."""
