"""What conversations in chats need."""

from collections.abc import AsyncIterator

import pytest

from tests.chats import Slack
from tests.daemon.town import Venue


@pytest.fixture
async def venue() -> AsyncIterator[Venue]:
    """One stablecoin is cheap."""
    async with Venue(USDT=0.97) as venue:
        yield venue


@pytest.fixture
async def desk() -> AsyncIterator[Slack]:
    async with Slack() as desk:
        yield desk
