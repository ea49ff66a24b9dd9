"""What endpoints are told on a good day, checked by hand, and how often anybody is asked for it."""

from statistics import fmean

import msgspec
import pytest
from aiohttp import web

from daemon.upstream.cache import Unavailable
from daemon.upstream.exchanges import UnknownExchange
from daemon.upstream.market_config import MarketConfig
from daemon.wire import coindesk as coindesk_wire
from daemon.wire import coindesk_server
from tests.daemon.upstream.box import (
    BINANCE,
    BYBIT,
    DERIBIT,
    FEAR_GREED,
    GECKO,
    HOUR,
    HYPERLIQUID,
    OKX,
    market,
)
from tests.daemon.upstream.far_end import NOW, Answer

EVERYBODY = ("binance", "bybit", "okx", "deribit", "hyperliquid")
DAY = 24 * HOUR


async def test_open_interest_is_dollars_of_one_side_everywhere() -> None:
    """10 bitcoins at 50,000: linear, inverse, counted in contracts, in dollars, or on both sides."""
    async with market() as (here, _, _):
        answer = await here.contracts_of(EVERYBODY, ["BTC"])

    assert {
        ("binance", "BTC-USDT-PERP"): (10.0, 500_000.0),
        ("bybit", "BTC-USDT-PERP"): (10.0, 500_000.0),
        ("bybit", "BTC-USD-PERP"): (10.0, 500_000.0),
        ("okx", "BTC-USDT-PERP"): (10.0, 500_000.0),
        ("deribit", "BTC-USD-PERP"): (10.0, 500_000.0),
        ("hyperliquid", "BTC-USDT-PERP"): (10.0, 500_000.0),
    } == {(row.venue, row.symbol): (row.oi_base, row.oi_usd) for row in answer.value}
    assert (NOW, False, None) == (answer.at_ms, answer.is_stale, answer.error)


async def test_volumes_of_a_day_are_dollars_of_the_main_perpetual() -> None:
    """Quote volume, turnover, coins times the last price, and dollars as sent; BitMEX has closed and says nothing."""
    async with market() as (here, _, _):
        answer = await here.derivative_volumes("BTC", [*EVERYBODY, "bitmex"])

    assert {
        "BTCUSDT of binance": 5_000_000.0,
        "BTCUSDT of bybit": 6_000_000.0,
        "BTC-USDT-SWAP of okx": 7_000_000.0,
        "BTC-PERPETUAL of deribit": 8_000_000.0,
        "BTC of hyperliquid": 9_000_000.0,
    } == {f"{row.instrument} of {row.venue}": row.volume_usd for row in answer.value}
    assert answer.error is None
    assert "5000000" == answer.value[0].raw["quoteVolume"]


async def test_options_interest_is_coins_times_what_underlies_them() -> None:
    """4 x 50,000 + 2.5 x 52,000."""
    async with market() as (here, _, _):
        answer = await here.options_interest("btc")

    assert [200_000.0, 130_000.0] == [row.oi_usd for row in answer.value]
    assert 330_000.0 == sum(row.oi_usd for row in answer.value)


async def test_funding_of_different_intervals_is_averaged_per_8_h() -> None:
    """0.0001 per 8 h, 0.0002 per 4 h and 0.0000125 per hour are 0.0001, 0.0004 and 0.0001 per 8 h: 0.0002 on average."""
    binance = [{"symbol": "BTCUSDT", "fundingRate": "0.0001", "fundingTime": NOW - 8 * HOUR, "markPrice": "50000"}]
    paid = [{"symbol": "BTCUSDT", "fundingRate": "0.0002", "fundingRateTimestamp": str(NOW - 8 * HOUR)}]
    bybit = {"retCode": 0, "result": {"category": "linear", "list": paid}, "time": NOW}
    klines = {"retCode": 0, "result": {"category": "linear", "list": []}, "time": NOW}
    answers: dict[str, Answer] = {
        f"{BINANCE}/fundingRate": msgspec.json.encode(binance),
        f"{BYBIT}/funding/history": msgspec.json.encode(bybit),
        f"{BYBIT}/mark-price-kline": msgspec.json.encode(klines),
    }
    async with market(answers) as (here, _, _):
        points = [
            (await here.funding_history(venue, "BTC", start_ms=NOW - DAY, end_ms=NOW, limit=1)).value[0]
            for venue in ("binance", "bybit")
        ]
        (hourly,) = (await here.contracts("hyperliquid")).value

    assert [(0.0001, 8.0), (0.0002, 4.0)] == [(point.rate, point.interval_h) for point in points]
    per_8h = [point.rate_8h for point in points]
    per_8h.append((hourly.funding_rate or 0) * 8 / (hourly.funding_interval_h or 1))
    assert pytest.approx([0.0001, 0.0004, 0.0001]) == per_8h
    assert pytest.approx(0.0002) == fmean(per_8h)


async def test_two_hours_of_trading_are_dollars() -> None:
    """24 candles of five minutes at 100 dollars each."""
    rows = [
        [NOW - n * 300_000, "1", "1", "1", "1", "2", NOW - n * 300_000 + 299_999, "100", 1, "1", "50", "0"]
        for n in reversed(range(24))
    ]
    async with market({f"{BINANCE}/klines": msgspec.json.encode(rows)}) as (here, end, _):
        answer = await here.volume_2h("binance", "BTC-USDT-PERP")

    assert 2_400.0 == answer.value
    assert "BTCUSDT" == end.queries(f"{BINANCE}/klines")[0]["symbol"]


async def test_binance_is_asked_for_open_interest_only_where_it_is_wanted() -> None:
    """The tickers once for everybody, one call for each contract of the coins; all of them for whoever wants all."""
    async with market() as (here, end, _):
        only = await here.contracts("binance", ["BTC"])
        asked = [query["symbol"] for query in end.queries(f"{BINANCE}/openInterest")]
        everything = await here.contracts("binance")

    assert ["BTCUSDT"] == [row.pair for row in only.value]
    assert ["BTCUSDT"] == asked
    assert {"BTCUSDT": 500_000.0, "1000PEPEUSDT": 20_000.0} == {row.pair: row.oi_usd for row in everything.value}
    assert 1 == len(end.queries(f"{BINANCE}/premiumIndex"))


async def test_tickers_are_fresh_for_five_seconds() -> None:
    """A hundred tables in that time ask once."""
    async with market() as (here, end, clock):
        for _ in range(100):
            await here.contracts("okx")
        clock.pass_s(60)
        await here.contracts("okx")

    assert 2 == len(end.queries(f"{OKX}/market/tickers"))


async def test_a_range_that_moves_with_the_clock_is_one_question_an_hour() -> None:
    """And is cut to the millisecond afterwards."""
    rows = [
        {"symbol": "BTCUSDT", "fundingRate": "0.0001", "fundingTime": NOW - n * 8 * HOUR, "markPrice": "1"}
        for n in (3, 2, 1, 0)
    ]
    async with market({f"{BINANCE}/fundingRate": msgspec.json.encode(rows)}) as (here, end, _):
        answers = [
            await here.funding_history("binance", "BTC", start_ms=NOW - DAY + n, end_ms=NOW - HOUR + n)
            for n in range(3)
        ]

    assert [3, 2, 2] == [len(answer.value) for answer in answers]
    assert 2 == len(end.queries(f"{BINANCE}/fundingRate"))


async def test_ranges_of_any_length_are_few_questions() -> None:
    """Binance grants 500 funding questions in five minutes to our rules and all clients together."""
    rows = [
        {"symbol": "BTCUSDT", "fundingRate": "0.0001", "fundingTime": NOW - n * DAY, "markPrice": "1"}
        for n in reversed(range(100))
    ]
    async with market({f"{BINANCE}/fundingRate": msgspec.json.encode(rows)}) as (here, end, _):
        lengths = [
            len((await here.funding_history("binance", "BTC", start_ms=NOW - days * DAY, limit=5_000)).value)
            for days in (1, 7, 29, 40, 60, 90)
        ]

    assert [2, 8, 30, 41, 61, 91] == lengths
    assert 2 == len(end.queries(f"{BINANCE}/fundingRate"))


async def test_fear_and_greed_is_asked_for_once_whatever_the_length() -> None:
    """Newest first; 0 is all of it."""
    async with market() as (here, end, _):
        one, three = await here.fear_greed(1), await here.fear_greed(3)
        everything = await here.fear_greed(0)

    assert [40] == [day.value for day in one.value]
    assert [40, 41, 42] == [day.value for day in three.value]
    assert 5 == len(everything.value)
    assert ["400", "0"] == [query["limit"] for query in end.queries(FEAR_GREED)]


async def test_coins_are_asked_for_250_at_a_time() -> None:
    """The same ids in another order are the same question."""
    ids = [f"coin-{n}" for n in range(300)]
    async with market() as (here, end, _):
        await here.coins(ids, "EUR")
        await here.coins(list(reversed(ids)), "eur")

    queries = end.queries(f"{GECKO}/coins/markets")
    assert [50, 250] == sorted(len(query["ids"].split(",")) for query in queries)  # asked at the same moment
    assert {"eur"} == {query["vs_currency"] for query in queries}


async def test_charts_of_neighbouring_lengths_share_one_question() -> None:
    """5 days are cut out of 7, counted back from the newest price."""
    prices = {"prices": [[NOW - n * DAY, 1.0 + n] for n in range(7, -1, -1)]}
    path = f"{GECKO}/coins/tether/market_chart"
    async with market({path: msgspec.json.encode(prices)}) as (here, end, _):
        week, days = await here.coin_chart("tether", "usd", 7), await here.coin_chart("tether", "usd", 5)

    assert 8 == len(week.value)
    assert [NOW - n * DAY for n in range(5, -1, -1)] == [point.at_ms for point in days.value]
    assert ["7"] == [query["days"] for query in end.queries(path)]


@pytest.mark.parametrize("coin_id", ["no-such-coin", "../global", "", "TETHER/../x", "é"])
async def test_a_made_up_coin_is_not_asked_for(coin_id: str) -> None:
    """Five of them would use up a minute's questions for everybody."""
    async with market() as (here, end, _):
        with pytest.raises(Unavailable, match="not a coin we know"):
            await here.coin_chart(coin_id)

    assert not [path for path, _ in end.asked if "market_chart" in path]


async def test_a_small_stablecoin_has_a_chart() -> None:
    """DefiLlama knows its id."""
    path = f"{GECKO}/coins/tiny-dollar/market_chart"
    async with market({path: b'{"prices":[[1,0.5]]}'}) as (here, _, _):
        assert [0.5] == [point.price for point in (await here.coin_chart("Tiny-Dollar")).value]


async def test_with_a_key_coindesk_answers_for_exchanges() -> None:
    """For more of them, and not for options, which it does not have."""
    name = "BTC-USDT-VANILLA-PERPETUAL"
    row = coindesk_wire.Instrument(name=name, pair="BTCUSDT", base="BTC", quote="USDT", kind="VANILLA")
    answers: dict[str, Answer] = {
        f"/coindesk{coindesk_wire.INSTRUMENTS}": coindesk_server.encode_instruments("kraken", [row]),
        f"/coindesk{coindesk_wire.TICK}": coindesk_server.encode_latest(
            "kraken", {name: coindesk_wire.Tick(price=50_000.0)}
        ),
        f"/coindesk{coindesk_wire.FUNDING}": coindesk_server.encode_latest("kraken", {}),
        f"/coindesk{coindesk_wire.INTEREST}": coindesk_server.encode_latest(
            "kraken", {name: coindesk_wire.Interest(quote=500_000.0, settlement=10.0, mark=50_000.0)}
        ),
    }
    async with market(answers, coindesk_key="very-secret") as (here, _, _):
        assert "CoinDesk" == here.provider
        (found,) = (await here.contracts("CoinDesk-Kraken", ["BTC"])).value
        options = await here.options_interest()
        with pytest.raises(UnknownExchange, match=r"bitmex, .*kraken"):
            here.canonical("mtgox")

    assert ("CoinDesk", "kraken", 500_000.0, 10.0) == (found.provider, found.venue, found.oi_usd, found.oi_base)
    assert 2 == len(options.value)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (web.Response(status=401, text='{"Err":{"message":"API key required"}}'), "key is missing or wrong"),
        (coindesk_server.encode_error("very-secret is not a key"), "refused: … is not a key"),
    ],
)
async def test_a_key_that_coindesk_refuses_is_told_without_the_key(answer: Answer, words: str) -> None:
    """By status, or by an error inside a 200."""
    path = f"/coindesk{coindesk_wire.INSTRUMENTS}"
    async with market({path: answer}, coindesk_key="very-secret") as (here, end, _):
        for _ in range(3):
            with pytest.raises(Unavailable, match=words) as caught:
                await here.contracts("binance", ["BTC"])

    assert "very-secret" not in str(caught.value)
    assert 1 == len(end.queries(path))


def test_keys_do_not_show_in_the_configuration() -> None:
    """It may be logged."""
    assert "secret" not in repr(MarketConfig(coindesk_key="secret", coingecko_key="secret"))


async def test_everybody_is_asked_at_the_address_that_was_set() -> None:
    """So that the simulator can answer for all."""
    async with market() as (here, end, _):
        await here.contracts_of(EVERYBODY)

    asked = {path for path, _ in end.asked}
    assert {DERIBIT, HYPERLIQUID, f"{OKX}/public/funding-rate", f"{BYBIT}/tickers"} <= asked
