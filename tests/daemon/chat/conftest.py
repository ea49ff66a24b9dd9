"""What conversations in chats need."""

from collections.abc import AsyncIterator
from functools import partial

import pytest

from daemon.chat.slack_ear import SlackEar
from tests.daemon.town import Venue
from tests.patience import PATIENCE_S


@pytest.fixture(autouse=True)
def no_excuses(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine is no slow database, of which people are told."""
    monkeypatch.setattr("daemon.chat.chats.SlackEar", partial(SlackEar, acknowledge_s=PATIENCE_S))


@pytest.fixture
async def venue() -> AsyncIterator[Venue]:
    """One stablecoin is cheap."""
    async with Venue(USDT=0.97) as venue:
        yield venue
