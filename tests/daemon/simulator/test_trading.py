"""Trading in the box: deterministic, sequenced, and only for whoever listens."""

from itertools import pairwise

from daemon.simulator.past import Past
from daemon.simulator.trading import Listened, Trading
from daemon.simulator.world import World
from daemon.views.books import Books
from rules.events import BookUpdate, Candle, Event, Ticker, Trade

NOW = 1_790_000_000_000
BTC, PEPE = "BTC-USDT-PERP", "1000PEPE-USDT-PERP"
ALL: Listened = [(kind, symbol) for kind in (Trade, Ticker, Candle, BookUpdate) for symbol in (BTC, PEPE)]


def begun(venue: str = "binance", seed: int = 7) -> tuple[World, Trading]:
    world = World(seed, NOW)
    return world, Trading(Past(world), venue, seed)


def played(world: World, trading: Trading, listened: Listened, steps: int, since: int = 0) -> list[Event]:
    told: list[Event] = []
    for step in range(since, since + steps):
        world.step(NOW + step * 250)
        told += trading.step(listened, NOW + step * 250)
    return told


def test_the_same_seed_and_times_trade_the_same() -> None:
    assert played(*begun(), ALL, 300) == played(*begun(), ALL, 300)
    assert played(*begun(), ALL, 300) != played(*begun(seed=8), ALL, 300)


def test_what_nobody_listens_to_is_not_made_up() -> None:
    assert [] == played(*begun(), (), 20)
    assert {(Trade, BTC)} == {
        (type(event), event.place[1]) for event in played(*begun(), [(Trade, BTC), (Trade, "NO-USDT-PERP")], 20)
    }


def test_a_book_is_sequenced_without_a_gap_and_its_best_prices_are_the_tickers() -> None:
    """Every venue of the box goes by one counter a book."""
    for venue in ("binance", "bybit", "okx"):
        world, trading = begun(venue)
        symbol = BTC
        listened: Listened = [(BookUpdate, symbol), (Ticker, symbol)]
        trading.step(listened, NOW)
        books = Books()
        begins = trading.book(symbol, NOW)
        assert begins is not None
        books.observe(begins)
        tickers = 0
        for event in played(world, trading, listened, 200, since=1):
            books.observe(event)
            if isinstance(event, BookUpdate):
                assert event.sequence - 1 == event.follows
            if isinstance(event, Ticker):
                tickers += 1
                shown = ((event.bid, event.bid_quantity), (event.ask, event.ask_quantity))
                assert shown == books.best(venue, symbol)
                assert event.sequence == getattr(books.get(venue, symbol), "sequence", None)
        ends = trading.book(symbol, NOW + 200 * 250)

        assert ends is not None
        assert (ends.bids, ends.asks) == books.levels(venue, symbol)
        assert (0, True) == (books.gaps, tickers > 50)


def test_a_lost_update_leaves_a_gap_that_counting_shows() -> None:
    world, trading = begun()
    listened: Listened = [(BookUpdate, BTC)]
    before = played(world, trading, listened, 5)
    trading.lose()
    after = played(world, trading, listened, 5, since=5)
    counters = [event.sequence for event in (*before, *after) if isinstance(event, BookUpdate)]

    assert [2] == [later - earlier for earlier, later in pairwise(counters) if later - earlier != 1]


def test_a_closed_candle_is_the_one_that_rest_answers() -> None:
    """As each minute ends its candle is told once more, closed, and never changes again."""
    world, trading = begun()
    told = [event for event in played(world, trading, [(Candle, BTC)], 600) if isinstance(event, Candle)]
    closed = [event for event in told if event.is_closed]
    answered = trading.candles(BTC, world.now_ms, limit=4)

    assert 2 <= len(closed)
    assert [(c.opened_ms, c.open, c.high, c.low, c.close, c.volume) for c in closed] == [
        (c.opened_ms, c.open, c.high, c.low, c.close, c.volume)
        for c in answered
        if c.opened_ms in {one.opened_ms for one in closed}
    ]
    assert all(one.low <= min(one.open, one.close) <= max(one.open, one.close) <= one.high for one in told)


def test_trades_are_numbered_in_order_and_take_one_of_the_best_prices() -> None:
    told = [event for event in played(*begun(), [(Trade, BTC)], 100) if isinstance(event, Trade)]
    ids = [int(event.trade_id) for event in told]

    assert sorted(set(ids)) == ids
    assert {"buy", "sell"} == {event.taker for event in told}
    assert all(event.quantity > 0 for event in told)


def test_a_clock_that_jumps_brings_no_flood() -> None:
    world, trading = begun()
    trading.step([(Trade, BTC)], NOW)
    world.step(NOW + 86_400_000)

    assert len(trading.step([(Trade, BTC)], NOW + 86_400_000)) < 300
