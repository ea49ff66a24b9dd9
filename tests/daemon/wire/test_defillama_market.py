"""DefiLlama's answers for tables and charts, read and written."""

import csv
from datetime import UTC, datetime

import pytest

from daemon.wire import defillama_market as wire
from daemon.wire.control import Unreadable
from tests.daemon.wire.recorded import recorded

USDT = wire.Coin(
    id="1",
    name="Tether",
    symbol="USDT",
    peg_type="peggedUSD",
    gecko_id="tether",
    price=0.99977,
    usd=183e9,
    prev_day_usd=182e9,
    chains={"Tron": wire.OnChain(80e9, 79e9), "Ethereum": wire.OnChain(None, None)},
)
GONE = wire.Coin(id="3", name="TerraUSD", symbol="UST", peg_type="peggedUSD", is_gone=True, is_yield_bearing=True)


def test_what_is_written_is_read_back() -> None:
    """The simulator writes, our client reads; the largest coin goes first."""
    days = [wire.DayValue(1, {"peggedUSD": 1.0, "peggedEUR": 2.0}), wire.DayValue(2, {"peggedUSD": 3.0})]
    prices = [wire.DayPrices(1, {"tether": 0.99}), wire.DayPrices(2, {})]
    rates = [wire.DayPrices(1, {"USD": 1.0, "EUR": 0.9, "JPY": 150.0})]
    supply = [wire.Supply(1, 2.0), wire.Supply(2, 3.0)]

    assert [USDT, GONE] == wire.decode_stablecoins(wire.encode_stablecoins([GONE, USDT]))
    assert days == wire.decode_charts(wire.encode_charts(days))
    assert prices == wire.decode_prices(wire.encode_prices(prices))
    assert rates == wire.decode_rates(wire.encode_rates(rates))
    assert supply == wire.decode_supply(wire.encode_supply(USDT, supply))


def test_an_empty_map_is_no_record_and_not_zero() -> None:
    """A coin without yesterday has no change since yesterday."""
    body = (
        b'{"peggedAssets":[{"symbol":"X","pegType":"peggedUSD","circulating":{"peggedUSD":0},"circulatingPrevDay":{}}]}'
    )
    (coin,) = wire.decode_stablecoins(body)

    assert (0.0, None) == (coin.usd, coin.prev_day_usd)


@pytest.mark.parametrize(
    ("price", "expected"), [("0.99", 0.99), ('"0.99"', 0.99), ("null", None), ('""', None), ("0", None)]
)
def test_a_price_is_a_number_a_text_or_nothing(price: str, expected: float | None) -> None:
    """All three have been seen."""
    body = f'{{"peggedAssets":[{{"symbol":"X","price":{price}}}]}}'.encode()

    assert [expected] == [coin.price for coin in wire.decode_stablecoins(body)]


def test_eight_recorded_years_are_written_and_read() -> None:
    """The dates are text, days at 00:00 UTC; the total passed 300 billion."""
    text = recorded("defillama_stablecoincharts_all_peggedUSD_daily_2017-11-29_2026-08-21.csv").decode()
    days = [
        wire.DayValue(round(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()), {"peggedUSD": float(value)})
        for day, value, _ in list(csv.reader(text.splitlines()))[1:]
    ]
    found = wire.decode_charts(wire.encode_charts(days))

    assert days == found
    assert len(found) > 3_000
    assert found[-1].usd["peggedUSD"] > 300e9


def test_paths_hold_what_they_are_given() -> None:
    """Chains and ids come from the query of whoever is connected."""
    assert "/stablecoincharts/BSC" == wire.charts_path("BSC")
    assert "/stablecoincharts/..%2Fconfig" == wire.charts_path("../config")
    assert "/stablecoin/1" == wire.coin_path("1")


@pytest.mark.parametrize("body", [b"", b"[]", b"not found", b'{"peggedAssets":[{}]}'])
def test_other_bodies_are_unreadable(body: bytes) -> None:
    """With a sentence."""
    with pytest.raises(Unreadable, match="DefiLlama"):
        wire.decode_stablecoins(body)
