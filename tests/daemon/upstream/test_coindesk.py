"""CoinDesk asked on loopback: batches, pages counted back from the end, and a key that nobody sees."""

import json
from collections.abc import Mapping

import pytest
from aiohttp import web

from daemon.supervisor import Busy, Refused, Transient
from daemon.upstream.coindesk import Allowance, CoinDesk, buckets
from daemon.upstream.coindesk_desk import CoinDeskDesk
from daemon.upstream.http import Http
from daemon.upstream.records import Contract, FundingPoint, OiPricePoint, VenueVolume
from daemon.wire import coindesk as wire
from daemon.wire import coindesk_server as server
from daemon.wire.control import Unreadable
from tests.daemon.upstream.far_end import NOW, Answer, clock, far_end

KEY = "very-secret-key"
NOW_S = NOW // 1000
DAY_S, HOUR_S = 86_400, 3_600
BTC, BTC_USD = "BTC-USDT-VANILLA-PERPETUAL", "BTC-USD-INVERSE-PERPETUAL"


def asked_of(http: Http, url: str) -> CoinDesk:
    return CoinDesk(http, key=KEY, rest_url=url, clock=clock)


def listed(venue: str, *more: wire.Instrument) -> bytes:
    rows = [
        wire.Instrument(name=BTC, pair="BTCUSDT", base="BTC", quote="USDT", kind="VANILLA"),
        wire.Instrument(name=BTC_USD, pair="BTCUSD_PERP", base="BTC", quote="USD", kind="INVERSE"),
        wire.Instrument(name="ETH-USDT-VANILLA-PERPETUAL", pair="ETHUSDT", base="ETH", quote="USDT", kind="VANILLA"),
        *more,
    ]
    return server.encode_instruments(venue, rows)


async def test_the_key_travels_in_a_header_and_okx_is_called_okex() -> None:
    """Never in the address, where it would end up in logs."""
    async with far_end({wire.TICK: b'{"Data":{"A":{"PRICE":1}},"Err":{}}'}) as (end, http):
        ticks = await asked_of(http, end.url).ticks("okx", ["A"])

    assert {"A": wire.Tick(price=1.0)} == ticks
    assert [(wire.TICK, {"market": "okex", "instruments": "A"})] == end.asked
    assert f"Apikey {KEY}" == end.headers[0]["Authorization"]


async def test_instruments_are_asked_for_in_batches_of_25() -> None:
    """More are refused; those it does not know are missing in the answer."""

    def answer(query: Mapping[str, str]) -> bytes:
        rows = {name: {"PRICE": 1} for name in query["instruments"].split(",") if name != "I7"}
        return json.dumps({"Data": rows, "Err": {}}).encode()

    names = [f"I{n}" for n in range(60)]
    async with far_end({wire.TICK: answer}) as (end, http):
        ticks = await asked_of(http, end.url).ticks("binance", names)

    assert [10, 25, 25] == sorted(len(query["instruments"].split(",")) for query in end.queries(wire.TICK))
    assert set(names) - {"I7"} == ticks.keys()


@pytest.mark.parametrize(
    ("start_s", "end_s", "step_s", "expected"),
    [
        (0, 0, 3600, 1),
        (0, 3599, 3600, 2),
        (0, 3600, 3600, 2),
        (0, 86_400 * 29, 86_400, 30),
        (500, 100, 60, 1),
    ],
)
def test_a_start_becomes_a_number_of_buckets(start_s: int, end_s: int, step_s: int, expected: int) -> None:
    """There is no start parameter; one too many is cut, one too few would be missing."""
    assert expected == buckets(start_s, end_s, step_s)


async def test_history_is_paged_back_from_the_end_and_cut_at_the_start() -> None:
    """2,000 hours a page; the bucket that holds the start is in, and the running one too."""
    first_s = NOW_S - 3_000 * HOUR_S

    def answer(query: Mapping[str, str]) -> bytes:
        last = int(query["to_ts"]) // HOUR_S * HOUR_S
        times = [last - n * HOUR_S for n in reversed(range(int(query["limit"])))]
        return server.encode_history("bybit", "BTCUSDT", "HOUR", [wire.Bar(at_s=at_s, close=1.0) for at_s in times])

    async with far_end({wire.BARS + "hours": answer}) as (end, http):
        bars = await asked_of(http, end.url).bars("bybit", "BTCUSDT", "hours", start_s=first_s + 5)

    assert [first_s + n * HOUR_S for n in range(3_001)] == [bar.at_s for bar in bars]
    assert ["2000", "1001"] == [query["limit"] for query in end.queries(wire.BARS + "hours")]


async def test_a_page_that_never_ends_is_asked_for_twice_at_most() -> None:
    """An upstream that ignores to_ts sends the newest rows for ever."""
    rows = [wire.Bar(at_s=NOW_S - n * 60, close=1.0) for n in range(3)]
    body = server.encode_history("bybit", "BTCUSDT", "MINUTE", rows)
    async with far_end({wire.BARS + "minutes": body}) as (end, http):
        bars = await asked_of(http, end.url).bars("bybit", "BTCUSDT", "minutes", start_s=NOW_S - 10 * DAY_S)

    assert 3 == len(bars)
    assert len(end.asked) <= 2


async def test_empty_history_is_empty() -> None:
    """And ends at once."""
    async with far_end({wire.BARS + "days": b'{"Data":[],"Err":{}}'}) as (end, http):
        assert [] == await asked_of(http, end.url).bars("bybit", "BTCUSDT", "days", start_s=0, end_s=NOW_S)
        assert 1 == len(end.asked)


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (
            web.Response(status=401, text='{"Err":{"message":"API key required, please refer to the documentation"}}'),
            Refused,
            "the key is missing or wrong",
        ),
        (server.encode_error(f"the key {KEY} may not do this"), Unreadable, "the key … may not do this"),
        (web.Response(status=400, text=f'{{"Err":{{"message":"bad {KEY}"}}}}'), Refused, "bad …"),
        (web.Response(status=429, text="{}", headers={"Retry-After": "7"}), Busy, "busy"),
        (web.Response(status=503, text=KEY), Busy, "busy"),
        (b"<html>maintenance</html>", Transient, "web page"),
    ],
)
async def test_each_refusal_has_its_sentence_without_the_key(answer: Answer, kind: type[Exception], words: str) -> None:
    """Whatever the far end repeats."""
    async with far_end(every=answer) as (end, http):
        with pytest.raises(kind, match=words) as caught:
            await asked_of(http, end.url).ticks("binance", ["A"])

    assert KEY not in str(caught.value)


async def test_a_used_up_key_is_not_asked_with() -> None:
    """The header said that nothing is left of this hour: we refuse before CoinDesk does, and say for how long."""
    header = {wire.REMAINING_HEADER: server.remaining_header({1: 20, 60: 1000, 3_600: 0, 86_400: 40_000})}
    body = web.Response(text='{"Data":{"A":{"PRICE":1}},"Err":{}}', headers=header)
    async with far_end(every=body) as (end, http):
        coindesk = asked_of(http, end.url)
        await coindesk.ticks("binance", ["A"])
        with pytest.raises(Busy, match="no questions left for this hour") as caught:
            await coindesk.ticks("binance", ["A"])

    assert 1 == len(end.asked)
    assert 600.0 == caught.value.retry_after_s


def test_an_allowance_counts_down_and_forgets() -> None:
    """Between two answers it counts itself; an old count is not believed for ever."""
    now = [0]
    allowance = Allowance(lambda: now[0])
    allowance.heard({60: 2})
    allowance.spend()
    allowance.spend()
    with pytest.raises(Busy, match="this minute"):
        allowance.spend()
    now[0] = 60_000
    allowance.spend()


async def test_limits_are_heeded_too() -> None:
    """Asked for once, they are what the header says later."""
    async with far_end({wire.LIMITS: server.encode_limits({60: 0})}) as (end, http):
        coindesk = asked_of(http, end.url)
        assert {60: 0} == await coindesk.limits()
        with pytest.raises(Busy, match="this minute"):
            await coindesk.limits()


async def test_contracts_of_a_coin_are_put_together_from_three_answers() -> None:
    """QUOTE is dollars for both kinds; an inverse contract's coins follow from its price."""
    names = [BTC, BTC_USD]
    ticks = {
        BTC: wire.Tick(pair="BTCUSDT", price=67_000.0, volume_24h_base=10.0, volume_24h_quote=670_000.0, at_ms=NOW),
        BTC_USD: wire.Tick(pair="BTCUSD_PERP", price=67_010.0, volume_24h_base=1.0, volume_24h_quote=67_010.0),
    }
    fundings = {
        BTC: wire.Funding(pair="BTCUSDT", rate=1e-4, interval_h=8.0),
        BTC_USD: wire.Funding(pair="BTCUSD_PERP", rate=-5e-5, interval_h=4.0),
    }
    interests = {
        BTC: wire.Interest(pair="BTCUSDT", settlement=2.0, quote=134_000.0, mark=67_000.0),
        BTC_USD: wire.Interest(pair="BTCUSD_PERP", settlement=0.5, quote=33_500.0, mark=67_000.0),
    }
    answers: dict[str, Answer] = {
        wire.INSTRUMENTS: listed("binance"),
        wire.TICK: server.encode_latest("binance", ticks),
        wire.FUNDING: server.encode_latest("binance", fundings),
        wire.INTEREST: server.encode_latest("binance", interests),
    }
    async with far_end(answers) as (end, http):
        desk = CoinDeskDesk(asked_of(http, end.url), "binance", clock=clock)
        linear, inverse = await desk.contracts({"BTC"})
        await desk.contracts({"BTC"})

    assert (
        Contract(
            venue="binance",
            symbol="BTC-USDT-PERP",
            pair="BTCUSDT",
            kind="VANILLA",
            last=67_000.0,
            mark=67_000.0,
            funding_rate=1e-4,
            funding_interval_h=8.0,
            next_funding_ms=1_800_000_000_000 + 8 * 3_600_000,
            oi_base=2.0,
            oi_usd=134_000.0,
            volume_24h_usd=670_000.0,
            volume_24h_base=10.0,
            at_ms=NOW,
            provider="CoinDesk",
        )
        == linear
    )
    assert ("BTC-USD-PERP", "INVERSE", 33_500.0, 0.5) == (
        inverse.symbol,
        inverse.kind,
        inverse.oi_usd,
        inverse.oi_base,
    )
    assert {",".join(names)} == {query["instruments"] for query in end.queries(wire.TICK)}
    assert 1 == len(end.queries(wire.INSTRUMENTS))


async def test_funding_is_not_asked_for_when_all_contracts_are() -> None:
    """Nobody shows it then, and it would be a third of all questions."""
    answers: dict[str, Answer] = {
        wire.INSTRUMENTS: listed("binance"),
        wire.TICK: server.encode_latest("binance", {BTC: wire.Tick(price=1.0)}),
        wire.INTEREST: server.encode_latest("binance", {}),
    }
    async with far_end(answers) as (end, http):
        (row,) = await CoinDeskDesk(asked_of(http, end.url), "binance", clock=clock).contracts(None)

    assert row.funding_rate is None
    assert [] == end.queries(wire.FUNDING)


async def test_a_contract_in_euros_has_no_dollars() -> None:
    """QUOTE would be euros."""
    name = "BTC-EUR-VANILLA-PERPETUAL"
    euro = wire.Instrument(name=name, pair="BTCEUR", base="BTC", quote="EUR", kind="VANILLA")
    answers: dict[str, Answer] = {
        wire.INSTRUMENTS: server.encode_instruments("kraken", [euro]),
        wire.TICK: server.encode_latest("kraken", {name: wire.Tick(price=60_000.0, volume_24h_quote=1e6)}),
        wire.FUNDING: b'{"Data":{},"Err":{}}',
        wire.INTEREST: server.encode_latest("kraken", {name: wire.Interest(settlement=3.0, quote=180_000.0)}),
    }
    async with far_end(answers) as (end, http):
        desk = CoinDeskDesk(asked_of(http, end.url), "kraken", clock=clock)
        (row,) = await desk.contracts(None)

        assert (3.0, None, None) == (row.oi_base, row.oi_usd, row.volume_24h_usd)
        assert await desk.volume_2h("BTCEUR") is None


async def test_two_hours_are_120_whole_minutes() -> None:
    """The running minute is not asked for; a bucket without trades counts nothing."""
    minute = NOW_S // 60 * 60
    bars = [wire.Bar(at_s=minute - n * 60, volume_quote=None if n == 5 else 100.0) for n in range(121, 0, -1)]
    body = server.encode_history("binance", "BTCUSDT", "MINUTE", bars)
    async with far_end({wire.INSTRUMENTS: listed("binance"), wire.BARS + "minutes": body}) as (end, http):
        volume = await CoinDeskDesk(asked_of(http, end.url), "binance", clock=clock).volume_2h("BTCUSDT")

    assert 119 * 100.0 == volume
    (query,) = end.queries(wire.BARS + "minutes")
    assert ("120", str(minute - 60)) == (query["limit"], query["to_ts"])


async def test_funding_by_day_has_the_mark_price_of_open_interest() -> None:
    """There is no mark price history of its own; a day without one has none."""
    rates = [wire.FundingBucket(at_s=NOW_S - NOW_S % DAY_S - n * DAY_S, rate=n / 1e4, interval_h=8.0) for n in (1, 0)]
    interest = [wire.InterestBucket(at_s=rates[0].at_s, mark=67_000.0)]
    answers: dict[str, Answer] = {
        wire.FUNDING_HISTORY + "days": server.encode_history("bybit", "BTCUSDT", "DAY", rates),
        wire.INTEREST_HISTORY + "days": server.encode_history("bybit", "BTCUSDT", "DAY", interest),
    }
    async with far_end(answers) as (end, http):
        desk = CoinDeskDesk(asked_of(http, end.url), "bybit", clock=clock)
        points = await desk.funding_history("BTCUSDT", start_ms=None, end_ms=None, limit=2)

    assert [
        FundingPoint(at_ms=rates[0].at_s * 1000, rate=1e-4, interval_h=8.0, mark_price=67_000.0),
        FundingPoint(at_ms=rates[1].at_s * 1000, rate=0.0, interval_h=8.0),
    ] == points


async def test_price_and_open_interest_are_joined_by_bucket() -> None:
    """The closing price, or the mark price where nothing was traded; no open interest, no point."""
    start = NOW_S - 3 * HOUR_S
    bars = [wire.Bar(at_s=start, close=10.0), wire.Bar(at_s=start + HOUR_S), wire.Bar(at_s=start + 2 * HOUR_S, close=9)]
    interest = [
        wire.InterestBucket(at_s=start, quote=100.0, mark=10.5),
        wire.InterestBucket(at_s=start + HOUR_S, quote=110.0, mark=11.0),
        wire.InterestBucket(at_s=start + 2 * HOUR_S, mark=12.0),
    ]
    answers: dict[str, Answer] = {
        wire.INSTRUMENTS: listed("bybit"),
        wire.BARS + "hours": server.encode_history("bybit", "BTCUSDT", "HOUR", bars),
        wire.INTEREST_HISTORY + "hours": server.encode_history("bybit", "BTCUSDT", "HOUR", interest),
    }
    async with far_end(answers) as (end, http):
        desk = CoinDeskDesk(asked_of(http, end.url), "bybit", clock=clock)
        points = await desk.oi_price_history("BTCUSDT", start_ms=start * 1000, end_ms=NOW, hours=True)

    assert [
        OiPricePoint(at_ms=start * 1000, price=10.0, oi_usd=100.0),
        OiPricePoint(at_ms=(start + HOUR_S) * 1000, price=11.0, oi_usd=110.0),
    ] == points


async def test_a_days_volume_keeps_the_row_as_it_was_sent() -> None:
    """Named as CoinDesk names it."""
    body = b'{"Data":{"BTCUSDT":{"PRICE":5,"MOVING_24_HOUR_QUOTE_VOLUME":1000,"EXTRA":1}},"Err":{}}'
    async with far_end({wire.INSTRUMENTS: listed("binance"), wire.TICK: body}) as (end, http):
        volume = await CoinDeskDesk(asked_of(http, end.url), "binance", clock=clock).volume_24h("BTCUSDT")

    raw = {"PRICE": 5, "MOVING_24_HOUR_QUOTE_VOLUME": 1000, "EXTRA": 1}
    assert VenueVolume(venue="binance", instrument=BTC, volume_usd=1000.0, raw=raw) == volume


async def test_a_future_is_named_by_the_day_it_expires() -> None:
    """2027-03-26; it has no funding, so none is asked for."""
    name = "BTC-USD-INVERSE-26MAR27"
    dated = wire.Instrument(
        name=name, pair="BTC-26MAR27", base="BTC", quote="USD", kind="INVERSE", expires_s=1_806_048_000
    )
    answers: dict[str, Answer] = {
        wire.INSTRUMENTS: server.encode_instruments("deribit", [dated]),
        wire.TICK: server.encode_latest("deribit", {name: wire.Tick(price=1.0)}),
        wire.INTEREST: b'{"Data":{},"Err":{}}',
    }
    async with far_end(answers) as (end, http):
        (row,) = await CoinDeskDesk(asked_of(http, end.url), "deribit", clock=clock).contracts(None)

    assert ("BTC-USD-20270326", None) == (row.symbol, row.next_funding_ms)
    assert [] == end.queries(wire.FUNDING)
