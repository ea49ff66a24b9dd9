"""OKX's contracts and history, in our units, from small answers on loopback."""

from collections.abc import Mapping

import msgspec

from daemon.upstream.okx import Okx
from daemon.upstream.records import Contract, FundingPoint, OiPricePoint
from daemon.wire import okx_market as wire
from daemon.wire.history import Bar, InterestPoint, Paid
from daemon.wire.okx_contracts import INSTRUMENTS, encode_instruments
from daemon.wire.okx_contracts import Contract as Size
from rules.events import Liquidation
from tests.daemon.upstream.far_end import HOUR, NOW, Answer, clock, far_end

SIZES = {"BTC-USDT-SWAP": Size(0.01), "BTC-USD-SWAP": Size(100.0, is_inverse=True)}


def market(*interest: wire.Interest) -> dict[str, Answer]:
    return {
        INSTRUMENTS: encode_instruments(SIZES),
        wire.TICKERS: wire.encode_tickers(
            [
                wire.Ticker("BTC-USDT-SWAP", 100_001.0, 3_000.0, 30.0, NOW),
                wire.Ticker("BTC-USD-SWAP", 100_000.0, 30_000.0, 30.0, NOW),
            ]
        ),
        wire.MARK_PRICE: wire.encode_marks(
            [wire.Mark("BTC-USDT-SWAP", 100_000.0, NOW), wire.Mark("BTC-USD-SWAP", 100_000.0, NOW)]
        ),
        wire.OPEN_INTEREST: wire.encode_open_interest(interest),
        wire.FUNDING_RATE: wire.encode_funding([wire.Funding("BTC-USDT-SWAP", 0.0002, NOW + HOUR, 4.0, NOW)]),
    }


async def contracts(*interest: wire.Interest) -> tuple[Contract, Contract]:
    async with far_end(market(*interest)) as (end, http):
        linear, inverse = await Okx(http, end.url, clock=clock).contracts()
        assert [{"instId": "ANY"}] == end.queries(wire.FUNDING_RATE)
        return linear, inverse


async def test_okx_funding_time_is_the_next_settlement() -> None:
    """nextFundingTime is the one after; the interval lies between them."""
    linear, _ = await contracts(wire.Interest("BTC-USDT-SWAP", 1_000.0, 10.0, 1_000_001.0, NOW))

    assert (
        Contract(
            venue="okx",
            symbol="BTC-USDT-PERP",
            pair="BTC-USDT-SWAP",
            kind="VANILLA",
            last=100_001.0,
            mark=100_000.0,
            funding_rate=0.0002,
            funding_interval_h=4.0,
            next_funding_ms=NOW + HOUR,
            oi_base=10.0,
            oi_usd=1_000_001.0,
            volume_24h_usd=3_000_030.0,
            volume_24h_base=30.0,
            at_ms=NOW,
        )
        == linear
    )


async def test_okx_contracts_are_worth_coins_or_dollars() -> None:
    """1,000 contracts are 10 BTC if linear (0.01 BTC each), and 100,000 dollars if inverse (100 dollars each)."""
    linear, inverse = await contracts(
        wire.Interest("BTC-USDT-SWAP", 1_000.0, None, None, NOW),
        wire.Interest("BTC-USD-SWAP", 1_000.0, None, None, NOW),
    )

    assert (10.0, 1_000_000.0) == (linear.oi_base, linear.oi_usd)
    assert (1.0, 100_000.0) == (inverse.oi_base, inverse.oi_usd)
    assert ("VANILLA", "INVERSE") == (linear.kind, inverse.kind)


async def test_a_contract_without_interest_or_funding_stays_in_the_list() -> None:
    """With None, which is not 0."""
    _, inverse = await contracts()

    assert (None, None, None) == (inverse.oi_base, inverse.oi_usd, inverse.funding_rate)


async def test_okx_volume_of_24_hours_is_coins_times_the_last_price() -> None:
    """Its vol24h counts contracts."""
    ticker = wire.encode_tickers([wire.Ticker("BTC-USDT-SWAP", 100_000.0, 3_000.0, 30.0, NOW)])
    async with far_end({wire.TICKER: ticker}) as (end, http):
        found = await Okx(http, end.url, clock=clock).volume_24h("BTC-USDT-SWAP")

    assert found is not None
    assert (3_000_000.0, "3000") == (found.volume_usd, found.raw["vol24h"])


async def test_two_hours_of_okx_are_its_quote_column() -> None:
    """Contracts and coins stand in the columns before."""
    bars = [Bar(NOW - n * 300_000, 1.0, 1.0, 1.0, 1.0, 0.5, 10.0) for n in range(24)]
    async with far_end({wire.CANDLES: wire.encode_candles(bars, 0.01)}) as (end, http):
        assert 240.0 == await Okx(http, end.url, clock=clock).volume_2h("BTC-USDT-SWAP")


async def test_okx_history_pays_the_realized_rate() -> None:
    """fundingRate there is what had been predicted."""
    row = {"instId": "BTC-USDT-SWAP", "fundingRate": "0.9", "realizedRate": "0.0003", "fundingTime": str(NOW)}
    bars = [Bar(NOW, 90_000.0, 1.0, 1.0, 1.0)]
    answers: dict[str, Answer] = {
        wire.FUNDING_HISTORY: msgspec.json.encode({"code": "0", "data": [row]}),
        wire.HISTORY_MARKS: wire.encode_candles(bars),
    }
    async with far_end(answers) as (end, http):
        found = await Okx(http, end.url, clock=clock).funding_history("BTC-USDT-SWAP")

    assert [FundingPoint(at_ms=NOW, rate=0.0003, interval_h=8.0, mark_price=90_000.0)] == found


async def test_okx_history_is_asked_for_what_is_older() -> None:
    """`after` means older at OKX; pages of 400 meet without a gap."""
    history = [Paid(NOW - n * 8 * HOUR, 0.0001) for n in range(500)]

    def page(query: Mapping[str, str]) -> bytes:
        older = [row for row in history if row.at_ms < int(query["after"])]
        return wire.encode_funding_history("BTC-USDT-SWAP", older[: int(query["limit"])])

    answers: dict[str, Answer] = {wire.FUNDING_HISTORY: page, wire.HISTORY_MARKS: wire.encode_candles([])}
    async with far_end(answers) as (end, http):
        found = await Okx(http, end.url, clock=clock).funding_history("BTC-USDT-SWAP", limit=500)

    assert 500 == len(found)
    assert [8.0] * 500 == [point.interval_h for point in found]


async def test_okx_open_interest_history_is_in_dollars() -> None:
    """Its column says so; rows of the same time as a candle get its close."""
    points = [InterestPoint(NOW - HOUR, 2.0, 150.0), InterestPoint(NOW, 3.0)]
    bars = [Bar(NOW - HOUR, 1.0, 99.0, 1.0, 70.0), Bar(NOW, 70.0, 99.0, 1.0, 80.0)]
    answers: dict[str, Answer] = {
        wire.INTEREST_HISTORY: wire.encode_interest_history(points, 0.01),
        wire.HISTORY_CANDLES: wire.encode_candles(bars, 0.01),
    }
    async with far_end(answers) as (end, http):
        found = await Okx(http, end.url, clock=clock).oi_price_history(
            "BTC-USDT-SWAP", start_ms=NOW - 9 * HOUR, end_ms=NOW
        )

    assert [
        OiPricePoint(at_ms=NOW - HOUR, price=70.0, oi_usd=150.0),
        OiPricePoint(at_ms=NOW, price=80.0, oi_usd=240.0),
    ] == found


def liquidation(at_ms: int, symbol: str = "BTC-USDT-PERP") -> Liquidation:
    return Liquidation(
        venue="okx",
        symbol=symbol,
        side="long",
        quantity=0.5,
        price=100_000.0,
        price_kind="mark",
        notional_usd=50_000.0,
        at_ms=at_ms,
        received_ms=NOW,
    )


async def test_okx_liquidations_of_the_gap_come_in_coins() -> None:
    """50 contracts of 0.01 BTC are half a bitcoin, whether a contract counts coins or dollars."""
    events = [liquidation(NOW - 3_000), liquidation(NOW - 2_000), liquidation(NOW - 1_000, "BTC-USD-PERP")]
    answers: dict[str, Answer] = {
        INSTRUMENTS: encode_instruments(SIZES),
        wire.LIQUIDATIONS: wire.encode_liquidations(events, SIZES, NOW),
    }
    async with far_end(answers) as (end, http):
        found = await Okx(http, end.url, clock=clock).liquidations("BTC-USDT", since_ms=NOW - 2_500)

    assert events[1:] == found
    assert "filled" == end.queries(wire.LIQUIDATIONS)[0]["state"]
