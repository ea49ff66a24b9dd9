"""The thread that draws: what it may never do, and what it does."""

import asyncio
import logging
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from daemon.pictures import drawing, studio
from daemon.pictures.chart import Chart
from daemon.pictures.memory import Memory, Recalled, recalled
from daemon.pictures.studio import WAITING_MAX, Studio
from rules.alerts import Alert, Transition
from rules.compiled import Rule
from rules.engine import Engine
from sinks.base import Picture
from tests.daemon.pictures.life import M, T, address, lived, ruled, said
from tests.daemon.pictures.pasts import funding
from tests.databases import both, database_url, postgres_url
from tests.patience import PATIENCE_S

__all__ = ["database_url", "postgres_url"]

HOT = ruled(type="funding", symbols=["BTC"], above="0.05%")


class House:
    """A studio over a log with one alert, and the drawing in our hand."""

    def __init__(self, where: Path | str, alert: Alert) -> None:
        self.alert, self.storage = alert, address(where)
        self.rules: dict[str, Rule] = {HOT.rule_id: HOT}
        self.drawn: list[Chart] = []
        self.gate = threading.Event()  # drawing waits for it
        self.begun = threading.Event()
        self.gate.set()
        self.trouble: Exception | None = None
        self.studio = self.another()

    def another(self, **more: Any) -> Studio:
        usual: dict[str, Any] = {"rules": lambda: self.rules, "storage": self.storage, "patience_s": PATIENCE_S}
        return Studio(**{**usual, "clock": lambda: T + M, **more})

    def draw(self, chart: Chart) -> bytes:
        self.begun.set()
        self.drawn.append(chart)
        assert self.gate.wait(PATIENCE_S)
        if self.trouble is not None:
            raise self.trouble
        return b"png"

    def move(self, name: str) -> None:
        """Give the database's file another name, or its own again."""
        (file,) = Path(self.storage).parent.glob("*.db")
        file.rename(file.with_name(name))

    def later(self, sequence: int) -> Alert:
        """The same episode after another change."""
        return msgspec.structs.replace(self.alert, sequence=sequence)

    async def until_it_draws(self) -> None:
        assert await asyncio.to_thread(self.begun.wait, PATIENCE_S)


@pytest.fixture
async def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    (fired,) = await lived(tmp_path, HOT, funding(1e-4, 2e-4, 6e-4))
    house = House(tmp_path, fired.alert)
    monkeypatch.setattr(drawing, "draw", house.draw)
    yield house
    house.gate.set()
    await house.studio.aclose()


@both
async def test_an_alert_gets_its_picture(database_url: str) -> None:
    """From the log to a PNG, by the real pen."""
    (fired,) = await lived(database_url, HOT, funding(1e-4, 2e-4, 6e-4))
    house = House(database_url, fired.alert)
    try:
        house.studio.warm()
        picture = await house.studio.picture(house.alert, "STAGING")
    finally:
        await house.studio.aclose()

    assert picture is not None
    assert picture.png.startswith(b"\x89PNG")
    assert (
        "funding per 8 h of BTC-USDT-PERP on binance, 11:59:00 to 12:02:00 UTC: 0.01% to 0.06%, last 0.06%, limit 0.05%"
    ) == picture.says


async def test_memory_is_asked_of_what_the_log_does_not_hold_and_only_of_that(house: House) -> None:
    """As it stood when the picture was asked for: it moves on while the thread reads."""
    rule = ruled(type="expression", on="trade", value="price", above=3)
    engine, asked = Engine([Memory().attached(rule)]), []

    def trade(ago: int, price: float) -> list[Transition]:
        return engine.observe(said("trade", T - ago * M, price=price, trade_id=str(ago)), T - ago * M)

    def recall(alert: Alert) -> Recalled:
        asked.append(alert.kind)
        return recalled(engine.trackers("r"), alert)

    trade(2, 1.0)
    (fired,) = trade(1, 4.0)
    studio = house.another(recall=recall)
    try:
        await studio.picture(house.alert)
        house.rules["r"] = rule
        drawing_it = asyncio.create_task(studio.picture(fired.alert))
        await asyncio.sleep(0)  # it is asked for, and nothing is read yet
        trade(0, 99.0)
        await drawing_it
    finally:
        await studio.aclose()

    assert ["expression"] == asked
    assert ((T - 2 * M, 1.0), (T - M, 4.0)) == house.drawn[-1].points


async def test_several_sinks_share_one_drawing(house: House) -> None:
    both = await asyncio.gather(house.studio.picture(house.alert), house.studio.picture(house.alert))
    again = await house.studio.picture(house.alert)

    assert both[0] is not None
    assert (both[0], both[0]) == (both[1], again)
    assert 1 == len(house.drawn)


async def test_another_change_or_label_is_another_picture(house: House) -> None:
    for alert, label in ((house.alert, None), (house.later(1), None), (house.alert, "STAGING")):
        assert await house.studio.picture(alert, label) is not None

    assert [None, None, "STAGING"] == [chart.label for chart in house.drawn]


async def test_whoever_stops_waiting_disturbs_nobody(house: House) -> None:
    house.gate.clear()
    impatient = asyncio.create_task(house.studio.picture(house.alert))
    patient = asyncio.create_task(house.studio.picture(house.alert))
    await house.until_it_draws()
    impatient.cancel()
    with pytest.raises(asyncio.CancelledError):
        await impatient
    house.gate.set()

    assert isinstance(await patient, Picture)
    assert await house.studio.picture(house.alert) == await patient
    assert 1 == len(house.drawn)


async def test_too_many_at_once_get_none_at_once(house: House) -> None:
    house.gate.clear()
    waiting = [asyncio.create_task(house.studio.picture(house.later(number))) for number in range(WAITING_MAX)]
    await house.until_it_draws()

    assert await house.studio.picture(house.later(99)) is None
    house.gate.set()
    assert None not in await asyncio.gather(*waiting)
    assert await house.studio.picture(house.later(100)) is not None


async def test_a_slow_one_is_given_up_and_what_waited_behind_it_is_not_begun(house: House) -> None:
    hasty = house.another()
    house.gate.clear()
    try:
        first = asyncio.create_task(hasty.picture(house.alert))
        await house.until_it_draws()
        hasty._patience_s = 0.2
        slow, behind = await asyncio.gather(hasty.picture(house.alert), hasty.picture(house.later(1), "SECOND"))
        house.gate.set()
        await first
        hasty._patience_s = PATIENCE_S  # in no hurry any more
        three = await hasty.picture(house.later(2), "THIRD")
    finally:
        await hasty.aclose()

    assert (None, None) == (slow, behind)
    assert three is not None
    assert "SECOND" not in [chart.label for chart in house.drawn]


async def test_trouble_is_said_once_and_is_no_picture(house: House, caplog: pytest.LogCaptureFixture) -> None:
    house.trouble = ValueError("there is nothing to draw")
    with caplog.at_level(logging.WARNING, studio.__name__):
        found = [await house.studio.picture(house.later(number)) for number in range(3)]
        house.trouble = None

    assert [None, None, None] == found
    assert ["a picture could not be made"] == [record.message for record in caplog.records]
    assert await house.studio.picture(house.later(4)) is not None


async def test_a_database_that_cannot_be_read_is_no_trouble_for_long(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    """It is opened anew for the next picture."""
    house.move("away.db")
    with caplog.at_level(logging.WARNING, studio.__name__):
        found = await house.studio.picture(house.alert)
    house.move("tocsin.db")

    assert found is None
    assert 1 == len(caplog.records)
    assert await house.studio.picture(house.later(1)) is not None


@pytest.mark.parametrize(
    "spoil",
    [
        lambda house: house.rules.clear(),  # a reload took the rule away
        lambda house: house.rules.update(r=ruled(type="basis", symbols=["BTC"], above="0.5%")),
    ],
)
async def test_what_cannot_be_shown_does_not_trouble_the_thread(house: House, spoil: Callable[[House], None]) -> None:
    spoil(house)

    assert await house.studio.picture(house.alert) is None
    assert not [one.name for one in threading.enumerate() if one.name.startswith("pictures")]


async def test_a_reload_that_moves_the_limit_draws_anew(house: House) -> None:
    await house.studio.picture(house.alert)
    house.rules["r"] = ruled(type="funding", symbols=["BTC"], above="0.02%")
    await house.studio.picture(house.alert)

    assert [0.0005, 0.0002] == [chart.limits[0].value for chart in house.drawn]


async def test_it_closes_while_one_is_drawn(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without waiting for it; and nobody gets anything afterwards."""
    monkeypatch.setattr(studio, "GOODBYE_S", 0.05)
    house.gate.clear()
    waiting = asyncio.create_task(house.studio.picture(house.alert))
    await house.until_it_draws()
    await house.studio.aclose()

    assert await waiting is None
    assert await house.studio.picture(house.later(1)) is None
    house.gate.set()
    await house.studio.aclose()


async def test_the_thread_ends(house: House) -> None:
    await house.studio.picture(house.alert)
    (thread,) = (one for one in threading.enumerate() if one.name.startswith("pictures"))
    await house.studio.aclose()
    await asyncio.to_thread(thread.join, PATIENCE_S)

    assert not thread.is_alive()


def test_pillow_is_not_loaded_with_the_studio() -> None:
    """It would make every start slower, and belongs into the thread."""
    code = "import sys, daemon.pictures.studio; sys.exit('PIL' in sys.modules)"

    assert 0 == subprocess.run([sys.executable, "-c", code], check=False).returncode
