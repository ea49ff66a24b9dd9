"""The box as the house's own clients see it: everything that Market asks is answered, and ends where the market is now."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import pytest

from daemon.simulator.box import Box
from daemon.simulator.listings import ASKED
from daemon.upstream.cache import Answer, Cache, Unavailable
from daemon.upstream.http import Http
from daemon.upstream.market import Market
from daemon.upstream.market_config import MarketConfig
from daemon.upstream.okx import Okx
from tests.daemon.simulator.far_end import NOW_MS, Clock, forced, interest, mark, opened
from tests.patience import PATIENCE_S

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
STREAMING = ("binance", "bybit", "okx")
VENUES = (*STREAMING, "deribit", "hyperliquid")


@asynccontextmanager
async def asking(text: str = "", clock: Clock | None = None) -> AsyncIterator[tuple[Box, Market]]:
    """A market whose upstreams are all in a box."""
    clock = clock or Clock()
    async with opened(text, clock) as box, Http(clock=clock) as http, Cache(clock) as cache:
        config = box.sources_config()
        urls = {name: settings["rest_url"] for name, settings in config.items() if "rest_url" in settings}
        yield box, Market(http, cache, MarketConfig(urls=urls, coingecko_key=config["coingecko"]["key"]), clock)


Question = Callable[[Market], Awaitable[Answer[Any]]]


def _of(venue: str) -> dict[str, Question]:
    """What only exchanges that stream are asked."""
    week = {"start_ms": NOW_MS - 7 * DAY_MS, "end_ms": NOW_MS}
    return {
        f"two hours of {venue}": lambda market: market.volume_2h(venue, "BTCUSDT"),
        f"funding of {venue}": lambda market: market.funding_history(venue, "BTC"),
        f"hours of {venue}": lambda market: market.oi_price_history(venue, "BTCUSDT", hours=True, **week),
        f"days of {venue}": lambda market: market.oi_price_history(venue, "BTCUSDT", hours=False, **week),
    }


def _contracts(venue: str) -> Question:
    return lambda market: market.contracts(venue)


QUESTIONS: dict[str, Question] = {
    **{f"contracts of {venue}": _contracts(venue) for venue in VENUES},
    **{name: question for venue in STREAMING for name, question in _of(venue).items()},
    "volumes": lambda market: market.derivative_volumes(),
    "options": lambda market: market.options_interest(),
    "the whole market": lambda market: market.global_market(),
    "coins": lambda market: market.coins(("tether", "bitcoin")),
    "chart of a coin": lambda market: market.coin_chart("tether"),
    "fear and greed": lambda market: market.fear_greed(30),
    "stablecoins": lambda market: market.stablecoins(),
    "value of stablecoins": lambda market: market.stablecoin_charts(),
    "prices of stablecoins": lambda market: market.stablecoin_prices(),
    "supply of one": lambda market: market.stablecoin_supply("1"),
    "exchange rates": lambda market: market.fx_rates(),
}


@pytest.mark.parametrize("question", QUESTIONS)
async def test_every_question_of_the_market_is_answered(question: str) -> None:
    async with asking() as (_, market):
        answer = await QUESTIONS[question](market)

    assert (None, False) == (answer.error, answer.is_stale)
    assert answer.value


async def test_contracts_say_everything_that_a_table_shows() -> None:
    """Funding, prices, open interest and volume in dollars, of every coin on the exchanges that stream."""
    async with asking() as (_, market):
        rows = [row for venue in VENUES for row in (await market.contracts(venue)).value]

    perpetuals = [row for row in rows if row.symbol.endswith("-PERP")]
    unsaid = [
        (row.venue, row.pair, name)
        for row in perpetuals
        for name in ("mark", "last", "funding_rate", "funding_interval_h", "oi_usd", "volume_24h_usd")
        if getattr(row, name) is None
    ]
    assert [] == unsaid
    assert {"VANILLA", "INVERSE", "QUANTO"} == {row.kind for row in rows}
    bitcoin = [row for row in perpetuals if row.symbol.startswith("BTC-") and row.mark is not None]
    assert {*VENUES} == {row.venue for row in bitcoin}
    assert all(abs((row.mark or 0) / 85_300 - 1) < 0.01 for row in bitcoin)
    assert all(1e8 < (row.oi_usd or 0) < 2e10 for row in bitcoin), "dollars, whatever the venue counts in"


@pytest.mark.parametrize("venue", STREAMING)
async def test_the_past_ends_where_the_market_is_now(venue: str) -> None:
    clock = Clock()
    async with asking("market: {liquidations_per_minute: 0}", clock) as (box, market):
        clock.now_ms += 10 * 60_000
        await box.step()
        points = (
            await market.oi_price_history(venue, "ETHUSDT", start_ms=NOW_MS - 3 * DAY_MS, end_ms=clock(), hours=True)
        ).value
        now = next(row for row in (await market.contracts(venue, ("ETH",))).value if row.symbol == "ETH-USDT-PERP")

    assert {HOUR_MS} == {later.at_ms - earlier.at_ms for earlier, later in pairwise(points)}
    assert clock() - points[-1].at_ms < HOUR_MS
    assert abs(points[-1].price / (now.mark or 0) - 1) < 0.02
    assert abs(points[-1].oi_usd / (now.oi_usd or 0) - 1) < 0.05
    assert len({point.price for point in points}) > 50, "it has moved"


@pytest.mark.parametrize("venue", STREAMING)
async def test_what_is_past_does_not_change(venue: str) -> None:
    """Neither when it is asked again, nor when the market has gone on."""
    clock = Clock()
    start, end = NOW_MS - 2 * DAY_MS, NOW_MS - HOUR_MS

    async with asking(clock=clock) as (box, market):
        first = await market.oi_price_history(venue, "BTCUSDT", start_ms=start, end_ms=end, hours=True)
        clock.now_ms += 2 * HOUR_MS
        await box.step()
        second = await market.oi_price_history(venue, "BTCUSDT", start_ms=start, end_ms=end, hours=True)
    async with asking(clock=Clock()) as (_, market):
        third = await market.oi_price_history(venue, "BTCUSDT", start_ms=start, end_ms=end, hours=True)

    assert first.value == second.value == third.value


@pytest.mark.parametrize("venue", STREAMING)
async def test_funding_is_told_page_after_page(venue: str) -> None:
    async with asking() as (_, market):
        points = (await market.funding_history(venue, "SUI", limit=450)).value

    step_ms = {"binance": 4, "bybit": 1, "okx": 4}[venue] * HOUR_MS
    assert 450 == len(points)
    assert {step_ms} == {later.at_ms - earlier.at_ms for earlier, later in pairwise(points)}
    assert {step_ms / HOUR_MS} == {point.interval_h for point in points[1:]}
    assert all(point.mark_price for point in points if point.at_ms % (4 * HOUR_MS) == 0)


async def test_binance_remembers_open_interest_for_a_month_and_no_longer() -> None:
    async with asking() as (_, market):
        points = (
            await market.oi_price_history("binance", "BTC", start_ms=NOW_MS - 90 * DAY_MS, end_ms=NOW_MS, hours=False)
        ).value

    assert 29 <= len(points) <= 30


async def test_what_is_said_of_a_contract_is_what_tables_show() -> None:
    async with asking() as (box, market):
        for venue in STREAMING:
            await box.say(venue, [mark(venue, 99_000.0), interest(venue, 10.0, 990_000.0)])
        rows = [row for venue in STREAMING for row in (await market.contracts(venue, ("BTC",))).value]

    linear = [row for row in rows if row.symbol == "BTC-USDT-PERP"]
    assert [(99_000.0, 10.0, 990_000.0)] * 3 == [(row.mark, row.oi_base, row.oi_usd) for row in linear]


async def test_two_hours_are_about_a_twelfth_of_a_day() -> None:
    async with asking() as (_, market):
        volumes = {
            volume.venue: volume.volume_usd for volume in (await market.derivative_volumes("BTC", STREAMING)).value
        }
        for venue in STREAMING:
            part = (await market.volume_2h(venue, "BTCUSDT")).value

            assert 0.05 < (part or 0.0) / volumes[venue] < 0.12


async def test_the_liquidations_of_okx_can_be_read_again_page_by_page() -> None:
    clock = Clock()
    async with opened(clock=clock) as box, Http(clock=clock) as http:
        events = [forced("okx", 0.01 * (place + 1), at_ms=NOW_MS - 1_000 * place) for place in reversed(range(230))]
        await box.say("okx", events)
        await box.say("okx", [forced("okx", 0.1, 2_900.0, symbol="ETH-USDT-PERP")])
        found = await Okx(http, box.rest_url("okx"), clock=clock).liquidations("BTC-USDT", since_ms=NOW_MS - DAY_MS)

    assert [event.quantity for event in events] == [event.quantity for event in found]


async def test_stablecoins_are_spread_over_chains_and_names_agree_between_vendors() -> None:
    async with asking() as (_, market):
        coins = (await market.stablecoins()).value
        named = (await market.coins([coin.gecko_id for coin in coins if coin.gecko_id])).value
        charts = (await market.stablecoin_charts()).value

    assert {"USDT", "USDC", "DAI", "USDE", "EURC"} < {coin.symbol for coin in coins}
    assert {coin.symbol for coin in coins} == {coin.symbol for coin in named}
    tether = coins[0]
    assert ("USDT", {"Tron", "Ethereum", "BSC", "Solana"}) == (tether.symbol, set(tether.chains))
    assert sum(chain.usd or 0 for chain in tether.chains.values()) <= (tether.circulating_usd or 0)
    assert 0.9 < (tether.circulating_prev_day_usd or 0) / (tether.circulating_usd or 1) < 1.1
    assert abs(charts[-1].usd / sum(coin.circulating_usd or 0 for coin in coins) - 1) < 1e-9
    assert abs(charts[-1].usd / charts[-2].usd - 1) < 0.02, "history joins the present"
    assert len(charts) > 5 * 365


async def test_a_euro_coin_is_worth_a_euro_and_one_coin_has_no_price() -> None:
    async with asking() as (_, market):
        coins = {coin.symbol: coin for coin in (await market.stablecoins()).value}
        rates = (await market.fx_rates()).value

    assert abs((coins["EURC"].price or 0) * rates[-1].per_usd["EUR"] - 1) < 0.001
    assert "peggedEUR" == coins["EURC"].peg_type
    assert coins["USDX"].price is None


async def test_each_week_has_a_small_depeg_and_a_day_of_fear() -> None:
    """So that what the documents ask for is not empty."""
    async with asking() as (_, market):
        days = (await market.stablecoin_prices()).value[-8:-1]
        mood = (await market.fear_greed(7)).value

    slipped = [name for day in days for name, price in day.prices.items() if price < 0.99]
    assert 1 <= len(slipped) <= 2
    assert set(slipped) <= {"true-usd", "first-digital-usd", "paypal-usd"}
    assert "Fear" in {day.classification for day in mood}


async def test_fear_and_greed_goes_back_to_2018_and_has_holes() -> None:
    async with asking() as (_, market):
        days = (await market.fear_greed(0)).value

    assert 1_517_443_200 == days[-1].at_s
    assert days[0].next_update_s
    assert {None} == {day.next_update_s for day in days[1:]}
    gaps = {(later.at_s - earlier.at_s) // 86_400 for later, earlier in pairwise(days)}
    assert {1, 2} == gaps


@pytest.mark.parametrize(("days", "step_ms"), [(1, 300_000), (7, HOUR_MS), (120, DAY_MS)])
async def test_the_step_of_a_coins_chart_depends_on_its_length(days: int, step_ms: int) -> None:
    async with asking() as (_, market):
        points = (await market.coin_chart("bitcoin", "usd", days)).value
        now = (await market.coins(("bitcoin",))).value[0]

    assert {step_ms} == {later.at_ms - earlier.at_ms for earlier, later in pairwise(points[:-1])}
    assert (NOW_MS, now.price) == (points[-1].at_ms, points[-1].price)


async def test_a_depeg_shows_at_both_vendors_and_in_the_chart() -> None:
    clock = Clock()
    async with asking("acts: [{at: 0s, depeg: {coin: DAI, to: 0.9, over: 1s, hold: 60s}}]", clock) as (box, market):
        for _ in range(20):
            clock.now_ms += 1_000
            await box.step()
        llama = next(coin for coin in (await market.stablecoins()).value if coin.symbol == "DAI")
        gecko = (await market.coins(("dai",))).value[0]
        chart = (await market.coin_chart("dai", "usd", 1)).value

    assert all(abs((price or 0) - 0.9) < 0.002 for price in (llama.price, gecko.price, chart[-1].price))
    assert abs(chart[-2].price - 1.0) < 0.002


async def test_prices_come_in_other_currencies_and_in_none_that_does_not_exist() -> None:
    async with asking() as (_, market):
        euros = (await market.coins(("bitcoin",), "eur")).value[0].price or 0
        dollars = (await market.coins(("bitcoin",), "usd")).value[0].price or 0
        with pytest.raises(Unavailable, match="invalid vs_currency"):
            await market.coins(("bitcoin",), "shells")

    assert 0.7 < euros / dollars < 1.0


async def test_pictures_are_on_this_machine() -> None:
    async with asking() as (_, market):
        coin, logo = await market.coin_by_symbol("BTC"), await market.exchange_logo("okx")

    assert coin is not None and coin.image is not None and logo is not None
    assert all(address.startswith("http://127.0.0.1:") for address in (coin.image, logo))


@pytest.mark.parametrize("how", ["throttle", "unavailable", "html", "garbage"])
@pytest.mark.parametrize("venue", [*ASKED, *VENUES, "defillama", "coingecko"])
async def test_every_host_can_fail_in_every_way(venue: str, how: str) -> None:
    """And comes back when it is told to; a client that was sent away waits for as long as it was told."""
    ask: dict[str, Question] = {
        "alternative_me": lambda market: market.fear_greed(1),
        "defillama": lambda market: market.stablecoins(),
        "coingecko": lambda market: market.global_market(),
    }
    question = ask.get(venue, _contracts(venue))
    clock = Clock()
    async with asking(clock=clock) as (box, market):
        box.misbehave(venue, how, **({"retry_after_s": 0} if how == "throttle" else {}))
        with pytest.raises(Unavailable):
            await question(market)
        box.behave(venue)
        clock.now_ms += 60_000  # the cache lets a while pass between two failures

        assert (await question(market)).value


async def test_a_slow_host_answers_in_the_end() -> None:
    async with asking() as (box, market):
        box.misbehave("deribit", "slow", delay="100ms")
        async with asyncio.timeout(PATIENCE_S):
            assert (await market.options_interest()).value
