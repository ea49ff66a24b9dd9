"""The engine: events and time in, transitions out, whatever the order of ticks."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.alerts import Change, Phase, Transition
from rules.engine import Engine
from tests.rules.engines import LEVELS, House, check_episodes
from tests.rules.market import BTC, NOON, H, S, feed, funding, hot, interest, mark, order, quote, rule, said, told

STEPS_S = st.integers(0, 400)
RATES = st.sampled_from([0.0, 0.0002, 0.0004, 0.0006, 0.0008, 0.0011, 0.002])
ACTIONS = st.one_of(
    st.tuples(st.just("rate"), RATES, STEPS_S),
    st.tuples(st.just("other"), RATES, STEPS_S),
    st.tuples(st.just("tick"), st.none(), STEPS_S),
    st.tuples(st.just("restart"), st.none(), STEPS_S),
    st.tuples(st.just("reload"), st.integers(0, 4), STEPS_S),
    st.tuples(st.just("feed"), st.sampled_from(["up", "down"]), STEPS_S),
)
VERSIONS: list[list[dict[str, Any]]] = [
    [{"above": "0.05%"}],
    [{"above": "0.07%", "clear": "0.03%"}],
    [LEVELS],
    [{"levels": {"info": "0.03%", "warning": "0.05%", "critical": "0.1%"}}],
    [],
]


@given(
    st.lists(ACTIONS, max_size=40),
    st.sampled_from(["0s", "5m"]),
    st.sampled_from(["0s", "3m"]),
    st.sampled_from(["0s", "20m"]),
    st.sampled_from([None, "2m"]),
)
@settings(deadline=None, max_examples=150)
def test_fired_and_cleared_take_turns_whatever_happens(
    actions: list[tuple[str, Any, int]], hold: str, keep: str, cooldown: str, max_age: str | None
) -> None:
    """Values, ticks, gaps, dead feeds, restarts and reloads in any order: each episode is a beginning and an end."""
    more = {"for": hold, "keep_firing_for": keep, "cooldown": cooldown, "max_age": max_age}
    versions = [[hot(**version, **more) for version in versions] for versions in [*VERSIONS]]
    versions[0] = [hot(above="0.05%", **more)]
    house = House(versions[0])
    for action, value, step_s in actions:
        house.wait(step_s * S)
        match action:
            case "rate":
                house.hear(funding(value, house.now_ms))
            case "other":
                house.hear(funding(value, house.now_ms, venue="okx"))
            case "tick":
                house.tick()
            case "restart":
                house.restart(step_s * S)
            case "reload":
                house.reload(versions[value])
            case _:
                house.hear(feed(value, house.now_ms))

    check_episodes(house.out)


@given(st.lists(st.tuples(st.sampled_from([1e6, 5e6, 20e6]), st.integers(0, 90)), max_size=30), st.data())
@settings(deadline=None)
def test_a_window_rule_takes_turns_across_restarts_too(orders: list[tuple[float, int]], data: st.DataObject) -> None:
    """The sum falls by itself; a restart in between does not make an episode end twice or never."""
    cascade = rule(type="liquidation", window="1m", total="$10m", keep_firing_for="20s")
    house = House([cascade])
    for size, step_s in orders:
        house.wait(step_s * S)
        match data.draw(st.integers(0, 3)):
            case 0:
                house.restart(step_s * S)
            case 1:
                house.tick()
        house.hear(order(size, house.now_ms))
    house.wait(H)
    house.tick()

    check_episodes(house.out)
    assert len(told(house.out)) % 2 == 0  # an hour of silence ends every sum


@given(
    st.lists(st.tuples(RATES, st.integers(1, 200)), min_size=1, max_size=25),
    st.lists(st.integers(0, 5_000), max_size=40),
    st.sampled_from([None, "90s"]),
    st.integers(0, 300),
)
@settings(deadline=None, max_examples=100)
def test_for_is_exact_whatever_the_arrival_of_ticks(
    values: list[tuple[float, int]], ticks: list[int], max_age: str | None, for_s: int
) -> None:
    """It fires at the first moment at which the condition had held, on fresh data, for as long as the rule asks."""
    engine = Engine([hot(for_=f"{for_s}s", max_age=max_age)])
    age_s = 90 if max_age else 10**9
    moments: list[tuple[int, int, float | None]] = [(at, 0, None) for at in ticks]
    at_s, heard = 0, []
    for rate, step_s in values:
        at_s += step_s
        heard.append((at_s, rate))
        moments.append((at_s, 1, rate))
    fired = []
    for second, _, value in sorted(moments, key=lambda moment: moment[:2]):
        now_ms = NOON + second * S
        out = engine.tick(now_ms) if value is None else engine.observe(funding(value, now_ms), now_ms)
        fired += [(t.alert.at_ms - NOON) // S for t in out if t.change is Change.FIRED]
    fired += [(t.alert.at_ms - NOON) // S for t in engine.tick(NOON + 10_000 * S) if t.change is Change.FIRED]

    expected: list[int] = []
    held, is_on, is_firing = 0, False, False  # second by second, slowly
    heard_at = dict(heard)
    last: int | None = None
    for second in range(10_001):
        fresh = last is not None and second <= last + age_s
        if is_on and not is_firing and held >= for_s and fresh:
            is_firing = True
            expected.append(second)
        if second in heard_at:
            above = heard_at[second] > 0.0005
            if above and not is_on:
                held = 0
                if for_s == 0:
                    is_firing = True
                    expected.append(second)
            is_on, is_firing, last = above, is_firing and above, second
        if is_on and not is_firing and last is not None and second < last + age_s:
            held += 1

    assert expected == fired


@given(
    st.lists(st.tuples(st.sampled_from([0.5e6, 4e6, 9e6]), st.integers(0, 20_000)), min_size=1, max_size=15),
    st.sampled_from(
        [
            {"type": "liquidation", "window": "10s", "total": "$10m", "for": "3s", "keep_firing_for": "2s"},
            {"type": "expression", "on": "liquidation", "when": "count(7s) >= 2 and avg(notional_usd, 9s) > $2m"},
            {"type": "expression", "on": "liquidation", "when": "count(4s) < 2", "for": "3s", "max_age": "6s"},
            {"type": "expression", "on": "liquidation", "when": "crossed_up(notional_usd, $1m, 5s)", "for": "1s"},
        ]
    ),
)
@settings(deadline=None, max_examples=60)
def test_extra_ticks_change_nothing(orders: list[tuple[float, int]], fields: dict[str, Any]) -> None:
    """An engine that is asked every tenth of a second says what one says that is asked only when an event comes."""
    lazy, eager = Engine([rule(**fields)]), Engine([rule(**fields)])
    expected: list[Transition] = []
    got: list[Transition] = []
    now_ms = NOON
    for size, step_ms in orders:
        for at_ms in range(now_ms, now_ms + step_ms, 100):
            got += eager.tick(at_ms)
        now_ms += step_ms
        event = order(size, now_ms)
        expected += lazy.observe(event, now_ms)
        got += eager.observe(event, now_ms)
    for at_ms in range(now_ms, now_ms + 40_000, 100):
        got += eager.tick(at_ms)
    expected += lazy.tick(now_ms + 40_000)

    assert expected == got


def test_the_same_events_and_times_say_the_same_again() -> None:
    """Nothing inside depends on hashes, identities or a clock."""

    def run() -> list[Transition]:
        engine = Engine([hot(**LEVELS, for_="1m"), rule(id="w", type="liquidation", window="1m", total="$3m")])
        out: list[Transition] = []
        for step in range(200):
            now_ms = NOON + step * 7 * S
            out += engine.observe(funding((step * 37 % 23) / 10_000, now_ms, venue=f"v{step % 3}"), now_ms)
            out += engine.observe(order(1e6 * (step % 5), now_ms, venue=f"v{step % 2}"), now_ms)
        return out

    assert run() == run()


@pytest.mark.parametrize(
    "when",
    [
        "sum(price, 10s) > 100",
        "count(1ms) < 1",
        "avg(price, 2s) > 5 and zscore(price, 1s) < 3",
        "spread(price, venue, 1s) > 5",
        "crossed_up(price, 5, 1s) or crossed_down(price, 5, 2s)",
        "sum(change(price, 1s), 5s) > 0 and count(3s) > 1",
    ],
)
def test_time_moves_on_for_every_window(when: str) -> None:
    """After everything due by t is done, the next moment is later than t: the engine cannot spin."""
    engine = Engine([rule(type="expression", on="mark_price", when=when, by="symbol", **{"for": "1s"})])
    now_ms = NOON
    for step in range(300):
        now_ms += step * 37 % 900
        engine.observe(mark(step * 31 % 11, now_ms, venue="ab"[step % 2]), now_ms)
        following_ms = engine.next_ms()
        while following_ms is not None and following_ms < now_ms + 400:
            engine.tick(following_ms)
            later_ms = engine.next_ms()
            assert later_ms is None or later_ms > following_ms
            following_ms = later_ms


def test_a_rule_is_asked_only_about_its_instruments() -> None:
    engine = Engine([hot(symbols=["BTC", "1000PEPE"], venues=["okx"])])
    for venue in ("okx", "binance"):
        for symbol in (BTC, "ETH-USDT-PERP", "1000PEPE-USDT-PERP", "BTC-USDT-20270326"):
            engine.observe(funding(0.01, venue=venue, symbol=symbol), NOON)

    followed = [tuple(tracker.key.values()) for tracker in engine.trackers("r")]

    assert [("okx", BTC), ("okx", "1000PEPE-USDT-PERP")] == followed


def test_the_cap_on_keys_is_kept_and_counted() -> None:
    small = msgspec.structs.replace(hot(symbols="*"), keys_max=3)
    engine = Engine([small])

    out = [t for n in range(5) for t in engine.observe(funding(0.01, symbol=f"C{n}-USDT-PERP"), NOON)]

    assert ["fired"] * 3 == said(out)
    assert {"r": 2} == engine.refused_keys


def test_two_episodes_within_one_millisecond_have_two_names() -> None:
    """Or the outbox would take the second for a repeat of the first and swallow it."""
    engine = Engine([hot()])

    out = [t for rate in (0.001, 0.0, 0.001, 0.0) for t in engine.observe(funding(rate), NOON)]

    assert ["fired", "cleared", "fired", "cleared"] == said(out)
    assert 2 == len({t.alert.episode_id for t in out})


def test_an_average_of_nothing_does_not_count_toward_for() -> None:
    """The window has emptied after a minute: nothing is known, so nothing goes on."""
    engine = Engine([rule(type="expression", on="mark_price", when="avg(price, 1m) > 5", **{"for": "5m"})])
    engine.observe(mark(6), NOON)

    assert [] == engine.tick(NOON + H)
    assert Phase.PENDING is engine.trackers("r")[0].phase


def test_forgotten_states_come_back_when_the_key_fires_again_at_once() -> None:
    """Cleared and fired within one batch: the row must be there afterwards."""
    engine = Engine([hot()])
    engine.observe(funding(0.001), NOON)
    mark_of = engine.take_changed()[0][0].fingerprint
    engine.observe(funding(0.0), NOON + 1)
    engine.observe(funding(0.001), NOON + 2)
    states, _ = engine.take_changed()

    assert [mark_of] == [state.fingerprint for state in states]

    engine.observe(funding(0.0), NOON + 3)

    assert ([], [mark_of]) == engine.take_changed()


def test_a_key_that_came_and_went_within_a_batch_leaves_no_row() -> None:
    engine = Engine([hot()])
    engine.observe(funding(0.001), NOON)
    engine.observe(funding(0.0), NOON + 1)

    assert ([], []) == engine.take_changed()


def test_a_thousand_rules_elsewhere_are_not_touched() -> None:
    """One lookup, then only the rules that match."""
    engine = Engine([hot(id="mine"), *(hot(id=f"r{n}", symbols=[f"C{n}"]) for n in range(1_000))])
    engine.observe(funding(0.0), NOON)

    assert 1 == sum(len(engine.trackers(rule_id)) for rule_id in engine.rules)


def test_the_calm_quote_of_a_coin_and_the_interest_of_another_do_not_meet() -> None:
    engine = Engine(
        [
            rule(id="p", type="depeg", coins="*", depth="0.5%"),
            rule(id="o", type="expression", on="open_interest", when="oi_usd > $1m"),
        ]
    )

    assert ["fired"] == said(engine.observe(quote(0.9), NOON))
    assert ["fired"] == said(engine.observe(interest(2e6), NOON))
    assert [] == engine.observe(interest(None), NOON)


def test_a_rate_past_all_floats_is_no_data() -> None:
    """It would fire for ever, and a state with such a number cannot be read after a restart."""
    house = House([hot()])
    house.hear(funding(rate=1e308, interval_h=1.0))

    assert [] == house.out
    house.hear(funding(rate=0.002))
    house.hear(funding(rate=1e308, interval_h=1.0))
    assert [Change.FIRED] == [transition.change for transition in house.out]
