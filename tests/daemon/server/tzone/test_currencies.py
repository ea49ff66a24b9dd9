"""What a dollar is in other currencies."""

from daemon.server.tzone.currencies import implied_rate, official_rate, read_currency
from daemon.upstream.records import DailyRates
from tests.daemon.server.tzone.coins import EARNING, TETHER, USD_COIN, picture

RATES = [DailyRates(1, {"EUR": 0.5, "GBP": 0.7}), DailyRates(2, {"EUR": 0.8})]


def test_the_newest_day_that_knows_a_currency_counts() -> None:
    """The dollar needs nobody."""
    assert [0.8, 0.7, None, 1.0] == [official_rate(name, RATES) for name in ("eur", "gbp", "btc", "usd")]
    assert 1.0 == official_rate("usd", [])


def test_two_prices_of_one_coin_make_a_rate() -> None:
    """The first coin that has both: 0.5 over 0.98 would be Tether's, if CoinGecko knew it."""
    prices = {"usd-coin": picture("usd-coin", "USDC", 0.25, currency="btc")}

    assert 0.25 == implied_rate([EARNING, TETHER, USD_COIN], prices)
    assert implied_rate([TETHER], prices) is None


def test_currencies_go_by_small_letters() -> None:
    """usd if nothing is said."""
    assert ["eur", "usd"] == [read_currency({"vs_currency": "EUR"}), read_currency({})]
