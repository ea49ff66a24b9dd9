"""Our sources of Deribit, Hyperliquid, Gate, HTX and Bitget against the box, polite and hostile."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from daemon.simulator.venues.deribit import Deribit
from daemon.simulator.venues.htx import Htx
from daemon.wire import bitget_stream, deribit_stream, gate_stream, htx_stream, hyperliquid_stream
from rules.events import FundingRate, InsuranceFund, Liquidation, MarkPrice, OpenInterest
from rules.selection import Selection
from tests.daemon.simulator.far_end import forced
from tests.daemon.sources.loopback import QUICK, Venue, until
from tests.daemon.sources.streams.elsewhere import TELL_LIQUIDATIONS, VENUES, bitcoin, scene
from tests.patience import PATIENCE_S

HOURS = {"deribit": 8.0, "hyperliquid": 1.0, "gate": 8.0, "htx": 8.0, "bitget": 8.0}


@pytest.mark.parametrize("venue", VENUES)
async def test_what_each_venue_has_is_heard(venue: str) -> None:
    """Mark price with its index, funding with its interval, open interest in coins and dollars."""
    async with scene(venue) as play:
        kinds = (MarkPrice, FundingRate, OpenInterest)
        await play.play(lambda: all(any(e.place[1] == bitcoin(venue) for e in play.heard(kind)) for kind in kinds))
        await play.play(lambda: any(isinstance(e, MarkPrice) and e.index_price for e in play.home.facts))
        marks, rates, interests = (
            [event for event in play.heard(kind) if event.place == (venue, bitcoin(venue))] for kind in kinds
        )

    mark, rate, interest = marks[-1], rates[-1], interests[-1]
    assert isinstance(mark, MarkPrice) and isinstance(rate, FundingRate) and isinstance(interest, OpenInterest)
    assert abs(mark.price / 85_300 - 1) < 0.05
    assert HOURS[venue] == rate.interval_h
    assert (venue == "deribit") is (rate.settles_at_ms is None)
    assert interest.oi_usd is not None
    assert abs(interest.oi_usd / interest.oi_base / mark.price - 1) < 0.05


@pytest.mark.parametrize("venue", TELL_LIQUIDATIONS)
async def test_a_liquidation_keeps_its_side_and_its_size(venue: str) -> None:
    """Through contracts, dollars, or worth in the quote coin, as each venue counts."""
    symbol = "BTC-USDC-PERP" if venue == "deribit" else "BTC-USDT-PERP"
    async with scene(venue, kinds=(Liquidation,), coins=("BTC",)) as play:
        await play.connected()
        await play.box.say(venue, [forced(venue, 2.0, 85_000.0, symbol=symbol)])
        await until(lambda: play.heard(Liquidation) != [])
        [told] = play.heard(Liquidation)

    assert isinstance(told, Liquidation)
    assert ("long", 2.0, 85_000.0, 170_000.0) == (told.side, told.quantity, told.price, told.notional_usd)
    assert (venue, symbol) == told.place


async def test_htx_is_asked_for_the_insurance_fund_of_a_coin() -> None:
    """Each is held in its coin; of a coin that HTX does not list nothing is asked."""
    async with scene("htx", kinds=(InsuranceFund,), coins=("EOS", "NOPE")) as play:
        await play.play(lambda: play.heard(InsuranceFund) != [])
        asked = play.box.venues["htx"].asked
        [told] = play.heard(InsuranceFund)

    assert isinstance(told, InsuranceFund)
    assert ("htx", "EOS") == told.place
    assert 250_000 < told.amount < 370_000
    assert 1 == sum(times for path, times in asked.items() if path.endswith("swap_insurance_fund"))


@pytest.mark.parametrize("venue", VENUES)
async def test_only_what_is_wanted_is_asked_for(venue: str) -> None:
    async with scene(venue, kinds=(MarkPrice,), coins=("SOL",)) as play:
        await play.connected()
        topics = play.box.subscriptions(venue).topics

    assert topics
    assert all("SOL" in topic for topic in topics)


@pytest.mark.parametrize("venue", VENUES)
async def test_rubbish_is_counted_and_the_rest_is_heard(venue: str) -> None:
    """Half a JSON, numbers, lists, wrong types, what is not even text."""
    async with scene(venue) as play:
        await play.connected()
        stream = play.feeds[0]
        play.box.misbehave(venue, "garbage")
        before = len(play.home.facts)
        await play.play(lambda: stream.status.unreadable >= 8 and len(play.home.facts) > before)

        assert stream.status.sample is not None
        assert ([], 0) == (play.home.health, stream.status.reconnects)


@pytest.mark.parametrize("venue", VENUES)
async def test_silence_after_the_acknowledgement_is_noticed(venue: str) -> None:
    """Taken is not delivered: the feed is opened anew, and says why."""
    async with scene(venue, kinds=(FundingRate, MarkPrice), timing=replace(QUICK, moves_within_s=0.1)) as play:
        play.box.misbehave(venue, "silence")
        await play.play(lambda: bool(play.home.health))
        reasons = [health.reason for health in play.home.health]

    assert "sent no market data" in reasons[0]


@pytest.mark.parametrize("venue", VENUES)
async def test_a_connection_that_is_torn_is_made_again(venue: str) -> None:
    async with scene(venue) as play:
        await play.connected()
        play.box.misbehave(venue, "drop")
        await play.play(lambda: play.feeds[0].status.reconnects > 0 and play.feeds[0].status.state == "up")

        assert ["down", "up"] == [health.state for health in play.home.health if health.feed == play.feeds[0].name]


@asynccontextmanager
async def half_a_handshake() -> AsyncIterator[str]:
    """A server that begins to agree, and stops in the middle of the sentence."""

    async def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: webso")
        await writer.drain()
        await reader.read()
        writer.close()

    server = await asyncio.start_server(begin, "127.0.0.1", 0)
    async with server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.mark.parametrize("venue", VENUES)
async def test_half_a_handshake_is_given_up(venue: str) -> None:
    async with half_a_handshake() as url:
        settings = {"ws_url": url, **({"index_url": url} if venue == "htx" else {})}
        async with scene(venue, timing=replace(QUICK, open_s=0.05), settings=settings) as play:
            await until(lambda: any(health.state == "down" for health in play.home.health))

            assert "no connection within" in play.home.health[0].reason


async def test_a_gzip_bomb_is_refused_and_the_connection_goes_on() -> None:
    """Ten kilobytes that would become ten megabytes, again and again."""
    bomb = gzip.compress(b"0" * 10_000_000)

    def answer(text: str) -> list[bytes]:
        request = htx_stream.read_request(text)
        return [bomb, *map(htx_stream.pack, htx_stream.acknowledge(request)), bomb]

    async with Venue(answer) as far_end:
        settings = {"ws_url": far_end.url}
        async with scene("htx", kinds=(Liquidation,), coins=("*",), settings=settings) as play:
            [stream] = play.feeds
            await until(lambda: stream.status.unreadable == 2 and stream.status.state == "up")
            await far_end.send(*htx_stream.encode([forced("htx")], 0))
            await until(lambda: play.heard(Liquidation) != [])

            assert "unpacks to more than" not in (stream.status.last_error or "")
            assert 1 == len(far_end.connections)


@pytest.mark.parametrize("venue", ["deribit", "htx"])
async def test_a_far_end_that_wants_signs_of_life_gets_them(venue: str) -> None:
    """The box asks every few seconds, and cuts whoever does not answer in the right words and type."""
    async with scene(venue, timing=replace(QUICK, ping_every_s=0.01)) as play:
        await play.connected()
        far_end = play.box.venues[venue]
        assert isinstance(far_end, Deribit | Htx)
        asked = 0
        async with asyncio.timeout(PATIENCE_S):
            while asked < 5:
                play.clock.now_ms += 1_000
                await play.box.step()
                asked += far_end.owing
                await until(lambda: far_end.owing == 0)
                await asyncio.sleep(0.001)  # our first ping, which asks Deribit for heartbeats, has its own clock

        assert ([], 0) == (play.home.health, play.feeds[0].status.reconnects)


async def test_a_channel_that_deribit_leaves_out_of_its_answer_is_named() -> None:
    """Compared with what was asked: the rest goes on."""

    def answer(text: str) -> list[str]:
        request = deribit_stream.read_request(text)
        taken = [topic for topic in request.topics if not topic.startswith("trades")]
        return deribit_stream.acknowledge(request, None if request.method != "subscribe" else taken)

    async with Venue(answer) as far_end, scene("deribit", coins=("SOL",), settings={"ws_url": far_end.url}) as play:
        [stream] = play.feeds
        await until(lambda: stream.status.rejected != {})

        assert {"trades.SOL_USDC-PERPETUAL.100ms": "the venue left it out of its answer"} == stream.status.rejected


async def test_a_coin_that_hyperliquid_refuses_is_named() -> None:
    """Its answers have no ids: the coin in the text says which."""

    def answer(text: str) -> list[str]:
        request = hyperliquid_stream.read_request(text)
        if "activeAssetCtx:ETH" in request.topics:
            return hyperliquid_stream.refuse(request, request.topics)
        return hyperliquid_stream.acknowledge(request)

    async with Venue(answer) as far_end, scene("hyperliquid", settings={"ws_url": far_end.url}) as play:
        [stream] = play.feeds
        await until(lambda: stream.status.rejected != {})

        assert ["activeAssetCtx:ETH"] == list(stream.status.rejected)


async def test_gate_is_asked_for_sizes_with_their_fractions() -> None:
    """By a header of the handshake."""

    def answer(text: str) -> list[str]:
        return gate_stream.acknowledge(gate_stream.read_request(text))

    async with Venue(answer) as far_end, scene("gate", settings={"ws_url": far_end.url}) as play:
        await until(lambda: bool(far_end.connections))
        request = far_end.connections[0].request

        assert request is not None and "1" == request.headers["X-Gate-Size-Decimal"]
        assert play.feeds


async def test_a_topic_that_bitget_refuses_is_named_and_the_others_go_on() -> None:
    def answer(text: str) -> list[str]:
        request = bitget_stream.read_request(text)
        good = [topic for topic in request.topics if topic != bitget_stream.LIQUIDATIONS]
        if request.method == "ping":
            return bitget_stream.acknowledge(request)
        return bitget_stream.refuse(request, [bitget_stream.LIQUIDATIONS]) + bitget_stream.acknowledge(request, good)

    async with Venue(answer) as far_end, scene("bitget", settings={"ws_url": far_end.url}) as play:
        [stream] = play.feeds
        await until(lambda: stream.status.rejected != {})

        assert [bitget_stream.LIQUIDATIONS] == list(stream.status.rejected)


async def test_everything_at_htx_is_two_topics_of_one_stream_and_candles_of_another() -> None:
    """Notifications have a topic for all; the index has not."""
    async with scene("htx", coins=("*",)) as play:
        await play.connected()
        topics = play.box.subscriptions("htx").topics

    assert {"public.*.funding_rate", "public.*.liquidation_orders"} == {t for t in topics if t.startswith("public")}
    assert {"htx.notifications", "htx.index", "htx.open_interest"} == {feed.name for feed in play.feeds}
    assert 24 == len([topic for topic in topics if topic.startswith("market")])


@pytest.mark.parametrize("venue", VENUES)
async def test_other_wishes_are_followed_on_the_living_connection(venue: str) -> None:
    """What is new is asked for, what nobody wants is given up, and nothing is connected anew."""
    async with scene(venue, kinds=(MarkPrice, FundingRate), coins=("BTC",)) as play:
        await play.connected()
        subscriptions = play.box.subscriptions(venue)
        connections = set(subscriptions.connections)
        play.home.context.wanted.revise([(kind, None, Selection.of(["ETH"])) for kind in (MarkPrice, FundingRate)])
        await until(
            lambda: subscriptions.topics != frozenset() and all("ETH" in topic for topic in subscriptions.topics)
        )
        before = len(play.home.facts)
        await play.play(lambda: any("ETH" in event.place[1] for event in play.home.facts[before:]))

        assert connections == set(subscriptions.connections)
        assert [0] * len(play.feeds) == [feed.status.reconnects for feed in play.feeds]
        assert [] == play.home.health
