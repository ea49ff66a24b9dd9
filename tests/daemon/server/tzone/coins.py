"""A small market of stablecoins, made up so that its numbers can be checked by hand."""

from daemon.upstream.records import ChainSupply, CoinInfo, Stablecoin

TETHER = Stablecoin(
    id="1",
    name="Tether",
    symbol="USDT",
    gecko_id="tether",
    peg_type="peggedUSD",
    price=0.98,
    circulating_usd=80e9,
    circulating_prev_day_usd=79e9,
    chains={
        "Ethereum": ChainSupply(50e9, 40e9),
        "Tron": ChainSupply(30e9, 40e9),
        "Aptos": ChainSupply(1e9, 1e9),
        "BSC": ChainSupply(None, None),
    },
)
USD_COIN = Stablecoin(
    id="2",
    name="USD Coin",
    symbol="USDC",
    gecko_id="usd-coin",
    peg_type="peggedUSD",
    price=1.0,
    circulating_usd=40e9,
    chains={"Solana": ChainSupply(9e9, None), "Ethereum": ChainSupply(31e9, 31e9)},
)
EURO_COIN = Stablecoin(
    id="50",
    name="Euro Coin",
    symbol="EURC",
    gecko_id="euro-coin",
    peg_type="peggedEUR",
    price=1.2,
    circulating_usd=250e6,
    chains={"Solana": ChainSupply(250e6, 200e6)},
)
EARNING = Stablecoin(
    id="60",
    name="Earning Dollar",
    symbol="EUSD",
    peg_type="peggedUSD",
    price=1.3,
    circulating_usd=100e6,
    is_yield_bearing=True,
)
DEAD = Stablecoin(
    id="3", name="TerraUSD", symbol="UST", gecko_id="terrausd", peg_type="peggedUSD", price=0.01, is_gone=True
)
COINS = [TETHER, USD_COIN, EURO_COIN, EARNING, DEAD]


def picture(
    id: str,
    symbol: str,
    price: float | None = 1.0,
    change: float | None = 0.01,
    *,
    currency: str = "usd",
    cap: float = 1e9,
) -> CoinInfo:
    """What CoinGecko says of a coin."""
    return CoinInfo(
        id=id,
        symbol=symbol,
        name=id.title(),
        image=f"https://x/{id}.png",
        price=price,
        change_24h_percent=change,
        market_cap=cap,
        vs_currency=currency,
    )
