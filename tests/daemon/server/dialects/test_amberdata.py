"""Amberdata's clients, served: what they ask, what they are answered, and what they hear."""

import json
from typing import Any

import pytest

from daemon.server.dialects.amberdata_channels import DEPTH
from daemon.wire import amberdata as wire
from daemon.wire.amberdata_requests import TOO_MANY
from rules.events import (
    BookSnapshot,
    BookUpdate,
    Candle,
    FeedHealth,
    FundingRate,
    InsuranceFund,
    Liquidation,
    LongShortRatio,
    OpenInterest,
    Ticker,
    Trade,
)
from rules.selection import Selection
from tests.daemon.server.dialects.booth import NOW, Client, booth, until

BTC, ETH = "BTC-USDT-PERP", "ETH-USDT-PERP"
MINUTE = 60_000
SUBSCRIBE = {"jsonrpc": "2.0", "id": 1, "method": "subscribe"}


def trade(trade_id: str = "1", venue: str = "binance", symbol: str = BTC) -> Trade:
    return Trade(
        venue=venue,
        symbol=symbol,
        price=100.0,
        quantity=2.0,
        taker="buy",
        trade_id=trade_id,
        at_ms=NOW,
        received_ms=NOW,
    )


def ticker(at_ms: int, bid: float = 99.0) -> Ticker:
    return Ticker(venue="binance", symbol=BTC, bid=bid, ask=bid + 1, at_ms=at_ms, received_ms=NOW)


def candle(opened_ms: int, *, is_closed: bool = True, interval_ms: int = MINUTE) -> Candle:
    return Candle(
        venue="binance", symbol=BTC, opened_ms=opened_ms, interval_ms=interval_ms, open=1, high=3, low=1, close=2,
        volume=5, is_closed=is_closed, at_ms=opened_ms + 1, received_ms=NOW,
    )  # fmt: skip


def book(sequence: int = 10, venue: str = "binance", levels: int = 1, received_ms: int = NOW) -> BookSnapshot:
    return BookSnapshot(
        venue=venue, symbol=BTC, bids=tuple((100.0 - i / 1e4, 1.0) for i in range(levels)), asks=((101.0, 1.0),),
        sequence=sequence, at_ms=NOW, received_ms=received_ms,
    )  # fmt: skip


def change(sequence: int, follows: int) -> BookUpdate:
    return BookUpdate(
        venue="binance", symbol=BTC, bids=((100.0, 0.0), (99.0, 4.0)), asks=((101.0, 2.0),), sequence=sequence,
        follows=follows, at_ms=NOW, received_ms=NOW,
    )  # fmt: skip


def result(said: dict[str, Any]) -> Any:
    assert ("2.0", "subscription") == (said["jsonrpc"], said["method"])
    return said["params"]["result"]


async def sentence(client: Client, channel: str, **wanted: Any) -> tuple[str, int]:
    """Why this subscription is refused."""
    said = await client.ask(SUBSCRIBE | {"params": [channel, wanted]})
    assert {"jsonrpc", "id", "error"} == set(said), said
    return said["error"]["description"], said["error"]["code"]


async def test_a_subscription_is_acknowledged_with_its_id_and_then_heard() -> None:
    """The documents' example, on both paths."""
    async with booth() as place:
        for path in ("/futures", "/"):
            async with place.client(path, x_api_key="anything") as client:
                name = await client.subscribe(wire.TRADES, instrument="BTCUSDT", exchange="binance")
                await place.hear(trade())
                said = await client.hear()

                assert name == said["params"]["subscription"]
                assert ("binance", "BTCUSDT", "1") == tuple(
                    result(said)[key] for key in ("exchange", "instrument", "tradeId")
                )
            await until(lambda: not place.hub.connections)


async def test_only_what_was_subscribed_is_heard() -> None:
    """By instrument and exchange; without an exchange all that write it so."""
    async with booth() as place, place.client() as one, place.client() as all_:
        await one.subscribe(wire.TRADES, instrument="BTC-USDT-SWAP", exchange="okx")
        await all_.subscribe(wire.TRADES, instrument="BTCUSDT")
        await place.hear(
            trade("a"), trade("b", "okx"), trade("c", "bybit"), trade("d", "binance", ETH), trade("e", "okx")
        )

        assert [("BTC-USDT-SWAP", "b"), ("BTC-USDT-SWAP", "e")] == [
            (found["instrument"], found["tradeId"]) for found in [result(await one.hear()) for _ in range(2)]
        ]
        assert [("binance", "a"), ("bybit", "c")] == [
            (found["exchange"], found["tradeId"]) for found in [result(await all_.hear()) for _ in range(2)]
        ]


async def test_an_exchange_goes_by_the_name_that_its_client_uses() -> None:
    """Huobi is htx, okex is okx; capitals do not matter."""
    async with booth() as place, place.client() as old, place.client() as new:
        await old.subscribe(wire.INSURANCE_FUNDS, instrument="EOS", exchange="huobi")
        await new.subscribe(wire.INSURANCE_FUNDS, instrument="eos", exchange="HTX")
        await place.hear(InsuranceFund(venue="htx", coin="EOS", amount=5.0, at_ms=NOW + 999, received_ms=NOW))

        assert {"exchange": "huobi", "instrument": "EOS", "timestamp": NOW // 1000, "fund": 5.0} == result(
            await old.hear()
        )
        assert "htx" == result(await new.hear())["exchange"]


async def test_everything_may_be_subscribed_where_it_is_no_firehose() -> None:
    """What is wanted upstream is everything, or the live coins of what is heavy; heard is all that anybody brings."""
    everything, live = Selection(None), Selection.of(["BTC", "SOL"])
    async with booth(live=["BTC", "SOL"]) as place, place.client() as client:
        for channel in sorted(set(wire.CHANNELS.values()) - wire.FIREHOSES):
            await client.subscribe(channel)

        assert {
            *((kind, None, everything) for kind in (FundingRate, InsuranceFund, Liquidation, OpenInterest)),
            *((kind, None, live) for kind in (LongShortRatio, Candle, BookSnapshot, BookUpdate, Trade)),
        } == place.wishes  # fmt: skip
        await place.hear(trade("x", "deribit", "DOGE-USDT-PERP"))
        said = result(await client.hear())

        assert ("deribit", "DOGE_USDT-PERPETUAL") == (said["exchange"], said["instrument"])


@pytest.mark.parametrize("channel", sorted(wire.FIREHOSES))
async def test_firehoses_need_an_instrument(channel: str) -> None:
    """Refused in the published words."""
    async with booth() as place, place.client() as client:
        assert ("not authorized to access this resource", 403) == await sentence(client, channel)
        assert ("not authorized to access this resource", 403) == await sentence(client, channel, exchange="binance")
        assert not place.wishes


async def test_what_is_wanted_is_told_upstream_and_given_up() -> None:
    """On unsubscribe, and when the client goes; a book needs both its snapshots and its changes."""
    async with booth() as place:
        async with place.client() as client:
            name = await client.subscribe(wire.ORDER_EVENTS, instrument="BTCUSDT", exchange="binance")
            which = Selection.of([BTC])
            assert {(BookSnapshot, "binance", which), (BookUpdate, "binance", which)} == place.wishes
            given_up = {"jsonrpc": "2.0", "id": 2, "method": "unsubscribe", "params": [name]}
            assert {"jsonrpc": "2.0", "id": 2, "result": True} == await client.ask(given_up)
            assert set() == place.wishes
            again = await client.ask(given_up)
            assert (400, 2) == (again["error"]["code"], again["id"])
            await client.subscribe(wire.TRADES, instrument="BTCUSDT", exchange="binance")
            assert {(Trade, "binance", which)} == place.wishes
        await until(lambda: not place.wishes)
        assert dict.fromkeys(place.dialects.desk.subscriptions_by_channel(), 0) == (
            place.dialects.desk.subscriptions_by_channel()
        )


async def test_what_cannot_be_subscribed_says_why() -> None:
    """And costs nothing else."""
    async with booth() as place, place.client() as client:
        assert ("subscription 'market:spot:trades' is not supported", 400) == await sentence(
            client, "market:spot:trades"
        )
        why, code = await sentence(client, wire.TRADES, instrument="BTC-USDT-SWAP", exchange="binance")
        assert (400, "instrument 'BTC-USDT-SWAP' is unknown on binance; names are like BTCUSDT there") == (code, why)
        assert "unknown on any exchange" in (await sentence(client, wire.TRADES, instrument="??"))[0]
        assert "exchange 'mtgox' is not supported" in (await sentence(client, wire.TRADES, exchange="mtgox"))[0]
        await client.subscribe(wire.TRADES, instrument="XBTUSD", exchange="bitmex")  # closed: a name with no news
        assert set() == place.wishes


async def test_a_connection_has_a_hundred_subscriptions() -> None:
    """Made in one array, which is answered with an array; the next is refused in the published words."""
    asked = SUBSCRIBE | {"params": [wire.TRADES, {"instrument": "BTCUSDT", "exchange": "binance"}]}
    async with booth() as place, place.client() as client:
        answers = await client.ask([asked | {"id": number} for number in range(100)])
        assert list(range(100)) == [answer["id"] for answer in answers]
        assert 100 == len({answer["result"] for answer in answers})
        assert (TOO_MANY, 400) == await sentence(client, wire.TRADES, instrument="BTCUSDT", exchange="binance")
        await place.hear(trade())
        assert {answer["result"] for answer in answers} == {
            (await client.hear())["params"]["subscription"] for _ in range(100)
        }


async def test_a_house_that_can_listen_to_no_more_says_so() -> None:
    """Nothing is subscribed then."""
    async with booth(wants_nothing_more=True) as place, place.client() as client:
        assert "more is wanted than can be listened to" in (await sentence(client, wire.LIQUIDATIONS))[0]


async def test_one_ticker_a_second_the_first() -> None:
    """By the venue's clock, for each instrument; somebody who comes in between waits for the next."""
    second = NOW // 1_000 * 1_000
    async with booth() as place, place.client() as client, place.client() as later:
        await client.subscribe(wire.TICKERS, instrument="BTCUSDT", exchange="binance")
        await place.hear(ticker(second, 1.0), ticker(second + 1, 2.0), ticker(second + 999, 3.0))
        await later.subscribe(wire.TICKERS, instrument="BTCUSDT", exchange="binance")
        await place.hear(ticker(second - 5, 4.0), ticker(second + 1_000, 5.0), ticker(second + 1_001, 6.0))

        assert [1.0, 5.0] == [result(await client.hear())["bid"] for _ in range(2)]
        assert 5.0 == result(await later.hear())["bid"]


async def test_a_clock_that_was_wrong_does_not_silence_tickers() -> None:
    """A time an hour ahead, once, is forgotten."""
    async with booth() as place, place.client() as client:
        await client.subscribe(wire.TICKERS, instrument="BTCUSDT", exchange="binance")
        await place.hear(ticker(NOW, 1.0), ticker(NOW + 3_600_000, 2.0), ticker(NOW + 1_000, 3.0))

        assert [1.0, 2.0, 3.0] == [result(await client.hear())["bid"] for _ in range(3)]


async def test_closed_minutes_and_the_newest_at_once() -> None:
    """A candle that still moves, or of another length, is nobody's business."""
    async with booth() as place, place.client() as first, place.client() as later:
        await first.subscribe(wire.OHLCV, instrument="BTCUSDT", exchange="binance")
        await place.hear(candle(0, is_closed=False), candle(MINUTE, interval_ms=5 * MINUTE), candle(MINUTE))
        assert (MINUTE, 3) == ((said := result(await first.hear()))["timestamp"], said["high"])
        await later.subscribe(wire.OHLCV, instrument="BTCUSDT", exchange="binance")

        assert MINUTE == result(await later.hear())["timestamp"]
        await place.hear(candle(2 * MINUTE))
        assert [2 * MINUTE] * 2 == [result(await each.hear())["timestamp"] for each in (first, later)]


@pytest.mark.parametrize("channel", [wire.INSURANCE_FUNDS, wire.LONG_SHORT_RATIOS])
async def test_what_is_rare_is_told_at_once(channel: str) -> None:
    """The newest of each place."""
    ratio = LongShortRatio(
        venue="binance", symbol=BTC, ratio=1.5, long_share=0.6, short_share=0.4, at_ms=NOW, received_ms=NOW
    )
    async with booth() as place, place.client() as client:
        await place.hear(InsuranceFund(venue="binance", coin="BTC", amount=1.0, at_ms=NOW, received_ms=NOW), ratio)
        await client.subscribe(channel)

        assert "binance" == result(await client.hear())["exchange"]


async def test_a_book_as_it_is_now_then_what_changes() -> None:
    """A newcomer in the middle gets what the updates have made of it; one update is told a side at a time."""
    funding = FundingRate(
        venue="binance", symbol=BTC, rate=1e-4, interval_h=8, settles_at_ms=NOW, at_ms=NOW, received_ms=NOW
    )
    async with booth() as place, place.client() as client:
        await place.hear(funding, book(10), change(11, 10))
        await client.subscribe(wire.ORDER_SNAPSHOTS, instrument="BTCUSDT", exchange="binance")
        await client.subscribe(wire.ORDER_EVENTS, instrument="BTCUSDT", exchange="binance")
        bids, asks = result(await client.hear())
        await place.hear(change(12, 11))
        changes = [result(await client.hear()) for _ in range(2)]

        assert ([[99.0, 4.0, None]], 11, 1e-4) == (bids["data"], bids["sequence"], bids["currentFunding"])
        assert [[101.0, 2.0, None]] == asks["data"]
        assert [False, True] == [found["isBid"] for found in changes]
        assert [[100.0, 0.0, None], [99.0, 4.0, None]] == changes[1]["data"]


async def test_a_book_comes_again_after_a_gap_and_every_minute() -> None:
    """And not while nobody listens."""
    async with booth() as place, place.client() as client:
        await client.subscribe(wire.ORDER_SNAPSHOTS, instrument="BTCUSDT", exchange="binance")
        await place.hear(book(10), change(11, 10), book(50))
        assert [10, 50] == [result(await client.hear())[0]["sequence"] for _ in range(2)]
        place.now_ms = NOW + 59_999
        await place.hear(change(51, 50))
        place.now_ms = NOW + 60_000

        assert 51 == result(await client.hear())[0]["sequence"]


async def test_a_book_that_nobody_followed_is_forgotten() -> None:
    """And one whose feed is down: what was true then is not passed off as the book of now."""
    async with booth() as place, place.client() as client:
        snapshots = place.dialects.amberdata.channels[wire.ORDER_SNAPSHOTS]
        await place.hear(book())
        place.now_ms = NOW + 10_000
        list(snapshots.due(place.now_ms, lambda place: False))
        assert list(snapshots.known("binance", BTC))
        list(snapshots.due(place.now_ms + 10_001, lambda place: False))
        assert [] == list(snapshots.known("binance", BTC))
        await place.hear(book())
        down = FeedHealth(
            venue="binance", feed="binance.public", state="down", carries=("book_update",), at_ms=NOW, received_ms=NOW
        )
        await place.hear(down)
        await client.subscribe(wire.ORDER_SNAPSHOTS, instrument="BTCUSDT", exchange="binance")
        await place.hear(book(77))

        assert 77 == result(await client.hear())[0]["sequence"]


async def test_a_snapshot_is_as_deep_as_we_say() -> None:
    """A thousand levels a side."""
    async with booth() as place, place.client() as client:
        await client.subscribe(wire.ORDER_SNAPSHOTS, instrument="BTCUSDT", exchange="binance")
        await place.hear(book(levels=DEPTH + 1))
        bids, _ = result(await client.hear())

        assert DEPTH == len(bids["data"])
        assert 100.0 == bids["data"][0][0]


async def test_an_open_interest_is_a_text_and_a_liquidation_has_the_orders_side() -> None:
    """The quirks of the documents."""
    async with booth() as place, place.client() as client:
        for channel in (wire.OPEN_INTERESTS, wire.LIQUIDATIONS):
            await client.subscribe(channel)
        await place.hear(
            OpenInterest(venue="bybit", symbol=BTC, oi_base=123.0, oi_usd=9.0, at_ms=NOW, received_ms=NOW),
            Liquidation(
                venue="bybit", symbol=BTC, side="long", quantity=2.0, price=3.0, price_kind="bankruptcy",
                notional_usd=6.0, at_ms=NOW, received_ms=NOW,
            ),
        )  # fmt: skip

        assert {"exchange": "bybit", "instrument": "BTCUSDT", "timestamp": NOW, "value": "123", "type": None} == result(
            await client.hear()
        )
        said = result(await client.hear())
        assert ("SELL", "FILLED", None, 2.0) == (said["side"], said["status"], said["type"], said["volume"])


async def test_an_event_is_written_once_for_all_who_listen(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many they are."""
    written: list[Any] = []
    real = wire.encode

    def noted(event: Any, **more: Any) -> list[bytes]:
        written.append(event)
        return real(event, **more)

    async with booth() as place, place.client() as one, place.client() as other:
        for client in (one, other):
            await client.subscribe(wire.TRADES, instrument="BTCUSDT", exchange="binance")
        monkeypatch.setattr(wire, "encode", noted)
        await place.hear(trade())
        said = [json.dumps(result(await client.hear())) for client in (one, other)]

        assert said[0] == said[1]
        assert [trade()] == written
