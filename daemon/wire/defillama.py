"""DefiLlama stablecoins over REST: a price and a market value for each coin.

Facts: since 2025-12-01 every amount in /stablecoins is already US dollars, so nothing is multiplied by the price; a price
is a number, a text or null; a map of amounts may be empty, which is "no record" and not 0. The answer has no time of its
own and is rebuilt about hourly. Only dollar coins have a target here, and coins that earn interest have none.
"""

from collections.abc import Sequence

import msgspec

from daemon.wire.control import Unreadable
from daemon.wire.numbers import number, positive
from daemon.wire.trouble import brief
from rules.events import Event, StablecoinQuote

VENUE = "defillama"
REST_URL = "https://stablecoins.llama.fi"
STABLECOINS = "/stablecoins"  # ?includePrices=true: no longer read, still documented
DOLLAR_PEG = "peggedUSD"


class _Asset(msgspec.Struct, gc=False, rename="camel"):
    symbol: str
    id: str = ""
    name: str = ""
    gecko_id: str | None = msgspec.field(name="gecko_id", default=None)
    peg_type: str = ""
    price: float | str | None = None
    circulating: dict[str, float | None] | None = None
    yield_bearing: bool | None = None
    delisted: bool | None = None
    dead_from: object = None


class _Answer(msgspec.Struct, gc=False, rename="camel"):
    pegged_assets: list[_Asset]


_answer = msgspec.json.Decoder(_Answer)


def decode_stablecoins(body: bytes, received_ms: int) -> list[StablecoinQuote]:
    """One quote a ticker: the largest coin of that name, since small ones borrow it. Dead and unpriced coins are left out."""
    largest: dict[str, tuple[float, StablecoinQuote]] = {}
    for asset in _read(body).pegged_assets:
        try:
            price = positive(asset.price)
        except ValueError:
            continue
        if price is None or asset.delisted or asset.dead_from:
            continue
        value = _value(asset)
        coin = asset.symbol.strip().upper()
        if coin and (coin not in largest or (value or 0.0) > largest[coin][0]):
            quote = StablecoinQuote(
                venue=VENUE,
                coin=coin,
                price=price,
                target=1.0 if asset.peg_type == DOLLAR_PEG and not asset.yield_bearing else None,
                market_cap_usd=value,
                at_ms=received_ms,
                received_ms=received_ms,
            )
            largest[coin] = value or 0.0, quote
    return [quote for _, quote in largest.values()]


def decode_gecko_ids(body: bytes) -> dict[str, str]:
    """CoinGecko's id of each ticker, of the largest coin of that name."""
    found: dict[str, str] = {}
    for asset in sorted(_read(body).pegged_assets, key=lambda asset: -(_value(asset) or 0.0)):
        if asset.gecko_id:
            found.setdefault(asset.symbol.strip().upper(), asset.gecko_id)
    return found


def _value(asset: _Asset) -> float | None:
    return number((asset.circulating or {}).get(asset.peg_type))


def _read(body: bytes) -> _Answer:
    try:
        return _answer.decode(body)
    except (msgspec.DecodeError, ValueError, RecursionError) as exc:
        raise Unreadable(f"DefiLlama sent an answer that cannot be read: {brief(exc)}") from exc


def encode_stablecoins(events: Sequence[Event]) -> bytes:
    """The answer to /stablecoins, largest first; a coin without a target is written as one that is not pegged to the dollar."""
    quotes = [event for event in events if isinstance(event, StablecoinQuote)]
    quotes.sort(key=lambda quote: -(quote.market_cap_usd or 0.0))
    rows: list[dict[str, object]] = []
    for place, quote in enumerate(quotes, start=1):
        peg = DOLLAR_PEG if quote.target == 1.0 else "peggedVAR"
        amount: dict[str, float] = {} if quote.market_cap_usd is None else {peg: quote.market_cap_usd}
        rows.append(
            {
                "id": str(place),
                "name": quote.coin,
                "symbol": quote.coin,
                "gecko_id": None,
                "pegType": peg,
                "priceSource": "defillama",
                "pegMechanism": "fiat-backed",
                "circulating": amount,
                "circulatingPrevDay": amount,
                "circulatingPrevWeek": amount,
                "circulatingPrevMonth": amount,
                "chainCirculating": {},
                "chains": [],
                "price": quote.price,
            }
        )
    return msgspec.json.encode({"peggedAssets": rows, "chains": []})
