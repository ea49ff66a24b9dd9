"""All upstreams of the market behind one loopback port, with small answers written by hand.

One bitcoin is worth 50,000 dollars everywhere, and every exchange has 10 of them in open interest on its main contract.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from aiohttp import web
from aiohttp.test_utils import TestServer

from daemon.upstream.cache import Cache
from daemon.upstream.http import Http
from daemon.upstream.market import Market
from daemon.upstream.market_config import MarketConfig
from tests.daemon.upstream.far_end import NOW, Answer, FarEnd

HOUR = 3_600_000
UPSTREAMS = (
    "binance",
    "bybit",
    "okx",
    "deribit",
    "hyperliquid",
    "defillama",
    "coingecko",
    "alternative_me",
    "coindesk",
)
BINANCE = "/binance/fapi/v1"
BYBIT = "/bybit/v5/market"
OKX = "/okx/api/v5"
DERIBIT = "/deribit/public/get_book_summary_by_currency"
HYPERLIQUID = "/hyperliquid/info"
GECKO = "/coingecko"
LLAMA = "/defillama"
FEAR_GREED = "/alternative_me/fng/"


class Hands:
    """A clock whose hands a test moves."""

    def __init__(self) -> None:
        self.now_ms = NOW

    def __call__(self) -> int:
        return self.now_ms

    def pass_s(self, seconds: float) -> None:
        self.now_ms += round(seconds * 1000)


def _json(value: Any) -> bytes:
    return msgspec.json.encode(value)


def _binance_interest(query: Mapping[str, str]) -> bytes:
    base = {"BTCUSDT": "10", "1000PEPEUSDT": "2000000"}[query["symbol"]]
    return _json({"openInterest": base, "symbol": query["symbol"], "time": NOW})


def _binance_day(query: Mapping[str, str]) -> bytes:
    rows = [
        {"symbol": "BTCUSDT", "lastPrice": "50001", "volume": "100", "quoteVolume": "5000000", "closeTime": NOW},
        {"symbol": "1000PEPEUSDT", "lastPrice": "0.01", "volume": "9", "quoteVolume": "1000", "closeTime": NOW},
    ]
    return _json(rows[0] if "symbol" in query else rows)


def _bybit_tickers(query: Mapping[str, str]) -> bytes:
    """Both sides are 20 bitcoins, one side is 10; inverse contracts have their units the other way round."""
    row = {
        "lastPrice": "50002",
        "markPrice": "50000",
        "indexPrice": "50000",
        "fundingRate": "0.0002",
        "nextFundingTime": str(NOW + HOUR),
        "fundingIntervalHour": "4",
    }
    linear = row | {
        "symbol": "BTCUSDT",
        "openInterest": "20",
        "openInterestValue": "1000000",
        "singleOpenInterest": "10",
        "singleOpenInterestValue": "500000",
        "turnover24h": "6000000",
        "volume24h": "120",
    }
    inverse = row | {
        "symbol": "BTCUSD",
        "openInterest": "1000000",
        "openInterestValue": "20",
        "singleOpenInterest": "500000",
        "singleOpenInterestValue": "10",
        "turnover24h": "2",
        "volume24h": "100000",
    }
    found = linear if query["category"] == "linear" else inverse
    return _json({"retCode": 0, "result": {"category": query["category"], "list": [found]}, "time": NOW})


def _okx(*rows: Mapping[str, str]) -> bytes:
    return _json({"code": "0", "msg": "", "data": rows})


SWAP = {"instId": "BTC-USDT-SWAP", "instType": "SWAP", "ts": str(NOW)}
_OKX_TICKER = _okx(SWAP | {"last": "50000", "vol24h": "14000", "volCcy24h": "140"})


def _deribit(query: Mapping[str, str]) -> bytes:
    """A perpetual in dollars; options in bitcoins: 4 x 50,000 and 2.5 x 52,000."""
    perpetual = {
        "instrument_name": "BTC-PERPETUAL",
        "open_interest": 500_000.0,
        "mark_price": 50_000.0,
        "last": 50_003.0,
        "volume_usd": 8_000_000.0,
        "volume": 160.0,
        "funding_8h": 0.00001,
        "creation_timestamp": NOW,
    }
    options = [
        {"instrument_name": name, "open_interest": coins, "underlying_price": price, "creation_timestamp": NOW}
        for name, coins, price in (("BTC-26MAR27-90000-C", 4.0, 50_000.0), ("BTC-25JUN27-90000-P", 2.5, 52_000.0))
    ]
    found = {("BTC", "future"): [perpetual], ("BTC", "option"): options}
    return _json({"jsonrpc": "2.0", "result": found.get((query["currency"], query["kind"]), [])})


_HYPERLIQUID = [
    {"universe": [{"name": "BTC"}]},
    [
        {
            "funding": "0.0000125",
            "openInterest": "10",
            "markPx": "50000",
            "midPx": "50000",
            "oraclePx": "50000",
            "dayNtlVlm": "9000000",
            "dayBaseVlm": "180",
        }
    ],
]

COINS = [
    {"id": "bitcoin", "symbol": "btc", "name": "Bitcoin", "image": "https://img.test/btc.png", "market_cap": 1e12},
    {"id": "batcat", "symbol": "btc", "name": "batcat", "image": "https://img.test/batcat.png", "market_cap": 1e5},
    {"id": "tether", "symbol": "usdt", "name": "Tether", "image": None, "current_price": None, "market_cap": 1e11},
]
STABLECOINS = {
    "peggedAssets": [
        {
            "id": "1",
            "name": "Tether",
            "symbol": "USDT",
            "gecko_id": "tether",
            "pegType": "peggedUSD",
            "price": 0.9998,
            "circulating": {"peggedUSD": 100.0},
            "chainCirculating": {},
        },
        {
            "id": "99",
            "name": "Tiny Dollar",
            "symbol": "TINY",
            "gecko_id": "tiny-dollar",
            "pegType": "peggedUSD",
            "price": None,
            "circulating": {"peggedUSD": 1.0},
            "chainCirculating": {},
        },
    ]
}


def all_well() -> dict[str, Answer]:
    """What everybody answers on a good day, by path."""
    premium = {"time": NOW, "nextFundingTime": NOW + HOUR, "indexPrice": "50000"}
    return {
        f"{BINANCE}/premiumIndex": _json(
            [
                premium | {"symbol": "BTCUSDT", "markPrice": "50000", "lastFundingRate": "0.0001"},
                premium | {"symbol": "1000PEPEUSDT", "markPrice": "0.01", "lastFundingRate": "-0.0001"},
            ]
        ),
        f"{BINANCE}/ticker/24hr": _binance_day,
        f"{BINANCE}/openInterest": _binance_interest,
        f"{BINANCE}/fundingInfo": b"[]",
        f"{BYBIT}/tickers": _bybit_tickers,
        f"{OKX}/public/instruments": _okx(
            {"instId": "BTC-USDT-SWAP", "ctVal": "0.01", "ctMult": "1", "ctType": "linear", "instType": "SWAP"}
        ),
        f"{OKX}/market/tickers": _OKX_TICKER,
        f"{OKX}/market/ticker": _OKX_TICKER,
        f"{OKX}/public/mark-price": _okx(SWAP | {"markPx": "50000"}),
        f"{OKX}/public/open-interest": _okx(SWAP | {"oi": "1000", "oiCcy": "10", "oiUsd": "500000"}),
        f"{OKX}/public/funding-rate": _okx(
            SWAP | {"fundingRate": "0.0003", "fundingTime": str(NOW + HOUR), "nextFundingTime": str(NOW + 9 * HOUR)}
        ),
        DERIBIT: _deribit,
        HYPERLIQUID: _json(_HYPERLIQUID),
        f"{GECKO}/coins/markets": _json(COINS),
        f"{GECKO}/global": _json(
            {
                "data": {
                    "total_market_cap": {"usd": 2e12},
                    "market_cap_percentage": {"btc": 50.0, "eth": 10.0},
                    "updated_at": NOW // 1000,
                }
            }
        ),
        f"{GECKO}/derivatives/exchanges": _json(
            [
                {"id": "binance_futures", "name": "Binance (Futures)", "image": "https://img.test/binance.png"},
                {"id": "okex_swap", "name": "OKX (Futures)", "image": "https://img.test/okx.png"},
                {"id": "deribit", "name": "Deribit", "image": ""},
            ]
        ),
        f"{LLAMA}/stablecoins": _json(STABLECOINS),
        FEAR_GREED: _json(
            {
                "data": [
                    {"value": str(40 + n), "value_classification": "Fear", "timestamp": str(NOW // 1000 - n * 86_400)}
                    for n in range(5)
                ],
                "metadata": {"error": None},
            }
        ),
    }


class BoxEnd(FarEnd):
    """The far end of all upstreams: a test may change an answer, or shut the gate so that nobody gets one."""

    def __init__(self, answers: dict[str, Answer]) -> None:
        super().__init__(answers, None)
        self._by_path = answers
        self.gate = asyncio.Event()
        self.gate.set()

    def answer(self, path: str, answer: Answer) -> None:
        self._by_path[path] = answer

    async def handle(self, request: web.Request) -> web.StreamResponse:
        await self.gate.wait()
        return await super().handle(request)


@asynccontextmanager
async def market(
    answers: Mapping[str, Answer] | None = None, *, coindesk_key: str = ""
) -> AsyncIterator[tuple[Market, BoxEnd, Hands]]:
    """A market whose upstreams are all on loopback; `answers` replace those of a good day."""
    clock, end = Hands(), BoxEnd({**all_well(), **(answers or {})})
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", end.handle)
    server = TestServer(app, host="127.0.0.1")
    await server.start_server()
    urls = {name: f"http://127.0.0.1:{server.port}/{name}" for name in UPSTREAMS}
    try:
        async with Http(clock=clock) as http, Cache(clock) as cache:
            yield Market(http, cache, MarketConfig(urls=urls, coindesk_key=coindesk_key), clock), end, clock
    finally:
        end.gate.set()
        await server.close()
