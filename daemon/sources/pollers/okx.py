"""What OKX does not stream: who is long, the security fund, and what an address without instruments lists."""

import asyncio
from collections.abc import Sequence
from functools import partial

from daemon.sources.base import Context, Feed
from daemon.sources.candles import ROWS as CANDLE_ROWS
from daemon.sources.configs import Okx as Config
from daemon.sources.forgiving import Forgiving
from daemon.sources.latest import Latest
from daemon.sources.listing import chosen
from daemon.sources.poller import Ask, Poller
from daemon.sources.sieve import Sieve
from daemon.upstream.limits import Budget
from daemon.wire import okx as wire
from daemon.wire import okx_market as market
from daemon.wire import okx_rest as rest
from daemon.wire.history import Bar
from rules.events import Event, InsuranceFund, LongShortRatio
from rules.instruments import PERPETUAL

BUDGET = Budget(weight=10, per_s=2)  # OKX allows 10 to 40 of each call in 2 s; together we stay below the lowest
SWAP = "SWAP"
LISTED_FOR_S = 60.0  # wishes may change every second; what is listed does not
FAMILIES = ("BTC-USDT", "BTC-USDC", "BTC-USD", "ETH-USD")
"""The security fund is asked for by family: these settle in USDT, USDC, BTC and ETH."""


class Desk:
    """One client for OKX's REST host, and what we have learnt there."""

    def __init__(self, context: Context, rest_url: str) -> None:
        self.context = context
        self._url = rest_url
        self._client = context.http.client(rest_url, budget=BUDGET)
        self._ratios = Forgiving("long/short ratio", wire.VENUE)
        self._funds = Forgiving("security fund", wire.VENUE)
        self._listed: list[str] = []
        self._listed_at: float | None = None

    async def listed(self) -> list[str]:
        """All swaps, as of a minute ago at most."""
        now = asyncio.get_running_loop().time()
        if self._listed_at is None or now - self._listed_at > LISTED_FOR_S:
            body = await self._client.get(self._url + wire.INSTRUMENTS, params={"instType": SWAP})
            self._listed, self._listed_at = wire.named(wire.decode_instruments(body)), now
        return self._listed

    async def account_ratios(self, told: Latest) -> list[Event]:
        """Of every wanted swap, one call each, unless it was told already."""
        found: list[LongShortRatio] = []

        async def ask(symbol: str) -> None:
            name = wire.from_symbol(symbol)
            query: dict[str, str | int] = {"instId": name, "period": rest.RATIO_PERIOD, "limit": 1}
            body = await self._client.get(self._url + rest.ACCOUNT_RATIO, params=query)
            found.extend(rest.decode_account_ratio(body, name, self.context.clock())[-1:])

        wanted = self.context.wanted.selection(LongShortRatio, venue=wire.VENUE)
        symbols = [symbol for symbol in chosen(wanted, await self.listed()) if symbol.endswith(PERPETUAL)]
        await self._ratios.each(symbols, ask)
        told.keep(symbols)
        return [event for event in found if told.is_news(event.symbol, event.at_ms)]

    async def insurance(self) -> list[Event]:
        """Of each coin that swaps settle in, and the total."""
        found: dict[str, InsuranceFund] = {}

        async def ask(family: str) -> None:
            query: dict[str, str | int] = {"instType": SWAP, "instFamily": family, "type": rest.REGULAR, "limit": 1}
            body = await self._client.get(self._url + rest.INSURANCE, params=query)
            found.update({fund.coin: fund for fund in rest.decode_insurance(body, self.context.clock())})

        await self._funds.each(FAMILIES, ask)
        return [*found.values()]

    async def minutes(self, symbol: str) -> Sequence[Bar]:
        """The latest candles of one contract."""
        query: dict[str, str | int] = {"instId": wire.from_symbol(symbol), "bar": "1m", "limit": CANDLE_ROWS}
        return market.decode_candles(await self._client.get(self._url + market.CANDLES, params=query))


def desk_of(context: Context, rest_url: str) -> Desk:
    """The desk at this address; the feeds of the house share it, also those that begin later."""
    desk = context.desks.get(rest_url)
    if not isinstance(desk, Desk):
        desk = context.desks[rest_url] = Desk(context, rest_url)
    return desk


def build(desk: Desk, config: Config) -> list[Feed]:
    """The pollers of which anything is wanted."""

    def poller(name: str, kind: type[Event], every_ms: int, ask: Ask) -> list[Feed]:
        context = desk.context
        if not context.wanted.any_of((kind,), venue=wire.VENUE):
            return []
        sieve = Sieve(context.wanted, (kind,), context.once)
        return [Poller(name=name, venue=wire.VENUE, context=context, sieve=sieve, every_ms=every_ms, ask=ask)]

    return [
        *poller(
            "okx.long_short_ratio",
            LongShortRatio,
            config.long_short_ratio_every,
            partial(desk.account_ratios, Latest()),
        ),
        *poller("okx.insurance_fund", InsuranceFund, config.insurance_fund_every, desk.insurance),
    ]
