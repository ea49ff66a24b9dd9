"""What the tables of perpetuals hold."""

from daemon.views.futures import HOUR_MS, Futures
from rules.events import FundingRate, MarkPrice, OpenInterest

DAY = 1_791_244_800_000  # a midnight UTC
PLACE = ("binance", "BTC-USDT-PERP")


def funding(at_ms: int, rate: float, *, is_settled: bool = False) -> FundingRate:
    return FundingRate(
        venue=PLACE[0],
        symbol=PLACE[1],
        rate=rate,
        interval_h=8,
        is_settled=is_settled,
        settles_at_ms=DAY if is_settled else None,
        at_ms=at_ms,
        received_ms=at_ms,
    )


def test_changes_are_null_until_there_is_enough() -> None:
    """A daemon that has just started does not know how the hour began."""
    futures = Futures()
    futures.observe(funding(DAY + 30 * 60_000, 0.0001))
    contract = futures.get(*PLACE)

    assert contract is not None
    assert contract.hour_change(DAY + 31 * 60_000) is None
    assert contract.day_change(DAY + 31 * 60_000) is None


def test_the_hour_opens_with_what_was_in_force() -> None:
    """The change of the running hour is against the last rate of the hour before."""
    futures = Futures()
    futures.observe(funding(DAY + 50 * 60_000, 0.0001))
    futures.observe(funding(DAY + HOUR_MS + 5_000, 0.0003))
    futures.observe(funding(DAY + HOUR_MS + 9_000, 0.0004))
    contract = futures.get(*PLACE)

    assert contract is not None
    assert abs(0.0003 - (contract.hour_change(DAY + HOUR_MS + 9_000) or 0)) < 1e-12


def test_day_and_moving_changes_look_back_to_their_full_hours() -> None:
    """Midnight for the day, 23 hours before the running one for the moving change."""
    futures = Futures()
    for hour in range(25):
        futures.observe(funding(DAY + hour * HOUR_MS, 0.0001 * (hour + 1)))
    now_ms = DAY + 24 * HOUR_MS + 60_000
    contract = futures.get(*PLACE)

    assert contract is not None
    assert contract.funding is not None
    assert 0.0025 == contract.funding.rate
    # the opening of an hour is what was in force when it began: the rate of the hour before
    assert abs(0.0001 - (contract.day_change(now_ms) or 0)) < 1e-12
    assert abs((0.0025 - 0.0001) - (contract.moving_24h_change(now_ms) or 0)) < 1e-12


def test_settled_rates_and_late_predictions_do_not_move_the_table() -> None:
    """History is not news."""
    futures = Futures()
    futures.observe(funding(DAY + 10_000, 0.0002))
    version = futures.version
    futures.observe(funding(DAY + 20_000, 0.0009, is_settled=True))
    futures.observe(funding(DAY + 5_000, 0.0009))

    assert version == futures.version


def test_a_coin_s_version_ignores_other_coins() -> None:
    """A table of BTC is not recomputed because ETH moved."""
    futures = Futures()
    futures.observe(MarkPrice(venue="okx", symbol="BTC-USDT-PERP", price=1.0, at_ms=1, received_ms=1))
    before = futures.version_of(frozenset({"BTC"}))
    futures.observe(OpenInterest(venue="okx", symbol="ETH-USDT-PERP", oi_base=1.0, at_ms=2, received_ms=2))

    assert before == futures.version_of(frozenset({"BTC"}))
    assert futures.version == futures.version_of(None)
