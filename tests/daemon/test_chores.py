"""What the house does every now and then, while the database is in trouble."""

import gc

import pytest

from tests.daemon.lanes import locked, until
from tests.daemon.town import Home, Venue


async def test_the_chores_take_no_offence_at_a_locked_database(
    home: Home, venue: Venue, impatient: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """They have time, and the recorder says it loudly enough."""
    monkeypatch.setattr("daemon.chores.EXPIRE_EVERY_S", 0.05)
    monkeypatch.setattr("daemon.chores.FORGET_EVERY_S", 0.05)
    async with home.living() as house:
        async with locked(home.database):
            venue.prices["USDT"] = 0.97
            await until(lambda: house.recorder.held_reason is not None)
            assert "is locked by another process" in (house.recorder.held_reason or "")
        await until(lambda: house.recorder.held_reason is None)
    gc.collect()
    assert not [record for record in caplog.records if record.name == "asyncio"]
