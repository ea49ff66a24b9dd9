"""The session that the drivers under test share."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from sinks.post import open_session


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with open_session() as session:
        yield session
