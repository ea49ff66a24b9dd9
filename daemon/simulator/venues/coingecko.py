"""CoinGecko in the box: coins with their pictures, their prices of the past, and the market as a whole."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from xml.sax.saxutils import escape

import msgspec
from aiohttp import web

from daemon.clock import Clock
from daemon.simulator import noise
from daemon.simulator.coins import DAY_MS, Coins, Worth
from daemon.simulator.listings import COINS
from daemon.simulator.queries import count
from daemon.simulator.venue import DEMO_KEY
from daemon.simulator.venues.asked import Asked, said
from daemon.simulator.world import World
from daemon.wire import coingecko, coingecko_market
from rules.events import Event

_LONGEST_DAYS = 365
_OTHERS_USD = 310e9  # what all coins that are not in the box are worth together
_EXCHANGES = {  # id -> name, our symbol for the picture, share of open interest
    "binance_futures": ("Binance (Futures)", "binance", 0.5),
    "bybit": ("Bybit (Futures)", "bybit", 0.3),
    "okex_swap": ("OKX (Futures)", "okx", 0.2),
    "deribit": ("Deribit", "deribit", 0.05),
    "hyperliquid": ("Hyperliquid (Futures)", "hyperliquid", 0.18),
}
_PICTURE = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><circle cx="16" cy="16" r="16" fill="hsl({hue},60%,42%)"/>'
    '<text x="16" y="21" font-size="11" text-anchor="middle" fill="#fff" font-family="sans-serif">{text}</text></svg>'
)


class CoinGecko(Asked):
    """`budget_per_minute` makes it as stingy as it is without a key (about 5)."""

    name = "coingecko"
    rest_path = "/api/v3"
    every = "3s"  # so often that a depeg of seconds is seen; the real one changes once in minutes
    throttled = "Throttled"  # plain text, not JSON

    def __init__(self, world: World, clock: Clock) -> None:
        super().__init__(world, clock)
        self.budget_per_minute: int | None = None
        self._minute, self._spent = 0, 0
        self._coins = Coins(world)

    def source_config(self, ws_url: str, rest_url: str) -> dict[str, object]:
        # with a key its client allows itself 30 questions a minute, without one 5
        return super().source_config(ws_url, rest_url) | {"key": DEMO_KEY}

    def routes(self) -> list[web.RouteDef]:
        below = self.rest_path
        return [
            web.get(f"{below}/ping", self._ping),
            web.get(below + coingecko_market.GLOBAL, self._global),
            web.get(below + coingecko.MARKETS, self._markets),
            web.get(f"{below}/coins/{{id}}", self._coin),
            web.get(f"{below}/coins/{{id}}/market_chart", self._chart),
            web.get(below + coingecko_market.EXCHANGES, self._exchanges),
            web.get("/images/{name}.svg", self._picture),
        ]

    def note(self, events: Iterable[Event]) -> None:
        events = list(events)
        super().note(events)
        self._coins.note(events)

    async def _ping(self, request: web.Request) -> web.Response:
        return self._over_budget() or web.json_response({"gecko_says": "(V3) To the Moon!"})

    async def _global(self, request: web.Request) -> web.Response:
        if (refusal := self._over_budget()) is not None:
            return refusal
        values = {row.symbol: row.value or 0.0 for row in self._coins.all(self.clock())}
        total = sum(values.values()) + _OTHERS_USD
        largest = sorted(values, key=lambda symbol: -values[symbol])[:10]
        found = coingecko_market.Global(
            market_cap={
                "usd": round(total, 2),
                "eur": round(total * (self._coins.rate("eur", self.clock()) or 0.0), 2),
            },
            percent={symbol: values[symbol] / total * 100 for symbol in largest},
            at_s=self.clock() // 1_000,
        )
        return said(coingecko_market.encode_global(found))

    async def _markets(self, request: web.Request) -> web.Response:
        if (refusal := self._over_budget()) is not None:
            return refusal
        query = request.query
        currency = query.get("vs_currency", "").lower()
        if not currency:
            return web.json_response({"error": "Missing parameter vs_currency"}, status=422)
        rate = self._coins.rate(currency, self.clock())
        if rate is None:
            return web.json_response({"error": "invalid vs_currency"}, status=400)
        rows = self._coins.all(self.clock())
        if query.get("ids"):
            wanted = set(query["ids"].split(","))
            rows = [row for row in rows if row.id in wanted]
        size, page = count(query.get("per_page"), usual=100, most=250), count(query.get("page"), usual=1, most=10_000)
        shown = enumerate(rows[(page - 1) * size : page * size], start=(page - 1) * size + 1)
        return said(msgspec.json.encode([self._market(request, place, row, rate) for place, row in shown]))

    async def _coin(self, request: web.Request) -> web.Response:
        if (refusal := self._over_budget()) is not None:
            return refusal
        row = self._find(request)
        if row is None:
            return _unknown()
        image = _image(request, row.symbol)
        return said(coingecko_market.encode_coin(coingecko_market.Coin(row.id, row.symbol.upper(), row.name, image)))

    async def _chart(self, request: web.Request) -> web.Response:
        if (refusal := self._over_budget()) is not None:
            return refusal
        row, currency = self._find(request), request.query.get("vs_currency", "").lower()
        if row is None:
            return _unknown()
        if self._coins.rate(currency, self.clock()) is None:
            return web.json_response({"error": "invalid vs_currency"}, status=400)
        days = count(request.query.get("days"), usual=_LONGEST_DAYS, most=_LONGEST_DAYS)
        step_ms = 300_000 if days == 1 else 3_600_000 if days <= 90 else DAY_MS
        now_ms = self.clock()
        moments = [*range((now_ms - days * DAY_MS) // step_ms * step_ms + step_ms, now_ms, step_ms), now_ms]
        points = []
        for at_ms in moments:
            price, rate = self._coins.price_at(row.id, at_ms), self._coins.rate(currency, at_ms)
            if price is not None and rate is not None:
                points.append(coingecko_market.Price(at_ms, price * rate))
        return said(coingecko_market.encode_chart(points))

    async def _exchanges(self, request: web.Request) -> web.Response:
        if (refusal := self._over_budget()) is not None:
            return refusal
        total = sum(coin.oi_usd for coin in COINS) / self.world.price("BTC")
        rows = [
            coingecko_market.Exchange(
                name, title, _image(request, ours), round(total * share, 2), round(total * share * 2, 2)
            )
            for name, (title, ours, share) in _EXCHANGES.items()
        ]
        return said(coingecko_market.encode_exchanges(rows))

    async def _picture(self, request: web.Request) -> web.Response:
        """A disc with the first letters: no picture of the box is anybody's logo, or on anybody's host."""
        name = request.match_info["name"][:12]
        text = _PICTURE.format(hue=noise.key(name) % 360, text=escape(name[:4].upper()))
        return web.Response(text=text, content_type="image/svg+xml")

    def _find(self, request: web.Request) -> Worth | None:
        return next((row for row in self._coins.all(self.clock()) if row.id == request.match_info["id"]), None)

    @staticmethod
    def _market(request: web.Request, place: int, row: Worth, rate: float) -> dict[str, Any]:
        return {
            "id": row.id,
            "symbol": row.symbol,
            "name": row.name,
            "image": _image(request, row.symbol),
            "current_price": None if row.price is None else row.price * rate,
            "market_cap": None if row.value is None else row.value * rate,
            "market_cap_rank": place,
            "total_volume": None if row.value is None else row.value * rate * 0.04,
            "price_change_percentage_24h": row.change_24h,
            "circulating_supply": None if row.value is None or not row.price else row.value / row.price,
            "last_updated": f"{datetime.fromtimestamp(row.at_ms / 1_000, UTC):%Y-%m-%dT%H:%M:%S}.{row.at_ms % 1_000:03d}Z",
        }

    def _over_budget(self) -> web.Response | None:
        minute = self.clock() // 60_000
        if minute != self._minute:
            self._minute, self._spent = minute, 0
        self._spent += 1
        if self.budget_per_minute is None or self._spent <= self.budget_per_minute:
            return None
        return web.Response(status=429, text=self.throttled, headers={"Retry-After": "60"})


def _image(request: web.Request, symbol: str) -> str:
    return f"http://{request.host}/coingecko/images/{symbol}.svg"


def _unknown() -> web.Response:
    return web.json_response({"error": "coin not found"}, status=404)
