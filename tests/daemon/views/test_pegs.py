"""The house's own record of stablecoins off their peg."""

from daemon.views.pegs import GAP_MS, HOUR_MS, Pegs
from rules.events import StablecoinQuote

MINUTE = 60_000
START = 1_791_244_800_000


def quote(
    at_ms: int,
    price: float,
    *,
    coin: str = "USDE",
    cap: float | None = 5e9,
    venue: str = "defillama",
    target: float | None = 1.0,
) -> StablecoinQuote:
    return StablecoinQuote(
        venue=venue, coin=coin, price=price, target=target, market_cap_usd=cap, at_ms=at_ms, received_ms=at_ms
    )


def test_a_breach_runs_from_the_first_to_the_last_deep_quote() -> None:
    """Depth is its deepest, duration is in minutes, and it ends with the first quote that is back."""
    pegs = Pegs()
    for minute, price in enumerate([1.0, 0.98, 0.96, 0.985, 0.999]):
        pegs.observe(quote(START + minute * 5 * MINUTE, price))

    (breach,) = pegs.breaches(0.01, now_ms=START + HOUR_MS)

    assert START + 5 * MINUTE == breach.started_ms
    assert START + 20 * MINUTE == breach.ended_ms
    assert 0.96 == breach.price
    assert abs(0.04 - breach.depth) < 1e-12
    assert 10 == breach.duration_min
    assert 0 < breach.severity < 100


def test_a_running_breach_has_no_end() -> None:
    """Until half an hour has passed without a word."""
    pegs = Pegs()
    pegs.observe(quote(START, 0.9))

    assert pegs.breaches(0.01, now_ms=START + MINUTE)[0].ended_ms is None
    assert START + GAP_MS == pegs.breaches(0.01, now_ms=START + 2 * GAP_MS)[0].ended_ms


def test_a_higher_threshold_finds_less() -> None:
    """The same record answers any threshold that a client asks for."""
    pegs = Pegs()
    for minute, price in enumerate([0.985, 0.97, 0.985]):
        pegs.observe(quote(START + minute * MINUTE, price))

    assert 2 == pegs.breaches(0.01, now_ms=START + 3 * MINUTE)[0].duration_min
    assert 0 == pegs.breaches(0.02, now_ms=START + 3 * MINUTE)[0].duration_min
    assert [] == pegs.breaches(0.05, now_ms=START + 3 * MINUTE)


def test_only_the_record_source_is_recorded() -> None:
    """A second opinion confirms for the rules; two sources in one series would tremble."""
    pegs = Pegs()
    pegs.observe(quote(START, 0.9, venue="coingecko"))

    assert [] == pegs.breaches(0.01, now_ms=START)


def test_the_hourly_sum_keeps_the_last_value_of_each_hour() -> None:
    """Coins add up; a coin that fell silent two hours ago no longer counts."""
    pegs = Pegs()
    pegs.observe(quote(START, 1.0, coin="A", cap=10.0))
    pegs.observe(quote(START + MINUTE, 1.0, coin="B", cap=5.0))
    pegs.observe(quote(START + 3 * HOUR_MS, 1.0, coin="B", cap=6.0))

    assert [(START, 15.0), (START + 3 * HOUR_MS, 6.0)] == pegs.hourly_market_cap()


def test_a_coin_without_a_target_counts_in_the_sum_alone() -> None:
    """Euro coins and coins that earn interest are part of the market, and have no peg that we know."""
    pegs = Pegs()
    pegs.observe(quote(START, 1.0, coin="A", cap=10.0))
    pegs.observe(quote(START, 1.17, coin="EURC", cap=2.0, target=None))

    assert [(START, 12.0)] == pegs.hourly_market_cap()
    assert [] == pegs.breaches(0.01, now_ms=START)


def test_a_quote_costs_the_same_however_many_coins_there_are() -> None:
    """A poll brings all coins at once, and a restart two weeks of them: adding them all up each time held the house."""

    class Caps(float):
        added = 0

        def __radd__(self, other: object) -> float:
            Caps.added += 1
            return float(self) + other if isinstance(other, int | float) else NotImplemented

        def __add__(self, other: object) -> float:
            return self.__radd__(other)

    pegs = Pegs()
    for round_ms in (START, START + MINUTE, START + 2 * MINUTE):
        for number in range(500):
            pegs.observe(quote(round_ms, 1.0, coin=f"C{number}", cap=Caps(2.0)))

    assert [(START, 1_000.0)] == pegs.hourly_market_cap()
    assert Caps.added <= 3_000
