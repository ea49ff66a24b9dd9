"""Numbers as cards write them."""

from daemon.server.tzone.cards import in_dollars, in_percent, in_usd


def test_numbers_are_written_as_in_the_document() -> None:
    """Whole dollars, two digits of a percent; what is unknown stays so."""
    assert ["$2,345,678,901", "$0", None] == [in_dollars(amount) for amount in (2_345_678_901.4, 0.2, None)]
    assert ["1,234,567,890 USD", "0 USD"] == [in_usd(amount) for amount in (1_234_567_890.4, 0)]
    assert ["52.34 %", "17.90 %", None] == [in_percent(percent) for percent in (52.344, 17.9, None)]
