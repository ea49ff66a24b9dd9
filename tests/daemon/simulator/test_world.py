"""The market in the box obeys its seed and its script."""

from collections import defaultdict
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.simulator.acts import ACTS, MarketAct, MisbehaveAct
from daemon.simulator.listings import LISTINGS
from daemon.simulator.scenario import Scenario, Script, act_from, load
from daemon.simulator.world import World
from rules.events import Event, FundingRate, Liquidation, MarkPrice, OpenInterest, StablecoinQuote, to_json
from tests.daemon.simulator.far_end import NOW_MS

Said = list[tuple[str, Event]]


def act(text: str) -> MarketAct:
    found = act_from(text.encode())
    assert not isinstance(found, MisbehaveAct)
    return found


def played(seed: int, *acts: str, steps: int = 40, step_ms: int = 250) -> Said:
    world = World(seed, NOW_MS)
    for text in acts:
        world.perform(act(text), NOW_MS)
    said: Said = []
    for number in range(steps + 1):
        for feed, events in world.step(NOW_MS + number * step_ms).items():
            said += [(feed, event) for event in events]
    return said


def toured(scenario: Scenario, until_ms: int) -> Said:
    world, script = World(1, NOW_MS, scenario.market.pace()), Script(scenario)
    said: Said = []
    for elapsed_ms in range(0, until_ms + 1, scenario.tick_ms):
        for due in script.due(elapsed_ms):
            if not isinstance(due, MisbehaveAct):
                world.perform(due, NOW_MS + elapsed_ms)
        for feed, events in world.step(NOW_MS + elapsed_ms).items():
            said += [(feed, event) for event in events]
    return said


@given(st.integers(0, 2**32), st.lists(st.integers(0, 5_000), max_size=10))
@settings(deadline=None, max_examples=25)
def test_a_seed_and_the_same_times_make_the_same_market(seed: int, waits: list[int]) -> None:
    """Byte by byte, so that a failed end-to-end test can be played again."""
    told: list[list[bytes]] = []
    for _ in range(2):
        world, now_ms, said = World(seed, NOW_MS), NOW_MS, []
        world.perform(act("cascade: {coin: BTC, total: $10m, over: 5s}"), NOW_MS)
        for wait in waits:
            now_ms += wait
            said += [to_json(event) for events in world.step(now_ms).values() for event in events]
        told.append(said)

    assert told[0] == told[1]


def test_another_seed_makes_another_market() -> None:
    one, other = played(1), played(2)

    assert {event.price for _, event in one if isinstance(event, MarkPrice)} != {
        event.price for _, event in other if isinstance(event, MarkPrice)
    }


def test_every_instrument_of_every_exchange_speaks_within_ten_seconds() -> None:
    """Mark price, funding and open interest of each: nobody waits long for a first value."""
    said = played(1)
    for kind in (MarkPrice, FundingRate, OpenInterest):
        spoke = {event.place for feed, event in said if isinstance(event, kind) and feed != "datamaxi"}

        assert {(listing.venue, listing.symbol) for listing in LISTINGS} == spoke


def test_nothing_in_a_calm_market_would_wake_a_trader() -> None:
    """Ten minutes of the calm scenario stay below every shipped threshold."""
    for _, event in toured(load("calm"), 600_000):
        match event:
            case FundingRate():
                assert abs(event.rate_8h) < 0.0004
            case Liquidation():
                assert event.notional_usd < 1_000_000
            case StablecoinQuote():
                assert event.depth is not None
                assert event.depth < 0.002


def test_a_funding_act_sets_the_rate_per_8_hours_and_ends() -> None:
    """Whatever the interval: 0.1% per 8 h is 0.05% on a contract that pays every 4 h."""
    said = played(1, "funding: {venue: binance, coin: SOL, rate: 0.1%, for: 3s}", steps=20)
    rates = [e for feed, e in said if isinstance(e, FundingRate) and feed == "binance" and e.symbol == "SOL-USDT-PERP"]
    elsewhere = [
        e for feed, e in said if isinstance(e, FundingRate) and feed == "bybit" and e.symbol == "SOL-USDT-PERP"
    ]

    assert (0.0005, 4.0, NOW_MS) == (rates[0].rate, rates[0].interval_h, rates[0].at_ms)
    assert {True} == {rate.rate == 0.0005 for rate in rates if rate.at_ms < NOW_MS + 3_000}
    assert {False} == {rate.rate == 0.0005 for rate in rates if rate.at_ms >= NOW_MS + 3_000}
    assert NOW_MS + 3_000 in [rate.at_ms for rate in rates], "the end is told at once"
    assert all(rate.rate != 0.0005 for rate in elsewhere)


def test_a_cascade_sums_to_its_total_and_moves_the_price() -> None:
    said = played(3, "cascade: {coin: ETH, total: $42m, over: 8s, side: long, move: 3.5%}")
    longs = [e for _, e in said if isinstance(e, Liquidation) and e.symbol == "ETH-USDT-PERP" and e.side == "long"]
    prices = [e.price for _, e in said if isinstance(e, MarkPrice) and e.place == ("bybit", "ETH-USDT-PERP")]

    assert 41.5e6 < sum(event.notional_usd for event in longs) < 42.9e6
    assert {"binance", "bybit", "okx"} == {event.venue for event in longs}
    assert 0.96 < prices[-1] / prices[0] < 0.97


def test_binance_shows_one_order_per_symbol_and_second() -> None:
    said = played(3, "cascade: {coin: ETH, total: $42m, over: 8s, orders: 400}")
    times = [
        e.at_ms
        for _, e in said
        if isinstance(e, Liquidation) and e.place == ("binance", "ETH-USDT-PERP") and e.notional_usd > 2e5
    ]

    assert len(times) >= 8
    assert min(later - earlier for earlier, later in pairwise(times)) >= 1_000


def test_okx_liquidates_whole_contracts() -> None:
    said = played(3, "cascade: {coin: BTC, total: $42m, over: 8s}", steps=100)
    contract = {listing.symbol: listing.step for listing in LISTINGS if listing.venue == "okx"}
    counts = [e.quantity / contract[e.symbol] for _, e in said if isinstance(e, Liquidation) and e.venue == "okx"]

    assert counts
    assert all(abs(count - round(count)) < 1e-9 and count >= 1 for count in counts)


def test_a_depeg_goes_down_holds_and_comes_back() -> None:
    said = played(1, "depeg: {coin: DAI, to: 0.97, over: 2s, hold: 3s, back: 2s}", steps=60)
    paths: dict[str, dict[int, float]] = defaultdict(dict)
    for feed, event in said:
        if isinstance(event, StablecoinQuote) and event.coin == "DAI":
            paths[feed][event.at_ms - NOW_MS] = event.price

    assert {"defillama", "coingecko"} == set(paths)
    for path in paths.values():
        assert all(abs(price - 0.97) < 0.001 for at_ms, price in path.items() if 2_000 <= at_ms <= 5_000)
        assert all(abs(price - 1.0) < 0.001 for at_ms, price in path.items() if at_ms >= 7_000)
        assert max(path) > 7_000


def test_one_source_alone_can_be_wrong() -> None:
    said = played(1, "quote: {venue: coingecko, coin: USDT, price: 0.93, for: 4s}", steps=12)
    prices = {feed: e.price for feed, e in said if isinstance(e, StablecoinQuote) and e.coin == "USDT"}

    assert 0.93 == prices["coingecko"]
    assert abs(prices["defillama"] - 1.0) < 0.001


def test_open_interest_can_be_flushed() -> None:
    said = played(1, "open_interest: {venue: bybit, coin: ETH, by: -9%, over: 5s}", steps=60)
    series = [e.oi_base for _, e in said if isinstance(e, OpenInterest) and e.place == ("bybit", "ETH-USDT-PERP")]

    assert 0.905 < series[-1] / (13e9 * 0.3 / 2_910) < 0.915


def test_a_price_moves_by_what_it_was_told_whatever_the_steps() -> None:
    for step_ms in (100, 1_700, 20_000):
        said = played(1, "price: {coin: BTC, by: -10%, over: 5s}", steps=20_000 // step_ms, step_ms=step_ms)
        last = [e.price for _, e in said if isinstance(e, MarkPrice) and e.place == ("okx", "BTC-USDT-PERP")][-1]

        assert 0.895 < last / 85_300 < 0.905


def test_a_settlement_is_told_once_with_the_rate_that_was_paid() -> None:
    eight = NOW_MS // 28_800_000 * 28_800_000 + 28_800_000
    world = World(1, eight - 1_000)
    before = world.step(eight - 500)
    after = world.step(eight + 500)

    assert not [e for e in before["okx"] if isinstance(e, FundingRate) and e.is_settled]
    paid = [e for e in after["okx"] if isinstance(e, FundingRate) and e.is_settled]
    assert {"BTC-USDT-PERP", "PEPE-USDT-PERP", "SUI-USDT-PERP"} < {event.symbol for event in paid}
    assert {eight} == {event.settles_at_ms for event in paid}
    assert world.settled("okx", "BTC-USDT-PERP", limit=1)[0] in paid


def test_a_clock_that_goes_back_does_not_turn_the_market_back() -> None:
    world = World(1, NOW_MS)
    world.step(NOW_MS + 5_000)
    said = world.step(NOW_MS)

    assert all(event.at_ms == NOW_MS + 5_000 for events in said.values() for event in events)


def test_the_tour_shows_each_of_the_three_alarms_within_fifteen_seconds() -> None:
    """What the demo promises: a funding spike, a liquidation cascade, a depeg seen by both sources."""
    said = toured(load("tour"), 12_000)

    spikes = [e for _, e in said if isinstance(e, FundingRate) and e.rate_8h >= 0.0005]
    assert {"binance", "bybit"} <= {event.venue for event in spikes}
    assert max(e.notional_usd for _, e in said if isinstance(e, Liquidation)) >= 1e6
    assert sum(e.notional_usd for _, e in said if isinstance(e, Liquidation) and e.symbol.startswith("ETH")) >= 20e6
    broken = {e.venue for _, e in said if isinstance(e, StablecoinQuote) and e.depth is not None and e.depth > 0.03}
    assert {"defillama", "coingecko"} == broken


def test_the_tour_never_ends() -> None:
    """A demo that is left running shows it all again in the third round."""
    said = toured(load("tour"), 285_000)

    late = [e for _, e in said if isinstance(e, FundingRate) and e.rate_8h >= 0.0005 and e.at_ms > NOW_MS + 181_000]
    assert late


def test_the_tour_closes_a_small_coin_on_binance_every_ten_seconds() -> None:
    """Whoever follows one quiet contract alone sees its stream live, from the start and through the rounds."""
    said = toured(load("tour"), 190_000)

    xrp = [e.at_ms - NOW_MS for _, e in said if isinstance(e, Liquidation) and e.place == ("binance", "XRP-USDT-PERP")]
    assert xrp[0] <= 10_000
    assert max(later - earlier for earlier, later in pairwise(xrp)) <= 10_500


def test_every_kind_of_act_has_a_name() -> None:
    assert {"funding", "liquidation", "cascade", "depeg", "quote", "price", "open_interest", "misbehave"} == set(ACTS)
