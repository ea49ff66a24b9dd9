"""What a ticker repeats is told once, and now and then again."""

from daemon.wire import changes
from daemon.wire.changes import AGAIN_MS, Changes


def test_what_stays_is_told_once_and_again_after_half_a_minute() -> None:
    """Somebody may have come later, and silence would look like a dead feed."""
    told = Changes()

    assert [True, False, False, True] == [told.is_new("BTC", 1.5, at_ms) for at_ms in (0, 1, AGAIN_MS - 1, AGAIN_MS)]


def test_what_changes_is_told_at_once_and_each_name_has_its_own_memory() -> None:
    told = Changes()

    assert told.is_new("BTC", 1.5, 0)
    assert told.is_new("ETH", 1.5, 0)
    assert told.is_new("BTC", 1.6, 0)
    assert (1.6, None) == (told.latest("BTC"), told.latest("SOL"))


def test_a_far_end_that_invents_names_does_not_fill_the_memory() -> None:
    told = Changes()
    for number in range(2 * changes._MOST + 1):
        told.is_new(str(number), number, 0)

    assert len(told._latest) <= changes._MOST
