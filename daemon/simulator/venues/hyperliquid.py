"""Hyperliquid in the box: one question, and every perpetual in the answer."""

from aiohttp import web

from daemon.simulator import noise
from daemon.simulator.listings import COINS, Coin
from daemon.simulator.venues.asked import Asked, said
from daemon.wire import hyperliquid as wire
from daemon.wire.control import Unreadable

_SHARE = 0.18  # of the open interest of the exchanges that stream
_BUNDLED = ("PEPE",)  # a thousand of them are one, with a k before the name


class Hyperliquid(Asked):
    """Funding is paid every hour; nothing is remembered."""

    name = "hyperliquid"
    throttled = "null"

    def routes(self) -> list[web.RouteDef]:
        return [web.post(wire.INFO, self._info)]

    async def _info(self, request: web.Request) -> web.Response:
        try:
            question = wire.decode_question(await request.read())
        except Unreadable:
            question = ""
        if question != wire.QUESTION["type"]:
            return web.Response(status=422, text="Failed to deserialize the JSON body into the target type")
        return said(wire.encode_contexts([self._context(coin) for coin in COINS]))

    def _context(self, coin: Coin) -> wire.Context:
        many = 1_000 if coin.name in _BUNDLED else 1
        price = round(self.world.price(coin.name) * many, 9)
        rate = self.world.rate_8h(coin.name) / 8
        moved = 1 + noise.walk(noise.key(self.world.seed, self.name, coin.name), self.clock(), 0.02)
        interest = coin.oi_usd * _SHARE * moved / (coin.price * many)
        return wire.Context(
            coin=f"k{coin.name}" if many > 1 else coin.name,
            funding=round(rate, 10),
            interest=round(interest, 4),
            mark=price,
            oracle=round(price * (1 - rate * 8 / 3), 9),
            volume_usd=round(interest * price * 2.4, 2),
            volume_base=round(interest * 2.4, 4),
            mid=round(price * (1 + 2e-5), 9),
        )
