"""The ring of liquidations."""

from daemon.views.liquidations import Liquidations
from rules.events import Liquidation


def liquidation(number: int) -> Liquidation:
    return Liquidation(
        venue="bybit",
        symbol="BTC-USDT-PERP",
        side="long",
        quantity=1.0,
        price=float(number),
        price_kind="fill",
        notional_usd=float(number),
        at_ms=number,
        received_ms=number,
    )


def test_the_newest_come_first_and_old_ones_leave() -> None:
    """The ring holds so many and no more."""
    ring = Liquidations(kept=3)
    for number in range(5):
        ring.observe(liquidation(number))

    assert [4, 3] == [event.at_ms for event in ring.latest(2)]
    assert [4, 3, 2] == [event.at_ms for event in ring.latest(10)]


def test_a_reader_can_ask_for_what_is_new() -> None:
    """By the version it saw last; what has left the ring is gone."""
    ring = Liquidations(kept=3)
    ring.observe(liquidation(0))
    seen = ring.version
    for number in range(1, 3):
        ring.observe(liquidation(number))

    assert [1, 2] == [event.at_ms for event in ring.since(seen)]
    assert [] == ring.since(ring.version)
    assert 3 == len(ring.since(-10))
