"""CoinDesk's answers, as the vendor's samples have them, and as our own server writes them."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.wire import coindesk as wire
from daemon.wire import coindesk_server as server
from daemon.wire.control import Unreadable
from tests.daemon.wire.recorded import sample

SAMPLES = "coindesk_data_api_samples.json"


def test_the_vendors_sample_of_trading_is_read() -> None:
    """VOLUME is coins, QUOTE_VOLUME dollars."""
    bars = wire.decode_bars(sample(SAMPLES, "GET /futures/v1/historical/hours"))

    assert [
        wire.Bar(at_s=1750183200, close=104359.6, volume_base=7328.289, volume_quote=762072954.3334),
        wire.Bar(at_s=1750186800, close=104673.2, volume_base=2241.452, volume_quote=234392778.8179),
    ] == bars


def test_the_vendors_sample_of_funding_is_hourly() -> None:
    """Hyperliquid's rates are fractions per hour: INTERVAL_MS says so."""
    buckets = wire.decode_funding_history(sample(SAMPLES, "GET /futures/v1/historical/funding-rate/days"))

    assert wire.FundingBucket(at_s=1750032000, rate=1.25e-05, interval_h=1.0) == buckets[0]


def test_the_vendors_sample_of_open_interest_multiplies_up() -> None:
    """QUOTE is SETTLEMENT times MARK_PRICE: dollars."""
    first = wire.decode_interest_history(sample(SAMPLES, "GET /futures/v1/historical/open-interest/days"))[0]

    assert wire.InterestBucket(at_s=1750032000, settlement=78013.262, quote=8327556857.4948, mark=106745.4) == first
    assert pytest.approx(first.quote) == (first.settlement or 0) * (first.mark or 0)


def test_the_vendors_samples_name_contracts_and_exchanges() -> None:
    """Garbage counters beside them (6.89e18) are not read at all."""
    contracts = wire.decode_instruments(sample(SAMPLES, "GET /futures/v1/markets/instruments"), "binance")
    listings = wire.decode_markets(sample(SAMPLES, "GET /futures/v1/markets"))

    assert (
        wire.Instrument(name="BTC-USD-INVERSE-PERPETUAL", pair="BTCUSD_PERP", base="BTC", quote="USD", kind="INVERSE")
        in contracts
    )
    assert "Binance" == listings[0].name
    assert (listings[0].logo or "").startswith("https://resources.cryptocompare.com/")


def test_the_vendors_sample_of_limits_counts_the_tighter_key() -> None:
    """Second, minute, hour, day, month."""
    left = wire.decode_limits(sample(SAMPLES, "GET /admin/v2/rate/limit"))

    assert {1: 20, 60: 1000, 3_600: 10_000, 86_400: 40_000, 2_592_000: 200_000} == left


def test_the_header_of_limits_is_read_window_by_window() -> None:
    """A real one, from another client's tests."""
    text = "1220397, 9500;window=1, 9500;window=60, 9500;window=3600, 38673;window=86400, 1220397;window=2592000"

    assert {1: 9500, 60: 9500, 3600: 9500, 86400: 38673, 2592000: 1220397} == wire.decode_remaining(text)
    assert {} == wire.decode_remaining("")
    assert {} == wire.decode_remaining("soon;window=now, -1;window=60")


def test_okx_is_okex_there() -> None:
    """And nobody else is renamed."""
    assert ("okex", "binance") == (wire.market_of("okx"), wire.market_of("binance"))
    assert ("okx", "bybit") == (wire.venue_of("okex"), wire.venue_of("bybit"))


@pytest.mark.parametrize(
    "body",
    [
        b'{"Err":{"message":"API key required, please refer to the documentation"}}',
        b'{"Data":{},"Err":{"message":"API key required, please refer to the documentation"}}',
        b'{"Data":[],"Err":{"type":99,"message":"API key required, please refer to the documentation"}}',
    ],
)
def test_an_error_inside_a_good_status_is_a_refusal(body: bytes) -> None:
    """For every call, and also without a `type`."""
    with pytest.raises(Unreadable, match="refused: API key required"):
        wire.decode_ticks(body)
    with pytest.raises(Unreadable, match="refused: API key required"):
        wire.decode_bars(body)


def test_an_error_about_one_instrument_leaves_the_others() -> None:
    """CoinDesk may answer with a subset."""
    body = b'{"Data":{"A":{"PRICE":2.5},"B":null,"C":{"PRICE":null}},"Err":{"type":1,"message":"unknown: D"}}'

    assert {"A": wire.Tick(price=2.5)} == wire.decode_ticks(body)


def test_values_that_are_missing_stay_missing() -> None:
    """null, text that is no number, and zero prices are no prices; a zero rate is a rate."""
    ticks = wire.decode_ticks(b'{"Data":{"A":{"PRICE":1,"MOVING_24_HOUR_VOLUME":"soon"}},"Err":{}}')
    rates = wire.decode_fundings(b'{"Data":{"A":{"VALUE":0,"INTERVAL_MS":28800000},"B":{"VALUE":0.1}}}')

    assert {"A": wire.Tick(price=1.0)} == ticks
    assert {"A": wire.Funding(rate=0.0, interval_h=8.0)} == rates


def test_a_row_as_it_was_sent_is_kept_for_who_wants_it() -> None:
    """Documented as raw API data."""
    body = b'{"Data":{"A":{"PRICE":1,"UNHEARD_OF":[1]}},"Err":{}}'

    assert {"PRICE": 1, "UNHEARD_OF": [1]} == wire.decode_raw(body, "A")
    assert {} == wire.decode_raw(body, "B")


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"<html>", b'{"Data":[{"TIMESTAMP":"x"}]}', b'{"Data":3}'])
def test_nonsense_is_unreadable_and_nothing_else(body: bytes) -> None:
    """The text is a sentence."""
    with pytest.raises(Unreadable, match="CoinDesk sent an answer that cannot be read"):
        wire.decode_bars(body)


@given(st.recursive(st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(), lambda more: (
    st.lists(more, max_size=3) | st.dictionaries(st.sampled_from(["Data", "Err", "PRICE", "A", "message"]), more)
)))  # fmt: skip
@settings(deadline=None)
def test_any_json_is_read_or_unreadable(value: object) -> None:
    """Nothing else comes out of any decoder."""
    body = msgspec.json.encode(value)
    for decode in (
        wire.decode_ticks,
        wire.decode_fundings,
        wire.decode_interests,
        wire.decode_bars,
        wire.decode_funding_history,
        wire.decode_interest_history,
        wire.decode_markets,
        wire.decode_limits,
    ):
        try:
            decode(body)
        except Unreadable as exc:
            assert str(exc)


def test_the_two_ends_understand_each_other() -> None:
    """What our server writes, our client reads."""
    at_ms = 1_790_000_000_000
    tick = wire.Tick(pair="BTCUSDT", price=67000.5, volume_24h_base=10.0, volume_24h_quote=670005.0, at_ms=at_ms)
    funding = wire.Funding(
        pair="BTCUSDT",
        rate=-1.5e-05,
        interval_h=4.0,
        hour_change=1e-06,
        day_change=-2e-06,
        moving_24h_change=0.0,
        at_ms=at_ms,
    )
    interest = wire.Interest(pair="BTCUSDT", settlement=2.0, quote=134_000.0, mark=67_000.0, at_ms=at_ms)
    bars = [wire.Bar(at_s=60, close=1.0, volume_base=2.0, volume_quote=3.0), wire.Bar(at_s=120)]
    rates = [wire.FundingBucket(at_s=86_400, rate=1e-4, interval_h=8.0)]
    open_interest = [wire.InterestBucket(at_s=86_400, settlement=1.0, quote=2.0, mark=3.0)]
    name = server.name_of("BTC", "USDT", "VANILLA")
    contract = wire.Instrument(name=name, pair="BTC-USDT-SWAP", base="BTC", quote="USDT", kind="VANILLA")
    dated = wire.Instrument(
        name="BTC-USD-INVERSE-26MAR27", pair="x", base="BTC", quote="USD", kind="INVERSE", expires_s=1_806_000_000
    )
    listing = wire.Listing(venue="okx", name="OKX", logo="https://example.test/okx.png")
    left = {1: 20, 60: 1000, 3_600: 9, 86_400: 8, 2_592_000: 7}

    assert {"A": tick} == wire.decode_ticks(server.encode_latest("okx", {"A": tick}))
    assert {"A": funding} == wire.decode_fundings(server.encode_latest("okx", {"A": funding}))
    assert {"A": interest} == wire.decode_interests(server.encode_latest("okx", {"A": interest}))
    assert bars == wire.decode_bars(server.encode_history("okx", "BTCUSDT", "MINUTE", bars))
    assert rates == wire.decode_funding_history(server.encode_history("okx", "BTCUSDT", "DAY", rates))
    assert open_interest == wire.decode_interest_history(server.encode_history("okx", "BTCUSDT", "DAY", open_interest))
    assert [contract, dated] == wire.decode_instruments(server.encode_instruments("okx", [contract, dated]), "okex")
    assert [listing] == wire.decode_markets(server.encode_markets([listing]))
    assert left == wire.decode_limits(server.encode_limits(left))
    assert left == wire.decode_remaining(server.remaining_header(left))


def test_a_refusal_names_the_instruments_as_the_vendor_does() -> None:
    """With a `type`, or without one as for a missing key."""
    with pytest.raises(Unreadable, match="refused: no such instrument"):
        wire.decode_ticks(server.encode_error("no such instrument", values=["XYZ"]))
    with pytest.raises(Unreadable, match="refused: API key required"):
        wire.decode_ticks(server.encode_error("API key required", kind=None))
