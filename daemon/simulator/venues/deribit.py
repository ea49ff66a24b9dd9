"""Deribit in the box: futures and options of a currency in one answer each."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from aiohttp import web

from daemon.simulator import noise
from daemon.simulator.listings import COINS, Coin
from daemon.simulator.venues.asked import Asked, said
from daemon.wire import deribit as wire

_INVERSE = ("BTC", "ETH")
_LINEAR = ("BTC", "ETH", "SOL", "XRP")  # settled in USDC
_WEEKS = (1, 2, 5, 13)  # to the Friday on which options expire
_STRIKES = (0.6, 0.7, 0.8, 0.9, 0.95, 1.0, 1.05, 1.1, 1.2, 1.35, 1.5)  # of the price at which the world began
_A_WEEK = 0.0015  # what a future costs more for each week it has to run
_COINS = {coin.name: coin for coin in COINS}
_STEPS = {"BTC": 1_000, "ETH": 50}  # between strikes


class Deribit(Asked):
    """Inverse contracts count dollars, linear ones and options coins."""

    name = "deribit"
    rest_path = "/api/v2"
    throttled = '{"jsonrpc":"2.0","error":{"code":10028,"message":"too_many_requests"}}'

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get(self.rest_path + wire.BOOK_SUMMARY, self._summaries),
            web.get(self.rest_path + wire.TICKER, self._ticker),
        ]

    async def _summaries(self, request: web.Request) -> web.Response:
        currency, kind = request.query.get("currency", ""), request.query.get("kind", "future")
        if currency not in (*_INVERSE, "USDC") or kind not in ("future", "option"):
            return said(wire.encode_error(-32602, "Invalid params"), 400)
        return said(
            wire.encode_summaries(list(self._options(currency) if kind == "option" else self._futures(currency)))
        )

    async def _ticker(self, request: web.Request) -> web.Response:
        for currency in (*_INVERSE, "USDC"):
            for row in self._futures(currency):
                if row.instrument == request.query.get("instrument_name"):
                    return said(wire.encode_ticker(row))
        return said(wire.encode_error(13_020, "instrument_not_found"), 400)

    def _futures(self, currency: str) -> Iterator[wire.Summary]:
        if currency == "USDC":
            for name in _LINEAR:
                yield self._future(_COINS[name], f"{name}_USDC-PERPETUAL", 0, 0.04)
            return
        yield self._future(_COINS[currency], f"{currency}-PERPETUAL", 0, 0.05)
        for weeks in _WEEKS[2:]:
            yield self._future(_COINS[currency], f"{currency}-{self._friday(weeks)}", weeks, 0.02)

    def _future(self, coin: Coin, name: str, weeks: int, share: float) -> wire.Summary:
        index = round(self.world.price(coin.name), coin.decimals)
        mark = round(index * (1 + _A_WEEK * weeks), coin.decimals)
        dollars = coin.oi_usd * share * self._moved(name)
        volume = dollars * 1.3
        return wire.Summary(
            instrument=name,
            last=mark,
            mark=mark,
            index=index,
            interest=round(dollars / index, 4) if "_" in name else round(dollars / 10) * 10.0,
            volume_base=round(volume / index, 4),
            volume_usd=round(volume, 2),
            funding_8h=None if weeks else round(self.world.rate_8h(coin.name), 8),
            at_ms=self.clock(),
        )

    def _options(self, currency: str) -> Iterator[wire.Summary]:
        if currency not in _INVERSE:
            return
        coin, index = _COINS[currency], self.world.price(currency)
        for weeks in _WEEKS:
            underlying = round(index * (1 + _A_WEEK * weeks), coin.decimals)
            for share in _STRIKES:
                strike = round(coin.price * share / _STEPS[currency]) * _STEPS[currency]
                for side in ("C", "P"):
                    yield self._option(
                        f"{currency}-{self._friday(weeks)}-{strike}-{side}", coin, strike, underlying, weeks
                    )

    def _option(self, name: str, coin: Coin, strike: int, underlying: float, weeks: int) -> wire.Summary:
        worth = max(0.0, underlying - strike if name.endswith("C") else strike - underlying)
        mark = round((worth + underlying * 0.02 * weeks**0.5) / underlying, 4)
        base = coin.oi_usd / coin.price * 0.012 * noise.unit(noise.key(self.world.seed, name), 0) * self._moved(name)
        volume = round(base * 0.1, 1)
        return wire.Summary(
            instrument=name,
            last=mark,
            mark=mark,
            index=round(self.world.price(coin.name), coin.decimals),
            underlying=underlying,
            interest=round(base, 1),
            volume_base=volume,
            volume_usd=round(volume * mark * underlying, 2),
            at_ms=self.clock(),
        )

    def _moved(self, name: str) -> float:
        return 1 + noise.walk(noise.key(self.world.seed, self.name, name), self.clock(), 0.015)

    def _friday(self, weeks: int) -> str:
        """27NOV26: the Friday of so many weeks from now, at 08:00 UTC."""
        now = datetime.fromtimestamp(self.clock() / 1_000, UTC)
        to_friday = (4 - now.weekday()) % 7 or (7 if now.hour >= 8 else 0)
        day = (now + timedelta(days=to_friday + 7 * (weeks - 1))).date()
        return f"{day.day}{day:%b%y}".upper()
