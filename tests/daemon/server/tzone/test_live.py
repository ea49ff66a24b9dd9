"""What is newer counts, number by number."""

from daemon.server.tzone.live import newest
from daemon.upstream.records import Contract
from rules.events import Event, FundingRate, MarkPrice, OpenInterest
from tests.daemon.server.tzone.house import NOW_MS, House

ASKED = Contract(
    venue="bybit", symbol="BTC-USDT-PERP", pair="BTCUSDT", kind="VANILLA", last=100.0, mark=101.0, funding_rate=0.0001,
    funding_interval_h=8.0, next_funding_ms=NOW_MS + 5, oi_base=10.0, oi_usd=1_010.0, at_ms=NOW_MS,
)  # fmt: skip


def after(*events: Event) -> Contract:
    """The contract after these events."""
    built = House()
    for event in events:
        built.views.observe(event)
    return newest(built.sources, ASKED)


def funding(at_ms: int, settles_at_ms: int | None = None) -> FundingRate:
    return FundingRate(
        venue="bybit", symbol="BTC-USDT-PERP", rate=0.0002, interval_h=4.0, settles_at_ms=settles_at_ms,
        at_ms=at_ms, received_ms=at_ms,
    )  # fmt: skip


def mark(at_ms: int) -> MarkPrice:
    return MarkPrice(venue="bybit", symbol="BTC-USDT-PERP", price=110.0, at_ms=at_ms, received_ms=at_ms)


def interest(at_ms: int, oi_usd: float | None = None) -> OpenInterest:
    return OpenInterest(
        venue="bybit", symbol="BTC-USDT-PERP", oi_base=20.0, oi_usd=oi_usd, at_ms=at_ms, received_ms=at_ms
    )


def test_what_is_older_or_unknown_changes_nothing() -> None:
    """The very same record."""
    assert ASKED is after()
    assert ASKED is after(funding(NOW_MS - 1), mark(NOW_MS - 1), interest(NOW_MS - 1))


def test_newer_numbers_take_the_place_of_the_old_ones() -> None:
    """With their time; the last price is only known from asking."""
    found = after(funding(NOW_MS + 1, NOW_MS + 9), mark(NOW_MS + 3), interest(NOW_MS + 2))

    assert (0.0002, 4.0, NOW_MS + 9) == (found.funding_rate, found.funding_interval_h, found.next_funding_ms)
    assert (110.0, 100.0) == (found.mark, found.last)
    assert (20.0, 2_200.0) == (found.oi_base, found.oi_usd)  # 20 x 110
    assert NOW_MS + 3 == found.at_ms


def test_each_number_is_as_new_as_it_is() -> None:
    """Open interest with the mark price that was asked for: 20 x 101; dollars that are said are not computed."""
    assert 2_020.0 == after(interest(NOW_MS)).oi_usd
    assert 2_500.0 == after(interest(NOW_MS, 2_500.0)).oi_usd
    assert NOW_MS + 5 == after(funding(NOW_MS)).next_funding_ms
