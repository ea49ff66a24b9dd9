"""What a venue lists, and how often it is asked."""

import pytest

from daemon.sources.listing import LIST_KEPT_MS, Listed, chosen, unlisted
from daemon.supervisor import Transient
from rules.selection import Selection

LISTED = ["BTC-USDT-PERP", "1000PEPE-USDT-PERP", "BTC-USDT-20270326"]


async def test_a_list_is_asked_for_once_and_again_when_it_is_old() -> None:
    """Wishes change many times a minute; listings do not."""
    now_ms, asked = 0, 0

    async def ask() -> list[str]:
        nonlocal asked
        asked += 1
        return [f"C{asked}-USDT-PERP"]

    listed = Listed(ask, lambda: now_ms)
    first = [await listed.symbols(), await listed.symbols()]
    now_ms = LIST_KEPT_MS
    later = await listed.symbols()

    assert [["C1-USDT-PERP"], ["C1-USDT-PERP"]] == first
    assert (["C2-USDT-PERP"], 2) == (later, asked)


async def test_a_list_that_could_not_be_had_is_asked_for_again() -> None:
    has_failed = False

    async def ask() -> list[str]:
        nonlocal has_failed
        if not has_failed:
            has_failed = True
            raise Transient("no connection")
        return LISTED

    listed = Listed(ask, lambda: 0)
    with pytest.raises(Transient):
        await listed.symbols()

    assert LISTED == await listed.symbols()


def test_a_coin_means_its_perpetuals() -> None:
    assert ["1000PEPE-USDT-PERP", "BTC-USDT-PERP"] == chosen(Selection.of(["BTC", "PEPE"]), LISTED)
    assert sorted(LISTED) == chosen(Selection(None), LISTED)
    assert [] == chosen(None, LISTED)


def test_wanted_names_that_match_nothing_are_told() -> None:
    """Each once, whoever wanted them."""
    assert ("DOGE",) == unlisted([Selection.of(["BTC", "DOGE"]), None], LISTED)
