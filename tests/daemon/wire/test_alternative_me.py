"""Fear and greed, read and written."""

import pytest

from daemon.wire import alternative_me as wire
from daemon.wire.control import Unreadable
from tests.daemon.wire.recorded import recorded

DAY_S = 86_400


def test_what_is_written_is_read_back() -> None:
    """Newest first, whatever order it was given in."""
    days = [wire.Day(47, "Neutral", 2 * DAY_S, 6023), wire.Day(25, "Extreme Fear", DAY_S)]

    assert days == wire.decode_days(wire.encode_days(days[::-1]))


def test_a_recorded_year_is_read_whole() -> None:
    """365 rows; only the newest knows when the next one comes."""
    days = wire.decode_days(recorded("alternative_me_fng_limit365_2025-04-22.json"))

    assert 365 == len(days)
    assert wire.Day(47, "Neutral", 1745280000, 6023) == days[0]
    assert [6023] == [day.next_update_s for day in days if day.next_update_s is not None]
    assert all(day.at_s % DAY_S == 0 for day in days)


def test_the_recorded_csv_is_neither_csv_nor_json() -> None:
    """Which is why it is never asked for."""
    with pytest.raises(Unreadable, match="cannot be read"):
        wire.decode_days(recorded("alternative_me_fng_format-csv_limit0_2024-05-01.txt"))


def test_the_label_is_the_upstreams() -> None:
    """25 is Extreme Fear there, whatever zones a chart may draw."""
    body = b'{"data":[{"value":"25","value_classification":"Extreme Fear","timestamp":"86400"}]}'

    assert [wire.Day(25, "Extreme Fear", DAY_S)] == wire.decode_days(body)


@pytest.mark.parametrize(
    "row", ['{"value":"","timestamp":"1"}', '{"value":"101","timestamp":"1"}', '{"value":"5"}', "{}"]
)
def test_a_day_without_a_value_or_a_time_is_left_out(row: str) -> None:
    """Date texts come from a parameter that we never send."""
    assert [] == wire.decode_days(f'{{"data":[{row},{{"value":"5","timestamp":"22-04-2025"}}]}}'.encode())
