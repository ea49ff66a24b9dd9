"""A fact that was told is no news until its time has moved."""

from daemon.sources.latest import Latest


def test_only_a_later_time_is_news() -> None:
    """An answer from a cache may even be older."""
    latest = Latest()

    assert [True, False, False, True] == [latest.is_news("BTC", at_ms) for at_ms in (5, 5, 4, 6)]
    assert latest.is_news("ETH", 5)


def test_what_nobody_wants_any_more_is_forgotten() -> None:
    """Whoever wants it later is told again."""
    latest = Latest()
    latest.is_news("BTC", 5)
    latest.is_news("ETH", 5)
    latest.keep(["ETH"])

    assert latest.is_news("BTC", 5)
    assert not latest.is_news("ETH", 5)
