"""One instrument that is refused does not cost the others theirs."""

import logging
from collections.abc import Awaitable, Callable

import pytest

from daemon.sources.forgiving import Forgiving
from daemon.supervisor import Refused, Transient
from daemon.wire.control import Throttled, Unreadable


def asking(wrong: dict[str, Exception], heard: list[str]) -> Callable[[str], Awaitable[None]]:
    async def ask(symbol: str) -> None:
        if symbol in wrong:
            raise wrong[symbol]
        heard.append(symbol)

    return ask


async def test_the_others_are_asked_for_and_the_refused_is_named_once(caplog: pytest.LogCaptureFixture) -> None:
    """However often it is refused; one that was well again is news the next time."""
    caplog.set_level(logging.WARNING)
    forgiving, heard = Forgiving("ratio", "bybit"), list[str]()
    ask = asking({"B": Unreadable("10001 Symbol Invalid"), "C": Refused("404")}, heard)
    await forgiving.each(["A", "B", "C", "D"], ask)
    await forgiving.each(["A", "B", "C", "D"], ask)

    assert ["A", "D"] * 2 == heard
    [record] = caplog.records
    assert ["B", "C"] == record.__dict__["symbols"]


@pytest.mark.parametrize("trouble", [Throttled("too often"), Transient("cut")])
async def test_trouble_that_is_not_about_the_instrument_is_raised(trouble: Exception) -> None:
    """Asking on would make it worse."""
    with pytest.raises(type(trouble)):
        await Forgiving("ratio", "bybit").each(["A", "B"], asking({"A": trouble}, []))


async def test_when_all_are_refused_it_is_the_question_that_is_wrong() -> None:
    """A feed that brings nothing must not look well."""
    with pytest.raises(Unreadable, match="no such path"):
        await Forgiving("ratio", "bybit").each(["A"], asking({"A": Unreadable("no such path")}, []))
    await Forgiving("ratio", "bybit").each([], asking({}, []))
