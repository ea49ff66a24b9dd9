"""The log of breaches: our record, the days of history and the price of now, joined."""

import pytest

from daemon.server.tzone.depegs import Depeg, History, Run, Seen, Targets, by_ticker, currency_of, log_of
from daemon.upstream.records import DailyPrices, DailyRates, Stablecoin
from daemon.views.pegs import Breach
from rules.peg import severity

DAY_S = 86_400
MONDAY_S = 20_000 * DAY_S
NOW_MS = (MONDAY_S + 6 * DAY_S + DAY_S // 2) * 1_000  # Sunday noon
USD = Targets("peggedUSD")
COIN = Stablecoin(id="9", name="Wobble", symbol="WOB", gecko_id="wobble", peg_type="peggedUSD", circulating_usd=1e8)


def week(*prices: float | None) -> list[DailyPrices]:
    """The last price of each day from Monday on; None is a day without one."""
    return [
        DailyPrices(MONDAY_S + at * DAY_S, {} if price is None else {"wobble": price})
        for at, price in enumerate(prices)
    ]


def runs(
    days: list[DailyPrices], threshold: float = 0.01, since_s: int = MONDAY_S, name: str | None = "wobble"
) -> list[Run]:
    """What history says of the coin."""
    return History(days, USD).runs(name, threshold, since_s)


def breach(started_s: float, ended_s: float | None, *, price: float = 0.95, minutes: float = 60) -> Breach:
    """What our record says; seconds are counted from Monday."""
    return Breach(
        coin="WOB",
        started_ms=int((MONDAY_S + started_s) * 1_000),
        ended_ms=None if ended_s is None else int((MONDAY_S + ended_s) * 1_000),
        price=price,
        target=1.0,
        depth=1 - price,
        duration_min=minutes,
        impulse=100.0,
        severity=33.0,
        market_cap_usd=1e8,
    )


def log(
    days: list[DailyPrices], breaches: list[Breach], live: float | None, threshold: float = 0.01
) -> list[tuple[int, float, bool]]:
    """(hours since Monday, minutes, whether it goes on) of each event."""
    return [
        (event.started_ms // 3_600_000 - MONDAY_S // 3_600, event.duration_min, event.is_current)
        for event in events(days, breaches, live, threshold)
    ]


def events(days: list[DailyPrices], breaches: list[Breach], live: float | None, threshold: float = 0.01) -> list[Depeg]:
    """The whole log of the coin."""
    return log_of(
        COIN,
        found=runs(days, threshold),
        breaches=breaches,
        live=None if live is None else Seen(live, 1.0),
        threshold=threshold,
        now_ms=NOW_MS,
        live_ms=NOW_MS - 60_000,
    )


def test_a_euro_is_worth_what_the_rates_of_the_day_say() -> None:
    """0.8 euros for a dollar: a euro is 1.25 dollars; a price of 1.2 is 4 percent off."""
    targets = Targets("peggedEUR", [DailyRates(200, {"EUR": 0.5}), DailyRates(100, {"EUR": 0.8, "JPY": 150.0})])

    assert [None, 1.25, 1.25, 2.0, 2.0] == [targets.at(at_s) for at_s in (99, 100, 199, 200, 10_000)]
    assert 0.04 == pytest.approx(Seen(1.2, 1.25).depth)
    assert 1.0 == USD.at(0)
    assert Targets("peggedXYZ", [DailyRates(1, {"EUR": 0.8})]).at(5) is None
    assert ("EUR", "BRL") == (currency_of("peggedEUR"), currency_of("peggedREAL"))


def test_consecutive_days_are_one_run() -> None:
    """At its deepest; a day back at the peg, or one that nobody knows, ends it."""
    found = runs(week(1.0, 0.97, 0.95, 1.0, 0.98, None, 0.98))

    assert [
        (MONDAY_S + DAY_S, 2, Seen(0.95, 1.0), False),
        (MONDAY_S + 4 * DAY_S, 1, Seen(0.98, 1.0), False),
        (MONDAY_S + 6 * DAY_S, 1, Seen(0.98, 1.0), True),
    ] == [(run.first_s, run.days, run.worst, run.is_open) for run in found]


def test_between_two_days_nobody_saw_more_than_half_an_hour() -> None:
    """3 and 5 percent deep with a threshold of 1: (2 + 4) / 2 percent for 30 minutes are 90 percent-minutes."""
    (run,) = runs(week(0.97, 0.95))

    assert 90 == pytest.approx(run.impulse)


def test_a_day_that_is_missing_ends_a_run() -> None:
    """The two sides of a gap are two runs."""
    days = [day for at, day in enumerate(week(0.9, 0.9, 0.9)) if at != 1]

    assert [1, 1] == [run.days for run in runs(days)]


def test_a_run_that_had_begun_before_is_whole() -> None:
    """Its start is its own, not that of the window; what had ended before is not told."""
    found = runs(week(0.9, 1.0, 0.9, 0.9, 0.9, 1.0, 1.0), since_s=MONDAY_S + 4 * DAY_S + 100)

    assert [(MONDAY_S + 2 * DAY_S, 3)] == [(run.first_s, run.days) for run in found]


def test_a_depth_of_exactly_the_threshold_is_a_breach() -> None:
    """Strictly depth / target >= threshold; 1.8 percent are none at 2."""
    assert 1 == len(runs(week(0.98), 0.02))
    assert [] == runs(week(0.982), 0.02)
    assert 1 == len(runs(week(1.02), 0.02))
    assert [] == runs(week(0.9), name=None)


def test_history_alone_counts_days() -> None:
    """1,440 minutes each."""
    assert [(24, 2_880, False)] == log(week(1.0, 0.97, 0.95, 1.0), [], 1.0)


def test_what_both_know_is_told_by_our_record() -> None:
    """Once; and hours are finer than days."""
    tuesday = breach(30 * 3_600, 31 * 3_600)

    assert [(30, 60, False)] == log(week(1.0, 0.97, 1.0), [tuesday], 1.0)
    assert 33.0 == events(week(1.0, 0.97, 1.0), [tuesday], 1.0)[0].severity


def test_history_says_how_long_it_had_been_before_we_watched() -> None:
    """Off since Monday's midnight, seen from Tuesday at 06:00 for an hour: 30 hours and one."""
    tuesday = breach(30 * 3_600, 31 * 3_600)

    assert [(0, 31 * 60, False)] == log(week(0.97, 0.97, 1.0), [tuesday], 1.0)


def test_several_breaches_within_one_run_stay_several() -> None:
    """The run only lengthens the first."""
    first, second = breach(30 * 3_600, 31 * 3_600), breach(50 * 3_600, 51 * 3_600)

    assert [(0, 31 * 60, False), (50, 60, False)] == log(week(0.97, 0.97, 0.97, 1.0), [first, second], 1.0)


def test_a_breach_that_goes_on_has_the_price_of_now() -> None:
    """And the severity of now, with the impulse that it has gathered."""
    sunday = breach(6 * DAY_S, None, price=0.9)
    (event,) = events([], [sunday], 0.96)

    assert (Seen(0.96, 1.0), True) == (event.seen, event.is_current)
    assert severity(1 - 0.96, threshold=0.01, impulse=100.0, market_cap_usd=1e8) == event.severity


def test_a_price_that_is_off_now_is_current_even_if_our_record_does_not_know() -> None:
    """Since the first day of the run that reaches today; else since the price was told."""
    assert [(5 * 24, 36 * 60, True)] == log(week(1.0, 1.0, 1.0, 1.0, 1.0, 0.97, 0.97), [], 0.97)
    (event,) = events(week(0.97, 1.0), [], 0.98)[1:]
    assert (NOW_MS - 60_000, 0, True) == (event.started_ms, event.duration_min, event.is_current)
    assert severity(1 - 0.98, threshold=0.01, market_cap_usd=1e8) == event.severity


def test_a_run_up_to_today_is_over_when_the_price_is_back() -> None:
    """One event, and no current one."""
    assert [(5 * 24, 2_880, False)] == log(week(1.0, 1.0, 1.0, 1.0, 1.0, 0.97, 0.97), [], 1.0)
    assert [(5 * 24, 2_880, False)] == log(week(1.0, 1.0, 1.0, 1.0, 1.0, 0.97, 0.97), [], None)


def test_one_breach_is_never_current_twice() -> None:
    """Our record, history and the price of now agree on one event."""
    sunday = breach(6 * DAY_S + 3_600, None)

    assert [(145, 60, True)] == log(week(1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.97), [sunday], 0.97)


def test_a_ticker_means_the_largest_living_coin_of_that_name() -> None:
    """Small ones borrow it."""
    small = Stablecoin(id="1", name="a", symbol="wob", peg_type="peggedUSD", circulating_usd=1e6)
    dead = Stablecoin(id="2", name="b", symbol="WOB", peg_type="peggedUSD", circulating_usd=1e12, is_gone=True)

    assert {"WOB": COIN} == by_ticker([small, dead, COIN])


def test_days_of_a_run_count_both_ends() -> None:
    """A live row may carry its hour."""
    run = Run(first_s=0, last_s=2 * DAY_S + 3_600, worst=Seen(0.9, 1.0), impulse=0.0, is_open=True)

    assert 3 == run.days
